//! The tour, and the tools that app and backend developers use.

mod commands;
mod output;
mod sales_log;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Noren: one app core for retailers, restaurants and expressway operators. With no arguments: the tour.
#[derive(Debug, Parser)]
#[command(name = "noren", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(commands::verify::Verify),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        None => Ok(()),
        Some(Command::Verify(args)) => commands::verify::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(&format!("noren: {failure}"));
            ExitCode::from(failure.status())
        }
    }
}
