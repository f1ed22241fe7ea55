//! The verbs of stock.

use std::collections::BTreeSet;
use std::sync::Arc;

use noren_rules::catalogue::VariantInfo;
use noren_rules::geo::Position;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::Arrival;

use super::near::near_stores;
use super::nearest::{Asked, next_steps};
use super::tables::KeptStore;
use super::{STOCK_COLLECTION, StockError, StockMatrix, StockQuestion, StockReport, StockStore, StockStoreView, StoreAnswer, endpoints};
use crate::app::Core;
use crate::places::PlaceBook;
use crate::platform::Change;
use crate::replica::Freshness;
use crate::storage::StorageError;
use crate::time::TrustedTime;

/// So many stores are kept unless more are asked for.
const MOST: usize = 60;
/// So many stores are asked for in one request.
const PORTION: usize = 50;
/// More requests than any pull takes: all stores with 80,000 variants each.
const MOST_REQUESTS: u32 = 1_000;
/// The most variants of a question.
const MOST_VARIANTS: usize = 500;
/// The most stores for a variant.
const MOST_PER_VARIANT: u32 = 50;
/// The most pieces that anybody asks for.
const MOST_PIECES: u32 = 1_000;

/// Stock. Cheap to clone; from `noren.stock()`.
#[derive(Clone, Debug)]
pub struct StockService {
    core: Arc<Core>,
}

