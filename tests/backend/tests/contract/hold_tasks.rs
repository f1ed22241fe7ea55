//! What the staff of a store does about holds, and what becomes of the stock.

use noren_rules::holds::HoldState;
use noren_rules::receipt::Channel;
use noren_rules::stock::{ChanceModel, RecordEvidence, StockEventKind};
use noren_rules::wire::*;

use crate::goods::product;
use crate::holds::{STORE, wish};
use crate::stock::{count, event};
use crate::support::*;

fn picked(shelf_number: &str) -> TaskDone {
    TaskDone::Picked { shelf_number: shelf_number.to_owned() }
}

impl World {
    pub async fn tasks(&self) -> Vec<StoreTask> {
        self.get(paths::STORE_TASKS, Some(noren_backend::DEMO_TILL_TOKEN)).await.ok::<StoreTasks>().tasks
    }

    pub async fn try_done(&self, hold: &Hold, done: TaskDone) -> Got {
        self.till(paths::STORE_TASKS, &StoreTaskRequest { hold: hold.id.clone(), done }).await
    }

    pub async fn done(&self, hold: &Hold, done: TaskDone) -> StoreTask {
        self.try_done(hold, done).await.ok()
    }

    /// A store that holds, with so many pieces of each variant.
    async fn open_store(&self, skus: &[&str], quantity: u32) -> Phone {
        self.products(vec![product("shirt", skus)]).await;
        self.location(STORE, false, true).await;
        self.counted(&[STORE], skus, quantity).await;
        self.phone(1, None).await
    }

    /// The member's sale of one piece, at the till of the store, now.
    async fn buys_here(&self, phone: Option<&Phone>, number: &str, sku: &str) {
        self.bought_at(self.now(), phone, number, sku).await;
    }

    /// The same, by the till's clock.
    async fn bought_at(&self, at_ms: i64, phone: Option<&Phone>, number: &str, sku: &str) {
        let customer = phone.map_or(Customer::Anonymous, |phone| scanned(phone.qr(at_ms), at_ms));
        let sold = sale(number, customer, vec![line(sku, 1, 1_990)]);
        self.sell(&SaleRequest { store_id: STORE.into(), channel: Channel::Store, sold_at_ms: at_ms, ..sold }).await;
    }

    async fn sellable(&self, phone: &Phone, sku: &str) -> Option<u32> {
        self.available(phone, STORE, sku).await.unwrap()
    }
}

