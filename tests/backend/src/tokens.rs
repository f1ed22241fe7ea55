//! App tokens: short, stateless, and only as good as the device behind them still is.

use noren_rules::b64;
use noren_rules::ids::DeviceId;
use noren_rules::keys::PublicKey;
use noren_rules::proof::{self, ProofKind};
use noren_rules::wire::{AccessToken, Reason, TokenRequest};
use subtle::ConstantTimeEq;

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::keys::Purpose;
use crate::{devices, nonces};

const LIFETIME_MS: i64 = 15 * 60_000;
const PREFIX: &str = "nat1.";

/// POST [`noren_rules::wire::paths::TOKENS`].
pub(crate) async fn post(call: Call) -> Answer {
    let request: TokenRequest = call.json()?;
    let nonce = nonces::bytes(&request.nonce)?;
    let device_id = request.device_id.clone();
    let device = call.app.store.read(move |db| devices::active(db, &device_id)).await.map_err(Fault::into_refusal)?;
    let key = PublicKey::from_base64url(&device.public_key).map_err(|_| Fault::Stored("public key").into_refusal())?;
    if !proof::verify(ProofKind::Token, &key, &nonce, &request.proof) {
        return Err(proof_invalid());
    }
    let app = call.app.clone();
    let taken = call.app.store.write(move |db| nonces::take(db, &app, &nonce, app.now_ms()));
    taken.await.map_err(Fault::into_refusal)?;
    json(&issue(&call.app, &device.id))
}

pub(crate) fn proof_invalid() -> Refusal {
    Refusal::new(Reason::ProofInvalid, "the proof was not made by this key for this purpose and this subject")
}

fn issue(app: &Shared, device: &DeviceId) -> AccessToken {
    let expires_at_ms = app.now_ms().saturating_add(LIFETIME_MS);
    let body = format!("{}.{expires_at_ms}", device.as_str());
    let mac = app.keys.mac(Purpose::AppToken, &[body.as_bytes()]);
    AccessToken { token: format!("{PREFIX}{body}.{}", b64::encode(&mac)), expires_at_ms }
}

/// True for the form of an app token; what has another form is a till's.
pub(crate) fn is_app_token(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// The device that a token was issued to, if it is ours and not over.
pub(crate) fn verify(app: &Shared, token: &str) -> Result<DeviceId, Refusal> {
    let unauthorized = || Refusal::new(Reason::Unauthorized, "this is no token of this server: get a new one");
    let (body, mac) = token.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('.')).ok_or_else(unauthorized)?;
    let expected = app.keys.mac(Purpose::AppToken, &[body.as_bytes()]);
    let mac = b64::decode(mac).ok_or_else(unauthorized)?;
    if !bool::from(mac.ct_eq(&expected)) {
        return Err(unauthorized());
    }
    let (device, expires_at_ms) = body.split_once('.').ok_or_else(unauthorized)?;
    let expires_at_ms: i64 = expires_at_ms.parse().map_err(|_| unauthorized())?;
    if expires_at_ms <= app.now_ms() {
        return Err(Refusal::new(Reason::TokenExpired, "the token is over: get a new one"));
    }
    Ok(device.into())
}
