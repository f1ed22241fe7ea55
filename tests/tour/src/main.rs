//! The tour, and the tools that app and backend developers use.

mod commands;
mod output;
mod phone;
mod replay;
mod till_client;
mod tour;

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use commands::{
    calibrate, card, claim, enrol, forget, history, import_sales, life, morning, replay as replay_tool, scan, serve, stock, till, verify,
};
use output::Failure;

/// Noren: one app core for retailers, restaurants and expressway operators.
///
/// With no command: the tour, from an empty phone to a searchable purchase history, on real sales data. The commands are the tools that app and
/// backend developers use: compact JSON on standard output, messages on standard error; exit status 2 for unusable input. NOREN_LOG=debug logs.
#[derive(Debug, Parser)]
#[command(name = "noren", version)]
struct Arguments {
    #[command(flatten)]
    tour: tour::Options,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Enrol(enrol::Enrol),
    Card(card::Card),
    Claim(claim::Claim),
    #[command(subcommand)]
    Till(till::Till),
    Verify(verify::Verify),
    Scan(scan::Scan),
    Stock(stock::Stock),
    ImportSales(import_sales::ImportSales),
    Sync(history::Sync),
    History(history::History),
    Export(history::Export),
    Forget(forget::Forget),
    Replay(replay_tool::Replay),
    Calibrate(calibrate::Calibrate),
    #[command(subcommand, hide = true)]
    Life(life::Life),
    Morning(morning::Morning),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("NOREN_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(&format!("noren: {failure}"));
            ExitCode::from(failure.status())
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        None => wait_for(tour::run(&arguments.tour)),
        Some(Command::Serve(args)) => wait_for(serve::run(args)),
        Some(Command::Enrol(args)) => wait_for(enrol::run(args)),
        Some(Command::Card(args)) => card::run(args),
        Some(Command::Claim(args)) => wait_for(claim::run(args)),
        Some(Command::Till(args)) => wait_for(till::run(args)),
        Some(Command::Verify(args)) => verify::run(args),
        Some(Command::Scan(args)) => scan::run(args),
        Some(Command::Stock(args)) => wait_for(stock::run(args)),
        Some(Command::ImportSales(args)) => wait_for(import_sales::run(args)),
        Some(Command::Sync(args)) => wait_for(history::sync(args)),
        Some(Command::History(args)) => history::history(args),
        Some(Command::Export(args)) => wait_for(history::export(args)),
        Some(Command::Forget(args)) => wait_for(forget::run(args)),
        Some(Command::Replay(args)) => replay_tool::run(args),
        Some(Command::Calibrate(args)) => calibrate::run(args),
        Some(Command::Life(args)) => wait_for(life::run(args)),
        Some(Command::Morning(args)) => morning::run(args),
    }
}

fn wait_for(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Runtime::new().map_err(Failure::failed)?.block_on(work)
}
