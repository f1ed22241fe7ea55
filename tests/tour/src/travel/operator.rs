//! What the operator's own systems say to the backend.

use std::sync::Arc;

use noren_core::net::Transport;
use noren_rules::conditions::{Condition, ConditionKind};
use noren_rules::ids::PlaceId;
use noren_rules::offers::{Audience, Budget, Discount, Offer, OfferId};
use noren_rules::receipt::Channel;
use noren_rules::wire::{Funnel, Kept, PlaceInfo, PutCondition, PutOffers, PutPlaces, StampProgramme, Tenant, paths};

use super::{STORE, StoryClock};
use crate::calls::Calls;
use crate::drives::{AREA, RestStop};

/// The offer for travellers who stop.
pub const COUPON: OfferId = OfferId(201);
/// The offer that holds while it rains.
pub const RAIN_COUPON: OfferId = OfferId(202);
/// What a full stamp card gives.
const STAMP_REWARD: OfferId = OfferId(203);
/// The stamp card of the stops.
pub const STAMP_CARD: &str = "kansai-stops";
/// Stamps of a full card.
pub const STAMPS_OF_A_CARD: u32 = 5;
/// How long a check-in unlocks the travellers' coupon, in seconds.
const HOLDS_S: u32 = 4 * 3_600;
/// How often the travellers' coupon may be used in all.
const BUDGET: u64 = 500;

/// The operator of the service areas.
pub struct Operator {
    calls: Calls,
    clock: StoryClock,
}

impl Operator {
    /// The operator whom `token` names at the backend.
    #[must_use]
    pub fn new(backend_url: &str, token: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Self {
        Self { calls: Calls::new(backend_url, token, transport, clock), clock: clock.clone() }
    }

    /// Puts the service areas, with a shop at one of them, and the offers for whoever stops there. Answers how many places there are.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn put(&self, stops: &[RestStop], shop_at: &PlaceId) -> Result<usize, String> {
        let shop = Tenant { store_id: STORE.into(), name: "なしお屋".to_owned(), hours: None };
        let with_shop = |info: PlaceInfo| if info.id == *shop_at { PlaceInfo { tenants: vec![shop.clone()], ..info } } else { info };
        let places: Vec<PlaceInfo> = stops.iter().map(RestStop::info).map(with_shop).collect();
        let count = places.len();
        self.calls.post::<Kept>(paths::OPERATOR_PLACES, &PutPlaces { places, routes: Vec::new(), remove: Vec::new() }).await?;
        let stamps = StampProgramme {
            id: STAMP_CARD.into(),
            title: [("ja", "関西スタンプカード"), ("en", "Kansai stamp card")].map(|(tag, text)| (tag.to_owned(), text.to_owned())).into(),
            places: Vec::new(),
            goal: STAMPS_OF_A_CARD,
            reward: STAMP_REWARD,
            utc_offset_min: 540,
        };
        let offers = self.offers(shop_at);
        self.calls.post::<Kept>(paths::OPERATOR_OFFERS, &PutOffers { offers, stamp_programmes: vec![stamps] }).await?;
        Ok(count)
    }

    fn offers(&self, shop_at: &PlaceId) -> Vec<Offer> {
        let at_the_shop = |id, discount| Offer {
            stores: vec![STORE.into()],
            places: vec![shop_at.clone()],
            channels: vec![Channel::Store],
            from_s: Some(self.clock.now_s() - 3_600),
            until_s: Some(self.clock.now_s() + 30 * 86_400),
            offline: true,
            ..Offer::new(id, discount)
        };
        let travellers = Offer {
            title: [("ja", "立ち寄り 200円引き"), ("en", "200 yen off for stopping by")].into(),
            reason: [("ja", "ご休憩ありがとうございます"), ("en", "Thank you for taking a break")].into(),
            audience: Audience::Traveller { within_s: HOLDS_S },
            budget: Some(Budget::Redemptions(BUDGET)),
            ..at_the_shop(COUPON, Discount::Fixed { amount_minor: 200 })
        };
        let rain = Offer {
            title: [("ja", "雨の日 コーヒー50円引き"), ("en", "Rainy day: coffee 50 yen off")].into(),
            reason: [("ja", "雨の日限定"), ("en", "Only when it rains")].into(),
            condition: Some(ConditionKind::Rain),
            sku_prefixes: vec!["coffee".to_owned()],
            budget: Some(Budget::Redemptions(BUDGET)),
            ..at_the_shop(RAIN_COUPON, Discount::Fixed { amount_minor: 50 })
        };
        let reward = Offer {
            title: [("ja", "スタンプ満了 500円引き"), ("en", "Full stamp card: 500 yen off")].into(),
            ..Offer::new(STAMP_REWARD, Discount::Fixed { amount_minor: 500 })
        };
        vec![travellers, rain, reward]
    }

    /// Says that it rains for the next hours. Answers the signed condition, small enough for a push.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn rain(&self, hours: i64) -> Result<Option<String>, String> {
        let now_s = self.clock.now_s();
        let condition =
            Condition { kind: ConditionKind::Rain, area: AREA.to_owned(), sequence: 1, from_s: now_s - 60, until_s: now_s + hours * 3_600 };
        Ok(self.calls.post::<Kept>(paths::OPERATOR_CONDITIONS, &PutCondition { condition }).await?.signed)
    }

    /// How a campaign went.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn funnel(&self, offer: OfferId) -> Result<Funnel, String> {
        let path = format!("{}?offer={offer}", paths::OPERATOR_FUNNEL);
        self.calls.get(&path).await
    }
}
