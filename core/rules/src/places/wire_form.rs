//! Places as they travel ([`crate::wire::PlaceInfo`]) and as they are asked about ([`Place`]).
//!
//! An outline travels as encoded polylines of precision 6 (Google's Encoded Polyline Algorithm Format, with a decimal more): a corner is then
//! 0.1 m exact, and costs some six characters.

use super::{MAX_CORNERS, OpeningHours, OpeningHoursError, Outline, OutlineError, Place, PlaceError, Shape};
use crate::geo::{Position, PositionError};
use crate::places::Circle;
use crate::wire::{Ground, PlaceInfo, PlaceKind, WeeklyHours};

/// Parts of a degree in an encoded polyline.
const POLYLINE_PER_DEGREE: f64 = 1e6;
/// Parts of a degree in a circle's middle.
const E7_PER_DEGREE: f64 = 1e7;

/// Why a place that came over the wire cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceInfoError {
    /// The outline crosses itself, has too many corners, covers no ground, or is too large.
    #[error("the outline of the place: {0}")]
    Outline(#[from] OutlineError),
    /// A coordinate that is none.
    #[error("a coordinate of the place: {0}")]
    Position(#[from] PositionError),
    /// A ring that is no encoded polyline.
    #[error("a ring is no encoded polyline of precision 6: encode pairs of latitude and longitude")]
    Polyline,
    /// Hours that cannot be.
    #[error("the hours of the place: {0}")]
    Hours(#[from] OpeningHoursError),
    /// No id, no name, or a radius that is none.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl PlaceInfo {
    /// The place, ready for a [`super::PlaceIndex`].
    ///
    /// # Errors
    /// [`PlaceInfoError`] says what is wrong with it.
    pub fn place(&self) -> Result<Place, PlaceInfoError> {
        let mut place = Place::new(self.id.clone(), &self.name, self.direction, self.ground.shape()?)?;
        place.open_to_ordinary_road = self.open_to_ordinary_road;
        if let Some(hours) = &self.hours {
            place.hours = hours.opening_hours()?;
        }
        (place.value, place.is_gate) = (self.value, self.kind == PlaceKind::Gate);
        for tenant in &self.tenants {
            tenant.hours.as_ref().map(WeeklyHours::opening_hours).transpose()?;
        }
        Ok(place)
    }
}

impl WeeklyHours {
    /// The hours, ready to be asked.
    ///
    /// # Errors
    /// [`OpeningHoursError`] for spans and offsets that cannot be.
    pub fn opening_hours(&self) -> Result<OpeningHours, OpeningHoursError> {
        OpeningHours::weekly(self.spans.clone(), self.utc_offset_min)
    }
}

impl Ground {
    /// A circle around `centre`, which is rounded to a centimetre.
    #[must_use]
    pub fn circle(centre: &Position, radius_m: u32) -> Self {
        let [lat_e7, lon_e7] = [centre.lat_deg(), centre.lon_deg()].map(|degrees| {
            #[allow(clippy::cast_possible_truncation, reason = "within 180 degrees, 1.8e9 parts")]
            let parts = (degrees * E7_PER_DEGREE).round() as i32;
            parts
        });
        Self::Circle { lat_e7, lon_e7, radius_m }
    }

    /// An outline from its rings, the outer one first, closed or not. Corners are rounded to a tenth of a metre.
    #[must_use]
    pub fn outline(rings: &[Vec<Position>]) -> Self {
        let open = |ring: &Vec<Position>| {
            let corners = if ring.len() > 1 && ring.first() == ring.last() { ring.len() - 1 } else { ring.len() };
            encode(ring.iter().take(corners))
        };
        Self::Outline { rings: rings.iter().map(open).collect() }
    }

    /// The shape, checked.
    ///
    /// # Errors
    /// [`PlaceInfoError`] for coordinates and outlines that cannot be.
    pub fn shape(&self) -> Result<Shape, PlaceInfoError> {
        match self {
            Self::Circle { lat_e7, lon_e7, radius_m } => {
                let centre = Position::new(f64::from(*lat_e7) / E7_PER_DEGREE, f64::from(*lon_e7) / E7_PER_DEGREE)?;
                Ok(Shape::Circle(Circle { centre, radius_m: f64::from(*radius_m) }))
            }
            Self::Outline { rings } => {
                let mut corners_left = MAX_CORNERS;
                let mut closed = Vec::with_capacity(rings.len().min(MAX_CORNERS));
                for ring in rings {
                    let mut ring = decode(ring, corners_left)?;
                    if ring.first() != ring.last() {
                        ring.extend(ring.first().copied());
                    }
                    corners_left = corners_left.checked_sub(ring.len()).ok_or(OutlineError::TooManyCorners)?;
                    closed.push(ring);
                }
                Ok(Shape::Outline(Outline::new(&closed)?))
            }
        }
    }
}

fn encode<'a>(corners: impl Iterator<Item = &'a Position>) -> String {
    let mut text = String::new();
    let mut before = [0i64; 2];
    for corner in corners {
        #[allow(clippy::cast_possible_truncation, reason = "within 180 degrees, 1.8e8 parts")]
        let now = [corner.lat_deg(), corner.lon_deg()].map(|degrees| (degrees * POLYLINE_PER_DEGREE).round() as i64);
        for (now, before) in now.iter().zip(before) {
            let change = now - before;
            // The sign goes to the lowest bit, so that small changes either way are short.
            let mut bits = ((change << 1) ^ (change >> 63)).unsigned_abs();
            while bits >= 0x20 {
                text.push(letter((bits & 0x1f) | 0x20));
                bits >>= 5;
            }
            text.push(letter(bits));
        }
        before = now;
    }
    text
}

fn letter(five_bits: u64) -> char {
    char::from(u8::try_from(five_bits + 63).unwrap_or(b'?'))
}

fn decode(text: &str, at_most: usize) -> Result<Vec<Position>, PlaceInfoError> {
    let mut letters = text.bytes();
    let mut at = [0i64; 2];
    let mut corners = Vec::new();
    while letters.len() > 0 {
        if corners.len() >= at_most {
            return Err(OutlineError::TooManyCorners.into());
        }
        for along in &mut at {
            *along = along.saturating_add(number(&mut letters).ok_or(PlaceInfoError::Polyline)?);
        }
        #[allow(clippy::cast_precision_loss, reason = "sums of some thousand numbers of 35 bits")]
        let [lat_deg, lon_deg] = at.map(|along| along as f64 / POLYLINE_PER_DEGREE);
        corners.push(Position::new(lat_deg, lon_deg)?);
    }
    Ok(corners)
}

/// The next number; `None` when the text ends within it, is not of these letters, or means more than 35 bits.
fn number(letters: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let mut bits = 0i64;
    for shift in (0..35).step_by(5) {
        let five = letters.next()?.checked_sub(63).filter(|five| *five < 0x40)?;
        bits |= i64::from(five & 0x1f) << shift;
        if five & 0x20 == 0 {
            return Some((bits >> 1) ^ -(bits & 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PlaceId;
    use crate::places::{Direction, OpeningSpan};
    use crate::wire::Tenant;
    use proptest::prelude::*;

    fn ring(corners: &[(f64, f64)]) -> Vec<Position> {
        corners.iter().map(|(lat, lon)| Position::new(*lat, *lon).unwrap()).collect()
    }

    fn info(ground: Ground) -> PlaceInfo {
        PlaceInfo {
            id: PlaceId::from("sa"),
            kind: PlaceKind::RestStop,
            name: "西SA".into(),
            reading: None,
            direction: Direction::Outbound,
            ground,
            open_to_ordinary_road: true,
            hours: None,
            value: 7,
            area: None,
            tenants: Vec::new(),
        }
    }

    fn refused(rings: &[&str]) -> PlaceInfoError {
        info(Ground::Outline { rings: rings.iter().map(|ring| (*ring).to_owned()).collect() }).place().unwrap_err()
    }

    const SQUARE: [(f64, f64); 4] = [(34.0, 135.0), (34.0, 135.01), (34.01, 135.01), (34.01, 135.0)];

    /// The example of the format's own description, at its precision of 5, read as 6.
    #[test]
    fn the_format_is_googles() {
        let corners = ring(&[(3.85, -12.02), (4.07, -12.095), (4.3252, -12.6453)]);
        assert_eq!(encode(corners.iter()), "_p~iF~ps|U_ulLnnqC_mqNvxq`@");
        assert_eq!(decode("_p~iF~ps|U_ulLnnqC_mqNvxq`@", 3), Ok(corners));
        assert_eq!(encode([].iter()), "");
    }

    #[test]
    fn a_place_comes_back_as_it_was_sent() {
        let mut closed = ring(&SQUARE);
        closed.push(closed[0]);
        let ground = Ground::outline(&[closed]);
        assert_eq!(ground, Ground::outline(&[ring(&SQUARE)]), "closed or not");
        let place = info(ground).place().unwrap();
        assert!(place.holds(&Position::new(34.005, 135.005).unwrap()) && !place.holds(&Position::new(34.005, 135.011).unwrap()));
        assert!(place.open_to_ordinary_road && place.value == 7 && place.hours.is_open_at(0) && !place.is_gate);
        let centre = Position::new(-34.123_456_7, 179.999_999_9).unwrap();
        let Shape::Circle(circle) = Ground::circle(&centre, 150).shape().unwrap() else { panic!("a circle") };
        assert_eq!(circle, Circle { centre, radius_m: 150.0 });
        assert_eq!(Ground::circle(&Position::new(-90.0, -180.0).unwrap(), 0).shape().map(|_| ()), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let text = |corners: &[(f64, f64)]| encode(ring(corners).iter());
        let crossing = [(34.0, 135.0), (34.01, 135.01), (34.0, 135.01), (34.01, 135.0)];
        assert_eq!(refused(&[&text(&crossing)]), PlaceInfoError::Outline(OutlineError::SelfCrossing));
        assert_eq!(refused(&[]), PlaceInfoError::Outline(OutlineError::TooFewCorners));
        assert_eq!(refused(&[""]), PlaceInfoError::Outline(OutlineError::TooFewCorners));
        assert_eq!(refused(&[&text(&SQUARE[..2])]), PlaceInfoError::Outline(OutlineError::TooFewCorners));
        let many: Vec<(f64, f64)> = (0..3_000).map(|n| (f64::from(n) * 1e-5, 0.0)).collect();
        assert_eq!(refused(&[&text(&many)]), PlaceInfoError::Outline(OutlineError::TooManyCorners));
        let half: Vec<(f64, f64)> = many.iter().copied().take(1_500).collect();
        assert_eq!(refused(&[&text(&half), &text(&half)]), PlaceInfoError::Outline(OutlineError::TooManyCorners));
        // A latitude alone, a letter that is none, a number without end, and one beyond the poles.
        for broken in ["_p~iF", "_p~iF ", "_p~iF~ps|", "日本", "~~~~~~~~~~~~~~~~?"] {
            assert_eq!(refused(&[broken]), PlaceInfoError::Polyline, "{broken}");
        }
        let swapped = format!("{}{}", encode([Position::new(0.0, 135.0).unwrap()].iter()).trim_start_matches('?'), "_p~iF");
        assert_eq!(refused(&[&swapped]), PlaceInfoError::Position(PositionError::Latitude));
        let circle = |lat_e7, lon_e7, radius_m| info(Ground::Circle { lat_e7, lon_e7, radius_m }).place().unwrap_err();
        assert_eq!(circle(900_000_001, 0, 1), PlaceInfoError::Position(PositionError::Latitude));
        assert_eq!(circle(0, i32::MIN, 1), PlaceInfoError::Position(PositionError::Longitude));
        assert_eq!(circle(0, 0, 100_001), PlaceInfoError::Place(PlaceError::Radius));
        let nameless = PlaceInfo { name: " ".into(), ..info(Ground::Circle { lat_e7: 0, lon_e7: 0, radius_m: 1 }) };
        assert_eq!(nameless.place().unwrap_err(), PlaceInfoError::Place(PlaceError::Nameless));
        let never = WeeklyHours { spans: vec![OpeningSpan { weekday: 7, opens_min: 0, closes_min: 1 }], utc_offset_min: 540 };
        let tenant = Tenant { store_id: "s".into(), name: "S".into(), hours: Some(never.clone()) };
        for wrong in [PlaceInfo { hours: Some(never), ..nameless.clone() }, PlaceInfo { tenants: vec![tenant], ..nameless }] {
            let wrong = PlaceInfo { name: "S".into(), ..wrong };
            assert_eq!(wrong.place().unwrap_err(), PlaceInfoError::Hours(OpeningHoursError::Span));
        }
    }

    proptest! {
        #[test]
        fn corners_come_back(corners in prop::collection::vec((-90_000_000i64..=90_000_000, -180_000_000i64..=180_000_000), 0..40)) {
            let corners: Vec<Position> =
                corners.iter().map(|(lat, lon)| Position::new(*lat as f64 / 1e6, *lon as f64 / 1e6).unwrap()).collect();
            prop_assert_eq!(decode(&encode(corners.iter()), 40), Ok(corners));
        }

        /// Whatever text comes: corners or an error, no panic.
        #[test]
        fn any_text_is_read_or_refused(text in "[?-~]{0,60}|.{0,20}") {
            if let Ok(corners) = decode(&text, 100) {
                prop_assert!(corners.len() <= 30);
            }
            let _ = Ground::Outline { rings: vec![text] }.shape();
        }
    }
}
