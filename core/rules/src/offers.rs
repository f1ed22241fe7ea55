//! Offers: the rules of coupons, signed by an issuer and delivered before they are needed, so that phone and till decide without a network.
//!
//! An offer is data: when, where, for whom, on which lines and how much. [`crate::eligibility`] says whether it holds for a member here and
//! now, [`crate::best_set`] what it takes off a basket.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conditions::ConditionKind;
use crate::cose::Kind;
use crate::fields;
pub use crate::fields::RuleError;
use crate::ids::{PlaceId, StoreId};
use crate::keys::SoftwareKey;
use crate::lists::IssuerKey;
use crate::receipt::Channel;

mod encode;

/// An offer's number: short, because a member code names up to 20. The operator counts up and does not use one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct OfferId(pub u32);

impl fmt::Display for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text in one or more languages, by BCP 47 tag (`ja`, `en`, `zh-Hant`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Texts(pub BTreeMap<String, String>);

#[cfg(feature = "uniffi")]
uniffi::custom_type!(Texts, std::collections::HashMap<String, String>, {
    lower: |texts| texts.0.into_iter().collect(),
    try_lift: |texts| Ok(Self(texts.into_iter().collect())),
});

impl Texts {
    /// The text in `language`, or in the language without its region, in English, in Japanese, in whatever there is; empty without any.
    #[must_use]
    pub fn get(&self, language: &str) -> &str {
        let mut asked = vec![language];
        let mut rest = language;
        while let Some((shorter, _)) = rest.rsplit_once('-') {
            asked.push(shorter);
            rest = shorter;
        }
        asked.extend(["en", "ja"]);
        let found = asked.iter().find_map(|language| self.0.get(*language)).or_else(|| self.0.values().next());
        found.map_or("", String::as_str)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Texts {
    fn from(texts: [(&str, &str); N]) -> Self {
        Self(texts.into_iter().map(|(language, text)| (language.to_owned(), text.to_owned())).collect())
    }
}

/// Who may have an offer. Staff are excluded from all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Audience {
    /// Every member.
    #[default]
    Anyone,
    /// Members whose card or account is linked: known to be one person.
    Linked,
    /// Whoever has checked in at a place of the offer, by expressway or by the ordinary road.
    Visitor {
        /// How long the check-in holds, in seconds.
        within_s: u32,
    },
    /// Whoever has checked in there from the expressway.
    Traveller {
        /// How long the check-in holds, in seconds.
        within_s: u32,
    },
}

/// Hours of the day in which an offer holds (タイムセール), by the place's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TimeOfDay {
    /// The place's offset from UTC in minutes (Japan: 540).
    pub utc_offset_minutes: i16,
    /// Days of the week, bit 0 Monday to bit 6 Sunday; by the day on which the hours begin.
    pub weekdays: u8,
    /// First minute of the day, 0 to 1439.
    pub from_minute: u16,
    /// First minute after it; at or before `from_minute` it is on the next day.
    pub until_minute: u16,
}

impl TimeOfDay {
    /// True within the hours.
    #[must_use]
    pub fn holds_at(&self, now_s: i64) -> bool {
        let local_minutes = now_s.div_euclid(60).saturating_add(i64::from(self.utc_offset_minutes));
        let (day, minute) = (local_minutes.div_euclid(1440), local_minutes.rem_euclid(1440));
        let (from, until) = (i64::from(self.from_minute), i64::from(self.until_minute));
        // 1970-01-01 was a Thursday: bit 3.
        let on = |day: i64| self.weekdays >> (day + 3).rem_euclid(7) & 1 == 1;
        if from < until {
            return on(day) && (from..until).contains(&minute);
        }
        (on(day) && minute >= from) || (on(day - 1) && minute < until)
    }
}

/// What a minimum spend is counted on: always before any coupon, tax included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SpendBasis {
    /// The lines that the offer applies to.
    OfferLines,
    /// Every line of the basket.
    Basket,
}

/// The least that a basket must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MinimumSpend {
    /// In minor units of the basket's currency, tax included.
    pub amount_minor: i64,
    /// What is counted.
    pub basis: SpendBasis,
}

/// What the member must have bought before (次回クーポン): so many purchases of such goods within so many days. What went back does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseRule {
    /// Article codes that begin so, as those of a class of goods do; every purchase counts where this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sku_prefixes: Vec<String>,
    /// How many purchases at least; a receipt is one, however many pieces are on it. 1 to 1,000.
    pub times: u32,
    /// Within so many days before, of 24 hours. 1 to [`MAX_PURCHASE_DAYS`].
    pub within_days: u32,
}

/// How long ago a purchase may be that an offer asks for, in days.
pub const MAX_PURCHASE_DAYS: u32 = 366;

impl PurchaseRule {
    /// From which second on purchases count at a moment.
    #[must_use]
    pub fn since_s(&self, now_s: i64) -> i64 {
        now_s.saturating_sub(i64::from(self.within_days).saturating_mul(86_400))
    }

    /// True for goods of this article code.
    #[must_use]
    pub fn counts(&self, sku: &str) -> bool {
        self.sku_prefixes.is_empty() || self.sku_prefixes.iter().any(|prefix| sku.starts_with(prefix.as_str()))
    }
}

