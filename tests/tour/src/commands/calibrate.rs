//! `noren calibrate`: whether the chance that something is there is what comes.

use std::path::PathBuf;

use noren_tour::year::{self, Figures};
use serde::Serialize;

use crate::output::{self, Failure};
use crate::tour::target;

/// Hold the chance that a product is there on arrival against nine months of real demand.
///
/// Prints one line for each twentieth of what was said, {"said":…,"there":…,"questions":N}, of the model that is fitted to February to April in the months
/// May to August, which it has not seen; then one line a model, {"model":"fitted"|"cold_start"|"wrong"|…,"ece":…,"brier":…,…}, and last the fitted model as a
/// backend's setting; and writes the reliability curve as PNG. No network; the same in every run.
#[derive(Debug, clap::Args)]
pub(crate) struct Calibrate {
    /// Where the picture goes; target/tour/calibration.png where this is left out.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

#[derive(Serialize)]
struct BinLine {
    said: f64,
    there: f64,
    questions: usize,
}

#[derive(Serialize)]
struct ModelLine<'a> {
    model: &'a str,
    ece: f64,
    brier: f64,
    questions: usize,
    likely: usize,
    likely_said: f64,
    likely_there: f64,
}

pub(crate) fn run(args: &Calibrate) -> Result<(), Failure> {
    let calibration = year::run().map_err(Failure::failed)?;
    for bin in &calibration.fitted.bins {
        output::json(&BinLine { said: rounded(bin.said), there: rounded(bin.there), questions: bin.questions })?;
    }
    let models = [
        ("fitted", &calibration.fitted),
        ("fitted_soon", &calibration.fitted_soon),
        ("fitted_later", &calibration.fitted_later),
        ("cold_start", &calibration.cold_start),
        ("wrong", &calibration.wrong),
        ("books_alone", &calibration.books_alone),
    ];
    for (name, figures) in models {
        output::json(&line(name, figures))?;
    }
    output::json(&calibration.model)?;
    let png = year::draw(&calibration).map_err(Failure::failed)?;
    let written = match &args.picture {
        None => target::write("calibration.png", &png)?,
        Some(file) => std::fs::write(file, &png).map(|()| file.display().to_string()).map_err(Failure::unusable)?,
    };
    output::say(&format!("written: {written}"));
    Ok(())
}

fn line<'a>(model: &'a str, figures: &Figures) -> ModelLine<'a> {
    ModelLine {
        model,
        ece: rounded(figures.ece),
        brier: rounded(figures.brier),
        questions: figures.all.questions,
        likely: figures.likely.questions,
        likely_said: rounded(figures.likely.said),
        likely_there: rounded(figures.likely.there),
    }
}

fn rounded(part: f64) -> f64 {
    (part * 10_000.0).round() / 10_000.0
}
