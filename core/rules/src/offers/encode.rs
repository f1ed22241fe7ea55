//! An offer as CBOR.

use std::collections::BTreeMap;

use coset::cbor::Value;

use super::{
    Audience, Budget, Discount, MAX_PURCHASE_DAYS, MinimumSpend, Offer, OfferId, PurchaseRule, SpendBasis, StackingRule, Texts, TimeOfDay,
};
use crate::conditions::ConditionKind;
use crate::fields::{Reader, Writer, number};
use crate::receipt::Channel;

const VERSION: i64 = 1;
/// More in one list is no offer but a catalogue.
const MAX_LIST: usize = 10_000;

impl Offer {
    pub(super) fn payload(&self) -> Vec<u8> {
        let offer = Writer::default()
            .put(1, VERSION)
            .put(2, self.id.0)
            .put(3, texts(&self.title))
            .put(4, texts(&self.reason))
            .put_some(5, self.from_s)
            .put_some(6, self.until_s)
            .put_some(7, self.time_of_day.map(time_of_day))
            .put_list(8, strings(self.stores.iter().map(|store| store.as_str())))
            .put_list(9, strings(self.places.iter().map(|place| place.as_str())))
            .put_list(10, self.channels.iter().map(|channel| Value::from(channel_number(*channel))).collect())
            .put(11, audience(self.audience))
            .put(12, self.first_visit)
            .put_some(13, self.condition.map(ConditionKind::number));
        offer
            .put_some(14, self.minimum_spend.map(|least| pair(least.basis as i64, least.amount_minor)))
            .put_list(15, strings(self.sku_prefixes.iter().map(String::as_str)))
            .put_list(16, strings(self.classes.iter().map(String::as_str)))
            .put(17, discount(self.discount))
            .put(18, self.greatest_discount_permille)
            .put_some(19, self.exclusion_group)
            .put(20, self.stacking as i64)
            .put_some(21, self.per_member)
            .put_some(22, self.budget.map(budget))
            .put(23, self.offline)
            // Since the second release: an offer without it is written as before.
            .put_some(24, self.bought.as_ref().map(bought))
            .bytes()
    }

    pub(super) fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut fields = Reader::bytes(payload)?;
        if fields.number::<i64>(1)? != VERSION {
            return None;
        }
        let offer = Self {
            id: OfferId(fields.number(2)?),
            title: read_texts(fields.take(3)?)?,
            reason: read_texts(fields.take(4)?)?,
            from_s: fields.maybe_number(5)?,
            until_s: fields.maybe_number(6)?,
            time_of_day: maybe(fields.take(7), read_time_of_day)?,
            stores: fields.list(8, |value| value.into_text().ok().map(Into::into))?,
            places: fields.list(9, |value| value.into_text().ok().map(Into::into))?,
            channels: fields.list(10, read_channel)?,
            audience: read_audience(fields.take(11)?)?,
            first_visit: fields.take(12)?.as_bool()?,
            condition: maybe(fields.take(13), |value| ConditionKind::from_number(number(&value)?))?,
            minimum_spend: maybe(fields.take(14), read_minimum)?,
            sku_prefixes: fields.list(15, |value| value.into_text().ok())?,
            classes: fields.list(16, |value| value.into_text().ok())?,
            discount: read_discount(fields.take(17)?)?,
            greatest_discount_permille: fields.number(18)?,
            exclusion_group: fields.maybe_number(19)?,
            stacking: read_stacking(fields.number(20)?)?,
            per_member: fields.maybe_number(21)?,
            budget: maybe(fields.take(22), read_budget)?,
            offline: fields.take(23)?.as_bool()?,
            bought: maybe(fields.take(24), read_bought)?,
        };
        (offer.is_sound() && offer.payload() == payload).then_some(offer)
    }

    /// Figures that mean something.
    fn is_sound(&self) -> bool {
        let discount = match self.discount {
            Discount::Percent { permille } => permille <= 1000,
            Discount::Fixed { amount_minor } => amount_minor >= 0,
            Discount::FreeItem { .. } => true,
            Discount::FixedPrice { price_minor, .. } => price_minor >= 0,
        };
        let hours = self.time_of_day.is_none_or(|hours| hours.from_minute < 1440 && hours.until_minute <= 1440 && hours.weekdays < 128);
        let least = self.minimum_spend.is_none_or(|least| least.amount_minor >= 0);
        let lists = [self.stores.len(), self.places.len(), self.channels.len(), self.sku_prefixes.len(), self.classes.len()];
        let bought = self.bought.as_ref().is_none_or(PurchaseRule::is_sound);
        discount && hours && least && bought && self.greatest_discount_permille <= 1000 && lists.iter().all(|len| *len <= MAX_LIST)
    }
}

impl PurchaseRule {
    /// Figures that mean something, and code beginnings that are there.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let named = self.sku_prefixes.len() <= MAX_LIST && self.sku_prefixes.iter().all(|prefix| !prefix.is_empty());
        named && (1..=1_000).contains(&self.times) && (1..=MAX_PURCHASE_DAYS).contains(&self.within_days)
    }
}

