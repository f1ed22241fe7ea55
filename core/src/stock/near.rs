//! Which stores are near, chosen so that the choice says no more of a position than the cell of the map that it lies in: the server knows where its
//! stores are, and would read a position out of the 40 that are nearest to it.

use noren_rules::geo::{Position, PositionError};
use noren_rules::ids::StoreId;

use crate::places::PlaceBook;

/// Stores within this of the cell are near, in metres: a drive that somebody makes for a jacket.
const NEAR_M: f64 = 30_000.0;
/// So many of the near stores are kept.
pub(super) const MOST_NEAR: usize = 40;
/// A tile with more stores than are kept is halved each way, at most so often: to 6.9 km by 7.1 km at 35 degrees.
const MOST_HALVINGS: i32 = 4;
/// A tile, as areas are asked for by.
const TILE_DEG: (f64, f64) = (1.0, 1.25);

/// The near stores, those nearest to the middle of the cell first; those that `is_there` denies are left out.
pub(super) fn near_stores(
    book: &PlaceBook,
    position: &Position,
    is_there: impl Fn(&StoreId) -> bool,
) -> Result<Vec<StoreId>, PositionError> {
    let cell = cell_of(book, position, &is_there);
    let (middle, reach_m) = cell.middle()?;
    let near = book.index().nearest_first(&middle, |_| true).take_while(|near| near.edge_m <= reach_m + NEAR_M);
    let places = near.filter_map(|near| book.info(book.index().place(near.number)?.id()));
    let stores = places.flat_map(|info| info.tenants.iter().map(|tenant| &tenant.store_id));
    Ok(stores.filter(|store| is_there(store)).take(MOST_NEAR).cloned().collect())
}

/// The tile of the position, or the part of it that has no more stores than are kept.
fn cell_of(book: &PlaceBook, position: &Position, is_there: impl Fn(&StoreId) -> bool) -> Cell {
    let mut cell = Cell::of(position, 0);
    for halvings in 1..=MOST_HALVINGS {
        let within = book.index().places().iter().filter(|place| cell.holds(&place.region().centre));
        let tenants = within.filter_map(|place| book.info(place.id())).flat_map(|info| &info.tenants);
        if tenants.filter(|tenant| is_there(&tenant.store_id)).count() <= MOST_NEAR {
            break;
        }
        cell = Cell::of(position, halvings);
    }
    cell
}

/// A tile, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    row: f64,
    column: f64,
    height_deg: f64,
    width_deg: f64,
}

impl Cell {
    /// The cell of a position in tiles that are halved so often.
    fn of(position: &Position, halvings: i32) -> Self {
        let part = 0.5_f64.powi(halvings);
        let (height_deg, width_deg) = (TILE_DEG.0 * part, TILE_DEG.1 * part);
        // The north pole belongs to the last row, 180 degrees east is 180 degrees west.
        let row = (position.lat_deg() / height_deg).floor().min(90.0 / height_deg - 1.0);
        let column = (position.lon_deg() / width_deg).floor();
        let column = if column * width_deg >= 180.0 { column - 360.0 / width_deg } else { column };
        Self { row, column, height_deg, width_deg }
    }

    fn holds(&self, position: &Position) -> bool {
        let (lat, lon) = (position.lat_deg() / self.height_deg - self.row, position.lon_deg() / self.width_deg - self.column);
        (0.0..1.0).contains(&lat) && (0.0..1.0).contains(&lon)
    }

