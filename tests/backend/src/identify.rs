//! A till that is online asks who a code is, and whether it may spend.

use noren_rules::wire::{Identification, IdentifyRequest, Reason, paths};
use rusqlite::Connection;

use crate::app::App;
use crate::customer::{self, Scanned, Symbology};
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, TillCaller};
use crate::{members, points};

/// POST [`paths::TILL_IDENTIFICATIONS`].
pub(crate) async fn post(call: Call) -> Answer {
    let till = call.till_caller().await?;
    call.write_headers()?;
    let IdentifyRequest { scanned } = call.json()?;
    let caller = Caller::Till(till.till.clone());
    call.write(paths::TILL_IDENTIFICATIONS, &caller, Fingerprint::Body, move |db, app, now_ms| identify(db, app, &till, &scanned, now_ms))
        .await
}

fn identify(db: &Connection, app: &App, till: &TillCaller, text: &str, now_ms: i64) -> Result<Identification, Fault> {
    let Scanned { member, code } = customer::scan(db, app, &till.till, text, now_ms, now_ms)?.map_err(refused)?;
    let may_spend = match &code {
        None => false,
        Some(code) => {
            // As a till does: a step that a sale or another till has taken, and all before it, are gone.
            if customer::highest_step_elsewhere(db, code, till)?.is_some_and(|highest| highest >= code.step) {
                return Err(refused("replayed").into());
            }
            customer::take(db, code, &till.till, None, now_ms)?;
            code.symbology == Symbology::Qr || !customer::spending_is_locked(db, app, text, &till.till, now_ms)?
        }
    };
    let points = points::balance(db, &members::parts(db, &member)?)?;
    Ok(Identification { member_id: member, may_spend, points })
}

/// Kept: a wrong one-time code has been counted, and the same scan stays refused.
fn refused(reason: &'static str) -> Refusal {
    Refusal::new(Reason::NotFound, format!("{reason}: the code names nobody; ask the member to show the card again")).keep()
}
