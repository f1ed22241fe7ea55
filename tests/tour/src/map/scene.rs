//! What a map is made of, before it is SVG or pixels.

/// Pixels of the SVG, to the right and down.
pub(crate) type Point = (f64, f64);

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Paint {
    pub(crate) rgb: u32,
    /// 0 to 1.
    pub(crate) opacity: f64,
}

pub(crate) const fn solid(rgb: u32) -> Paint {
    Paint { rgb, opacity: 1.0 }
}

pub(crate) const fn faint(rgb: u32, opacity: f64) -> Paint {
    Paint { rgb, opacity }
}

/// A line's look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pen {
    pub(crate) paint: Paint,
    pub(crate) width: f64,
    /// Drawn, left out.
    pub(crate) dash: Option<(f64, f64)>,
}

pub(crate) const fn pen(rgb: u32, width: f64) -> Pen {
    Pen { paint: solid(rgb), width, dash: None }
}

pub(crate) const fn dashed(rgb: u32, width: f64, drawn: f64, left_out: f64) -> Pen {
    Pen { paint: solid(rgb), width, dash: Some((drawn, left_out)) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// An upright rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Frame {
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.x < other.x + other.width && other.x < self.x + self.width && self.y < other.y + other.height && other.y < self.y + self.height
    }

    pub(crate) fn holds(&self, point: Point) -> bool {
        (self.x..=self.x + self.width).contains(&point.0) && (self.y..=self.y + self.height).contains(&point.1)
    }

    pub(crate) fn middle(&self) -> Point {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

/// Words on the map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Words {
    /// Where their base line begins, is centred or ends.
    pub(crate) at: Point,
    pub(crate) text: String,
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) anchor: Anchor,
    pub(crate) paint: Paint,
    /// A light edge, to be read over lines.
    pub(crate) edged: bool,
}

/// One thing drawn. Later ones lie above earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
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
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// What it shows, for those who do not see it.
    pub(crate) title: String,
    pub(crate) marks: Vec<Mark>,
}

/// Words in the usual dark grey.
pub(crate) fn words(at: Point, text: impl Into<String>, size: f64) -> Words {
    Words { at, text: text.into(), size, bold: false, anchor: Anchor::Start, paint: solid(INK), edged: false }
}

pub(crate) const INK: u32 = 0x26_2d_36;
pub(crate) const QUIET: u32 = 0x6b_72_7c;
pub(crate) const PAPER: u32 = 0xfb_fa_f6;
pub(crate) const LAND: u32 = 0xee_ef_e8;
pub(crate) const EDGE: u32 = 0xd4_d3_ca;
pub(crate) const INDIGO: u32 = 0x3b_4c_8a;
pub(crate) const GREEN: u32 = 0x1d_7a_4c;
pub(crate) const RED: u32 = 0xb2_3a_48;