impl StockService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Brings what has changed in the stores that are kept: `stores` (those that are being looked at, kept from now on), pinned ones, the online shop's,
    /// those near `position` and those that were wanted within 30 days; at most 60, or as many as `stores` and pins are.
    ///
    /// The server learns their ids, and by those that are near the tile of about 110 km in which the phone is; where the tile has more than 40 stores, the
    /// part of it that has no more, down to about 7 km. Two positions in one such part ask for the same.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable; stores that were answered before the failure are new.
    pub async fn refresh(&self, stores: &[StoreId], position: Option<&Position>) -> Result<StockReport, StockError> {
        let core = &self.core;
        core.card.get().ok_or(StockError::NotEnrolled)?;
        // One pull at a time: two would ask for the same.
        let _pulling = core.pulling_stock.lock().await;
        core.collections.attempt(STOCK_COLLECTION, core.clock.now().now_ms)?;
        let chosen = self.choose(stores, position)?;
        let asked = chosen.asked;
        let mut report = StockReport { stores: count(asked.len()), ..StockReport::default() };
        match self.pull(asked, &mut report).await {
            Ok(as_of_ms) => {
                let now = core.clock.now();
                if now.proven {
                    core.stock.tidy(&chosen.used, &chosen.pinned, now.now_ms)?;
                }
                core.collections.complete(STOCK_COLLECTION, None, as_of_ms)?;
            }
            Err(error) => {
                core.collections.failed(STOCK_COLLECTION, &error.to_string())?;
                return Err(error);
            }
        }
        Ok(report)
    }

    /// Where each variant of a product is: the nearest stores that have it, the online shop, and what to do next. One call for a whole matrix of colours
    /// and sizes. Local, at once; with no network it is what was heard last, and says so. While the clock is not proven (the
    /// phone was started anew and has heard no server since) nobody knows how old that is: nothing is said to be there then.
    ///
    /// # Errors
    /// `NoSuchProduct`, `BadQuestion`, `Storage`.
    pub fn nearest(&self, question: &StockQuestion, position: Option<&Position>) -> Result<StockMatrix, StockError> {
        let core = &self.core;
        let variants = match &question.product {
            Some(product) => core.catalogue.product(product)?.ok_or(StockError::NoSuchProduct)?.record.product.variants,
            None => Vec::new(),
        };
        let skus = distinct(question, &variants)?;
        let mut matrix = core.stock.nearest(&core.places.book()?, question, skus, position, core.clock.now())?;
        for row in &mut matrix.variants {
            if let Some(variant) = variants.iter().find(|variant| variant.sku == row.sku) {
                (row.colour, row.size) = (variant.colour.clone(), variant.size.clone());
            }
        }
        matrix.freshness = self.freshness()?;
        Ok(matrix)
    }

    /// What is known of a variant in a store; `None` when nothing was ever heard of that store. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn answer(&self, store: &StoreId, sku: &Sku, arrival: Arrival) -> Result<Option<StoreAnswer>, StockError> {
        let question = StockQuestion {
            product: None,
            skus: vec![sku.clone()],
            wanted: None,
            here: Some(store.clone()),
            in_min: arrival.in_min,
            quantity: arrival.quantity,
            per_variant: 0,
            open_first: false,
        };
        let matrix = self.nearest(&question, None)?;
        Ok(matrix.variants.into_iter().next().and_then(|variant| variant.here))
    }

    /// Keeps a store's stock on the phone until it is unpinned. Local, durable; the next refresh brings it.
    ///
    /// # Errors
    /// `Storage`.
    pub fn pin(&self, store: &StoreId, pinned: bool) -> Result<(), StockError> {
        self.core.note_use()?;
        self.core.stock.pin(store, pinned)?;
        self.core.observers.tell(Change::Stock);
        Ok(())
    }

    /// The stores whose stock is kept, pinned ones first, then by name. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn stores(&self) -> Result<Vec<StockStoreView>, StockError> {
        let (stock, book) = (&self.core.stock, self.core.places.book()?);
        let (pinned, map) = (stock.pinned()?, stock.map(&book)?);
        let view = |kept: KeptStore| StockStoreView {
            name: map.by_id(&kept.store).map_or_else(|| kept.store.0.clone(), |(_, store)| store.name.clone()),
            pinned: pinned.contains(&kept.store),
            store: kept.store,
            is_ec: kept.is_ec,
            holds: kept.holds,
            as_of_ms: kept.as_of_ms,
        };
        let mut views: Vec<StockStoreView> = stock.stores()?.into_iter().map(view).collect();
        views.sort_by(|a, b| b.pinned.cmp(&a.pinned).then_with(|| (&a.name, &a.store).cmp(&(&b.name, &b.store))));
        Ok(views)
    }

    /// How fresh what is known of stock is as a whole.
    ///
    /// # Errors
    /// `Storage`.
    pub fn freshness(&self) -> Result<Freshness, StockError> {
        Ok(self.core.collections.freshness(STOCK_COLLECTION)?)
    }

    /// The stores to ask for. Their order says nothing of where the phone is.
    fn choose(&self, stores: &[StoreId], position: Option<&Position>) -> Result<Chosen, StockError> {
        let core = &self.core;
        let (pinned, now_ms) = (core.stock.pinned()?, core.clock.now().now_ms);
        let left_out: BTreeSet<StoreId> =
            core.stock.stores()?.into_iter().filter(|kept| kept.is_left_out(now_ms)).map(|kept| kept.store).collect();
        let near = match position {
            Some(position) => near_stores(core.places.book()?.as_ref(), position, |store| !left_out.contains(store))?,
            None => Vec::new(),
        };
        let used: Vec<StoreId> = stores.iter().chain(&near).cloned().collect();
        core.stock.want(&used, &pinned, now_ms)?;
        let is_wanted = |kept: &KeptStore| stores.contains(&kept.store) || pinned.contains(&kept.store);
        let mut kept = core.stock.stores()?;
        kept.retain(|kept| is_wanted(kept) || !left_out.contains(&kept.store));
        let rank =
            |kept: &KeptStore| (!is_wanted(kept), !kept.is_ec, near.iter().position(|near| *near == kept.store).unwrap_or(usize::MAX));
        kept.sort_by(|a, b| rank(a).cmp(&rank(b)).then(b.used_at_ms.cmp(&a.used_at_ms)));
        let wanted = kept.iter().filter(|kept| is_wanted(kept) || kept.is_ec).count();
        kept.truncate(wanted.max(MOST));
        let mut asked: Vec<StoreId> = kept.into_iter().map(|kept| kept.store).collect();
        asked.sort_unstable();
        Ok(Chosen { asked, used, pinned })
    }

    /// Asks until everything has come; answers the server's clock at the last answer.
    async fn pull(&self, asked: Vec<StoreId>, report: &mut StockReport) -> Result<i64, StockError> {
        let core = &self.core;
        let mut queue = asked;
        let mut begun_anew = BTreeSet::new();
        // Asked in any case: without a store of its own the phone learns of the online shop's.
        loop {
            let kept = core.stock.stores()?;
            let of = |store: &StoreId| kept.iter().find(|kept| kept.store == *store).cloned();
            let mut portion: Vec<KeptStore> = queue.iter().take(PORTION).filter_map(of).collect();
            // The online shop is answered in any case: without its version it would come from the beginning with every portion.
            let is_asked = |kept: &KeptStore| queue.iter().take(PORTION).any(|store| *store == kept.store);
            portion.extend(kept.iter().filter(|kept| kept.is_ec && !is_asked(kept)).cloned());
            portion.sort_by(|a, b| a.store.cmp(&b.store));
            let page = match endpoints::stock(&core.client, core.tokens.as_ref(), &portion).await {
                Ok(page) => page,
                Err(error) => {
                    core.note_device(&error)?;
                    return Err(error.into());
                }
            };
            let now_ms = core.clock.now().now_ms;
            let taken = core.stock.take_in(&page, now_ms)?;
            report.requests = report.requests.saturating_add(1);
            report.levels = report.levels.saturating_add(count(taken.levels));
            core.observers.tell(Change::Stock);
            // What a server says must come to an end: nothing makes the phone ask for ever.
            let is_empty = page.stores.iter().any(|stock| stock.has_more && stock.levels.is_empty());
            let is_anew_again = taken.again.iter().any(|store| !begun_anew.insert(store.clone()));
            // An answer that came to its limit may not have come to the last stores; any other one does not know those that it leaves out.
            let is_full = taken.levels >= endpoints::ROWS || !taken.more.is_empty();
            let goes_on = |store: &&StoreId| taken.more.contains(store) || taken.again.contains(store);
            let (unreached, _): (Vec<&StoreId>, Vec<&StoreId>) = queue.iter().take(PORTION).partition(|store| !taken.heard.contains(store));
            if !is_full {
                core.stock.note_left_out(&unreached.iter().copied().cloned().collect::<Vec<_>>(), now_ms)?;
            }
            let is_next = |store: &&StoreId| goes_on(store) || (is_full && unreached.contains(store));
            let mut next: Vec<StoreId> = queue.iter().take(PORTION).filter(is_next).cloned().collect();
            next.extend(queue.iter().skip(PORTION).cloned());
            next.extend(taken.heard.iter().filter(|store| !queue.contains(store) && goes_on(store)).cloned());
            if next.is_empty() {
                return Ok(page.as_of_ms);
            }
            let is_stuck = !taken.moved && next.len() >= queue.len();
            if is_empty || is_anew_again || is_stuck || report.requests >= MOST_REQUESTS {
                return Err(StorageError::other("the server says that there is more stock and gives none: try again later").into());
            }
            queue = next;
        }
    }
}

