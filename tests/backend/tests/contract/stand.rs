//! What tests of coupons share: an operator, a rest stop with a store, offers, phones with leases, tills without a connection.

use noren_backend::DEMO_OPERATOR_TOKEN;
use noren_rules::b64;
use noren_rules::basket::{Basket, BasketLine};
use noren_rules::check_in::{AccuracyClass, CheckInMethod, CheckInRecord, DistanceBand, Evidence, Sample, Side, SpeedClass};
use noren_rules::code::{CodePayload, make, step_at};
use noren_rules::credential::SignedCredential;
use noren_rules::geo::Position;
use noren_rules::keys::{PublicKey, SoftwareKey};
use noren_rules::offers::{Budget, Discount, Offer, OfferId};
use noren_rules::places::Direction;
use noren_rules::wire::*;
use noren_till::{Scanned, Till};

use crate::support::*;

pub const TILE: &str = "34.106";
pub const PLACE: &str = "miyajima-up";
pub const STORE: &str = "miyajima-shop";

pub fn position() -> Position {
    Position::new(34.35, 132.50).unwrap()
}

pub fn place(id: &str, store: &str) -> PlaceInfo {
    PlaceInfo {
        id: id.into(),
        kind: PlaceKind::RestStop,
        name: "宮島SA".to_owned(),
        reading: None,
        direction: Direction::Inbound,
        ground: Ground::circle(&position(), 150),
        open_to_ordinary_road: false,
        hours: None,
        value: 1,
        area: Some("west".to_owned()),
        tenants: vec![Tenant { store_id: store.into(), name: "売店".to_owned(), hours: None }],
    }
}

/// 100 yen off at the rest stop's store, offline, once a member.
pub fn offer(id: u32) -> Offer {
    Offer {
        title: [("ja", "百円引き"), ("en", "100 yen off")].into(),
        places: vec![PLACE.into()],
        offline: true,
        budget: Some(Budget::Redemptions(100)),
        ..Offer::new(OfferId(id), Discount::Fixed { amount_minor: 100 })
    }
}

pub fn lines() -> Vec<BasketLine> {
    let (sku, class) = ("4901".to_owned(), None);
    vec![BasketLine { sku, class, quantity: 1, amount_minor: 1_000, tax_permille: None, greatest_discount_minor: None }]
}

/// A till that is off the network, as a point of sale embeds it.
pub struct OfflineTill {
    pub token: String,
    pub till: Till,
    sold: u32,
    name: String,
}

impl World {
    pub async fn operator(&self, path: &str, body: &impl serde::Serialize) -> Got {
        self.post(path, Some(DEMO_OPERATOR_TOKEN), &self.fresh_key(), body).await
    }

    /// A rest stop with these offers.
    pub async fn open_market(&self, offers: Vec<Offer>) {
        let places = PutPlaces { places: vec![place(PLACE, STORE)], routes: vec![], remove: vec![] };
        self.operator(paths::OPERATOR_PLACES, &places).await.ok::<Kept>();
        self.put_offers(offers).await.ok::<Kept>();
    }

    pub async fn put_offers(&self, offers: Vec<Offer>) -> Got {
        self.operator(paths::OPERATOR_OFFERS, &PutOffers { offers, stamp_programmes: vec![] }).await
    }

    pub async fn funnel(&self, offer: u32) -> Funnel {
        self.get(&format!("{}?offer={offer}", paths::OPERATOR_FUNNEL), Some(DEMO_OPERATOR_TOKEN)).await.ok()
    }

    pub async fn wallet(&self, phone: &Phone) -> Wallet {
        self.get(paths::WALLET, Some(&phone.token)).await.ok()
    }

    pub async fn lease_with(&self, phone: &mut Phone, presented: &[u64]) -> Lease {
        let request = LeaseRequest { tiles: vec![TILE.to_owned()], presented: presented.to_vec() };
        let lease: Lease = self.post(paths::LEASES, Some(&phone.token), &self.fresh_key(), &request).await.ok();
        phone.enrolment.credential = lease.credential.clone();
        lease
    }

    /// A phone with a lease.
    pub async fn leased(&self, seed: u8) -> Phone {
        let mut phone = self.phone(seed, None).await;
        self.lease_with(&mut phone, &[]).await;
        phone
    }

