//! The server's side of stock and holds.

use std::collections::BTreeMap;

use super::support::*;
use noren_core::net::Request;
use noren_rules::holds::{HoldPolicy, HoldState, HoldTimes};
use noren_rules::ids::{HoldId, Sku, StoreId};
use noren_rules::stock::{ChanceModel, StockSource};
use noren_rules::wire::*;

/// What the stores have, and what is held there.
#[derive(Default)]
pub struct Depot {
    /// Store, version and level of each change, in order.
    pub changes: Vec<(StoreId, StockLevel)>,
    /// Stores that never said anything.
    pub silent: Vec<StoreId>,
    pub holds: Vec<(Hold, HoldTimes)>,
    /// Answered to the next wish that finds nothing.
    pub alternatives: Vec<HoldAlternative>,
    /// Rows of an answer.
    pub limit: usize,
    pub words: Vec<HoldProgressRequest>,
    /// It says that there is more, and never goes on.
    pub stuck: bool,
    /// Makes an answer untrue; the number of the answer from 0 on.
    pub lie: Option<fn(&mut StockPage, u64)>,
    pub answers: std::sync::atomic::AtomicU64,
}

pub fn level(sku: &str, available: u32) -> StockLevel {
    StockLevel {
        sku: sku.into(),
        available: Some(available),
        display: 0,
        in_transit: 0,
        shelf: Some("1F".into()),
        sold_per_day_milli: 500,
        error_permille: 10,
    }
}

impl Depot {
    pub fn say(&mut self, store: &str, levels: &[(&str, u32)]) {
        self.changes.extend(levels.iter().map(|(sku, available)| (store.into(), level(sku, *available))));
    }

    pub fn available(&self, store: &StoreId, sku: &Sku) -> Option<u32> {
        let last = self.changes.iter().rfind(|(of, level)| of == store && level.sku == *sku);
        let held = self.holds.iter().filter(|(hold, _)| hold.store == *store && hold.sku == *sku && hold.state.is_live());
        let held: u32 = held.map(|(hold, _)| hold.quantity).sum();
        last.and_then(|(_, level)| level.available).map(|available| available.saturating_sub(held))
    }

    fn page(&self, query: &str, now_ms: i64) -> StockPage {
        let asked = query.split('&').find_map(|part| part.strip_prefix("stores=")).unwrap_or_default();
        let mut asked: Vec<(StoreId, u64)> = asked
            .split(',')
            .filter(|text| !text.is_empty())
            .map(|text| text.rsplit_once('@').unwrap())
            .map(|(store, version)| (store.into(), version.parse().unwrap()))
            .collect();
        if !asked.iter().any(|(store, _)| store.as_str() == "ec") {
            asked.push(("ec".into(), 0));
        }
        let limit = query.split('&').find_map(|part| part.strip_prefix("limit=")).unwrap().parse().unwrap();
        let mut left = if self.limit == 0 { limit } else { self.limit };
        let mut stores = Vec::new();
        for (store, known) in asked {
            let silent = self.silent.contains(&store);
            if left == 0 || (!silent && !self.changes.iter().any(|(of, _)| *of == store)) {
                continue;
            }
            let newest: BTreeMap<&Sku, u64> = self
                .changes
                .iter()
                .zip(1u64..)
                .filter(|((of, _), _)| *of == store)
                .map(|((_, level), version)| (&level.sku, version))
                .collect();
            let mut newer: Vec<u64> = newest.into_values().filter(|version| *version > known).collect();
            newer.sort_unstable();
            let sent: Vec<u64> = newer.iter().take(left).copied().collect();
            left -= sent.len();
            stores.push(StoreStock {
                as_of_ms: (!silent).then_some(now_ms),
                source: StockSource::PosFeed,
                is_ec: store.as_str() == "ec",
                holds: store.as_str() != "ec",
                version: sent.last().copied().filter(|_| !self.stuck).unwrap_or(known),
                has_more: self.stuck || sent.len() < newer.len(),
                levels: sent.iter().map(|version| self.changes[*version as usize - 1].1.clone()).collect(),
                store,
            });
        }
        StockPage { stores, model: ChanceModel::default(), as_of_ms: now_ms }
    }

