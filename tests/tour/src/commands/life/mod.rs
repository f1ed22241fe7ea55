//! `noren life`: lives the life of a hold or an order on, from wherever it stands, for the sweeps that kill phone and backend on the way.

mod hold;
mod order;

use std::path::PathBuf;

use noren_core::Noren;

use crate::output::Failure;
use crate::phone;
use crate::till_client::{Backend, TillClient};

/// Live one life to its end, the person's part and the staff's. Run again, it goes on where it was, and makes no second one.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Life {
    /// A hold: asked for, picked, handed over. Prints the hold.
    Hold(Scene),
    /// An order: its slot held, placed, made, handed over, in the purchase history. Prints the order.
    Order(Scene),
}

/// Whose life.
#[derive(Debug, clap::Args)]
pub(crate) struct Scene {
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The store whose staff answers.
    #[arg(long, value_name = "STORE", default_value = "demo-store")]
    store: String,
    /// What is wanted: an article code, or an item of the menu.
    #[arg(long, value_name = "SKU")]
    wanted: String,
    #[command(flatten)]
    till: Backend,
}

/// How often an answer is asked for before a life is given up: the backend may be on its way up again.
const TRIES: usize = 400;
/// How long is waited between, in milliseconds.
const PAUSE_MS: u64 = 15;

pub(crate) async fn run(life: &Life) -> Result<(), Failure> {
    match life {
        Life::Hold(scene) => hold::run(scene).await,
        Life::Order(scene) => order::run(scene).await,
    }
}

impl Scene {
    fn open(&self) -> Result<(Noren, TillClient), Failure> {
        Ok((phone::open(&self.home)?, TillClient::new(&self.till)?))
    }
}

/// What a step came to.
enum Step<T> {
    /// It is over.
    Done(T),
    /// Something was done: look at once.
    On,
    /// Somebody else has to do something first.
    Wait,
}

/// Takes step after step until the life is over. A step that fails for want of an answer is taken again.
async fn live<T>(noren: &Noren, mut step: impl AsyncFnMut() -> Result<Step<T>, Failure>) -> Result<T, Failure> {
    let mut last = Failure::failed("the life did not end");
    for _ in 0..TRIES {
        // First what was said before and has no answer; and waits end: nobody sits here for the minutes that a phone in a pocket has.
        match noren.outbox().network_returned().await {
            Ok(_) => match step().await {
                Ok(Step::Done(done)) => return Ok(done),
                Ok(Step::On) => continue,
                Ok(Step::Wait) => {}
                Err(failure) => last = failure,
            },
            Err(failure) => last = Failure::failed(failure),
        }
        tokio::time::sleep(std::time::Duration::from_millis(PAUSE_MS)).await;
    }
    Err(last)
}
