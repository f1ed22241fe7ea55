//! `noren till …`: what a till fetches and asks for.

use noren_rules::ids::DeviceId;
use noren_rules::wire::{EcCode, EcCodeRequest, Revocation, RevokeRequest, paths};

use crate::output::{self, Failure};
use crate::till_client::{Backend, TillClient};

/// What a till fetches from the backend and asks of it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Till {
    /// Print the till's signed document: issuer keys and revocations, with the root key to pin. `noren verify` reads it.
    Keys {
        #[command(flatten)]
        backend: Backend,
    },
    /// Get a one-time code that links an account of the online shop: {"code":…,"expires_at_ms":…}.
    EcCode {
        #[command(flatten)]
        backend: Backend,
        /// The account's name in the shop.
        #[arg(long)]
        account: String,
    },
    /// Revoke a lost device; tills refuse it from their next document on.
    Revoke {
        #[command(flatten)]
        backend: Backend,
        /// The device, as `noren enrol` prints it.
        #[arg(long)]
        device: String,
    },
}

pub(crate) async fn run(till: &Till) -> Result<(), Failure> {
    match till {
        Till::Keys { backend } => output::json(&TillClient::new(backend)?.keys().await?),
        Till::EcCode { backend, account } => {
            let code: EcCode = TillClient::new(backend)?.post(paths::TILL_EC_CODES, &EcCodeRequest { account: account.clone() }).await?;
            output::json(&code)
        }
        Till::Revoke { backend, device } => {
            let request = RevokeRequest { device_id: DeviceId(device.clone()) };
            let revocation: Revocation = TillClient::new(backend)?.post(paths::TILL_REVOCATIONS, &request).await?;
            output::json(&revocation)
        }
    }
}