/// How much an offer takes off. All is counted on what the lines came to before any coupon, so that the order of coupons changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Discount {
    /// A part of each line, in thousandths, rounded down to the minor unit.
    Percent {
        /// At most 1000.
        permille: u16,
    },
    /// An amount off all its lines together, spread over them by what each comes to.
    Fixed {
        /// Minor units, tax included.
        amount_minor: i64,
    },
    /// The cheapest pieces of its lines are free.
    FreeItem {
        /// How many.
        pieces: u32,
    },
    /// The dearest pieces of its lines cost this much each; pieces that cost less already stay as they are.
    FixedPrice {
        /// Minor units a piece, tax included.
        price_minor: i64,
        /// How many at most.
        pieces: u32,
    },
}

/// With what a coupon goes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StackingRule {
    /// With others, on the same lines too.
    #[default]
    Together,
    /// With others, but not where both apply to the same line of the basket.
    OtherLines,
    /// With no other coupon.
    Alone,
}

/// What an offer may cost in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Budget {
    /// So many redemptions.
    Redemptions(u64),
    /// So much discount, in minor units.
    Discount(u64),
}

impl Budget {
    /// What one redemption takes from it.
    #[must_use]
    pub fn cost(&self, discount_minor: i64) -> u64 {
        match self {
            Self::Redemptions(_) => 1,
            Self::Discount(_) => u64::try_from(discount_minor).unwrap_or(0),
        }
    }

    /// The whole of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        let (Self::Redemptions(total) | Self::Discount(total)) = self;
        *total
    }
}

/// An offer. Lists that are empty do not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Its number.
    pub id: OfferId,
    /// What the member reads.
    pub title: Texts,
    /// Why the member has it (雨の日限定).
    pub reason: Texts,
    /// First second of server time in which it holds.
    pub from_s: Option<i64>,
    /// First second after that; `None` for one without an end.
    pub until_s: Option<i64>,
    /// Hours of the day.
    pub time_of_day: Option<TimeOfDay>,
    /// Stores whose tills take it.
    pub stores: Vec<StoreId>,
    /// Places where it holds; for a visitor or traveller those where a check-in counts.
    pub places: Vec<PlaceId>,
    /// Where it can be used.
    pub channels: Vec<Channel>,
    /// Who may have it.
    pub audience: Audience,
    /// Only at the first visit.
    pub first_visit: bool,
    /// The condition that must be on in the area of the place.
    pub condition: Option<ConditionKind>,
    /// The least that the basket must come to.
    pub minimum_spend: Option<MinimumSpend>,
    /// Lines whose article code begins so; together with `classes`, either is enough.
    pub sku_prefixes: Vec<String>,
    /// Lines of these classes of goods.
    pub classes: Vec<String>,
    /// How much.
    pub discount: Discount,
    /// The most that a line may lose to all its coupons together while this one is on it, in thousandths of the line: the margin floor, as
    /// far as a phone may know it.
    pub greatest_discount_permille: u16,
    /// Of coupons in one group, one is used.
    pub exclusion_group: Option<u32>,
    /// With what it goes together.
    pub stacking: StackingRule,
    /// How often one member may use it, over all devices.
    pub per_member: Option<u32>,
    /// What it may cost in all.
    pub budget: Option<Budget>,
    /// True when a till without a connection may take it, out of its share.
    pub offline: bool,
    /// What the member must have bought before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bought: Option<PurchaseRule>,
}

impl Offer {
    /// An offer without restrictions, for everyone and everything, once a member and only with a connection; the rest is set from here.
    #[must_use]
    pub fn new(id: OfferId, discount: Discount) -> Self {
        Self {
            id,
            title: Texts::default(),
            reason: Texts::default(),
            from_s: None,
            until_s: None,
            time_of_day: None,
            stores: Vec::new(),
            places: Vec::new(),
            channels: Vec::new(),
            audience: Audience::Anyone,
            first_visit: false,
            condition: None,
            minimum_spend: None,
            sku_prefixes: Vec::new(),
            classes: Vec::new(),
            discount,
            greatest_discount_permille: 1000,
            exclusion_group: None,
            stacking: StackingRule::Together,
            per_member: Some(1),
            budget: None,
            offline: false,
            bought: None,
        }
    }

    /// Signs it as an issuer.
    #[must_use]
    pub fn sign(&self, issuer: &SoftwareKey) -> Vec<u8> {
        fields::sign(Kind::Offer, self.payload(), issuer)
    }

    /// Opens an offer that one of `issuers` must have signed, at `now_s` seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn open(signed: &[u8], issuers: &[IssuerKey], now_s: i64) -> Result<Self, RuleError> {
        let payload = fields::open(Kind::Offer, signed, issuers, now_s)?;
        Self::from_payload(&payload).ok_or(RuleError::Malformed)
    }

    /// True when the moment decides whether it holds: such an offer waits until the time is proven.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        let by_check_in = matches!(self.audience, Audience::Visitor { .. } | Audience::Traveller { .. });
        let by_clock = self.from_s.is_some() || self.until_s.is_some() || self.time_of_day.is_some();
        by_clock || self.condition.is_some() || self.bought.is_some() || by_check_in
    }

    /// True when it applies to goods of this article code and class.
    #[must_use]
    pub fn applies_to(&self, sku: &str, class: Option<&str>) -> bool {
        let any = self.sku_prefixes.is_empty() && self.classes.is_empty();
        let by_sku = self.sku_prefixes.iter().any(|prefix| sku.starts_with(prefix.as_str()));
        any || by_sku || class.is_some_and(|class| self.classes.iter().any(|name| name == class))
    }
}

#[cfg(test)]
mod tests;
