//! Stores and rest stops as places: where they are, which side of the road they belong to, when they are open, and which of them hold a position.

mod grid;
mod hours;
mod index;
mod outline;
mod tile;
mod wire_form;

pub use hours::{OpeningHours, OpeningHoursError, OpeningSpan};
pub use index::{Near, PlaceIndex};
pub use outline::{MAX_CORNERS, MAX_OUTLINE_M, Outline, OutlineError};
pub use tile::{NotATile, Tile};
pub use wire_form::PlaceInfoError;

use serde::{Deserialize, Serialize};

use crate::geo::Position;
use crate::ids::PlaceId;

/// The smallest region that Android advises to register; iOS is no better at smaller ones. In metres.
pub const MIN_REGION_RADIUS_M: f64 = 100.0;
/// The largest circle that a place may be, in metres.
pub const MAX_RADIUS_M: f64 = 100_000.0;

/// The side of an expressway. 上り and 下り are two places, even where they are a few metres apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// 上り: towards Tokyo.
    Inbound,
    /// 下り: away from Tokyo.
    Outbound,
    /// Reached from both sides, or beside no expressway at all.
    Both,
}

impl Direction {
    /// True for the two sides of one road.
    #[must_use]
    pub fn is_opposite(self, other: Self) -> bool {
        matches!((self, other), (Self::Inbound, Self::Outbound) | (Self::Outbound, Self::Inbound))
    }
}

/// A circle on the Earth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Circle {
    /// Its centre.
    pub centre: Position,
    /// Its radius in metres.
    pub radius_m: f64,
}

impl Circle {
    /// True when `position` is in the circle or on its edge.
    #[must_use]
    pub fn holds(&self, position: &Position) -> bool {
        self.centre.is_within(position, self.radius_m)
    }

    /// The way from `position` to the circle's edge, in metres; 0 inside.
    #[must_use]
    pub fn edge_m(&self, position: &Position) -> f64 {
        (self.centre.distance_m(position) - self.radius_m).max(0.0)
    }
}

/// The ground that a place covers: its geofence.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Where nobody has drawn the site: a circle around its middle.
    Circle(Circle),
    /// The site as it is.
    Outline(Outline),
}

/// Why a place cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// A radius that is negative, not a number, or beyond [`MAX_RADIUS_M`].
    #[error("a radius lies between 0 and 100000 metres")]
    Radius,
    /// A name or id of nothing.
    #[error("a place needs an id and a name")]
    Nameless,
}

/// A store or a rest stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    id: PlaceId,
    name: String,
    direction: Direction,
    shape: Shape,
    region: Circle,
    /// True when it can be entered without the expressway too (ハイウェイオアシス, ぷらっとパーク).
    pub open_to_ordinary_road: bool,
    /// When it is open; never closed where this says nothing.
    pub hours: OpeningHours,
    /// What a visit is worth to the operator: of two places that cannot both be watched, the higher is.
    pub value: u32,
    /// True for a gate of a route ([`crate::routes`]): it is passed, and nobody checks in there.
    pub is_gate: bool,
}

impl Place {
    /// A place that is always open, not reached from the ordinary road, and of value 0; set those fields where it is otherwise.
    ///
    /// # Errors
    /// [`PlaceError`] for an empty id or name and for a radius that is none.
    pub fn new(id: PlaceId, name: &str, direction: Direction, shape: Shape) -> Result<Self, PlaceError> {
        if id.as_str().is_empty() || name.trim().is_empty() {
            return Err(PlaceError::Nameless);
        }
        let around = match &shape {
            Shape::Circle(circle) => *circle,
            Shape::Outline(outline) => outline.around(),
        };
        if !(0.0..=MAX_RADIUS_M).contains(&around.radius_m) {
            return Err(PlaceError::Radius);
        }
        let region = Circle { centre: around.centre, radius_m: around.radius_m.max(MIN_REGION_RADIUS_M) };
        let name = name.to_owned();
        Ok(Self {
            id,
            name,
            direction,
            shape,
            region,
            open_to_ordinary_road: false,
            hours: OpeningHours::always(),
            value: 0,
            is_gate: false,
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &PlaceId {
        &self.id
    }

    /// Its name as people write it. Two places may have the same one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The side of the expressway that it belongs to.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The ground that it covers.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The circle to hand to an operating system, which knows no outlines: around the whole site, at least [`MIN_REGION_RADIUS_M`].
    #[must_use]
    pub fn region(&self) -> Circle {
        self.region
    }

    /// True when `position` is on the ground of the place.
    #[must_use]
    pub fn holds(&self, position: &Position) -> bool {
        match &self.shape {
            Shape::Circle(circle) => circle.holds(position),
            Shape::Outline(outline) => outline.holds(position),
        }
    }

    /// The way from `position` to the ground of the place in metres; 0 on it. Good to a percent within some kilometres.
    #[must_use]
    pub fn distance_m(&self, position: &Position) -> f64 {
        match &self.shape {
            Shape::Circle(circle) => circle.edge_m(position),
            Shape::Outline(outline) => outline.distance_m(position),
        }
    }
}
