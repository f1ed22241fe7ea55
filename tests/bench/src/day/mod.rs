//! A simulated day: how often a phone is woken, beside whoever knows the day beforehand and beside the presets of others. It is lived several times,
//! with an operating system that is late in other ways each time; figures are the middle ones.

mod fetches;
mod others;
mod phone;
mod world;

use noren_rules::rotation::RotationPolicy;
use serde_json::json;

use crate::report::{Line, Outcome, Samples, check};
use world::Day;

/// The seed of the day; others make other days.
pub(crate) const SEED: u64 = 20_261_103;

pub(crate) fn run(seed: u64, times: u64) -> Outcome {
    let day = Day::new(seed)?;
    check(day.track.len() == 86_400 && day.places.places().len() == 5_000, || "a day of 86,400 s among 5,000 fences".into())?;
    let seeds: Vec<u64> = (0..times.max(1)).map(|time| seed ^ (time << 32)).collect();
    let oracle = middle(seeds.iter().map(|seed| others::oracle(&day, *seed)).collect());
    for (name, policy) in [("day_20_regions", RotationPolicy::ios()), ("day_100_regions", RotationPolicy::android())] {
        let lived: Vec<phone::Cost> = seeds.iter().map(|seed| phone::live(&day, policy, *seed)).collect();
        let sum = |of: fn(&phone::Cost) -> usize| lived.iter().map(of).sum::<usize>();
        let mid = |of: fn(&phone::Cost) -> usize| middle(lived.iter().map(of).collect());
        let (wake_ups, missed, broken) = (mid(|cost| cost.wake_ups), sum(|cost| cost.missed), sum(|cost| cost.broken));
        check(broken == 0, || format!("{name}: {broken} places were entered unregistered, against the promise"))?;
        let ratio = wake_ups as f64 / oracle as f64;
        Line::new(name, &Samples::default())
            .held(
                ratio,
                "wake-ups <= 1.5x the oracle's and <= 40, no check-in missed".into(),
                ratio <= 1.5 && wake_ups <= 40 && missed == 0,
            )
            .with("wake_ups", wake_ups)
            .with("wake_ups_at_worst", lived.iter().map(|cost| cost.wake_ups).max())
            .with("refreshes", mid(|cost| cost.refreshes))
            .with("registrations", mid(|cost| cost.registrations))
            .with("fixes", mid(|cost| cost.fixes))
            .with("missed", missed)
            .with("latest_check_in_s", lived.iter().map(|cost| cost.latest_s).max())
            .with("limited_s", mid(|cost| cost.limited_s))
            .with("oracle_wake_ups", oracle)
            .with("oracle_never_late_wake_ups", others::oracle_at_once(&day))
            .with("refresh_never_late_wake_ups", others::refreshed_at_once(&day, policy.limit))
            .with("days", lived.len())
            .with("fences", day.places.places().len())
            .with("pass_bys", day.pass_bys)
            .with("stops", day.stops.len())
            .with("moving_s", day.moving_s)
            .with("seed", seed)
            .emit()?;
    }
    for (name, knows_home) in [("day_fetches", true), ("day_fetches_first", false)] {
        let fetched = fetches::fetched(&day, knows_home)?;
        let met = fetched.requests <= 8 && fetched.gzip_bytes <= 60_000;
        Line::new(name, &Samples::default())
            .held(fetched.gzip_bytes as f64 / 60_000.0, "at most 8 requests and 60 KB, compressed".into(), met)
            .with("requests", fetched.requests)
            .with("tiles", fetched.tiles)
            .with("places", fetched.places)
            .with("bytes", fetched.bytes)
            .with("gzip_bytes", fetched.gzip_bytes)
            .emit()?;
    }
    let presets: Vec<_> = others::presets(&day)
        .iter()
        .map(|preset| json!({"preset": preset.name, "settings": preset.settings, "wake_ups": preset.wake_ups, "missed": preset.missed}))
        .collect();
    Line::new("day_presets_of_others", &Samples::default()).with("modelled", presets).emit()
}

fn middle(mut numbers: Vec<usize>) -> usize {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}
