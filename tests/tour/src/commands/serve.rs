//! `noren serve`: the reference backend as a process.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use noren_backend::{DemoTill, Settings};
use noren_core::net::{HttpTransport, Transport};
use noren_tour::year::FITTED;
use noren_tour::{stand, stores};
use serde::Serialize;

use crate::output::{self, Failure};

/// Run the reference backend until it is asked to stop (Ctrl-C or SIGTERM).
///
/// Prints {"url":…} when it listens. Without --data everything is gone with it. The contract is at /openapi.json.
///
/// One demo till is registered. Its token, which the other tools use by default:
///
/// demo till token noren-demo-till
/// demo PIN 0000
///
/// operator token noren-demo-operator
///
/// NOREN_TILL_TOKEN and NOREN_OPERATOR_TOKEN set other tokens. Beyond loopback there is no operator without one. While customers with demo PINs exist it listens on loopback only.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Serve {
    /// Port to listen on; 0 for any free one.
    #[arg(long, value_name = "N", default_value_t = 8787)]
    port: u16,
    /// Directory for the database and the server's keys; made if it is not there.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Begin with the chain of the tour: four stores around Kurashiki, 38 variants with real JAN codes, two days of sales until now. Only on loopback,
    /// where everyone may know the tokens of its tills: noren-demo-ekimae-1 and -2, noren-demo-bikan-1 and so on, for the store's page at /store too.
    /// In the first of them a coffee stand takes orders, and five phones have ordered: its kitchen's page is at /kitchen, with the token noren-demo-ekimae-1.
    #[arg(long, conflicts_with = "data")]
    stores: bool,
    /// Address to listen on.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Token of the demo till.
    #[arg(long, value_name = "TOKEN", env = "NOREN_TILL_TOKEN", hide_env_values = true, default_value = noren_backend::DEMO_TILL_TOKEN)]
    till_token: String,
    /// Token of the operator's own systems: places, offers, conditions, funnel.
    #[arg(long, value_name = "TOKEN", env = "NOREN_OPERATOR_TOKEN", hide_env_values = true)]
    operator_token: Option<String>,
}

#[derive(Serialize)]
struct Listening {
    url: String,
}

pub(crate) async fn run(args: &Serve) -> Result<(), Failure> {
    if args.stores && !args.host.is_loopback() {
        return Err(Failure::unusable("--stores is for a backend on loopback: leave --host out"));
    }
    let till = DemoTill { token: args.till_token.clone(), ..DemoTill::default() };
    let (data, operator_token) = (args.data.clone(), args.operator_token.clone());
    let settings = Settings { data, host: args.host, port: args.port, till: Some(till), operator_token, ..Settings::default() };
    let settings = if args.stores { Settings { chance: FITTED, ..settings } } else { settings };
    let backend = noren_backend::start(settings).await.map_err(Failure::failed)?;
    if args.stores {
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new().map_err(Failure::failed)?);
        let operator_token = args.operator_token.as_deref().unwrap_or(noren_backend::DEMO_OPERATOR_TOKEN);
        stores::open_now(&backend, operator_token, &transport).await.map_err(Failure::failed)?;
        let phones = tempfile::tempdir().map_err(Failure::failed)?;
        stand::open_now(&backend, operator_token, &transport, phones.path()).await.map_err(Failure::failed)?;
    }
    output::json(&Listening { url: backend.url() })?;
    output::say("noren: listening; Ctrl-C stops");
    stop_signal().await;
    backend.shutdown().await;
    Ok(())
}

/// Waits for whoever asks the process to stop.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
