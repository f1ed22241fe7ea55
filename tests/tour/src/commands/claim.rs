//! `noren claim`: a receipt of a sale made without the card becomes the member's.

use std::path::PathBuf;

use noren_core::member::Submission;
use serde::Serialize;

use crate::output::{self, Failure};
use crate::phone;

/// Claim a receipt by the code printed on it. It counts once, and comes with the next `noren sync`.
///
/// Prints {"claim":"done"}, or "waiting" while there is no network: it is kept, and goes with the next `noren sync`.
#[derive(Debug, clap::Args)]
pub(crate) struct Claim {
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The code on the receipt.
    #[arg(value_name = "CODE")]
    code: String,
}

#[derive(Serialize)]
struct Claimed {
    claim: &'static str,
}

pub(crate) async fn run(args: &Claim) -> Result<(), Failure> {
    let noren = phone::open(&args.home)?;
    let claim = match noren.purchases().claim(&args.code).await.map_err(Failure::failed)? {
        Submission::Done => "done",
        Submission::Waiting { .. } => "waiting",
    };
    output::json(&Claimed { claim })
}
