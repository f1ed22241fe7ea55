//! The first stage: what a fix says about a place, without saying where it was.

use serde::{Deserialize, Serialize};

use crate::geo::{Position, turn};
use crate::places::{PlaceIndex, Shape};

/// Up to here a fix is near a place that it is not in, in metres.
const NEAR_M: f64 = 100.0;
/// Middles closer together than this are one spot to a phone: decks above each other, and sites whose outlines nobody has told apart.
const SAME_SPOT_M: f64 = 60.0;
/// How much nearer one middle must be than the other before it says anything.
const CLEARLY_NEARER_M: f64 = 20.0;

/// How far from the ground of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistanceBand {
    /// On it.
    Inside,
    /// At most 100 m away: the carriageway, the ramp, the other side.
    Near,
    /// Further away.
    Far,
}

/// Which side of the road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The side of the place, or a place that has no other side nearby.
    Own,
    /// The other side.
    Opposite,
    /// Between the two.
    Unclear,
    /// The two sides lie on top of each other: no fix can tell.
    Undecidable,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeedClass {
    /// Nothing says.
    Unknown,
    /// Below 1 m/s.
    Still,
    /// Below 3 m/s.
    Walking,
    /// Below 8 m/s: a car park, a ramp, a jam.
    Slow,
    /// 8 m/s (29 km/h) and more.
    Driving,
}

/// How exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccuracyClass {
    /// 30 m or better.
    Good,
    /// 65 m or better: what Wi-Fi gives indoors.
    Fair,
    /// Worse: says nothing about a place.
    Poor,
    /// The phone did not say.
    Unknown,
}

/// What one fix says about one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// How many seconds before the evidence was put together.
    pub age_s: u32,
    /// How far from the ground of the place.
    pub distance: DistanceBand,
    /// Which side of the road.
    pub side: Side,
    /// How fast.
    pub speed: SpeedClass,
    /// How exact.
    pub accuracy: AccuracyClass,
    /// True when the phone has stayed at one spot since the sample before.
    pub stays: bool,
}

impl SpeedClass {
    /// The class of a speed in metres a second.
    #[must_use]
    pub fn of(speed_mps: Option<f64>) -> Self {
        match speed_mps {
            None => Self::Unknown,
            Some(speed) if speed < 1.0 => Self::Still,
            Some(speed) if speed < 3.0 => Self::Walking,
            Some(speed) if speed < 8.0 => Self::Slow,
            Some(_) => Self::Driving,
        }
    }
}

impl AccuracyClass {
    /// The class of an accuracy in metres; a number that is none, zero or negative is how phones say that they do not know.
    #[must_use]
    pub fn of(accuracy_m: Option<f64>) -> Self {
        match accuracy_m {
            Some(accuracy) if accuracy > 65.0 => Self::Poor,
            Some(accuracy) if accuracy > 30.0 => Self::Fair,
            Some(accuracy) if accuracy > 0.0 => Self::Good,
            _ => Self::Unknown,
        }
    }

    /// True when a fix of this class may prove something alone.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Good | Self::Unknown)
    }
}

/// How far `position` is from the place of this number.
pub(crate) fn distance_band(index: &PlaceIndex, number: usize, position: &Position) -> DistanceBand {
    match index.place(number) {
        Some(place) if place.holds(position) => DistanceBand::Inside,
        Some(place) if place.distance_m(position) <= NEAR_M => DistanceBand::Near,
        _ => DistanceBand::Far,
    }
}

/// On which side of the road `position` is, for the place of this number. `heading_deg` is how the road was driven on before the stop; traffic keeps
/// to the left, so that the other side of the road is to the right of whoever is on their own.
pub(crate) fn side(index: &PlaceIndex, number: usize, position: &Position, heading_deg: Option<f64>) -> Side {
    let Some((own, other)) = index.place(number).zip(index.opposite(number).and_then(|other| index.place(other))) else { return Side::Own };
    let (own_centre, other_centre) = (own.region().centre, other.region().centre);
    if own_centre.is_within(&other_centre, SAME_SPOT_M) {
        return Side::Undecidable;
    }
    match (own.shape(), other.shape()) {
        (Shape::Outline(_), Shape::Outline(_)) => match (own.holds(position), other.holds(position)) {
            (true, true) => return Side::Undecidable,
            (true, false) => return Side::Own,
            (false, true) => return Side::Opposite,
            // On the road between, or on another.
            (false, false) => return Side::Unclear,
        },
        (Shape::Outline(_), Shape::Circle(_)) if own.holds(position) => return Side::Own,
        (Shape::Circle(_), Shape::Outline(_)) if other.holds(position) => return Side::Opposite,
        _ => {}
    }
    let nearer_m = other_centre.flat_distance_m(position) - own_centre.flat_distance_m(position);
    if nearer_m.abs() >= CLEARLY_NEARER_M {
        return if nearer_m > 0.0 { Side::Own } else { Side::Opposite };
    }
    let right_of_us = heading_deg.map(|heading| turn(own_centre.bearing_deg(&other_centre) - heading));
    match right_of_us {
        Some(across) if (30.0..=150.0).contains(&across) => Side::Own,
        Some(across) if (-150.0..=-30.0).contains(&across) => Side::Opposite,
        _ => Side::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PlaceId;
    use crate::places::{Circle, Direction, Place};

    #[test]
    fn the_middle_of_the_road_is_told_by_the_way_it_was_driven() {
        let west = Position::new(34.0, 135.0).unwrap();
        let pair = |apart_m: f64| {
            let circle = |centre| Shape::Circle(Circle { centre, radius_m: 150.0 });
            PlaceIndex::new(vec![
                Place::new(PlaceId::from("w"), "W", Direction::Inbound, circle(west)).unwrap(),
                Place::new(PlaceId::from("e"), "E", Direction::Outbound, circle(west.offset_by(apart_m, 0.0))).unwrap(),
            ])
        };
        let index = pair(160.0);
        assert_eq!((index.opposite(0), index.opposite(1)), (Some(1), Some(0)));
        let middle = west.offset_by(80.0, 40.0);
        assert_eq!(side(&index, 0, &middle, None), Side::Unclear);
        // Driving north one keeps to the west.
        assert_eq!((side(&index, 0, &middle, Some(0.0)), side(&index, 1, &middle, Some(0.0))), (Side::Own, Side::Opposite));
        assert_eq!((side(&index, 0, &middle, Some(180.0)), side(&index, 1, &middle, Some(180.0))), (Side::Opposite, Side::Own));
        assert_eq!(side(&index, 0, &middle, Some(90.0)), Side::Unclear, "across the road says nothing");
        assert_eq!((side(&index, 0, &west, None), side(&index, 1, &west, None)), (Side::Own, Side::Opposite));
        assert_eq!(side(&pair(28.0), 0, &west, Some(0.0)), Side::Undecidable);
        assert_eq!(side(&pair(5_000.0), 0, &middle, None), Side::Own, "nothing of the other side is near");
    }
}
