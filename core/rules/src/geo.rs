//! Where something is, and how far apart things are.
//!
//! Distances are those of the WGS84 ellipsoid (Karney's geodesics). An exact distance costs about a microsecond; where a yes or no is wanted, a
//! direction from the Earth's centre answers nearly always in a few nanoseconds, and the exact distance is asked only in the narrow band where the
//! two might disagree: the answer is the exact one either way.

use ::geo::{Bearing, Destination, Distance, Geodesic, Point};
use serde::{Deserialize, Serialize};

/// Polar radius of WGS84, in metres: no geodesic is shorter than this times the angle at the Earth's centre.
pub(crate) const POLAR_RADIUS_M: f64 = 6_356_752.314_245;
/// No geodesic is longer than this times the angle at the Earth's centre: the equatorial radius and a little, for the slope of the meridian.
const LONGEST_RADIUS_M: f64 = 6_378_137.0 * 1.000_02;
/// Eccentricity of WGS84, squared.
const E2: f64 = 0.006_694_379_990_141_3;
const EQUATORIAL_RADIUS_M: f64 = 6_378_137.0;

/// Why two numbers are not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// A latitude or longitude that is not a finite number.
    #[error("latitude and longitude must be finite numbers")]
    NotFinite,
    /// A latitude beyond the poles. Latitude and longitude in the wrong order look like this.
    #[error("a latitude lies between -90 and 90 degrees: check that latitude comes before longitude")]
    Latitude,
    /// A longitude past the antimeridian.
    #[error("a longitude lies between -180 and 180 degrees")]
    Longitude,
}

/// A place on the Earth: WGS84 latitude and longitude in degrees, always within their ranges.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Degrees", into = "Degrees")]
pub struct Position {
    lat_deg: f64,
    lon_deg: f64,
}

#[derive(Serialize, Deserialize)]
struct Degrees {
    lat_deg: f64,
    lon_deg: f64,
}

impl TryFrom<Degrees> for Position {
    type Error = PositionError;

    fn try_from(degrees: Degrees) -> Result<Self, PositionError> {
        Self::new(degrees.lat_deg, degrees.lon_deg)
    }
}

impl From<Position> for Degrees {
    fn from(position: Position) -> Self {
        Self { lat_deg: position.lat_deg, lon_deg: position.lon_deg }
    }
}

impl Position {
    /// A position from degrees.
    ///
    /// # Errors
    /// [`PositionError`] when a number is not finite or out of its range.
    pub fn new(lat_deg: f64, lon_deg: f64) -> Result<Self, PositionError> {
        if !lat_deg.is_finite() || !lon_deg.is_finite() {
            return Err(PositionError::NotFinite);
        }
        if !(-90.0..=90.0).contains(&lat_deg) {
            return Err(PositionError::Latitude);
        }
        if !(-180.0..=180.0).contains(&lon_deg) {
            return Err(PositionError::Longitude);
        }
        Ok(Self { lat_deg, lon_deg })
    }

    /// Latitude in degrees, north positive.
    #[must_use]
    pub fn lat_deg(&self) -> f64 {
        self.lat_deg
    }

    /// Longitude in degrees, east positive.
    #[must_use]
    pub fn lon_deg(&self) -> f64 {
        self.lon_deg
    }

    /// Length of the shortest way to `other` on the ellipsoid, in metres.
    #[must_use]
    pub fn distance_m(&self, other: &Self) -> f64 {
        Geodesic.distance(self.point(), other.point())
    }

    /// The direction in which the shortest way to `other` begins, in degrees clockwise from north, in `0.0..360.0`.
    #[must_use]
    pub fn bearing_deg(&self, other: &Self) -> f64 {
        Geodesic.bearing(self.point(), other.point()).rem_euclid(360.0)
    }

