//! The verbs of the catalogue: products, search, ranking, room and assets.

use std::collections::BTreeSet;
use std::sync::Arc;

use noren_rules::catalogue::{AssetInfo, Fit, SizeMm};
use noren_rules::ids::{ProductId, Sku, StoreId};
use noren_rules::scan::Gtin;
use noren_rules::wire::{ProductPage, ProductRecord};

use super::endpoints::{self, MOST_NAMES, Names};
use super::opinions::liked_skus;
use super::tables::{KeptProduct, ProductNumber};
use super::views::Viewer;
use super::{CatalogueError, ProductSummary, ProductView, RankedView, RankingView};
use crate::app::Core;
use crate::net::AuthorizerError;
use crate::platform::Change;

/// What the member likes, as a collection of the replica.
pub const FAVOURITES_COLLECTION: &str = "favourites";
/// The ranking, as a collection of the replica.
pub const RANKING_COLLECTION: &str = "ranking";
/// The most products of one answer.
const MOST: u32 = 200;
/// The most products that the server gives for a text or as a ranking.
const MOST_ONLINE: u32 = 100;
/// The longest text that the server looks for, in characters.
const LONGEST_TEXT: usize = 200;
/// The longest number that is asked for, in characters.
const LONGEST_NUMBER: usize = 512;

/// The catalogue. Cheap to clone; from `noren.catalogue()`.
#[derive(Clone, Debug)]
pub struct CatalogueService {
    pub(super) core: Arc<Core>,
}

