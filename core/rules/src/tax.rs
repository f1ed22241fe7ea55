//! Consumption tax: which rate an item has, what tax a receipt holds, and what goes back with a line that is returned.
//!
//! Rates are rows with dates of effect, given by the operator; no rate stands in code. [`JAPAN`] holds those of Japan from 2014 on. The rate is
//! that of the day of hand-over, not of the order (消費税法基本通達 9-1-1). Prices include tax (総額表示); the tax in them is rounded once per rate
//! per receipt (消費税法施行令 70条の10, インボイスQ&A 端数処理).

use serde::{Deserialize, Serialize};

use crate::receipt::{TaxLine, is_date};

mod refund;

pub use refund::{PaidLine, Refund, RefundError, RefundLine, RefundedLine, refund};

/// The rates of Japan as JSON of a [`TaxTable`]: a start for an operator, who keeps the table from then on. Sources: 消費税法 29条,
/// 平成28年法律15号 附則34条 (food: 8 % unless it is eaten in; alcohol and the rest: 10 %), 消費税法施行令 2条の3 (mixed sets).
pub const JAPAN: &str = include_str!("tax/japan.json");

/// Most rows of a table.
pub const MAX_TAX_ROWS: usize = 1_000;

/// What an item is for the tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaxClass {
    /// Food and drink in the sense of the Food Labelling Act, alcohol apart; みりん風調味料 (below 1 % of alcohol) is food.
    Food,
    /// Alcohol in the sense of the Liquor Tax Act (1 % and more): 本みりん too.
    Alcohol,
    /// Everything else: goods, quasi-drugs, cool packs that are charged for.
    Goods,
    /// A carrier bag that is charged for.
    Bag,
    /// The fee for a delivery, where it is charged by itself.
    DeliveryFee,
}

/// Where food is eaten, as far as the tax asks; said by the diner at the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaxHandoff {
    /// At the store's tables (店内飲食), those of a food court too.
    EatIn,
    /// Taken away (持ち帰り): counter, curbside, drive-through, locker.
    TakeOut,
    /// Brought (出前・宅配). Not catering, where someone serves: that is eaten in.
    Delivery,
}

/// One rate, from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TaxRow {
    /// Of what.
    pub class: TaxClass,
    /// Eaten where; absent: wherever no other row of that class and day says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<TaxHandoff>,
    /// The first day of hand-over on which it holds, `YYYY-MM-DD`.
    pub from_date: String,
    /// The rate in thousandths (80 is 8 %).
    pub permille: u32,
    /// True for a reduced rate (軽減税率), which a receipt has to mark.
    pub reduced: bool,
}

/// When a set of food and other things counts as food (一体資産), from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MixedSetRule {
    /// The first day of hand-over on which it holds, `YYYY-MM-DD`.
    pub from_date: String,
    /// The most that one set may cost without tax, in minor units (10,000 yen).
    pub most_net_minor: i64,
    /// Food must be at least `food_parts` of `whole_parts` of its worth (two of three).
    pub food_parts: u32,
    /// See `food_parts`.
    pub whole_parts: u32,
}

/// A set of food and other things that are sold together at one price, and not apart by the same offer (一体資産: 菓子と玩具). A set that the
/// customer puts together is none: its parts have prices and rates of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MixedSet {
    /// What the food in it is worth, by prices or by costs, in any unit.
    pub food_minor: i64,
    /// What all of it is worth, in the same unit.
    pub whole_minor: i64,
}

/// Rates with their dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TaxTable {
    /// In any order.
    pub rows: Vec<TaxRow>,
    /// In any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixed_sets: Vec<MixedSetRule>,
}

/// The rate of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaxRate {
    /// In thousandths.
    pub permille: u32,
    /// True for a reduced rate.
    pub reduced: bool,
}

/// How the issuer rounds what is less than a minor unit, once per rate per receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// 切捨て.
    #[default]
    Down,
    /// 四捨五入.
    HalfUp,
    /// 切上げ.
    Up,
}

