//! What the day fetches: the tiles of the map around the way, once each, with all their places.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use noren_rules::places::{Direction, Place, Tile};
use noren_rules::wire::{AreaBundle, Ground, PlaceInfo, PlaceKind, TilePlaces};

use super::world::Day;
use crate::report::Outcome;

/// A phone asks for what is within this of it.
const AROUND_M: f64 = 30_000.0;

/// What came over the network.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) requests: usize,
    pub(crate) tiles: usize,
    pub(crate) places: usize,
    /// Of the answers' bodies, as JSON and as gzip makes them.
    pub(crate) bytes: usize,
    pub(crate) gzip_bytes: usize,
}

/// By a phone that has seen nothing yet, or only what is around its home.
pub(crate) fn fetched(day: &Day, knows_home: bool) -> Outcome<Fetched> {
    let mut by_tile: BTreeMap<Tile, Vec<PlaceInfo>> = BTreeMap::new();
    for place in day.places.places() {
        by_tile.entry(Tile::of(&place.region().centre)).or_default().push(info(place));
    }
    let mut known: BTreeSet<Tile> = BTreeSet::new();
    let home = day.track.first().filter(|_| knows_home);
    known.extend(home.into_iter().flat_map(|home| Tile::around(home, AROUND_M)));
    let mut fetched = Fetched::default();
    // Looked at once a minute, which is more often than the phone is awake.
    for at in day.track.iter().step_by(60) {
        let wanted: Vec<Tile> = Tile::around(at, AROUND_M).into_iter().filter(|tile| known.insert(*tile)).collect();
        if wanted.is_empty() {
            continue;
        }
        let tile = |tile: &Tile| TilePlaces { tile: tile.to_string(), version: 1, places: by_tile.get(tile).cloned().unwrap_or_default() };
        let bundle = AreaBundle { tiles: wanted.iter().map(tile).collect(), rules: None, as_of_ms: 1_800_000_000_000 };
        let body = serde_json::to_vec(&bundle)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&body)?;
        fetched.requests += 1;
        fetched.tiles += wanted.len();
        fetched.places += bundle.tiles.iter().map(|tile| tile.places.len()).sum::<usize>();
        fetched.bytes += body.len();
        fetched.gzip_bytes += gzip.finish()?.len();
    }
    Ok(fetched)
}

fn info(place: &Place) -> PlaceInfo {
    let region = place.region();
    PlaceInfo {
        id: place.id().clone(),
        kind: if place.direction() == Direction::Both { PlaceKind::Store } else { PlaceKind::RestStop },
        name: place.name().to_owned(),
        reading: None,
        direction: place.direction(),
        ground: Ground::circle(&region.centre, region.radius_m as u32),
        open_to_ordinary_road: false,
        hours: None,
        value: place.value,
        area: None,
        tenants: Vec::new(),
    }
}
