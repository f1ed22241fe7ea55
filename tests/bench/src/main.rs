//! Speed: each measure beside a peer that does the same work, in one run, answers checked before they are timed.

mod data;
mod day;
mod dice;
mod http;
mod measures;
mod raw;
mod report;
mod store;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use data::History;
use measures::{card, events, fences, files, ingest, ordering, orders, page, search, stock, totals};
use report::{Outcome, say};
use words::Words;

/// Measure, each beside a peer that does the same work; one compact JSON line a measure.
///
/// Ours and the peer take turns within one run; answers are checked before they are timed, and a wrong one ends the run with status 1. `met` says
/// whether the target was reached; a missed target is no failure of the run. Medians and ratios are what to quote: machines differ.
#[derive(Debug, Parser)]
#[command(name = "noren-bench", version)]
struct Arguments {
    #[command(subcommand)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Measure {
    /// From the start of a process to the card's SVG.
    Card {
        #[command(flatten)]
        programs: card::Programs,
        /// Times each.
        #[arg(long, default_value_t = 500)]
        runs: usize,
    },
    /// Pages, search and totals of a history.
    History {
        /// Receipts in it, of one to three lines each.
        #[arg(long, default_value_t = 1_000_000)]
        receipts: usize,
        /// Receipts of the hard case for search, whose titles hardly ever repeat; 0 leaves it out.
        #[arg(long, default_value_t = 500_000)]
        hard_receipts: usize,
        /// Distinct titles of the hard case.
        #[arg(long, default_value_t = 200_000)]
        hard_titles: usize,
        /// Times each.
        #[arg(long, default_value_t = 2_000)]
        runs: usize,
        /// Only this part of it.
        #[arg(long, value_enum)]
        only: Option<Part>,
        /// Keep the files here and use them again; they are thrown away without it.
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
    /// Taking pages of receipts in.
    Ingest {
        /// Receipts.
        #[arg(long, default_value_t = 100_000)]
        receipts: usize,
    },
    /// Opening the history's file and reading from it; for comparing builds with and without `--features noren-core/sqlcipher`.
    Files {
        /// Receipts.
        #[arg(long, default_value_t = 100_000)]
        receipts: usize,
        /// Times each.
        #[arg(long, default_value_t = 500)]
        runs: usize,
    },
    /// A simulated day: wake-ups beside an oracle's and beside the presets of others.
    Day {
        /// Of the day.
        #[arg(long, default_value_t = day::SEED)]
        seed: u64,
        /// How often it is lived, with an operating system that is late in other ways each time.
        #[arg(long, default_value_t = 20)]
        times: u64,
    },
    /// Stock events into the backend, durable, beside SQLite that writes the same rows.
    Events {
        #[command(flatten)]
        shape: events::Shape,
    },
    /// Orders into the backend, durable: many that share a commit, beside one commit each.
    Orders {
        #[command(flatten)]
        shape: orders::Shape,
    },
    /// Which fences hold a fix, beside an R-tree.
    Fences {
        /// How many fences, one measure each.
        #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000, 1_000_000])]
        sizes: Vec<usize>,
        /// Batches of a thousand fixes, each.
        #[arg(long, default_value_t = 200)]
        runs: usize,
    },
    /// What a cart of 30 lines comes to, with and without coupons, and the slots of a whole day.
    Ordering {
        /// Times each.
        #[arg(long, default_value_t = 5_000)]
        runs: usize,
    },
    /// Choosing the regions for the operating system.
    Regions {
        /// Places to choose among.
        #[arg(long, default_value_t = 100_000)]
        size: usize,
        /// Times each.
        #[arg(long, default_value_t = 1_000)]
        runs: usize,
    },
    /// Stock at the stress size: the nearest stores for twelve variants, deltas, the size of the file.
    Stock {
        /// Stores.
        #[arg(long, default_value_t = 1_000)]
        stores: usize,
        /// Variants that each of them has.
        #[arg(long, default_value_t = 10_000)]
        variants: usize,
        /// Questions of each kind.
        #[arg(long, default_value_t = 1_000)]
        runs: usize,
        /// Keep the files here; they are thrown away without it.
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
    /// The peak of memory of taking receipts in: before and after, in KB. `ingest` runs it as a process of its own.
    #[command(hide = true)]
    IngestMemory {
        #[arg(long)]
        receipts: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Page,
    Totals,
    Search,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().measure) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("noren-bench: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(measure: &Measure) -> Outcome {
    match measure {
        Measure::Card { programs, runs } => card::run(programs, *runs),
        Measure::Events { shape } => events::run(shape),
        Measure::Orders { shape } => orders::run(shape),
        Measure::Fences { sizes, runs } => fences::fences(sizes, *runs),
        Measure::Ordering { runs } => ordering::run(*runs),
        Measure::Regions { size, runs } => fences::regions(*size, *runs),
        Measure::Day { seed, times } => day::run(*seed, *times),
        Measure::Ingest { receipts } => ingest::run(*receipts),
        Measure::Files { receipts, runs } => files::run(*receipts, *runs),
        Measure::Stock { stores, variants, runs, keep } => {
            let thrown_away = tempfile::tempdir()?;
            stock::run(keep.as_deref().unwrap_or(thrown_away.path()), *stores, *variants, *runs)
        }
        Measure::IngestMemory { receipts } => ingest::memory_of_this_process(*receipts),
        Measure::History { receipts, hard_receipts, hard_titles, runs, only, keep } => {
            let thrown_away = tempfile::tempdir()?;
            let directory = keep.as_deref().unwrap_or(thrown_away.path());
            history(directory, *receipts, *runs, *only)?;
            if *hard_receipts > 0 && only.is_none_or(|only| only == Part::Search) {
                hard_case(directory, *hard_receipts, *hard_titles, *runs)
            } else {
                Ok(())
            }
        }
    }
}

fn history(directory: &Path, receipts: usize, runs: usize, only: Option<Part>) -> Outcome {
    let history = History::new(Words::shop()?, receipts);
    let (database, store) = store::filled(&directory.join(format!("shop-{receipts}")), &history)?;
    let wants = |part| only.is_none_or(|only| only == part);
    if wants(Part::Page) {
        page::run(&database, &store, runs)?;
    }
    if wants(Part::Totals) {
        totals::run(&database, &store, runs)?;
    }
    if wants(Part::Search) {
        search::run(&database, &store, "", true, history.titles(), runs)?;
    }
    Ok(())
}

fn hard_case(directory: &Path, receipts: usize, titles: usize, runs: usize) -> Outcome {
    let history = History::new(Words::marketplace(titles)?, receipts);
    let (database, store) = store::filled(&directory.join(format!("marketplace-{receipts}")), &history)?;
    search::run(&database, &store, "_hard", false, history.titles(), (runs / 20).max(5))
}
