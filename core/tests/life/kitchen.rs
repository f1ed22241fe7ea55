//! The server's side of ordering.

use std::collections::{BTreeMap, VecDeque};

use super::support::*;
use noren_core::Noren;
use noren_core::net::{BoxFuture, ByteStream, Request, StreamResponse, TransportError};
use noren_rules::cart::*;
use noren_rules::checkout::Checkout;
use noren_rules::ids::*;
use noren_rules::keys::id_from_bytes;
use noren_rules::menu::allergens::{self, AllergenFacts, AllergenState, AllergenTable};
use noren_rules::menu::*;
use noren_rules::offers::{Texts, TimeOfDay};
use noren_rules::order::{OrderState, RejectReason};
use noren_rules::places::OpeningSpan;
use noren_rules::receipt::{Issuer, ReceiptLine};
use noren_rules::slots::*;
use noren_rules::tax::{self, TaxClass, TaxRounding, TaxTable};
use noren_rules::wire::*;

/// 11:40 in Tokyo: the lunch that is ordered.
pub const NOON_MS: i64 = START_MS + 20 * 60_000;

/// What a phone writes here.
pub const WRITES: [&str; 7] =
    [paths::SLOT_HOLDS, paths::SLOT_RELEASES, paths::ORDERS, paths::ORDER_STEPS, paths::ORDER_PASSES, paths::SEATS, paths::SELF_BASKETS];

/// An order as the server has it.
pub struct TakenOrder {
    pub request: OrderRequest,
    pub answer: OrderAnswer,
}

/// What stores sell, and what was ordered there.
#[derive(Default)]
pub struct Kitchen {
    pub menus: BTreeMap<StoreId, StoreMenu>,
    pub books: BTreeMap<StoreId, KitchenBook>,
    pub sold_out: Vec<SoldOut>,
    pub orders: Vec<TakenOrder>,
    /// Asked of the next orders and steps.
    pub asks: VecDeque<OrderQuestion>,
    pub steps: Vec<OrderStepRequest>,
    /// What comes of the next streams of events; one that is not there cannot be had.
    pub streams: VecDeque<VecDeque<Result<Vec<u8>, TransportError>>>,
    pub sessions: Vec<SeatSession>,
    /// A seat waits for the staff.
    pub waits: bool,
    pub passes: u32,
    pub baskets: Vec<SelfBasketRequest>,
    pub add_ons: Vec<AddOn>,
}

fn texts(id: &str) -> Texts {
    [("ja", id), ("en", id)].into()
}

fn price(amount_minor: i64) -> Vec<MenuPrice> {
    vec![MenuPrice { handoff: None, amount_minor }]
}

pub fn modifier(id: &str, amount_minor: i64) -> Modifier {
    Modifier {
        id: id.into(),
        title: texts(id),
        prices: price(amount_minor),
        most: 2,
        default: 0,
        groups: vec![],
        allergens: AllergenFacts::default(),
        tax_class: None,
        least_age: None,
        make: vec![],
    }
}

pub fn item(id: &str, amount_minor: i64, groups: &[&str]) -> MenuItem {
    MenuItem {
        id: id.into(),
        sku: format!("sku-{id}").as_str().into(),
        class: None,
        title: texts(id),
        description: Texts::default(),
        prices: price(amount_minor),
        tax_class: TaxClass::Food,
        mixed_set: None,
        groups: groups.iter().map(|id| (*id).into()).collect(),
        allergens: AllergenFacts { states: [("wheat".into(), AllergenState::Contains)].into(), checked_on: Some("2026-01-10".into()) },
        least_age: None,
        most: None,
        greatest_discount_permille: None,
        make: vec![MakeStep { station: "grill".into(), seconds: 120, batch: 2 }],
    }
}

