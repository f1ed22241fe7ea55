//! What a phone needs to know about the area that it is in: tiles of places, and the rules of coupons, as far as it has not got them.
//! The server learns tiles of about 110 km, and no position.

use std::collections::BTreeSet;

use noren_rules::b64;
use noren_rules::eligibility::GRACE_S;
use noren_rules::ids::PlaceId;
use noren_rules::offers::Offer;
use noren_rules::places::Tile;
use noren_rules::wire::{AreaBundle, AreaRules, IssuerKeyInfo, RouteInfo, StampProgramme, TilePlaces};
use rusqlite::Connection;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::offers::SignedOffer;
use crate::store::to_json;
use crate::{conditions, offers, places, stamps};

/// Tiles that one call may name: those within 30 km are four at most, a whole journey a few dozen.
pub(crate) const MAX_TILES: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AreaQuery {
    tiles: String,
    rules: Option<String>,
}

/// GET [`noren_rules::wire::paths::AREAS`].
pub(crate) async fn get(call: Call) -> Answer {
    call.app_caller().await?;
    let query: AreaQuery = call.query()?;
    let asked = read_tiles(&query.tiles)?;
    let app = call.app.clone();
    let read = call.app.store.read(move |db| bundle(db, &app, &asked, query.rules.as_deref()));
    json(&read.await.map_err(Fault::into_refusal)?)
}

/// `34.108@17,34.109@0`.
fn read_tiles(text: &str) -> Result<Vec<(Tile, u64)>, Refusal> {
    let read = |one: &str| {
        let (tile, version) = one.split_once('@')?;
        Some((tile.parse::<Tile>().ok()?, version.parse::<u64>().ok()?))
    };
    let tiles: Option<Vec<_>> = text.split(',').take(MAX_TILES + 1).map(read).collect();
    let tiles = tiles.filter(|tiles| tiles.len() <= MAX_TILES);
    tiles.ok_or_else(|| Refusal::invalid(format!("tiles are 1 to {MAX_TILES} of row.column@version, with commas between")))
}

fn bundle(db: &Connection, app: &Shared, asked: &[(Tile, u64)], known_rules: Option<&str>) -> Result<AreaBundle, Fault> {
    let as_of_ms = app.now_ms();
    let mut tiles = Vec::with_capacity(asked.len());
    for (tile, _) in asked {
        tiles.push(places::of_tile(db, tile)?);
    }
    let rules = rules(db, app, &Scope::of(db, &tiles)?, as_of_ms.div_euclid(1000))?;
    // Another version than the phone's, be it older: a server restored from a backup counts again.
    let newer = tiles.into_iter().zip(asked).filter(|(tile, (_, known))| tile.version != *known).map(|(tile, _)| tile);
    Ok(AreaBundle { tiles: newer.collect(), rules: Some(rules).filter(|rules| known_rules != Some(&rules.version)), as_of_ms })
}

/// What lies in some tiles.
pub(crate) struct Scope {
    /// Places, and routes that touch one of them.
    places: BTreeSet<PlaceId>,
    routes: Vec<RouteInfo>,
    areas: BTreeSet<String>,
}

impl Scope {
    fn of(db: &Connection, tiles: &[TilePlaces]) -> Result<Self, Fault> {
        let all = || tiles.iter().flat_map(|tile| &tile.places);
        let mut places: BTreeSet<PlaceId> = all().map(|place| place.id.clone()).collect();
        let routes: Vec<_> = places::routes(db)?.into_iter().filter(|route| route.gates.iter().any(|gate| places.contains(gate))).collect();
        places.extend(routes.iter().map(|route| route.id.clone()));
        Ok(Self { places, routes, areas: all().filter_map(|place| place.area.clone()).collect() })
    }

    /// What lies in the tiles of these names.
    pub(crate) fn of_names(db: &Connection, names: &[String]) -> Result<Self, Fault> {
        let mut tiles = Vec::with_capacity(names.len());
        for name in names {
            let tile = name.parse().map_err(|error| Refusal::invalid(format!("{error}")))?;
            tiles.push(places::of_tile(db, &tile)?);
        }
        Self::of(db, &tiles)
    }

    /// True for an offer with a place here, and for one without places.
    pub(crate) fn has_offer(&self, offer: &Offer) -> bool {
        offer.places.is_empty() || offer.places.iter().any(|place| self.places.contains(place))
    }

    fn has_programme(&self, programme: &StampProgramme) -> bool {
        programme.places.is_empty() || programme.places.iter().any(|place| self.places.contains(place))
    }
}

fn rules(db: &Connection, app: &Shared, scope: &Scope, now_s: i64) -> Result<AreaRules, Fault> {
    let stamp_programmes: Vec<_> = stamps::programmes(db)?.into_iter().filter(|programme| scope.has_programme(programme)).collect();
    let is_reward = |offer: &Offer| stamp_programmes.iter().any(|programme| programme.reward == offer.id);
    let is_over = |offer: &Offer| offer.until_s.is_some_and(|until_s| now_s >= until_s.saturating_add(GRACE_S));
    let here = |stored: &SignedOffer| !is_over(&stored.offer) && (scope.has_offer(&stored.offer) || is_reward(&stored.offer));
    let issuer = |issuer: noren_rules::lists::IssuerKey| IssuerKeyInfo {
        key: issuer.key.to_base64url(),
        not_before_s: issuer.not_before_s,
        not_after_s: issuer.not_after_s,
    };
    let mut rules = AreaRules {
        version: String::new(),
        issuers: app.keys.issuers().into_iter().filter(|issuer| issuer.not_after_s > now_s).map(issuer).collect(),
        offers: offers::all(db)?.into_iter().filter(here).map(|stored| b64::encode(&stored.signed)).collect(),
        conditions: conditions::told(db, |area| scope.areas.contains(area), now_s)?.iter().map(|signed| b64::encode(signed)).collect(),
        killed: offers::killed(db)?.into_iter().collect(),
        routes: scope.routes.clone(),
        stamp_programmes,
    };
    rules.version = b64::encode(&Sha256::digest(to_json(&rules, "rules")?));
    Ok(rules)
}
