//! The verbs for whoever shops: scanning, products, reviews, ranking, favourites.

use std::sync::Arc;

use noren_core::catalogue::{FavouritesReport, FavouritesView, ProductSummary, ProductView, RankingView, ReviewsView, ScanView};
use noren_core::member::Submission;
use noren_rules::catalogue::{AssetInfo, Fit, SizeMm};
use noren_rules::ids::{ProductId, Sku, StoreId};
use noren_rules::scan::ScanSettings;
use noren_rules::wire::ReactionKind;

use crate::app_core::AppCore;
use crate::cancel::CancelToken;
use crate::errors::NorenError;
use crate::runtime::run;

#[uniffi::export(async_runtime = "tokio")]
impl AppCore {
    /// What the operator has set up for scanning: the prefix table of in-store codes and the hosts of the operator's own links. Say it once after each
    /// opening. Local.
    ///
    /// # Errors
    /// `Catalogue`: `BadSettings`.
    pub fn scan_settings(&self, settings: ScanSettings) -> Result<(), NorenError> {
        Ok(self.noren().catalogue().scan_settings(settings)?)
    }

    /// What a camera or a hand scanner read (FNC1 as 0x1D; an AIM symbology identifier may stand in front), and the product if it is one that was seen
    /// here; `not_known` is to be given to `find_product` otherwise. With a store it is counted there, once a minute. A URL is shown and never opened by
    /// itself. Local.
    ///
    /// # Errors
    /// `Catalogue`: `Unreadable`, `Storage`.
    pub fn scan(&self, text: String, store: Option<StoreId>) -> Result<ScanView, NorenError> {
        Ok(self.noren().catalogue().scan(text.as_bytes(), store.as_ref())?)
    }

