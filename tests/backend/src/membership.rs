//! The member as the backend sees it, with an ETag; and everything that is held about it.

use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use noren_rules::b64;
use noren_rules::wire::MemberExport;
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::http::{Answer, Call, json};
use crate::{devices, feed, members, points};

/// GET [`noren_rules::wire::paths::MEMBERSHIP`].
pub(crate) async fn get(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let read = call.app.store.read(move |db| members::membership(db, &devices::member_of(db, &device)?));
    let membership = read.await.map_err(Fault::into_refusal)?;
    let body = serde_json::to_vec(&membership).map_err(|_| Fault::Stored("membership").into_refusal())?;
    let etag = format!("\"{}\"", b64::encode(&Sha256::digest(&body)));
    let known = call.header(IF_NONE_MATCH.as_str())?.unwrap_or_default();
    let unchanged =
        known.split(',').any(|tag| matches!(tag.trim(), tag if tag == etag || tag == "*" || tag.strip_prefix("W/") == Some(&etag)));
    let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { json(&membership)? };
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    Ok(response)
}

/// GET [`noren_rules::wire::paths::EXPORT`].
pub(crate) async fn export(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let read = call.app.store.read(move |db| {
        let member = devices::member_of(db, &device)?;
        let parts = members::parts(db, &member)?;
        let mut devices = Vec::new();
        for part in &parts {
            devices.extend(devices::export(db, part)?);
        }
        Ok(MemberExport {
            membership: members::membership(db, &member)?,
            devices,
            receipts: feed::all(db, &member)?,
            points: points::entries(db, &parts)?,
        })
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}
