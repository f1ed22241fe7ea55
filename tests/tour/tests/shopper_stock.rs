//! The shopper's journey against the real backend: the honest answer in a store without a network, a hold for the last piece, a walk that no server
//! sees, a till that falls silent, another that tells late what it sold, and a scan that becomes the store's credit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use noren_backend::{Backend, Settings};
use noren_core::catalogue::CatalogueError;
use noren_core::check_in::Observation;
use noren_core::holds::{HoldOutcome, HoldStanding, HoldWish};
use noren_core::member::Symbology;
use noren_core::net::{Request, Transport};
use noren_core::stock::{NextStep, StoreAnswer, VariantStock};
use noren_rules::catalogue::{Fit, SizeMm};
use noren_rules::geo::Position;
use noren_rules::holds::HoldState;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::{Arrival, Band};
use noren_rules::wire::{Customer, HoldRefusal, TaskDone};
use noren_tour::drives::DriveFix;
use noren_tour::stores::{
    ARRIVES_MIN, Basket, CHAIN, ChainOperator, EC, Fed, Feed, NOON_MIN, StoreShopper, StoreTill, StoryDays, TRANSFER, TwoDays, products,
    walk,
};
use noren_tour::travel::StoryClock;
use noren_tour::year::FITTED;
use support::wire::{Coordinates, Recorder};

const SCANNED: &str = "4901515122217";
const WANTED: &str = "soy-1000";
const EKIMAE: usize = 0;
const BIKAN: usize = 1;
const NAKASHO: usize = 2;
const MIZUSHIMA: usize = 3;

/// A backend with the chain, whose tills have said everything until noon, and a phone in front of the first store.
struct Scene {
    backend: Backend,
    clock: StoryClock,
    operator: ChainOperator,
    tills: Vec<StoreTill>,
    two: TwoDays,
    days: StoryDays,
    fed: Fed,
    phone: StoreShopper,
    network: Recorder,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn at_noon() -> Self {
        let clock = StoryClock::default();
        let days = StoryDays::before_next_noon(&clock);
        clock.pass_until_ms(days.at_ms(NOON_MIN));
        let of_backend = clock.clone();
        let settings = Settings { clock: Arc::new(move || of_backend.now_ms()), chance: FITTED, ..Settings::default() };
        let backend = noren_backend::start(settings).await.unwrap();
        let (folder, network, head_office) = (tempfile::tempdir().unwrap(), Recorder::new(), Recorder::new());
        let transport: Arc<dyn Transport> = Arc::new(head_office);
        let operator = ChainOperator::new(&backend.url(), noren_backend::DEMO_OPERATOR_TOKEN, transport.clone(), &clock);
        operator.put().await.unwrap();
        let tills = StoreTill::all(&backend, &transport, &clock).await.unwrap();
        let two = TwoDays::read().unwrap();
        operator.open_the_books(&two, &days).await.unwrap();
        let fed = Feed::new(&two, days, &tills).until_noon().await.unwrap();
        let phone = phone(&folder.path().join("phone"), &backend, &network, &clock).await;
        Self { backend, clock, operator, tills, two, days, fed, phone, network, folder }
    }

    fn feed(&self) -> Feed<'_> {
        Feed::new(&self.two, self.days, &self.tills)
    }

    fn answer(&self, store: usize, sku: &str) -> StoreAnswer {
        let arrival = Arrival { in_min: Some(0), quantity: 1 };
        self.phone.noren().stock().answer(&id(store), &sku.into(), arrival).unwrap().unwrap()
    }

    /// What really lies there, by the log.
    fn lies(&self, store: usize, sku: &Sku, at_min: i64) -> i64 {
        let arrived = if (store, sku.as_str()) == (TRANSFER.0, TRANSFER.1) && at_min > ARRIVES_MIN { TRANSFER.2 } else { 0 };
        self.two.opening[&(store, sku.clone())] + arrived - self.two.sold(store, sku, at_min)
    }
}

