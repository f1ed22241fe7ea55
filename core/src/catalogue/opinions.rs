//! What the member likes, and what members think of a product.

use std::collections::BTreeSet;

use noren_rules::ids::{MemberId, ProductId, Sku, StoreId};
use noren_rules::wire::{FavouriteRequest, Favourites, Review, ReviewRequest, paths};

use super::endpoints::{self, MOST_NAMES, Names};
use super::tables::{CatalogueStore, ProductNumber};
use super::views::average_milli;
use super::{
    CatalogueError, CatalogueService, FAVOURITES_COLLECTION, FavouriteView, FavouritesReport, FavouritesView, OwnReview, ReviewsView,
};
use crate::app::{Core, LANE_FAVOURITES, LANE_REVIEWS};
use crate::member::{CardStore, Submission, new_intent};
use crate::outbox::{IntentState, Outcome};
use crate::platform::Change;
use crate::storage::StorageError;

pub(crate) const KIND_FAVOURITE: &str = "favourite";
pub(crate) const KIND_REVIEW: &str = "review";
/// A wish or an opinion that finds no network in this time is given up.
const OPINION_LIVES_MS: i64 = 30 * 86_400_000;
/// Reviews of one page.
const REVIEWS_A_PAGE: usize = 20;
/// The longest review, in characters.
const LONGEST_REVIEW: usize = 2_000;
/// Stores in which one favourite is watched.
const MOST_WATCHED: usize = 50;

/// A variant that the member likes, with what the server has not heard yet.
struct Liked {
    sku: Sku,
    watch: Vec<StoreId>,
    since_ms: i64,
    waiting: bool,
}

impl CatalogueService {
    /// Likes a variant, or does not any more. It counts on this phone at once, and the server hears of it with the next `outbox().send_due()`; of
    /// several wishes that were not sent yet the last counts. Stores in `watch`, at most 50, tell when it is back there. Local, durable.
    ///
    /// # Errors
    /// `BadFavourite`, `NotEnrolled`, `Storage`, `Platform`.
    pub fn like(&self, sku: &Sku, wanted: bool, watch: Vec<StoreId>) -> Result<(), CatalogueError> {
        let core = &self.core;
        core.card.get().ok_or(CatalogueError::NotEnrolled)?;
        if watch.len() > MOST_WATCHED {
            return Err(CatalogueError::BadFavourite { detail: "a favourite is watched in at most 50 stores: leave some out".into() });
        }
        let request = FavouriteRequest { sku: sku.clone(), wanted, watch };
        let body = serde_json::to_string(&request).map_err(|_| StorageError::other("a favourite has no JSON form"))?;
        let expires_at_ms = core.clock.now().now_ms.saturating_add(OPINION_LIVES_MS);
        let subject = Some(sku.as_str());
        let intent = new_intent(LANE_FAVOURITES, KIND_FAVOURITE, paths::FAVOURITES, body.clone(), Some(expires_at_ms), subject);
        core.note_use()?;
        core.outbox.enqueue_or_merge(&intent, |_| Some(body))?;
        core.observers.tell(Change::Catalogue);
        Ok(())
    }

