//! A simulated day: how often a phone is woken, beside whoever knows the day beforehand and beside the presets of others.

mod others;
mod phone;
mod world;

use noren_rules::rotation::RotationPolicy;
use serde_json::json;

use crate::report::{Line, Outcome, Samples, check, round};
use world::Day;

/// The seed of the day; others make other days.
pub(crate) const SEED: u64 = 20_261_103;

pub(crate) fn run(seed: u64, nights: u64) -> Outcome {
    let day = Day::new(seed)?;
    check(day.track.len() == 86_400 && day.places.places().len() == 5_000, || "a day of 86,400 s among 5,000 fences".into())?;
    let oracle = others::oracle(&day);
    for (name, policy) in [("day_20_regions", RotationPolicy::ios()), ("day_100_regions", RotationPolicy::android())] {
        // The same day with other moods of the operating system: the worst of them counts.
        let lived: Vec<phone::Cost> = (0..nights.max(1)).map(|night| phone::live(&day, policy, seed ^ (night << 32))).collect();
        let Some(worst) = lived.iter().max_by_key(|cost| cost.wake_ups) else { continue };
        let missed: usize = lived.iter().map(|cost| cost.missed).sum();
        let broken: usize = lived.iter().map(|cost| cost.broken).sum();
        check(broken == 0, || format!("{name}: {broken} places were entered unregistered, against the promise"))?;
        let ratio = worst.wake_ups as f64 / oracle as f64;
        let met = ratio <= 1.5 && worst.wake_ups <= 40 && missed == 0;
        Line::new(name, &Samples::default())
            .held(ratio, "wake-ups at most 1.5x the oracle's and at most 40, no check-in missed".into(), met)
            .with("wake_ups", worst.wake_ups)
            .with("mean_wake_ups", round(lived.iter().map(|cost| cost.wake_ups).sum::<usize>() as f64 / lived.len() as f64))
            .with("refreshes", worst.refreshes)
            .with("registrations", worst.registrations)
            .with("fixes", worst.fixes)
            .with("missed", missed)
            .with("check_ins", worst.check_ins.len())
            .with("latest_check_in_s", lived.iter().map(|cost| cost.latest_s).max())
            .with("limited_s", worst.limited_s)
            .with("oracle_wake_ups", oracle)
            .with("leash_wake_ups", others::leash(&day, policy.limit))
            .with("days", lived.len())
            .with("fences", day.places.places().len())
            .with("pass_bys", day.pass_bys)
            .with("stops", day.stops.len())
            .with("moving_s", day.moving_s)
            .with("seed", seed)
            .emit()?;
    }
    let presets: Vec<_> = others::presets(&day)
        .iter()
        .map(|preset| json!({"preset": preset.name, "settings": preset.settings, "wake_ups": preset.wake_ups, "missed": preset.missed}))
        .collect();
    Line::new("day_presets_of_others", &Samples::default()).with("modelled", presets).emit()
}
