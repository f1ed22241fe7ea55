//! What the places ask the backend.

use std::collections::BTreeMap;

use noren_rules::places::Tile;
use noren_rules::wire::{AreaBundle, paths};

use crate::net::{Authorizer, AuthorizerError, Client, decode, escaped};

/// What is newer of these tiles, and the rules if they are others. Tiles are all that the server learns of where the phone is.
pub(super) async fn areas(
    client: &Client,
    authorizer: &dyn Authorizer,
    tiles: &[Tile],
    known: &BTreeMap<Tile, u64>,
    rules: Option<&str>,
) -> Result<AreaBundle, AuthorizerError> {
    let asked: Vec<String> = tiles.iter().map(|tile| format!("{tile}@{}", known.get(tile).copied().unwrap_or(0))).collect();
    let path = format!("{}?tiles={}&rules={}", paths::AREAS, asked.join(","), escaped(rules.unwrap_or_default()));
    let answer = client.get_authorized(authorizer, &path, None).await?;
    Ok(decode(&answer)?)
}
