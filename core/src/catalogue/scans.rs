//! Scanning: what is read leads to a product at once, and the store hears of it in batches.

use std::sync::PoisonError;

use noren_rules::ids::{Sku, StoreId};
use noren_rules::scan::{self, ScanSettings, Scanned, ScannedLink, check_prefix_table};
use noren_rules::wire::{Reaction, ReactionKind, ReactionsKept, ReactionsRequest, paths};

use super::tables::{LastScan, ProductNumber};
use super::{CatalogueError, CatalogueService, ScanView};
use crate::app::{Core, LANE_REACTIONS};
use crate::member::new_intent;
use crate::storage::StorageError;

pub(crate) const KIND_REACTIONS: &str = "reactions";
/// What a store does not hear of in this time it need not hear.
const REACTIONS_LIVE_MS: i64 = 7 * 86_400_000;
/// As many as one call may carry.
const MOST_REACTIONS: usize = 200;
/// A camera that goes on reading the same bars counts once in this time.
const SAME_SCAN_MS: i64 = 60_000;

impl CatalogueService {
    /// What the operator has set up for scanning: the prefix table of in-store codes and the hosts of the operator's own links. Say it once after each
    /// opening; until then in-store codes and links stay what anybody can tell of them.
    ///
    /// # Errors
    /// `BadSettings` when the prefix table cannot be: nothing was changed.
    pub fn scan_settings(&self, settings: ScanSettings) -> Result<(), CatalogueError> {
        check_prefix_table(&settings.prefixes).map_err(|error| CatalogueError::BadSettings { detail: error.to_string() })?;
        self.core.catalogue.set_up(settings);
        Ok(())
    }

    /// Reads what a camera or a hand scanner read, and leads to the product if it is one: by JAN, UPC and ITF-14 bars, GS1 element strings and Digital
    /// Links, in-store codes (whole, or whose item number is a sku), and the operator's own product links. `store` is where the phone is, if that is known: a known
    /// variant that an enrolled member scans there is counted for the store, once a minute. Local, at once.
    ///
    /// # Errors
    /// `Unreadable` when there is nothing to act on; `Storage`.
    pub fn scan(&self, text: &[u8], store: Option<&StoreId>) -> Result<ScanView, CatalogueError> {
        let scanned = scan::read(text, &self.core.catalogue.settings())?;
        let number = number(&scanned);
        let found = number.as_ref().map(|number| self.core.catalogue.by_number(number)).transpose()?.flatten();
        let Some((product, sku)) = found else {
            // An in-store code of which nothing is known may be somebody's card: nobody is asked about it.
            let may_ask = !matches!(&scanned, Scanned::InStore(own) if own.item.is_none());
            let not_known = number.filter(|_| may_ask).map(ProductNumber::text);
            return Ok(ScanView { scanned, product: None, not_known, counted: false });
        };
        let counted = self.scanned_in(store, sku.as_ref());
        Ok(ScanView { scanned, product: Some(self.seen(product, sku)?), not_known: None, counted })
    }

    /// The member asked the staff about a variant or tried it, in a store: counted there without saying of whom. Goes in batches with the next
    /// `outbox().send_due()`. Local, durable.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`, `Platform`.
    pub fn react(&self, kind: ReactionKind, sku: &Sku, store: &StoreId) -> Result<(), CatalogueError> {
        let core = &self.core;
        core.card.get().filter(|card| !card.revoked).ok_or(CatalogueError::NotEnrolled)?;
        let reaction = Reaction { kind, sku: sku.clone(), store: store.clone(), at_ms: core.clock.now().now_ms };
        say(core, reaction)
    }

    /// True when the store will hear of it. That it cannot be kept now is no reason not to show the product.
    pub(super) fn scanned_in(&self, store: Option<&StoreId>, sku: Option<&Sku>) -> bool {
        let (Some(store), Some(sku)) = (store, sku) else { return false };
        let this = LastScan { sku: sku.clone(), store: store.clone(), at_ms: self.core.clock.now().now_ms };
        let mut last = self.core.catalogue.last_scan.lock().unwrap_or_else(PoisonError::into_inner);
        let again = |last: &LastScan| {
            (&last.sku, &last.store) == (&this.sku, &this.store) && (0..SAME_SCAN_MS).contains(&this.at_ms.saturating_sub(last.at_ms))
        };
        if last.as_ref().is_some_and(again) {
            return true;
        }
        match self.react(ReactionKind::Scan, sku, store) {
            Ok(()) => {
                *last = Some(this);
                true
            }
            Err(CatalogueError::NotEnrolled) => false,
            Err(error) => {
                tracing::warn!("a scan is not counted: {error}");
                false
            }
        }
    }
}

impl ProductNumber {
    /// What `find` asks for.
    fn text(self) -> String {
        match self {
            Self::Gtin(gtin) => gtin.to_string(),
            Self::Sku(sku) => sku.0,
            Self::Any(text) => text,
        }
    }
}

/// The number of a product in what was scanned.
fn number(scanned: &Scanned) -> Option<ProductNumber> {
    match scanned {
        Scanned::Product(product) => Some(ProductNumber::Gtin(product.gtin.clone())),
        Scanned::Gs1(elements) => elements.gtin().map(ProductNumber::Gtin),
        // Without a row in the prefix table the whole code may be printed on the shop's own goods.
        Scanned::InStore(own) => {
            Some(own.item.clone().map_or_else(|| ProductNumber::Any(own.code.clone()), |item| ProductNumber::Sku(Sku(item))))
        }
        Scanned::Link(ScannedLink::Product(id)) => Some(ProductNumber::Any(id.clone())),
        Scanned::Link(_) | Scanned::Member(_) | Scanned::Url(_) => None,
    }
}

/// Puts a reaction into the batch that waits, or begins one.
fn say(core: &Core, reaction: Reaction) -> Result<(), CatalogueError> {
    let json =
        |reactions| serde_json::to_string(&ReactionsRequest { reactions }).map_err(|_| StorageError::other("a reaction has no JSON form"));
    let body = json(vec![reaction.clone()])?;
    let expires_at_ms = reaction.at_ms.saturating_add(REACTIONS_LIVE_MS);
    let intent = new_intent(LANE_REACTIONS, KIND_REACTIONS, paths::REACTIONS, body, Some(expires_at_ms), Some("batch"));
    core.note_use()?;
    core.outbox.enqueue_or_merge(&intent, |known| {
        let mut batch = serde_json::from_slice::<ReactionsRequest>(known).ok()?.reactions;
        batch.push(reaction);
        (batch.len() <= MOST_REACTIONS).then(|| json(batch).ok()).flatten()
    })?;
    Ok(())
}

/// True when the backend's word on reactions reads.
pub(crate) fn accepts_reactions(body: &str) -> bool {
    serde_json::from_str::<ReactionsKept>(body).is_ok()
}
