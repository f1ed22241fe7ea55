//! What the day costs with foreknowledge, and by the presets of others, modelled from what they publish.

use std::collections::BTreeSet;

use noren_rules::geo::Position;
use noren_rules::places::Circle;

use super::phone::{AWAKE_S, late_s};
use super::world::Day;
use crate::dice::Dice;

/// Whoever knows the whole track: an entry of every region on the way, an exit of every stop, and between them no wake-up at all, since the next
/// regions can be registered at each. The system is late as it is for us, and brings what has gathered at once. That is the least there is.
pub(crate) fn oracle(day: &Day, seed: u64) -> usize {
    let mut dice = Dice::new(seed);
    let (mut deliveries, mut last_s): (usize, Option<usize>) = (0, None);
    for event_s in events(day) {
        // Gathered until the last delivery, or heard of by an app that is awake.
        if last_s.is_none_or(|last_s| event_s > last_s + AWAKE_S) {
            deliveries += 1;
            last_s = Some(event_s + late_s(&mut dice));
        }
    }
    deliveries
}

/// The same with a system that is never late.
pub(crate) fn oracle_at_once(day: &Day) -> usize {
    let mut last_s: Option<usize> = None;
    let mut wakes = 0;
    for event_s in events(day) {
        if last_s.is_none_or(|last_s| event_s > last_s + AWAKE_S) {
            wakes += 1;
            last_s = Some(event_s);
        }
    }
    wakes
}

/// Without foreknowledge, but with a system that is never late: a refresh region around the phone, as far as the nearest place left out, moved along
/// at each wake-up.
pub(crate) fn refreshed_at_once(day: &Day, limit: usize) -> usize {
    let events = events(day);
    let around = |centre: &Position| {
        let first_out = day.places.nearest(centre, limit).last().map_or(0.0, |near| near.edge_m);
        Circle { centre: *centre, radius_m: first_out.max(200.0) }
    };
    let Some(first) = day.track.first() else { return 0 };
    let (mut region, mut woken_s, mut wakes) = (around(first), None, 0);
    for (second, at) in day.track.iter().enumerate() {
        let asleep = woken_s.is_none_or(|woken_s| second > woken_s + AWAKE_S);
        let is_left = !region.holds(at);
        if asleep && (is_left || events.contains(&second)) {
            wakes += 1;
            woken_s = Some(second);
        }
        if is_left || events.contains(&second) {
            region = around(at);
        }
    }
    wakes
}

/// Seconds in which a region is entered, or left after a stop.
fn events(day: &Day) -> BTreeSet<usize> {
    let mut events = BTreeSet::new();
    let mut inside: Vec<usize> = Vec::new();
    for (second, at) in day.track.iter().enumerate() {
        let here = day.places.in_region(at);
        if here.iter().any(|number| !inside.contains(number)) {
            events.insert(second);
        }
        let has_stopped = |number: &&usize| {
            let id = day.places.place(**number).map(noren_rules::places::Place::id);
            day.stops.iter().any(|stop| Some(&stop.place) == id && stop.from_s < second)
        };
        if inside.iter().filter(|number| !here.contains(number)).any(|number| has_stopped(&number)) {
            events.insert(second);
        }
        inside = here;
    }
    events
}

/// A preset of somebody else, by its published settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) wake_ups: usize,
    /// Stops that it does not see while they last, by these settings.
    pub(crate) missed: usize,
}

pub(crate) fn presets(day: &Day) -> [Preset; 5] {
    // A stop of a drive: the phone stays within 100 m for two minutes or more.
    let stays = stays(day);
    let is_missed = |seen_every_s: usize| day.stops.iter().filter(|stop| stop.to_s - stop.from_s < seen_every_s).count();
    let moved_km = day.track.windows(2).filter_map(|two| Some(two.first()?.flat_distance_m(two.get(1)?))).sum::<f64>() / 1_000.0;
    [
        Preset {
            name: "radar_continuous",
            settings: "an update every 30 s, moving or not",
            wake_ups: day.track.len() / 30,
            missed: is_missed(30),
        },
        Preset {
            name: "radar_responsive",
            settings: "an update every 150 s while moving; a fence of 100 m around each stay, left once",
            wake_ups: day.moving_s / 150 + 2 * stays,
            missed: is_missed(150),
        },
        Preset {
            name: "radar_efficient",
            settings: "visits only: an arrival and a departure each; stays of less than 8 minutes are seen by none",
            wake_ups: 2 * stays,
            missed: is_missed(480),
        },
        Preset {
            name: "transistorsoft_geofences",
            settings: "fences within a proximity radius of 1,000 m, loaded anew each 1,000 m moved; an entry of each fence",
            wake_ups: moved_km as usize + oracle_at_once(day),
            missed: 0,
        },
        Preset { name: "poll_15_min", settings: "a request every 15 minutes", wake_ups: day.track.len() / 900, missed: is_missed(900) },
    ]
}

fn stays(day: &Day) -> usize {
    let (mut stays, mut still_s) = (0, 0usize);
    for two in day.track.windows(2) {
        let still = two.first().zip(two.get(1)).is_some_and(|(from, to)| from == to);
        still_s = if still { still_s + 1 } else { 0 };
        stays += usize::from(still_s == 120);
    }
    stays
}
