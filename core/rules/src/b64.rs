//! Bytes as text: base64url without padding (RFC 4648, section 5), one text for one value.

use data_encoding::BASE64URL_NOPAD;

/// Bytes to text.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Text to bytes; `None` for padding, other alphabets and trailing bits.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}
