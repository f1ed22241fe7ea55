//! `noren forget`: nothing of the member remains.

use std::path::PathBuf;

use noren_core::ServerErasure;
use serde::Serialize;

use crate::output::{self, Failure};
use crate::phone;

/// Forget the member: erase everything from the phone now, and from the backend as soon as it can be reached.
///
/// Prints {"phone":"erased","backend":"erased"}, or "waiting" while there is no network: run it again later. "refused" and "key_lost" mean that
/// the operator has to be asked. Sales stay at the backend as accounting records without a person.
#[derive(Debug, clap::Args)]
pub(crate) struct Forget {
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
}

#[derive(Serialize)]
struct Forgotten {
    phone: &'static str,
    backend: &'static str,
}

pub(crate) async fn run(args: &Forget) -> Result<(), Failure> {
    let noren = phone::open(&args.home)?;
    let done = noren.forget_me().await.map_err(Failure::failed)?;
    let backend = match done.server {
        ServerErasure::Done | ServerErasure::NothingThere => "erased",
        ServerErasure::Waiting => "waiting",
        ServerErasure::Refused { .. } => "refused",
        ServerErasure::KeyLost => "key_lost",
    };
    output::json(&Forgotten { phone: "erased", backend })
}
