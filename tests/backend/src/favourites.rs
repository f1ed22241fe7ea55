//! What members like, the stores in which they watch it, and notes that it is back there.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::ids::{MemberId, Sku, StoreId};
use noren_rules::wire::{BackInStock, Favourite, FavouriteRequest, Favourites, Reason, paths};
use rusqlite::{Connection, params};

use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json_with_etag};
use crate::{catalogue, devices, members};

/// Favourites of one member.
const MAX_FAVOURITES: usize = 500;
/// Stores in which one favourite is watched.
const MAX_WATCHED: usize = 50;
const MAX_ID: usize = 100;
/// How long a note is shown.
const NOTE_MS: i64 = 30 * 86_400_000;

/// GET [`paths::FAVOURITES`].
pub(crate) async fn get(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let now_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| {
        let member = devices::member_of(db, &device)?;
        of_member(db, &members::parts(db, &member)?, now_ms)
    });
    let favourites = read.await.map_err(Fault::into_refusal)?;
    // The clock alone makes no others.
    let named = Favourites { as_of_ms: 0, ..favourites.clone() };
    json_with_etag(&call, &favourites, &named)
}

/// POST [`paths::FAVOURITES`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let request: FavouriteRequest = call.json()?;
    let id_fits = |store: &StoreId| (1..=MAX_ID).contains(&store.as_str().chars().count());
    if request.watch.len() > MAX_WATCHED || !request.watch.iter().all(id_fits) {
        return Err(Refusal::invalid(format!("watch names at most {MAX_WATCHED} stores, each of 1 to {MAX_ID} characters")));
    }
    let caller = Caller::Device(device.clone());
    call.write(paths::FAVOURITES, &caller, Fingerprint::Body, move |db, _, now_ms| {
        let member = devices::member_of(db, &device)?;
        let parts = members::parts(db, &member)?;
        if request.wanted {
            keep(db, &member, &parts, &request, now_ms)?;
        } else {
            parts.iter().try_for_each(|part| forget_one(db, part, &request.sku))?;
        }
        of_member(db, &parts, now_ms)
    })
    .await
}

fn keep(db: &Connection, member: &MemberId, parts: &[MemberId], request: &FavouriteRequest, now_ms: i64) -> Result<(), Fault> {
    let known = of_member(db, parts, now_ms)?;
    let before = known.favourites.iter().find(|favourite| favourite.sku == request.sku);
    if before.is_none() && !catalogue::is_known(db, &request.sku)? {
        return Err(Refusal::new(Reason::NotFound, "no such variant is known: ask for the product again").into());
    }
    if before.is_none() && known.favourites.len() >= MAX_FAVOURITES {
        return Err(Refusal::invalid(format!("a member has at most {MAX_FAVOURITES} favourites: forget one first")).into());
    }
    // Whichever part had it: from now on the member that all of them are.
    for part in parts {
        forget_one(db, part, &request.sku)?;
    }
    db.prepare_cached("INSERT INTO favourites (member, sku, since_ms) VALUES (?1, ?2, ?3)")?.execute(params![
        member.as_str(),
        request.sku.as_str(),
        before.map_or(now_ms, |before| before.since_ms)
    ])?;
    for store in &request.watch {
        db.prepare_cached("INSERT OR IGNORE INTO favourite_watches (sku, store, member) VALUES (?1, ?2, ?3)")?.execute(params![
            request.sku.as_str(),
            store.as_str(),
            member.as_str()
        ])?;
        // A note stays for as long as its store is watched.
        if let Some(note) = known.back_in_stock.iter().find(|note| note.sku == request.sku && note.store == *store) {
            add_note(db, member, note)?;
        }
    }
    Ok(())
}

fn add_note(db: &Connection, member: &MemberId, note: &BackInStock) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO back_in_stock (member, sku, store, at_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (member, sku, store) DO UPDATE SET at_ms = MAX(at_ms, excluded.at_ms)",
    )?
    .execute(params![member.as_str(), note.sku.as_str(), note.store.as_str(), note.at_ms])?;
    Ok(())
}

fn forget_one(db: &Connection, member: &MemberId, sku: &Sku) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM favourites WHERE member = ?1 AND sku = ?2",
        "DELETE FROM favourite_watches WHERE member = ?1 AND sku = ?2",
        "DELETE FROM back_in_stock WHERE member = ?1 AND sku = ?2",
    ] {
        db.prepare_cached(sql)?.execute(params![member.as_str(), sku.as_str()])?;
    }
    Ok(())
}

/// A variant is in a store again, where it was out or unknown: whoever watches it there gets a note. One note a variant and store: the
/// newest.
pub(crate) fn came_back(db: &Connection, store: &StoreId, sku: &Sku, at_ms: i64) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM back_in_stock WHERE at_ms <= ?1")?.execute([at_ms.saturating_sub(NOTE_MS)])?;
    let mut statement = db.prepare_cached("SELECT member FROM favourite_watches WHERE sku = ?1 AND store = ?2")?;
    let rows = statement.query_map(params![sku.as_str(), store.as_str()], |row| row.get(0).map(MemberId))?;
    let members: Vec<MemberId> = rows.collect::<Result<_, _>>()?;
    let note = BackInStock { sku: sku.clone(), store: store.clone(), at_ms };
    members.iter().try_for_each(|member| add_note(db, member, &note))
}