async fn phone(home: &Path, backend: &Backend, network: &Recorder, clock: &StoryClock) -> StoreShopper {
    StoreShopper::enrol(home, &backend.url(), Arc::new(network.clone()), clock).await.unwrap()
}

fn id(store: usize) -> StoreId {
    CHAIN[store].store_id()
}

fn door(store: usize) -> Position {
    CHAIN[store].position().unwrap()
}

/// Late, doubled and out of order as it came: the levels on the phone are what lies on the shelves, less what is never promised.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_way_it_came_the_levels_are_the_shelves() {
    let scene = Scene::at_noon().await;
    assert!(scene.fed.doubled > 5 && scene.fed.late >= 3 && scene.fed.ahead == 1, "{:?}", scene.fed);
    scene.phone.prepare(&door(EKIMAE), "しょうゆ").await.unwrap();
    let ranks: Vec<Sku> = products().unwrap().into_iter().flat_map(|product| product.variants).map(|variant| variant.sku).collect();
    let mut compared = 0;
    for (store, sku) in scene.two.opening.keys() {
        let answer = scene.answer(*store, sku.as_str());
        let safety = i64::from(ranks.iter().position(|ranked| ranked == sku).unwrap() % 6 == 2);
        let not_booked = if (*store, sku.as_str()) == (MIZUSHIMA, "soy-1000") { 5 } else { 0 };
        let promised = (scene.lies(*store, sku, NOON_MIN) - not_booked - safety).max(0);
        assert_eq!(answer.answer.quantity, Some(u32::try_from(promised).unwrap()), "{sku} in {}", id(*store));
        assert!(answer.answer.shelf.as_deref().is_some_and(|shelf| shelf.starts_with("1F ")));
        compared += 1;
    }
    assert_eq!(compared, 4 * 38);
    scene.backend.shutdown().await;
}

