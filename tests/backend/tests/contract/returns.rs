//! Returns, amendments and voids: exact to the minor unit, points with them.

use noren_rules::receipt::ReceiptKind;
use noren_rules::wire::*;

use crate::support::*;

async fn bought(world: &World) -> Phone {
    let phone = world.phone(1, None).await;
    let lines = vec![line("a", 3, 300), line("b", 1, 250), line("discount", -1, -50)];
    world.sell(&sale("1", scanned(phone.qr(T0), T0), lines)).await;
    assert_eq!(world.membership(&phone).await.points, 5);
    phone
}

#[tokio::test]
async fn parts_go_back_until_nothing_is_left() {
    let world = world().await;
    let phone = bought(&world).await;
    let back = async |number: &str, lines| world.till(paths::TILL_SALES, &returned(number, Some("1"), lines)).await;
    let first: SaleAnswer = back("r1", vec![line("a", -1, -100)]).await.ok();
    assert_eq!((first.points, first.member_found), (-1, true), "the return goes where its sale went");
    assert_eq!(back("r2", vec![line("a", -3, -300)]).await.refused(409), Reason::ReturnConflict, "pieces");
    assert_eq!(back("r3", vec![line("a", -2, -201)]).await.refused(409), Reason::ReturnConflict, "money of an article");
    assert_eq!(back("r4", vec![line("c", -1, -1)]).await.refused(409), Reason::ReturnConflict, "never sold");
    assert_eq!(back("r5", vec![line("a", -2, -200), line("b", -1, -250)]).await.refused(409), Reason::ReturnConflict, "money of the sale");
    let rest: SaleAnswer = back("r6", vec![line("a", -2, -200), line("b", -1, -250), line("discount", 1, 50)]).await.ok();
    assert_eq!(rest.points, -4);
    assert_eq!(world.membership(&phone).await.points, 0);
    assert_eq!(back("r7", vec![line("discount", -1, -1)]).await.refused(409), Reason::ReturnConflict);
    let of: Vec<_> =
        world.history(&phone).await.into_iter().map(|receipt| (receipt.number, receipt.of.is_some(), receipt.points)).collect();
    assert_eq!(of, [("1".to_owned(), false, 5), ("r1".to_owned(), true, -1), ("r6".to_owned(), true, -4)]);
    world.stop().await;
}

#[tokio::test]
async fn many_small_returns_take_back_exactly_what_was_given() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.sell(&sale("1", scanned(phone.qr(T0), T0), vec![line("a", 7, 7 * 99)])).await;
    assert_eq!(world.membership(&phone).await.points, 6);
    let mut taken = 0;
    for at in 0..7 {
        let answer = world.sell(&returned(&format!("r{at}"), Some("1"), vec![line("a", -1, -99)])).await;
        taken += answer.points;
        let left = 99 * (6 - at);
        assert_eq!(world.membership(&phone).await.points, left / 100);
    }
    assert_eq!(taken, -6);
    world.stop().await;
}

#[tokio::test]
async fn an_unlinked_return_takes_no_points() {
    let world = world().await;
    let phone = bought(&world).await;
    let request = SaleRequest { customer: scanned(phone.qr(T0 + 20_000), T0 + 20_000), ..returned("C1", None, vec![line("a", -1, -100)]) };
    let answer = world.sell(&request).await;
    assert_eq!((answer.member_found, answer.points, answer.claim_code), (true, 0, None));
    assert_eq!(world.membership(&phone).await.points, 5);
    assert_eq!(world.numbers(&phone).await, ["1", "C1"]);
    world.stop().await;
}

#[tokio::test]
async fn an_amendment_moves_the_difference() {
    let world = world().await;
    let phone = bought(&world).await;
    let amend = |number: &str, of: Option<&str>, amount| SaleRequest {
        kind: ReceiptKind::Amendment,
        of: of.map(str::to_owned),
        ..sale(number, Customer::Anonymous, vec![line("tax", 0, amount)])
    };
    assert_eq!(world.sell(&amend("a1", Some("1"), 100)).await.points, 1);
    assert_eq!(world.till(paths::TILL_SALES, &amend("a2", Some("1"), -601)).await.refused(409), Reason::ReturnConflict);
    assert_eq!(world.till(paths::TILL_SALES, &amend("a3", Some("a1"), -1)).await.refused(409), Reason::ReturnConflict, "no sale");
    assert_eq!(world.membership(&phone).await.points, 6);
    world.stop().await;
}

#[tokio::test]
async fn a_void_reverses_and_stays_in_the_history() {
    let world = world().await;
    let phone = bought(&world).await;
    let before = world.page(&phone, None, 10).await;
    let void = async |number: &str| world.till(paths::TILL_VOIDS, &VoidRequest { number: number.to_owned() }).await;
    world.sell(&returned("r1", Some("1"), vec![line("a", -1, -100)])).await;
    assert_eq!(void("1").await.refused(409), Reason::ReturnConflict, "its return first");
    assert_eq!(void("r1").await.ok::<SaleAnswer>().points, 1);
    assert_eq!(world.membership(&phone).await.points, 5);
    assert_eq!(void("1").await.ok::<SaleAnswer>().points, -5);
    assert_eq!(void("1").await.ok::<SaleAnswer>().points, 0, "void is void");
    assert_eq!(world.membership(&phone).await.points, 0);
    let news = world.page(&phone, Some(&before.next_cursor), 10).await;
    let mut seen: Vec<_> = news.receipts.iter().map(|receipt| (receipt.number.as_str(), receipt.voided, receipt.points)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [("1", true, 0), ("r1", true, 0)]);
    let late = world.till(paths::TILL_SALES, &returned("r2", Some("1"), vec![line("a", -1, -100)])).await;
    assert_eq!(late.refused(409), Reason::ReturnConflict, "a void sale has nothing to return");
    let again = sale("1", Customer::Anonymous, vec![line("a", 1, 1)]);
    assert_eq!(world.till(paths::TILL_SALES, &again).await.refused(409), Reason::ReceiptConflict, "its number stays taken");
    world.stop().await;
}

#[tokio::test]
async fn a_reissue_is_marked_and_comes_again() {
    let world = world().await;
    let phone = bought(&world).await;
    let before = world.page(&phone, None, 10).await;
    let backend = world.backend.as_ref().unwrap();
    assert!(backend.mark_reissued("demo-till".into(), "1".to_owned()).await.unwrap());
    assert!(!backend.mark_reissued("demo-till".into(), "1".to_owned()).await.unwrap());
    let news = world.page(&phone, Some(&before.next_cursor), 10).await;
    assert_eq!(news.receipts.iter().map(|receipt| receipt.reissued).collect::<Vec<_>>(), [true]);
    world.stop().await;
}
