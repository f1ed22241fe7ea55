//! What the coupons ask the backend.

use noren_rules::wire::{Wallet, paths};

use crate::net::{Authorizer, AuthorizerError, Client, decode};

/// The wallet and its ETag; `None` when nothing has changed.
pub(super) async fn wallet(
    client: &Client,
    authorizer: &dyn Authorizer,
    etag: Option<&str>,
) -> Result<Option<(Wallet, Option<String>)>, AuthorizerError> {
    let answer = client.get_authorized(authorizer, paths::WALLET, etag).await?;
    if answer.status == 304 {
        return Ok(None);
    }
    let wallet = decode(&answer)?;
    Ok(Some((wallet, answer.etag)))
}
