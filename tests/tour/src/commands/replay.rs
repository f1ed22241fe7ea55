//! `noren replay`: what a phone would have said on a recorded track.

use std::path::{Path, PathBuf};

use crate::output::{self, Failure};
use crate::replay::{phone, places, track};

/// Replay a track past places: check-ins, refusals and their reasons, and the regions that the operating system would watch.
///
/// TRACK is GPX, or CSV whose header names lat, lon, a time column (ts_unix, or t_s counting from 0), and optionally accuracy_m, speed_mps and mock;
/// an empty, missing or negative accuracy or speed is unknown. Places are CSV with lat, lon, name and optionally radius_m (150) and direction (up,
/// down, both), or GeoJSON polygons with name and direction among their properties. Fixes without a time are left out.
///
/// Prints {"event":"regions","at":…,"added":[…],"removed":[…],"refresh_radius_m":…,"guaranteed":…} when other regions are watched,
/// {"event":"check_in","place":…,"direction":…,"at":…}, {"event":"refused","place":…,"reason":…}, and last
/// {"event":"summary","fixes":N,"check_ins":N,"wake_ups":N,"re_registrations":N}. `at` is in seconds of the track's own count (GPX: since the Unix
/// epoch), `direction` as the file of places has it. `guaranteed` is false where places lie too close together to promise that none is missed.
/// A wake-up is one report to a sleeping app; exits are reported only after a check-in. A re-registration is one region handed over after the first set.
///
/// Reasons: mock_location, clock_shift, jump, passed_by, crawled_past, beside_the_site, opposite_side, side_undecidable, too_short, time_gap,
/// poor_accuracy, cool_down.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The track.
    #[arg(value_name = "TRACK")]
    track: PathBuf,
    /// The places.
    #[arg(long, value_name = "FILE")]
    places: PathBuf,
    /// Regions that the operating system watches at once: 20 on iOS, 100 on Android.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

pub(crate) fn run(args: &Replay) -> Result<(), Failure> {
    let places = read(&args.places, places::read)?;
    let fixes = read(&args.track, track::read)?;
    phone::play(&fixes, &places, args.limit, |line| output::json(&line))
}

fn read<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Failure> {
    let unusable = |why: &dyn std::fmt::Display| Failure::unusable(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| unusable(&e))?;
    parse(&bytes).map_err(|why| unusable(&why))
}
