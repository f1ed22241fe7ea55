//! The outline of a site: a polygon by the rules of GeoJSON (RFC 7946), checked before it may say who is inside.

use ::geo::coordinate_position::CoordPos;
use ::geo::{Area, Coord, CoordinatePosition, LineString, Polygon, Validation};

use super::Circle;
use crate::geo::{Position, metres_per_degree, turn};

/// The most corners that an outline may have, all rings together.
pub const MAX_CORNERS: usize = 2_000;
/// The largest distance from the middle of an outline to a corner, in metres.
pub const MAX_OUTLINE_M: f64 = 50_000.0;
/// Less than a parking bay is a slip of the pen.
const MIN_GROUND_M2: f64 = 1.0;
/// Beyond this latitude a straight line between two longitudes is no straight way.
const MAX_LAT_DEG: f64 = 85.0;

/// Why an outline cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutlineError {
    /// No ring, or a ring of fewer than four positions.
    #[error("a ring has at least four positions, the last the same as the first")]
    TooFewCorners,
    /// A ring whose last position is not its first.
    #[error("the ring is not closed: its last position must be its first")]
    NotClosed,
    /// Rings that cross or touch themselves or each other, cover no ground, or a hole outside.
    #[error("the outline crosses itself or covers no ground: draw it without crossings, holes inside")]
    SelfCrossing,
    /// More than [`MAX_CORNERS`].
    #[error("an outline has at most 2000 corners: simplify it")]
    TooManyCorners,
    /// Reaches further than [`MAX_OUTLINE_M`] from its middle.
    #[error("an outline reaches at most 50 km from its middle: this is no site, or a coordinate is wrong")]
    TooLarge,
    /// Further north or south than 85 degrees.
    #[error("an outline lies between 85 degrees south and 85 degrees north: use a circle nearer the pole")]
    AtThePole,
}

/// A site as it is: an outer ring, and holes if it has any. It may lie across the antimeridian.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Longitudes are counted on from that of the first corner, so that they do not leap at the antimeridian.
    polygon: Polygon<f64>,
    around: Circle,
}