/// Everything that the phone says of the wanted size, in the first store and without a network.
fn answers(scene: &Scene) -> Vec<String> {
    let scan = scene.phone.noren().catalogue().scan(SCANNED.as_bytes(), Some(&id(EKIMAE))).unwrap();
    let product = scan.product.unwrap();
    let matrix = scene.phone.where_is(&product, &WANTED.into(), Some(&id(EKIMAE)), &door(EKIMAE)).unwrap();
    let of_variant = |variant: &VariantStock| {
        let answers: Vec<StoreAnswer> = variant.here.iter().chain(&variant.stores).chain(&variant.online).cloned().collect();
        answers.iter().map(|one| format!("{} {} {} {:?}", variant.sku, one.store, one.text_en, one.answer)).collect::<Vec<_>>()
    };
    matrix.variants.iter().flat_map(of_variant).chain([format!("{:?}", matrix.next_steps)]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_store_without_a_network_the_other_size_is_answered_honestly() {
    let scene = Scene::at_noon().await;
    scene.phone.prepare(&door(EKIMAE), "しょうゆ").await.unwrap();
    scene.network.cut();
    scene.clock.pass_until_ms(scene.days.at_ms(NOON_MIN + 2));
    let catalogue = scene.phone.noren().catalogue();

    // A smudge on the bars is refused with words, whatever digit it hit.
    for (at, digit) in SCANNED.char_indices() {
        let misread = format!("{}{}{}", &SCANNED[..at], (digit.to_digit(10).unwrap() + 1) % 10, &SCANNED[at + 1..]);
        let Err(CatalogueError::Unreadable { refusal }) = catalogue.scan(misread.as_bytes(), Some(&id(EKIMAE))) else {
            panic!("{misread} was read");
        };
        assert_eq!(refusal.reason(), "check_digit");
        assert!(!refusal.text_ja().is_empty() && !refusal.text_en().is_empty());
    }

    let scan = catalogue.scan(SCANNED.as_bytes(), Some(&id(EKIMAE))).unwrap();
    assert!(scan.counted && scan.not_known.is_none());
    let product = scan.product.unwrap();
    assert_eq!(product.sku, Some("soy-500".into()));
    assert_eq!(product.matrix.sizes, ["500 ml", "600 ml", "1 L"].map(|size| Some(size.to_owned())));
    let matrix = scene.phone.where_is(&product, &WANTED.into(), Some(&id(EKIMAE)), &door(EKIMAE)).unwrap();
    let [small, _, large] = &matrix.variants[..] else { panic!("{:?}", matrix.variants) };

    let here = |variant: &VariantStock| {
        variant.here.as_ref().map(|here| (here.answer.band, here.answer.quantity, here.answer.in_transit)).unwrap()
    };
    assert_eq!(here(small), (Band::InStock, Some(9), 0));
    assert_eq!(here(large), (Band::Out, Some(0), 6), "the transfer is on its way, and is not sold before it arrives");
    let nearby: Vec<_> = large.stores.iter().map(|one| (one.store.clone(), one.answer.quantity.unwrap(), one.answer.last_known)).collect();
    // The last of four bottles is never promised; the third store was last heard of at 11:17.
    assert_eq!(nearby, [(id(BIKAN), 1, false), (id(NAKASHO), 5, true), (id(MIZUSHIMA), 3, false)]);
    let said_min = |one: &StoreAnswer| (one.answer.as_of_ms - scene.days.at_ms(0)) / 60_000 - 24 * 60;
    assert_eq!(large.stores.iter().map(said_min).collect::<Vec<_>>(), [720, 677, 720]);
    let texts = &large.stores[1];
    assert!(texts.text_ja.contains("11:17時点") && texts.text_en.contains("last known"), "{} {}", texts.text_ja, texts.text_en);
    assert!(large.stores.iter().all(|one| (800..1_000).contains(&one.answer.chance_permille.unwrap())), "{:?}", large.stores);
    // The README shows what is said here.
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let [last, ..] = &large.stores[..] else { panic!("no store has it") };
    let chance = last.answer.chance_permille.unwrap() / 10;
    let shown = format!("{} m: {} (1) · {} · {chance} % on arrival", last.distance_m.unwrap(), last.text_ja, last.text_en);
    assert!(readme.contains(&shown) && readme.contains("tests/tour/pictures/calibration.png"), "{shown}");
    assert_eq!(large.online.as_ref().map(|online| (online.store.as_str(), online.is_ec)), Some((EC, true)));
    let steps = &matrix.next_steps;
    let other_size = |step: &NextStep| matches!(step, NextStep::OtherVariantHere { store, sku, .. } if *store == id(EKIMAE) && sku.as_str() == "soy-500");
    assert!(steps.iter().any(other_size), "{steps:?}");
    let as_of_ms = large.stores[0].answer.as_of_ms;
    assert!(steps.contains(&NextStep::OtherStore { store: id(BIKAN), sku: WANTED.into(), holds: true, as_of_ms, last_known: false }));

    // Told again from the beginning, it is the same.
    let again = Scene::at_noon().await;
    again.phone.prepare(&door(EKIMAE), "しょうゆ").await.unwrap();
    again.network.cut();
    again.clock.pass_until_ms(again.days.at_ms(NOON_MIN + 2));
    assert_eq!((answers(&again), again.fed), (answers(&scene), scene.fed));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_late_news_never_read_as_in_stock() {
    let scene = Scene::at_noon().await;
    let evening = NOON_MIN + 6 * 60;
    scene.phone.prepare(&door(EKIMAE), "しょうゆ").await.unwrap();
    assert_eq!(scene.answer(NAKASHO, WANTED).answer.band, Band::InStock);

    scene.clock.pass_until_ms(scene.days.at_ms(ARRIVES_MIN));
    scene.feed().transfer_arrives(ARRIVES_MIN).await.unwrap();
    scene.clock.pass_until_ms(scene.days.at_ms(NOON_MIN + 4 * 60 + 30));
    scene.feed().afternoon(&[EKIMAE, BIKAN], NOON_MIN + 4 * 60 + 30).await.unwrap();
    scene.phone.look_again(&door(EKIMAE)).await.unwrap();
    let silent = scene.answer(NAKASHO, WANTED);
    assert_eq!((silent.answer.band, silent.answer.quantity, silent.answer.chance_permille), (Band::Unknown, Some(5), None));
    assert!(silent.text_ja.contains("在庫不明") && !silent.text_ja.contains("在庫あり") && !silent.text_en.contains("In stock"));
    assert_eq!(scene.answer(EKIMAE, "soy-500").answer.band, Band::InStock, "who goes on speaking is believed");

    scene.clock.pass_until_ms(scene.days.at_ms(evening));
    scene.feed().afternoon(&[MIZUSHIMA], evening).await.unwrap();
    scene.phone.look_again(&door(EKIMAE)).await.unwrap();
    let negative = scene.answer(MIZUSHIMA, WANTED);
    assert_eq!((negative.answer.band, negative.answer.quantity), (Band::Unknown, None), "a number below 0 is never shown");
    assert!(!negative.text_ja.contains("在庫あり") && !negative.text_ja.contains('-'), "{}", negative.text_ja);
    let flags = scene.operator.flags().await.unwrap().flags;
    let flagged: Vec<_> = flags.iter().map(|flag| (&flag.store, flag.sku.as_str(), flag.on_hand, flag.cause.as_str())).collect();
    assert_eq!(flagged, [(&id(MIZUSHIMA), WANTED, -5, "negative")]);
    // What the clock that was ahead said has come to pass.
    let delivered = scene.lies(MIZUSHIMA, &"golden-mild".into(), evening) + 6;
    assert_eq!(scene.answer(MIZUSHIMA, "golden-mild").answer.quantity.map(i64::from), Some(delivered));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_becomes_the_credit_of_its_store_three_days_later() {
    let scene = Scene::at_noon().await;
    let online = scene.tills.last().unwrap();
    let code = online.ec_code("hana@example.com").await.unwrap();
    scene.phone.link(&code.code).await.unwrap();
    scene.phone.prepare(&door(EKIMAE), "しょうゆ").await.unwrap();
    let catalogue = scene.phone.noren().catalogue();
    scene.network.cut();
    let product = catalogue.scan(SCANNED.as_bytes(), Some(&id(EKIMAE))).unwrap().product.unwrap();
    catalogue.like(&WANTED.into(), true, vec![id(EKIMAE)]).unwrap();
    scene.network.restore();
    scene.phone.deliver().await.unwrap();

    // The transfer arrives: what she watches is back, and she is told once.
    scene.clock.pass_until_ms(scene.days.at_ms(ARRIVES_MIN));
    scene.feed().transfer_arrives(ARRIVES_MIN).await.unwrap();
    let told = catalogue.refresh_favourites().await.unwrap().back_in_stock;
    assert_eq!(told.iter().map(|back| (&back.store, back.sku.as_str())).collect::<Vec<_>>(), [(&id(EKIMAE), WANTED)]);
    assert!(catalogue.refresh_favourites().await.unwrap().back_in_stock.is_empty());

    let minute = NOON_MIN + 3 * 24 * 60;
    scene.clock.pass_until_ms(scene.days.at_ms(minute));
    let bought = |number, sku: &str, account: &str| {
        let (sold_at_ms, business_date) = (scene.clock.now_ms(), scene.days.date(minute).unwrap());
        let (lines, customer) = (vec![(Sku::from(sku), 2)], Customer::EcAccount { account: account.to_owned() });
        async move { online.sell(Basket { number, sold_at_ms, business_date, lines: &lines, customer }).await.unwrap() }
    };
    bought("EC-1", WANTED, "hana@example.com").await;
    bought("EC-2", WANTED, "nobody@example.com").await;
    bought("EC-3", "yakisoba", "hana@example.com").await;
    let credits = scene.operator.credits(scene.days.at_ms(0), scene.clock.now_ms() + 1).await.unwrap().credits;
    let credited: Vec<_> =
        credits.iter().map(|credit| (&credit.store, credit.sku.as_str(), credit.quantity, credit.amount_minor)).collect();
    assert_eq!(credited, [(&id(EKIMAE), WANTED, 2, 936)], "another size of what she scanned, and nothing else");
    let counts = scene.operator.reactions(scene.days.at_ms(0), scene.clock.now_ms() + 1).await.unwrap().counts;
    assert_eq!(counts.iter().map(|one| (&one.store, one.sku.as_str(), one.count)).collect::<Vec<_>>(), [(&id(EKIMAE), "soy-500", 1)]);

    catalogue.write_review(&product.id, 5, "大きい方が長く使えます").await.unwrap();
    let reviews = catalogue.refresh_reviews(&product.id, None).await.unwrap();
    assert_eq!(reviews.reviews.iter().map(|review| (review.stars, review.verified)).collect::<Vec<_>>(), [(5, true)]);
    catalogue.refresh_ranking().await.unwrap();
    let ranks: Vec<u32> = catalogue.ranking().unwrap().products.iter().map(|ranked| ranked.rank).collect();
    assert!(ranks.first() == Some(&1) && ranks.is_sorted() && ranks.len() == 12, "{ranks:?}");
    let camera = catalogue.find("4547410260649", None).await.unwrap().unwrap();
    let niche = |width_mm, depth_mm| catalogue.fits(&camera.id, &SizeMm { width_mm, depth_mm, height_mm: 110 }).unwrap();
    assert_eq!([niche(120, 60), niche(90, 150), niche(90, 90)], [Some(Fit::AsItIs), Some(Fit::Turned), Some(Fit::TooLarge)]);
}

fn wish(store: usize, eta_min: u32) -> HoldWish {
    HoldWish { store: id(store), sku: WANTED.into(), quantity: 1, eta_min }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_phones_one_holds_the_last_and_the_other_gets_the_nearest_alternative() {
    let scene = Scene::at_noon().await;
    let other = phone(&scene.folder.path().join("other"), &scene.backend, &Recorder::new(), &scene.clock).await;
    for phone in [&scene.phone, &other] {
        phone.prepare(&door(EKIMAE), "しょうゆ").await.unwrap();
    }
    let (first, second) = (wish(BIKAN, 10), wish(BIKAN, 10));
    let here = door(EKIMAE);
    let (mine, others) = (scene.phone.noren().holds(), other.noren().holds());
    let (first, second) = tokio::join!(mine.hold(&first, Some(&here)), others.hold(&second, Some(&here)));
    let outcomes = [first.unwrap(), second.unwrap()];
    let held = outcomes.iter().filter(|outcome| matches!(outcome, HoldOutcome::Held { .. })).count();
    assert_eq!(held, 1, "{outcomes:?}");
    let refused = outcomes.iter().find_map(|outcome| match outcome {
        HoldOutcome::Refused { reason, alternatives } => Some((reason, alternatives)),
        _ => None,
    });
    let (reason, alternatives) = refused.unwrap();
    assert_eq!(*reason, HoldRefusal::InsufficientStock);
    let nearest_first: Vec<_> =
        alternatives.iter().map(|other| (other.store.as_str(), other.answer.quantity.unwrap(), other.is_ec)).collect();
    assert_eq!(nearest_first, [(CHAIN[NAKASHO].id, 5, false), (CHAIN[MIZUSHIMA].id, 3, false), (EC, 40, true)]);

    // Nothing is left for anybody, and nobody may ask for it twice.
    scene.phone.look_again(&here).await.unwrap();
    assert_eq!(scene.answer(BIKAN, WANTED).answer.quantity, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_walked_to_picked_and_handed_over_and_no_coordinate_leaves_the_phone() {
    let scene = Scene::at_noon().await;
    let (from, to) = (door(EKIMAE), door(BIKAN));
    scene.phone.prepare(&from, "しょうゆ").await.unwrap();
    scene.phone.noren().catalogue().scan(SCANNED.as_bytes(), Some(&id(EKIMAE))).unwrap();
    let holds = scene.phone.noren().holds();
    let HoldOutcome::Held { hold } = holds.hold(&wish(BIKAN, 11), Some(&from)).await.unwrap() else { panic!("not held") };
    assert_eq!(hold.standing, HoldStanding::Known { state: HoldState::Requested });
    assert!(
        hold.words_ja.contains("まだ") && hold.words_en.contains("not kept yet"),
        "only what was picked is promised: {}",
        hold.words_en
    );

    let till = scene.feed().till(BIKAN, 0).unwrap();
    let fixes = walk(&from, &to, scene.clock.now_ms(), 1);
    let mut told = Vec::new();
    for batch in fixes.chunks(13) {
        scene.clock.pass_until_ms(batch.last().unwrap().at_ms);
        let observations: Vec<Observation> = batch.iter().map(DriveFix::observation).collect();
        let [trip] = &holds.on_the_way(&observations).unwrap()[..] else { panic!("one hold, one trip") };
        assert!(!trip.turned_away && !trip.released);
        if trip.told {
            scene.phone.noren().outbox().send_due().await.unwrap();
            told.push(trip.eta_min.unwrap());
            let tasks = till.tasks().await.unwrap().tasks;
            assert_eq!(tasks.iter().map(|task| (task.hold.quantity, task.eta_min)).collect::<Vec<_>>(), [(1, trip.eta_min)]);
        }
    }
    assert!(told.len() >= 3 && told.is_sorted_by(|a, b| a > b) && *told.last().unwrap() <= 3, "{told:?}");

    let task = till.tasks().await.unwrap().tasks.remove(0);
    assert_eq!((task.shelf.as_deref(), task.variant.trim()), (Some("1F A-3"), "1 L"));
    assert_eq!(task.hold.call, hold.call);
    till.done(&task.hold.id, TaskDone::Picked { shelf_number: "H-3".to_owned() }).await.unwrap();
    holds.refresh().await.unwrap();
    let picked = holds.list().unwrap().holds.remove(0);
    assert_eq!((picked.standing, picked.shelf_number.as_deref()), (HoldStanding::Known { state: HoldState::Picked }, Some("H-3")));
    assert!(picked.words_ja.contains("H-3") && picked.words_en.contains("H-3"));

    // At the till: the member code, one scan; the hold is over by the sale.
    let card = scene.phone.noren().member().card(Symbology::Qr).unwrap();
    let (sold_at_ms, business_date) = (scene.clock.now_ms(), scene.days.date(NOON_MIN).unwrap());
    let customer = Customer::Scanned { text: card.text, at_ms: sold_at_ms };
    let lines = [(WANTED.into(), 1)];
    let answer = till.sell(Basket { number: "H-1", sold_at_ms, business_date, lines: &lines, customer }).await.unwrap();
    assert!(answer.member_found);
    holds.refresh().await.unwrap();
    scene.phone.noren().purchases().refresh().await.unwrap();
    assert_eq!(holds.list().unwrap().holds[0].standing, HoldStanding::Known { state: HoldState::HandedOver });
    let receipt = scene.phone.noren().purchases().page(None, 1).unwrap().receipts.remove(0);
    assert_eq!((receipt.total_minor, receipt.store_name.as_str()), (498, CHAIN[BIKAN].name));
    // One of two bottles is gone, and the other is never promised.
    scene.phone.look_again(&to).await.unwrap();
    assert_eq!(scene.answer(BIKAN, WANTED).answer.quantity, Some(0));
    assert!(scene.operator.flags().await.unwrap().flags.is_empty());

    let sought = Coordinates::of(fixes.iter().flat_map(|fix| [fix.shown, fix.true_position]).chain([from, to]));
    let sent = scene.network.sent.lock().unwrap();
    assert!(sent.iter().filter(|request| request.url.ends_with("/v1/holds/progress")).count() == told.len());
    for request in sent.iter() {
        assert_eq!(sought.found_in(request), None, "{request:?}");
    }
    // Were one of them there, it would be found.
    let planted = format!("{{\"lat\":{:.5}}}", fixes[fixes.len() / 2].shown.lat_deg()).into_bytes();
    assert!(sought.found_in(&Request { body: planted, ..sent[0].clone() }).is_some());
}
