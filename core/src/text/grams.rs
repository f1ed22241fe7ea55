//! The index of characters and pairs: an FTS5 table over what [`grams`] makes of each folded text, asked with [`needle_query`].
//!
//! A text of one character is looked up as such, of two as a pair: the index answers both exactly. A longer one is looked up as all its pairs, and
//! each text found must be checked to truly hold it ([`needle_to_check`]). The table wants `detail=none, tokenize='ascii'`.

use std::fmt::Write;

/// The needle, if having all its pairs does not yet mean having them side by side.
pub(crate) fn needle_to_check(needle: &str) -> Option<&str> {
    needle.chars().nth(2).map(|_| needle)
}

/// The needle as an FTS5 query: made of hexadecimal digits and `z` only, so that nothing in it can be an operator.
pub(crate) fn needle_query(needle: &str) -> String {
    let characters: Vec<char> = needle.chars().collect();
    match characters.as_slice() {
        [one] => format!("\"{}\"", unigram(*one)),
        many => {
            let mut pairs: Vec<String> =
                many.windows(2).filter_map(|pair| if let [a, b] = pair { Some(format!("\"{}\"", bigram(*a, *b))) } else { None }).collect();
            pairs.sort_unstable();
            pairs.dedup();
            // More pairs than these find nothing more that the check would not throw out.
            pairs.truncate(32);
            pairs.join(" AND ")
        }
    }
}

/// Each character and each pair of neighbours, as tokens of hexadecimal code points.
pub(crate) fn grams(folded: &str) -> String {
    let mut tokens = String::with_capacity(folded.len() * 8);
    let mut before: Option<char> = None;
    for c in folded.chars() {
        // Writing to a String does not fail.
        let _ = write!(tokens, "{} ", unigram(c));
        if let Some(before) = before {
            let _ = write!(tokens, "{} ", bigram(before, c));
        }
        before = Some(c);
    }
    tokens
}

fn unigram(c: char) -> String {
    format!("{:x}", u32::from(c))
}

fn bigram(a: char, b: char) -> String {
    format!("{:x}z{:x}", u32::from(a), u32::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use noren_rules::fold::fold;
    use proptest::prelude::*;
    use rusqlite::Connection;

    fn found(text: &str, needle: &str) -> bool {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE VIRTUAL TABLE g USING fts5(grams, content='', detail=none, tokenize='ascii')").unwrap();
        connection.execute("INSERT INTO g(rowid, grams) VALUES (1, ?1)", [grams(text)]).unwrap();
        let sql = "SELECT count(*) FROM g WHERE g MATCH ?1 AND (?2 IS NULL OR instr(?3, ?2))";
        connection.query_row(sql, (needle_query(needle), needle_to_check(needle), text), |row| row.get::<_, i64>(0)).unwrap() > 0
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn the_index_finds_what_the_text_holds_and_nothing_else(text in "[アイ牛乳ab \"*]{0,12}", needle in "[アイ牛乳ab\"*]{1,4}") {
            let (text, needle) = (fold(&text), fold(&needle));
            prop_assert_eq!(found(&text, &needle), text.contains(&needle));
        }
    }
}
