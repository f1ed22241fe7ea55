//! Folding: texts that a person takes for the same become the same.

use unicode_normalization::UnicodeNormalization;

/// Folds a text for searching: NFKC (full and half width become one), lower case, hiragana to katakana, white space to single spaces and
/// none at the ends. Folding twice is folding once.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Plain ASCII, as most article names of the real sales log are, needs no tables.
    if text.is_ascii() {
        fold_into(&mut folded, text.chars().map(|c| c.to_ascii_lowercase()));
        return folded;
    }
    // Lower case can undo the composition, and composing can bring a capital: until nothing changes.
    let mut current: String = text.nfkc().collect();
    for _ in 0..3 {
        let next: String = current.chars().flat_map(char::to_lowercase).map(katakana).nfkc().collect();
        if next == current {
            break;
        }
        current = next;
    }
    fold_into(&mut folded, current.chars());
    folded
}

fn katakana(c: char) -> char {
    match c {
        'ぁ'..='ゖ' | 'ゝ' | 'ゞ' => char::from_u32(u32::from(c) + 0x60).unwrap_or(c),
        other => other,
    }
}

fn fold_into(folded: &mut String, characters: impl Iterator<Item = char>) {
    let mut space = false;
    for c in characters {
        if c.is_whitespace() {
            space = !folded.is_empty();
        } else {
            if space {
                folded.push(' ');
                space = false;
            }
            folded.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (a, b) in [
            ("ｷﾞｭｳﾆｭｳ", "ギュウニュウ"),
            ("ぎゅうにゅう", "ギュウニュウ"),
            ("ＡＢＣ１２３", "abc123"),
            ("  Red\tRetro\u{3000}SPOT ", "red retro spot"),
            ("㍿", "株式会社"),
            ("か\u{3099}", "ガ"),
            ("ゞ", "ヾ"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("は"), fold("ば"), "voiced sounds are other words");
        assert_eq!(fold(" \n"), "");
    }

    proptest! {
        #[test]
        fn folding_is_stable(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