    /// Its middle, and how far it is from there to a corner at most, in metres.
    fn middle(&self) -> Result<(Position, f64), PositionError> {
        let (south, west) = (self.row * self.height_deg, self.column * self.width_deg);
        let middle = Position::new(south + self.height_deg / 2.0, west + self.width_deg / 2.0)?;
        let mut reach_m = 0.0_f64;
        for lat in [south, south + self.height_deg] {
            reach_m = reach_m.max(middle.distance_m(&Position::new(lat, west)?));
        }
        Ok((middle, reach_m))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use noren_rules::places::{Direction, Tile};
    use noren_rules::wire::{Ground, PlaceInfo, PlaceKind, Tenant};
    use proptest::prelude::*;

    use super::*;

    fn book(at: &[Position]) -> PlaceBook {
        let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
        let place = |(n, at): (usize, &Position)| PlaceInfo {
            id: format!("p{n}").as_str().into(),
            kind: PlaceKind::Store,
            name: format!("店{n}"),
            reading: None,
            direction: Direction::Both,
            ground: Ground::Circle { lat_e7: e7(at.lat_deg()), lon_e7: e7(at.lon_deg()), radius_m: 30 },
            open_to_ordinary_road: false,
            hours: None,
            value: 0,
            area: None,
            tenants: vec![Tenant { store_id: format!("s{n:03}").as_str().into(), name: format!("店{n}"), hours: None }],
        };
        PlaceBook::new(at.iter().enumerate().map(place).collect(), &BTreeMap::new())
    }

    fn within(cell: &Cell, up: f64, across: f64) -> Position {
        Position::new((cell.row + up) * cell.height_deg, (cell.column + across) * cell.width_deg).unwrap()
    }

    #[test]
    fn a_chain_of_a_thousand_stores_is_still_near_in_its_city() {
        let home = Position::new(35.68, 139.77).unwrap();
        // One store a square kilometre around, and two towns far off.
        let at: Vec<Position> =
            (0..1_024).map(|n| home.offset_by(f64::from(n % 32 - 16) * 1_000.0, f64::from(n / 32 - 16) * 1_000.0)).collect();
        let book = book(&at);
        let near = near_stores(&book, &home, |_| true).unwrap();
        let nearest_m = near.iter().map(|store| home.distance_m(&book.at_place(store).unwrap().0.region().centre)).fold(f64::MAX, f64::min);
        assert!(near.len() == MOST_NEAR && nearest_m < 5_000.0, "{nearest_m}");
        assert_eq!(cell_of(&book, &home, |_| true).height_deg, 1.0 / 16.0);
    }

    proptest! {
        #[test]
        fn positions_of_a_cell_have_the_same_stores_near(
            (lat, lon) in (-60.0f64..60.0, -180.0f64..180.0),
            around in prop::collection::vec((0.0f64..360.0, 0.0f64..100_000.0), 0..150),
            (up, across) in (0.0f64..1.0, 0.0f64..1.0),
        ) {
            let here = Position::new(lat, lon).unwrap();
            let stores: Vec<Position> = around.iter().map(|(bearing, metres)| here.towards(*bearing, *metres)).collect();
            let book = book(&stores);
            let cell = cell_of(&book, &here, |_| true);
            let there = within(&cell, up, across);
            prop_assert!(cell.holds(&here) && cell.holds(&there));
            prop_assert_eq!(Tile::of(&here), Tile::of(&there));
            prop_assert_eq!(cell_of(&book, &there, |_| true), cell);
            prop_assert_eq!(near_stores(&book, &here, |_| true).unwrap(), near_stores(&book, &there, |_| true).unwrap());
        }

        #[test]
        fn where_few_stores_are_all_of_the_tile_and_around_are_near(
            (lat, lon) in (-60.0f64..60.0, -178.0f64..178.0),
            around in prop::collection::vec((0.0f64..360.0, 0.0f64..29_000.0), 0..40),
        ) {
            let here = Position::new(lat, lon).unwrap();
            let stores: Vec<Position> = around.iter().map(|(bearing, metres)| here.towards(*bearing, *metres)).collect();
            let book = book(&stores);
            let near = near_stores(&book, &here, |store| store.as_str() != "s000").unwrap();
            prop_assert_eq!(near.len(), stores.len().saturating_sub(1));
            prop_assert_eq!(Cell::of(&here, 0).holds(&here), true);
        }
    }

    #[test]
    fn the_ends_of_the_map_have_a_cell() {
        for (lat, lon) in [(90.0, 180.0), (-90.0, -180.0), (90.0, -180.0), (0.0, 180.0), (-90.0, 179.999_999)] {
            let at = Position::new(lat, lon).unwrap();
            for halvings in 0..=MOST_HALVINGS {
                let (middle, reach_m) = Cell::of(&at, halvings).middle().unwrap();
                assert!(middle.distance_m(&at) <= reach_m + 1.0 && Tile::of(&middle) == Tile::of(&at), "{lat} {lon} {halvings}");
            }
        }
    }
}
