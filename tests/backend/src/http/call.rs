//! One call as it came in: its body is read whole, within a limit and a time, and only by a type that names every field.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use noren_rules::card_number;
use noren_rules::wire::{EXPIRES_AT, IDEMPOTENCY_KEY, Reason};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::fault::Refusal;
use crate::http::problem::JSON;

/// The largest body that is read.
pub(crate) const MAX_BODY: usize = 2 * 1024 * 1024;
const MAX_KEY: usize = 255;
/// Longest time ahead that a write may name: beyond it the server would have forgotten the key before the intent ends.
const MAX_EXPIRY_MS: i64 = crate::KEYS_KEPT_MS;
/// A body that takes longer than this to arrive is not waited for.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A call.
pub(crate) struct Call {
    pub(crate) app: App,
    pub(crate) headers: HeaderMap,
    query: Option<String>,
    body: Bytes,
}

/// What a write says about itself in its headers.
#[derive(Debug, Clone)]
pub(crate) struct WriteHeaders {
    pub(crate) key: String,
    pub(crate) expires_at_ms: Option<i64>,
}

impl FromRequest<App> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let body = if parts.method == Method::GET || parts.method == Method::HEAD {
            Bytes::new()
        } else {
            let too_large = || Refusal::new(Reason::TooLarge, format!("the body is larger than {MAX_BODY} bytes: send less at once"));
            let announced = parts.headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
            if announced.is_some_and(|length| length > MAX_BODY) {
                return Err(too_large());
            }
            match tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, MAX_BODY)).await {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(error)) if is_length_limit(&error) => return Err(too_large()),
                Ok(Err(_)) => return Err(Refusal::invalid("the body did not arrive whole: send it again")),
                Err(_) => return Err(Refusal::invalid("the body did not arrive in time: send it again").status(408)),
            }
        };
        let query = parts.uri.query().map(str::to_owned);
        Ok(Self { app: app.clone(), headers: parts.headers, query, body })
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        source = error.source();
    }
    false
}

impl Call {
    /// The body as `T`; anything else is refused with what is wrong with it, never with what stands in it.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let media_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(JSON) {
            return Err(Refusal::invalid(format!("the body must be {JSON}: set Content-Type")).status(415));
        }
        serde_json::from_slice(&self.body).map_err(|error| Refusal::invalid(what_is_wrong(&error)))
    }

    /// The query as `T`, likewise.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let uri = format!("/?{}", self.query.as_deref().unwrap_or_default());
        let uri = uri.parse::<axum::http::Uri>().map_err(|_| Refusal::invalid("the query cannot be read"))?;
        axum::extract::Query::<T>::try_from_uri(&uri)
            .map(|query| query.0)
            .map_err(|_| Refusal::invalid("the query cannot be read, or names an unknown field"))
    }

    /// The items of a field of the query, none where it is absent: commas separate them, and each is escaped as in a URL, so that an id may
    /// hold a comma. At most `most` of them; an empty one is refused.
    pub(crate) fn query_items(&self, field: &str, most: usize) -> Result<Vec<String>, Refusal> {
        #[derive(serde::Deserialize)]
        struct One {
            item: String,
        }
        let pairs = self.query.as_deref().unwrap_or_default().split('&');
        let Some(items) = pairs.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == field).map(|(_, items)| items) else {
            return Ok(Vec::new());
        };
        let unescape = |escaped: &str| {
            let uri = format!("/?item={escaped}").parse::<axum::http::Uri>().ok()?;
            let One { item } = axum::extract::Query::try_from_uri(&uri).ok()?.0;
            (!item.is_empty()).then_some(item)
        };
        let items: Option<Vec<String>> = items.split(',').take(most.saturating_add(1)).map(unescape).collect();
        items
            .filter(|items| items.len() <= most)
            .ok_or_else(|| Refusal::invalid(format!("{field} are 1 to {most}, with commas between, each escaped as in a URL")))
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// A header that must be there at most once, as visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.headers.get_all(name).iter();
        let (first, second) = (values.next(), values.next());
        if second.is_some() {
            return Err(Refusal::invalid(format!("the header {name} is there more than once")));
        }
        first.map(|value| value.to_str().map_err(|_| Refusal::invalid(format!("the header {name} is not visible ASCII")))).transpose()
    }

    /// Key and expiry of a write.
    pub(crate) fn write_headers(&self) -> Result<WriteHeaders, Refusal> {
        let mut keys = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let (Some(key), second) = (keys.next(), keys.next()) else {
            return Err(Refusal::new(Reason::KeyMissing, "a write needs the header Idempotency-Key: make a UUID before the first attempt"));
        };
        let visible = key.as_bytes().iter().all(|byte| (0x21..=0x7e).contains(byte));
        let key = key.to_str().ok().filter(|key| second.is_none() && visible && (1..=MAX_KEY).contains(&key.len()));
        let key = key.ok_or_else(|| {
            Refusal::new(Reason::KeyInvalid, format!("Idempotency-Key must be one value of 1 to {MAX_KEY} visible ASCII characters"))
        })?;
        // Of keys only those that are nothing but a number: one in thousands of random ones has long runs of digits in it.
        if !key.bytes().any(|byte| byte.is_ascii_alphabetic()) && card_number::is_like_one(key) {
            return Err(Refusal::new(Reason::CardNumber, "Idempotency-Key looks like a card number: make a UUID"));
        }
        Ok(WriteHeaders { key: key.to_owned(), expires_at_ms: self.expires_at()? })
    }

    fn expires_at(&self) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.header(EXPIRES_AT)? else { return Ok(None) };
        let latest = self.app.now_ms().saturating_add(MAX_EXPIRY_MS);
        let expires_at = text.parse::<i64>().ok().filter(|at| (0..=latest).contains(at));
        expires_at
            .map(Some)
            .ok_or_else(|| Refusal::invalid(format!("{EXPIRES_AT} must be server time in milliseconds, at most 60 days ahead")))
    }
}

/// Serde's messages name fields and places, and may quote a value: what is quoted is left out.
fn what_is_wrong(error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    if text.starts_with("unknown field") || text.starts_with("missing field") || text.starts_with("duplicate field") {
        let message = text.split(" at line ").next().unwrap_or_default();
        return format!("the body cannot be read: {message} ({place})");
    }
    match error.classify() {
        serde_json::error::Category::Data => format!("the body cannot be read: a value of the wrong type or form ({place})"),
        _ => format!("the body is no JSON ({place})"),
    }
}
