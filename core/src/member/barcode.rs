//! Texts to modules: QR by the `qrcode` crate, one-dimensional codes by `barcoders`.

use barcoders::sym::codabar::Codabar;
use barcoders::sym::code128::Code128;
use barcoders::sym::ean13::EAN13;
use qrcode::canvas::Canvas;
use qrcode::{EcLevel, bits, ec};

use super::mask::best_masked;
use super::{ModuleMatrix, Symbology};

/// White modules around a QR (ISO/IEC 18004) and beside bars (ISO/IEC 15417, 15420).
const QUIET_QR: u32 = 4;
const QUIET_BARS: u32 = 10;
/// Up to this many grants the QR affords level M.
const GRANTS_FOR_LEVEL_M: usize = 5;

/// The modules of `text`. `None` when the text does not fit the symbology.
pub(super) fn modules(symbology: Symbology, text: &str, grants: usize) -> Option<ModuleMatrix> {
    let bars = match symbology {
        Symbology::Qr => return qr(text, grants),
        // Character set C: two digits a symbol.
        Symbology::Code128 => Code128::new(format!("\u{0106}{text}")).ok()?.encode(),
        Symbology::Ean13 => EAN13::new(text).ok()?.encode(),
        Symbology::Nw7 => Codabar::new(text).ok()?.encode(),
    };
    Some(ModuleMatrix::from_modules(bars.len(), 1, QUIET_BARS, bars.iter().map(|bar| *bar == 1)))
}

fn qr(text: &str, grants: usize) -> Option<ModuleMatrix> {
    let level = if grants <= GRANTS_FOR_LEVEL_M { EcLevel::M } else { EcLevel::L };
    let bits = bits::encode_auto(text.as_bytes(), level).ok()?;
    let version = bits.version();
    let (data, correction) = ec::construct_codewords(&bits.into_bytes(), version, level).ok()?;
    let mut canvas = Canvas::new(version, level);
    canvas.draw_all_functional_patterns();
    canvas.draw_data(&data, &correction);
    let width = usize::try_from(version.width()).ok()?;
    Some(ModuleMatrix::from_modules(width, width, QUIET_QR, best_masked(&canvas, width)?.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use qrcode::{Color, QrCode};

    #[test]
    fn all_symbologies_draw_their_texts_and_refuse_others() {
        for (symbology, text) in [
            (Symbology::Qr, "NRN1:ABC"),
            (Symbology::Code128, "123456789012345678"),
            (Symbology::Ean13, "2012345678903"),
            (Symbology::Nw7, "A12345678903A"),
        ] {
            let matrix = modules(symbology, text, 0).unwrap();
            assert!(matrix.is_dark(0, 0), "{symbology:?} begins with a black module");
            assert!(!matrix.is_dark(matrix.width, 0));
        }
        assert!(modules(Symbology::Ean13, "hello", 0).is_none());
        assert!(modules(Symbology::Nw7, "日本", 0).is_none());
    }

    #[test]
    fn a_member_code_without_grants_fits_80_columns() {
        // 364 characters is the measured text without grants.
        let matrix = modules(Symbology::Qr, &"A".repeat(364), 0).unwrap();
        assert!(matrix.width + 2 * matrix.quiet_zone <= 80, "{}", matrix.width);
    }
    proptest! {
        /// Module by module what the crate draws by itself, the mask it chooses included.
        #[test]
        fn the_fast_way_draws_what_the_crate_draws(text in "[A-Z0-9 $%*+./:-]{1,400}|\\PC{1,60}", grants in 0usize..8) {
            let level = if grants <= GRANTS_FOR_LEVEL_M { EcLevel::M } else { EcLevel::L };
            let code = QrCode::with_error_correction_level(&text, level).unwrap();
            let matrix = modules(Symbology::Qr, &text, grants).unwrap();
            let width = code.width();
            let expected = ModuleMatrix::from_modules(width, width, QUIET_QR, code.into_colors().into_iter().map(|color| color == Color::Dark));
            prop_assert_eq!(matrix, expected);
        }
    }
}
