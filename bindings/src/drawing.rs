//! A card as a picture, for shells that do not draw the modules themselves.

use noren_core::member::CardView;

use crate::errors::NorenError;

/// The code as an SVG: black on white, with its quiet zone.
#[uniffi::export]
#[must_use]
pub fn card_svg(card: CardView) -> String {
    card.svg()
}

/// The code as a PNG, `scale` pixels a module, with its quiet zone.
///
/// # Errors
/// `Member` when the picture would be too large.
#[uniffi::export]
pub fn card_png(card: CardView, scale: u32) -> Result<Vec<u8>, NorenError> {
    Ok(card.png(scale)?)
}

/// The code for a terminal of 80 columns, in half blocks.
#[uniffi::export]
#[must_use]
pub fn card_terminal_text(card: CardView) -> String {
    card.terminal_text()
}
