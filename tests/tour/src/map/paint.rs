//! The scene as pixels.

use tiny_skia::{FillRule, LineCap, LineJoin, Mask, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};

use super::font::{Font, Outlines};
use super::scene::{Anchor, Frame, Mark, PAPER, Paint, Pen, Point, Scene, Words, pen};

/// How far a corner's handles lie from it, as part of its radius: what makes four curves a circle.
const ROUND: f64 = 0.552_284_75;

pub(crate) fn png(scene: &Scene, scale: f32) -> Result<Vec<u8>, String> {
    let side = |length: f64| {
        let pixels = (length * f64::from(scale)).ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        if (1.0..=20_000.0).contains(&pixels) { Ok(pixels as u32) } else { Err(format!("a picture {pixels} pixels wide or high")) }
    };
    let pixmap = Pixmap::new(side(scene.width)?, side(scene.height)?).ok_or("no memory for the picture")?;
    let mut canvas = Canvas { pixmap, transform: Transform::from_scale(scale, scale), font: Font::open()?, panel: None };
    scene.marks.iter().for_each(|mark| canvas.mark(mark));
    canvas.pixmap.encode_png().map_err(|e| e.to_string())
}

struct Canvas {
    pixmap: Pixmap,
    transform: Transform,
    font: Font,
    panel: Option<Mask>,
}

impl Canvas {
    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Area { ring, fill, edge } => self.shape(path(ring, true), Some(fill), Some(edge)),
            Mark::Line { points, pen } => self.shape(path(points, false), None, Some(pen)),
            Mark::Disc { centre, radius, fill, edge } => {
                let ((x, y), (radius, _)) = (narrow(*centre), narrow((*radius, 0.0)));
                let circle = PathBuilder::from_circle(x, y, radius);
                self.shape(circle, fill.as_ref(), edge.as_ref());
            }
            Mark::Card { frame, corner, fill, edge } => self.shape(rounded(frame, *corner), fill.as_ref(), edge.as_ref()),
            Mark::Words(words) => self.words(words),
            Mark::Panel { frame, corner, marks } => {
                let mask = Mask::new(self.pixmap.width(), self.pixmap.height()).zip(rounded(frame, *corner)).map(|(mut mask, frame)| {
                    mask.fill_path(&frame, FillRule::Winding, true, self.transform);
                    mask
                });
                self.panel = mask;
                marks.iter().for_each(|mark| self.mark(mark));
                self.panel = None;
            }
        }
    }

    fn words(&mut self, words: &Words) {
        let width = self.font.width(&words.text, words.size);
        let x = match words.anchor {
            Anchor::Start => words.at.0,
            Anchor::Middle => words.at.0 - width / 2.0,
            Anchor::End => words.at.0 - width,
        };
        let mut letters = Letters(PathBuilder::new());
        self.font.outline(&words.text, (x, words.at.1), words.size, &mut letters);
        let letters = letters.0.finish();
        if words.edged {
            self.shape(letters.clone(), None, Some(&pen(PAPER, 3.0)));
        }
        // One weight of the font is enough: bold is the same letters with an edge.
        let edge = words.bold.then_some(Pen { paint: words.paint, width: words.size / 28.0, dash: None });
        self.shape(letters, Some(&words.paint), edge.as_ref());
    }

    fn shape(&mut self, path: Option<Path>, fill: Option<&Paint>, edge: Option<&Pen>) {
        // A path of nothing is drawn as nothing.
        let Some(path) = path else { return };
        if let Some(fill) = fill {
            self.pixmap.fill_path(&path, &colour(fill), FillRule::Winding, self.transform, self.panel.as_ref());
        }
        if let Some(edge) = edge {
            #[allow(clippy::cast_possible_truncation, reason = "pixels")]
            let stroke = Stroke {
                width: edge.width as f32,
                line_cap: LineCap::Round,
                line_join: LineJoin::Round,
                dash: edge.dash.and_then(|(drawn, left_out)| StrokeDash::new(vec![drawn as f32, left_out as f32], 0.0)),
                ..Stroke::default()
            };
            self.pixmap.stroke_path(&path, &colour(&edge.paint), &stroke, self.transform, self.panel.as_ref());
        }
    }
}

fn colour(paint: &Paint) -> tiny_skia::Paint<'static> {
    let [_, red, green, blue] = paint.rgb.to_be_bytes();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let opacity = (paint.opacity.clamp(0.0, 1.0) * 255.0).round() as u8;
    let mut colour = tiny_skia::Paint::default();
    colour.set_color_rgba8(red, green, blue, opacity);
    colour.anti_alias = true;
    colour
}

/// To a tenth of a pixel, as in the SVG: what a machine's sine differs by is not seen.
#[allow(clippy::cast_possible_truncation, reason = "pixels")]
fn narrow(point: Point) -> (f32, f32) {
    let tenth = |pixels: f64| ((pixels * 10.0).round() / 10.0) as f32;
    (tenth(point.0), tenth(point.1))
}

fn path(points: &[Point], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (at, point) in points.iter().enumerate() {
        let (x, y) = narrow(*point);
        if at == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn rounded(frame: &Frame, corner: f64) -> Option<Path> {
    let (left, top) = narrow((frame.x, frame.y));
    let (right, bottom) = narrow((frame.x + frame.width, frame.y + frame.height));
    if corner <= 0.0 {
        return Rect::from_ltrb(left, top, right, bottom).map(PathBuilder::from_rect);
    }
    #[allow(clippy::cast_possible_truncation, reason = "pixels")]
    let (corner, handle) = (corner as f32, (corner * (1.0 - ROUND)) as f32);
    let mut path = PathBuilder::new();
    path.move_to(left + corner, top);
    path.line_to(right - corner, top);
    path.cubic_to(right - handle, top, right, top + handle, right, top + corner);
    path.line_to(right, bottom - corner);
    path.cubic_to(right, bottom - handle, right - handle, bottom, right - corner, bottom);
    path.line_to(left + corner, bottom);
    path.cubic_to(left + handle, bottom, left, bottom - handle, left, bottom - corner);
    path.line_to(left, top + corner);
    path.cubic_to(left, top + handle, left + handle, top, left + corner, top);
    path.close();
    path.finish()
}

struct Letters(PathBuilder);

impl Outlines for Letters {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn cubic_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::scene::solid;

    #[test]
    fn no_size_makes_it_panic() {
        let scene = |width| Scene {
            width,
            height: 9.0,
            title: String::new(),
            marks: vec![Mark::Card {
                frame: Frame { x: 0.0, y: 0.0, width: 9.0, height: 9.0 },
                corner: 2.0,
                fill: Some(solid(0xff)),
                edge: None,
            }],
        };
        assert!(png(&scene(9.0), 1.0).is_ok());
        for (width, scale) in [(0.0, 1.0), (9.0, 0.0), (9.0, f32::NAN), (9.0, -1.0), (1e9, 1.0)] {
            assert!(png(&scene(width), scale).is_err(), "{width} {scale}");
        }
    }
}
