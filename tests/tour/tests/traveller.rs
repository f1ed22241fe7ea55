//! The traveller's journey against the real backend: a stop is a check-in, a coupon, an offline sale and a funnel of 1, 1, 1; whatever is not a stop is
//! nothing, on the phone as on the backend; and no coordinate goes over the wire.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use noren_backend::{Backend, Settings};
use noren_core::check_in::CheckInState;
use noren_core::net::Request;
use noren_rules::b64;
use noren_rules::check_in::CheckInRefusal;
use noren_rules::geo::Position;
use noren_rules::grants::GrantState;
use noren_tour::drives::{
    BEGINS_MS, CRAWLED_PAST, Drive, DriveFix, OUTLINES, PASSED_BY, RestStop, STOPPED_AT, Westward, rest_stops, sites,
};
use noren_tour::map::{DriveMap, PNG_SCALE};
use noren_tour::travel::{COUPON, Operator, RAIN_COUPON, RestStopTill, STAMP_CARD, STORE, Said, StoryClock, TILL, TILL_TOKEN, Traveller};
use support::wire::{Coordinates, Recorder};

/// A backend with the operator's places and offers, a till that knows them, and a phone that is about to drive.
struct Scene {
    backend: Backend,
    clock: StoryClock,
    operator: Operator,
    till: RestStopTill,
    till_network: Recorder,
    phone: Traveller,
    network: Recorder,
    stops: Vec<RestStop>,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn set() -> Self {
        let clock = StoryClock::default();
        let of_backend = clock.clone();
        let backend = noren_backend::start(Settings { clock: Arc::new(move || of_backend.now_ms()), ..Settings::default() }).await.unwrap();
        let (folder, network, till_network) = (tempfile::tempdir().unwrap(), Recorder::new(), Recorder::new());
        let url = backend.url();
        let operator = Operator::new(&url, noren_backend::DEMO_OPERATOR_TOKEN, Arc::new(till_network.clone()), &clock);
        let stops = rest_stops().unwrap();
        operator.put(&stops, &stop(&stops).id).await.unwrap();
        backend.register_till(TILL.into(), STORE.into(), TILL_TOKEN.to_owned()).await.unwrap();
        let mut till = RestStopTill::set_up(&folder.path().join("till"), &url, Arc::new(till_network.clone()), &clock).await.unwrap();
        clock.pass_ms(30_000);
        till.update().await.unwrap();
        let phone = traveller(&folder.path().join("phone"), &url, &network, &clock).await;
        Self { backend, clock, operator, till, till_network, phone, network, stops, folder }
    }

    /// The whole drive, without a network from the valley on until after the till.
    async fn drive_and_buy(&mut self, drive: &Westward) -> (Said, noren_tour::travel::Sold) {
        let mut said = Said::default();
        let (there, stay, on) = drive.parts();
        self.phone.prepare(&there[0].shown).await.unwrap();
        self.phone.drive(there, &mut said).await.unwrap();
        self.network.cut();
        self.till_network.cut();
        self.phone.drive(stay, &mut said).await.unwrap();
        let (card, presentation) = self.phone.show_card().unwrap();
        assert!(presentation.noted);
        let sold = self.till.sell(&card.text, "R-1").unwrap();
        self.phone.put_card_away();
        self.phone.drive(on, &mut said).await.unwrap();
        (said, sold)
    }

    async fn back_in_the_network(&self) {
        self.network.restore();
        self.till_network.restore();
        self.phone.deliver().await.unwrap();
        self.till.deliver().await.unwrap();
        self.phone.pull().await.unwrap();
    }
}

async fn traveller(home: &Path, url: &str, network: &Recorder, clock: &StoryClock) -> Traveller {
    Traveller::enrol(home, url, Arc::new(network.clone()), clock).await.unwrap()
}

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap()
}

fn positions(fixes: &[DriveFix]) -> Vec<Position> {
    fixes.iter().flat_map(|fix| [fix.shown, fix.true_position]).collect()
}

