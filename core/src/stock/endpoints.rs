//! What the stock asks the backend.

use noren_rules::wire::{StockPage, paths};

use super::tables::KeptStore;
use crate::net::{Authorizer, AuthorizerError, Client, decode, escaped};

/// Rows of one answer: a megabyte at most.
pub(super) const ROWS: usize = 5_000;

/// What has changed in these stores since the versions on the phone. Their ids and versions are all that
/// is sent.
pub(super) async fn stock(client: &Client, authorizer: &dyn Authorizer, stores: &[KeptStore]) -> Result<StockPage, AuthorizerError> {
    let asked: Vec<String> = stores.iter().map(|kept| format!("{}@{}", escaped(kept.store.as_str()), kept.version)).collect();
    let named = if asked.is_empty() { String::new() } else { format!("&stores={}", asked.join(",")) };
    let answer = client.get_authorized(authorizer, &format!("{}?limit={ROWS}{named}", paths::STOCK), None).await?;
    Ok(decode(&answer)?)
}
