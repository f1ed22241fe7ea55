//! Seats: slips for one visit, plates that anybody may have photographed, and guests who share a table.

use noren_rules::ids::CheckInId;
use noren_rules::seat_code::{SeatCode, SeatKind};
use noren_rules::wire::*;

use crate::stand::*;
use crate::support::*;

const TILL: &str = "till-of-the-rest-stop";

impl World {
    /// A till in the rest stop's store.
    async fn open_tables(&self) {
        self.open_market(vec![offer(7)]).await;
        self.backend.as_ref().unwrap().register_till("tables".into(), STORE.into(), TILL.to_owned()).await.unwrap();
    }

    async fn seat_work(&self, token: &str, work: SeatWork) -> Got {
        self.post(paths::KITCHEN_SEATS, Some(token), &self.fresh_key(), &SeatWorkRequest { work }).await
    }

    async fn seat_code(&self, work: SeatWork) -> String {
        self.seat_work(TILL, work).await.ok::<SeatWorkAnswer>().code.unwrap()
    }

    async fn seat_worked(&self, work: SeatWork) -> SeatSession {
        self.seat_work(TILL, work).await.ok::<SeatWorkAnswer>().session.unwrap()
    }

    async fn try_seat(&self, phone: &Phone, code: &str, check_in: Option<&str>) -> Got {
        let request = SeatRequest { code: code.to_owned(), check_in: check_in.map(CheckInId::from) };
        self.post(paths::SEATS, Some(&phone.token), &self.fresh_key(), &request).await
    }

    async fn seat(&self, phone: &Phone, code: &str, check_in: Option<&str>) -> SeatSession {
        self.try_seat(phone, code, check_in).await.ok()
    }
}

fn slip(seat: &str, minutes: u32) -> SeatWork {
    SeatWork::Slip { seat: seat.to_owned(), minutes }
}

fn plate(seat: &str) -> SeatWork {
    SeatWork::Plate { seat: seat.to_owned() }
}

#[tokio::test]
async fn a_slip_is_for_one_visit_and_its_guests_share_it() {
    let world = world().await;
    world.open_tables().await;
    let (one, other) = (world.phone(1, None).await, world.phone(2, None).await);
    let code = world.seat_code(slip(" A-12 ", 90)).await;
    let first = world.seat(&one, &code, None).await;
    assert_eq!((first.store.as_str(), first.seat.as_str(), first.state), (STORE, "A-12", SeatState::Open));
    assert_eq!(first.until_ms, T0 + 90 * MINUTE);
    assert_eq!(world.seat(&other, &code, None).await, first, "who sits there too");
    assert_eq!(world.seat(&one, &code, None).await, first, "scanned again");
    // Paid: the slip opens nothing any more.
    let closed = world.seat_worked(SeatWork::Close { session: first.id.clone() }).await;
    assert_eq!((closed.id, closed.state), (first.id.clone(), SeatState::Closed));
    assert_eq!(world.try_seat(&one, &code, None).await.refused(403), Reason::SeatRefused, "a second visit");
    // An old slip, never used.
    let old = world.seat_code(slip("A-13", 10)).await;
    world.pass(10 * MINUTE);
    assert_eq!(world.try_seat(&one, &old, None).await.refused(403), Reason::SeatRefused);
    let next = world.seat_code(slip("A-12", 90)).await;
    assert_ne!(world.seat(&one, &next, None).await.id, first.id, "the next guests are others");
    world.stop().await;
}

