//! Places and routes, as the operator gives them, kept by tile of the map.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::geo::Position;
use noren_rules::ids::{PlaceId, StoreId};
use noren_rules::places::{Circle, Tile};
use noren_rules::routes::Route;
use noren_rules::wire::{Kept, PlaceInfo, PlaceKind, PutPlaces, Reason, RouteInfo, TilePlaces, paths};
use rusqlite::{Connection, OptionalExtension, params};

use crate::devices;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::store::{from_json, to_json, to_uint};

const MAX_PLACES: usize = 1_000;
const MAX_TENANTS: usize = 100;
const MAX_GATES: usize = 50;
const MAX_ID: usize = 100;
const MAX_NAME: usize = 200;
/// A tile of which nothing was ever told has this version: told once, its emptiness is known.
const FIRST_VERSION: i64 = 1;

/// POST [`paths::OPERATOR_PLACES`].
pub(crate) async fn put(call: Call) -> Answer {
    call.operator().await?;
    call.write_headers()?;
    let request: PutPlaces = call.json()?;
    let tiles = check(&request)?;
    call.write(paths::OPERATOR_PLACES, &Caller::Operator, Fingerprint::Body, move |db, _, _| {
        Ok(Kept { changed: keep(db, &request, &tiles)?, signed: None })
    })
    .await
}

fn invalid(detail: String) -> Refusal {
    Refusal::new(Reason::InvalidRule, detail)
}

