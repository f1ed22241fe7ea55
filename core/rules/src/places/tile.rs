//! Tiles of the map, by which areas are fetched: large enough that asking for one says little about where a phone is.

use std::fmt;
use std::str::FromStr;

use crate::geo::Position;

/// Tiles of a degree of latitude and a degree and a quarter of longitude: 111 km by 114 km at 35 degrees, 80 km wide at 55.
const ROWS_PER_DEGREE: f64 = 1.0;
const COLUMNS_PER_DEGREE: f64 = 0.8;
const COLUMNS: i32 = 288;

/// A tile. Written `row.column`: the row counts degrees from the equator to the north, the column steps of 1.25 degrees from Greenwich to the
/// east, both may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    row: i32,
    column: i32,
}

impl Tile {
    /// The tile of a position.
    #[must_use]
    pub fn of(position: &Position) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "positions are within 90 and 180 degrees")]
        let cell = |degrees: f64, per_degree: f64| (degrees * per_degree).floor() as i32;
        // The north pole belongs to the last row, 180 degrees east is 180 degrees west.
        Self::wrapped(cell(position.lat_deg(), ROWS_PER_DEGREE).min(89), cell(position.lon_deg(), COLUMNS_PER_DEGREE))
    }

    fn wrapped(row: i32, column: i32) -> Self {
        Self { row, column: (column + COLUMNS / 2).rem_euclid(COLUMNS) - COLUMNS / 2 }
    }

    /// The tiles that a circle touches, in order: those that a phone needs that may be anywhere in it.
    #[must_use]
    pub fn around(position: &Position, radius_m: f64) -> Vec<Self> {
        let north = position.towards(0.0, radius_m).lat_deg();
        let south = position.towards(180.0, radius_m).lat_deg();
        // A meridian is about 111.2 km a degree; towards the poles the columns narrow.
        let widest = north.abs().max(south.abs()).min(89.0).to_radians().cos();
        let east_deg = (radius_m / (111_200.0 * widest)).min(180.0);
        #[allow(clippy::cast_possible_truncation, reason = "within 360 degrees")]
        let column = |lon: f64| (lon * COLUMNS_PER_DEGREE).floor() as i32;
        #[allow(clippy::cast_possible_truncation, reason = "within 90 degrees")]
        let row = |lat: f64| ((lat * ROWS_PER_DEGREE).floor() as i32).min(89);
        let (west, east) = (column(position.lon_deg() - east_deg), column(position.lon_deg() + east_deg));
        let mut tiles: Vec<Self> = (row(south)..=row(north))
            .flat_map(|row| (west..=east.min(west + COLUMNS - 1)).map(move |column| Self::wrapped(row, column)))
            .collect();
        tiles.sort_unstable();
        tiles.dedup();
        tiles
    }

    /// The way from a position in the tile to the tile's nearest edge, in metres, at least.
    #[must_use]
    pub fn edge_m(&self, position: &Position) -> f64 {
        let (south, west) = (f64::from(self.row) / ROWS_PER_DEGREE, f64::from(self.column) / COLUMNS_PER_DEGREE);
        let (north, east) = (south + 1.0 / ROWS_PER_DEGREE, west + 1.0 / COLUMNS_PER_DEGREE);
        let (lat, lon) = (position.lat_deg(), position.lon_deg());
        let narrowest = north.abs().max(south.abs()).to_radians().cos();
        let up_m = (north - lat).min(lat - south) * 110_500.0;
        let across_m = (east - lon).min(lon - west) * 111_000.0 * narrowest;
        up_m.min(across_m).max(0.0)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.row, self.column)
    }
}

/// The text names no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tile is row.column, the row from -90 to 89, the column from -144 to 143")]
pub struct NotATile;

impl FromStr for Tile {
    type Err = NotATile;

    fn from_str(text: &str) -> Result<Self, NotATile> {
        let (row, column) = text.split_once('.').ok_or(NotATile)?;
        let tile = Self { row: row.parse().map_err(|_| NotATile)?, column: column.parse().map_err(|_| NotATile)? };
        // One form: no plus sign, no leading zero.
        let is_one = (-90..90).contains(&tile.row) && (-COLUMNS / 2..COLUMNS / 2).contains(&tile.column) && tile.to_string() == text;
        if is_one { Ok(tile) } else { Err(NotATile) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tiles_have_one_name() {
        let osaka = Position::new(34.69, 135.50).unwrap();
        assert_eq!(Tile::of(&osaka).to_string(), "34.108");
        assert_eq!("34.108".parse(), Ok(Tile::of(&osaka)));
        assert_eq!(Tile::of(&Position::new(90.0, 180.0).unwrap()).to_string(), "89.-144");
        for bad in ["34", "34.", "+34.108", "034.108", "34.144", "90.0", "34.108.1", "", "-0.1"] {
            assert_eq!(bad.parse::<Tile>(), Err(NotATile), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_the_circle_is_in_its_tiles(
            lat in -85.0f64..85.0, lon in -180.0f64..180.0, radius_m in 0.0f64..300_000.0, bearing in 0.0f64..360.0, part in 0.0f64..0.999
        ) {
            let here = Position::new(lat, lon).unwrap();
            let there = here.towards(bearing, radius_m * part);
            prop_assert!(Tile::around(&here, radius_m).contains(&Tile::of(&there)));
        }

        #[test]
        fn nothing_within_the_edge_is_in_another_tile(lat in -88.0f64..88.0, lon in -180.0f64..180.0, bearing in 0.0f64..360.0, part in 0.0f64..0.999) {
            let here = Position::new(lat, lon).unwrap();
            let tile = Tile::of(&here);
            prop_assert_eq!(Tile::of(&here.towards(bearing, tile.edge_m(&here) * part)), tile);
            prop_assert_eq!(tile.to_string().parse::<Tile>(), Ok(tile));
        }
    }
}
