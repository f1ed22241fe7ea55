//! The member as the backend sees it, with an ETag; and everything that is held about it.

use noren_rules::wire::MemberExport;

use crate::fault::Fault;
use crate::http::{Answer, Call, json, json_with_etag};
use crate::{check_ins, devices, favourites, feed, grants, holds, members, orders, points, reactions, reviews, stamps, timeline};

/// GET [`noren_rules::wire::paths::MEMBERSHIP`].
pub(crate) async fn get(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let read = call.app.store.read(move |db| members::membership(db, &devices::member_of(db, &device)?));
    let membership = read.await.map_err(Fault::into_refusal)?;
    json_with_etag(&call, &membership, &membership)
}

/// GET [`noren_rules::wire::paths::EXPORT`].
pub(crate) async fn export(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let now_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| {
        let member = devices::member_of(db, &device)?;
        let parts = members::parts(db, &member)?;
        let mut devices = Vec::new();
        for part in &parts {
            devices.extend(devices::export(db, part)?);
        }
        let liked = favourites::of_member(db, &parts, now_ms)?;
        let export = MemberExport {
            membership: members::membership(db, &member)?,
            devices,
            receipts: feed::all(db, &member)?,
            points: points::entries(db, &parts)?,
            check_ins: check_ins::export(db, &parts)?,
            grants: grants::export(db, &parts, now_ms.div_euclid(1000))?,
            stamp_cards: stamps::cards(db, &parts)?,
            orders: orders::export(db, &parts, now_ms)?,
            holds: holds::of_member(db, &parts, i64::MIN)?,
            reviews: reviews::export(db, &parts)?,
            favourites: liked.favourites,
            back_in_stock: liked.back_in_stock,
            reactions: reactions::export(db, &parts)?,
            timeline: Vec::new(),
        };
        Ok(MemberExport { timeline: timeline::of(&export), ..export })
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}
