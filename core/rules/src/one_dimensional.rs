//! The one-dimensional codes, for scanners that read no QR: the same member at lower assurance.
//!
//! - Code 128: 18 digits, a random alias of 12 and a TOTP (RFC 6238, SHA-1, 30 s, 6 digits). The backend takes each once.
//! - EAN-13 of the operator's member range (20 to 29) and NW-7: static, copyable for ever. They earn and never spend.

use subtle::ConstantTimeEq;
use totp_rs::{Algorithm, Builder, Totp};

/// Length of a TOTP step in seconds.
pub const TOTP_STEP_S: i64 = 30;
/// Digits of an alias, its check digit included.
pub const ALIAS_LEN: usize = 12;
/// Digits of a TOTP.
pub const TOTP_LEN: usize = 6;

fn totp(secret: &[u8], digits: u8) -> Totp {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(digits)
        .with_step_duration(TOTP_STEP_S.unsigned_abs())
        .with_skew(0)
        .with_secret(secret.to_vec())
        .build_noncompliant()
}

/// The text of the Code 128 at `now_s`: alias and one-time digits.
#[must_use]
pub fn code128_text(alias: &str, secret: &[u8], now_s: i64) -> String {
    format!("{alias}{}", totp(secret, 6).generate(now_s.max(0).unsigned_abs()))
}

/// Alias and one-time digits of a scanned text; `None` when it is not 18 digits whose first 12 have a right check digit.
#[must_use]
pub fn read_code128(text: &str) -> Option<(&str, &str)> {
    let (alias, otp) = text.split_at_checked(ALIAS_LEN)?;
    let digits = otp.len() == TOTP_LEN && otp.bytes().all(|b| b.is_ascii_digit());
    (digits && is_alias(alias)).then_some((alias, otp))
}

/// The step to which `otp` belongs, if it is that of `now_s` or of one step before or after. Compared in constant time.
#[must_use]
pub fn verify_otp(secret: &[u8], otp: &str, now_s: i64) -> Option<u64> {
    let totp = totp(secret, 6);
    let fits = |moment: &i64| -> bool { totp.generate(moment.unsigned_abs()).to_string().as_bytes().ct_eq(otp.as_bytes()).into() };
    let moments = [now_s, now_s.saturating_sub(TOTP_STEP_S), now_s.saturating_add(TOTP_STEP_S)];
    moments.into_iter().filter(|moment| *moment >= 0).find(fits).map(|moment| moment.unsigned_abs() / TOTP_STEP_S.unsigned_abs())
}

/// A new alias from eight random bytes: eleven digits, the first not 0, and a check digit.
#[must_use]
pub fn new_alias(random: &[u8; 8]) -> String {
    let digits = (10_000_000_000 + u64::from_be_bytes(*random) % 90_000_000_000).to_string();
    let check = luhn(&digits);
    format!("{digits}{check}")
}

/// True for 12 digits with a right check digit.
#[must_use]
pub fn is_alias(text: &str) -> bool {
    text.len() == ALIAS_LEN && with_right_check(text, luhn)
}

/// The EAN-13 of a member: a prefix of 2 to 7 digits that begins with 20 to 29, a serial, and the check digit of GS1.
/// `None` when the prefix is none, or the serial does not fit.
#[must_use]
pub fn member_ean13(prefix: &str, serial: u64) -> Option<String> {
    let in_range = (2..=7).contains(&prefix.len()) && prefix.starts_with('2') && prefix.bytes().all(|b| b.is_ascii_digit());
    let body = format!("{prefix}{serial:0width$}", width = 12usize.checked_sub(prefix.len())?);
    (in_range && body.len() == 12).then(|| format!("{body}{}", gs1_check_digit(&body)))
}

/// True for 13 digits with a right check digit.
#[must_use]
pub fn is_ean13(text: &str) -> bool {
    text.len() == 13 && with_right_check(text, gs1_check_digit)
}