    /// Registers a till at the rest stop's store, with its document.
    pub async fn offline_till(&self, name: &str) -> OfflineTill {
        let token = format!("token-of-{name}");
        self.backend.as_ref().unwrap().register_till(name.into(), STORE.into(), token.clone()).await.unwrap();
        let keys: TillKeys = self.get(paths::TILL_KEYS, Some(&token)).await.ok();
        let root = PublicKey::from_base64url(&keys.root_key).unwrap();
        let till = Till::set_up(root, &b64::decode(&keys.document).unwrap(), self.now() / 1000).unwrap().with_id(name.into());
        OfflineTill { token, till, sold: 0, name: name.to_owned() }
    }

    pub async fn refresh(&self, till: &mut OfflineTill) {
        let keys: TillKeys = self.get(paths::TILL_KEYS, Some(&till.token)).await.ok();
        till.till.update(&b64::decode(&keys.document).unwrap()).unwrap();
    }

    pub async fn post_sale(&self, till: &OfflineTill, sale: &SaleRequest) -> SaleAnswer {
        self.post(paths::TILL_SALES, Some(&till.token), &self.fresh_key(), sale).await.ok()
    }

    pub async fn check_in(&self, phone: &Phone, record: &CheckInRecord) -> Got {
        self.post(paths::CHECK_INS, Some(&phone.token), &self.fresh_key(), &signed(&phone.key, record)).await
    }
}

pub fn signed(key: &SoftwareKey, record: &CheckInRecord) -> CheckInRequest {
    CheckInRequest { record: b64::encode(&record.sign(|message| Ok::<_, ()>(key.sign(message))).unwrap()) }
}

/// The QR with all grants of the lease.
pub fn show(phone: &Phone, at_ms: i64) -> String {
    let credential = SignedCredential::from_base64url(&phone.enrolment.credential).unwrap();
    let count = credential.credential().allotment.as_ref().map_or(0, |allotment| allotment.grants.len());
    let grants = (0..u16::try_from(count).unwrap()).collect();
    let payload = CodePayload { step: step_at(at_ms / 1000), grants, pickup_code: None };
    make(&credential, &payload, |message| Ok::<_, ()>(phone.key.sign(message))).unwrap()
}

impl OfflineTill {
    /// Sells for 1,000 yen to whoever shows this text: the sale to be posted later, and the reasons for what was not used.
    pub fn sell(&mut self, text: &str, at_ms: i64) -> (SaleRequest, Vec<&'static str>) {
        self.sold += 1;
        let number = format!("{}-{}", self.name, self.sold);
        let Scanned::Member(member) = self.till.scan(text.as_bytes(), &number, at_ms / 1000).scanned else { panic!("no member: {text}") };
        let priced = self.till.price(&member, &Basket::new("JPY", lines()).unwrap(), &number, None, at_ms / 1000).unwrap();
        let reasons = priced.set.unused.iter().map(|unused| unused.reason.reason()).collect();
        let request = SaleRequest {
            store_id: STORE.into(),
            sold_at_ms: at_ms,
            coupons: Some(priced.coupons),
            ..sale(&number, scanned(text.to_owned(), at_ms), vec![line("4901", 1, priced.set.total_minor)])
        };
        (request, reasons)
    }
}

/// A stay of three minutes, as the phone's first stage sees it.
pub fn stay(place: &str) -> Evidence {
    let sample = |age_s| Sample {
        age_s,
        distance: DistanceBand::Inside,
        side: Side::Own,
        speed: SpeedClass::Still,
        accuracy: AccuracyClass::Good,
        stays: true,
    };
    Evidence {
        place: place.into(),
        direction: Direction::Inbound,
        outlined: false,
        opened: false,
        ended: false,
        mock: false,
        jump: false,
        clock_shift: false,
        clock_unproven: false,
        cooling_down: false,
        was_opposite: false,
        os_visit_s: None,
        samples: (0..=6).rev().map(|at| sample(at * 30)).collect(),
    }
}

/// The first record of a device: a stay at the rest stop.
pub fn record(id: &str, at_ms: i64) -> CheckInRecord {
    CheckInRecord {
        id: id.into(),
        sequence: 1,
        previous: None,
        place: PLACE.into(),
        at_ms,
        time_proven: true,
        boot_ms: 5,
        method: CheckInMethod::Location(stay(PLACE)),
        unlocked: vec![],
    }
}
