//! What became of a write whose answer was lost: the answer again, or a tombstone that refuses the write if it still arrives.

use noren_rules::wire::{Reason, Resolution, ResolveRequest, paths};

use crate::fault::Refusal;
use crate::http::{Answer, AnyCaller, Call, Caller, Fingerprint, InFlight, Resolved, Stored, caller_hash, find_reply, keep_tombstone};

/// Routes whose writes are kept under keys; a resolution of a resolution is the resolution again.
pub(crate) const RESOLVABLE: &[&str] = &[
    paths::ENROLMENTS,
    paths::CREDENTIALS,
    paths::LINKS,
    paths::CLAIMS,
    paths::ERASURES,
    paths::TILL_IDENTIFICATIONS,
    paths::TILL_SALES,
    paths::TILL_VOIDS,
    paths::TILL_CARDS,
    paths::TILL_EC_CODES,
    paths::TILL_REVOCATIONS,
    paths::LEASES,
    paths::CHECK_INS,
    paths::TILL_QUOTES,
    paths::OPERATOR_PLACES,
    paths::OPERATOR_OFFERS,
    paths::OPERATOR_CONDITIONS,
    paths::OPERATOR_KILLS,
    paths::OPERATOR_PLACE_CODES,
    paths::OPERATOR_PRODUCTS,
    paths::REVIEWS,
    paths::FAVOURITES,
    paths::REACTIONS,
    paths::STORE_REACTIONS,
    paths::HOLDS,
    paths::HOLD_PROGRESS,
    paths::HOLD_RELEASES,
    paths::STORE_TASKS,
    paths::STOCK_EVENTS,
    paths::OPERATOR_STOCK,
    paths::SEATS,
    paths::KITCHEN_SEATS,
    paths::SELF_BASKETS,
    paths::SLOT_HOLDS,
    paths::SLOT_RELEASES,
    paths::KITCHEN_MODES,
    paths::KITCHEN_SOLD_OUT,
    paths::KITCHEN_WALK_INS,
    paths::OPERATOR_MENUS,
    paths::ORDERS,
    paths::ORDER_STEPS,
    paths::ORDER_PASSES,
    paths::KITCHEN_STEPS,
    paths::KITCHEN_HAND_OVERS,
];

/// POST [`paths::RESOLUTIONS`].
pub(crate) async fn post(call: Call) -> Answer {
    let caller = match call.any_caller().await? {
        AnyCaller::App(app) => Caller::Device(app.device),
        AnyCaller::Till(till) => Caller::Till(till.till),
        AnyCaller::Operator => Caller::Operator,
    };
    call.write_headers()?;
    let ResolveRequest { key, path } = call.json()?;
    let route = RESOLVABLE.iter().copied().find(|route| *route == path);
    let route = route.ok_or_else(|| Refusal::invalid("path is no write of this server"))?;
    let key = key.0;
    if !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::new(Reason::KeyInvalid, "key must be 1 to 255 visible ASCII characters"));
    }
    let hash = caller_hash(&call.app.keys, &caller);
    // Whoever works on that key now will have an answer soon: ask again.
    let claim = InFlight::claim(&call.app, (hash, route, key.clone()))?;
    call.write(paths::RESOLUTIONS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let kept = find_reply(db, &app.keys, &hash, route, &key)?;
        drop(claim);
        match kept {
            Some(Stored::Reply { reply, about, .. }) => {
                Ok(Resolved { resolution: Resolution::Outcome { status: reply.status, body: reply.body }, about })
            }
            Some(Stored::Blanked) => {
                Err(Refusal::new(Reason::IntentExpired, "the answer under this key was erased with its member").into())
            }
            Some(Stored::Tombstone) => Ok(Resolved { resolution: Resolution::Tombstone, about: None }),
            None => {
                keep_tombstone(db, &hash, route, &key, now_ms)?;
                Ok(Resolved { resolution: Resolution::Tombstone, about: None })
            }
        }
    })
    .await
}
