//! The reasons in words: one short line each for the person with the phone.

use super::ScanRefusal;

impl ScanRefusal {
    /// The reason as it stands in machine-readable answers.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotText => "not_text",
            Self::UnknownSymbology => "unknown_symbology",
            Self::Empty => "empty",
            Self::WrongLength => "wrong_length",
            Self::CheckDigit => "check_digit",
            Self::ValueCheckDigit => "value_check_digit",
            Self::NoElements => "no_elements",
            Self::TooManyElements => "too_many_elements",
            Self::UnknownAi => "unknown_ai",
            Self::AiLength { .. } => "ai_length",
            Self::AiCharacter { .. } => "ai_character",
            Self::AiContent { .. } => "ai_content",
            Self::RepeatedAi { .. } => "repeated_ai",
            Self::ExclusiveAis { .. } => "exclusive_ais",
            Self::NotAMemberCode => "not_a_member_code",
            Self::NotAPlaceCode => "not_a_place_code",
            Self::BadUrl => "bad_url",
            Self::Unrecognised => "unrecognised",
        }
    }

    /// In Japanese, at most 30 characters.
    #[must_use]
    pub fn text_ja(&self) -> &'static str {
        match self {
            Self::Empty | Self::WrongLength | Self::CheckDigit => "読み取れませんでした。もう一度お試しください",
            Self::TooLong | Self::NotText | Self::UnknownSymbology => "このコードは読み取れません",
            Self::ValueCheckDigit => "価格ラベルを読み取れません。係員にお知らせください",
            Self::NoElements
            | Self::TooManyElements
            | Self::UnknownAi
            | Self::AiLength { .. }
            | Self::AiCharacter { .. }
            | Self::AiContent { .. }
            | Self::RepeatedAi { .. }
            | Self::ExclusiveAis { .. } => "商品のコードに誤りがあります",
            Self::NotAMemberCode => "会員証をもう一度表示してください",
            Self::NotAPlaceCode => "チェックインのコードを読み直してください",
            Self::BadUrl => "安全に表示できないリンクです",
            Self::Unrecognised => "このアプリで使えるコードではありません",
        }
    }

    /// In English, at most 42 characters.
    #[must_use]
    pub fn text_en(&self) -> &'static str {
        match self {
            Self::Empty | Self::WrongLength | Self::CheckDigit => "Could not be read. Please try again",
            Self::TooLong | Self::NotText | Self::UnknownSymbology => "This code cannot be read",
            Self::ValueCheckDigit => "Price label unreadable. Please ask staff",
            Self::NoElements
            | Self::TooManyElements
            | Self::UnknownAi
            | Self::AiLength { .. }
            | Self::AiCharacter { .. }
            | Self::AiContent { .. }
            | Self::RepeatedAi { .. }
            | Self::ExclusiveAis { .. } => "The code on this product has a fault",
            Self::NotAMemberCode => "Please show the member card again",
            Self::NotAPlaceCode => "Please scan the check-in code again",
            Self::BadUrl => "This link cannot be shown safely",
            Self::Unrecognised => "Not a code that this app can use",
        }
    }
}