/// A burger with a bun that must be chosen and toppings, tea of which nobody has said what is in it, and breakfast until 10:30.
pub fn menu(store: &str) -> Menu {
    let bun = ModifierGroup {
        id: "bun".into(),
        title: texts("bun"),
        min: 1,
        max: 1,
        modifiers: vec![
            Modifier {
                default: 1,
                allergens: AllergenFacts { checked_on: Some("2026-01-10".into()), ..AllergenFacts::default() },
                ..modifier("white", 0)
            },
            modifier("rice", 30),
        ],
    };
    let toppings = ModifierGroup {
        id: "toppings".into(),
        title: texts("toppings"),
        min: 0,
        max: 3,
        modifiers: vec![modifier("cheese", 50), modifier("egg", 80)],
    };
    let section = |title: &str, hours: Vec<TimeOfDay>, items: &[&str]| MenuSection {
        title: texts(title),
        handoffs: vec![],
        hours,
        items: items.iter().map(|id| (*id).into()).collect(),
    };
    let morning = TimeOfDay { utc_offset_minutes: 540, weekdays: 127, from_minute: 420, until_minute: 630 };
    Menu {
        store: store.into(),
        version: 1,
        currency: "JPY".into(),
        sections: vec![section("all day", vec![], &["burger", "tea"]), section("breakfast", vec![morning], &["pancake"])],
        items: vec![
            item("burger", 540, &["bun", "toppings"]),
            MenuItem { allergens: AllergenFacts::default(), ..item("tea", 216, &[]) },
            item("pancake", 432, &[]),
        ],
        groups: vec![bun, toppings],
    }
}

pub fn terms(store: &str) -> OrderTerms {
    OrderTerms {
        store: store.into(),
        store_name: texts(store),
        issuer: Issuer { name: "暖簾食堂".into(), registration_number: Some("T1180301018771".into()) },
        currency: "JPY".into(),
        rounding: TaxRounding::Down,
        handoffs: vec![
            HandoffMode::CounterPickup,
            HandoffMode::DineIn,
            HandoffMode::Curbside,
            HandoffMode::StorePickup,
            HandoffMode::Delivery,
        ],
        methods: vec![PaymentMethod::Token, PaymentMethod::AtCounter],
        capture: CaptureTime::AtAcceptance,
        auto_accept: true,
        accept_within_s: 120,
        cancel_before_min: Some(10),
        keep_min: 60,
        keep_goods_days: 7,
        complete_after_min: 30,
        charge_no_show: false,
        delivery_fee_minor: 330,
        points: Some(PointsRule { mode: PointsMode::Discount, value_minor: 1 }),
        attach_within_min: 30,
        cancel_text: texts("no returns"),
        utc_offset_min: 540,
    }
}

pub fn plan(store: &str) -> KitchenPlan {
    let spans = (0..7).map(|weekday| OpeningSpan { weekday, opens_min: 420, closes_min: 1_320 }).collect();
    KitchenPlan {
        store: store.into(),
        stations: vec![Station { id: "grill".into(), makers: 1, shifts: vec![], walk_in: vec![] }],
        per_order: vec![],
        hours: PickupHours { spans, holidays: vec![], utc_offset_min: 540, before_open_min: 0, last_order_min: 0, last_pickup_min: 0 },
        step_min: 5,
        least_lead_min: 5,
        earliest_start_min: 20,
        hold_s: 300,
        same_day: true,
        later_days: 3,
        alternatives: 3,
        levelling: None,
    }
}

impl Kitchen {
    pub fn opens(&mut self, store: &str) {
        let menu = StoreMenu {
            menu: Some(menu(store)),
            kitchen: Some(plan(store)),
            terms: terms(store),
            tax: TaxTable::from_json(tax::JAPAN).unwrap(),
            allergens: AllergenTable::from_json(allergens::JAPAN).unwrap(),
        };
        self.menus.insert(store.into(), menu);
        self.books.insert(store.into(), KitchenBook::new(plan(store), Lateness::of_p90(2)).unwrap());
    }

    pub fn status(&mut self, store: &StoreId, now_ms: i64) -> Option<MenuStatus> {
        let menu = self.menus.get(store)?;
        let book = self.books.get(store)?;
        Some(MenuStatus {
            store: store.clone(),
            menu_version: menu.menu.as_ref().map_or(0, |menu| menu.version),
            mode: book.mode(),
            mode_since_ms: book.mode_since_ms(),
            sold_out: self.sold_out.clone(),
            late_p90_min: 2,
            load: book.load(now_ms),
            as_of_ms: now_ms,
        })
    }

