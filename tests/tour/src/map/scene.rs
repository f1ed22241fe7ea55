//! What a map is made of, before it is SVG or pixels.

/// Pixels of the SVG, to the right and down.
pub(super) type Point = (f64, f64);

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Paint {
    pub(super) rgb: u32,
    /// 0 to 1.
    pub(super) opacity: f64,
}

pub(super) const fn solid(rgb: u32) -> Paint {
    Paint { rgb, opacity: 1.0 }
}

pub(super) const fn faint(rgb: u32, opacity: f64) -> Paint {
    Paint { rgb, opacity }
}

/// A line's look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pen {
    pub(super) paint: Paint,
    pub(super) width: f64,
    /// Drawn, left out.
    pub(super) dash: Option<(f64, f64)>,
}

pub(super) const fn pen(rgb: u32, width: f64) -> Pen {
    Pen { paint: solid(rgb), width, dash: None }
}

pub(super) const fn dashed(rgb: u32, width: f64, drawn: f64, left_out: f64) -> Pen {
    Pen { paint: solid(rgb), width, dash: Some((drawn, left_out)) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// An upright rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Frame {
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.x < other.x + other.width && other.x < self.x + self.width && self.y < other.y + other.height && other.y < self.y + self.height
    }

    pub(super) fn holds(&self, point: Point) -> bool {
        (self.x..=self.x + self.width).contains(&point.0) && (self.y..=self.y + self.height).contains(&point.1)
    }

    pub(super) fn middle(&self) -> Point {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

/// Words on the map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Words {
    /// Where their base line begins, is centred or ends.
    pub(super) at: Point,
    pub(super) text: String,
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) anchor: Anchor,
    pub(super) paint: Paint,
    /// A light edge, to be read over lines.
    pub(super) edged: bool,
}

/// One thing drawn. Later ones lie above earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    Area {
        ring: Vec<Point>,
        fill: Paint,
        edge: Pen,
    },
    Line {
        points: Vec<Point>,
        pen: Pen,
    },
    Disc {
        centre: Point,
        radius: f64,
        fill: Option<Paint>,
        edge: Option<Pen>,
    },
    Card {
        frame: Frame,
        corner: f64,
        fill: Option<Paint>,
        edge: Option<Pen>,
    },
    Words(Words),
    /// Marks that are cut off at the frame.
    Panel {
        frame: Frame,
        corner: f64,
        marks: Vec<Mark>,
    },
}

/// A whole picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scene {
    pub(super) width: f64,
    pub(super) height: f64,
    /// What it shows, for those who do not see it.
    pub(super) title: String,
    pub(super) marks: Vec<Mark>,
}

/// Words in the usual dark grey.
pub(super) fn words(at: Point, text: impl Into<String>, size: f64) -> Words {
    Words { at, text: text.into(), size, bold: false, anchor: Anchor::Start, paint: solid(INK), edged: false }
}

pub(super) const INK: u32 = 0x26_2d_36;
pub(super) const QUIET: u32 = 0x6b_72_7c;
pub(super) const PAPER: u32 = 0xfb_fa_f6;
pub(super) const LAND: u32 = 0xee_ef_e8;
pub(super) const EDGE: u32 = 0xd4_d3_ca;
pub(super) const INDIGO: u32 = 0x3b_4c_8a;
pub(super) const GREEN: u32 = 0x1d_7a_4c;
pub(super) const RED: u32 = 0xb2_3a_48;
