//! The chance that something is there on arrival, held against a year of real demand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use std::path::Path;
use std::sync::LazyLock;

use noren_rules::stock::ChanceModel;
use noren_tour::year::{self, Calibration, FITTED};

static CALIBRATION: LazyLock<Calibration> = LazyLock::new(|| year::run().expect("the log is there"));

/// Expected calibration error at most 0.03, in months that the fit has not seen.
const MOST: f64 = 0.03;

#[test]
fn what_is_said_is_what_comes() {
    let calibration = &*CALIBRATION;
    let fitted = &calibration.fitted;
    assert!(fitted.ece <= MOST, "{:.4}", fitted.ece);
    // For who is there soon as for who comes in hours.
    assert!(calibration.fitted_soon.ece <= MOST && calibration.fitted_later.ece <= MOST, "{calibration:?}");
    // And not because everything is the same: chances of all sizes are said, and to say the mean of what came would be worse.
    assert!(fitted.bins.iter().all(|bin| bin.questions > 0) && fitted.all.questions > 50_000, "{:?}", fitted.bins);
    let mean = fitted.all.there;
    assert!(fitted.brier < 0.95 * mean * (1.0 - mean), "{:.4}", fitted.brier);
}

#[test]
fn what_is_shown_as_likely_is_there_as_often_as_was_said() {
    let likely = CALIBRATION.fitted.likely;
    assert!(likely.questions > 10_000 && likely.said >= 0.8 && likely.there >= likely.said, "{likely:?}");
}

/// The check can fail: it does for a model that is wrong on purpose, and for what shops say that do not think about it.
#[test]
fn a_wrong_model_is_found_out() {
    let calibration = &*CALIBRATION;
    for wrong in [&calibration.wrong, &calibration.books_alone] {
        assert!(wrong.ece > MOST && wrong.brier > calibration.fitted.brier && wrong.likely.there < wrong.likely.said, "{wrong:?}");
    }
    // A cold start says so little of these stores that it must be fitted.
    assert!(calibration.cold_start.ece > calibration.fitted.ece, "{:.4}", calibration.cold_start.ece);
}

#[test]
fn the_year_is_the_same_in_every_run_and_its_model_the_one_that_is_named() {
    assert_eq!(CALIBRATION.model, FITTED);
    assert_ne!(FITTED, ChanceModel::default());
    assert_eq!(year::run().unwrap(), *CALIBRATION);
}

#[test]
fn the_picture_is_of_this_year() {
    let drawn = year::draw(&CALIBRATION).unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures/calibration.png");
    assert!(
        std::fs::read(picture).unwrap() == drawn,
        "cargo run -- calibrate, and copy target/tour/calibration.png into tests/tour/pictures"
    );
}