impl Outline {
    /// An outline from the rings of a GeoJSON polygon, the outer one first. Either winding is taken. Edges are straight in latitude and
    /// longitude; an edge goes the short way round, so that a ring across the antimeridian needs no splitting.
    ///
    /// # Errors
    /// [`OutlineError`] for what encloses no ground without doubt.
    pub fn new(rings: &[Vec<Position>]) -> Result<Self, OutlineError> {
        if rings.iter().map(Vec::len).sum::<usize>() > MAX_CORNERS {
            return Err(OutlineError::TooManyCorners);
        }
        let first = *rings.first().and_then(|ring| ring.first()).ok_or(OutlineError::TooFewCorners)?;
        let mut lines = rings.iter().map(|ring| line(ring, &first)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let outer = lines.next().ok_or(OutlineError::TooFewCorners)?;
        let polygon = Polygon::new(outer, lines.collect());
        let around = around(rings.first().map_or(&[][..], Vec::as_slice), &polygon, &first)?;
        let (per_lon, per_lat) = metres_per_degree(first.lat_deg());
        if polygon.unsigned_area() * per_lon * per_lat < MIN_GROUND_M2 || !polygon.is_valid() {
            return Err(OutlineError::SelfCrossing);
        }
        Ok(Self { polygon, around })
    }

    /// The circle around the whole outline.
    #[must_use]
    pub fn around(&self) -> Circle {
        self.around
    }

    /// True when `position` is in the outline or on its edge.
    #[must_use]
    pub fn holds(&self, position: &Position) -> bool {
        self.polygon.coordinate_position(&self.coord(position)) != CoordPos::Outside
    }

    /// The way from `position` to the outline in metres; 0 inside. Good to a percent within some kilometres.
    #[must_use]
    pub fn distance_m(&self, position: &Position) -> f64 {
        if self.holds(position) {
            return 0.0;
        }
        let here = self.coord(position);
        let (per_lon, per_lat) = metres_per_degree(position.lat_deg());
        let flat = |c: Coord<f64>| ((c.x - here.x) * per_lon, (c.y - here.y) * per_lat);
        let rings = std::iter::once(self.polygon.exterior()).chain(self.polygon.interiors());
        rings.flat_map(LineString::lines).map(|edge| from_origin_m(flat(edge.start), flat(edge.end))).fold(f64::INFINITY, f64::min)
    }

    fn coord(&self, position: &Position) -> Coord<f64> {
        let start = self.polygon.exterior().0.first().map_or(position.lon_deg(), |c| c.x);
        Coord { x: start + turn(position.lon_deg() - start), y: position.lat_deg() }
    }
}

/// Distance of the segment from the origin.
fn from_origin_m(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length2 = dx * dx + dy * dy;
    let along = if length2 > 0.0 { (-(from.0 * dx + from.1 * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
    (from.0 + along * dx).hypot(from.1 + along * dy)
}

fn line(ring: &[Position], first: &Position) -> Result<LineString<f64>, OutlineError> {
    if ring.len() < 4 {
        return Err(OutlineError::TooFewCorners);
    }
    if ring.first() != ring.last() {
        return Err(OutlineError::NotClosed);
    }
    if ring.iter().any(|corner| corner.lat_deg().abs() > MAX_LAT_DEG) {
        return Err(OutlineError::AtThePole);
    }
    let mut coords: Vec<Coord<f64>> =
        ring.iter().map(|corner| Coord { x: first.lon_deg() + turn(corner.lon_deg() - first.lon_deg()), y: corner.lat_deg() }).collect();
    // A corner written twice in a row is no crossing.
    coords.dedup();
    if coords.len() < 4 { Err(OutlineError::SelfCrossing) } else { Ok(LineString::new(coords)) }
}

fn around(ring: &[Position], polygon: &Polygon<f64>, first: &Position) -> Result<Circle, OutlineError> {
    let (mut west, mut east, mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY);
    for c in &polygon.exterior().0 {
        (west, east, south, north) = (west.min(c.x), east.max(c.x), south.min(c.y), north.max(c.y));
    }
    let centre = Position::new(f64::midpoint(south, north), turn(f64::midpoint(west, east))).unwrap_or(*first);
    let reach = ring.iter().map(|corner| centre.distance_m(corner)).fold(0.0, f64::max);
    if reach > MAX_OUTLINE_M {
        return Err(OutlineError::TooLarge);
    }
    // An edge that is straight in degrees bends away from the straight way by at most length² tan(latitude) / 8 R; a length is at most twice the reach.
    let bend = (2.0 * reach).powi(2) * south.abs().max(north.abs()).to_radians().tan() / (8.0 * 6_356_752.0);
    Ok(Circle { centre, radius_m: reach + bend + 0.01 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(corners: &[(f64, f64)]) -> Vec<Position> {
        corners.iter().map(|(lat, lon)| Position::new(*lat, *lon).unwrap()).collect()
    }

    fn at(lat: f64, lon: f64) -> Position {
        Position::new(lat, lon).unwrap()
    }

    const SQUARE: [(f64, f64); 5] = [(34.0, 135.0), (34.0, 135.01), (34.01, 135.01), (34.01, 135.0), (34.0, 135.0)];

    #[test]
    fn a_square_with_a_hole() {
        let hole = ring(&[(34.004, 135.004), (34.006, 135.004), (34.006, 135.006), (34.004, 135.006), (34.004, 135.004)]);
        let site = Outline::new(&[ring(&SQUARE), hole]).unwrap();
        assert!(site.holds(&at(34.002, 135.002)) && site.holds(&at(34.0, 135.005)) && !site.holds(&at(34.005, 135.005)));
        assert!(!site.holds(&at(33.999, 135.005)) && !site.holds(&at(34.005, -44.995)));
        assert_eq!(site.distance_m(&at(34.002, 135.002)), 0.0);
        let south = at(33.99, 135.005);
        assert!((site.distance_m(&south) - south.distance_m(&at(34.0, 135.005))).abs() < 1.0);
    }

    #[test]
    fn across_the_antimeridian() {
        let site = Outline::new(&[ring(&[(0.0, 179.99), (0.0, -179.99), (0.02, -179.99), (0.02, 179.99), (0.0, 179.99)])]).unwrap();
        for lon in [179.995, 180.0, -180.0, -179.995] {
            assert!(site.holds(&at(0.01, lon)), "{lon}");
        }
        assert!(!site.holds(&at(0.01, 179.98)) && !site.holds(&at(0.01, -179.98)) && !site.holds(&at(0.01, 0.0)));
        assert!(site.around().radius_m < 2_000.0 && site.distance_m(&at(0.01, -179.98)) < 1_200.0);
    }

    #[test]
    fn what_is_no_outline_is_said() {
        let refused = |corners: &[(f64, f64)]| Outline::new(&[ring(corners)]).unwrap_err();
        assert_eq!(Outline::new(&[]), Err(OutlineError::TooFewCorners));
        assert_eq!(refused(&SQUARE[..3]), OutlineError::TooFewCorners);
        assert_eq!(refused(&SQUARE[..4]), OutlineError::NotClosed);
        assert_eq!(refused(&[(34.0, 135.0), (34.01, 135.01), (34.0, 135.01), (34.01, 135.0), (34.0, 135.0)]), OutlineError::SelfCrossing);
        assert_eq!(refused(&[(34.0, 135.0), (34.0, 135.01), (34.0, 135.02), (34.0, 135.0)]), OutlineError::SelfCrossing, "no ground");
        assert_eq!(refused(&[(34.0, 135.0); 5]), OutlineError::SelfCrossing, "one point");
        assert_eq!(refused(&[(34.0, 135.0), (34.0, 137.0), (35.0, 136.0), (34.0, 135.0)]), OutlineError::TooLarge);
        assert_eq!(refused(&[(86.0, 135.0), (86.0, 135.1), (86.1, 135.0), (86.0, 135.0)]), OutlineError::AtThePole);
        let many: Vec<Position> = (0..3_000).map(|n| at(f64::from(n) * 1e-6, 0.0)).collect();
        assert_eq!(Outline::new(&[many]), Err(OutlineError::TooManyCorners));
        let outside = ring(&SQUARE).iter().map(|corner| at(corner.lat_deg() + 0.1, corner.lon_deg())).collect();
        assert_eq!(Outline::new(&[ring(&SQUARE), outside]), Err(OutlineError::SelfCrossing), "a hole outside");
    }

    proptest! {
        /// Whatever comes in: an outline or a reason, no panic; and what it holds is within the circle around it.
        #[test]
        fn any_ring_is_an_outline_or_refused(
            lat in -85.0..85.0f64, lon in -180.0..180.0f64,
            corners in prop::collection::vec((-0.1..0.1f64, -0.1..0.1f64), 3..9),
            probe in (-0.12..0.12f64, -0.12..0.12f64),
        ) {
            let corner = |(dlat, dlon): &(f64, f64)| at((lat + dlat).clamp(-85.0, 85.0), turn(lon + dlon));
            let mut ring: Vec<Position> = corners.iter().map(corner).collect();
            ring.push(ring[0]);
            if let Ok(outline) = Outline::new(&[ring]) {
                let probe = corner(&probe);
                prop_assert!(!outline.holds(&probe) || outline.around().holds(&probe));
                prop_assert_eq!(outline.holds(&probe), outline.distance_m(&probe) == 0.0);
            }
        }
    }
}