#[tokio::test]
async fn a_photographed_plate_orders_nothing_until_somebody_has_looked() {
    let world = world().await;
    world.open_tables().await;
    let (home, guest) = (world.phone(1, None).await, world.leased(2).await);
    let code = world.seat_code(plate("窓際 3")).await;
    let waiting = world.seat(&home, &code, None).await;
    assert_eq!((waiting.state, waiting.until_ms), (SeatState::Waiting, T0 + 15 * MINUTE));
    // A check-in of somebody else, of no time, of no id shows nothing.
    world.check_in(&guest, &record("here", T0)).await.ok::<CheckInAnswer>();
    for shown in ["here", "no-such", ""] {
        assert_eq!(world.seat(&home, &code, Some(shown)).await.state, SeatState::Waiting, "{shown}");
    }
    // The guest's own opens the table, for the guest; who is at home waits on.
    let open = world.seat(&guest, &code, Some("here")).await;
    assert_eq!((open.id.clone(), open.state), (waiting.id.clone(), SeatState::Open));
    assert_eq!(world.seat(&home, &code, None).await.state, SeatState::Waiting);
    assert_eq!(world.seat(&guest, &code, None).await.state, SeatState::Open, "known to be there");
    // The staff looks at phones: who shows the number is a guest, and nobody else who waits.
    let beside = world.phone(4, None).await;
    let shown = world.seat(&beside, &code, None).await;
    assert_eq!((shown.state, shown.marks.len(), waiting.marks.len()), (SeatState::Waiting, 1, 1));
    assert_eq!(world.seat(&beside, &code, None).await.marks, shown.marks, "the same when it is scanned again");
    let wrong = (100..).find(|mark| !shown.marks.contains(mark) && !waiting.marks.contains(mark)).unwrap();
    let confirm = |marks: Vec<u32>| SeatWork::Confirm { session: open.id.clone(), marks };
    assert_eq!(world.seat_work(TILL, confirm(vec![wrong])).await.refused(404), Reason::NotFound);
    assert_eq!(world.seat_work(TILL, confirm(vec![])).await.refused(400), Reason::InvalidRequest);
    let confirmed = world.seat_worked(confirm(shown.marks.clone())).await;
    assert_eq!((confirmed.state, &confirmed.marks), (SeatState::Waiting, &waiting.marks));
    assert_eq!(world.seat(&beside, &code, None).await.state, SeatState::Open);
    assert_eq!(world.seat(&home, &code, None).await.state, SeatState::Waiting, "who is at home still waits");
    assert_eq!(world.seat_worked(confirm(waiting.marks.clone())).await.state, SeatState::Open);
    let late = world.phone(3, None).await;
    assert_eq!(world.seat(&late, &code, None).await.state, SeatState::Waiting, "who comes later is looked at, too");
    world.seat_worked(SeatWork::Close { session: open.id.clone() }).await;
    // A new visit at the same plate; an old check-in is none.
    world.pass(61 * MINUTE);
    let guest = world.renewed(guest).await;
    let again = world.seat(&guest, &code, Some("here")).await;
    assert!(again.id != open.id && again.state == SeatState::Waiting);
    // Nobody looked: it is over.
    world.pass(15 * MINUTE);
    let over = world.seat_work(TILL, SeatWork::Confirm { session: again.id.clone(), marks: again.marks.clone() }).await;
    assert_eq!(over.refused(403), Reason::SeatRefused);
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_seat_is_refused() {
    let world = world().await;
    world.open_tables().await;
    let phone = world.phone(1, None).await;
    let forged =
        SeatCode { store: STORE.into(), seat: "A".to_owned(), kind: SeatKind::Slip { until_s: T0 / 1000 + 60, serial: 7 } }.text(&key(9));
    let good = world.seat_code(slip("A", 60)).await;
    let mut changed = good.clone();
    changed.replace_range(20..21, if &good[20..21] == "A" { "B" } else { "A" });
    for code in
        [forged, changed, format!("NRS1:{}", "A".repeat(10_000)), "x".repeat(10_000), String::new(), good.replacen("NRS1", "NRP1", 1)]
    {
        assert_eq!(world.try_seat(&phone, &code, None).await.refused(403), Reason::SeatRefused, "{code}");
    }
    for work in [slip("", 60), slip("  ", 60), slip(&"x".repeat(21), 60), slip("a\nb", 60), slip("A", 0), slip("A", 721), plate("")] {
        assert_eq!(world.seat_work(TILL, work).await.refused(400), Reason::InvalidRequest);
    }
    // Another store's till has nothing to say about a table here.
    let session = world.seat(&phone, &good, None).await.id;
    for work in [SeatWork::Confirm { session: session.clone(), marks: vec![147] }, SeatWork::Close { session: "none".into() }] {
        assert_eq!(world.seat_work(noren_backend::DEMO_TILL_TOKEN, work).await.refused(404), Reason::NotFound);
    }
    // Nobody sits at a fourth table.
    for seat in ["B", "C"] {
        let code = world.seat_code(plate(seat)).await;
        world.seat(&phone, &code, None).await;
    }
    let fourth = world.seat_code(plate("D")).await;
    assert_eq!(world.try_seat(&phone, &fourth, None).await.refused(429), Reason::TooManyAttempts);
    world.seat_worked(SeatWork::Close { session }).await;
    world.seat(&phone, &fourth, None).await;
    world.stop().await;
}