/// What all parts of a member like.
pub(crate) fn of_member(db: &Connection, parts: &[MemberId], now_ms: i64) -> Result<Favourites, Fault> {
    let mut since: BTreeMap<Sku, i64> = BTreeMap::new();
    let mut watched: BTreeMap<Sku, BTreeSet<StoreId>> = BTreeMap::new();
    let mut notes: BTreeMap<(Sku, StoreId), i64> = BTreeMap::new();
    for part in parts {
        let mut statement = db.prepare_cached("SELECT sku, since_ms FROM favourites WHERE member = ?1")?;
        for row in statement.query_map([part.as_str()], |row| Ok((Sku(row.get(0)?), row.get::<_, i64>(1)?)))? {
            let (sku, since_ms) = row?;
            since.entry(sku).and_modify(|known| *known = since_ms.min(*known)).or_insert(since_ms);
        }
        let mut statement = db.prepare_cached("SELECT sku, store FROM favourite_watches WHERE member = ?1")?;
        for row in statement.query_map([part.as_str()], |row| Ok((Sku(row.get(0)?), StoreId(row.get(1)?))))? {
            let (sku, store) = row?;
            watched.entry(sku).or_default().insert(store);
        }
        let mut statement = db.prepare_cached("SELECT sku, store, at_ms FROM back_in_stock WHERE member = ?1 AND at_ms > ?2")?;
        let rows = statement.query_map(params![part.as_str(), now_ms.saturating_sub(NOTE_MS)], |row| {
            Ok((Sku(row.get(0)?), StoreId(row.get(1)?), row.get::<_, i64>(2)?))
        })?;
        for row in rows {
            let (sku, store, at_ms) = row?;
            notes.entry((sku, store)).and_modify(|known| *known = at_ms.max(*known)).or_insert(at_ms);
        }
    }
    let watch = |sku: &Sku| watched.get(sku).into_iter().flatten().cloned().collect();
    let mut favourites: Vec<Favourite> = since.into_iter().map(|(sku, since_ms)| Favourite { watch: watch(&sku), sku, since_ms }).collect();
    favourites.sort_by(|one, other| (other.since_ms, &one.sku).cmp(&(one.since_ms, &other.sku)));
    let mut back_in_stock: Vec<BackInStock> = notes.into_iter().map(|((sku, store), at_ms)| BackInStock { sku, store, at_ms }).collect();
    back_in_stock.sort_by(|one, other| (other.at_ms, &one.sku, &one.store).cmp(&(one.at_ms, &other.sku, &other.store)));
    Ok(Favourites { favourites, back_in_stock, as_of_ms: now_ms })
}

/// Deletes what a member likes.
pub(crate) fn forget(db: &Connection, member: &MemberId) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM favourites WHERE member = ?1",
        "DELETE FROM favourite_watches WHERE member = ?1",
        "DELETE FROM back_in_stock WHERE member = ?1",
    ] {
        db.execute(sql, [member.as_str()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Durability;
    use crate::store::Store;

    #[tokio::test]
    async fn whoever_watches_it_there_gets_one_note_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), Durability::None, "life", 0).unwrap();
        let noted = store.write(|db| {
            db.execute_batch(
                "INSERT INTO members (id, created_at_ms) VALUES ('one', 0), ('other', 0);
                 INSERT INTO favourite_watches (sku, store, member) VALUES ('s1', 'ginza', 'one'), ('s1', 'ueno', 'other'), ('s2', 'ginza', 'other');",
            )?;
            let (ginza, sku) = (StoreId::from("ginza"), Sku::from("s1"));
            for at_ms in [50, 90, 70] {
                came_back(db, &ginza, &sku, at_ms)?;
            }
            let of = |member: &str, now_ms| of_member(db, &[member.into()], now_ms).map(|favourites| favourites.back_in_stock);
            let found = (of("one", 100)?, of("other", 100)?, of("one", 89 + NOTE_MS)?.len(), of("one", 90 + NOTE_MS)?.len());
            // Another one, much later: the old note goes.
            came_back(db, &ginza, &"s2".into(), 90 + NOTE_MS)?;
            let left: i64 = db.query_row("SELECT COUNT(*) FROM back_in_stock", [], |row| row.get(0))?;
            Ok((found, left))
        });
        let ((one, other, shown, over), left) = noted.await.unwrap();
        assert_eq!(one, [BackInStock { sku: "s1".into(), store: "ginza".into(), at_ms: 90 }]);
        assert_eq!((other, shown, over, left), (vec![], 1, 0, 1));
    }
}
