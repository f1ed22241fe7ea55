//! The symbology identifier that a scanner may put before a text (ISO/IEC 15424, "AIM identifier"): `]`, a letter, a digit.

use super::ScanRefusal;

/// How a text is to be read by the bars that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// The scanner did not say.
    Unknown,
    /// FNC1 in first position: an element string. Scanners do not send that FNC1 along.
    ElementString,
    /// Thirteen digits: EAN-13; UPC-A and UPC-E are sent as thirteen too.
    Ean13,
    /// EAN-13 and an add-on of two or five digits.
    Ean13WithAddOn,
    /// Eight digits.
    Ean8,
    /// The scanner says that it is something else: a text, even if it begins with 0x1D.
    Text,
}

/// Takes the identifier off; a text that begins with no `]` has none.
pub(super) fn take(text: &str) -> Result<(Carrier, &str), ScanRefusal> {
    let Some(rest) = text.strip_prefix(']') else {
        return Ok((Carrier::Unknown, text));
    };
    let (identifier, rest) = rest.split_at_checked(2).ok_or(ScanRefusal::UnknownSymbology)?;
    let carrier = match identifier {
        // GS1-128, DataBar and composites, Data Matrix, QR, DotCode, Aztec; with an Extended Channel Interpretation too.
        "C1" | "e0" | "d2" | "d5" | "Q3" | "Q4" | "J1" | "J4" | "z1" | "z4" => Carrier::ElementString,
        "E0" => Carrier::Ean13,
        "E3" => Carrier::Ean13WithAddOn,
        "E4" => Carrier::Ean8,
        _ => {
            let mut characters = identifier.chars();
            let (letter, modifier) = (characters.next().unwrap_or_default(), characters.next().unwrap_or_default());
            // Code 39, Code 128, Code 93, Codabar, ITF, MSI, PDF417, QR, Data Matrix, DataBar, DotCode, Aztec, MaxiCode, other bars.
            if !("ACGFIMLQdeJzUX".contains(letter) && modifier.is_ascii_digit()) {
                return Err(ScanRefusal::UnknownSymbology);
            }
            Carrier::Text
        }
    };
    Ok((carrier, rest))
}
