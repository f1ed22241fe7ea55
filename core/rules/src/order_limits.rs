//! How long what goes with an order may be, for phone and backend: what the one keeps, the other takes.

/// Bytes of a payment provider's token.
pub const MAX_TOKEN: usize = 200;
/// Characters of a car.
pub const MAX_VEHICLE: usize = 60;
/// Characters of a parking space or counter.
pub const MAX_SPOT: usize = 60;
/// Characters of a name.
pub const MAX_NAME: usize = 100;
/// Characters of a postal code.
pub const MAX_POSTAL_CODE: usize = 20;
/// Characters of the rest of an address.
pub const MAX_ADDRESS: usize = 300;
/// Characters of a word to who brings it.
pub const MAX_ADDRESS_NOTE: usize = 200;
/// Coupons that an order names.
pub const MAX_COUPONS: usize = 40;
/// Allergens that a person avoids.
pub const MAX_AVOIDED: usize = 100;

/// True for what can be a payment provider's token: 1 to 200 visible ASCII characters.
#[must_use]
pub fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// True for one line of at most so many characters, empty too, with no control character in it.
#[must_use]
pub fn is_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

/// True for an address: one or more lines.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let is_bad = |character: char| character.is_control() && character != '\n';
    !text.trim().is_empty() && text.chars().count() <= MAX_ADDRESS && !text.chars().any(is_bad)
}
