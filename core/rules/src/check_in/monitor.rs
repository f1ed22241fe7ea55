//! The device's state machine: observations in, findings out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decision::{Basis, CheckInPolicy, CheckInRefusal, Decision, Evidence, Missing, decide};
use super::features::{AccuracyClass, Sample, Side, distance_band, side};
use super::track::{Fix, Step, Taken, Track};
use crate::geo::Position;
use crate::ids::PlaceId;
use crate::places::{Place, PlaceIndex, Shape};
use crate::rotation::Situation;

/// A visit is over when fixes are this far outside the region, twice in a row.
const LEFT_BEYOND_M: f64 = 50.0;
/// Nothing heard for so long: the visit is over.
const SILENCE_MS: i64 = 1_800_000;
/// Back within this: the same visit goes on.
const REJOIN_MS: i64 = 300_000;
/// A leap taints visits that begin within this.
const LEAP_MEMORY_MS: i64 = 600_000;
/// A check-in on the other side rules this one out for so long.
const OTHER_SIDE_MS: i64 = 1_800_000;
/// Samples of one kind are kept once in this.
const THIN_MS: i64 = 5_000;
const MAX_SAMPLES: usize = 240;

/// What the shell tells the monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Observation {
    /// A fix.
    Fix(Fix),
    /// The operating system says that a registered region was entered, now or minutes ago.
    RegionEntered {
        /// Its place.
        place: PlaceId,
        /// The phone's clock.
        at_ms: i64,
    },
    /// The operating system says that a registered region was left, now or minutes ago.
    RegionLeft {
        /// Its place.
        place: PlaceId,
        /// The phone's clock.
        at_ms: i64,
    },
    /// The operating system says that the phone stayed somewhere (`CLVisit`).
    OsVisit {
        /// Where.
        position: Position,
        /// Radius in metres, as for a fix.
        accuracy_m: Option<f64>,
        /// When it came.
        arrived_ms: i64,
        /// When it left, or the clock now when it is still there.
        until_ms: i64,
    },
    /// The app was opened.
    Opened {
        /// The phone's clock.
        at_ms: i64,
    },
    /// The phone was started anew.
    Rebooted,
    /// A server has told the time.
    TimeProven,
    /// Time has passed.
    Tick {
        /// The phone's clock.
        at_ms: i64,
    },
}

/// What the monitor found out.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// A true stop.
    CheckIn {
        /// The place's number in the index.
        number: usize,
        /// When it was proven, by the phone's clock.
        at_ms: i64,
        /// By what.
        basis: Basis,
        /// For the backend, which decides again.
        evidence: Evidence,
    },
    /// A visit that was none.
    Refused {
        /// The place's number in the index.
        number: usize,
        /// When it was clear, by the phone's clock.
        at_ms: i64,
        /// Why.
        refusal: CheckInRefusal,
        /// What it rests on.
        evidence: Evidence,
    },
    /// The app was opened at a place, and this is missing for a check-in.
    Waiting {
        /// The place's number in the index.
        number: usize,
        /// What is missing.
        missing: Missing,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Visit {
    place: PlaceId,
    last_ms: i64,
    samples: Vec<(i64, Sample)>,
    outside: u8,
    opened_ms: Option<i64>,
    os_visit_s: Option<u32>,
    mock: bool,
    jump: bool,
    clock_shift: bool,
    /// Said already: nothing more comes of this visit.
    closed: bool,
}

/// How a visit ended, kept for a while.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Past {
    at_ms: i64,
    refusal: Option<CheckInRefusal>,
}

/// Follows one phone and says when it is at a place. Feed it everything, in the order in which it arrives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckInMonitor {
    policy: CheckInPolicy,
    track: Track,
    visits: Vec<Visit>,
    past: BTreeMap<PlaceId, Past>,
    checked_in: BTreeMap<PlaceId, i64>,
    leapt_at_ms: Option<i64>,
    clock_unproven: bool,
}

