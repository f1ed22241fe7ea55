//! The code of a place, for a poster or a display.

use noren_rules::place_code::PlaceCode;
use noren_rules::wire::{PlaceCodeRequest, PlaceCodeText, Reason, paths};

use crate::fault::Refusal;
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::places;

/// POST [`paths::OPERATOR_PLACE_CODES`].
pub(crate) async fn post(call: Call) -> Answer {
    call.operator().await?;
    call.write_headers()?;
    let PlaceCodeRequest { place, until_s } = call.json()?;
    call.write(paths::OPERATOR_PLACE_CODES, &Caller::Operator, Fingerprint::Body, move |db, app, now_ms| {
        if places::find(db, &place)?.is_none() {
            return Err(Refusal::new(Reason::NotFound, format!("no place {place} is known: put it first")).into());
        }
        if until_s <= now_ms.div_euclid(1000) {
            return Err(Refusal::new(Reason::InvalidRule, "until_s lies in the past: the code would be over").into());
        }
        Ok(PlaceCodeText { text: PlaceCode { place, until_s }.text(app.keys.issuer()?.as_ref()) })
    })
    .await
}
