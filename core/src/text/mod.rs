//! Texts that a person reads or searches for: one index of characters and pairs over texts folded by [`noren_rules::fold`], for history and
//! catalogue; and which language is shown.

mod grams;

pub(crate) use grams::{grams, needle_query, needle_to_check};

use noren_rules::wire::TextByLanguage;

/// The text in the person's language (BCP 47: `ja`, `zh-Hant`), or without its region, else in Japanese, English, or whatever there is; empty when
/// there is none.
#[must_use]
pub(crate) fn in_language(texts: &TextByLanguage, language: &str) -> String {
    let primary = language.split('-').next().unwrap_or(language);
    let wanted = [language, primary, "ja", "en"].into_iter().find_map(|tag| texts.get(tag));
    wanted.or_else(|| texts.values().next()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_there_in_some_language() {
        let texts: TextByLanguage = [("ja", "傘"), ("en", "umbrella"), ("zh", "伞")].map(|(tag, text)| (tag.into(), text.into())).into();
        for (language, text) in [("en", "umbrella"), ("en-GB", "umbrella"), ("zh-Hant", "伞"), ("ko", "傘"), ("", "傘")] {
            assert_eq!(in_language(&texts, language), text, "{language}");
        }
        let korean: TextByLanguage = [("ko".to_owned(), "우산".to_owned())].into();
        assert_eq!(in_language(&korean, "ja"), "우산");
        assert_eq!(in_language(&TextByLanguage::new(), "ja"), "");
    }
}