impl CheckInMonitor {
    /// A monitor that has seen nothing.
    #[must_use]
    pub fn new(policy: CheckInPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// True while a visit is going on that may still become a check-in: the shell should ask for exact fixes, and may stop otherwise.
    #[must_use]
    pub fn needs_fixes(&self) -> bool {
        self.visits.iter().any(|visit| !visit.closed)
    }

    /// Where the phone is and where it is going, for [`crate::rotation::rotate`]; `None` before the first fix that is exact enough.
    #[must_use]
    pub fn situation(&self) -> Option<Situation> {
        self.track.situation()
    }

    /// Takes one observation in and says what follows from it. Visits to places that are no longer in the index are forgotten.
    pub fn observe(&mut self, places: &PlaceIndex, observation: &Observation) -> Vec<Finding> {
        let mut findings = Vec::new();
        match observation {
            Observation::Fix(fix) => self.fix(places, fix, &mut findings),
            Observation::RegionEntered { place, at_ms } => {
                self.end(places, *at_ms, &mut findings, |visit| is_silent(visit, *at_ms));
                if let Some(place) = places.number(place).and_then(|number| places.place(number)) {
                    self.begin(place, *at_ms);
                }
            }
            Observation::RegionLeft { place, at_ms } => self.end(places, *at_ms, &mut findings, |visit| visit.place == *place),
            Observation::OsVisit { position, accuracy_m, arrived_ms, until_ms } => {
                let accuracy = AccuracyClass::of(*accuracy_m);
                if accuracy != AccuracyClass::Poor && arrived_ms < until_ms {
                    self.os_visit(places, position, *arrived_ms, *until_ms);
                    self.decide_all(places, *until_ms, &mut findings);
                }
            }
            Observation::Opened { at_ms } => self.opened(places, *at_ms, &mut findings),
            Observation::Rebooted => {
                self.track.rebooted();
                self.clock_unproven = true;
            }
            Observation::TimeProven => self.clock_unproven = false,
            Observation::Tick { at_ms } => self.end(places, *at_ms, &mut findings, |visit| is_silent(visit, *at_ms)),
        }
        findings
    }

    /// Ends every visit that is going on: the person signs out, location is switched off, a recorded track is over.
    pub fn end_all(&mut self, places: &PlaceIndex, at_ms: i64) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.end(places, at_ms, &mut findings, |_| true);
        findings
    }

    fn fix(&mut self, places: &PlaceIndex, fix: &Fix, findings: &mut Vec<Finding>) {
        match self.track.take(fix) {
            Taken::Nothing => {}
            Taken::ClockShift => {
                self.leapt_at_ms = None;
                for place in places.in_region(&fix.position).into_iter().filter_map(|number| places.place(number)) {
                    self.begin(place, fix.at_ms);
                }
                for visit in &mut self.visits {
                    (visit.clock_shift, visit.last_ms) = (true, fix.at_ms);
                }
                self.decide_all(places, fix.at_ms, findings);
            }
            Taken::Step(step) => {
                self.end(places, step.at_ms, findings, |visit| is_silent(visit, step.at_ms));
                self.step(places, &step);
                self.end(places, step.at_ms, findings, |visit| visit.outside >= 2);
                self.decide_all(places, step.at_ms, findings);
            }
        }
    }

    fn step(&mut self, places: &PlaceIndex, step: &Step) {
        if step.leapt {
            self.leapt_at_ms = Some(step.at_ms);
        }
        // Among exact fixes an inexact one is noise; where there are no others, it is all that the phone has.
        let begins = step.accuracy != AccuracyClass::Poor || !self.track.is_exact_at(step.at_ms);
        for place in places.in_region(&step.raw).into_iter().filter(|_| begins).filter_map(|number| places.place(number)) {
            self.begin(place, step.at_ms);
        }
        for visit in &mut self.visits {
            let Some((number, place)) = places.number(&visit.place).and_then(|number| Some((number, places.place(number)?))) else {
                continue;
            };
            let beyond_m = place.region().edge_m(&step.raw);
            let is_usable = step.accuracy != AccuracyClass::Poor;
            if is_usable {
                visit.outside = if beyond_m > LEFT_BEYOND_M { visit.outside.saturating_add(1) } else { 0 };
                visit.last_ms = step.at_ms;
            }
            visit.mock |= step.mock && beyond_m == 0.0;
            visit.jump |= step.leapt;
            if visit.closed || step.strays {
                continue;
            }
            let sample = Sample {
                age_s: 0,
                distance: distance_band(places, number, &step.smooth),
                side: if is_usable { side(places, number, &step.smooth, step.heading_deg) } else { Side::Unclear },
                speed: step.speed,
                accuracy: step.accuracy,
                stays: step.stays,
            };
            visit.keep(step.at_ms, sample);
        }
    }

