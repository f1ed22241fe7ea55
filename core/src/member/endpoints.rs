//! What the member's room asks the backend.

use noren_rules::wire::{MemberExport, Membership, Nonce, paths};

use crate::net::{Authorizer, AuthorizerError, Client};

/// A value to sign.
pub(super) async fn nonce(client: &Client) -> Result<Nonce, crate::net::CallError> {
    client.get_json(paths::NONCE, None).await
}

/// The member, if it has changed since `etag`; with the new ETag.
pub(super) async fn membership(
    client: &Client,
    authorizer: &dyn Authorizer,
    etag: Option<&str>,
) -> Result<Option<(Membership, Option<String>)>, AuthorizerError> {
    let answer = client.get_authorized(authorizer, paths::MEMBERSHIP, etag).await?;
    if answer.status == 304 {
        return Ok(None);
    }
    let membership = crate::net::decode(&answer)?;
    Ok(Some((membership, answer.etag)))
}

/// Everything that the backend holds about the member.
pub(super) async fn export(client: &Client, authorizer: &dyn Authorizer) -> Result<MemberExport, AuthorizerError> {
    let answer = client.get_authorized(authorizer, paths::EXPORT, None).await?;
    Ok(crate::net::decode(&answer)?)
}
