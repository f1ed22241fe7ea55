//! The reasons in words: one short line each, for the phone, the receipt and the till.

use super::CouponReason;
use crate::conditions::ConditionKind;

impl CouponReason {
    /// The reason as it stands in machine-readable answers.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Staff => "staff",
            Self::NotLinked => "not_linked",
            Self::FirstVisitUnknown => "first_visit_unknown",
            Self::NotFirstVisit => "not_first_visit",
            Self::UsedUp => "used_up",
            Self::OtherStore => "other_store",
            Self::OtherPlace => "other_place",
            Self::OtherChannel => "other_channel",
            Self::TimeUnproven => "time_unproven",
            Self::NotYet => "not_yet",
            Self::Over => "over",
            Self::OtherHours => "other_hours",
            Self::ConditionOff(_) => "condition_off",
            Self::NoCheckIn => "no_check_in",
            Self::NotFromExpressway => "not_from_expressway",
            Self::NotBought { .. } => "not_bought",
            Self::NoLine => "no_line",
            Self::MinimumSpend { .. } => "minimum_spend",
            Self::NoGain => "no_gain",
            Self::NotWith(_) => "not_with",
            Self::BetterWithout => "better_without",
            Self::NothingMore => "nothing_more",
            Self::BudgetSpent => "budget_spent",
            Self::NeedsConnection => "needs_connection",
            Self::UnknownOffer => "unknown_offer",
            Self::Redeemed => "redeemed",
            Self::Locked => "locked",
        }
    }

    /// In Japanese, at most 30 characters; `currency` is the basket's.
    #[must_use]
    pub fn text_ja(&self, currency: &str) -> String {
        let text = match self {
            Self::Stopped => "このクーポンは終了しました",
            Self::Staff => "従業員の方は使えません",
            Self::NotLinked => "カードかアカウントの連携が必要です",
            Self::FirstVisitUnknown => "初回の確認に通信が必要です",
            Self::NotFirstVisit => "初めての方だけのクーポンです",
            Self::UsedUp => "お一人様の利用回数に達しています",
            Self::OtherStore => "この店舗では使えません",
            Self::OtherPlace => "この場所では使えません",
            Self::OtherChannel => "この買い方では使えません",
            Self::TimeUnproven => "時刻の確認に一度通信が必要です",
            Self::NotYet => "まだ始まっていません",
            Self::Over => "期間が終わりました",
            Self::OtherHours => "この時間帯は使えません",
            Self::ConditionOff(kind) => condition_ja(*kind),
            Self::NoCheckIn => "チェックインが必要です",
            Self::NotBought { missing } => return format!("対象商品をあと{missing}回お買い上げで使えます"),
            Self::NotFromExpressway => "高速道路をご利用の方だけです",
            Self::NoLine => "対象の商品がありません",
            Self::MinimumSpend { missing_minor } => return format!("あと{}で使えます", amount_ja(*missing_minor, currency)),
            Self::NoGain => "値引きになる商品がありません",
            Self::NotWith(_) => "ほかのクーポンと併用できません",
            Self::BetterWithout => "使わない方がお得です",
            Self::NothingMore => "これ以上は値引きになりません",
            Self::BudgetSpent => "予定枚数に達しました",
            Self::NeedsConnection => "通信できるレジで使えます",
            Self::UnknownOffer => "このレジにまだ届いていません",
            Self::Redeemed => "使用済みです",
            Self::Locked => "ほかの注文で使用中です",
        };
        text.to_owned()
    }

    /// In English, at most 42 characters.
    #[must_use]
    pub fn text_en(&self, currency: &str) -> String {
        let text = match self {
            Self::Stopped => "This coupon has been withdrawn",
            Self::Staff => "Not for staff",
            Self::NotLinked => "Link a card or an account first",
            Self::FirstVisitUnknown => "Needs a connection: first visits only",
            Self::NotFirstVisit => "For the first visit only",
            Self::UsedUp => "Used as often as one member may",
            Self::OtherStore => "Not in this store",
            Self::OtherPlace => "Not at this place",
            Self::OtherChannel => "Not for this way of buying",
            Self::TimeUnproven => "Needs one connection to prove the time",
            Self::NotYet => "Has not begun yet",
            Self::Over => "Is over",
            Self::OtherHours => "Not at this time of day",
            Self::ConditionOff(kind) => condition_en(*kind),
            Self::NoCheckIn => "Needs a check-in",
            Self::NotBought { missing } => return format!("{missing} more purchases of its goods needed"),
            Self::NotFromExpressway => "For travellers on the expressway only",
            Self::NoLine => "No item that it applies to",
            Self::MinimumSpend { missing_minor } => return format!("{} more and it applies", amount_en(*missing_minor, currency)),
            Self::NoGain => "Takes nothing off these items",
            Self::NotWith(_) => "Not together with another coupon used",
            Self::BetterWithout => "You save more without it",
            Self::NothingMore => "Takes nothing more off with the others",
            Self::BudgetSpent => "All of these coupons are used up",
            Self::NeedsConnection => "Needs a till with a connection",
            Self::UnknownOffer => "This till has not received it yet",
            Self::Redeemed => "Has been used",
            Self::Locked => "In use for another order",
        };
        text.to_owned()
    }
}

fn condition_ja(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::Rain => "雨の日限定です",
        ConditionKind::Snow => "雪の日限定です",
        ConditionKind::Heat => "暑い日限定です",
        ConditionKind::Cold => "寒い日限定です",
        ConditionKind::TimeSale => "タイムセール中だけ使えます",
        ConditionKind::Congestion => "渋滞のときだけ使えます",
    }
}

fn condition_en(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::Rain => "On rainy days only",
        ConditionKind::Snow => "On snowy days only",
        ConditionKind::Heat => "On hot days only",
        ConditionKind::Cold => "On cold days only",
        ConditionKind::TimeSale => "During the time sale only",
        ConditionKind::Congestion => "While the road is jammed only",
    }
}

/// An amount as a Japanese reader writes it: `300円`, otherwise as in English.
#[must_use]
pub fn amount_ja(amount_minor: i64, currency: &str) -> String {
    if currency == "JPY" { format!("{amount_minor}円") } else { amount_en(amount_minor, currency) }
}

/// An amount as an English reader writes it: `300 yen`, `GBP 3.05`.
#[must_use]
pub fn amount_en(amount_minor: i64, currency: &str) -> String {
    if currency == "JPY" {
        return format!("{amount_minor} yen");
    }
    let sign = if amount_minor < 0 { "-" } else { "" };
    let minor = amount_minor.unsigned_abs();
    format!("{currency} {sign}{}.{:02}", minor / 100, minor % 100)
}