    /// Begins a visit, unless one is going on already, or nobody checks in there.
    fn begin(&mut self, place: &Place, at_ms: i64) {
        if place.is_gate {
            return;
        }
        let place = place.id();
        if self.visits.iter().any(|visit| visit.place == *place) {
            return;
        }
        let past = self.past.get(place).filter(|past| is_within(past.at_ms, at_ms, REJOIN_MS));
        let was = |refusal| past.is_some_and(|past| past.refusal == Some(refusal));
        self.visits.push(Visit {
            place: place.clone(),
            last_ms: at_ms,
            samples: Vec::new(),
            outside: 0,
            opened_ms: None,
            os_visit_s: None,
            // What tainted the visit a moment ago taints its going on.
            mock: was(CheckInRefusal::MockLocation),
            jump: was(CheckInRefusal::Jump) || self.leapt_at_ms.is_some_and(|leapt| is_within(leapt, at_ms, LEAP_MEMORY_MS)),
            clock_shift: was(CheckInRefusal::ClockShift),
            closed: past.is_some_and(|past| past.refusal.is_none()),
        });
    }

    fn os_visit(&mut self, places: &PlaceIndex, position: &Position, arrived_ms: i64, until_ms: i64) {
        for number in places.holding(position) {
            let Some(place) = places.place(number).filter(|_| side(places, number, position, None) == Side::Own) else { continue };
            self.begin(place, until_ms);
            let stayed_s = whole_seconds(until_ms.saturating_sub(arrived_ms));
            for visit in self.visits.iter_mut().filter(|visit| visit.place == *place.id()) {
                visit.os_visit_s = visit.os_visit_s.max(Some(stayed_s));
            }
        }
    }

    fn opened(&mut self, places: &PlaceIndex, at_ms: i64, findings: &mut Vec<Finding>) {
        self.end(places, at_ms, findings, |visit| is_silent(visit, at_ms));
        for visit in &mut self.visits {
            visit.opened_ms = Some(at_ms);
        }
        self.decide_all(places, at_ms, findings);
        for visit in self.visits.iter().filter(|visit| !visit.closed) {
            let Some((number, evidence)) = self.evidence(places, visit, at_ms, false) else { continue };
            if let Decision::Waiting(missing) = decide(&evidence, &self.policy) {
                findings.push(Finding::Waiting { number, missing });
            }
        }
    }

    fn decide_all(&mut self, places: &PlaceIndex, at_ms: i64, findings: &mut Vec<Finding>) {
        for at in 0..self.visits.len() {
            let Some(visit) = self.visits.get(at).filter(|visit| !visit.closed) else { continue };
            if let Some((number, evidence)) = self.evidence(places, visit, at_ms, false)
                && self.say(number, at_ms, evidence, findings)
                && let Some(visit) = self.visits.get_mut(at)
            {
                visit.closed = true;
                visit.samples = Vec::new();
            }
        }
    }

    /// Ends the visits that `is_over` says are.
    fn end(&mut self, places: &PlaceIndex, at_ms: i64, findings: &mut Vec<Finding>, is_over: impl Fn(&Visit) -> bool) {
        let (over, going): (Vec<Visit>, Vec<Visit>) = std::mem::take(&mut self.visits).into_iter().partition(is_over);
        self.visits = going;
        for visit in over {
            if visit.closed {
                // From now on counts how long ago it was; of a visit that nobody heard the end of, since it was heard of last.
                let ended_ms = if is_silent(&visit, at_ms) { visit.last_ms } else { at_ms };
                if let Some(past) = self.past.get_mut(&visit.place) {
                    past.at_ms = ended_ms;
                }
            } else if let Some((number, evidence)) = self.evidence(places, &visit, at_ms, true) {
                self.say(number, at_ms, evidence, findings);
            }
        }
    }