/// Why a tax table cannot be used, or says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaxTableError {
    /// Too many rows.
    #[error("the tax table has more than {MAX_TAX_ROWS} rows: leave out what is long over")]
    TooLarge,
    /// Not a day of the calendar.
    #[error("{0:?} is no day of the calendar (YYYY-MM-DD): correct the row's from_date")]
    Date(String),
    /// A rate of 100 % or more.
    #[error("{0} thousandths are no tax rate: it lies below 1000")]
    Rate(u32),
    /// Two rows for the same class, handoff and day.
    #[error("two rows say the rate of {class:?} from {from_date}: keep one")]
    Twice {
        /// The class.
        class: TaxClass,
        /// The day.
        from_date: String,
    },
    /// A rule for mixed sets with no parts, or more food than whole.
    #[error("a mixed set's food is a part of the whole: food_parts from 1 to whole_parts, and a price that is not below 0")]
    MixedSet,
    /// Not JSON of a table.
    #[error("this is no tax table: check its fields")]
    Form,
    /// No row holds.
    #[error("the tax table says no rate for {class:?} on {date}: add a row")]
    NoRate {
        /// The class.
        class: TaxClass,
        /// The day of hand-over.
        date: String,
    },
}

impl TaxTable {
    /// Reads and checks a table.
    ///
    /// # Errors
    /// [`TaxTableError`].
    pub fn from_json(text: &str) -> Result<Self, TaxTableError> {
        let table: Self = serde_json::from_str(text).map_err(|_| TaxTableError::Form)?;
        table.check()?;
        Ok(table)
    }

    /// Checks what an operator may put.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), TaxTableError> {
        if self.rows.len() > MAX_TAX_ROWS || self.mixed_sets.len() > MAX_TAX_ROWS {
            return Err(TaxTableError::TooLarge);
        }
        let dates = self.rows.iter().map(|row| &row.from_date).chain(self.mixed_sets.iter().map(|rule| &rule.from_date));
        if let Some(wrong) = dates.into_iter().find(|date| !is_date(date)) {
            return Err(TaxTableError::Date(wrong.clone()));
        }
        if let Some(wrong) = self.rows.iter().find(|row| row.permille >= 1_000) {
            return Err(TaxTableError::Rate(wrong.permille));
        }
        let mut keys: Vec<_> = self.rows.iter().map(|row| (row.class, row.handoff, row.from_date.as_str())).collect();
        keys.sort_unstable();
        if let Some((class, _, from_date)) = keys.windows(2).find(|two| two.first() == two.last()).and_then(|two| two.first()) {
            return Err(TaxTableError::Twice { class: *class, from_date: (*from_date).to_owned() });
        }
        let fits = |rule: &MixedSetRule| rule.food_parts > 0 && rule.food_parts <= rule.whole_parts && rule.most_net_minor >= 0;
        if self.mixed_sets.iter().all(fits) { Ok(()) } else { Err(TaxTableError::MixedSet) }
    }

    /// The rates of one day of hand-over (`YYYY-MM-DD` in the store's own time), looked up once for all lines.
    #[must_use]
    pub fn on(&self, date: &str) -> TaxRates {
        let rate_of = |class: TaxClass, handoff: TaxHandoff| {
            let rows = self.rows.iter().filter(|row| row.class == class && row.handoff.is_none_or(|of| of == handoff));
            let newest =
                rows.filter(|row| row.from_date.as_str() <= date).max_by_key(|row| (row.from_date.as_str(), row.handoff.is_some()));
            newest.map(|row| TaxRate { permille: row.permille, reduced: row.reduced })
        };
        let classes = [TaxClass::Food, TaxClass::Alcohol, TaxClass::Goods, TaxClass::Bag, TaxClass::DeliveryFee];
        let handoffs = [TaxHandoff::EatIn, TaxHandoff::TakeOut, TaxHandoff::Delivery];
        let all = classes.into_iter().flat_map(|class| handoffs.map(|handoff| (class, handoff)));
        let rules = self.mixed_sets.iter().filter(|rule| rule.from_date.as_str() <= date);
        TaxRates {
            date: date.to_owned(),
            rates: all.filter_map(|(class, handoff)| Some((class, handoff, rate_of(class, handoff)?))).collect(),
            mixed_set: rules.max_by_key(|rule| rule.from_date.as_str()).cloned(),
        }
    }
}