    /// What the member likes, newest first, and what came back in stock of it. Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn favourites(&self) -> Result<FavouritesView, CatalogueError> {
        let core = &self.core;
        let card = core.card.get().ok_or(CatalogueError::NotEnrolled)?;
        let liked = liked(core)?;
        let said = core.catalogue.favourites(&card.member_id)?.map(|kept| kept.said.back_in_stock).unwrap_or_default();
        let back_in_stock = said.into_iter().filter(|note| liked.iter().any(|liked| liked.sku == note.sku)).collect();
        let viewer = self.viewer()?;
        let mut favourites = Vec::with_capacity(liked.len());
        for Liked { sku, watch, since_ms, waiting } in liked {
            let product = core.catalogue.by_number(&ProductNumber::Sku(sku.clone()))?.map(|(product, _)| viewer.summary(product));
            favourites.push(FavouriteView { sku, watch, since_ms, waiting, product });
        }
        Ok(FavouritesView { favourites, back_in_stock, freshness: core.collections.freshness(FAVOURITES_COLLECTION)? })
    }

    /// Asks what the member likes (another device may have added to it) and what is back in stock, and for products of it that are not known here. What
    /// came back is in the report once.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn refresh_favourites(&self) -> Result<FavouritesReport, CatalogueError> {
        let core = &self.core;
        let card = core.card.get().ok_or(CatalogueError::NotEnrolled)?;
        let known = core.catalogue.favourites(&card.member_id)?;
        core.collections.attempt(FAVOURITES_COLLECTION, core.clock.now().now_ms)?;
        // Without the list itself its ETag would keep it away for ever.
        let etag = if known.is_some() { core.collections.etag(FAVOURITES_COLLECTION)? } else { None };
        let fetched =
            self.pulled(FAVOURITES_COLLECTION, endpoints::favourites(&core.client, core.tokens.as_ref(), etag.as_deref()).await)?;
        let (changed, etag) = match fetched {
            Some((said, etag)) => (core.catalogue.take_favourites(&card.member_id, said)?, etag),
            None => (false, None),
        };
        core.collections.complete(FAVOURITES_COLLECTION, etag.as_deref(), core.clock.now().now_ms)?;
        // They are favourites all the same where their products cannot be read yet.
        if let Err(error) = self.fetch_liked(&card.member_id).await {
            tracing::info!("products of favourites are asked for later: {error}");
        }
        let mut report = FavouritesReport { changed, back_in_stock: Vec::new() };
        // From here on nothing waits: what is noted as told is told.
        if let Some(mut kept) = core.catalogue.favourites(&card.member_id)? {
            let news = kept.said.back_in_stock.iter().filter(|note| !kept.told.contains(note));
            // What was back before this phone knew of any favourite is no news.
            report.back_in_stock = if known.is_some() { news.cloned().collect() } else { Vec::new() };
            if kept.told != kept.said.back_in_stock {
                kept.told.clone_from(&kept.said.back_in_stock);
                core.catalogue.save_favourites(&kept)?;
            }
        }
        if report.changed {
            core.observers.tell(Change::Catalogue);
        }
        Ok(report)
    }

    /// Reviews of a product as far as they were read, and the member's own that the server has not taken yet. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn reviews(&self, product: &ProductId) -> Result<ReviewsView, CatalogueError> {
        let own = self.own_reviews(product)?.pop();
        let Some(kept) = self.core.catalogue.reviews(product)? else { return Ok(ReviewsView { own, ..ReviewsView::default() }) };
        Ok(ReviewsView {
            reviews: kept.reviews,
            next: kept.next,
            ratings: kept.ratings,
            average_milli: average_milli(kept.stars, kept.ratings),
            as_of_ms: Some(kept.as_of_ms),
            own,
        })
    }

    /// Asks for reviews: the first page anew, or with `next` of what is known the page after it. Answers all that is known then.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn refresh_reviews(&self, product: &ProductId, next: Option<&str>) -> Result<ReviewsView, CatalogueError> {
        let core = &self.core;
        core.card.get().ok_or(CatalogueError::NotEnrolled)?;
        let page = endpoints::reviews(&core.client, core.tokens.as_ref(), product, next, REVIEWS_A_PAGE).await;
        core.catalogue.take_reviews(product, next, self.answered(page)?, core.clock.now().now_ms)?;
        core.observers.tell(Change::Catalogue);
        self.reviews(product)
    }

    /// What the member thinks of a product: 1 to 5 stars and a text, which may be empty. A later one takes the place of an earlier one. Without a network
    /// it waits in the outbox, and `reviews(product)` shows it as `own`; a refused one stays there too.
    ///
    /// # Errors
    /// `BadReview`, `NotEnrolled`, `Refused`, `Storage`, `Platform`.
    pub async fn write_review(&self, product: &ProductId, stars: u8, text: &str) -> Result<Submission, CatalogueError> {
        let core = &self.core;
        core.card.get().ok_or(CatalogueError::NotEnrolled)?;
        let text = text.trim();
        let is_odd = |c: char| c.is_control() && c != '\n' && c != '\t';
        if !(1..=5).contains(&stars) || text.chars().count() > LONGEST_REVIEW || text.chars().any(is_odd) {
            let detail =
                "a review has 1 to 5 stars and at most 2,000 characters, line feeds and tabs among them and no other control characters";
            return Err(CatalogueError::BadReview { detail: detail.into() });
        }
        // What was refused before is written again now.
        for refused in self.own_reviews(product)?.iter().filter(|own| !own.state.is_open()) {
            core.outbox.dismiss(&refused.key)?;
        }
        let request = ReviewRequest { product: product.clone(), stars, text: text.to_owned(), language: core.language.clone() };
        let body = serde_json::to_string(&request).map_err(|_| StorageError::other("a review has no JSON form"))?;
        let expires_at_ms = core.clock.now().now_ms.saturating_add(OPINION_LIVES_MS);
        let intent = new_intent(LANE_REVIEWS, KIND_REVIEW, paths::REVIEWS, body.clone(), Some(expires_at_ms), Some(product.as_str()));
        core.note_use()?;
        let key = core.outbox.enqueue_or_merge(&intent, |_| Some(body))?;
        core.outbox.send_lane_due(LANE_REVIEWS).await?;
        core.note_refused_device()?;
        let Some(view) = core.outbox.intent(&key)? else { return Ok(Submission::Done) };
        match view.state {
            IntentState::Done => Ok(Submission::Done),
            IntentState::Wedged | IntentState::Expired => Err(CatalogueError::Refused {
                code: view.reason.unwrap_or(noren_rules::wire::Reason::Other),
                detail: view.detail.unwrap_or_default(),
            }),
            _ => Ok(Submission::Waiting { key }),
        }
    }

    /// The member's reviews of this product that are open or refused, oldest first.
    fn own_reviews(&self, product: &ProductId) -> Result<Vec<OwnReview>, CatalogueError> {
        let core = &self.core;
        if core.card.get().is_none() {
            return Ok(Vec::new());
        }
        let mut own = Vec::new();
        for view in core.outbox.waiting()?.into_iter().filter(|view| view.kind == KIND_REVIEW) {
            // One that has just been answered has no body any more.
            let Some(request) = core.outbox.body(&view.key).ok().and_then(|body| serde_json::from_slice::<ReviewRequest>(&body).ok())
            else {
                continue;
            };
            if request.product == *product {
                let (key, state, reason) = (view.key, view.state, view.reason);
                own.push(OwnReview { key, state, reason, stars: request.stars, text: request.text });
            }
        }
        Ok(own)
    }

    /// Products of favourites that are not known here, so that they can be read offline.
    async fn fetch_liked(&self, member: &MemberId) -> Result<(), CatalogueError> {
        let Some(kept) = self.core.catalogue.favourites(member)? else { return Ok(()) };
        let mut skus = self.core.catalogue.unknown(kept.said.favourites.iter().map(|favourite| &favourite.sku))?;
        skus.truncate(MOST_NAMES);
        if !skus.is_empty() {
            self.ask(&Names { skus, ..Names::default() }).await?;
        }
        Ok(())
    }
}