/// `None` is a value that cannot be read, `Some(None)` none.
fn maybe<T>(value: Option<Value>, read: impl FnOnce(Value) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn strings<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Value> {
    texts.map(Value::from).collect()
}

fn pair(first: i64, second: impl Into<Value>) -> Value {
    Value::Array(vec![Value::from(first), second.into()])
}

fn numbers<const N: usize>(value: Value) -> Option<[i64; N]> {
    let numbers: Vec<i64> = value.into_array().ok()?.iter().map(number).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn texts(texts: &Texts) -> Value {
    // RFC 8949, 4.2.1: keys in the order of their encoded bytes, the shorter first.
    let mut entries: Vec<(&String, &String)> = texts.0.iter().collect();
    entries.sort_by_key(|(language, _)| (language.len(), *language));
    Value::Map(entries.into_iter().map(|(language, text)| (Value::from(language.as_str()), Value::from(text.as_str()))).collect())
}

fn read_texts(value: Value) -> Option<Texts> {
    let entries = value.into_map().ok()?.into_iter().map(|(key, text)| Some((key.into_text().ok()?, text.into_text().ok()?)));
    entries.collect::<Option<BTreeMap<_, _>>>().map(Texts)
}

fn time_of_day(hours: TimeOfDay) -> Value {
    let numbers =
        [i64::from(hours.utc_offset_minutes), i64::from(hours.weekdays), i64::from(hours.from_minute), i64::from(hours.until_minute)];
    Value::Array(numbers.map(Value::from).to_vec())
}

fn read_time_of_day(value: Value) -> Option<TimeOfDay> {
    let [offset, weekdays, from, until] = numbers(value)?;
    Some(TimeOfDay {
        utc_offset_minutes: offset.try_into().ok()?,
        weekdays: weekdays.try_into().ok()?,
        from_minute: from.try_into().ok()?,
        until_minute: until.try_into().ok()?,
    })
}

fn channel_number(channel: Channel) -> i64 {
    match channel {
        Channel::Store => 0,
        Channel::Ec => 1,
        Channel::MobileOrder => 2,
    }
}

fn read_channel(value: Value) -> Option<Channel> {
    let number = number::<i64>(&value)?;
    [Channel::Store, Channel::Ec, Channel::MobileOrder].into_iter().find(|channel| channel_number(*channel) == number)
}

fn audience(audience: Audience) -> Value {
    match audience {
        Audience::Anyone => pair(0, 0),
        Audience::Linked => pair(1, 0),
        Audience::Visitor { within_s } => pair(2, within_s),
        Audience::Traveller { within_s } => pair(3, within_s),
    }
}

fn read_audience(value: Value) -> Option<Audience> {
    let [kind, within] = numbers(value)?;
    let within_s = u32::try_from(within).ok()?;
    match kind {
        0 => Some(Audience::Anyone),
        1 => Some(Audience::Linked),
        2 => Some(Audience::Visitor { within_s }),
        3 => Some(Audience::Traveller { within_s }),
        _ => None,
    }
}

fn read_minimum(value: Value) -> Option<MinimumSpend> {
    let [basis, amount_minor] = numbers(value)?;
    let basis = [SpendBasis::OfferLines, SpendBasis::Basket].into_iter().find(|known| *known as i64 == basis)?;
    Some(MinimumSpend { amount_minor, basis })
}

fn bought(rule: &PurchaseRule) -> Value {
    let prefixes = strings(rule.sku_prefixes.iter().map(String::as_str));
    Value::Array(vec![Value::from(rule.times), Value::from(rule.within_days), Value::Array(prefixes)])
}

fn read_bought(value: Value) -> Option<PurchaseRule> {
    let [times, within_days, prefixes] = value.into_array().ok()?.try_into().ok()?;
    let sku_prefixes = prefixes.into_array().ok()?.into_iter().map(|prefix| prefix.into_text().ok()).collect::<Option<_>>()?;
    Some(PurchaseRule { sku_prefixes, times: number(&times)?, within_days: number(&within_days)? })
}

fn discount(discount: Discount) -> Value {
    let numbers = match discount {
        Discount::Percent { permille } => [0, i64::from(permille), 0],
        Discount::Fixed { amount_minor } => [1, amount_minor, 0],
        Discount::FreeItem { pieces } => [2, i64::from(pieces), 0],
        Discount::FixedPrice { price_minor, pieces } => [3, price_minor, i64::from(pieces)],
    };
    Value::Array(numbers.map(Value::from).to_vec())
}

fn read_discount(value: Value) -> Option<Discount> {
    let [kind, first, second] = numbers(value)?;
    match kind {
        0 => Some(Discount::Percent { permille: first.try_into().ok()? }),
        1 => Some(Discount::Fixed { amount_minor: first }),
        2 => Some(Discount::FreeItem { pieces: first.try_into().ok()? }),
        3 => Some(Discount::FixedPrice { price_minor: first, pieces: second.try_into().ok()? }),
        _ => None,
    }
}

fn read_stacking(kind: i64) -> Option<StackingRule> {
    [StackingRule::Together, StackingRule::OtherLines, StackingRule::Alone].into_iter().find(|known| *known as i64 == kind)
}

fn budget(budget: Budget) -> Value {
    match budget {
        Budget::Redemptions(total) => pair(0, total),
        Budget::Discount(total) => pair(1, total),
    }
}

fn read_budget(value: Value) -> Option<Budget> {
    let [kind, total] = numbers(value)?;
    let total = u64::try_from(total).ok()?;
    match kind {
        0 => Some(Budget::Redemptions(total)),
        1 => Some(Budget::Discount(total)),
        _ => None,
    }
}