#[tokio::test]
async fn the_staff_sees_what_to_fetch_and_no_member() {
    let world = world().await;
    let phone = world.open_store(&["s", "m"], 5).await;
    let shelf = StockSetting { store: STORE.into(), sku: "s".into(), safety: None, shelf: Some("2F-B4".to_owned()) };
    world.operator(paths::OPERATOR_STOCK, &PutStock { stores: vec![], settings: vec![shelf] }).await.ok::<Kept>();
    let later = world.hold(&phone, &HoldRequest { eta_min: 40, ..wish("m") }).await;
    let sooner = world.hold(&phone, &HoldRequest { quantity: 2, eta_min: 10, ..wish("s") }).await;
    world.pass(4 * MINUTE);
    let got = world.get(paths::STORE_TASKS, Some(noren_backend::DEMO_TILL_TOKEN)).await;
    assert!(!got.body.contains(phone.enrolment.member_id.as_str()) && !got.body.contains(phone.device().as_str()));
    let page: StoreTasks = got.ok();
    assert_eq!(page.store_name, STORE);
    let first = &page.tasks[0];
    assert_eq!(
        (first.hold.id.clone(), first.hold.quantity, first.shelf.as_deref(), first.eta_min),
        (sooner.id.clone(), 2, Some("2F-B4"), Some(6))
    );
    assert_eq!((first.title.as_str(), first.variant.as_str()), ("品 shirt", "紺 / size s"));
    assert_eq!((page.tasks[1].hold.id.clone(), page.tasks[1].shelf.as_deref()), (later.id.clone(), None));
    // An old word on the way is not shown; a new one is.
    world.pass(12 * MINUTE);
    assert_eq!(world.tasks().await.iter().find(|task| task.hold.id == later.id).unwrap().eta_min, None);
    let phone = world.renewed(phone).await;
    world.progress(&phone, &later, 21).await.ok::<Hold>();
    assert_eq!(world.tasks().await.iter().find(|task| task.hold.id == later.id).unwrap().eta_min, Some(21));
    // Another store's till has none of it.
    world.backend.as_ref().unwrap().register_till("elsewhere".into(), "elsewhere".into(), "till-elsewhere".to_owned()).await.unwrap();
    let other: StoreTasks = world.get(paths::STORE_TASKS, Some("till-elsewhere")).await.ok();
    assert!(other.tasks.is_empty());
    let request = StoreTaskRequest { hold: later.id.clone(), done: TaskDone::NotFound };
    let got = world.post(paths::STORE_TASKS, Some("till-elsewhere"), "k", &request).await;
    assert_eq!(got.refused(404), Reason::NotFound);
    assert_eq!(world.get(paths::STORE_TASKS, Some(&phone.token)).await.refused(403), Reason::Forbidden);
    for wrong in ["", "  ", "123456789012345678901", "a\nb"] {
        assert_eq!(world.try_done(&later, picked(wrong)).await.refused(400), Reason::InvalidRequest);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_picked_piece_lies_on_the_hold_shelf_and_a_count_of_the_floor_stays_right() {
    let world = world().await;
    let phone = world.open_store(&["s"], 5).await;
    let available = async || world.available(&phone, STORE, "s").await.unwrap().unwrap();
    let hold = world.hold(&phone, &HoldRequest { quantity: 2, ..wish("s") }).await;
    assert_eq!(available().await, 3);
    assert_eq!(world.try_done(&hold, TaskDone::HandedOver).await.refused(409), Reason::HoldConflict);
    assert_eq!(world.done(&hold, picked(" 12 ")).await.hold.shelf_number.as_deref(), Some("12"));
    assert_eq!(world.done(&hold, picked("13")).await.hold.shelf_number.as_deref(), Some("13"), "moved along the shelf");
    assert_eq!(available().await, 3);
    let shown = world.holds(&phone).await.remove(0);
    assert_eq!((shown.state, shown.shelf_number.as_deref()), (HoldState::Picked, Some("13")));
    // The floor is counted: three, and the two on the shelf are not among them.
    world.pass(MINUTE);
    world.hear(vec![event("floor", STORE, "s", world.now(), count(3))]).await;
    assert_eq!(available().await, 3);
    assert_eq!(world.try_done(&hold, TaskDone::NotFound).await.refused(409), Reason::HoldConflict);
    // Not coming: the member has nothing any more, the staff puts it back.
    world.let_go(&phone, &hold).await.ok::<Hold>();
    let task = world.tasks().await.remove(0);
    assert_eq!((task.hold.state, task.hold.shelf_number.as_deref(), task.eta_min), (HoldState::Released, Some("13"), None));
    assert_eq!(available().await, 3);
    let back = world.done(&hold, TaskDone::PutBack).await;
    assert_eq!((back.hold.state, back.hold.shelf_number), (HoldState::Released, None));
    assert_eq!(available().await, 5);
    world.done(&hold, TaskDone::PutBack).await;
    assert_eq!(available().await, 5, "said again");
    // Done is shown for two hours.
    assert_eq!(world.tasks().await.len(), 1);
    world.pass(120 * MINUTE);
    assert!(world.tasks().await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_picked_hold_that_is_over_stays_a_task_until_it_is_put_back() {
    let world = world().await;
    let phone = world.open_store(&["s"], 1).await;
    let hold = world.hold(&phone, &wish("s")).await;
    world.done(&hold, picked("1")).await;
    world.pass(300 * MINUTE);
    let task = world.tasks().await.remove(0);
    assert_eq!((task.hold.state, task.hold.shelf_number.as_deref()), (HoldState::Expired, Some("1")));
    assert_eq!(world.try_done(&hold, TaskDone::HandedOver).await.refused(409), Reason::HoldConflict);
    let back = world.done(&hold, TaskDone::PutBack).await;
    assert_eq!((back.hold.state, back.hold.shelf_number), (HoldState::Expired, None));
    let phone = world.renewed(phone).await;
    assert_eq!(world.available(&phone, STORE, "s").await, Some(Some(1)));
    world.stop().await;
}

#[tokio::test]
async fn a_pick_that_finds_nothing_frees_flags_and_is_believed_less() {
    let world = world().await;
    let phone = world.open_store(&["s"], 4).await;
    let level = async || world.stock(&phone, &format!("stores={STORE}@0")).await.stores.remove(0).levels.remove(0);
    let before = level().await.error_permille;
    let hold = world.hold(&phone, &wish("s")).await;
    let task = world.done(&hold, TaskDone::NotFound).await;
    assert_eq!(task.hold.state, HoldState::NotFound);
    world.done(&hold, TaskDone::NotFound).await;
    let after = level().await;
    let model = ChanceModel::default();
    let error = |not_found| {
        let seen = RecordEvidence { on_hand: 4, since_proven_ms: 0, sold_per_day_milli: 0, not_found, found: 0 };
        model.record_error_permille(&seen)
    };
    assert_eq!((before, after.error_permille, after.available), (error(0), error(1), Some(4)), "said twice, heard once");
    assert!(after.error_permille > 5 * before);
    assert_eq!(world.flags().await, [("s".to_owned(), "not_found".to_owned(), 4)]);
    assert_eq!(world.holds(&phone).await[0].state, HoldState::NotFound);
    assert_eq!(world.try_done(&hold, picked("1")).await.refused(409), Reason::HoldConflict);
    // A later pick that finds it says that the record is right after all; a count proves it.
    let again = world.hold(&phone, &wish("s")).await;
    world.done(&again, picked("1")).await;
    assert!(level().await.error_permille < after.error_permille / 5);
    world.hear(vec![event("counted", STORE, "s", world.now() + 1, count(3))]).await;
    assert!(world.flags().await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn handed_over_and_sold_counts_once_whoever_is_first() {
    let world = world().await;
    let phone = world.open_store(&["s", "m", "l"], 5).await;
    let available = async |sku: &str| world.available(&phone, STORE, sku).await.unwrap().unwrap();
    // The staff first, then the till: in between nobody else is promised the piece.
    let hold = world.hold(&phone, &wish("s")).await;
    world.done(&hold, picked("1")).await;
    world.done(&hold, TaskDone::HandedOver).await;
    assert_eq!(available("s").await, 4);
    world.pass(MINUTE);
    world.buys_here(Some(&phone), "1", "s").await;
    assert_eq!(available("s").await, 4);
    assert_eq!(world.holds(&phone).await[0].state, HoldState::HandedOver);
    // The till first: the hold is handed over by it, picked or not.
    for (number, sku, is_picked) in [("2", "m", true), ("3", "l", false)] {
        let hold = world.hold(&phone, &wish(sku)).await;
        if is_picked {
            world.done(&hold, picked("2")).await;
        }
        world.pass(20_000);
        world.buys_here(Some(&phone), number, sku).await;
        assert_eq!(available(sku).await, 4, "{sku}");
        let task = world.tasks().await.into_iter().find(|task| task.hold.id == hold.id).unwrap();
        assert_eq!((task.hold.state, task.hold.shelf_number), (HoldState::HandedOver, None));
        world.done(&hold, TaskDone::HandedOver).await;
        assert_eq!(available(sku).await, 4, "{sku}, said by the staff too");
    }
    // Paid without the card: after a quarter of an hour only the sale counts.
    let hold = world.hold(&phone, &wish("s")).await;
    world.done(&hold, picked("1")).await;
    world.done(&hold, TaskDone::HandedOver).await;
    world.pass(MINUTE);
    world.buys_here(None, "4", "s").await;
    assert_eq!(available("s").await, 2);
    world.pass(10 * MINUTE);
    let phone = world.renewed(phone).await;
    world.pass(4 * MINUTE);
    assert_eq!(world.available(&phone, STORE, "s").await, Some(Some(3)));
    // Another member's sale, or one in another store, hands nothing over.
    let hold = world.hold(&phone, &wish("s")).await;
    world.buys_here(Some(&world.phone(2, None).await), "5", "s").await;
    let now = world.now();
    let elsewhere = sale("6", scanned(phone.qr(now), now), vec![line("s", 1, 1_990)]);
    world.sell(&SaleRequest { store_id: "elsewhere".into(), sold_at_ms: now, ..elsewhere }).await;
    // Nor one from before the hold, of which the till was late to tell.
    let before = sale("7", scanned(phone.qr(now - 6 * MINUTE), now - 6 * MINUTE), vec![line("s", 1, 1_990)]);
    world.sell(&SaleRequest { store_id: STORE.into(), sold_at_ms: now - 6 * MINUTE, ..before }).await;
    assert_eq!(world.holds(&phone).await.iter().find(|held| held.id == hold.id).unwrap().state, HoldState::Requested);
    world.stop().await;
}

#[tokio::test]
async fn what_is_over_and_still_on_the_hold_shelf_is_bought_from_there() {
    let world = world().await;
    let phone = world.open_store(&["s", "m"], 1).await;
    let (released, expired) = (world.hold(&phone, &wish("s")).await, world.hold(&phone, &wish("m")).await);
    for hold in [&released, &expired] {
        world.done(hold, picked("1")).await;
    }
    world.let_go(&phone, &released).await.ok::<Hold>();
    world.pass(60 * MINUTE);
    let phone = world.renewed(phone).await;
    assert_eq!(world.holds(&phone).await.iter().filter(|hold| hold.state == HoldState::Expired).count(), 1);
    for (number, sku) in [("1", "s"), ("2", "m")] {
        world.buys_here(Some(&phone), number, sku).await;
        assert_eq!(world.sellable(&phone, sku).await, Some(0), "{sku}: none is left, and none is missing");
    }
    for task in world.tasks().await {
        assert_eq!((task.hold.state, task.hold.shelf_number), (HoldState::HandedOver, None), "nothing to put back");
    }
    assert!(world.flags().await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_till_that_is_late_to_tell_of_a_held_piece_leaves_a_count_right() {
    let world = world().await;
    let phone = world.open_store(&["s"], 5).await;
    let hold = world.hold(&phone, &wish("s")).await;
    world.done(&hold, picked("1")).await;
    world.pass(5 * MINUTE);
    let sold_at = world.now();
    world.pass(5 * MINUTE);
    world.hear(vec![event("floor", STORE, "s", world.now(), count(4))]).await;
    world.pass(5 * MINUTE - 1);
    world.bought_at(sold_at, Some(&phone), "1", "s").await;
    assert_eq!(world.sellable(&phone, "s").await, Some(4));
    assert_eq!(world.holds(&phone).await[0].state, HoldState::HandedOver);
    world.stop().await;
}

#[tokio::test]
async fn a_till_whose_clock_is_ahead_sells_what_is_held_once() {
    let world = world().await;
    let phone = world.open_store(&["s", "m"], 5).await;
    let (on_shelf, on_floor) = (world.hold(&phone, &wish("s")).await, world.hold(&phone, &wish("m")).await);
    world.done(&on_shelf, picked("1")).await;
    let ahead = world.now() + 7 * MINUTE;
    for (number, sku) in [("1", "s"), ("2", "m")] {
        let card = Customer::Scanned { text: phone.qr(world.now()), at_ms: world.now() };
        let sold = sale(number, card, vec![line(sku, 1, 1_990)]);
        world.sell(&SaleRequest { store_id: STORE.into(), sold_at_ms: ahead, ..sold }).await;
    }
    assert!(world.holds(&phone).await.iter().all(|hold| hold.state == HoldState::HandedOver));
    assert_eq!([world.sellable(&phone, "s").await, world.sellable(&phone, "m").await], [Some(4); 2]);
    world.pass(7 * MINUTE);
    assert_eq!(
        [world.sellable(&phone, "s").await, world.sellable(&phone, "m").await],
        [Some(4); 2],
        "the sales count, and nothing is kept"
    );
    assert_eq!(world.let_go(&phone, &on_floor).await.ok::<Hold>().state, HoldState::HandedOver);
    world.stop().await;
}

#[tokio::test]
async fn who_buys_fewer_than_are_held_has_the_rest_held() {
    let world = world().await;
    let phone = world.open_store(&["s", "m"], 5).await;
    let two = |sku| HoldRequest { quantity: 2, ..wish(sku) };
    let (on_shelf, on_floor) = (world.hold(&phone, &two("s")).await, world.hold(&phone, &two("m")).await);
    world.done(&on_shelf, picked("1")).await;
    for (number, sku) in [("1", "s"), ("2", "m")] {
        world.pass(20_000);
        world.buys_here(Some(&phone), number, sku).await;
        assert_eq!(world.sellable(&phone, sku).await, Some(3));
    }
    let rest = world.holds(&phone).await;
    let rest: Vec<_> = rest.iter().map(|hold| (hold.quantity, hold.state, hold.shelf_number.as_deref())).collect();
    assert!(rest.contains(&(1, HoldState::Picked, Some("1"))) && rest.contains(&(1, HoldState::Requested, None)), "{rest:?}");
    // The rest is put back, or bought.
    world.done(&on_shelf, TaskDone::PutBack).await;
    assert_eq!(world.sellable(&phone, "s").await, Some(4));
    world.pass(20_000);
    world.buys_here(Some(&phone), "3", "m").await;
    assert_eq!(world.sellable(&phone, "m").await, Some(3));
    assert!(world.holds(&phone).await.iter().all(|hold| !hold.state.is_live()));
    world.let_go(&phone, &on_floor).await.ok::<Hold>();
    assert_eq!(world.sellable(&phone, "m").await, Some(3));
    world.stop().await;
}

#[tokio::test]
async fn who_watches_hears_when_it_is_back() {
    let world = world().await;
    let phone = world.open_store(&["s"], 1).await;
    let other = world.phone(2, None).await;
    let watch = FavouriteRequest { sku: "s".into(), wanted: true, watch: vec![STORE.into()] };
    let hold = world.hold(&phone, &wish("s")).await;
    world.post(paths::FAVOURITES, Some(&other.token), "w", &watch).await.ok::<Favourites>();
    let notes = async || world.get(paths::FAVOURITES, Some(&other.token)).await.ok::<Favourites>().back_in_stock.len();
    assert_eq!(notes().await, 0);
    world.pass(MINUTE);
    world.hear(vec![event("sold", STORE, "other", world.now(), StockEventKind::Sale { quantity: 1 })]).await;
    assert_eq!(notes().await, 0);
    world.let_go(&phone, &hold).await.ok::<Hold>();
    assert_eq!(notes().await, 1);
    world.stop().await;
}

#[tokio::test]
async fn the_page_is_one_file_that_loads_nothing_else() {
    let world = world().await;
    let got = world.http.get(format!("{}{}", world.url, paths::STORE_PAGE)).send().await.unwrap();
    assert_eq!((got.status().as_u16(), got.headers()["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    let policy = got.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let page = got.text().await.unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for foreign in ["http://", "https://", "src=", "@import", "url(", "onclick", "style=\"", "innerHTML"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!((page.matches("<script>").count(), page.matches("<style>").count()), (1, 1));
    world.stop().await;
}