impl CatalogueService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// A product by its id. Local, at once.
    ///
    /// # Errors
    /// `NoSuchProduct` when it was never seen here: `find` asks online; `Storage`.
    pub fn product(&self, id: &ProductId) -> Result<ProductView, CatalogueError> {
        let product = self.core.catalogue.product(id)?.ok_or(CatalogueError::NoSuchProduct)?;
        self.seen(product, None)
    }

    /// The product of a variant, as a receipt or a favourite names it. Local, at once.
    ///
    /// # Errors
    /// As [`CatalogueService::product`].
    pub fn product_of(&self, sku: &Sku) -> Result<ProductView, CatalogueError> {
        let found = self.core.catalogue.by_number(&ProductNumber::Sku(sku.clone()))?;
        let (product, sku) = found.ok_or(CatalogueError::NoSuchProduct)?;
        self.seen(product, sku)
    }

    /// A product by a number: the digits below its bars, a sku, or a product's id, such as `not_known` of a scan. From the phone where it is known,
    /// otherwise the server is asked, and what it says stays. `None` when the server does not know it either. `store` as for `scan`.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`: only where the server had to be asked.
    pub async fn find(&self, number: &str, store: Option<&StoreId>) -> Result<Option<ProductView>, CatalogueError> {
        let number = number.trim();
        if number.is_empty() || number.chars().count() > LONGEST_NUMBER {
            return Ok(None);
        }
        let asked = ProductNumber::Any(number.to_owned());
        let mut found = self.core.catalogue.by_number(&asked)?;
        if found.is_none() {
            let gtins = Gtin::from_digits(number).into_iter().collect();
            self.ask(&Names { ids: vec![number.into()], skus: vec![number.into()], gtins }).await?;
            found = self.core.catalogue.by_number(&asked)?;
        }
        let Some((product, sku)) = found else { return Ok(None) };
        self.scanned_in(store, sku.as_ref());
        self.seen(product, sku).map(Some)
    }

    /// Products that were seen, whose title, reading, brand or number holds `text`: one character is enough; width, case and kana do not matter. Those
    /// that begin with it first, then what was looked at last; an empty text finds all. Local, at once; at most 200.
    ///
    /// # Errors
    /// `Storage`.
    pub fn search(&self, text: &str, limit: u32) -> Result<Vec<ProductSummary>, CatalogueError> {
        let viewer = self.viewer()?;
        let found = self.core.catalogue.search(text, limit.clamp(1, MOST))?;
        Ok(found.into_iter().map(|product| viewer.summary(product)).collect())
    }

    /// Asks the server for products by a text, the best first, and keeps what came; at most 100. An empty text finds none; of a long one the first 200
    /// characters are looked for.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn search_online(&self, text: &str, limit: u32) -> Result<Vec<ProductSummary>, CatalogueError> {
        let core = &self.core;
        core.card.get().ok_or(CatalogueError::NotEnrolled)?;
        let text: String = text.trim().chars().take(LONGEST_TEXT).collect();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let page = self.answered(endpoints::search(&core.client, core.tokens.as_ref(), &text, limit.clamp(1, MOST_ONLINE)).await)?;
        self.take_in(&page.products.iter().collect::<Vec<_>>(), page.as_of_ms)?;
        let viewer = self.viewer()?;
        let mut found = Vec::with_capacity(page.products.len());
        for record in &page.products {
            // As it is kept: it may be known newer than the answer.
            found.extend(core.catalogue.product(&record.product.id)?.map(|product| viewer.summary(product)));
        }
        Ok(found)
    }

    /// Asks for products anew, to be up to date; at most 200 at once, the first of them. One that is not sold any more is forgotten. Answers how many
    /// are other than before.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn refresh_products(&self, ids: Vec<ProductId>) -> Result<u32, CatalogueError> {
        let mut ids = ids;
        ids.truncate(MOST_NAMES);
        if ids.is_empty() {
            return Ok(0);
        }
        let names = Names { ids, ..Names::default() };
        let (changed, known) = self.ask(&names).await?;
        let gone = self.core.catalogue.remove(names.ids.iter().filter(|id| !known.contains(id)))?;
        if gone > 0 {
            self.core.observers.tell(Change::Catalogue);
        }
        Ok(changed.saturating_add(gone))
    }

    /// What sells, the best first, as it was heard last. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn ranking(&self) -> Result<RankingView, CatalogueError> {
        let viewer = self.viewer()?;
        let ranked = self.core.catalogue.ranking()?.into_iter();
        let products = ranked.map(|(rank, sold, product)| RankedView { rank, sold, product: viewer.summary(product) }).collect();
        Ok(RankingView { products, freshness: self.core.collections.freshness(RANKING_COLLECTION)? })
    }

    /// Asks for the ranking, if it has changed, and keeps its products. True when it has.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn refresh_ranking(&self) -> Result<bool, CatalogueError> {
        let core = &self.core;
        core.card.get().ok_or(CatalogueError::NotEnrolled)?;
        core.collections.attempt(RANKING_COLLECTION, core.clock.now().now_ms)?;
        let etag = core.collections.etag(RANKING_COLLECTION)?;
        let answer = endpoints::ranking(&core.client, core.tokens.as_ref(), MOST_ONLINE, etag.as_deref()).await;
        let Some((ranking, etag)) = self.pulled(RANKING_COLLECTION, answer)? else {
            core.collections.complete(RANKING_COLLECTION, None, core.clock.now().now_ms)?;
            return Ok(false);
        };
        let records: Vec<&ProductRecord> = ranking.products.iter().map(|ranked| &ranked.record).collect();
        self.take_in(&records, ranking.as_of_ms)?;
        core.catalogue.take_ranking(&ranking)?;
        core.collections.complete(RANKING_COLLECTION, etag.as_deref(), ranking.as_of_ms)?;
        core.observers.tell(Change::Catalogue);
        Ok(true)
    }

    /// Whether a product fits into a room of this size, as it is or turned; `None` when its size is not known. Local, at once.
    ///
    /// # Errors
    /// `NoSuchProduct`, `Storage`.
    pub fn fits(&self, product: &ProductId, room: &SizeMm) -> Result<Option<Fit>, CatalogueError> {
        let product = self.core.catalogue.product(product)?.ok_or(CatalogueError::NoSuchProduct)?;
        Ok(product.record.product.size_mm.map(|size| size.fits(room)))
    }

    /// Checks the bytes of a picture or a model against the manifest, by size and hash. Show nothing that this refuses.
    ///
    /// # Errors
    /// `BadAsset`.
    pub fn check_asset(&self, asset: &AssetInfo, bytes: &[u8]) -> Result<(), CatalogueError> {
        asset.check(bytes).map_err(|error| CatalogueError::BadAsset { detail: error.to_string() })
    }

    /// The product as it is shown, noted as looked at.
    pub(super) fn seen(&self, product: KeptProduct, sku: Option<Sku>) -> Result<ProductView, CatalogueError> {
        // It is shown all the same on a full disk.
        if let Err(error) = self.core.catalogue.note_seen(&product, self.core.clock.now().now_ms) {
            tracing::info!("that a product was looked at is not noted: {error}");
        }
        Ok(self.viewer()?.product(product, sku))
    }

    pub(super) fn viewer(&self) -> Result<Viewer<'_>, CatalogueError> {
        Ok(Viewer { language: &self.core.language, now: self.core.clock.now(), liked: liked_skus(&self.core)? })
    }

    /// Asks for products by their names, and keeps what came. Answers how many are new or changed, and which the server knows.
    pub(super) async fn ask(&self, names: &Names) -> Result<(u32, BTreeSet<ProductId>), CatalogueError> {
        let core = &self.core;
        core.card.get().ok_or(CatalogueError::NotEnrolled)?;
        let page: ProductPage = self.answered(endpoints::products(&core.client, core.tokens.as_ref(), names).await)?;
        let changed = self.take_in(&page.products.iter().collect::<Vec<_>>(), page.as_of_ms)?;
        Ok((changed, page.products.into_iter().map(|record| record.product.id).collect()))
    }

    fn take_in(&self, records: &[&ProductRecord], as_of_ms: i64) -> Result<u32, CatalogueError> {
        let core = &self.core;
        let changed = core.catalogue.take_in(records, as_of_ms, core.clock.now().now_ms, &kept_skus(core)?)?;
        if changed > 0 {
            core.observers.tell(Change::Catalogue);
        }
        Ok(changed)
    }

    /// What the server answered; that it does not know this device any more is noted.
    pub(super) fn answered<T>(&self, answer: Result<T, AuthorizerError>) -> Result<T, CatalogueError> {
        if let Err(error) = &answer {
            self.core.note_device(error)?;
        }
        Ok(answer?)
    }

    /// As [`CatalogueService::answered`], for a collection that says how fresh it is.
    pub(super) fn pulled<T>(&self, collection: &str, answer: Result<T, AuthorizerError>) -> Result<T, CatalogueError> {
        if let Err(error) = &answer {
            self.core.collections.failed(collection, &error.to_string())?;
        }
        self.answered(answer)
    }
}

/// Variants whose products stay, however long nobody looked at them.
fn kept_skus(core: &Core) -> Result<BTreeSet<Sku>, CatalogueError> {
    let mut kept = liked_skus(core)?;
    if let Some(card) = core.card.get() {
        kept.extend(core.holds.held_skus(&card.member_id)?);
    }
    Ok(kept)
}
