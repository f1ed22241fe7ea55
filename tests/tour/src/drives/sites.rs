//! The sites that drives are built along.

use noren_rules::geo::{Position, turn};

use super::rest_stops::{RestStop, outlined};

/// A site with the one across the road.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Its name, with its side.
    pub name: String,
    /// `up` or `down`, as the file has it.
    pub direction: String,
    /// Its middle.
    pub middle: Position,
    /// The direction of driving on this side, in degrees clockwise from north.
    pub heading: f64,
    /// From the middle to the own carriageway, in metres to the right.
    pub to_road_m: f64,
}

impl Site {
    /// `along` metres on from the middle in driving direction, `right` metres to the right of it.
    #[must_use]
    pub fn at(&self, along: f64, right: f64) -> Position {
        let (sin, cos) = self.heading.to_radians().sin_cos();
        self.middle.offset_by(along * sin + right * cos, along * cos - right * sin)
    }

    /// How far along and to the right a position is: the other way round.
    #[must_use]
    pub fn along_right(&self, position: &Position) -> (f64, f64) {
        let (east, north) = self.middle.offset_m(position);
        let (sin, cos) = self.heading.to_radians().sin_cos();
        (east * sin + north * cos, east * cos - north * sin)
    }
}

/// The sites of a GeoJSON that have another across the road.
///
/// # Errors
/// What is wrong with the file, in one line.
pub fn sites(geojson: &str) -> Result<Vec<Site>, String> {
    let stops = outlined(geojson)?;
    Ok(stops.iter().filter_map(|own| site(own, across(&stops, own)?)).collect())
}

/// The area of the same name on the other side.
fn across<'a>(stops: &'a [RestStop], own: &RestStop) -> Option<&'a RestStop> {
    let base = |stop: &RestStop| stop.name.split(' ').next().map(str::to_owned);
    stops.iter().find(|other| other.name != own.name && base(other) == base(own))
}

fn site(own: &RestStop, other: &RestStop) -> Option<Site> {
    let (own_ring, other_ring) = (own.ring.as_ref()?, other.ring.as_ref()?);
    // The road runs along the longer side of the site; traffic keeps to the left, so that the other side is to the right.
    let width = |axis: &f64| width_m(&own.middle, own_ring, *axis);
    let axis = (0..180).map(f64::from).min_by(|a, b| width(a).total_cmp(&width(b))).unwrap_or_default();
    let right = turn(own.middle.bearing_deg(&other.middle) - axis);
    let heading = if right > 0.0 { axis } else { axis + 180.0 };
    let mut site = Site { name: own.name.clone(), direction: own.direction.clone(), middle: own.middle, heading, to_road_m: 0.0 };
    let edge = own_ring.iter().map(|corner| site.along_right(corner).1).fold(0.0, f64::max);
    let far_edge = other_ring.iter().map(|corner| site.along_right(corner).1).fold(f64::INFINITY, f64::min);
    // The two sites may be staggered along the road: the road is then taken close by the own one.
    site.to_road_m = if far_edge - edge > 40.0 { edge + (far_edge - edge) / 4.0 } else { edge + 15.0 };
    Some(site)
}

/// How wide a ring is across an axis.
fn width_m(middle: &Position, ring: &[Position], axis: f64) -> f64 {
    let (sin, cos) = axis.to_radians().sin_cos();
    let across = ring.iter().map(|corner| middle.offset_m(corner)).map(|(east, north)| east * cos - north * sin);
    let (least, most) = across.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), at| (least.min(at), most.max(at)));
    most - least
}
