//! A card as a picture, for shells that do not draw the modules themselves.

use noren_core::member::CardView;

use crate::errors::NorenError;

/// The code as an SVG: black on white, with its quiet zone.
///
/// # Errors
/// None of its own.
#[uniffi::export]
pub fn card_svg(card: CardView) -> Result<String, NorenError> {
    Ok(card.svg())
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
///
/// # Errors
/// None of its own.
#[uniffi::export]
pub fn card_terminal_text(card: CardView) -> Result<String, NorenError> {
    Ok(card.terminal_text())
}