    pub fn price(&mut self, store: &str, item: &str, amount_minor: i64) {
        let menu = self.menus.get_mut(&StoreId::from(store)).unwrap().menu.as_mut().unwrap();
        menu.version += 1;
        menu.items.iter_mut().find(|known| known.id.as_str() == item).unwrap().prices = price(amount_minor);
    }

    pub fn view(&mut self, order: &OrderId) -> &mut OrderView {
        &mut self.orders.iter_mut().find(|taken| taken.request.id == *order).unwrap().answer.order
    }

    /// The store moves an order on.
    pub fn moves(&mut self, order: &OrderId, state: OrderState, now_ms: i64) -> OrderView {
        let view = self.view(order);
        (view.state, view.version, view.changed_at_ms) = (state, view.version + 1, now_ms);
        view.clone()
    }

    fn hold(&mut self, request: &SlotHoldRequest, now_ms: i64) -> SlotHoldAnswer {
        let book = MenuBook::new(self.menus[&request.store].menu.clone().unwrap()).unwrap();
        let changes = request.cart.changes(&book, &CartMoment { at_ms: now_ms, sold_out: &self.sold_out });
        if !changes.is_empty() {
            return SlotHoldAnswer { hold: None, refused: None, changes };
        }
        let kitchen = self.books.get_mut(&request.store).unwrap();
        kitchen.sweep(now_ms);
        if let Some(replaced) = &request.replaces
            && let Some(booking) = kitchen.booking(replaced).cloned()
        {
            kitchen.release(replaced);
            kitchen.restore(SlotBooking { order: request.order.clone(), ..booking });
        }
        let tasks = make_tasks(&request.cart, &book, &[]);
        let wish = SlotRequest { order: request.order.clone(), tasks, time: request.time };
        let held = match request.wanted_ms {
            Some(wanted_ms) => kitchen.hold_instead(&wish, wanted_ms, now_ms),
            None => kitchen.hold(&wish, now_ms),
        };
        match held {
            Ok(booking) => {
                let until_ms = match booking.state {
                    BookingState::Held { until_ms } => Some(until_ms),
                    BookingState::Confirmed => None,
                };
                SlotHoldAnswer {
                    hold: Some(SlotHold { order: request.order.clone(), slot: booking.slot, until_ms }),
                    refused: None,
                    changes,
                }
            }
            Err(refusal) => SlotHoldAnswer { hold: None, refused: Some(refusal), changes },
        }
    }

    /// Takes an order as it is shown, if it is what would be shown here; a menu's only.
    fn order(&mut self, request: OrderRequest, now_ms: i64) -> Result<OrderAnswer, (u16, Reason)> {
        if let Some(known) = self.orders.iter().find(|taken| taken.request.id == request.id) {
            return if known.request == request { Ok(known.answer.clone()) } else { Err((409, Reason::OrderConflict)) };
        }
        if request.of == OrderOf::Menu {
            let kept = &self.menus[&request.store];
            let book = MenuBook::new(kept.menu.clone().unwrap()).unwrap();
            let shown = Checkout {
                terms: &kept.terms,
                tax: &kept.tax,
                book: &book,
                of: request.of,
                method: request.payment.method,
                promised_ms: request.shown.promised_ms,
                deadline_ms: request.shown.deadline_ms,
                coupons: None,
                points: request.points,
            };
            let shown = shown.show(&request.cart).unwrap().snapshot;
            let moment = CartMoment { at_ms: request.shown.promised_ms, sold_out: &self.sold_out };
            let changes = request.cart.changes(&book, &moment);
            if shown.digest() != request.shown.digest() && self.asks.is_empty() {
                self.asks.push_back(OrderQuestion { changes, slot: None, short: vec![], shown_now: Some(shown), coupons_out: vec![] });
            }
            if let (Some(replaced), Some(kitchen)) = (&request.replaces, self.books.get_mut(&request.store)) {
                // The slot goes over to the order that comes in its place.
                if let Some(booking) = kitchen.booking(replaced).cloned() {
                    kitchen.release(replaced);
                    kitchen.restore(SlotBooking { order: request.id.clone(), ..booking });
                }
            }
            if self.asks.is_empty() && self.books.get_mut(&request.store).unwrap().confirm(&request.id, now_ms).is_err() {
                let slot = SlotRefusal { reason: SlotRefusalReason::Past, same_day: vec![], later: vec![] };
                self.asks.push_back(OrderQuestion {
                    changes: vec![],
                    slot: Some(slot),
                    short: vec![],
                    shown_now: None,
                    coupons_out: vec![],
                });
            }
        }
        let question = self.asks.pop_front();
        let (state, rejected) = match question {
            Some(_) => (OrderState::Rejected, Some(RejectReason::Changed)),
            None => (OrderState::Accepted, None),
        };
        let number = self.orders.len() + 1;
        let order = OrderView {
            id: request.id.clone(),
            store: request.store.clone(),
            of: request.of,
            handoff: request.cart.handoff,
            tax_handoff: request.cart.tax_handoff,
            state,
            payment: OrderPayment::Authorised,
            lines: vec![],
            currency: "JPY".into(),
            to_pay_minor: request.shown.to_pay_minor,
            refunded_minor: 0,
            placed_at_ms: now_ms,
            promised_ms: request.shown.promised_ms,
            late: false,
            kept_until_ms: request.shown.kept_until_ms,
            can_cancel: true,
            call_number: Some(number as u16),
            pickup_code: Some(format!("CODE{number:04}")),
            shelf: None,
            least_age: None,
            rejected,
            replaces: request.replaces.clone(),
            version: 1,
            changed_at_ms: now_ms,
        };
        let answer = OrderAnswer { order, question };
        self.orders.push(TakenOrder { request, answer: answer.clone() });
        Ok(answer)
    }

