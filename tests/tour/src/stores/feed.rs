//! What the stores' tills say to the backend, in the order in which it gets there: most of it at once, some of it twice, late, or by a wrong clock.

use noren_rules::ids::Sku;
use noren_rules::stock::{StockEvent, StockEventKind, StockState};
use noren_rules::wire::Customer;

use super::days::StoryDays;
use super::log::{LogSale, NOON_MIN, TRANSFER, TwoDays};
use super::till::{Basket, StoreTill};
use super::{CHAIN, WAREHOUSE};

/// The store whose older tills post no sales: they report what happened to stock.
const OLD_TILLS: usize = 3;
/// By how much the clock of that store's second till is ahead, in minutes.
const AHEAD_MIN: i64 = 12;
/// From when on the second till of the first store has no network on the second morning.
const LATE_FROM_MIN: i64 = 33 * 60;
/// Which store counts which variant, and when: 11:55.
const COUNT: (usize, &str, i64) = (1, "soy-1000", 11 * 60 + 55 + 24 * 60);

/// What the feed did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fed {
    /// Sales that tills posted.
    pub sales: u64,
    /// How many of them came a second time.
    pub doubled: u64,
    /// How many came after later ones of the same store.
    pub late: u64,
    /// Stock events that tills reported, without those.
    pub events: u64,
    /// How many of them say a time that had not come yet.
    pub ahead: u64,
}

/// The chain's tills with what they have to say.
pub struct Feed<'a> {
    two: &'a TwoDays,
    days: StoryDays,
    tills: &'a [StoreTill],
}

impl<'a> Feed<'a> {
    /// Of the tills that [`StoreTill::all`] made.
    #[must_use]
    pub fn new(two: &'a TwoDays, days: StoryDays, tills: &'a [StoreTill]) -> Self {
        Self { two, days, tills }
    }

    /// A till of a store.
    ///
    /// # Errors
    /// That there is none.
    pub fn till(&self, store: usize, till: usize) -> Result<&'a StoreTill, String> {
        self.tills.get(store * 2 + till).ok_or_else(|| format!("no till {till} in store {store}"))
    }

    /// Everything until noon of the second day. Three stores say up to when that is all; the third one's word is as old as its last sale.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn until_noon(&self) -> Result<Fed, String> {
        let mut fed = Fed::default();
        let is_late = |sale: &&LogSale| (sale.store, sale.till) == (0, 1) && sale.at_min >= LATE_FROM_MIN;
        let before_noon = || self.two.sales.iter().filter(|sale| sale.at_min < NOON_MIN);
        for sale in before_noon().filter(|sale| !is_late(sale)) {
            self.say(sale, &mut fed).await?;
        }
        // The network is back: the newest goes first.
        for sale in before_noon().filter(is_late).rev() {
            self.say(sale, &mut fed).await?;
            fed.late += 1;
        }
        let answer = self.till(OLD_TILLS, 1)?.report(vec![self.delivery()?], None).await?;
        fed.events += answer.new;
        fed.ahead += answer.ahead;
        let count = self.count()?;
        fed.events += self.till(COUNT.0, 0)?.report(vec![count], None).await?.new;
        for store in [0, 1, OLD_TILLS] {
            self.till(store, 0)?.report(Vec::new(), Some(self.days.at_ms(NOON_MIN))).await?;
        }
        Ok(fed)
    }

    /// What some stores sell after noon and until a minute, and up to when that is all.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn afternoon(&self, stores: &[usize], until_min: i64) -> Result<Fed, String> {
        let mut fed = Fed::default();
        let then = self.two.sales.iter().filter(|sale| (NOON_MIN..until_min).contains(&sale.at_min) && stores.contains(&sale.store));
        for sale in then {
            self.say(sale, &mut fed).await?;
        }
        for store in stores {
            self.till(*store, 0)?.report(Vec::new(), Some(self.days.at_ms(until_min))).await?;
        }
        Ok(fed)
    }

    /// The transfer from the warehouse arrives.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn transfer_arrives(&self, at_min: i64) -> Result<(), String> {
        let (to, sku, quantity) = TRANSFER;
        let kind = StockEventKind::TransferIn { quantity: u32::try_from(quantity).unwrap_or_default(), from: WAREHOUSE.into() };
        let event = self.event(to, 0, "transfer-1-in".to_owned(), &sku.into(), self.days.at_ms(at_min), kind)?;
        self.till(to, 0)?.report(vec![event], Some(self.days.at_ms(at_min))).await?;
        Ok(())
    }

    async fn say(&self, sale: &LogSale, fed: &mut Fed) -> Result<(), String> {
        let till = self.till(sale.store, sale.till)?;
        if sale.store == OLD_TILLS {
            let events: Vec<StockEvent> =
                sale.lines.iter().enumerate().map(|(at, line)| self.of_line(sale, at, line)).collect::<Result<_, _>>()?;
            let answer = till.report(events, None).await?;
            fed.events += answer.new;
            fed.ahead += answer.ahead;
            return Ok(());
        }
        let post = || async {
            till.sell(Basket {
                number: &sale.number,
                sold_at_ms: self.days.at_ms(sale.at_min),
                business_date: self.days.date(sale.at_min)?,
                lines: &sale.lines,
                customer: Customer::Anonymous,
            })
            .await
        };
        post().await?;
        fed.sales += 1;
        if fed.sales.is_multiple_of(7) {
            // The answer was lost on the way: the till asks again, under a new key.
            post().await?;
            fed.doubled += 1;
        }
        Ok(())
    }

    fn of_line(&self, sale: &LogSale, at: usize, (sku, pieces): &(Sku, i64)) -> Result<StockEvent, String> {
        let quantity = u32::try_from(pieces.abs()).map_err(|e| e.to_string())?;
        let kind = match *pieces {
            ..0 => StockEventKind::Return { quantity, state: StockState::Sellable },
            _ => StockEventKind::Sale { quantity },
        };
        let clock_min = sale.at_min + if sale.till == 1 { AHEAD_MIN } else { 0 };
        self.event(sale.store, sale.till, format!("{}-{at}", sale.number), sku, self.days.at_ms(clock_min), kind)
    }

    /// Six pieces of a variant are delivered five minutes before noon; the clock of the till that books it shows seven minutes past.
    fn delivery(&self) -> Result<StockEvent, String> {
        let kind = StockEventKind::Adjustment { quantity: 6, state: StockState::Sellable };
        self.event(OLD_TILLS, 1, "delivery-1".to_owned(), &"golden-mild".into(), self.days.at_ms(NOON_MIN - 5 + AHEAD_MIN), kind)
    }

    fn count(&self) -> Result<StockEvent, String> {
        let (store, sku, at_min) = (COUNT.0, Sku::from(COUNT.1), COUNT.2);
        let opening = self.two.opening.get(&(store, sku.clone())).copied().unwrap_or_default();
        let quantity = u32::try_from(opening - self.two.sold(store, &sku, at_min)).map_err(|e| e.to_string())?;
        let kind = StockEventKind::Count { quantity, state: StockState::Sellable };
        self.event(store, 0, "count-1".to_owned(), &sku, self.days.at_ms(at_min), kind)
    }

    fn event(&self, store: usize, till: usize, id: String, sku: &Sku, at_ms: i64, kind: StockEventKind) -> Result<StockEvent, String> {
        let of = CHAIN.get(store).ok_or_else(|| format!("no store {store}"))?;
        let source = self.till(store, till)?.id().as_str().to_owned();
        Ok(StockEvent { source, id, store: of.store_id(), sku: sku.clone(), at_ms, kind })
    }
}