/// What a refresh goes for.
struct Chosen {
    /// To be asked for, by id.
    asked: Vec<StoreId>,
    /// Those that somebody wants now.
    used: Vec<StoreId>,
    pinned: Vec<StoreId>,
}

/// The variants that are asked about, each once: those of the product, then the others.
fn distinct(question: &StockQuestion, variants: &[VariantInfo]) -> Result<Vec<Sku>, StockError> {
    let bad = |detail: &str| Err(StockError::BadQuestion { detail: detail.to_owned() });
    let mut seen = BTreeSet::new();
    let all = variants.iter().map(|variant| &variant.sku).chain(&question.skus);
    let skus: Vec<Sku> = all.filter(|sku| seen.insert(*sku)).cloned().collect();
    if skus.len() > MOST_VARIANTS {
        return bad("a question is about at most 500 variants: ask in portions");
    }
    if question.per_variant > MOST_PER_VARIANT {
        return bad("at most 50 stores are answered for a variant: ask for fewer");
    }
    if question.quantity > MOST_PIECES {
        return bad("nobody holds more than 1,000 pieces: ask for fewer");
    }
    Ok(skus)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl StockStore {
    /// Where each of these variants is, out of the files alone; `product` of the question is not looked at. See [`StockService::nearest`].
    ///
    /// # Errors
    /// A storage error.
    pub fn nearest(
        &self,
        book: &Arc<PlaceBook>,
        question: &StockQuestion,
        skus: Vec<Sku>,
        position: Option<&Position>,
        now: TrustedTime,
    ) -> Result<StockMatrix, StorageError> {
        let map = self.map(book)?;
        let question = &StockQuestion { quantity: question.quantity.max(1), ..question.clone() };
        let variants = self.read(|levels| Asked { levels, map: &map, question, position, now }.variants(skus))?;
        let next_steps = question.wanted.as_ref().map(|wanted| next_steps(&variants, wanted, question.quantity)).unwrap_or_default();
        Ok(StockMatrix { variants, next_steps, stores_heard: map.heard(), freshness: Freshness::default() })
    }
}
