//! The afternoon of the stores, and three days later: what silence and late news do to an answer, and what a scan was worth.

use noren_core::catalogue::ProductView;
use noren_rules::catalogue::{Fit, SizeMm};
use noren_rules::wire::Customer;
use noren_tour::sales_log::money;
use noren_tour::stores::{ARRIVES_MIN, Basket, NOON_MIN};

use super::words::{answered, short, size};
use super::{ACCOUNT, Scene, WANTED, chain_store};
use crate::output::Failure;

const DAY_MIN: i64 = 24 * 60;
/// When she looks again: the third store has been silent for more than four hours.
const LOOKS_MIN: i64 = NOON_MIN + 4 * 60 + 30;
/// When the fourth store's tills tell what they sold since noon.
const TOLD_MIN: i64 = NOON_MIN + 6 * 60;
/// What is to stand in a room, by its JAN code: a camera.
const CAMERA: &str = "4547410260649";
/// A niche of the shopper's shelf.
const NICHE: SizeMm = SizeMm { width_mm: 90, depth_mm: 150, height_mm: 110 };

impl Scene<'_> {
    pub(super) async fn the_afternoon(&self, product: &ProductView) -> Result<(), Failure> {
        let (show, feed) = (self.show, self.feed());
        show.act("The afternoon: a transfer arrives, one store falls silent, one tells late what it sold")?;
        self.it_is(ARRIVES_MIN);
        feed.transfer_arrives(ARRIVES_MIN).await.map_err(Failure::failed)?;
        let report = self.hana.noren().catalogue().refresh_favourites().await.map_err(Failure::failed)?;
        for back in &report.back_in_stock {
            show.fact("15:00, back in stock", &format!("{} at {}", size(product, &back.sku), short(&back.store)))?;
        }
        self.it_is(LOOKS_MIN);
        feed.afternoon(&[0, 1], LOOKS_MIN).await.map_err(Failure::failed)?;
        self.look("16:30, silent", 2).await?;
        self.look("16:30, news to come", 3).await?;
        self.it_is(TOLD_MIN);
        feed.afternoon(&[3], TOLD_MIN).await.map_err(Failure::failed)?;
        self.look("18:00, told late", 3).await?;
        for flag in self.operator.flags().await.map_err(Failure::failed)?.flags {
            show.fact("to be counted", &format!("{} at {}: {} in the books ({})", flag.sku, short(&flag.store), flag.on_hand, flag.cause))?;
        }
        Ok(())
    }

    /// What the phone says of the wanted variant in a store, after it has asked.
    async fn look(&self, when: &str, store: usize) -> Result<(), Failure> {
        let here = chain_store(0)?.position().map_err(Failure::failed)?;
        self.hana.look_again(&here).await.map_err(Failure::failed)?;
        let arrival = noren_rules::stock::Arrival { in_min: Some(0), quantity: 1 };
        let answer = self.hana.noren().stock().answer(&chain_store(store)?.store_id(), &WANTED.into(), arrival).map_err(Failure::failed)?;
        let answer = answer.ok_or_else(|| Failure::failed("the store was never heard of"))?;
        self.show.fact(when, &answered(&answer))
    }

    pub(super) async fn three_days_later(&self, product: &ProductView) -> Result<(), Failure> {
        let (show, catalogue) = (self.show, self.hana.noren().catalogue());
        show.act("Three days later she buys the large one online: the store where she scanned is credited")?;
        let minute = NOON_MIN + 3 * DAY_MIN;
        self.it_is(minute);
        let at_ms = self.clock.now_ms();
        let business_date = self.days.date(minute).map_err(Failure::failed)?;
        let customer = Customer::EcAccount { account: ACCOUNT.to_owned() };
        let basket = Basket { number: "EC-0001", sold_at_ms: at_ms, business_date, lines: &[(WANTED.into(), 1)], customer };
        self.ec_till()?.sell(basket).await.map_err(Failure::failed)?;
        for counted in self.operator.reactions(self.days.at_ms(0), at_ms + 1).await.map_err(Failure::failed)?.counts {
            let what = format!("{}: {} ×{}, counted without a name", short(&counted.store), size(product, &counted.sku), counted.count);
            show.fact("scanned there", &what)?;
        }
        for credit in self.operator.credits(self.days.at_ms(0), at_ms + 1).await.map_err(Failure::failed)?.credits {
            let amount = money(credit.amount_minor, &credit.currency);
            let what = format!("{}: {} ×{}, {amount}", short(&credit.store), size(product, &credit.sku), credit.quantity);
            show.fact("credited", &what)?;
        }
        catalogue.write_review(&product.id, 5, "大きい方が長く使えます").await.map_err(Failure::failed)?;
        let reviews = catalogue.refresh_reviews(&product.id, None).await.map_err(Failure::failed)?;
        for review in &reviews.reviews {
            let bought = if review.verified { "bought and kept" } else { "not bought here" };
            show.fact("review", &format!("{} of 5, {bought}: {}", review.stars, review.text))?;
        }
        catalogue.refresh_ranking().await.map_err(Failure::failed)?;
        let ranking = catalogue.ranking().map_err(Failure::failed)?;
        let best: Vec<String> = ranking.products.iter().take(3).map(|best| format!("{} {}", best.rank, best.product.title)).collect();
        show.fact("what sells", &best.join(", "))?;
        let camera = catalogue.find(CAMERA, None).await.map_err(Failure::failed)?;
        let camera = camera.ok_or_else(|| Failure::failed("the camera is not in the catalogue"))?;
        let fit = match catalogue.fits(&camera.id, &NICHE).map_err(Failure::failed)? {
            Some(Fit::AsItIs) => "fits",
            Some(Fit::Turned) => "fits, turned by a quarter",
            Some(Fit::TooLarge) => "does not fit",
            None => "has no size",
        };
        let niche = format!("{} × {} × {} mm", NICHE.width_mm, NICHE.depth_mm, NICHE.height_mm);
        show.fact("in her niche", &format!("{} {fit} ({niche})", camera.title))
    }
}
