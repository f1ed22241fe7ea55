//! What a variant costs now in a channel, and when that changes.

use noren_rules::catalogue::{Price, price_at};
use noren_rules::receipt::Channel;

use super::ChannelPrice;

pub(super) const CHANNELS: [Channel; 3] = [Channel::Store, Channel::Ec, Channel::MobileOrder];

/// The price now and the first moment at which it is another one; `None` when there is neither.
pub(super) fn channel_price(prices: &[Price], channel: Channel, now_ms: i64) -> Option<ChannelPrice> {
    let at = |at_ms: i64| price_at(prices, channel, at_ms);
    let same = |one: Option<&Price>, other: Option<&Price>| {
        let costs = |price: &Price| (price.amount_minor, price.currency.clone());
        one.map(costs) == other.map(costs)
    };
    let price = at(now_ms);
    let mut moments: Vec<i64> =
        prices.iter().flat_map(|price| [price.from_ms, price.until_ms]).flatten().filter(|ms| *ms > now_ms).collect();
    moments.sort_unstable();
    let next_change_ms = moments.into_iter().find(|ms| !same(price, at(*ms)));
    if price.is_none() && next_change_ms.is_none() {
        return None;
    }
    let next = next_change_ms.and_then(at).cloned();
    Some(ChannelPrice { channel, price: price.cloned(), next_change_ms, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(channel: Option<Channel>, from_ms: Option<i64>, until_ms: Option<i64>, amount_minor: i64) -> Price {
        Price { channel, from_ms, until_ms, amount_minor, currency: "JPY".into() }
    }

    #[test]
    fn a_time_sale_is_announced_and_ends() {
        let prices = [price(None, None, None, 1_000), price(Some(Channel::Ec), Some(100), Some(200), 800)];
        let now = |channel, at_ms| {
            let now = channel_price(&prices, channel, at_ms).unwrap();
            (now.price.map(|price| price.amount_minor), now.next_change_ms, now.next.map(|price| price.amount_minor))
        };
        assert_eq!(now(Channel::Ec, 50), (Some(1_000), Some(100), Some(800)));
        assert_eq!(now(Channel::Ec, 100), (Some(800), Some(200), Some(1_000)));
        assert_eq!(now(Channel::Ec, 200), (Some(1_000), None, None));
        assert_eq!(now(Channel::Store, 150), (Some(1_000), None, None));
        assert_eq!(channel_price(&prices[1..], Channel::Store, 150), None, "never sold there");
        assert_eq!(channel_price(&prices[1..], Channel::Ec, 150).unwrap().next, None, "and then no more");
    }

    fn any_price() -> impl Strategy<Value = Price> {
        let channel = prop_oneof![Just(None), Just(Some(Channel::Ec)), Just(Some(Channel::Store))];
        (channel, prop::option::of(0..40i64), prop::option::of(0..40i64), 1..4i64)
            .prop_map(|(channel, from_ms, until_ms, amount_minor)| price(channel, from_ms, until_ms, amount_minor))
    }

    proptest! {
        #[test]
        fn until_the_next_change_it_costs_the_same_and_then_it_does_not(prices in prop::collection::vec(any_price(), 0..6), now_ms in 0..40i64) {
            let amount = |at_ms| price_at(&prices, Channel::Ec, at_ms).map(|price| price.amount_minor);
            let next = channel_price(&prices, Channel::Ec, now_ms).and_then(|now| now.next_change_ms);
            for at_ms in now_ms..next.unwrap_or(100) {
                prop_assert_eq!(amount(at_ms), amount(now_ms));
            }
            if let Some(next) = next {
                prop_assert_ne!(amount(next), amount(now_ms));
            }
        }
    }
}
