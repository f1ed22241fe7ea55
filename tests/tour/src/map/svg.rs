//! The scene as SVG.

use std::fmt::Write as _;

use super::font::Font;
use super::scene::{Anchor, Frame, Mark, Paint, Pen, Point, Scene, Words};

const FAMILY: &str = "'Noto Sans CJK JP','Noto Sans JP','Hiragino Sans','Yu Gothic',sans-serif";

pub(super) fn write(scene: &Scene) -> String {
    let mut svg = Svg { text: String::new(), panels: 0, font: Font::open().ok() };
    let (width, height, title) = (number(scene.width), number(scene.height), escape(&scene.title));
    svg.put(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         font-family=\"{FAMILY}\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n<title>{title}</title>\n"
    ));
    scene.marks.iter().for_each(|mark| svg.mark(mark));
    svg.text.push_str("</svg>\n");
    svg.text
}

struct Svg {
    text: String,
    panels: u32,
    font: Option<Font>,
}

impl Svg {
    fn put(&mut self, words: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = self.text.write_fmt(words);
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Area { ring, fill, edge } => {
                self.put(format_args!("<path d=\"{}Z\"{}{}/>\n", path(ring), filled(Some(fill)), stroked(Some(edge))));
            }
            Mark::Line { points, pen } => self.put(format_args!("<path d=\"{}\"{}{}/>\n", path(points), filled(None), stroked(Some(pen)))),
            Mark::Disc { centre: (x, y), radius, fill, edge } => {
                let (x, y, radius) = (number(*x), number(*y), number(*radius));
                let look = filled(fill.as_ref()) + &stroked(edge.as_ref());
                self.put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{look}/>\n"));
            }
            Mark::Card { frame, corner, fill, edge } => {
                let look = filled(fill.as_ref()) + &stroked(edge.as_ref());
                self.put(format_args!("<rect{}{look}/>\n", rectangle(frame, *corner)));
            }
            Mark::Words(words) => self.words(words),
            Mark::Panel { frame, corner, marks } => {
                self.panels += 1;
                let panel = self.panels;
                self.put(format_args!("<clipPath id=\"panel{panel}\"><rect{}/></clipPath>\n", rectangle(frame, *corner)));
                self.put(format_args!("<g clip-path=\"url(#panel{panel})\">\n"));
                marks.iter().for_each(|mark| self.mark(mark));
                self.text.push_str("</g>\n");
            }
        }
    }

    fn words(&mut self, words: &Words) {
        let anchor = match words.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let bold = if words.bold { " font-weight=\"600\"" } else { "" };
        let edge = if words.edged { " stroke=\"#fbfaf6\" stroke-width=\"3\" paint-order=\"stroke\"" } else { "" };
        // As wide as it was laid out, in whatever font the reader has.
        let width = self.font.as_ref().map_or(0.0, |font| font.width(&words.text, words.size));
        let (x, y, size, width) = (number(words.at.0), number(words.at.1), number(words.size), number(width));
        let (fill, text) = (filled(Some(&words.paint)), escape(&words.text));
        self.put(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\"{anchor}{bold}{fill}{edge}>{text}</text>\n"
        ));
    }
}

fn path(points: &[Point]) -> String {
    let mut path = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        let letter = match at {
            0 => "M",
            1 => "L",
            _ => " ",
        };
        path.push_str(letter);
        path.push_str(&number(*x));
        path.push(' ');
        path.push_str(&number(*y));
    }
    path
}

fn rectangle(frame: &Frame, corner: f64) -> String {
    let [x, y, width, height, corner] = [frame.x, frame.y, frame.width, frame.height, corner].map(number);
    format!(" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{corner}\"")
}

fn filled(paint: Option<&Paint>) -> String {
    paint.map_or(" fill=\"none\"".to_owned(), |paint| format!(" fill=\"#{:06x}\"{}", paint.rgb, opacity("fill", paint)))
}

fn stroked(pen: Option<&Pen>) -> String {
    let Some(pen) = pen else { return String::new() };
    let dash = pen.dash.map_or(String::new(), |(drawn, left_out)| format!(" stroke-dasharray=\"{} {}\"", number(drawn), number(left_out)));
    format!(" stroke=\"#{:06x}\" stroke-width=\"{}\"{}{dash}", pen.paint.rgb, number(pen.width), opacity("stroke", &pen.paint))
}

fn opacity(of: &str, paint: &Paint) -> String {
    if paint.opacity < 1.0 { format!(" {of}-opacity=\"{:.2}\"", paint.opacity) } else { String::new() }
}

/// A tenth of a pixel is exact enough, and the same on every machine.
fn number(number: f64) -> String {
    let text = format!("{number:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text as it may stand in an element or an attribute. What no XML may hold is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => {}
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::scene::words;

    #[test]
    fn a_name_cannot_break_out() {
        let text = "<script>&\"'\u{0}\u{ffff}西";
        let scene = Scene { width: 9.0, height: 9.0, title: text.to_owned(), marks: vec![Mark::Words(words((0.0, 0.0), text, 9.0))] };
        let svg = write(&scene);
        assert_eq!(svg.matches("&lt;script&gt;&amp;&quot;&apos;西</").count(), 2, "{svg}");
        assert!(!svg.contains("<script"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, -0.01, 12.04, 3.96, -7.5].map(number), ["0", "0", "12", "4", "-7.5"]);
    }
}
