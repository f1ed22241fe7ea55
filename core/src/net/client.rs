//! The contract over a transport: typed answers, reasons of refusals, and the server's clock heard with every answer.

use std::sync::Arc;

use noren_rules::ids::IdempotencyKey;
use noren_rules::wire::{EXPIRES_AT, IDEMPOTENCY_KEY, Problem, Reason, SERVER_TIME};
use serde::de::DeserializeOwned;

use super::{Authorizer, AuthorizerError, ByteStream, CallError, Method, Request, Response, Transport, TransportError};
use crate::time::TrustedClock;

/// The most bytes of a refusal.
const MAX_PROBLEM: usize = 64 << 10;

/// A JSON answer of the server, success or refusal.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body's text. 2xx: JSON. May be empty for 304.
    pub body: String,
    /// The ETag, if one came.
    pub etag: Option<String>,
}

/// Speaks to one backend.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    base_url: String,
    clock: Arc<TrustedClock>,
    language: String,
}

impl Client {
    /// A client of the backend at `base_url` (scheme, host, port, no path). `language` (BCP 47) is what problems should be told in.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, base_url: &str, clock: Arc<TrustedClock>, language: &str) -> Self {
        Self { transport, base_url: base_url.trim_end_matches('/').to_owned(), clock, language: language.to_owned() }
    }

    /// The clock that hears the server's time.
    #[must_use]
    pub fn clock(&self) -> &TrustedClock {
        &self.clock
    }

    /// Reads `path` (with query). `etag` makes the read conditional; the answer is then 304 when nothing changed.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get(&self, path: &str, authorization: Option<&str>, etag: Option<&str>) -> Result<Answer, CallError> {
        let mut headers = self.headers(authorization);
        if let Some(etag) = etag {
            headers.push(("if-none-match".into(), etag.into()));
        }
        self.call(Request { method: Method::Get, url: format!("{}{path}", self.base_url), headers, body: vec![] }).await
    }

    /// Reads `path` with the authorizer's authorization; once more with a fresh one if the server does not take it.
    ///
    /// # Errors
    /// [`AuthorizerError`].
    pub async fn get_authorized(&self, authorizer: &dyn Authorizer, path: &str, etag: Option<&str>) -> Result<Answer, AuthorizerError> {
        let authorization = authorizer.authorization(None).await?;
        match self.get(path, authorization.as_deref(), etag).await {
            Err(CallError::Refused { code: Reason::Unauthorized | Reason::TokenExpired, .. }) => {
                let fresh = authorizer.authorization(authorization).await?;
                Ok(self.get(path, fresh.as_deref(), etag).await?)
            }
            other => Ok(other?),
        }
    }

    /// Reads `path` and its typed body.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str, authorization: Option<&str>) -> Result<T, CallError> {
        let answer = self.get(path, authorization, None).await?;
        decode(&answer)
    }

    /// Writes `body` (JSON) to `path`. A write with an effect carries its key, and the server time after which it must be refused.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn post(
        &self,
        path: &str,
        authorization: Option<&str>,
        key: Option<&str>,
        expires_at_ms: Option<i64>,
        body: Vec<u8>,
    ) -> Result<Answer, CallError> {
        let mut headers = self.headers(authorization);
        headers.push(("content-type".into(), "application/json".into()));
        if let Some(key) = key {
            headers.push((IDEMPOTENCY_KEY.into(), key.into()));
        }
        if let Some(expires_at_ms) = expires_at_ms {
            headers.push((EXPIRES_AT.into(), expires_at_ms.to_string()));
        }
        self.call(Request { method: Method::Post, url: format!("{}{path}", self.base_url), headers, body }).await
    }

    /// Writes `body` (JSON) to `path` under a key with the authorizer's authorization; once more with a fresh one if the server does not take it.
    ///
    /// # Errors
    /// [`AuthorizerError`].
    pub async fn post_authorized(
        &self,
        authorizer: &dyn Authorizer,
        path: &str,
        key: &IdempotencyKey,
        body: Vec<u8>,
    ) -> Result<Answer, AuthorizerError> {
        let authorization = authorizer.authorization(None).await?;
        match self.post(path, authorization.as_deref(), Some(key.as_str()), None, body.clone()).await {
            Err(CallError::Refused { code: Reason::Unauthorized | Reason::TokenExpired, .. }) => {
                let fresh = authorizer.authorization(authorization).await?;
                Ok(self.post(path, fresh.as_deref(), Some(key.as_str()), None, body).await?)
            }
            other => Ok(other?),
        }
    }

    /// Opens the server-sent events of `path` with the authorizer's authorization, after the event of this id; once more with a fresh one if the server
    /// does not take it.
    ///
    /// # Errors
    /// [`AuthorizerError`].
    pub async fn events_authorized(
        &self,
        authorizer: &dyn Authorizer,
        path: &str,
        last_id: Option<&str>,
    ) -> Result<Box<dyn ByteStream>, AuthorizerError> {
        let authorization = authorizer.authorization(None).await?;
        match self.events(path, authorization.as_deref(), last_id).await {
            Err(CallError::Refused { code: Reason::Unauthorized | Reason::TokenExpired, .. }) => {
                let fresh = authorizer.authorization(authorization).await?;
                Ok(self.events(path, fresh.as_deref(), last_id).await?)
            }
            other => Ok(other?),
        }
    }

    async fn events(&self, path: &str, authorization: Option<&str>, last_id: Option<&str>) -> Result<Box<dyn ByteStream>, CallError> {
        let mut headers = self.headers(authorization);
        headers.iter_mut().filter(|(name, _)| name == "accept").for_each(|(_, value)| *value = "text/event-stream".into());
        if let Some(id) = last_id {
            headers.push(("last-event-id".into(), id.into()));
        }
        let request = Request { method: Method::Get, url: format!("{}{path}", self.base_url), headers, body: vec![] };
        let mut answer = self.transport.stream(request).await?;
        let is_events = answer.headers.iter().any(|(name, value)| name == "content-type" && value.starts_with("text/event-stream"));
        if answer.status == 200 && is_events {
            return Ok(answer.body);
        }
        let mut body = Vec::new();
        while let Some(bytes) = answer.body.next().await? {
            if body.len() + bytes.len() > MAX_PROBLEM {
                return Err(TransportError::TooLarge.into());
            }
            body.extend(bytes);
        }
        interpret(&Response { status: answer.status, headers: answer.headers, body })?;
        // Something else than events: a hotel's page.
        Err(CallError::Unreadable { status: answer.status })
    }

    fn headers(&self, authorization: Option<&str>) -> Vec<(String, String)> {
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned()), ("accept-language".to_owned(), self.language.clone())];
        if let Some(authorization) = authorization {
            headers.push(("authorization".into(), authorization.into()));
        }
        headers
    }

    async fn call(&self, request: Request) -> Result<Answer, CallError> {
        let sent_boot_ms = self.clock.boot_ms();
        let response = self.transport.send(request).await?;
        let answer = interpret(&response);
        // Only what reads as the server's is believed, its clock included.
        if !matches!(answer, Err(CallError::Unreadable { .. }))
            && let Some(server_ms) = response.header(SERVER_TIME).and_then(|text| text.trim().parse().ok())
        {
            self.clock.observe(server_ms, sent_boot_ms);
        }
        answer
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Reads the typed body of an answer.
///
/// # Errors
/// [`CallError::Unreadable`] when it is not of that type.
pub(crate) fn decode<T: DeserializeOwned>(answer: &Answer) -> Result<T, CallError> {
    serde_json::from_str(&answer.body).map_err(|_| CallError::Unreadable { status: answer.status })
}

/// Everything but unreserved characters (RFC 3986) as percent and two digits: a cursor is opaque.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

fn interpret(response: &Response) -> Result<Answer, CallError> {
    let status = response.status;
    let unreadable = CallError::Unreadable { status };
    let text = std::str::from_utf8(&response.body).map_err(|_| unreadable.clone())?;
    match status {
        304 => Ok(Answer { status, body: String::new(), etag: response.header("etag").map(str::to_owned) }),
        200..=299 => {
            // A captive portal answers 200 with its login page; a broken proxy cuts the body.
            serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|_| unreadable)?;
            Ok(Answer { status, body: text.to_owned(), etag: response.header("etag").map(str::to_owned) })
        }
        400..=599 => {
            let retry_after_s = response.header("retry-after").and_then(|text| text.trim().parse().ok());
            match serde_json::from_str::<Problem>(text) {
                Ok(problem) => Err(CallError::Refused { status, code: problem.reason, detail: problem.detail, retry_after_s }),
                // Overload is believed from any proxy on the way; other refusals only from the server itself.
                Err(_) if status == 429 || status >= 500 => Err(CallError::Refused {
                    status,
                    code: Reason::Unavailable,
                    detail: "the server is busy or failed".into(),
                    retry_after_s,
                }),
                Err(_) => Err(unreadable),
            }
        }
        _ => Err(unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.as_bytes().to_vec() }
    }

    #[test]
    fn only_the_servers_answers_are_believed() {
        assert!(interpret(&response(200, "{\"ok\":true}")).is_ok());
        for (status, body) in [(200, "<html>log in</html>"), (200, "{\"cut\":"), (200, ""), (302, "{}"), (403, "<html>"), (511, "{}")] {
            let unreadable = matches!(interpret(&response(status, body)), Err(CallError::Unreadable { .. }));
            assert_eq!(unreadable, status != 511, "{status} {body}");
        }
        let refused = interpret(&response(429, "slow down"));
        assert!(matches!(refused, Err(CallError::Refused { retry_after_s: Some(7), code: Reason::Unavailable, .. })), "{refused:?}");
        let problem = interpret(&response(403, r#"{"status":403,"reason":"link_refused","detail":"no","new":1}"#));
        assert!(matches!(problem, Err(CallError::Refused { code: Reason::LinkRefused, .. })), "{problem:?}");
    }
}
