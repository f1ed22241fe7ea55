//! The server's side of places, coupons and check-ins, and the rest stops of a short road.

use std::collections::BTreeMap;

use super::support::*;
use noren_core::Noren;
use noren_core::check_in::Observation;
use noren_core::net::Request;
use noren_rules::b64;
use noren_rules::check_in::{CheckInRecord, CheckInRefusal};
use noren_rules::conditions::Condition;
use noren_rules::credential::{Allotment, AllotmentGrant, Credential};
use noren_rules::geo::Position;
use noren_rules::grants::GrantState;
use noren_rules::offers::{Audience, Discount, Offer, OfferId};
use noren_rules::places::{Direction, Tile};
use noren_rules::wire::*;

/// What the operator has set up, and what the phones did.
#[derive(Default)]
pub struct Shop {
    pub places: Vec<PlaceInfo>,
    pub version: u64,
    pub offers: Vec<Offer>,
    pub conditions: Vec<Condition>,
    pub killed: Vec<OfferId>,
    pub routes: Vec<RouteInfo>,
    pub programmes: Vec<StampProgramme>,
    /// What an app may lease.
    pub lease: Vec<AllotmentGrant>,
    pub first_serial: u64,
    pub refuse_leases: bool,
    pub states: BTreeMap<u64, GrantState>,
    pub check_ins: Vec<CheckInRecord>,
    pub refuse: Option<CheckInRefusal>,
    pub stamps: Vec<StampCardState>,
    pub presented: Vec<u64>,
    pub staff: bool,
    pub first_visit: Option<bool>,
}

pub fn place(id: &str, name: &str, at: &Position) -> PlaceInfo {
    let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
    PlaceInfo {
        id: id.into(),
        kind: PlaceKind::RestStop,
        name: name.into(),
        reading: None,
        direction: Direction::Outbound,
        ground: Ground::Circle { lat_e7: e7(at.lat_deg()), lon_e7: e7(at.lon_deg()), radius_m: 150 },
        open_to_ordinary_road: false,
        hours: None,
        value: 0,
        area: Some("hiroshima".into()),
        tenants: Vec::new(),
    }
}

/// Where the first rest stop is.
pub fn miyajima() -> Position {
    Position::new(34.3712, 132.3457).unwrap()
}

pub fn offer(id: u32, title: &str) -> Offer {
    let mut offer = Offer::new(OfferId(id), Discount::Fixed { amount_minor: 100 });
    offer.title = [("ja", title), ("en", "a coupon")].into();
    offer.offline = true;
    offer
}

/// For whoever checked in at the place within six hours.
pub fn visitor_offer(id: u32, place: &str) -> Offer {
    Offer { audience: Audience::Visitor { within_s: 21_600 }, places: vec![place.into()], ..offer(id, "来場者") }
}

impl Server {
    pub fn set_up(&self, change: impl FnOnce(&mut Shop)) {
        change(&mut self.world.lock().unwrap().shop);
    }

    pub fn shop<T>(&self, look: impl FnOnce(&Shop) -> T) -> T {
        look(&self.world.lock().unwrap().shop)
    }

    pub fn read_shop(&self, world: &World, request: &Request, path: &str, query: &str) -> Option<(u16, String, Option<String>)> {
        if path == paths::AREAS {
            return Some(ok(&self.areas(&world.shop, query)));
        }
        if path == paths::WALLET {
            let body = serde_json::to_string(&Wallet { as_of_ms: 0, ..self.wallet(&world.shop) }).unwrap();
            let etag = format!("\"{}\"", body.len() + body.matches("granted").count() * 1_000);
            if request.header("if-none-match") == Some(&etag) {
                return Some((304, String::new(), Some(etag)));
            }
            let (status, body, _) = ok(&self.wallet(&world.shop));
            return Some((status, body, Some(etag)));
        }
        None
    }