    /// Decides and says so, once; true when it is settled.
    fn say(&mut self, number: usize, at_ms: i64, evidence: Evidence, findings: &mut Vec<Finding>) -> bool {
        let place = evidence.place.clone();
        let before = self.past.get(&place).filter(|past| is_within(past.at_ms, at_ms, REJOIN_MS)).and_then(|past| past.refusal);
        let refusal = match decide(&evidence, &self.policy) {
            Decision::Waiting(_) => return false,
            Decision::CheckIn(basis) => {
                self.checked_in.insert(place.clone(), at_ms);
                findings.push(Finding::CheckIn { number, at_ms, basis, evidence });
                None
            }
            Decision::Refused(refusal) => {
                // Noise at the edge of a region makes several visits of one: said once.
                if before != Some(refusal) {
                    findings.push(Finding::Refused { number, at_ms, refusal, evidence });
                }
                Some(refusal)
            }
        };
        self.past.insert(place, Past { at_ms, refusal });
        true
    }

    fn evidence(&self, places: &PlaceIndex, visit: &Visit, at_ms: i64, ended: bool) -> Option<(usize, Evidence)> {
        let number = places.number(&visit.place)?;
        let place = places.place(number)?;
        let was_here = |id: &PlaceId, within_ms| self.checked_in.get(id).is_some_and(|was| is_within(*was, at_ms, within_ms));
        let other = places.opposite(number).and_then(|other| places.place(other));
        let aged = |(sampled_ms, sample): &(i64, Sample)| Sample { age_s: whole_seconds(at_ms.saturating_sub(*sampled_ms)), ..*sample };
        let evidence = Evidence {
            place: visit.place.clone(),
            direction: place.direction(),
            outlined: matches!(place.shape(), Shape::Outline(_)),
            opened: visit.opened_ms.is_some(),
            ended,
            mock: visit.mock,
            jump: visit.jump,
            clock_shift: visit.clock_shift,
            clock_unproven: self.clock_unproven,
            cooling_down: was_here(&visit.place, i64::from(self.policy.cool_down_s) * 1_000),
            was_opposite: other.is_some_and(|other| was_here(other.id(), OTHER_SIDE_MS)),
            os_visit_s: visit.os_visit_s,
            samples: visit.samples.iter().map(aged).collect(),
        };
        Some((number, evidence))
    }
}

impl Visit {
    /// Keeps a sample, unless the one kept a moment ago says the same.
    fn keep(&mut self, at_ms: i64, sample: Sample) {
        let says_the_same = |(kept_ms, kept): &(i64, Sample)| *kept == sample && at_ms.saturating_sub(*kept_ms) < THIN_MS;
        // The newest is always there, so that its age is right: it takes the place of an equal one that had not waited its time.
        let before = self.samples.len().checked_sub(2).and_then(|at| self.samples.get(at));
        if before.is_some_and(says_the_same) && self.samples.last().is_some_and(|(_, last)| *last == sample) {
            self.samples.pop();
        }
        self.samples.push((at_ms, sample));
        if self.samples.len() > MAX_SAMPLES {
            self.samples.remove(0);
        }
    }
}

fn is_silent(visit: &Visit, at_ms: i64) -> bool {
    at_ms.saturating_sub(visit.last_ms) > SILENCE_MS
}

fn is_within(a_ms: i64, b_ms: i64, within_ms: i64) -> bool {
    a_ms.abs_diff(b_ms) <= within_ms.unsigned_abs()
}

fn whole_seconds(ms: i64) -> u32 {
    u32::try_from(ms.max(0) / 1_000).unwrap_or(u32::MAX)
}