    fn hold(&mut self, wish: HoldRequest, now_ms: i64) -> HoldAnswer {
        let refuse = |reason, alternatives| HoldAnswer { hold: None, refused: Some(reason), alternatives };
        if self.holds.iter().any(|(hold, _)| hold.sku == wish.sku && hold.state.is_live()) {
            return refuse(HoldRefusal::AlreadyHeld, Vec::new());
        }
        let times = match HoldPolicy::default().begin(now_ms, wish.eta_min) {
            Ok(times) => times,
            Err(reason) => return refuse(reason, Vec::new()),
        };
        if self.available(&wish.store, &wish.sku).is_none_or(|available| available < wish.quantity) {
            return refuse(HoldRefusal::InsufficientStock, self.alternatives.clone());
        }
        let hold = Hold {
            id: HoldId(format!("hold-{:04}", self.holds.len() + 1)),
            store: wish.store,
            sku: wish.sku,
            quantity: wish.quantity,
            state: HoldState::Requested,
            until_ms: times.until_ms,
            cap_ms: times.cap_ms,
            made_at_ms: now_ms,
            shelf_number: None,
            call: format!("{:04}", self.holds.len() + 1),
        };
        self.holds.push((hold.clone(), times));
        HoldAnswer { hold: Some(hold), refused: None, alternatives: Vec::new() }
    }

    /// The staff does something about the hold made last.
    pub fn staff(&mut self, state: HoldState, shelf_number: Option<&str>) {
        let (hold, _) = self.holds.last_mut().unwrap();
        hold.state = state;
        hold.shelf_number = shelf_number.map(str::to_owned);
    }
}

impl Server {
    pub fn stores<T>(&self, change: impl FnOnce(&mut Depot) -> T) -> T {
        change(&mut self.world.lock().unwrap().depot)
    }

    pub fn read_depot(&self, world: &World, request: &Request, path: &str, query: &str) -> Option<(u16, String, Option<String>)> {
        if path == paths::STOCK {
            let mut page = world.depot.page(query, self.now_ms());
            let number = world.depot.answers.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if let Some(lie) = world.depot.lie {
                lie(&mut page, number);
            }
            return Some(ok(&page));
        }
        if path == paths::HOLDS {
            let holds: Vec<Hold> = world.depot.holds.iter().rev().map(|(hold, _)| hold.clone()).collect();
            let text = serde_json::to_string(&holds).unwrap();
            let etag = format!("\"{}\"", text.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))));
            if request.header("if-none-match") == Some(&etag) {
                return Some((304, String::new(), Some(etag)));
            }
            let (status, body, _) = ok(&Holds { holds, as_of_ms: self.now_ms() });
            return Some((status, body, Some(etag)));
        }
        None
    }

    pub fn write_depot(&self, world: &mut World, request: &Request, path: &str) -> (u16, String, Option<String>) {
        let depot = &mut world.depot;
        if path == paths::HOLDS {
            return ok(&depot.hold(serde_json::from_slice(&request.body).unwrap(), self.now_ms()));
        }
        let find = |depot: &Depot, id: &HoldId| depot.holds.iter().position(|(hold, _)| hold.id == *id);
        if path == paths::HOLD_PROGRESS {
            let word: HoldProgressRequest = serde_json::from_slice(&request.body).unwrap();
            let Some(at) = find(depot, &word.hold) else { return problem(404, Reason::NotFound) };
            let (hold, times) = &mut depot.holds[at];
            *times = HoldPolicy::default().progress(times, self.now_ms(), word.at_ms, word.eta_min).0;
            hold.until_ms = times.until_ms;
            let answer = ok(&*hold);
            depot.words.push(word);
            return answer;
        }
        let body: HoldReleaseRequest = serde_json::from_slice(&request.body).unwrap();
        let Some(at) = find(depot, &body.hold) else { return problem(404, Reason::NotFound) };
        let (hold, _) = &mut depot.holds[at];
        if hold.state.is_live() {
            hold.state = HoldState::Released;
        }
        ok(&*hold)
    }
}
