//! What the catalogue asks the backend.

use noren_rules::ids::{ProductId, Sku};
use noren_rules::scan::Gtin;
use noren_rules::wire::{Favourites, ProductPage, Ranking, ReviewPage, paths};

use crate::net::{Authorizer, AuthorizerError, Client, decode, escaped};

/// The most names of one question.
pub(super) const MOST_NAMES: usize = 200;

/// Names of products; all of them are asked for.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) ids: Vec<ProductId>,
    pub(super) skus: Vec<Sku>,
    pub(super) gtins: Vec<Gtin>,
}

/// Products by their names.
pub(super) async fn products(client: &Client, authorizer: &dyn Authorizer, names: &Names) -> Result<ProductPage, AuthorizerError> {
    let list = |name: &str, values: Vec<&str>| {
        let values: Vec<String> = values.into_iter().map(escaped).collect();
        (!values.is_empty()).then(|| format!("{name}={}", values.join(",")))
    };
    let query: Vec<String> = [
        list("ids", names.ids.iter().map(ProductId::as_str).collect()),
        list("skus", names.skus.iter().map(Sku::as_str).collect()),
        list("gtins", names.gtins.iter().map(Gtin::as_str).collect()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let answer = client.get_authorized(authorizer, &format!("{}?{}", paths::PRODUCTS, query.join("&")), None).await?;
    Ok(decode(&answer)?)
}

/// Products by a text, the best first.
pub(super) async fn search(client: &Client, authorizer: &dyn Authorizer, text: &str, limit: u32) -> Result<ProductPage, AuthorizerError> {
    let path = format!("{}?text={}&limit={limit}", paths::PRODUCTS, escaped(text));
    let answer = client.get_authorized(authorizer, &path, None).await?;
    Ok(decode(&answer)?)
}

/// A page of reviews.
pub(super) async fn reviews(
    client: &Client,
    authorizer: &dyn Authorizer,
    product: &ProductId,
    cursor: Option<&str>,
    limit: usize,
) -> Result<ReviewPage, AuthorizerError> {
    let cursor = cursor.map(|cursor| format!("&cursor={}", escaped(cursor))).unwrap_or_default();
    let path = format!("{}?product={}{cursor}&limit={limit}", paths::REVIEWS, escaped(product.as_str()));
    let answer = client.get_authorized(authorizer, &path, None).await?;
    Ok(decode(&answer)?)
}

/// The ranking and its ETag; `None` when nothing has changed.
pub(super) async fn ranking(
    client: &Client,
    authorizer: &dyn Authorizer,
    limit: u32,
    etag: Option<&str>,
) -> Result<Option<(Ranking, Option<String>)>, AuthorizerError> {
    let answer = client.get_authorized(authorizer, &format!("{}?limit={limit}", paths::RANKING), etag).await?;
    if answer.status == 304 {
        return Ok(None);
    }
    Ok(Some((decode(&answer)?, answer.etag)))
}

/// What the member likes and its ETag; `None` when nothing has changed.
pub(super) async fn favourites(
    client: &Client,
    authorizer: &dyn Authorizer,
    etag: Option<&str>,
) -> Result<Option<(Favourites, Option<String>)>, AuthorizerError> {
    let answer = client.get_authorized(authorizer, paths::FAVOURITES, etag).await?;
    if answer.status == 304 {
        return Ok(None);
    }
    Ok(Some((decode(&answer)?, answer.etag)))
}
