//! Stamps: one a day and place, by check-in or by a sale with the card; a reward for each full card.

use noren_rules::check_in::CheckInRecord;
use noren_rules::grants::GrantState;
use noren_rules::offers::{Offer, OfferId};
use noren_rules::wire::*;

use crate::stand::*;
use crate::support::*;

fn programme(goal: u32) -> StampProgramme {
    let title = [("ja".to_owned(), "西の旅".to_owned())].into();
    StampProgramme { id: "west".into(), title, places: vec![PLACE.into()], goal, reward: OfferId(9), utc_offset_min: 540 }
}

async fn open(world: &World, goal: u32) {
    world.open_market(vec![Offer { per_member: None, ..offer(9) }]).await;
    let put = PutOffers { offers: vec![], stamp_programmes: vec![programme(goal)] };
    world.operator(paths::OPERATOR_OFFERS, &put).await.ok::<Kept>();
}

#[tokio::test]
async fn a_full_card_gives_a_reward_that_a_device_can_be_lent() {
    let world = world().await;
    open(&world, 2).await;
    let mut phone = world.phone(1, None).await;
    assert_eq!(world.lease_with(&mut phone, &[]).await.until_ms, None, "a reward is not lent before it is earned");
    let first: CheckInAnswer = world.check_in(&phone, &record("a", T0)).await.ok();
    assert_eq!((first.stamp_cards[0].stamps.len(), first.grants.len()), (1, 0));
    // The same day by the till: no second stamp.
    let at_the_till = |number: &str, at_ms| SaleRequest {
        store_id: STORE.into(),
        sold_at_ms: at_ms,
        ..sale(number, scanned(phone.enrolment.one_dimensional.ean13.clone(), at_ms), vec![line("a", 1, 100)])
    };
    world.sell(&at_the_till("1", T0)).await;
    assert_eq!(world.wallet(&phone).await.stamp_cards[0].stamps.len(), 1);
    world.pass(DAY);
    world.sell(&at_the_till("2", T0 + DAY)).await;
    let token = world.token(&phone.key).await.ok::<AccessToken>().token;
    phone.token = token;
    let wallet = world.wallet(&phone).await;
    assert_eq!((wallet.stamp_cards[0].stamps.len(), wallet.stamp_cards[0].rewards), (2, 1));
    assert_eq!((wallet.grants.len(), wallet.grants[0].state, wallet.grants[0].on_this_device), (1, GrantState::Granted, false));
    let lease = world.lease_with(&mut phone, &[]).await;
    assert_eq!((lease.wallet.grants.len(), lease.wallet.grants[0].on_this_device, lease.wallet.grants[0].count), (1, true, 1));
    let mut till = world.offline_till("one").await;
    let (request, _) = till.sell(&show(&phone, T0 + DAY), T0 + DAY);
    assert!(world.post_sale(&till, &request).await.redemptions[0].counted);
    assert_eq!(world.lease_with(&mut phone, &[]).await.until_ms, None, "one card, one reward");
    world.stop().await;
}

#[tokio::test]
async fn a_check_in_gives_the_reward_and_names_it() {
    let world = world().await;
    open(&world, 1).await;
    let phone = world.phone(1, None).await;
    let answer: CheckInAnswer = world.check_in(&phone, &record("a", T0)).await.ok();
    assert_eq!((answer.grants.len(), answer.stamp_cards[0].rewards), (1, 1));
    let again: CheckInAnswer = world.check_in(&phone, &record("a", T0)).await.ok();
    assert_eq!(again, answer, "no second reward");
    world.stop().await;
}

#[tokio::test]
async fn cards_of_two_members_that_are_one_are_one_card() {
    let world = world().await;
    world.register(&["100"], true).await;
    open(&world, 2).await;
    let (one, two) = (world.phone(1, None).await, world.phone(2, None).await);
    world.check_in(&one, &record("a", T0 - DAY)).await.ok::<CheckInAnswer>();
    world.check_in(&two, &CheckInRecord { ..record("b", T0) }).await.ok::<CheckInAnswer>();
    world.link(&one, number("100", "0000")).await.ok::<Membership>();
    world.link(&two, number("100", "0000")).await.ok::<Membership>();
    for phone in [&one, &two] {
        let card = &world.wallet(phone).await.stamp_cards[0];
        assert_eq!((card.stamps.len(), card.rewards), (2, 1));
    }
    world.stop().await;
}