    /// Where one arrives after `distance_m` metres, having begun in the direction `bearing_deg`.
    #[must_use]
    pub fn towards(&self, bearing_deg: f64, distance_m: f64) -> Self {
        let reached = Geodesic.destination(self.point(), bearing_deg, distance_m);
        let lon_deg = if (-180.0..=180.0).contains(&reached.x()) { reached.x() } else { (reached.x() + 180.0).rem_euclid(360.0) - 180.0 };
        // A direction or distance that is no number leads nowhere.
        Self::new(reached.y(), lon_deg).unwrap_or(*self)
    }

    /// True when `other` is at most `radius_m` metres away on the ellipsoid.
    #[must_use]
    pub fn is_within(&self, other: &Self, radius_m: f64) -> bool {
        Spot::of(self).is_within(&Spot::of(other), radius_m)
    }

    /// How far east and north `other` is, in metres on the plane that touches the Earth here.
    ///
    /// For distances of a few kilometres: 10 km are off by less than 20 m at the latitudes of Japan, 500 m by less than 5 cm. Longitudes are
    /// taken the short way round. At the poles east means little: use [`Self::distance_m`] there.
    #[must_use]
    pub fn offset_m(&self, other: &Self) -> (f64, f64) {
        let (east_per_deg, north_per_deg) = metres_per_degree(f64::midpoint(self.lat_deg, other.lat_deg));
        (turn(other.lon_deg - self.lon_deg) * east_per_deg, (other.lat_deg - self.lat_deg) * north_per_deg)
    }

    /// Distance on the plane of [`Self::offset_m`], in metres.
    #[must_use]
    pub fn flat_distance_m(&self, other: &Self) -> f64 {
        let (east, north) = self.offset_m(other);
        east.hypot(north)
    }

    /// The position `east_m` and `north_m` metres away on the plane of [`Self::offset_m`].
    #[must_use]
    pub fn offset_by(&self, east_m: f64, north_m: f64) -> Self {
        let north_from = |lat_deg: f64| {
            let (_, north_per_deg) = metres_per_degree(f64::midpoint(self.lat_deg, lat_deg));
            (self.lat_deg + north_m / north_per_deg).clamp(-90.0, 90.0)
        };
        // A degree is longer nearer the poles: the second look knows how far the way leads.
        let lat_deg = north_from(north_from(self.lat_deg));
        let (east_per_deg, _) = metres_per_degree(f64::midpoint(self.lat_deg, lat_deg));
        Self::new(lat_deg, turn(self.lon_deg + east_m / east_per_deg)).unwrap_or(*self)
    }

    fn point(&self) -> Point<f64> {
        Point::new(self.lon_deg, self.lat_deg)
    }
}

/// A difference of longitudes, or of directions, the short way round: in `-180.0..=180.0`.
#[must_use]
pub fn turn(degrees: f64) -> f64 {
    if (-180.0..=180.0).contains(&degrees) { degrees } else { (degrees + 180.0).rem_euclid(360.0) - 180.0 }
}

/// Metres to a degree of longitude and to a degree of latitude at this latitude.
pub(crate) fn metres_per_degree(lat_deg: f64) -> (f64, f64) {
    let (sin, cos) = lat_deg.to_radians().sin_cos();
    let w = 1.0 - E2 * sin * sin;
    let per_degree = std::f64::consts::PI / 180.0;
    // Not zero at the poles: an offset there must stay a number.
    ((EQUATORIAL_RADIUS_M / w.sqrt() * cos * per_degree).max(1e-6), EQUATORIAL_RADIUS_M * (1.0 - E2) / (w * w.sqrt()) * per_degree)
}

/// A position with its direction from the Earth's centre, as the index keeps it: no antimeridian, no poles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) position: Position,
    /// The direction, as long as the polar radius: the straight way between two of these is never longer than the geodesic.
    pub(crate) vector_m: [f64; 3],
}

impl Spot {
    pub(crate) fn of(position: &Position) -> Self {
        let (sin_lat, cos_lat) = position.lat_deg.to_radians().sin_cos();
        let (sin_lon, cos_lon) = position.lon_deg.to_radians().sin_cos();
        let z = sin_lat * (1.0 - E2);
        let scale = POLAR_RADIUS_M / cos_lat.hypot(z);
        Self { position: *position, vector_m: [cos_lat * cos_lon * scale, cos_lat * sin_lon * scale, z * scale] }
    }

