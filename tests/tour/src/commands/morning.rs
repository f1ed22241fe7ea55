//! `noren morning`: 300 commuters and one kitchen.

use std::path::PathBuf;

use noren_tour::morning::{self, Figures};
use serde::Serialize;

use crate::output::{self, Failure};
use crate::tour::target;

/// Live a morning in which 300 commuters want to be served between 8:00 and 8:15 by a kitchen that can make 60 orders in a quarter of an hour.
///
/// Prints one line a way of taking orders, {"policy":"asap"|"buckets"|…,"late_p90_min":…,"wait_min":…,…}, medians of twenty simulated mornings; then, with three
/// stands on the way, one line a way of choosing among them, {"way":"nearest_asap"|…,"wait_min":…,…}; and writes the load per quarter of an hour and the
/// waiting as PNG. No network; the same in every run.
#[derive(Debug, clap::Args)]
pub(crate) struct Morning {
    /// Where the picture goes; target/tour/morning.png where this is left out.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

#[derive(Serialize)]
struct Line {
    policy: &'static str,
    late_p90_min: f64,
    wait_min: f64,
    wait_p90_min: f64,
    guests_wait_min: f64,
    off_min: f64,
    shelf_min: f64,
    nudged_permille: f64,
    refused_permille: f64,
    peak_to_mean: f64,
    gini: f64,
    most_minute_permille: f64,
    load_permille: Vec<f64>,
    wait_by_quarter_min: Vec<f64>,
}

#[derive(Serialize)]
struct WayLine {
    way: &'static str,
    wait_min: f64,
    detour_min: f64,
    shelf_min: f64,
    peak_permille: f64,
    elsewhere_permille: f64,
}

pub(crate) fn run(args: &Morning) -> Result<(), Failure> {
    let mornings = morning::run().map_err(Failure::failed)?;
    for of in &mornings {
        output::json(&line(of.policy.name(), &of.median))?;
    }
    for ways in &morning::ways().map_err(Failure::failed)? {
        let of = &ways.median;
        output::json(&WayLine {
            way: ways.way.name(),
            wait_min: rounded(of.wait_min),
            detour_min: rounded(of.detour_min),
            shelf_min: rounded(of.shelf_min),
            peak_permille: rounded(of.peak_permille),
            elsewhere_permille: rounded(of.elsewhere_permille),
        })?;
    }
    let png = morning::draw(&mornings).map_err(Failure::failed)?;
    let written = match &args.picture {
        None => target::write("morning.png", &png)?,
        Some(file) => std::fs::write(file, &png).map(|()| file.display().to_string()).map_err(Failure::unusable)?,
    };
    output::say(&format!("written: {written}"));
    Ok(())
}

fn line(policy: &'static str, of: &Figures) -> Line {
    Line {
        policy,
        late_p90_min: rounded(of.late_p90_min),
        wait_min: rounded(of.wait_min),
        wait_p90_min: rounded(of.wait_p90_min),
        guests_wait_min: rounded(of.guests_wait_min),
        off_min: rounded(of.off_min),
        shelf_min: rounded(of.shelf_min),
        nudged_permille: rounded(of.nudged_permille),
        refused_permille: rounded(of.refused_permille),
        peak_to_mean: rounded(of.peak_to_mean),
        gini: rounded(of.gini),
        most_minute_permille: rounded(of.most_minute_permille),
        load_permille: of.load_permille.iter().copied().map(rounded).collect(),
        wait_by_quarter_min: of.wait_by_quarter_min.iter().copied().map(rounded).collect(),
    }
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}