fn stop(stops: &[RestStop]) -> &RestStop {
    stops.iter().find(|stop| stop.name == STOPPED_AT).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_check_in_to_sale_under_one_number() {
    let mut scene = Scene::set().await;
    let drive = Westward::build(Westward::TOLD).unwrap();
    let before = scene.network.counted();
    let (said, sold) = scene.drive_and_buy(&drive).await;

    // Said on the phone, with no network.
    let refused = |name: &str| said.refused.iter().filter(|visit| visit.place_name == name).map(|visit| visit.reason).collect::<Vec<_>>();
    assert_eq!(refused(PASSED_BY), [CheckInRefusal::PassedBy]);
    assert_eq!(refused(CRAWLED_PAST), [CheckInRefusal::CrawledPast]);
    assert_eq!(refused(&STOPPED_AT.replace("下り", "上り")), [CheckInRefusal::OppositeSide]);
    let [made] = &said.check_ins[..] else { panic!("one check-in: {:?}", said.check_ins) };
    assert_eq!(made.check_in.place_name, STOPPED_AT);
    assert_eq!(made.check_in.state, CheckInState::Waiting);
    assert!(made.coupons.iter().any(|coupon| coupon.offer == COUPON.0 && coupon.usable_now), "{:?}", made.coupons);
    assert!(made.notice.silent && made.notice.at_night && !made.notice.body_ja.is_empty());

    assert!(said.wake_ups <= 4, "the app was woken {} times", said.wake_ups);

    // At the till, with no network.
    assert!((1..=3).contains(&sold.priced.lines(noren_till::Language::Ja).len()));
    let [used] = &sold.priced.coupons.used[..] else { panic!("one coupon is used, it does not rain: {:?}", sold.priced) };
    assert_eq!((used.offer, used.discount_minor), (COUPON, 200));
    assert!(made.check_in.unlocked.contains(&used.serial), "{:?}", made.check_in);
    assert_eq!((sold.priced.set.total_minor, scene.till.waiting().unwrap()), (1_760, 1));

    // Delivered.
    scene.back_in_the_network().await;
    let answer = scene.till.answer(&sold).unwrap();
    let [redemption] = &answer.redemptions[..] else { panic!("{answer:?}") };
    assert!(redemption.counted && answer.member_found, "{answer:?}");
    assert_eq!(redemption.check_in_id.as_ref(), Some(&made.check_in.id));
    let funnel = scene.operator.funnel(COUPON).await.unwrap();
    assert_eq!((funnel.check_ins, funnel.grants, funnel.redemptions), (1, 1, 1), "{funnel:?}");
    let [path] = &funnel.paths[..] else { panic!("{funnel:?}") };
    assert_eq!((&path.check_in_id, path.serial, path.till.as_str(), path.number.as_str()), (&made.check_in.id, used.serial, TILL, "R-1"));
    assert_eq!(funnel.budget.as_ref().map(|budget| budget.spent), Some(1));
    assert!(funnel.rolled_back.is_empty());

    // On the phone again.
    assert_eq!(scene.phone.check_in(&made.check_in.id).unwrap().state, CheckInState::Accepted);
    let receipt = scene.phone.newest_receipt().unwrap();
    assert!(receipt.coupons.iter().any(|coupon| coupon.serial == used.serial && coupon.discount_minor == 200), "{:?}", receipt.coupons);
    let stamps = scene.phone.stamp_cards().unwrap();
    let stamps: Vec<_> = stamps.iter().filter(|card| card.card.as_str() == STAMP_CARD).flat_map(|card| &card.stamps).collect();
    assert_eq!((stamps.len(), stamps[0].waiting), (1, false));

    // What all of that took, from the preparation at home to the receipt.
    let after = scene.network.counted();
    let (requests, bytes) = (after.0 - before.0, after.1 - before.1);
    println!("the drive took {requests} requests and {bytes} bytes");
    assert!(requests <= 8 && bytes <= 60 * 1_024, "{requests} requests, {bytes} bytes: {:?}", scene.network.sent.lock().unwrap());

    // The next day's look: the coupon is used.
    scene.phone.noren().coupons().refresh().await.unwrap();
    let coupons = scene.phone.coupons_at(&stop(&scene.stops).id).unwrap();
    let coupon = coupons.iter().find(|coupon| coupon.serial == Some(used.serial)).unwrap();
    assert!(coupon.state == GrantState::Redeemed && !coupon.usable_now, "{coupon:?}");

    // Nothing of it says where the phone was.
    let sought = Coordinates::of(positions(&drive.drive.fixes));
    for request in scene.network.sent.lock().unwrap().iter() {
        assert_eq!(sought.found_in(request), None, "{request:?}");
    }

    // And the picture of the README is what was said here.
    let map = DriveMap::draw(&scene.phone.story(&said, scene.stops.clone(), drive.drive.fixes.clone(), drive.valley_from_ms)).unwrap();
    let readme = readme();
    assert!(["tests/tour/pictures/drive.png", "© OpenStreetMap contributors, ODbL"].iter().all(|shown| readme.contains(shown)));
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures/drive.png");
    assert!(
        std::fs::read(picture).unwrap() == map.png(PNG_SCALE).unwrap(),
        "cargo run, and copy target/tour/drive.png into tests/tour/pictures"
    );
    scene.backend.shutdown().await;
    drop(scene.folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn rain_brings_its_coupon_and_both_are_used() {
    let mut scene = Scene::set().await;
    let drive = Westward::build(2).unwrap();
    scene.phone.prepare(&drive.drive.fixes[0].shown).await.unwrap();
    // The phone hears of it by push, the till by its document.
    let signed = scene.operator.rain(6).await.unwrap().unwrap();
    let coupons = scene.phone.noren().coupons();
    coupons.take_push(&signed).unwrap();
    assert!(coupons.take_push(&signed).is_err(), "the second time it says nothing new");
    scene.clock.pass_ms(1_000);
    scene.till.update().await.unwrap();
    let (_, sold) = scene.drive_and_buy(&drive).await;
    let mut used: Vec<_> = sold.priced.coupons.used.iter().map(|used| (used.offer, used.discount_minor)).collect();
    used.sort_unstable();
    assert_eq!(used, [(COUPON, 200), (RAIN_COUPON, 50)]);
    scene.back_in_the_network().await;
    assert!(scene.till.answer(&sold).unwrap().redemptions.iter().all(|redemption| redemption.counted));
}

#[tokio::test(flavor = "multi_thread")]
async fn coming_back_inside_the_cool_down_gives_nothing() {
    let mut scene = Scene::set().await;
    let drive = Westward::build(3).unwrap();
    let (mut said, _) = scene.drive_and_buy(&drive).await;
    assert_eq!(said.check_ins.len(), 1);
    scene.back_in_the_network().await;
    let sites = sites(OUTLINES).unwrap();
    let site = sites.iter().find(|site| site.name == STOPPED_AT).unwrap();
    let mut again = Drive::new(site, 4).stopping_for(600).fixes;
    let later_ms = drive.drive.now_ms() + 3_600_000 - BEGINS_MS;
    again.iter_mut().for_each(|fix| fix.at_ms += later_ms);
    let refused_before = said.refused.len();
    scene.phone.drive(&again, &mut said).await.unwrap();
    assert_eq!(said.check_ins.len(), 1, "{:?}", said.check_ins);
    let here = said.refused[refused_before..].iter().filter(|visit| visit.place_name == STOPPED_AT).map(|visit| visit.reason);
    assert_eq!(here.collect::<Vec<_>>(), [CheckInRefusal::CoolDown]);
    scene.phone.deliver().await.unwrap();
    scene.phone.noren().coupons().refresh().await.unwrap();
    let funnel = scene.operator.funnel(COUPON).await.unwrap();
    assert_eq!((funnel.check_ins, funnel.grants, funnel.redemptions), (1, 1, 1));
    let coupons = scene.phone.coupons_at(&stop(&scene.stops).id).unwrap();
    assert!(coupons.iter().all(|coupon| coupon.offer != COUPON.0 || !coupon.usable_now), "{coupons:?}");
}

/// The search finds what it is meant to find.
#[test]
fn a_coordinate_on_the_wire_would_be_found() {
    let drive = Westward::build(1).unwrap();
    let sought = Coordinates::of(positions(&drive.drive.fixes[..50]));
    let shown = drive.drive.fixes[7].shown;
    let request = |url: &str, body: &[u8]| Request {
        method: noren_core::net::Method::Post,
        url: url.to_owned(),
        headers: vec![("authorization".into(), "Bearer abc".into())],
        body: body.to_vec(),
    };
    assert_eq!(sought.found_in(&request("http://h/v1/areas?tiles=34.108@17,34.109@0&rules=", b"{\"record\":\"hGpDb3VudGVyU2ln\"}")), None);
    let text = format!("{:.5}", shown.lat_deg());
    let in_json = format!("{{\"lat\":{text}}}");
    let in_bytes = [b"abcd".to_vec(), shown.lon_deg().to_be_bytes().to_vec()].concat();
    let escaped = text.replace('.', "%2E");
    for planted in [
        request(&format!("http://h/v1/areas?near={text}"), b""),
        request(&format!("http://h/v1/areas?near={escaped}"), b""),
        request("http://h/", in_json.as_bytes()),
        request("http://h/", format!("{{\"record\":\"{}\"}}", b64::encode(in_json.as_bytes())).as_bytes()),
        request("http://h/", format!("{{\"record\":\"{}\"}}", b64::encode(&in_bytes)).as_bytes()),
        request("http://h/", format!("{{\"lat_e7\":{}}}", (shown.lat_deg() * 1e7).round() as i64).as_bytes()),
    ] {
        assert!(sought.found_in(&planted).is_some(), "{planted:?}");
    }
}
