//! The day that is simulated: 5,000 fences over west Japan, and one person's 86,400 seconds among them. Made from a seed: the same each time.
//!
//! The rest stops are real (OpenStreetMap); stores are thrown around cities and over the country. The drive follows the Sanyo expressway from rest
//! stop to rest stop with bends between them, and is no survey of the road.

use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::places::{Circle, Direction, Place, PlaceIndex, Shape};

use crate::dice::Dice;
use crate::report::{Failure, Outcome};

const FENCES: usize = 5_000;
/// Sites that the drive passes without stopping: rest stops, and so many stores beside the road that it comes to this.
const PASS_BYS: usize = 30;
const REST_STOP_RADIUS_M: f64 = 150.0;
const STORE_RADIUS_M: f64 = 100.0;
const SECONDS: usize = 86_400;
const EXPRESSWAY_MPS: f64 = 25.6;
const CITY_MPS: f64 = 9.0;
const WALK_MPS: f64 = 1.3;

/// Rest stops of the drive whose two sides lie so far apart that they are passed one after the other.
const SIDES_APART: usize = 2;

/// In order of driving, all on the side away from Tokyo; true where it stops.
const ROAD: [(&str, bool); 18] = [
    ("吹田SA", false),
    ("西宮名塩SA", false),
    ("淡河PA", false),
    ("三木SA", true),
    ("権現湖PA", false),
    ("白鳥PA", false),
    ("龍野西SA", false),
    ("福石PA", false),
    ("瀬戸PA", false),
    ("吉備SA", false),
    ("道口PA", false),
    ("篠坂PA", false),
    ("福山SA", true),
    ("八幡PA", false),
    ("高坂PA", false),
    ("小谷SA", false),
    ("奥屋PA", false),
    ("沼田PA", false),
];

/// Latitude, longitude, and how many of a hundred stores are around it.
const CITIES: [(f64, f64, u64); 18] = [
    (34.69, 135.50, 22),
    (34.70, 135.19, 9),
    (35.01, 135.76, 9),
    (34.82, 134.69, 4),
    (34.66, 133.93, 5),
    (34.49, 133.37, 3),
    (34.40, 132.46, 8),
    (33.96, 130.94, 3),
    (33.88, 130.87, 6),
    (33.59, 130.40, 11),
    (32.80, 130.71, 4),
    (33.24, 131.61, 3),
    (31.60, 130.55, 3),
    (34.34, 134.05, 3),
    (33.84, 132.77, 3),
    (34.23, 135.17, 2),
    (34.68, 135.83, 1),
    (33.56, 133.53, 1),
];

/// A stop that must be checked in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stop {
    pub(crate) place: PlaceId,
    pub(crate) from_s: usize,
    pub(crate) to_s: usize,
}

/// The day.
#[derive(Debug)]
pub(crate) struct Day {
    pub(crate) places: PlaceIndex,
    /// Where the phone truly is, each second.
    pub(crate) track: Vec<Position>,
    pub(crate) stops: Vec<Stop>,
    pub(crate) moving_s: usize,
    pub(crate) pass_bys: usize,
}

#[derive(Debug, Clone)]
struct RestStop {
    name: String,
    at: Position,
    direction: Direction,
}

fn rest_stops() -> Outcome<Vec<RestStop>> {
    let mut rows = csv::Reader::from_reader(include_str!("../../data/rest_stops.csv").as_bytes());
    let mut found = Vec::new();
    for row in rows.deserialize() {
        let (lat, lon, _, name, direction, _): (f64, f64, String, String, String, String) = row?;
        let direction = match direction.as_str() {
            "up" => Direction::Inbound,
            "down" => Direction::Outbound,
            _ => Direction::Both,
        };
        found.push(RestStop { name, at: Position::new(lat, lon)?, direction });
    }
    Ok(found)
}

impl Day {
    pub(crate) fn new(seed: u64) -> Outcome<Self> {
        let mut dice = Dice::new(seed);
        let rest_stops = rest_stops()?;
        let mut places = Vec::with_capacity(FENCES);
        for (number, stop) in rest_stops.iter().enumerate() {
            places.push(place(format!("rest-stop-{number}"), &stop.name, stop.direction, stop.at, REST_STOP_RADIUS_M)?);
        }
        // The store that is visited, in Hiroshima.
        let shop = Position::new(34.3935, 132.4610)?;
        places.push(place("shop".to_owned(), "shop", Direction::Both, shop, STORE_RADIUS_M)?);
        let (track, stops, moving_s) = Walk::of_the_day(&mut dice, &rest_stops, &shop)?;
        let road = PlaceIndex::new(
            track.iter().step_by(20).map(|at| place("road".into(), "road", Direction::Both, *at, 600.0)).collect::<Outcome<_>>()?,
        );
        let mut beside = PASS_BYS.saturating_sub(ROAD.iter().filter(|(_, stops)| !stops).count() + SIDES_APART);
        // Stores beside the road, evenly along the drive and clear of rest stops and each other.
        let taken = PlaceIndex::new(places.clone());
        let moving: Vec<&Position> = track.windows(2).filter_map(|two| moves(two, 15.0)).collect();
        let step = (moving.len() / (beside + 1)).max(1);
        let mut at = step / 2;
        while beside > 0 && at < moving.len() {
            if let Some(here) = moving.get(at)
                && taken.nearest(here, 1).first().is_none_or(|near| near.edge_m > 1_500.0)
            {
                let name = format!("beside-{beside}");
                places.push(place(name.clone(), &name, Direction::Both, here.towards(dice.below(360) as f64, 40.0), STORE_RADIUS_M)?);
                beside -= 1;
                at += step;
            } else {
                at += 60;
            }
        }
        while places.len() < FENCES {
            let centre = store(&mut dice)?;
            // The only stores that the track touches are those above.
            if road.in_region(&centre).is_empty() {
                let name = format!("store-{}", places.len());
                places.push(place(name.clone(), &name, Direction::Both, centre, STORE_RADIUS_M)?);
            }
        }
        Ok(Self { places: PlaceIndex::new(places), track, stops, moving_s, pass_bys: PASS_BYS - beside })
    }
}