fn is_text(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

/// The tile of each place, after checking what can be checked without the database.
fn check(request: &PutPlaces) -> Result<BTreeMap<PlaceId, Tile>, Refusal> {
    if request.places.len() > MAX_PLACES || request.routes.len() > MAX_PLACES || request.remove.len() > MAX_PLACES {
        return Err(Refusal::invalid(format!("at most {MAX_PLACES} places, routes and removals a call")));
    }
    let mut tiles = BTreeMap::new();
    for place in &request.places {
        let wrong = |what: &str| invalid(format!("place {}: {what}", place.id));
        if !is_text(place.id.as_str(), MAX_ID) || !is_text(&place.name, MAX_NAME) {
            return Err(wrong(&format!("id and name have 1 to {MAX_ID} and {MAX_NAME} characters, none of them a control character")));
        }
        let texts = [place.reading.as_deref(), place.area.as_deref()];
        if texts.into_iter().flatten().any(|text| !is_text(text, MAX_NAME)) {
            return Err(wrong(&format!("reading and area have 1 to {MAX_NAME} characters where they are there")));
        }
        let tenant_fits = |name: &str, store: &StoreId| is_text(name, MAX_NAME) && is_text(store.as_str(), MAX_ID);
        if place.tenants.len() > MAX_TENANTS || !place.tenants.iter().all(|tenant| tenant_fits(&tenant.name, &tenant.store_id)) {
            return Err(wrong(&format!("at most {MAX_TENANTS} tenants, each with a store id and a name")));
        }
        let region = place.place().map_err(|error| wrong(&error.to_string()))?.region();
        if tiles.insert(place.id.clone(), Tile::of(&region.centre)).is_some() {
            return Err(wrong("it comes twice in this call"));
        }
    }
    for route in &request.routes {
        let fits = is_text(route.id.as_str(), MAX_ID) && is_text(&route.name, MAX_NAME) && route.gates.len() <= MAX_GATES;
        if !fits {
            return Err(invalid(format!("route {}: an id, a name, and at most {MAX_GATES} gates", route.id)));
        }
    }
    Ok(tiles)
}

fn keep(db: &Connection, request: &PutPlaces, tiles: &BTreeMap<PlaceId, Tile>) -> Result<u64, Fault> {
    let mut changed_tiles: BTreeSet<String> = BTreeSet::new();
    let mut changed = 0u64;
    for id in &request.remove {
        changed += remove(db, id, &mut changed_tiles)?;
    }
    for place in &request.places {
        let tile = tiles.get(&place.id).ok_or(Fault::Stored("tile"))?.to_string();
        changed += u64::from(put_place(db, place, &tile, &mut changed_tiles)?);
    }
    put_stores(db, &request.places)?;
    for route in &request.routes {
        changed += u64::from(put_route(db, route)?);
    }
    check_routes(db)?;
    for tile in changed_tiles {
        db.prepare_cached(
            "INSERT INTO tiles (tile, version) VALUES (?1, ?2) ON CONFLICT (tile) DO UPDATE SET version = tiles.version + 1",
        )?
        .execute(params![tile, FIRST_VERSION + 1])?;
    }
    if changed > 0 {
        devices::lists_changed(db)?;
    }
    Ok(changed)
}

fn remove(db: &Connection, id: &PlaceId, changed_tiles: &mut BTreeSet<String>) -> Result<u64, Fault> {
    let tile: Option<String> = db.query_row("SELECT tile FROM places WHERE id = ?1", [id.as_str()], |row| row.get(0)).optional()?;
    changed_tiles.extend(tile);
    let gone =
        db.execute("DELETE FROM places WHERE id = ?1", [id.as_str()])? + db.execute("DELETE FROM routes WHERE id = ?1", [id.as_str()])?;
    Ok(u64::try_from(gone).unwrap_or(0))
}

/// True when it is new or another than before.
fn put_place(db: &Connection, place: &PlaceInfo, tile: &str, changed_tiles: &mut BTreeSet<String>) -> Result<bool, Fault> {
    if route(db, &place.id)?.is_some() {
        return Err(invalid(format!("place {}: a route has this id", place.id)).into());
    }
    let info = to_json(place, "place")?;
    let known: Option<(String, String)> = db
        .prepare_cached("SELECT tile, info FROM places WHERE id = ?1")?
        .query_row([place.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if known.as_ref().is_some_and(|(_, known)| *known == info) {
        return Ok(false);
    }
    changed_tiles.extend(known.map(|(tile, _)| tile));
    changed_tiles.insert(tile.to_owned());
    db.prepare_cached(
        "INSERT INTO places (id, tile, info) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET tile = excluded.tile, info = excluded.info",
    )?
    .execute(params![place.id.as_str(), tile, info])?;
    Ok(true)
}

/// The stores of places: their tenants, and a store that is a place itself.
fn put_stores(db: &Connection, places: &[PlaceInfo]) -> Result<(), Fault> {
    for place in places {
        db.prepare_cached("DELETE FROM place_stores WHERE place = ?1")?.execute([place.id.as_str()])?;
    }
    for place in places {
        let itself = (place.kind == PlaceKind::Store).then(|| StoreId(place.id.0.clone()));
        let centre = place.place().map_err(|_| Fault::Stored("place"))?.region().centre;
        let stores: BTreeSet<StoreId> = place.tenants.iter().map(|tenant| tenant.store_id.clone()).chain(itself).collect();
        for store in stores {
            let added = db
                .prepare_cached("INSERT OR IGNORE INTO place_stores (store, place, lat_deg, lon_deg) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![store.as_str(), place.id.as_str(), centre.lat_deg(), centre.lon_deg()])?;
            if added == 0 {
                return Err(invalid(format!("place {}: the store {store} is at another place", place.id)).into());
            }
        }
    }
    Ok(())
}

fn put_route(db: &Connection, info: &RouteInfo) -> Result<bool, Fault> {
    if find(db, &info.id)?.is_some() {
        return Err(invalid(format!("route {}: a place has this id", info.id)).into());
    }
    let text = to_json(info, "route")?;
    let changed = db
        .prepare_cached("INSERT INTO routes (id, info) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET info = excluded.info WHERE routes.info <> excluded.info")?
        .execute(params![info.id.as_str(), text])?;
    Ok(changed == 1)
}

/// Every route that is kept must have its gates, whatever this call removed.
fn check_routes(db: &Connection) -> Result<(), Fault> {
    for info in routes(db)? {
        let checked = driven(db, &info)?;
        checked.map_err(|error| invalid(format!("route {}: {error}", info.id)))?;
    }
    Ok(())
}

/// A route with what a decision needs.
fn driven(db: &Connection, info: &RouteInfo) -> Result<Result<Route, noren_rules::routes::RouteError>, Fault> {
    let mut regions: BTreeMap<PlaceId, Circle> = BTreeMap::new();
    for gate in &info.gates {
        if let Some(place) = find(db, gate)?.and_then(|place| place.place().ok()) {
            regions.insert(gate.clone(), place.region());
        }
    }
    Ok(Route::new(info, |gate| regions.get(gate).copied()))
}

/// A place by its id.
pub(crate) fn find(db: &Connection, id: &PlaceId) -> Result<Option<PlaceInfo>, Fault> {
    let info: Option<String> =
        db.prepare_cached("SELECT info FROM places WHERE id = ?1")?.query_row([id.as_str()], |row| row.get(0)).optional()?;
    info.map(|info| from_json(&info, "place")).transpose()
}

/// A route by its id, as the operator gave it.
pub(crate) fn route(db: &Connection, id: &PlaceId) -> Result<Option<RouteInfo>, Fault> {
    let info: Option<String> =
        db.prepare_cached("SELECT info FROM routes WHERE id = ?1")?.query_row([id.as_str()], |row| row.get(0)).optional()?;
    info.map(|info| from_json(&info, "route")).transpose()
}

/// A route by its id, ready for a decision.
pub(crate) fn route_to_drive(db: &Connection, id: &PlaceId) -> Result<Option<Route>, Fault> {
    match route(db, id)? {
        Some(info) => Ok(driven(db, &info)?.ok()),
        None => Ok(None),
    }
}

/// All routes.
pub(crate) fn routes(db: &Connection) -> Result<Vec<RouteInfo>, Fault> {
    let mut statement = db.prepare_cached("SELECT info FROM routes ORDER BY id")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|row| from_json(&row?, "route")).collect()
}

/// True for a place or a route.
pub(crate) fn is_known(db: &Connection, id: &PlaceId) -> Result<bool, Fault> {
    Ok(find(db, id)?.is_some() || route(db, id)?.is_some())
}

/// The place where a store is.
pub(crate) fn of_store(db: &Connection, store: &StoreId) -> Result<Option<PlaceInfo>, Fault> {
    let info: Option<String> = db
        .prepare_cached("SELECT p.info FROM place_stores s JOIN places p ON p.id = s.place WHERE s.store = ?1")?
        .query_row([store.as_str()], |row| row.get(0))
        .optional()?;
    info.map(|info| from_json(&info, "place")).transpose()
}

/// The middle of the place where a store is.
pub(crate) fn position_of(db: &Connection, store: &StoreId) -> Result<Option<Position>, Fault> {
    let sql = "SELECT lat_deg, lon_deg FROM place_stores WHERE store = ?1";
    let known: Option<(Option<f64>, Option<f64>)> =
        db.prepare_cached(sql)?.query_row([store.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match known {
        None => Ok(None),
        Some((Some(lat_deg), Some(lon_deg))) => Ok(Position::new(lat_deg, lon_deg).ok()),
        Some(_) => Ok(of_store(db, store)?.and_then(|place| place.place().ok()).map(|place| place.region().centre)),
    }
}

/// A tile with all its places.
pub(crate) fn of_tile(db: &Connection, tile: &Tile) -> Result<TilePlaces, Fault> {
    let tile = tile.to_string();
    let version: Option<i64> =
        db.prepare_cached("SELECT version FROM tiles WHERE tile = ?1")?.query_row([&tile], |row| row.get(0)).optional()?;
    let mut statement = db.prepare_cached("SELECT info FROM places WHERE tile = ?1 ORDER BY id")?;
    let rows = statement.query_map([&tile], |row| row.get::<_, String>(0))?;
    let places = rows.map(|row| from_json(&row?, "place")).collect::<Result<_, Fault>>()?;
    Ok(TilePlaces { version: to_uint(version.unwrap_or(FIRST_VERSION)), tile, places })
}

#[cfg(test)]
mod tests {
    use super::*;
    use noren_rules::places::Direction;
    use noren_rules::wire::Ground;

    #[test]
    fn where_a_store_is_was_known_before_positions_were_kept() {
        let db = Connection::open_in_memory().unwrap();
        for schema in [include_str!("store/schema_1.sql"), include_str!("store/schema_2.sql")] {
            db.execute_batch(schema).unwrap();
        }
        let middle = Position::new(35.658_581, -139.745_433).unwrap();
        let place = PlaceInfo {
            id: "mall".into(),
            kind: PlaceKind::Store,
            name: "店".to_owned(),
            reading: None,
            direction: Direction::Both,
            ground: Ground::circle(&middle, 50),
            open_to_ordinary_road: true,
            hours: None,
            value: 0,
            area: None,
            tenants: vec![],
        };
        db.execute("INSERT INTO places (id, tile, info) VALUES ('mall', 't', ?1)", [to_json(&place, "place").unwrap()]).unwrap();
        db.execute("INSERT INTO place_stores (store, place) VALUES ('shop', 'mall')", []).unwrap();
        db.execute_batch(include_str!("store/schema_3.sql")).unwrap();
        let is_there = || position_of(&db, &"shop".into()).unwrap().unwrap().distance_m(&middle) < 0.1;
        let kept: bool =
            db.query_row("SELECT lat_deg IS NOT NULL AND lon_deg IS NOT NULL FROM place_stores", [], |row| row.get(0)).unwrap();
        assert!(kept && is_there());
        // As an outline that was put before.
        db.execute("UPDATE place_stores SET lat_deg = NULL, lon_deg = NULL", []).unwrap();
        assert!(is_there() && position_of(&db, &"nowhere".into()).unwrap().is_none());
    }
}
