//! What the history asks the backend.

use noren_rules::wire::{ReceiptPage, paths};

use crate::net::{Authorizer, AuthorizerError, Client, decode, escaped};

/// Receipts asked for at once.
pub(super) const PAGE: u32 = 500;

/// The next page of new and changed receipts.
pub(super) async fn receipts(client: &Client, authorizer: &dyn Authorizer, cursor: Option<&str>) -> Result<ReceiptPage, AuthorizerError> {
    let path = match cursor {
        Some(cursor) => format!("{}?cursor={}&limit={PAGE}", paths::RECEIPTS, escaped(cursor)),
        None => format!("{}?limit={PAGE}", paths::RECEIPTS),
    };
    let answer = client.get_authorized(authorizer, &path, None).await?;
    Ok(decode(&answer)?)
}