fn moves(two: &[Position], at_least_mps: f64) -> Option<&Position> {
    let (from, to) = (two.first()?, two.get(1)?);
    (from.flat_distance_m(to) >= at_least_mps).then_some(to)
}

fn place(id: String, name: &str, direction: Direction, centre: Position, radius_m: f64) -> Outcome<Place> {
    Ok(Place::new(PlaceId(id), name, direction, Shape::Circle(Circle { centre, radius_m }))?)
}

/// Seven of ten around a city, the others anywhere.
fn store(dice: &mut Dice) -> Outcome<Position> {
    let mut at = dice.below(142);
    for (lat, lon, stores) in CITIES {
        if at < stores {
            let (east, north) = (bell(dice) * 9_000.0, bell(dice) * 9_000.0);
            return Ok(Position::new(lat, lon)?.offset_by(east, north));
        }
        at -= stores;
    }
    Ok(Position::new(31.5 + part(dice) * 3.9, 130.2 + part(dice) * 6.0)?)
}

fn part(dice: &mut Dice) -> f64 {
    dice.below(1_000_000) as f64 / 1e6
}

/// About a normal distribution.
pub(crate) fn bell(dice: &mut Dice) -> f64 {
    (0..12).map(|_| part(dice)).sum::<f64>() - 6.0
}

/// The track in the making.
struct Walk {
    track: Vec<Position>,
    stops: Vec<Stop>,
    moving_s: usize,
    at: Position,
}

impl Walk {
    fn of_the_day(dice: &mut Dice, rest_stops: &[RestStop], shop: &Position) -> Outcome<(Vec<Position>, Vec<Stop>, usize)> {
        let home = Position::new(34.7685, 135.5020)?;
        let mut walk = Self { track: Vec::with_capacity(SECONDS), stops: Vec::new(), moving_s: 0, at: home };
        walk.wait(27_000);
        for (name, stops) in ROAD {
            let of = |direction| {
                rest_stops.iter().position(|stop| stop.name == format!("{name} ({})", side(direction)) && stop.direction == direction)
            };
            let (Some(own), Some(other)) = (of(Direction::Outbound), of(Direction::Inbound)) else {
                return Err(Failure::new(format!("{name} is not among the rest stops")));
            };
            let (Some(own_at), Some(other_at)) = (rest_stops.get(own), rest_stops.get(other)) else { continue };
            let (east, north) = own_at.at.offset_m(&other_at.at);
            // The carriageway of the own side, between the two; where they lie apart along the road, beside the own one.
            let across = (60.0 / east.hypot(north)).min(0.4);
            let road = own_at.at.offset_by(east * across, north * across);
            let speed = if walk.track.len() <= 27_001 { CITY_MPS } else { EXPRESSWAY_MPS };
            walk.drive(dice, &road, speed);
            if stops {
                walk.straight(&own_at.at, 8.0);
                let from_s = walk.track.len();
                walk.wait(900 + dice.below(600) as usize);
                walk.stops.push(Stop { place: PlaceId(format!("rest-stop-{own}")), from_s, to_s: walk.track.len() });
            }
        }
        walk.drive(dice, &Position::new(34.4030, 132.4560)?, CITY_MPS);
        walk.visit("shop", shop, 1_500);
        walk.wait(600);
        walk.straight(&Position::new(34.3990, 132.4690)?, WALK_MPS);
        walk.wait(SECONDS.saturating_sub(walk.track.len()));
        Ok((walk.track, walk.stops, walk.moving_s))
    }

    fn visit(&mut self, id: &str, at: &Position, seconds: usize) {
        self.straight(at, WALK_MPS);
        let from_s = self.track.len();
        self.wait(seconds);
        self.stops.push(Stop { place: PlaceId::from(id), from_s, to_s: self.track.len() });
    }

    fn wait(&mut self, seconds: usize) {
        self.track.resize((self.track.len() + seconds).min(SECONDS), self.at);
    }

    fn straight(&mut self, to: &Position, speed_mps: f64) {
        self.bend(to, speed_mps, 0.0);
    }

    /// With bends of some percent of the way, to either side.
    fn drive(&mut self, dice: &mut Dice, to: &Position, speed_mps: f64) {
        let bends = bell(dice) * 0.05;
        self.bend(to, speed_mps, bends);
    }

    fn bend(&mut self, to: &Position, speed_mps: f64, bends: f64) {
        let from = self.at;
        let (east, north) = from.offset_m(to);
        let seconds = (east.hypot(north) / speed_mps).ceil().max(1.0) as usize;
        for second in 1..=seconds {
            let along = second as f64 / seconds as f64;
            let aside = bends * (along * std::f64::consts::TAU).sin();
            self.track.push(from.offset_by(east * along - north * aside, north * along + east * aside));
        }
        self.moving_s += seconds;
        self.at = *to;
    }
}

fn side(direction: Direction) -> &'static str {
    if direction == Direction::Inbound { "上り" } else { "下り" }
}