    fn step(&mut self, request: OrderStepRequest, now_ms: i64) -> Result<OrderAnswer, (u16, Reason)> {
        if !self.orders.iter().any(|taken| taken.request.id == request.order) {
            return Err((404, Reason::NotFound));
        }
        self.steps.push(request.clone());
        let question = self.asks.pop_front();
        if question.is_none() && request.step == OrderStep::Cancel {
            self.moves(&request.order, OrderState::Canceled, now_ms);
        }
        let view = self.view(&request.order);
        view.version += 1;
        Ok(OrderAnswer { order: view.clone(), question })
    }
}

impl Server {
    pub fn kitchen<T>(&self, look: impl FnOnce(&mut Kitchen) -> T) -> T {
        look(&mut self.world.lock().unwrap().kitchen)
    }

    pub fn read_kitchen(&self, world: &mut World, request: &Request, path: &str, query: &str) -> Option<(u16, String, Option<String>)> {
        let kitchen = &mut world.kitchen;
        let conditional = |body: (u16, String, Option<String>)| {
            let etag = format!("\"{:x}\"", body.1.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))));
            let known = request.header("if-none-match") == Some(&etag);
            if known { (304, String::new(), Some(etag)) } else { (200, body.1, Some(etag)) }
        };
        match path {
            paths::MENUS => match kitchen.menus.get(&StoreId::from(query.strip_prefix("store=").unwrap())) {
                Some(menu) => Some(conditional(ok(menu))),
                None => Some(problem(404, Reason::NotFound)),
            },
            paths::MENU_STATUS => {
                let stores: Vec<StoreId> = query.strip_prefix("stores=").unwrap().split(',').map(StoreId::from).collect();
                assert!(stores.len() <= 20);
                let stores = stores.iter().filter_map(|store| kitchen.status(store, self.now_ms())).collect();
                Some(ok(&MenuStatuses { stores, as_of_ms: self.now_ms() }))
            }
            paths::ORDERS => {
                let orders: Vec<OrderView> = kitchen.orders.iter().rev().map(|taken| taken.answer.order.clone()).collect();
                // The moment is not part of what may have changed.
                let (_, _, etag) = conditional(ok(&orders));
                if request.header("if-none-match") == etag.as_deref() {
                    return Some((304, String::new(), etag));
                }
                let (status, body, _) = ok(&Orders { orders, as_of_ms: self.now_ms() });
                Some((status, body, etag))
            }
            paths::ORDER_ADD_ONS => Some(ok(&AddOns { add_ons: kitchen.add_ons.clone(), as_of_ms: self.now_ms() })),
            _ => None,
        }
    }

    pub fn write_kitchen(&self, world: &mut World, request: &Request, path: &str) -> (u16, String, Option<String>) {
        let (kitchen, now_ms) = (&mut world.kitchen, self.now_ms());
        fn body<T: serde::de::DeserializeOwned>(request: &Request) -> T {
            serde_json::from_slice(&request.body).unwrap()
        }
        fn answered<T: serde::Serialize>(answer: Result<T, (u16, Reason)>) -> (u16, String, Option<String>) {
            answer.map_or_else(|(status, reason)| problem(status, reason), |answer| ok(&answer))
        }
        match path {
            paths::SLOT_HOLDS => ok(&kitchen.hold(&body(request), now_ms)),
            paths::SLOT_RELEASES => {
                let release: SlotReleaseRequest = body(request);
                ok(&SlotReleased { released: kitchen.books.values_mut().any(|book| book.release(&release.order)) })
            }
            paths::ORDERS => answered(kitchen.order(body(request), now_ms)),
            paths::ORDER_STEPS => answered(kitchen.step(body(request), now_ms)),
            paths::ORDER_PASSES => {
                kitchen.passes += 1;
                let pass: PassRequest = body(request);
                ok(&PickupPass { order: pass.order, code: format!("PASS{:04}", kitchen.passes) })
            }
            paths::SEATS => {
                let session = SeatSession {
                    id: id_from_bytes(&[kitchen.sessions.len() as u8; 10]).as_str().into(),
                    store: "s1".into(),
                    seat: "T4".into(),
                    state: if kitchen.waits { SeatState::Waiting } else { SeatState::Open },
                    until_ms: now_ms + 7_200_000,
                    marks: if kitchen.waits { vec![147] } else { vec![] },
                };
                kitchen.sessions.push(session.clone());
                ok(&session)
            }
            paths::SELF_BASKETS => {
                let basket: SelfBasketRequest = body(request);
                kitchen.baskets.push(basket.clone());
                ok(&SelfBasket {
                    code: "BASKET0001".into(),
                    store: basket.store,
                    lines: Vec::<ReceiptLine>::new(),
                    currency: "JPY".into(),
                    total_minor: 3_300,
                    taxes: vec![],
                    unknown: vec![],
                    staff_needed: false,
                    until_ms: now_ms + 900_000,
                })
            }
            other => panic!("no such path: {other}"),
        }
    }
}

