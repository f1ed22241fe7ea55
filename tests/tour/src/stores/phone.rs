//! The shopper's phone: an app around the core, with a file for a key store and the story's clock.

use std::path::Path;
use std::sync::Arc;

use noren_core::Noren;
use noren_core::catalogue::ProductView;
use noren_core::net::Transport;
use noren_core::stock::{StockMatrix, StockQuestion};
use noren_rules::geo::Position;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::wire::Link;

use crate::travel::{StoryClock, enrolled};

/// Stores that are shown for a variant.
const SHOWN: u32 = 3;

/// A phone whose owner shops.
pub struct StoreShopper {
    noren: Noren,
}

impl StoreShopper {
    /// A phone in a directory of its own, enrolled.
    ///
    /// # Errors
    /// What the core or the backend refused.
    pub async fn enrol(home: &Path, backend_url: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Result<Self, String> {
        Ok(Self { noren: enrolled(home, backend_url, transport, clock).await? })
    }

    /// The app core.
    #[must_use]
    pub fn noren(&self) -> &Noren {
        &self.noren
    }

    /// Joins the account of the online shop, by the code that it shows.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn link(&self, code: &str) -> Result<(), String> {
        self.noren.member().link(Link::Ec { code: code.to_owned() }).await.map_err(text)?;
        Ok(())
    }

    /// Fetches what is needed in the stores, while there is a network: the places around, what the stores near have, and what is looked for.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn prepare(&self, here: &Position, looked_for: &str) -> Result<(), String> {
        self.noren.places().refresh(here).await.map_err(text)?;
        self.noren.stock().refresh(&[], Some(here)).await.map_err(text)?;
        self.noren.catalogue().search_online(looked_for, 10).await.map_err(text)?;
        Ok(())
    }

    /// Asks again what the stores near have.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn look_again(&self, here: &Position) -> Result<(), String> {
        self.noren.stock().refresh(&[], Some(here)).await.map_err(text)?;
        Ok(())
    }

    /// Where the variants of a product are, for somebody who stands in a store and wants one of them. Needs no network.
    ///
    /// # Errors
    /// What the core refused.
    pub fn where_is(&self, product: &ProductView, wanted: &Sku, store: Option<&StoreId>, here: &Position) -> Result<StockMatrix, String> {
        let question = StockQuestion {
            product: Some(product.id.clone()),
            skus: Vec::new(),
            wanted: Some(wanted.clone()),
            here: store.cloned(),
            in_min: None,
            quantity: 1,
            per_variant: SHOWN,
            open_first: true,
        };
        self.noren.stock().nearest(&question, Some(here)).map_err(text)
    }

    /// There is a network again: what waits is delivered.
    ///
    /// # Errors
    /// That something could not be delivered.
    pub async fn deliver(&self) -> Result<(), String> {
        let report = self.noren.outbox().network_returned().await.map_err(text)?;
        if report.open + report.refused == 0 { Ok(()) } else { Err(format!("the phone could not deliver everything: {report:?}")) }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
