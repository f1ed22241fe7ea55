//! What ordering asks the backend.

use noren_rules::ids::{OrderId, StoreId};
use noren_rules::wire::{AddOns, MenuStatuses, Orders, StoreMenu, paths};

use crate::net::{Authorizer, AuthorizerError, Client, decode, escaped};

/// The most stores of one question.
pub(super) const MOST_STORES: usize = 20;

/// A menu as the server gave it.
pub(super) struct FetchedMenu {
    pub(super) menu: StoreMenu,
    /// The server's own words: a later version of the app reads in them what this one does not know.
    pub(super) text: String,
    pub(super) etag: Option<String>,
}

/// A store's menu; `None` when nothing has changed.
pub(super) async fn menu(
    client: &Client,
    authorizer: &dyn Authorizer,
    store: &StoreId,
    etag: Option<&str>,
) -> Result<Option<FetchedMenu>, AuthorizerError> {
    let path = format!("{}?store={}", paths::MENUS, escaped(store.as_str()));
    let answer = client.get_authorized(authorizer, &path, etag).await?;
    if answer.status == 304 {
        return Ok(None);
    }
    let menu = decode(&answer)?;
    Ok(Some(FetchedMenu { menu, text: answer.body, etag: answer.etag }))
}

/// What changes by the minute in some stores.
pub(super) async fn statuses(client: &Client, authorizer: &dyn Authorizer, stores: &[StoreId]) -> Result<MenuStatuses, AuthorizerError> {
    let names: Vec<String> = stores.iter().map(|store| escaped(store.as_str())).collect();
    let path = format!("{}?stores={}", paths::MENU_STATUS, names.join(","));
    let answer = client.get_authorized(authorizer, &path, None).await?;
    Ok(decode(&answer)?)
}

/// The member's orders and their ETag; `None` when nothing has changed.
pub(super) async fn orders(
    client: &Client,
    authorizer: &dyn Authorizer,
    etag: Option<&str>,
) -> Result<Option<(Orders, Option<String>)>, AuthorizerError> {
    let answer = client.get_authorized(authorizer, paths::ORDERS, etag).await?;
    if answer.status == 304 {
        return Ok(None);
    }
    let orders = decode(&answer)?;
    Ok(Some((orders, answer.etag)))
}

/// What lies on the shelves where an order is fetched.
pub(super) async fn add_ons(client: &Client, authorizer: &dyn Authorizer, order: &OrderId) -> Result<AddOns, AuthorizerError> {
    let path = format!("{}?order={}", paths::ORDER_ADD_ONS, escaped(order.as_str()));
    let answer = client.get_authorized(authorizer, &path, None).await?;
    Ok(decode(&answer)?)
}