    fn areas(&self, shop: &Shop, query: &str) -> AreaBundle {
        let value = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)).unwrap().to_owned();
        let (asked, rules) = (value("tiles="), value("rules="));
        let tiles = asked.split(',').filter(|text| !text.is_empty()).map(|text| text.split_once('@').unwrap());
        let newer = tiles.filter(|(_, version)| version.parse::<u64>().unwrap() < shop.version).map(|(tile, _)| TilePlaces {
            tile: tile.into(),
            version: shop.version,
            places: shop.places.iter().filter(|place| tile_of(place) == tile).cloned().collect(),
        });
        let tiles: Vec<TilePlaces> = newer.collect();
        let now = self.rules(shop);
        AreaBundle { tiles, rules: (now.version != rules).then_some(now), as_of_ms: self.now_ms() }
    }

    fn rules(&self, shop: &Shop) -> AreaRules {
        let rules = AreaRules {
            version: String::new(),
            issuers: vec![IssuerKeyInfo { key: self.issuer.public_key().to_base64url(), not_before_s: 0, not_after_s: 4_000_000_000 }],
            offers: shop.offers.iter().map(|offer| b64::encode(&offer.sign(&self.issuer))).collect(),
            conditions: shop.conditions.iter().map(|condition| b64::encode(&condition.sign(&self.issuer))).collect(),
            killed: shop.killed.clone(),
            routes: shop.routes.clone(),
            stamp_programmes: shop.programmes.clone(),
        };
        let text = serde_json::to_string(&rules).unwrap();
        let version = text.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        AreaRules { version: format!("v{version}"), ..rules }
    }

    fn allotment(&self, shop: &Shop) -> Option<Allotment> {
        let until_s = self.now_ms() / 1000 + 86_400;
        (!shop.lease.is_empty()).then(|| Allotment { until_s, first_serial: shop.first_serial, grants: shop.lease.clone() })
    }

    pub fn wallet(&self, shop: &Shop) -> Wallet {
        let grants = shop.lease.iter().zip(shop.first_serial..).map(|(grant, serial)| WalletGrant {
            serial,
            offer: grant.offer,
            state: shop.states.get(&serial).copied().unwrap_or(GrantState::Granted),
            until_s: START_MS / 1000 + 2 * 86_400,
            count: grant.count,
            on_this_device: true,
            rolled_back: None,
        });
        let counted = |record: &&CheckInRecord| !record.place.as_str().is_empty();
        Wallet {
            grants: grants.collect(),
            staff: shop.staff,
            first_visit: shop.first_visit,
            used: Vec::new(),
            check_ins: shop
                .check_ins
                .iter()
                .filter(counted)
                .map(|record| WalletCheckIn {
                    id: record.id.clone(),
                    place: record.place.clone(),
                    at_s: record.at_ms / 1000,
                    from_expressway: true,
                })
                .collect(),
            stamp_cards: shop.stamps.clone(),
            as_of_ms: self.now_ms(),
        }
    }

    pub fn write_shop(&self, world: &mut World, request: &Request, path: &str, device: &str) -> (u16, String, Option<String>) {
        if path == paths::LEASES {
            if world.shop.refuse_leases {
                return problem(403, Reason::Forbidden);
            }
            let body: LeaseRequest = serde_json::from_slice(&request.body).unwrap();
            world.shop.presented = body.presented;
            let (member, device_key, _) = world.devices[device].clone();
            let expires_at_s = self.now_ms() / 1000 + 30 * 86_400;
            let credential =
                Credential { member, device_key, expires_at_s, assurance: Assurance::Device, allotment: self.allotment(&world.shop) };
            return ok(&Lease {
                until_ms: credential.allotment.as_ref().map(|allotment| allotment.until_s * 1000),
                credential: credential.issue(&self.issuer).to_base64url(),
                credential_expires_at_ms: expires_at_s * 1000,
                renew_from_ms: self.now_ms() + 10 * 86_400_000,
                wallet: self.wallet(&world.shop),
            });
        }
        let body: CheckInRequest = serde_json::from_slice(&request.body).unwrap();
        let key = world.devices[device].1;
        let record = CheckInRecord::open(&b64::decode(&body.record).unwrap(), &key).expect("signed by the device");
        let last = world.shop.check_ins.last().map(|last| (last.sequence, last.digest()));
        let answer = CheckInAnswer {
            check_in_id: record.id.clone(),
            outcome: world.shop.refuse.map_or(CheckInOutcome::Accepted, |reason| CheckInOutcome::Refused { reason }),
            gap: !record.follows(last),
            stamp_cards: world.shop.stamps.clone(),
            grants: record.unlocked.clone(),
        };
        world.shop.check_ins.push(record);
        ok(&answer)
    }
}

fn tile_of(place: &PlaceInfo) -> String {
    Tile::of(&place.place().unwrap().region().centre).to_string()
}

impl Phone {
    /// Enrolled, at the first rest stop, with what the shop has set up.
    pub async fn at_miyajima(&self, set_up: impl FnOnce(&mut Shop)) -> Noren {
        self.server.set_up(|shop| {
            shop.version = 1;
            shop.first_serial = 100;
            shop.places = vec![place("miyajima-out", "宮島SA（下り）", &miyajima())];
            set_up(shop);
        });
        let noren = self.enrolled().await;
        noren.places().refresh(&miyajima()).await.unwrap();
        noren.coupons().refresh().await.unwrap();
        noren
    }

    /// A stop of four minutes there, fix by fix; answers what was observed. Time passes.
    pub fn stop_at(&self, at: &Position) -> Vec<Observation> {
        let mut observations = Vec::new();
        for step in 0..24 {
            self.clock.pass(10_000);
            // In, then standing: a step apart, as phones jitter.
            let here = at.towards(f64::from(step) * 77.0, 4.0);
            observations.push(self.fix(&here, Some(0.2)));
        }
        observations
    }

    pub fn fix(&self, at: &Position, speed_mps: Option<f64>) -> Observation {
        use noren_core::platform::Clock;
        Observation::Fix {
            lat_deg: at.lat_deg(),
            lon_deg: at.lon_deg(),
            at_ms: self.clock.wall_ms(),
            boot_ms: Some(self.clock.boot_ms()),
            accuracy_m: Some(8.0),
            speed_mps,
            mock: false,
        }
    }
}

pub fn leased(offers: &[u32]) -> Vec<AllotmentGrant> {
    offers.iter().map(|offer| AllotmentGrant { offer: OfferId(*offer), count: 1 }).collect()
}
