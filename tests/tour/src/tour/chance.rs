//! Whether the chance that something is there on arrival is what comes: a year of real demand, and its picture.

use noren_tour::year::{self, Figures};

use super::show::Show;
use super::target;
use crate::output::Failure;

/// Plays the act of the chance.
pub(super) fn play(show: &Show) -> Result<(), Failure> {
    show.act("Is it there when she comes? The chance, held against months that it was not fitted to")?;
    let calibration = year::run().map_err(Failure::failed)?;
    let fitted = &calibration.fitted;
    show.fact("asked", &format!("{} times from May to August of the real log, in three simulated stores", fitted.all.questions))?;
    show.fact("fitted to February–April", &said(fitted))?;
    show.fact("before any fit", &said(&calibration.cold_start))?;
    show.fact("books taken for true", &said(&calibration.books_alone))?;
    let picture = year::draw(&calibration).map_err(Failure::failed)?;
    show.fact("written", &target::write("calibration.png", &picture)?)
}

fn said(figures: &Figures) -> String {
    let percent = |part: f64| format!("{:.1} %", part * 100.0);
    let (said, there) = (percent(figures.all.said), percent(figures.all.there));
    format!("said {said}, there {there}; calibration error {:.3}", figures.ece)
}
