//! A picture of a drive: fences, the regions that the operating system watched, the track by speed, and what was said of each place. As SVG and as
//! PNG, of one scene; the same story gives the same bytes.
//!
//! The picture stands on a ground of its own, so that it reads the same on a light page and on a dark one.

mod drawing;
pub(crate) mod font;
mod inset;
mod legend;
mod overview;
pub(crate) mod paint;
pub(crate) mod scene;
mod story;
mod svg;

pub use story::{Event, EventKind, Regions, Story};

use scene::Scene;

/// Pixels of a PNG for a page, for each unit of the SVG.
pub const PNG_SCALE: f32 = 1.5;

/// A drawn map.
#[derive(Debug, Clone)]
pub struct DriveMap(Scene);

impl DriveMap {
    /// Draws what happened on a drive.
    ///
    /// # Errors
    /// A story without fixes or without a place that it is about; a name that the font of the map lacks.
    pub fn draw(story: &Story) -> Result<Self, String> {
        drawing::draw(story).map(Self)
    }

    /// As SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::write(&self.0)
    }

    /// As PNG, in `scale` pixels for each unit of the SVG.
    ///
    /// # Errors
    /// A scale of nothing, or one that memory does not hold.
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, String> {
        paint::png(&self.0, scale)
    }
}
