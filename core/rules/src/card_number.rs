//! What looks like the number of a payment card: it must never come in, and is refused wherever it stands.
//!
//! ISO/IEC 7812-1: 13 to 19 digits, the first says the industry, the last is a check digit (Luhn). Cards of banks begin with 3 to 6, or with 2221 to
//! 2720 at 16 digits.

/// Most separators between two digits of one number.
const MAX_APART: usize = 3;

const LEAST_DIGITS: usize = 13;

/// True when a text holds something like the number of a payment card. Spaces, dashes, dots and full width do not hide it; it may have text around
/// it, but no further digits at its ends that belong to the same group. Numbers of goods (JAN, 13 digits with GS1's check digit) are none.
#[must_use]
pub fn is_like_one(text: &str) -> bool {
    // Most texts have not even the digits.
    text.chars().filter_map(digit).nth(LEAST_DIGITS - 1).is_some()
        && runs(text).iter().any(|groups| {
            (0..groups.len()).any(|from| {
                let mut digits = Vec::new();
                groups.iter().skip(from).any(|group| {
                    digits.extend_from_slice(group);
                    is_one(&digits)
                })
            })
        })
}

/// Groups of digits, in runs between which there is more than separators.
fn runs(text: &str) -> Vec<Vec<Vec<u8>>> {
    let mut runs: Vec<Vec<Vec<u8>>> = Vec::new();
    // How many separators since the last digit; `None` once something else stood there.
    let mut apart: Option<usize> = None;
    for character in text.chars() {
        if let Some(digit) = digit(character) {
            match (apart, runs.last_mut()) {
                (Some(0), Some(run)) => match run.last_mut() {
                    Some(group) => group.push(digit),
                    None => run.push(vec![digit]),
                },
                (Some(_), Some(run)) => run.push(vec![digit]),
                _ => runs.push(vec![vec![digit]]),
            }
            apart = Some(0);
        } else if is_invisible(character) {
            // As if it were not there.
        } else {
            apart = apart.filter(|apart| *apart < MAX_APART && is_separator(character)).map(|apart| apart + 1);
        }
    }
    runs
}

fn digit(character: char) -> Option<u8> {
    let digit = match character {
        '0'..='9' => u32::from(character) - u32::from('0'),
        '０'..='９' => u32::from(character) - u32::from('０'),
        _ => return None,
    };
    u8::try_from(digit).ok()
}

fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}')
}

fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '_' | '.' | '・' | '·' | 'ー' | 'ｰ' | '－' | '．' | '＿' | '−' | '\u{2010}'..='\u{2015}')
}

fn is_one(digits: &[u8]) -> bool {
    let bank = match digits {
        [3..=6, ..] => true,
        [2, b, c, d, ..] => digits.len() == 16 && (221..=720).contains(&(u16::from(*b) * 100 + u16::from(*c) * 10 + u16::from(*d))),
        _ => false,
    };
    let is_of_goods = digits.len() == 13 && weighted(digits, |even, digit| if even { digit * 3 } else { digit });
    (LEAST_DIGITS..=19).contains(&digits.len()) && bank && !is_of_goods && is_luhn(digits)
}

fn is_luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    weighted(digits, |even, digit| if even { doubled(digit) } else { digit })
}

/// True when the digits, weighted from the last one on (which is odd), add up to whole tens.
fn weighted(digits: &[u8], weight: impl Fn(bool, u32) -> u32) -> bool {
    let weights = digits.iter().rev().enumerate().map(|(at, digit)| weight(at % 2 == 1, u32::from(*digit)));
    weights.sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers that the brands give out for tests.
    const CARDS: [&str; 9] = [
        "4111111111111111",
        "4222222222222",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3530111333300000",
        "30569309025904",
        "6011111111111117",
        "6212345678901232",
    ];

    #[test]
    fn cards_are_found_in_any_dress() {
        for card in CARDS {
            let grouped: Vec<String> = card.as_bytes().chunks(4).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
            let wide: String = card.chars().map(|digit| char::from_u32(u32::from(digit) - 0x30 + 0xFF10).unwrap()).collect();
            for text in [card.to_owned(), grouped.join(" "), grouped.join("-"), grouped.join("　"), grouped.join(" - "), wide] {
                assert!(is_like_one(&text), "{text}");
                assert!(is_like_one(&format!("カード番号は{text}です。03-1234-5678")), "{text}");
                assert!(is_like_one(&format!("2 {text} 123")), "{text}");
            }
            assert!(is_like_one(&card.replacen('1', "1\u{200B}", 1)));
        }
    }

    #[test]
    fn other_numbers_are_not() {
        let other = [
            "",
            "090-1234-5678 9:30",
            "4111111111111112",
            "411111111111",
            "99994111111111111111119999",
            "T1180301018771",
            "4901234567894",
            "2027-01-15 17:00",
            "tok_ok",
            "4111 1111 and 1111 1111",
            "0000000000000000",
        ];
        for text in other {
            assert!(!is_like_one(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer(text in ".{0,200}") {
            let _ = is_like_one(&text);
        }

        /// With the right last digit it is found, with every other one it is not.
        #[test]
        fn one_last_digit_of_ten_fits(head in "[3-6][0-9]{14}", before in "[a-zあ ]{0,5}", after in "[a-zあ ]{0,5}") {
            let found = (0..10).filter(|last| is_like_one(&format!("{before}{head}{last}{after}"))).count();
            prop_assert_eq!(found, 1);
        }
    }
}
