//! The letters of the map: Noto Sans CJK JP (SIL Open Font License 1.1, font/OFL.txt), reduced to what the map draws. No font of the system is used.

use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::scene::Mark;

const BYTES: &[u8] = include_bytes!("font/NotoSansCJKjp-subset.otf");

/// The font, ready to be drawn with.
pub(crate) struct Font(Face<'static>);

impl Font {
    pub(crate) fn open() -> Result<Self, String> {
        Face::parse(BYTES, 0).map(Self).map_err(|e| format!("the font of the map: {e}"))
    }

    /// The first character that the font does not have.
    pub(crate) fn lacks(&self, text: &str) -> Option<char> {
        text.chars().find(|c| self.0.glyph_index(*c).is_none())
    }

    /// How wide a text is at this size.
    pub(crate) fn width(&self, text: &str, size: f64) -> f64 {
        text.chars().map(|c| self.advance(self.glyph(c), size)).sum()
    }

    /// Draws the outline of every letter of a text that begins at `at` on its base line.
    pub(crate) fn outline(&self, text: &str, at: (f64, f64), size: f64, into: &mut impl Outlines) {
        let mut x = at.0;
        for letter in text.chars() {
            let glyph = self.glyph(letter);
            let mut placed = Placed { into, x, y: at.1, scale: size / self.units() };
            self.0.outline_glyph(glyph, &mut placed);
            x += self.advance(glyph, size);
        }
    }

    fn glyph(&self, letter: char) -> GlyphId {
        self.0.glyph_index(letter).unwrap_or_default()
    }

    fn advance(&self, glyph: GlyphId, size: f64) -> f64 {
        f64::from(self.0.glyph_hor_advance(glyph).unwrap_or_default()) * size / self.units()
    }

    fn units(&self) -> f64 {
        f64::from(self.0.units_per_em())
    }
}

/// A letter that the font lacks would be a box: better no picture, and to be told.
pub(crate) fn legible(font: &Font, marks: &[Mark]) -> Result<(), String> {
    marks.iter().try_for_each(|mark| match mark {
        Mark::Words(words) => match font.lacks(&words.text) {
            Some(letter) => Err(format!("the font of the map lacks {letter} of {}", words.text)),
            None => Ok(()),
        },
        Mark::Panel { marks, .. } => legible(font, marks),
        _ => Ok(()),
    })
}

/// Takes outlines in.
pub(crate) trait Outlines {
    fn move_to(&mut self, x: f32, y: f32);
    fn line_to(&mut self, x: f32, y: f32);
    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32);
    fn cubic_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32);
    fn close(&mut self);
}

/// A letter on the page: fonts count upwards, pictures downwards.
struct Placed<'a, Into> {
    into: &'a mut Into,
    x: f64,
    y: f64,
    scale: f64,
}

impl<Into> Placed<'_, Into> {
    #[allow(clippy::cast_possible_truncation, reason = "pixels")]
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        ((self.x + f64::from(x) * self.scale) as f32, (self.y - f64::from(y) * self.scale) as f32)
    }
}

impl<Into: Outlines> OutlineBuilder for Placed<'_, Into> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.into.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.into.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.into.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.into.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.into.close();
    }
}