/// Variants that the member likes.
pub(super) fn liked_skus(core: &Core) -> Result<BTreeSet<Sku>, CatalogueError> {
    Ok(liked(core)?.into_iter().map(|liked| liked.sku).collect())
}

/// The server's word, and on it what it has not heard yet; newest first.
fn liked(core: &Core) -> Result<Vec<Liked>, CatalogueError> {
    let Some(card) = core.card.get() else { return Ok(Vec::new()) };
    let said = core.catalogue.favourites(&card.member_id)?.map(|kept| kept.said.favourites).unwrap_or_default();
    let heard =
        |known: noren_rules::wire::Favourite| Liked { sku: known.sku, watch: known.watch, since_ms: known.since_ms, waiting: false };
    let mut liked: Vec<Liked> = said.into_iter().map(heard).collect();
    for view in core.outbox.waiting()?.into_iter().filter(|view| view.kind == KIND_FAVOURITE && view.state.is_open()) {
        // One that has just been answered has no body any more: the server's word has it.
        let Some(wish) = core.outbox.body(&view.key).ok().and_then(|body| serde_json::from_slice::<FavouriteRequest>(&body).ok()) else {
            continue;
        };
        let known = liked.iter().position(|liked| liked.sku == wish.sku).map(|at| liked.remove(at));
        if wish.wanted {
            let since_ms = known.map_or(view.created_at_ms, |known| known.since_ms);
            liked.push(Liked { sku: wish.sku, watch: wish.watch, since_ms, waiting: true });
        }
    }
    liked.sort_by(|one, other| (other.since_ms, &one.sku).cmp(&(one.since_ms, &other.sku)));
    Ok(liked)
}

/// True when the backend's word on favourites reads.
pub(crate) fn accepts_favourites(body: &str) -> bool {
    serde_json::from_str::<Favourites>(body).is_ok()
}

/// True when the backend's word on a review reads.
pub(crate) fn accepts_review(body: &str) -> bool {
    serde_json::from_str::<Review>(body).is_ok()
}

/// Puts the backend's word on favourites in place. Applying it twice is the same as once.
pub(crate) fn apply_favourites(store: &CatalogueStore, card: &CardStore, outcome: &Outcome) -> Result<(), StorageError> {
    let Ok(said) = serde_json::from_str::<Favourites>(&outcome.body) else { return Ok(()) };
    let Some(card) = card.get() else { return Ok(()) };
    // The outbox must not wait for the cache: without it the next refresh asks again.
    if let Err(error) = store.take_favourites(&card.member_id, said) {
        tracing::warn!("favourites are looked at later: {error}");
    }
    Ok(())
}
