//! The diners: a coffee stand at the station, one order's life, and the other ways to order.

mod life;
mod others;
mod words;

use std::path::Path;

use noren_backend::{Backend as Server, PaymentSandbox};
use noren_core::ordering::{CartOf, OrderingService};
use noren_rules::ids::{StoreId, TillId};
use noren_rules::menu::MenuBook;
use noren_tour::stand::{self, StandOperator, StandStaff};
use noren_tour::stores::{CHAIN, StoreShopper};
use noren_tour::travel::StoryClock;

use super::network::Network;
use super::show::Show;
use crate::output::Failure;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1_440 * MINUTE_MS;
/// The story's morning: 7:40 by the station's clock, 540 minutes ahead of UTC.
const MORNING_MS: i64 = (7 * 60 + 40 - 540) * MINUTE_MS;

/// What all acts of the diners share.
struct Scene<'a> {
    show: &'a Show,
    server: &'a Server,
    network: &'a Network,
    clock: &'a StoryClock,
    sandbox: &'a PaymentSandbox,
    operator: StandOperator,
    staff: StandStaff,
    till: TillId,
    aki: StoreShopper,
    store: StoreId,
    book: MenuBook,
}

/// Plays the acts of the diners.
pub(super) async fn play(
    show: &Show,
    folder: &Path,
    server: &Server,
    network: &Network,
    clock: &StoryClock,
    sandbox: &PaymentSandbox,
) -> Result<(), Failure> {
    let now_ms = clock.now_ms();
    clock.pass_ms((MORNING_MS - now_ms).rem_euclid(DAY_MS));
    let stand = CHAIN.first().ok_or_else(|| Failure::failed("the chain has a store at the station"))?;
    let token = stand.tills.first().copied().unwrap_or_default();
    let transport = network.transport();
    let scene = Scene {
        show,
        server,
        network,
        clock,
        sandbox,
        operator: StandOperator::new(&server.url(), noren_backend::DEMO_OPERATOR_TOKEN, transport.clone(), clock),
        staff: StandStaff::new(&server.url(), token, transport.clone(), clock),
        till: TillId(token.replace("noren-demo-", "")),
        aki: StoreShopper::enrol(&folder.join("aki"), &server.url(), transport, clock).await.map_err(Failure::failed)?,
        store: stand.store_id(),
        book: stand::book(stand.id).map_err(Failure::failed)?,
    };
    scene.the_stand_opens().await?;
    scene.a_cart_in_the_train()?;
    scene.the_slot().await?;
    scene.the_tap().await?;
    let first = scene.the_kitchen().await?;
    scene.at_the_table().await?;
    scene.goods().await?;
    scene.the_usual(&first).await
}

impl Scene<'_> {
    fn ordering(&self) -> OrderingService {
        self.aki.noren().ordering()
    }

    fn cart(&self) -> CartOf {
        CartOf::menu(&self.store)
    }

    /// What time the station's clock shows, so many minutes after 7:40.
    fn at_ms(&self, after_min: i64) -> i64 {
        let now_ms = self.clock.now_ms();
        now_ms - (now_ms - MORNING_MS).rem_euclid(DAY_MS) + after_min * MINUTE_MS
    }

    async fn settle(&self) -> Result<(), Failure> {
        self.server.settle().await.map_err(Failure::failed)
    }
}