/// The rates of one day; see [`TaxTable::on`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRates {
    date: String,
    rates: Vec<(TaxClass, TaxHandoff, TaxRate)>,
    mixed_set: Option<MixedSetRule>,
}

impl TaxRates {
    /// The day.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The rate of a class that is handed over so.
    ///
    /// # Errors
    /// [`TaxTableError::NoRate`] where the table says none for that day.
    pub fn rate(&self, class: TaxClass, handoff: TaxHandoff) -> Result<TaxRate, TaxTableError> {
        let rate = self.rates.iter().find(|(of, at, _)| *of == class && *at == handoff).map(|(_, _, rate)| *rate);
        rate.ok_or_else(|| TaxTableError::NoRate { class, date: self.date.clone() })
    }

    /// What a mixed set at this price (tax included, one set) counts as: food where the rule of the day is met, goods else. The price without
    /// tax is taken at the rate of food, so that the answer never contradicts itself: between 10,801 and 11,000 yen a set would be below the
    /// limit only by not being food.
    #[must_use]
    pub fn mixed_set_class(&self, set: MixedSet, price_minor: i64, handoff: TaxHandoff) -> TaxClass {
        let (Some(rule), Ok(food)) = (&self.mixed_set, self.rate(TaxClass::Food, handoff)) else {
            return TaxClass::Goods;
        };
        let enough_food = set.whole_minor > 0
            && set.food_minor <= set.whole_minor
            && i128::from(set.food_minor) * i128::from(rule.whole_parts) >= i128::from(set.whole_minor) * i128::from(rule.food_parts);
        // Without tax is price * 1000 / (1000 + rate), compared without dividing.
        let cheap_enough = i128::from(price_minor) * 1_000 <= i128::from(rule.most_net_minor) * (1_000 + i128::from(food.permille));
        if enough_food && cheap_enough { TaxClass::Food } else { TaxClass::Goods }
    }
}

impl TaxRounding {
    /// The tax in an amount that includes it. An amount below 0 (a return) holds what its opposite holds.
    #[must_use]
    pub fn tax_in(self, gross_minor: i64, permille: u32) -> i64 {
        let whole = 1_000 + i128::from(permille);
        let exact = i128::from(gross_minor.unsigned_abs()) * i128::from(permille);
        let (tax, rest) = (exact / whole, exact % whole);
        let more = match self {
            Self::Down => false,
            Self::HalfUp => rest * 2 >= whole,
            Self::Up => rest > 0,
        };
        // Less than the amount, so it fits.
        let tax = i64::try_from(tax + i128::from(more)).unwrap_or(i64::MAX);
        if gross_minor < 0 { -tax } else { tax }
    }
}

/// The tax of a receipt: `(rate in thousandths, what a line comes to after its discounts, tax included)` to one [`TaxLine`] a rate, by rate
/// ascending.
#[must_use]
pub fn tax_lines(lines: impl IntoIterator<Item = (u32, i64)>, rounding: TaxRounding) -> Vec<TaxLine> {
    // A receipt has two rates, seldom three.
    let mut taxes: Vec<TaxLine> = Vec::with_capacity(2);
    for (tax_permille, gross_minor) in lines {
        match taxes.iter_mut().find(|tax| tax.tax_permille == tax_permille) {
            Some(tax) => tax.gross_minor = tax.gross_minor.saturating_add(gross_minor),
            None => taxes.push(TaxLine { tax_permille, gross_minor, tax_minor: 0 }),
        }
    }
    taxes.sort_unstable_by_key(|tax| tax.tax_permille);
    for tax in &mut taxes {
        tax.tax_minor = rounding.tax_in(tax.gross_minor, tax.tax_permille);
    }
    taxes
}

#[cfg(test)]
mod tests;
