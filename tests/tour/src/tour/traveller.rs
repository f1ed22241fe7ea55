//! The traveller of the tour: an hour on the expressway, a stop in a valley without a network, a coupon that is there all the same.

use std::path::Path;

use noren_backend::Backend as Server;
use noren_rules::receipt::Receipt;
use noren_rules::wire::Funnel;
use noren_till::Language;
use noren_tour::drives::{STOPPED_AT, Westward, rest_stops};
use noren_tour::map::{DriveMap, PNG_SCALE};
use noren_tour::sales_log::money;
use noren_tour::travel::{
    COUPON, Operator, RestStopTill, STAMP_CARD, STAMPS_OF_A_CARD, STORE, Said, Sold, StoryClock, TILL, TILL_TOKEN, Traveller,
};

use super::network::Network;
use super::show::Show;
use super::target;
use crate::output::Failure;

/// How long it rains.
const RAIN_HOURS: i64 = 6;

/// Plays the traveller's acts.
pub(super) async fn play(
    show: &Show,
    folder: &Path,
    server: &Server,
    network: &Network,
    clock: &StoryClock,
    language: Language,
) -> Result<(), Failure> {
    let drive = Westward::build(Westward::TOLD).map_err(Failure::failed)?;
    let stops = rest_stops().map_err(Failure::failed)?;
    let stop = stops.iter().find(|stop| stop.name == STOPPED_AT).ok_or_else(|| Failure::failed("the stop is not among the places"))?;
    let fixes = &drive.drive.fixes;
    let first = fixes.first().ok_or_else(|| Failure::failed("the drive is empty"))?;

    show.act("An operator of service areas puts its places and coupons")?;
    let operator = Operator::new(&server.url(), noren_backend::DEMO_OPERATOR_TOKEN, network.transport(), clock);
    let places = operator.put(&stops, &stop.id).await.map_err(Failure::failed)?;
    server.register_till(TILL.into(), STORE.into(), TILL_TOKEN.to_owned()).await.map_err(Failure::failed)?;
    let mut till =
        RestStopTill::set_up(&folder.join("rest-stop"), &server.url(), network.transport(), clock).await.map_err(Failure::failed)?;
    show.fact("places", &format!("{places} service and parking areas of west Japan (© OpenStreetMap contributors, ODbL)"))?;
    show.fact("coupons", "for travellers who stop, with a budget; for rain; a stamp card")?;

    show.act("A traveller sets out: the phone fetches the area while there is a network")?;
    let traveller =
        Traveller::enrol(&folder.join("traveller"), &server.url(), network.transport(), clock).await.map_err(Failure::failed)?;
    traveller.prepare(&first.shown).await.map_err(Failure::failed)?;
    let rain = operator.rain(RAIN_HOURS).await.map_err(Failure::failed)?.ok_or_else(|| Failure::failed("no condition to push"))?;
    traveller.noren().coupons().take_push(&rain).map_err(Failure::failed)?;
    clock.pass_ms(30_000);
    till.update().await.map_err(Failure::failed)?;
    show.fact("it starts to rain", &format!("a push of {} bytes, signed; the till hears it with its document", rain.len()))?;
    show.fact("coupons on the phone", &traveller.coupons_at(&stop.id).map_err(Failure::failed)?.len().to_string())?;

    show.act("An hour on the road. The network goes before the stop: a valley")?;
    let (there, stay, on) = drive.parts();
    let mut said = Said::default();
    traveller.drive(there, &mut said).await.map_err(Failure::failed)?;
    network.cut();
    traveller.drive(stay, &mut said).await.map_err(Failure::failed)?;
    events(show, &said)?;
    show.fact("the app was woken", &format!("{} times; regions to watch were chosen {} times", said.wake_ups, said.regions.len()))?;

    show.act("The card carries the coupons; the till, with no network either, takes both in one scan")?;
    let (card, presentation) = traveller.show_card().map_err(Failure::failed)?;
    let sold = till.sell(&card.text, "R-0001").map_err(Failure::failed)?;
    traveller.put_card_away();
    show.fact("what the till knows", &till.knows(language).join(" "))?;
    show.fact("in the QR", &format!("the member and {} coupons, {} characters", presentation.serials.len(), card.text.len()))?;
    sale(show, &sold, language)?;
    show.fact("waiting in the till", &till.waiting().map_err(Failure::failed)?.to_string())?;

    show.act("Out of the valley: phone and till deliver, one number goes through all of it")?;
    traveller.drive(on, &mut said).await.map_err(Failure::failed)?;
    network.restore();
    traveller.deliver().await.map_err(Failure::failed)?;
    till.deliver().await.map_err(Failure::failed)?;
    traveller.pull().await.map_err(Failure::failed)?;
    let answer = till.answer(&sold).map_err(Failure::failed)?;
    let check_in = said.check_ins.first().ok_or_else(|| Failure::failed("the stop was not checked in"))?;
    show.fact("check-in", check_in.check_in.id.as_str())?;
    for redemption in &answer.redemptions {
        let counted = if redemption.counted { "counts" } else { "rolled back" };
        let from = redemption.check_in_id.as_ref().map_or("no check-in", |id| id.as_str());
        show.fact(&format!("coupon {} {counted}", redemption.serial), from)?;
    }
    funnel(show, &operator.funnel(COUPON).await.map_err(Failure::failed)?)?;
    receipt(show, &traveller.newest_receipt().map_err(Failure::failed)?)?;
    let cards = traveller.stamp_cards().map_err(Failure::failed)?;
    let stamps = cards.iter().find(|card| card.card.as_str() == STAMP_CARD).map_or(0, |card| card.stamps.len());
    show.fact("stamp card", &format!("{stamps} of {STAMPS_OF_A_CARD}"))?;

    let story = traveller.story(&said, stops.clone(), fixes.clone(), drive.valley_from_ms);
    let map = DriveMap::draw(&story).map_err(Failure::failed)?;
    let png = map.png(PNG_SCALE).map_err(Failure::failed)?;
    for (name, bytes) in [("drive.svg", map.svg().as_bytes()), ("drive.png", &png)] {
        show.fact("written", &target::write(name, bytes)?)?;
    }
    Ok(())
}

