//! The life of a hold.

use noren_core::Noren;
use noren_core::holds::{HoldOutcome, HoldStanding, HoldView, HoldWish};
use noren_rules::holds::HoldState;
use noren_rules::ids::{HoldId, Sku, StoreId};
use noren_rules::wire::{StoreTask, StoreTaskRequest, TaskDone, paths};
use serde::Serialize;

use super::{Scene, Step, live};
use crate::output::{self, Failure};
use crate::till_client::TillClient;

#[derive(Serialize)]
struct Lived {
    hold: HoldId,
}

pub(super) async fn run(scene: &Scene) -> Result<(), Failure> {
    let (noren, till) = scene.open()?;
    let hold = live(&noren, async || step(scene, &noren, &till).await).await?;
    output::json(&Lived { hold })
}

async fn step(scene: &Scene, noren: &Noren, till: &TillClient) -> Result<Step<HoldId>, Failure> {
    noren.holds().refresh().await.map_err(Failure::failed)?;
    let of_scene = |view: &HoldView| view.store.as_str() == scene.store && view.sku.as_str() == scene.wanted;
    let Some(view) = noren.holds().list().map_err(Failure::failed)?.holds.into_iter().find(of_scene) else {
        return ask(scene, noren).await;
    };
    let (Some(hold), HoldStanding::Known { state }) = (view.id, view.standing) else { return Ok(Step::Wait) };
    match state {
        HoldState::Requested => answer(till, hold, TaskDone::Picked { shelf_number: "1".to_owned() }).await,
        HoldState::Picked => answer(till, hold, TaskDone::HandedOver).await,
        HoldState::HandedOver => Ok(Step::Done(hold)),
        HoldState::NotFound | HoldState::Released | HoldState::Expired => Err(Failure::failed(format!("the hold ended as {state:?}"))),
    }
}

async fn ask(scene: &Scene, noren: &Noren) -> Result<Step<HoldId>, Failure> {
    let wish = HoldWish { store: StoreId(scene.store.clone()), sku: Sku(scene.wanted.clone()), quantity: 1, eta_min: 5 };
    match noren.holds().hold(&wish, None).await.map_err(Failure::failed)? {
        HoldOutcome::Held { .. } => Ok(Step::On),
        HoldOutcome::Waiting { .. } => Ok(Step::Wait),
        HoldOutcome::Refused { reason, .. } => Err(Failure::failed(format!("refused: {reason:?}"))),
        HoldOutcome::Over => Err(Failure::failed("the wish is over")),
    }
}

async fn answer(till: &TillClient, hold: HoldId, done: TaskDone) -> Result<Step<HoldId>, Failure> {
    // A second time, it is done already.
    let _: StoreTask = till.post(paths::STORE_TASKS, &StoreTaskRequest { hold, done }).await?;
    Ok(Step::On)
}