struct Chunks(VecDeque<Result<Vec<u8>, TransportError>>);

impl ByteStream for Chunks {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<u8>>, TransportError>> {
        Box::pin(async move { self.0.pop_front().transpose() })
    }
}

impl Server {
    /// The next stream of events, for a caller whose token is good.
    pub fn events(&self, request: &Request) -> Result<StreamResponse, TransportError> {
        if self.offline.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(TransportError::Offline);
        }
        let mut world = self.world.lock().unwrap();
        world.sent.push(request.clone());
        let chunks = world.kitchen.streams.pop_front().ok_or(TransportError::Unusable { reason: "no stream".into() })?;
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let (status, kind, chunks) = match world.tokens.contains(token) {
            true => (200, "text/event-stream", chunks),
            false => (401, "application/json", VecDeque::from([Ok(problem(401, Reason::TokenExpired).1.into_bytes())])),
        };
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Ok(StreamResponse { status, headers, body: Box::new(Chunks(chunks)) })
    }
}

impl Phone {
    /// An enrolled phone that knows the menu and the kitchen of store s1.
    pub async fn at_table(&self) -> Noren {
        self.server.kitchen(|kitchen| kitchen.opens("s1"));
        let noren = self.enrolled().await;
        noren.ordering().refresh(&"s1".into()).await.unwrap();
        noren.ordering().refresh_status(&["s1".into()]).await.unwrap();
        noren
    }
}

pub fn line(noren: &Noren, item: &str, quantity: u32) -> CartLine {
    let detail = noren.ordering().item(&"s1".into(), &item.into(), None, None).unwrap();
    CartLine { quantity, seen_minor: detail.view.price_minor, ..detail.line }
}
