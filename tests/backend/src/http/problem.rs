//! Answers: JSON for what was done, problem details (RFC 9457) for what was refused.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use noren_rules::b64;
use noren_rules::wire::{PROBLEM_JSON, Problem};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::fault::{Fault, Refusal};
use crate::http::Call;

pub(crate) type Answer = Result<Response, Refusal>;

pub(crate) const JSON: &str = "application/json";

/// A body in JSON, with its media type.
pub(crate) fn text(status: u16, media_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// 200 with a value as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Answer {
    to_text(value).map(|body| text(200, JSON, body)).map_err(Fault::into_refusal)
}

/// A value as JSON with an ETag over `named`: what of it makes two answers different. 304 where the caller has it.
pub(crate) fn json_with_etag<T: Serialize>(call: &Call, value: &T, named: &T) -> Answer {
    let etag = format!("\"{}\"", b64::encode(&Sha256::digest(to_text(named).map_err(Fault::into_refusal)?)));
    let known = call.header(IF_NONE_MATCH.as_str())?.unwrap_or_default();
    let unchanged =
        known.split(',').any(|tag| matches!(tag.trim(), tag if tag == etag || tag == "*" || tag.strip_prefix("W/") == Some(&etag)));
    let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { json(value)? };
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    Ok(response)
}

pub(crate) fn to_text<T: Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|_| Fault::Stored("answer"))
}

impl Refusal {
    pub(crate) fn to_body(&self) -> Result<String, Fault> {
        to_text(&Problem { status: self.status, reason: self.reason, detail: self.detail.clone() })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = self.to_body().unwrap_or_default();
        let mut response = text(self.status, PROBLEM_JSON, body);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == 401 {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