    /// Bounds of the distance to `other`: at least, at most, in metres. They differ by a third of a percent.
    pub(crate) fn bounds_m(&self, other: &Self) -> (f64, f64) {
        let [x, y, z] = self.vector_m;
        let [u, v, w] = other.vector_m;
        bounds_of_straight_m(((x - u).powi(2) + (y - v).powi(2) + (z - w).powi(2)).sqrt())
    }

    pub(crate) fn is_within(&self, other: &Self, radius_m: f64) -> bool {
        let (least, most) = self.bounds_m(other);
        // A millimetre for rounding.
        if most + 1e-3 <= radius_m {
            return true;
        }
        least - 1e-3 <= radius_m && self.position.distance_m(&other.position) <= radius_m
    }
}

/// Bounds of the geodesic over a straight way of this length between two [`Spot`]s.
pub(crate) fn bounds_of_straight_m(straight_m: f64) -> (f64, f64) {
    let angle = 2.0 * (straight_m / (2.0 * POLAR_RADIUS_M)).min(1.0).asin();
    (POLAR_RADIUS_M * angle, LONGEST_RADIUS_M * angle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn anywhere() -> impl Strategy<Value = Position> {
        let special = |at: f64| prop_oneof![8 => -at..=at, 1 => Just(at), 1 => Just(-at), 1 => Just(0.0)];
        (special(90.0), special(180.0)).prop_map(|(lat, lon)| Position::new(lat, lon).unwrap())
    }

    #[test]
    fn distances_are_those_of_karney() {
        let mut lines = 0;
        for line in include_str!("../tests/data/geodtest.dat").lines() {
            let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            let (from, to) = (Position::new(numbers[0], numbers[1]).unwrap(), Position::new(numbers[3], turn(numbers[4])).unwrap());
            assert!((from.distance_m(&to) - numbers[6]).abs() < 1e-6, "{line}");
            assert!((to.distance_m(&from) - numbers[6]).abs() < 1e-6, "{line}");
            lines += 1;
        }
        assert_eq!(lines, 50);
    }

    #[test]
    fn what_is_no_position_is_said() {
        assert_eq!(Position::new(f64::NAN, 0.0), Err(PositionError::NotFinite));
        assert_eq!(Position::new(0.0, f64::INFINITY), Err(PositionError::NotFinite));
        assert_eq!(Position::new(135.5, 34.7), Err(PositionError::Latitude));
        assert_eq!(Position::new(34.7, 180.1), Err(PositionError::Longitude));
        assert!(serde_json::from_str::<Position>(r#"{"lat_deg":91,"lon_deg":0}"#).is_err());
    }

    proptest! {
        #[test]
        fn the_bounds_hold_everywhere(from in anywhere(), to in anywhere()) {
            let exact = from.distance_m(&to);
            let (least, most) = Spot::of(&from).bounds_m(&Spot::of(&to));
            prop_assert!(least <= exact + 1e-3 && exact <= most + 1e-3, "{least} {exact} {most}");
        }

        #[test]
        fn within_is_the_exact_answer(from in anywhere(), bearing in 0.0..360.0f64, distance in 0.0..1e6f64, factor in 0.99..1.01f64) {
            let to = from.towards(bearing, distance);
            prop_assert_eq!(from.is_within(&to, distance * factor), from.distance_m(&to) <= distance * factor);
        }

        #[test]
        fn the_plane_is_good_for_a_few_kilometres(lat in -60.0..60.0f64, lon in -180.0..180.0f64, bearing in 0.0..360.0f64, distance in 0.0..10_000.0f64) {
            let from = Position::new(lat, lon).unwrap();
            let to = from.towards(bearing, distance);
            prop_assert!((from.flat_distance_m(&to) - distance).abs() <= 0.01 + distance * distance / 5e6);
            let (east, north) = from.offset_m(&to);
            prop_assert!(from.offset_by(east, north).distance_m(&to) < 0.01);
        }
    }
}
