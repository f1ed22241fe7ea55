//! A phone in the replay: the rules, and an operating system that watches regions and wakes the app.

use std::collections::BTreeSet;

use noren_rules::check_in::{AccuracyClass, CheckInMonitor, CheckInPolicy, Finding, Fix, Observation};
use noren_rules::geo::Position;
use noren_rules::rotation::{Coverage, Rotation, RotationPolicy, Situation, rotate};
use serde::Serialize;

use super::places::Places;

/// One line of the replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    /// Other regions are handed to the operating system.
    Regions {
        at: Seconds,
        added: Vec<String>,
        removed: Vec<String>,
        refresh_radius_m: Option<u64>,
        guaranteed: bool,
    },
    CheckIn {
        place: String,
        direction: Option<String>,
        at: Seconds,
    },
    Refused {
        place: String,
        reason: &'static str,
    },
    Summary {
        fixes: usize,
        check_ins: usize,
        wake_ups: usize,
        re_registrations: usize,
    },
}

/// Seconds in the track's own count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Seconds {
    Whole(i64),
    Part(f64),
}

impl Seconds {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a track stay far below 2^53")]
    fn of_ms(ms: i64) -> Self {
        if ms % 1_000 == 0 { Self::Whole(ms / 1_000) } else { Self::Part(ms as f64 / 1_000.0) }
    }
}

/// Plays a track; `say` gets the lines as they come, the summary last.
pub(crate) fn play<E>(fixes: &[Fix], places: &Places, limit: usize, mut say: impl FnMut(Line) -> Result<(), E>) -> Result<(), E> {
    let mut phone = Phone {
        places,
        policy: RotationPolicy { limit, ..RotationPolicy::ios() },
        monitor: CheckInMonitor::new(CheckInPolicy::default()),
        rotation: None,
        inside: BTreeSet::new(),
        exits: BTreeSet::new(),
        lines: Vec::new(),
        check_ins: 0,
        wake_ups: 0,
        re_registrations: 0,
    };
    for fix in fixes {
        phone.fix(fix);
        phone.lines.drain(..).try_for_each(&mut say)?;
    }
    if let Some(last) = fixes.last() {
        let findings = phone.monitor.end_all(&places.index, last.at_ms);
        phone.note(findings);
        phone.lines.drain(..).try_for_each(&mut say)?;
    }
    let Phone { check_ins, wake_ups, re_registrations, .. } = phone;
    say(Line::Summary { fixes: fixes.len(), check_ins, wake_ups, re_registrations })
}

struct Phone<'a> {
    places: &'a Places,
    policy: RotationPolicy,
    monitor: CheckInMonitor,
    rotation: Option<Rotation>,
    /// Regions that the phone is in.
    inside: BTreeSet<usize>,
    /// Regions whose exit is registered: those of a check-in.
    exits: BTreeSet<usize>,
    lines: Vec<Line>,
    check_ins: usize,
    wake_ups: usize,
    re_registrations: usize,
}

impl Phone<'_> {
    fn fix(&mut self, fix: &Fix) {
        // An app that is following a visit is awake: what the system reports then wakes nobody.
        let asleep = !self.monitor.needs_fixes();
        let findings = self.monitor.observe(&self.places.index, &Observation::Fix(*fix));
        self.note(findings);
        // The system does not report regions by fixes that may be kilometres off.
        if fix.accuracy() != AccuracyClass::Poor {
            let entered_or_left = self.is_reported(&fix.position);
            let moved_on = self.choose_regions(fix);
            self.wake_ups += usize::from(asleep && (entered_or_left || moved_on));
        }
    }

    /// True when the system has an entry or an exit to report.
    fn is_reported(&mut self, position: &Position) -> bool {
        let now: BTreeSet<usize> = self.places.index.in_region(position).into_iter().collect();
        let watched = |number: &usize| self.rotation.as_ref().is_some_and(|rotation| rotation.fences.binary_search(number).is_ok());
        let entered = now.difference(&self.inside).any(watched);
        let left: Vec<usize> = self.exits.difference(&now).copied().collect();
        left.iter().for_each(|number| {
            self.exits.remove(number);
        });
        self.inside = now;
        entered || !left.is_empty()
    }

    /// Chooses the regions at the first fix and when the refresh region is left; true in the second case.
    fn choose_regions(&mut self, fix: &Fix) -> bool {
        let is_left = self.rotation.as_ref().is_some_and(|rotation| rotation.is_left_at(&fix.position));
        if self.rotation.is_some() && !is_left {
            return false;
        }
        let here = Situation { now_s: Some(fix.at_ms.div_euclid(1_000)), ..Situation::at(fix.position) };
        let situation = self.monitor.situation().map_or(here, |known| Situation { position: fix.position, ..known });
        let next = rotate(&self.places.index, &situation, self.rotation.as_ref(), &self.policy);
        let nothing = Rotation { fences: Vec::new(), refresh: None, coverage: Coverage::Guaranteed };
        let (added, removed) = next.changes_since(self.rotation.as_ref().unwrap_or(&nothing));
        if is_left {
            self.re_registrations += added.len() + usize::from(next.refresh.is_some());
        }
        let names = |numbers: &[usize]| numbers.iter().map(|number| self.places.name(*number).to_owned()).collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a hundred kilometres, in metres")]
        let refresh_radius_m = next.refresh.map(|refresh| refresh.radius_m as u64);
        self.lines.push(Line::Regions {
            at: Seconds::of_ms(fix.at_ms),
            added: names(&added),
            removed: names(&removed),
            refresh_radius_m,
            guaranteed: next.coverage == Coverage::Guaranteed,
        });
        self.rotation = Some(next);
        is_left
    }

    fn note(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            match finding {
                Finding::CheckIn { number, at_ms, .. } => {
                    self.check_ins += 1;
                    self.exits.insert(number);
                    let direction = self.places.direction(number).map(str::to_owned);
                    self.lines.push(Line::CheckIn { place: self.places.name(number).to_owned(), direction, at: Seconds::of_ms(at_ms) });
                }
                Finding::Refused { number, refusal, .. } => {
                    self.lines.push(Line::Refused { place: self.places.name(number).to_owned(), reason: refusal.reason() });
                }
                // Nobody opens the app in a replay.
                Finding::Waiting { .. } => {}
            }
        }
    }
}
