//! Drawing a card: SVG, PNG, and text for a terminal. Black on white with the quiet zone, always.

use std::fmt::Write;

use super::{CardView, MemberError, ModuleMatrix};

/// Height of bars, in modules: a third of the width, as scanners like it.
fn rows(matrix: &ModuleMatrix) -> u32 {
    if matrix.height == 1 { (matrix.width / 3).max(15) } else { matrix.height }
}

/// Rows of white above and below: as wide as at the sides for a QR, a little for bars.
fn vertical_quiet(matrix: &ModuleMatrix) -> u32 {
    if matrix.height == 1 { 4 } else { matrix.quiet_zone }
}

impl CardView {
    /// The code as an SVG document of one path, one unit a module; scale it to the full width of the screen.
    #[must_use]
    pub fn svg(&self) -> String {
        self.matrix.svg()
    }

    /// The code as a PNG of one bit a pixel, `scale` pixels a module (1 to 64).
    ///
    /// # Errors
    /// [`MemberError::NotDrawable`] when the picture cannot be encoded.
    pub fn png(&self, scale: u32) -> Result<Vec<u8>, MemberError> {
        self.matrix.png(scale).ok_or_else(|| MemberError::NotDrawable { symbology: self.symbology.name().into() })
    }

    /// The code for a terminal with a dark background: half blocks, two rows of modules a line. White is drawn, black is left.
    #[must_use]
    pub fn terminal_text(&self) -> String {
        self.matrix.terminal_text()
    }
}

impl ModuleMatrix {
    /// As [`CardView::svg`].
    #[must_use]
    pub fn svg(&self) -> String {
        let (left, top, rows) = (self.quiet_zone, vertical_quiet(self), rows(self));
        let (width, height) = (self.width + 2 * left, rows + 2 * top);
        let mut path = String::with_capacity(8 * 1024);
        let bar = if self.height == 1 { rows } else { 1 };
        for y in 0..self.height {
            let mut x = 0;
            while x < self.width {
                let run = (x..self.width).take_while(|at| self.is_dark(*at, y)).count();
                let run = u32::try_from(run).unwrap_or(0);
                if run > 0 {
                    // Writing to a String does not fail.
                    let _ = write!(path, "M{} {}h{run}v{bar}h-{run}z", x + left, y + top);
                }
                x += run.max(1);
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{width}v{height}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }

    /// As [`CardView::png`].
    #[must_use]
    pub fn png(&self, scale: u32) -> Option<Vec<u8>> {
        let scale = scale.clamp(1, 64);
        let (left, top, rows) = (self.quiet_zone, vertical_quiet(self), rows(self));
        let (width, height) = ((self.width + 2 * left) * scale, (rows + 2 * top) * scale);
        let stride = usize::try_from(width.div_ceil(8)).ok()?;
        let mut pixels = Vec::with_capacity(stride * usize::try_from(height).ok()?);
        for y in 0..rows + 2 * top {
            let row = self.pixel_row(y, top, left, scale, stride);
            for _ in 0..scale {
                pixels.extend_from_slice(&row);
            }
        }
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(&pixels).ok()?;
        writer.finish().ok()?;
        Some(bytes)
    }

    fn pixel_row(&self, y: u32, top: u32, left: u32, scale: u32, stride: usize) -> Vec<u8> {
        let mut row = vec![0xFFu8; stride];
        // A one-dimensional code repeats its only row.
        let module_y = y.checked_sub(top).map(|y| if self.height == 1 { y.min(rows(self)) / rows(self) } else { y });
        let Some(module_y) = module_y else { return row };
        for x in (0..self.width).filter(|x| self.is_dark(*x, module_y)) {
            for pixel in (x + left) * scale..(x + left + 1) * scale {
                if let Some(byte) = usize::try_from(pixel / 8).ok().and_then(|at| row.get_mut(at)) {
                    *byte &= !(0x80 >> (pixel % 8));
                }
            }
        }
        row
    }

    /// As [`CardView::terminal_text`].
    #[must_use]
    pub fn terminal_text(&self) -> String {
        let (left, top) = (self.quiet_zone, if self.height == 1 { 1 } else { self.quiet_zone });
        let rows = if self.height == 1 { 12 } else { self.height };
        let dark = |x: u32, y: u32| match (x.checked_sub(left), y.checked_sub(top)) {
            (Some(x), Some(y)) if y < rows => self.is_dark(x, if self.height == 1 { 0 } else { y }),
            _ => false,
        };
        let mut text = String::new();
        for y in (0..rows + 2 * top).step_by(2) {
            for x in 0..self.width + 2 * left {
                // Below the last row there is nothing to draw white.
                let below = y + 1 >= rows + 2 * top || dark(x, y + 1);
                text.push(match (dark(x, y), below) {
                    (false, false) => '█',
                    (false, true) => '▀',
                    (true, false) => '▄',
                    (true, true) => ' ',
                });
            }
            text.push('\n');
        }
        text
    }
}
