//! Pages for the staff: each one file with its style and script in it, and nothing else that a browser may load.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use noren_rules::b64;
use sha2::{Digest, Sha256};

use crate::http::{Answer, Call, text};

struct Page {
    text: &'static str,
    policy: LazyLock<Option<HeaderValue>>,
}

static STORE: Page = Page { text: STORE_TEXT, policy: LazyLock::new(|| policy(STORE_TEXT)) };
static KITCHEN: Page = Page { text: KITCHEN_TEXT, policy: LazyLock::new(|| policy(KITCHEN_TEXT)) };
const STORE_TEXT: &str = include_str!("pages/store.html");
const KITCHEN_TEXT: &str = include_str!("pages/kitchen.html");

/// Nothing but the page's own style and script, by their hashes, and calls to this server.
fn policy(page: &str) -> Option<HeaderValue> {
    let hash = |open: &str, close: &str| {
        let inside = page.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map_or("", |(inside, _)| inside);
        // Padded, as browsers compare it.
        format!("{}=", b64::encode(&Sha256::digest(inside)))
    };
    let (style, script) = (hash("<style>", "</style>"), hash("<script>", "</script>"));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
}

/// GET [`noren_rules::wire::paths::STORE_PAGE`].
pub(crate) async fn store(_call: Call) -> Answer {
    answer(&STORE)
}

/// GET [`noren_rules::wire::paths::KITCHEN_PAGE`].
pub(crate) async fn kitchen(_call: Call) -> Answer {
    answer(&KITCHEN)
}

fn answer(page: &Page) -> Answer {
    let mut response = text(200, "text/html; charset=utf-8", page.text.to_owned());
    let headers = response.headers_mut();
    headers.extend(page.policy.clone().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
