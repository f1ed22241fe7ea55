//! The last bottle is held, walked to, picked and handed over.

use noren_core::catalogue::ProductView;
use noren_core::check_in::Observation;
use noren_core::holds::{HoldOutcome, HoldView, HoldWish};
use noren_core::member::Symbology;
use noren_rules::wire::{Customer, TaskDone};
use noren_tour::drives::DriveFix;
use noren_tour::sales_log::money;
use noren_tour::stores::{Basket, NOON_MIN, StoreShopper, walk};

use super::words::{short, size};
use super::{Scene, WANTED, chain_store};
use crate::output::Failure;

/// The store that has it: the second.
const HOLDER: usize = 1;
/// Where the staff puts it.
const SHELF_NUMBER: &str = "H-3";
/// Fixes are handed over in batches of so many: 65 seconds, so that three of them are surely more than the three minutes between two words.
const BATCH: usize = 13;
/// After so many minutes on the way the staff has fetched it.
const PICKED_AFTER: usize = 4;

impl Scene<'_> {
    pub(super) async fn the_last_bottle(&self, product: &ProductView) -> Result<(), Failure> {
        let (show, here) = (self.show, chain_store(0)?.position().map_err(Failure::failed)?);
        let store = chain_store(HOLDER)?;
        show.act("Out of the door: the last one is held, and a second phone gets the nearest other")?;
        self.network.restore();
        self.it_is(NOON_MIN + 4);
        self.hana.deliver().await.map_err(Failure::failed)?;
        self.hana.look_again(&here).await.map_err(Failure::failed)?;
        let metres = here.flat_distance_m(&store.position().map_err(Failure::failed)?);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes of a walk through a town")]
        let eta_min = (metres / 80.0).ceil() as u32;
        let wish = HoldWish { store: store.store_id(), sku: WANTED.into(), quantity: 1, eta_min };
        let hold = match self.hana.noren().holds().hold(&wish, Some(&here)).await.map_err(Failure::failed)? {
            HoldOutcome::Held { hold } => hold,
            other => return Err(Failure::failed(format!("it is not held: {other:?}"))),
        };
        show.fact("held", &format!("{} at {}, {eta_min} min on foot; call {}", size(product, &hold.sku), short(&hold.store), hold.call))?;
        self.shown(&hold)?;

        let transport = self.network.transport();
        let ken =
            StoreShopper::enrol(&self.folder.join("ken"), &self.server.url(), transport, self.clock).await.map_err(Failure::failed)?;
        let there = store.position().map_err(Failure::failed)?;
        ken.prepare(&there, "しょうゆ").await.map_err(Failure::failed)?;
        let wish = HoldWish { eta_min: 2, ..wish };
        let HoldOutcome::Refused { reason, alternatives } = ken.noren().holds().hold(&wish, Some(&there)).await.map_err(Failure::failed)?
        else {
            return Err(Failure::failed("the last bottle was held twice"));
        };
        show.fact("the second phone", &format!("{reason:?}; instead:"))?;
        for other in &alternatives {
            let far = other.distance_m.map_or(String::new(), |metres| format!(" {metres} m"));
            let pieces = other.answer.quantity.map_or(String::new(), |pieces| format!(" ({pieces})"));
            let said = format!("{}{pieces} · {}", other.answer.text_ja(540), other.answer.text_en(540));
            show.fact("", &format!("{}{far}: {said}", short(&other.store)))?;
        }
        Ok(())
    }

    pub(super) async fn the_walk(&self) -> Result<(), Failure> {
        let (show, from, store) = (self.show, chain_store(0)?, chain_store(HOLDER)?);
        let position = |store: &noren_tour::stores::ChainStore| store.position().map_err(Failure::failed);
        show.act("She walks there: the phone alone knows where she is, and says in how many minutes she comes")?;
        let till = self.feed().till(HOLDER, 0).map_err(Failure::failed)?;
        let fixes = walk(&position(from)?, &position(store)?, self.days.at_ms(NOON_MIN + 5), 1);
        let mut told = Vec::new();
        for (minute, batch) in fixes.chunks(BATCH).enumerate() {
            told.extend(self.on_the_way(batch).await?);
            if minute == PICKED_AFTER {
                show.fact("still coming", &minutes(&told))?;
                self.picked(till).await?;
            }
        }
        show.fact("still coming", &minutes(&told))?;

        let card = self.hana.noren().member().card(Symbology::Qr).map_err(Failure::failed)?;
        let at_ms = self.clock.now_ms();
        let customer = Customer::Scanned { text: card.text, at_ms };
        let business_date = self.days.date(NOON_MIN).map_err(Failure::failed)?;
        let basket = Basket { number: "H-0001", sold_at_ms: at_ms, business_date, lines: &[(WANTED.into(), 1)], customer };
        let answer = till.sell(basket).await.map_err(Failure::failed)?;
        if !answer.member_found {
            return Err(Failure::failed(format!("the till did not take the card: {answer:?}")));
        }
        self.hana.noren().holds().refresh().await.map_err(Failure::failed)?;
        self.hana.noren().purchases().refresh().await.map_err(Failure::failed)?;
        self.shown(&self.newest_hold()?)?;
        let page = self.hana.noren().purchases().page(None, 1).map_err(Failure::failed)?;
        let receipt = page.receipts.first().ok_or_else(|| Failure::failed("there is no receipt on the phone"))?;
        show.fact("receipt on the phone", &format!("{} {}", receipt.store_name, money(receipt.total_minor, &receipt.currency)))
    }

    /// Takes a batch of fixes; answers the minutes that were told to the store.
    async fn on_the_way(&self, batch: &[DriveFix]) -> Result<Option<u32>, Failure> {
        let Some(last) = batch.last() else { return Ok(None) };
        self.clock.pass_until_ms(last.at_ms);
        let observations: Vec<Observation> = batch.iter().map(DriveFix::observation).collect();
        let trips = self.hana.noren().holds().on_the_way(&observations).map_err(Failure::failed)?;
        let told = trips.into_iter().find(|trip| trip.told).and_then(|trip| trip.eta_min);
        if told.is_some() {
            self.hana.noren().outbox().send_due().await.map_err(Failure::failed)?;
        }
        Ok(told)
    }

    /// The staff sees the task on the store's page, fetches the piece and says where it lies now.
    async fn picked(&self, till: &noren_tour::stores::StoreTill) -> Result<(), Failure> {
        let tasks = till.tasks().await.map_err(Failure::failed)?;
        let task = tasks.tasks.first().ok_or_else(|| Failure::failed("the store has no task"))?;
        let shelf = task.shelf.as_deref().unwrap_or("?");
        let eta = task.eta_min.map_or("?".to_owned(), |minutes| minutes.to_string());
        let what =
            format!("{} {} ×{}, shelf {shelf}, comes in {eta} min, call {}", task.title, task.variant, task.hold.quantity, task.hold.call);
        self.show.fact("the store's page", &what)?;
        let done = TaskDone::Picked { shelf_number: SHELF_NUMBER.to_owned() };
        till.done(&task.hold.id, done).await.map_err(Failure::failed)?;
        self.hana.noren().holds().refresh().await.map_err(Failure::failed)?;
        self.shown(&self.newest_hold()?)
    }

    fn newest_hold(&self) -> Result<HoldView, Failure> {
        let page = self.hana.noren().holds().list().map_err(Failure::failed)?;
        page.holds.into_iter().next().ok_or_else(|| Failure::failed("there is no hold on the phone"))
    }

    fn shown(&self, hold: &HoldView) -> Result<(), Failure> {
        self.show.fact("on her phone", &format!("{} · {}", hold.words_ja, hold.words_en))
    }
}

fn minutes(told: &[u32]) -> String {
    told.iter().map(|minutes| format!("{minutes} min")).collect::<Vec<_>>().join(", ")
}