fn events(show: &Show, said: &Said) -> Result<(), Failure> {
    for refused in &said.refused {
        show.fact(&refused.place_name, &format!("{}: {}", refused.reason.reason(), refused.reason))?;
    }
    for made in &said.check_ins {
        show.fact(&made.check_in.place_name, "check-in, on its own side, with no network")?;
        show.fact("notice", &format!("{} {}", made.notice.title_en, made.notice.body_en))?;
        for coupon in made.coupons.iter().filter(|coupon| coupon.usable_now) {
            show.fact("usable now", &coupon.title_en)?;
        }
    }
    Ok(())
}

fn sale(show: &Show, sold: &Sold, language: Language) -> Result<(), Failure> {
    show.till(&sold.scanned, language)?;
    show.coupons(&sold.priced.lines(language))?;
    show.fact("to pay", &money(sold.priced.set.total_minor, &sold.priced.currency))
}

fn funnel(show: &Show, funnel: &Funnel) -> Result<(), Failure> {
    let counts = format!("{} check-in → {} grant → {} redemption", funnel.check_ins, funnel.grants, funnel.redemptions);
    show.fact("funnel", &counts)?;
    let left = funnel.budget.as_ref().map_or(String::new(), |budget| format!("{} of {} spent", budget.spent, budget.total));
    show.fact("budget", &left)
}

fn receipt(show: &Show, receipt: &Receipt) -> Result<(), Failure> {
    show.fact("receipt on the phone", &format!("{} {}", receipt.store_name, money(receipt.total_minor, &receipt.currency)))?;
    for coupon in receipt.coupons.iter() {
        let what = match coupon.discount_minor {
            0 => coupon.reason_en.clone(),
            off => format!("{} off", money(off, &receipt.currency)),
        };
        show.fact("", &format!("{}: {what}", coupon.title_en))?;
    }
    Ok(())
}
