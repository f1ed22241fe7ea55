//! The service and parking areas of west Japan, as an operator would give them to the backend.

use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::places::{Direction, Place};
use noren_rules::wire::{Ground, PlaceInfo, PlaceKind};
use serde_json::Value;

/// Outlines, GeoJSON, © OpenStreetMap contributors, ODbL (tests/data/README.md).
pub const OUTLINES: &str = include_str!("../../../data/sapa/outlines.geojson");
/// Middles, CSV, the same.
const MIDDLES: &str = include_str!("../../../data/sapa/kansai.csv");
/// The ground of an area whose outline nobody has drawn, in metres around its middle.
const RADIUS_M: u32 = 150;
/// The area of the drive, for conditions such as rain.
pub const AREA: &str = "kansai";

/// A service or parking area.
#[derive(Debug, Clone, PartialEq)]
pub struct RestStop {
    /// Its id: `sapa-` and a number.
    pub id: PlaceId,
    /// Its name, with its side where it has one.
    pub name: String,
    /// `up`, `down`, or empty for both, as the file has it.
    pub direction: String,
    /// Its middle.
    pub middle: Position,
    /// Its outline, closed, where it is drawn.
    pub ring: Option<Vec<Position>>,
}

impl RestStop {
    /// The side of the expressway.
    #[must_use]
    pub fn side(&self) -> Direction {
        match self.direction.as_str() {
            "up" => Direction::Inbound,
            "down" => Direction::Outbound,
            _ => Direction::Both,
        }
    }

    /// As the operator gives it to the backend.
    #[must_use]
    pub fn info(&self) -> PlaceInfo {
        PlaceInfo {
            id: self.id.clone(),
            kind: PlaceKind::RestStop,
            name: self.name.clone(),
            reading: None,
            direction: self.side(),
            ground: match &self.ring {
                Some(ring) => Ground::outline(std::slice::from_ref(ring)),
                None => Ground::circle(&self.middle, RADIUS_M),
            },
            open_to_ordinary_road: false,
            hours: None,
            value: 0,
            area: Some(AREA.to_owned()),
            tenants: Vec::new(),
        }
    }

    /// As phone and backend have it.
    ///
    /// # Errors
    /// Why it is no place.
    pub fn place(&self) -> Result<Place, String> {
        self.info().place().map_err(|why| format!("{}: {why}", self.name))
    }
}

/// The areas of Kansai and those of west Japan that are outlined.
///
/// # Errors
/// What is wrong with the files, in one line.
pub fn rest_stops() -> Result<Vec<RestStop>, String> {
    let mut stops = outlined(OUTLINES)?;
    let mut reader = csv::Reader::from_reader(MIDDLES.as_bytes());
    let headers = reader.headers().map_err(|e| e.to_string())?.clone();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let field = |name: &str| record.get(headers.iter().position(|header| header == name)?);
        let degrees = |name: &str| field(name)?.parse().ok();
        let stop = || {
            let middle = Position::new(degrees("lat")?, degrees("lon")?).ok()?;
            Some(RestStop { id: id(0), name: field("name")?.to_owned(), direction: field("direction")?.to_owned(), middle, ring: None })
        };
        let stop = stop().ok_or("a line of the middles lacks its name, direction, lat or lon")?;
        // The two areas of one name are one of the road and one of another.
        if !stops.iter().any(|known| known.name == stop.name && known.middle.flat_distance_m(&stop.middle) < 500.0) {
            stops.push(RestStop { id: id(stops.len()), ..stop });
        }
    }
    Ok(stops)
}

/// The areas of a GeoJSON of outlines.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn outlined(geojson: &str) -> Result<Vec<RestStop>, String> {
    let document: Value = serde_json::from_str(geojson).map_err(|e| e.to_string())?;
    let features = document.get("features").and_then(Value::as_array).ok_or("a FeatureCollection has features")?;
    let stop = |(number, feature)| outline(number, feature).ok_or("an outline lacks its name, direction, middle or ring".to_owned());
    features.iter().enumerate().map(stop).collect()
}

fn outline(number: usize, feature: &Value) -> Option<RestStop> {
    let properties = feature.get("properties")?;
    let corners = feature.get("geometry")?.get("coordinates")?.get(0)?.as_array()?;
    let position = |lat: &Value, lon: &Value| Position::new(lat.as_f64()?, lon.as_f64()?).ok();
    Some(RestStop {
        id: id(number),
        name: properties.get("name")?.as_str()?.to_owned(),
        direction: properties.get("direction")?.as_str()?.to_owned(),
        middle: position(properties.get("lat")?, properties.get("lon")?)?,
        ring: Some(corners.iter().map(|corner| position(corner.get(1)?, corner.get(0)?)).collect::<Option<_>>()?),
    })
}

fn id(number: usize) -> PlaceId {
    PlaceId(format!("sapa-{}", number + 1))
}
