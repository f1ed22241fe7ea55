//! Places from a file: CSV with a header, or GeoJSON polygons.

use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::places::{Circle, Direction, Outline, Place, PlaceIndex, Shape};
use serde_json::Value;

use super::{column, field, line, number, text};

const RADIUS_M: f64 = 150.0;

/// Places with the words that the file has for their direction.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) index: PlaceIndex,
    directions: Vec<Option<String>>,
}

impl Places {
    pub(crate) fn name(&self, number: usize) -> &str {
        self.index.place(number).map_or("", Place::name)
    }

    /// The direction as the file has it.
    pub(crate) fn direction(&self, number: usize) -> Option<&str> {
        self.directions.get(number)?.as_deref()
    }

    fn of(read: Vec<(Place, Option<String>)>) -> Self {
        let (places, directions) = read.into_iter().unzip();
        Self { index: PlaceIndex::new(places), directions }
    }
}

/// Reads places. Their ids are their numbers in the file: names may come twice.
///
/// # Errors
/// What is wrong with them, in one line.
pub(crate) fn read(bytes: &[u8]) -> Result<Places, String> {
    let text = text(bytes)?;
    let read = if text.trim_start().starts_with(['{', '[']) { read_geojson(text)? } else { read_csv(text)? };
    Ok(Places::of(read))
}

fn place(number: usize, name: &str, direction: Option<&str>, shape: Shape) -> Result<(Place, Option<String>), String> {
    let side = side(direction.unwrap_or_default()).ok_or_else(|| {
        let direction = direction.unwrap_or_default();
        format!("{direction:?} is no direction: up (上り), down (下り), both, or nothing")
    })?;
    let place = Place::new(PlaceId(number.to_string()), name, side, shape).map_err(|e| e.to_string())?;
    Ok((place, direction.map(str::to_owned)))
}

fn side(text: &str) -> Option<Direction> {
    match text.trim().to_lowercase().as_str() {
        "up" | "inbound" | "in" | "上り" | "上" | "のぼり" => Some(Direction::Inbound),
        "down" | "outbound" | "out" | "下り" | "下" | "くだり" => Some(Direction::Outbound),
        "" | "both" | "none" | "上下" | "両方" | "上下線" => Some(Direction::Both),
        _ => None,
    }
}

fn read_csv(text: &str) -> Result<Vec<(Place, Option<String>)>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|e| e.to_string())?.clone();
    let needed =
        |name: &str| column(&headers, name).ok_or(format!("no column {name}: places are GeoJSON polygons, or CSV with lat, lon and name"));
    let (lat, lon, name) = (needed("lat")?, needed("lon")?, needed("name")?);
    let (radius, direction) = (column(&headers, "radius_m"), column(&headers, "direction"));
    let mut places = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let at_line = |why: String| format!("{}: {why}", line(&record));
        let coordinate = |at, name| number(&record, Some(at), name)?.ok_or(at_line(format!("no {name}")));
        let centre = Position::new(coordinate(lat, "lat")?, coordinate(lon, "lon")?).map_err(|e| at_line(e.to_string()))?;
        let radius_m = number(&record, radius, "radius_m")?.unwrap_or(RADIUS_M);
        let name = field(&record, Some(name)).ok_or(at_line("no name".to_owned()))?;
        let shape = Shape::Circle(Circle { centre, radius_m });
        places.push(place(places.len(), name, field(&record, direction), shape).map_err(at_line)?);
    }
    Ok(places)
}

fn read_geojson(text: &str) -> Result<Vec<(Place, Option<String>)>, String> {
    let document: Value = serde_json::from_str(text).map_err(|e| format!("not GeoJSON: {e}"))?;
    let features = match document.get("type").and_then(Value::as_str) {
        Some("FeatureCollection") => {
            document.get("features").and_then(Value::as_array).ok_or("a FeatureCollection has features")?.as_slice()
        }
        Some("Feature") => std::slice::from_ref(&document),
        _ => return Err("not GeoJSON: a FeatureCollection of polygons is needed".to_owned()),
    };
    let numbered = features.iter().enumerate();
    numbered.map(|(number, feature)| read_feature(number, feature).map_err(|why| format!("feature {}: {why}", number + 1))).collect()
}

fn read_feature(number: usize, feature: &Value) -> Result<(Place, Option<String>), String> {
    let property = |name: &str| feature.get("properties").and_then(|properties| properties.get(name));
    let name = property("name").and_then(Value::as_str).ok_or("no name among its properties")?;
    let direction = match property("direction") {
        None | Some(Value::Null) => None,
        Some(Value::String(direction)) => Some(direction.as_str()).filter(|direction| !direction.trim().is_empty()),
        Some(_) => return Err("its direction is no text".to_owned()),
    };
    let geometry = feature.get("geometry").ok_or("no geometry")?;
    if geometry.get("type").and_then(Value::as_str) != Some("Polygon") {
        return Err("its geometry is no Polygon: one feature for each outline".to_owned());
    }
    let rings = geometry.get("coordinates").and_then(Value::as_array).ok_or("a Polygon has rings of coordinates")?;
    let rings = rings.iter().map(read_ring).collect::<Result<Vec<_>, _>>()?;
    let outline = Outline::new(&rings).map_err(|e| e.to_string())?;
    place(number, name, direction, Shape::Outline(outline))
}

fn read_ring(ring: &Value) -> Result<Vec<Position>, String> {
    let corners = ring.as_array().ok_or("a Polygon has rings of coordinates")?;
    let corner = |corner: &Value| {
        let degrees = |at: usize| corner.get(at).and_then(Value::as_f64).ok_or("a corner is [longitude, latitude]");
        Position::new(degrees(1)?, degrees(0)?).map_err(|e| e.to_string())
    };
    corners.iter().map(corner).collect()
}