/// The NW-7 (Codabar) of a member: start `A`, ten digits, a check digit (modulus 10, weight 2, as on most Japanese cards), stop `A`.
#[must_use]
pub fn member_nw7(serial: u64) -> String {
    let digits = format!("{:010}", serial % 10_000_000_000);
    let check = luhn(&digits);
    format!("A{digits}{check}A")
}

/// True for what [`member_nw7`] makes, with or without the start and stop letters, which many scanners take off.
#[must_use]
pub fn is_nw7(text: &str) -> bool {
    let digits = text.strip_prefix('A').and_then(|rest| rest.strip_suffix('A')).unwrap_or(text);
    digits.len() == 11 && with_right_check(digits, luhn)
}

fn with_right_check(text: &str, check_digit: fn(&str) -> u8) -> bool {
    let Some((body, check)) = text.len().checked_sub(1).and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    text.bytes().all(|b| b.is_ascii_digit()) && check.parse() == Ok(check_digit(body))
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &str) -> u8 {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    check_digit(digits, |place, digit| if place % 2 == 0 { doubled(digit) } else { digit })
}

/// GS1 General Specifications, section 7.9: weights 3 and 1 from the right.
pub(crate) fn gs1_check_digit(digits: &str) -> u8 {
    check_digit(digits, |place, digit| if place % 2 == 0 { digit * 3 } else { digit })
}

fn check_digit(digits: &str, weigh: impl Fn(usize, u32) -> u32) -> u8 {
    let sum: u32 = digits.chars().rev().enumerate().map(|(place, c)| weigh(place, c.to_digit(10).unwrap_or(0))).sum();
    u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc6238_appendix_b_sha1() {
        let secret = b"12345678901234567890";
        for (time, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(totp(secret, 8).generate(time).to_string(), code);
        }
    }

    #[test]
    fn an_otp_is_good_for_a_step_each_way() {
        let (secret, now_s) = (b"12345678901234567890", 1_800_000_015);
        let alias = new_alias(&[8; 8]);
        let text = code128_text(&alias, secret, now_s);
        assert_eq!(text.len(), ALIAS_LEN + TOTP_LEN);
        let (read, otp) = read_code128(&text).unwrap();
        assert_eq!(read, alias);
        let step = 1_800_000_015 / 30;
        for (later, expected) in [(-31, Some(step)), (0, Some(step)), (30, Some(step)), (45, None), (-46, None)] {
            assert_eq!(verify_otp(secret, otp, now_s + later), expected, "{later} s later");
        }
    }

    #[test]
    fn check_digits_of_known_codes() {
        assert!(is_ean13("4901777018686"), "a Japanese soft drink");
        assert!(!is_ean13("4901777018687"));
        assert_eq!(luhn("7992739871"), 3);
        assert_eq!(member_ean13("28", 1).as_deref(), Some("2800000000011"));
        assert_eq!(member_ean13("49", 1), None);
        assert_eq!(member_ean13("28", 10_000_000_000), None);
        assert!(is_nw7(&member_nw7(123)) && is_nw7(member_nw7(123).trim_matches('A')));
    }

    proptest! {
        #[test]
        fn what_is_made_is_read(random in any::<[u8; 8]>(), serial in 0u64..10_000_000_000) {
            prop_assert!(is_alias(&new_alias(&random)));
            prop_assert!(is_ean13(&member_ean13("28", serial).unwrap()));
            prop_assert!(is_nw7(&member_nw7(serial)));
        }

        #[test]
        fn a_wrong_digit_is_seen(serial in 0u64..10_000_000_000, at in 0usize..13, other in 1u8..10) {
            let mut digits: Vec<u8> = member_ean13("28", serial).unwrap().into_bytes();
            digits[at] = b'0' + (digits[at] - b'0' + other) % 10;
            prop_assert!(!is_ean13(std::str::from_utf8(&digits).unwrap()));
        }

        #[test]
        fn any_text_gets_an_answer(text in ".*") {
            let _ = (read_code128(&text), is_ean13(&text), is_nw7(&text), is_alias(&text));
        }
    }
}
