//! What the holds ask the backend.

use noren_rules::wire::{Holds, paths};

use crate::net::{Authorizer, AuthorizerError, Client, decode};

/// The member's holds and their ETag; `None` when nothing has changed.
pub(super) async fn holds(
    client: &Client,
    authorizer: &dyn Authorizer,
    etag: Option<&str>,
) -> Result<Option<(Holds, Option<String>)>, AuthorizerError> {
    let answer = client.get_authorized(authorizer, paths::HOLDS, etag).await?;
    if answer.status == 304 {
        return Ok(None);
    }
    let holds = decode(&answer)?;
    Ok(Some((holds, answer.etag)))
}
