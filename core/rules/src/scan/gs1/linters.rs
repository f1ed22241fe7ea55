//! The checks that the dictionary names ("Linters"): each looks at one component of a value. Written from their descriptions in GS1's Syntax
//! Tests reference and the GS1 General Specifications.
//!
//! Two are looser than GS1's own: `packagetype` checks the form of a package type code and not the list, which is GS1's to keep, and the GS1
//! Company Prefix (`gcppos1`, `gcppos2`) is checked to be digits, as GS1's own do without a connection to its registry.

use super::codes::{COUNTRIES_ALPHA2, COUNTRIES_NUMERIC, CURRENCIES_NUMERIC, holds};
use super::north_american_coupons::{coupon_code, positive_offer};
use crate::one_dimensional::gs1_check_digit;
use crate::scan::ScanRefusal;

/// A named check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linter {
    name: &'static str,
    pub(super) passes: fn(&str) -> bool,
}

impl Linter {
    /// What a value that fails it is refused as.
    pub(super) fn refusal(&self, ai: &str) -> ScanRefusal {
        match self.name {
            "csum" | "csumalpha" => ScanRefusal::CheckDigit,
            rule => ScanRefusal::AiContent { ai: ai.to_owned(), rule: rule.to_owned() },
        }
    }
}

/// The character set of a component: N digits, X set 82, Y set 39, Z base64url.
pub(super) fn characters(kind: &str) -> Option<fn(&str) -> bool> {
    Some(match kind {
        "N" => is_digits,
        "X" => |text| text.bytes().all(|b| set_82(b).is_some()),
        "Y" => |text| text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b"#-/".contains(&b)),
        "Z" => base64url,
        _ => return None,
    })
}

/// The check of this name; `None` when the dictionary has grown and this has not.
pub(super) fn named(name: &'static str) -> Option<Linter> {
    let passes: fn(&str) -> bool = match name {
        "csum" => has_gs1_check_digit,
        "csumalpha" => check_pair,
        "gcppos1" => company_prefix,
        "gcppos2" => |text| text.split_at_checked(1).is_some_and(|(_, rest)| company_prefix(rest)),
        "hasnondigit" => |text| !is_digits(text),
        "zero" => |text| text.bytes().all(|b| b == b'0'),
        "nonzero" => |text| is_digits(text) && text.bytes().any(|b| b != b'0'),
        "nozeroprefix" => |text| is_digits(text) && !text.starts_with('0'),
        "hyphen" => |text| text.bytes().all(|b| b == b'-'),
        "yesno" => |text| ["0", "1"].contains(&text),
        "winding" => |text| ["0", "1", "9"].contains(&text),
        "iso5218" => |text| ["0", "1", "2", "9"].contains(&text),
        "mediatype" => |text| number(text).is_some_and(|code| (1..=10).contains(&code) || (80..=99).contains(&code)),
        "packagetype" => |text| text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()),
        "importeridx" => |text| text.len() == 1 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
        "iso3166" => |text| holds(COUNTRIES_NUMERIC, text),
        "iso3166999" => |text| text == "999" || holds(COUNTRIES_NUMERIC, text),
        "iso3166alpha2" => |text| holds(COUNTRIES_ALPHA2, text),
        "iso4217" => |text| holds(CURRENCIES_NUMERIC, text),
        "yymmdd" => |text| date(text) == Some(Day::Named),
        "yymmd0" => |text| date(text).is_some(),
        "yyyymmdd" => |text| text.split_at_checked(2).is_some_and(|(century, rest)| full_date(century, rest) == Some(Day::Named)),
        "yyyymmd0" => |text| text.split_at_checked(2).is_some_and(|(century, rest)| full_date(century, rest).is_some()),
        "hh" => |text| number(text).is_some_and(|hour| hour < 24),
        "mi" | "ss" => |text| number(text).is_some_and(|minute| minute < 60),
        "hhmi" => |text| number(text).is_some_and(|time| time / 100 < 24 && time % 100 < 60),
        "latitude" => |text| number(text).is_some_and(|tenth_millionths| tenth_millionths <= 1_800_000_000),
        "longitude" => |text| number(text).is_some_and(|tenth_millionths| tenth_millionths <= 3_600_000_000),
        "pieceoftotal" => piece_of_total,
        "posinseqslash" => position_in_sequence,
        "pcenc" => percent_encoded,
        "iban" => iban,
        "couponcode" => coupon_code,
        "couponposoffer" => positive_offer,
        _ => return None,
    };
    Some(Linter { name, passes })
}