    /// A product by the digits below its bars, a sku, or its id: from the phone where it is known, otherwise the server is asked. `None` when the shop
    /// does not sell it.
    ///
    /// # Errors
    /// `Catalogue`: `NotEnrolled`, `Call`; `Cancelled`.
    pub async fn find_product(
        &self,
        number: String,
        store: Option<StoreId>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Option<ProductView>, NorenError> {
        let catalogue = self.noren().catalogue();
        run(cancel, async move { catalogue.find(&number, store.as_ref()).await }).await
    }

    /// A product that was seen, by its id. Local.
    ///
    /// # Errors
    /// `Catalogue`: `NoSuchProduct`, `Storage`.
    pub fn product(&self, id: ProductId) -> Result<ProductView, NorenError> {
        Ok(self.noren().catalogue().product(&id)?)
    }

    /// The product of a variant, as a receipt or a favourite names it. Local.
    ///
    /// # Errors
    /// `Catalogue`: `NoSuchProduct`, `Storage`.
    pub fn product_of(&self, sku: Sku) -> Result<ProductView, NorenError> {
        Ok(self.noren().catalogue().product_of(&sku)?)
    }

    /// Products that were seen, whose title, reading, brand or number holds `text`: one character is enough; an empty text finds all. Local.
    ///
    /// # Errors
    /// `Catalogue`: `Storage`.
    pub fn search_products(&self, text: String, limit: u32) -> Result<Vec<ProductSummary>, NorenError> {
        Ok(self.noren().catalogue().search(&text, limit)?)
    }

    /// Asks the server for products by a text, the best first, and keeps what came.
    ///
    /// # Errors
    /// `Catalogue`; `Cancelled`. What is known stays readable.
    pub async fn search_products_online(
        &self,
        text: String,
        limit: u32,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<ProductSummary>, NorenError> {
        let catalogue = self.noren().catalogue();
        run(cancel, async move { catalogue.search_online(&text, limit).await }).await
    }

    /// Asks for products anew, at most 200 at once. Answers how many are other than before.
    ///
    /// # Errors
    /// `Catalogue`; `Cancelled`. What is known stays readable.
    pub async fn refresh_products(&self, ids: Vec<ProductId>, cancel: Option<Arc<CancelToken>>) -> Result<u32, NorenError> {
        let catalogue = self.noren().catalogue();
        run(cancel, async move { catalogue.refresh_products(ids).await }).await
    }

    /// What sells, the best first, as it was heard last. Local.
    ///
    /// # Errors
    /// `Catalogue`: `Storage`.
    pub fn ranking(&self) -> Result<RankingView, NorenError> {
        Ok(self.noren().catalogue().ranking()?)
    }

    /// Asks for the ranking, if it has changed. True when it has.
    ///
    /// # Errors
    /// `Catalogue`; `Cancelled`. What is known stays readable.
    pub async fn refresh_ranking(&self, cancel: Option<Arc<CancelToken>>) -> Result<bool, NorenError> {
        let catalogue = self.noren().catalogue();
        run(cancel, async move { catalogue.refresh_ranking().await }).await
    }

    /// Reviews of a product as far as they were read, and the member's own that waits or was refused. Local.
    ///
    /// # Errors
    /// `Catalogue`: `Storage`.
    pub fn reviews(&self, product: ProductId) -> Result<ReviewsView, NorenError> {
        Ok(self.noren().catalogue().reviews(&product)?)
    }

    /// Asks for reviews: the first page anew, or with `next` of what is known the page after it.
    ///
    /// # Errors
    /// `Catalogue`; `Cancelled`. What is known stays readable.
    pub async fn refresh_reviews(
        &self,
        product: ProductId,
        next: Option<String>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<ReviewsView, NorenError> {
        let catalogue = self.noren().catalogue();
        run(cancel, async move { catalogue.refresh_reviews(&product, next.as_deref()).await }).await
    }

    /// What the member thinks of a product: 1 to 5 stars and a text, which may be empty. Without a network it waits, and `reviews` shows it as `own`.
    ///
    /// # Errors
    /// `Catalogue`: `BadReview`, `Refused`…; `Cancelled`: it waits all the same.
    pub async fn write_review(
        &self,
        product: ProductId,
        stars: u8,
        text: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Submission, NorenError> {
        let catalogue = self.noren().catalogue();
        run(cancel, async move { catalogue.write_review(&product, stars, &text).await }).await
    }

    /// Likes a variant, or does not any more; stores in `watch` tell when it is back there. It counts here at once. Local, durable.
    ///
    /// # Errors
    /// `Catalogue`: `NotEnrolled`, `Storage`.
    pub fn like(&self, sku: Sku, wanted: bool, watch: Vec<StoreId>) -> Result<(), NorenError> {
        Ok(self.noren().catalogue().like(&sku, wanted, watch)?)
    }

    /// What the member likes, newest first, and what came back in stock of it. Local.
    ///
    /// # Errors
    /// `Catalogue`: `NotEnrolled`, `Storage`.
    pub fn favourites(&self) -> Result<FavouritesView, NorenError> {
        Ok(self.noren().catalogue().favourites()?)
    }

    /// Asks what the member likes and what is back in stock. What came back is in the report once.
    ///
    /// # Errors
    /// `Catalogue`; `Cancelled`. What is known stays readable.
    pub async fn refresh_favourites(&self, cancel: Option<Arc<CancelToken>>) -> Result<FavouritesReport, NorenError> {
        let catalogue = self.noren().catalogue();
        run(cancel, async move { catalogue.refresh_favourites().await }).await
    }

    /// The member asked the staff about a variant or tried it, in a store: counted there without saying of whom. Local, durable.
    ///
    /// # Errors
    /// `Catalogue`: `NotEnrolled`, `Storage`.
    pub fn react(&self, kind: ReactionKind, sku: Sku, store: StoreId) -> Result<(), NorenError> {
        Ok(self.noren().catalogue().react(kind, &sku, &store)?)
    }

    /// Whether a product fits into a room of this size, as it is or turned; `None` when its size is not known. Local.
    ///
    /// # Errors
    /// `Catalogue`: `NoSuchProduct`, `Storage`.
    pub fn fits(&self, product: ProductId, room: SizeMm) -> Result<Option<Fit>, NorenError> {
        Ok(self.noren().catalogue().fits(&product, &room)?)
    }

    /// Checks the bytes of a picture or a model against the manifest. Show nothing that this refuses. Local.
    ///
    /// # Errors
    /// `Catalogue`: `BadAsset`.
    pub fn check_asset(&self, asset: AssetInfo, bytes: Vec<u8>) -> Result<(), NorenError> {
        Ok(self.noren().catalogue().check_asset(&asset, &bytes)?)
    }
}