/// True for digits alone.
pub(in crate::scan) fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|_| is_digits(digits))
}

/// True when the last digit is the check digit of the ones before it.
pub(in crate::scan) fn has_gs1_check_digit(text: &str) -> bool {
    let Some((body, check)) = text.len().checked_sub(1).and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    is_digits(text) && number(check) == Some(gs1_check_digit(body).into())
}

/// The place of a byte in GS1's character set 82 (ISO/IEC 646, table 7.11-1 of the General Specifications).
fn set_82(byte: u8) -> Option<usize> {
    const SET: &[u8] = b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    SET.iter().position(|b| *b == byte)
}

/// Padding goes by threes of characters, as in GS1's own check.
fn base64url(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let padded = padding == 0 || padding <= 2 && text.len().is_multiple_of(3);
    padded && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The shortest GS1 Company Prefix has four digits.
fn company_prefix(text: &str) -> bool {
    text.split_at_checked(4).is_some_and(|(prefix, _)| is_digits(prefix))
}

/// General Specifications, section 7.9.5: two check characters over places in set 82, weighted by primes from the right, modulo 1021.
fn check_pair(text: &str) -> bool {
    const SET_32: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let Some((body, pair)) = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    let primes = (2usize..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
    let weighted: Option<usize> = body.bytes().rev().zip(primes).map(|(b, prime)| Some(set_82(b)? * prime)).sum();
    let Some(sum) = weighted.map(|sum| sum % 1021) else {
        return false;
    };
    pair.bytes().eq([sum / 32, sum % 32].into_iter().filter_map(|place| SET_32.get(place).copied()))
}

#[derive(Debug, PartialEq, Eq)]
enum Day {
    Named,
    /// `00`: the whole month.
    WholeMonth,
}

/// `YYMMDD`. General Specifications, section 7.12: the century is the one that brings the year nearest to now; up to 2049 `00` is 2000, which is
/// the only year where the century matters here (29 February).
fn date(text: &str) -> Option<Day> {
    full_date("20", text)
}

fn full_date(century: &str, text: &str) -> Option<Day> {
    let digits = number(text).filter(|_| text.len() == 6)?;
    let year = number(century)? * 100 + digits / 10_000;
    let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let longest = match digits / 100 % 100 {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    match digits % 100 {
        0 => Some(Day::WholeMonth),
        day => (day <= longest).then_some(Day::Named),
    }
}

/// `0207`: the second piece of seven.
fn piece_of_total(text: &str) -> bool {
    let halves = text.split_at_checked(text.len() / 2).filter(|(piece, total)| piece.len() == total.len());
    let numbers = halves.and_then(|(piece, total)| Some((number(piece)?, number(total)?)));
    numbers.is_some_and(|(piece, total)| piece > 0 && piece <= total)
}

/// `2/3`: the second of three.
fn position_in_sequence(text: &str) -> bool {
    let counted = |digits: &str| number(digits).filter(|_| !digits.starts_with('0'));
    let numbers = text.split_once('/').and_then(|(position, end)| Some((counted(position)?, counted(end)?)));
    numbers.is_some_and(|(position, end)| position <= end)
}

fn percent_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|after| after.split_at_checked(2).is_some_and(|(hex, _)| hex.bytes().all(|b| b.is_ascii_hexdigit())))
}

/// ISO 13616: country, two check digits, and the rest; letters count 10 to 35, the first four characters go last, the remainder by 97 is 1.
fn iban(text: &str) -> bool {
    let Some((head, tail)) = text.split_at_checked(4).filter(|_| (11..=34).contains(&text.len())) else {
        return false;
    };
    let country = head.split_at_checked(2).is_some_and(|(country, _)| holds(COUNTRIES_ALPHA2, country));
    let remainder = tail.chars().chain(head.chars()).try_fold(0, |sum, c| {
        let value = c.to_digit(36).filter(|_| !c.is_ascii_lowercase())?;
        Some((sum * if value < 10 { 10 } else { 100 } + value) % 97)
    });
    country && remainder == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(name: &'static str, text: &str) -> bool {
        (named(name).unwrap().passes)(text)
    }

    /// Good and bad values of each check.
    #[test]
    fn good_values_pass_and_bad_ones_do_not() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("csum", &["02345673", "416000336108", "1234567890128", "12345678901231", "123456789012345675"], &["", "02345674", "0234567x"]),
            ("csumalpha", &["1987654Ad4X4bL5ttr2310c2K", "22"], &["1987654Ad4X4bL5ttr2310c2L", "2", "", "12345678901234567890日24"]),
            ("gcppos1", &["9520"], &["952", "95A0"]),
            ("gcppos2", &["A9520"], &["9520", ""]),
            ("hasnondigit", &["1A"], &["12"]),
            ("zero", &["0"], &["1"]),
            ("nonzero", &["01"], &["00"]),
            ("nozeroprefix", &["10"], &["01"]),
            ("hyphen", &["-"], &["+"]),
            ("mediatype", &["01", "10", "80", "99"], &["00", "11", "79", "A1"]),
            ("packagetype", &["9", "1A", "BGE"], &["1a", "ABCD"]),
            ("importeridx", &["-", "_", "a", "Z", "0"], &["!", "ab"]),
            ("iso3166", &["392", "826"], &["000", "999", "39"]),
            ("iso3166999", &["392", "999"], &["998"]),
            ("iso3166alpha2", &["JP", "GB"], &["jp", "UK", "J"]),
            ("iso4217", &["392", "826", "978"], &["000", "3920"]),
            ("yymmdd", &["240229", "000229", "991231"], &["230229", "241301", "240001", "240200", "24022", "2402299", "24-229"]),
            ("yymmd0", &["240200", "240430"], &["240431", "240000"]),
            ("yyyymmdd", &["20000229", "19991231"], &["19000229", "20240200", "240229"]),
            ("hh", &["00", "23"], &["24"]),
            ("hhmi", &["2359"], &["2400", "0060"]),
            ("mi", &["59"], &["60"]),
            ("latitude", &["0000000000", "1800000000"], &["1800000001"]),
            ("longitude", &["3600000000"], &["3600000001"]),
            ("pieceoftotal", &["0101", "0207"], &["0001", "0100", "0201", "011"]),
            ("posinseqslash", &["1/1", "2/3", "9/10"], &["0/1", "1/0", "2/1", "1/", "/1", "11", "01/2"]),
            ("pcenc", &["", "ABC", "%41%e3"], &["%", "%4", "%4G"]),
            ("iban", &["GB82WEST12345698765432", "DE89370400440532013000"], &["GB82WEST12345698765431", "gb82WEST12345698765432", "GB82"]),
            ("yesno", &["0", "1"], &["2"]),
            ("winding", &["0", "1", "9"], &["2"]),
            ("iso5218", &["0", "1", "2", "9"], &["3"]),
        ];
        for (name, good, bad) in table {
            for text in *good {
                assert!(passes(name, text), "{name} {text}");
            }
            for text in *bad {
                assert!(!passes(name, text), "{name} {text}");
            }
        }
    }

    #[test]
    fn the_character_sets() {
        for (kind, good, bad) in [("N", "0129", "1A"), ("X", "A_z!\"%?", "A~"), ("X", "a", "^"), ("Y", "A#-/9", "a"), ("Z", "Ab_-9", "a+b")]
        {
            let holds = characters(kind).unwrap();
            assert!(holds(good) && !holds(bad), "{kind}");
        }
        let base64 = characters("Z").unwrap();
        assert!(base64("AB=") && base64("ABCD==") && !base64("A===") && !base64("ABC="));
    }
}
