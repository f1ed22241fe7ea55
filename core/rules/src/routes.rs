//! Rewards for a traverse: gates passed in order along a road, within a time. No stop is asked for; the backend decides by the same code.
//!
//! The device keeps which gates it passed and when ([`RouteMonitor`]), and no position. Between two gates nothing is asked: a tunnel, or a phone
//! that sleeps, costs nothing as long as each gate itself is seen, by a fix or by the operating system's region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check_in::{AccuracyClass, CheckInRefusal, Fix};
use crate::ids::PlaceId;
use crate::places::{Circle, PlaceIndex};
use crate::wire::RouteInfo;

/// Faster than this between two gates is no car (216 km/h), in metres a second.
const FASTEST_MPS: i64 = 60;
/// An operating system says minutes late that a region was entered, so that the next gate seems nearer in time than it was; in milliseconds.
const REPORTED_LATE_MS: i64 = 300_000;
/// Stamps that go back further than this mean that the clock was set: what was passed before counts no more.
const SET_BACK_MS: i64 = 120_000;

/// A route with all that a decision needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its id: a traverse counts as a check-in there.
    pub id: PlaceId,
    /// Gates in order of passing. A place may come twice.
    pub gates: Vec<PlaceId>,
    /// The longest that the traverse may take, in seconds.
    pub within_s: u32,
    /// From each gate to the next: the least way between their regions, in metres.
    pub legs_m: Vec<u32>,
}

/// Why a route cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// One gate is a place, not a route.
    #[error("a route has at least two gates")]
    TooFewGates,
    /// No time.
    #[error("a route needs a time within which it is to be driven")]
    NoTime,
    /// A gate twice in a row.
    #[error("the gate {0} comes twice in a row: name each gate once where it is passed")]
    TwiceInARow(PlaceId),
    /// A gate that is no known place: on a phone, one of an area that it has not fetched.
    #[error("the gate {0} is no known place")]
    UnknownGate(PlaceId),
}

impl Route {
    /// A route, `region` giving each gate's [`crate::places::Place::region`].
    ///
    /// # Errors
    /// [`RouteError`] for what is no route. A phone leaves out a route with a gate that it does not know.
    pub fn new(info: &RouteInfo, region: impl Fn(&PlaceId) -> Option<Circle>) -> Result<Self, RouteError> {
        if info.gates.len() < 2 {
            return Err(RouteError::TooFewGates);
        }
        if info.within_s == 0 {
            return Err(RouteError::NoTime);
        }
        let known = |gate: &PlaceId| region(gate).ok_or_else(|| RouteError::UnknownGate(gate.clone()));
        let mut legs_m = Vec::with_capacity(info.gates.len());
        for (from, to) in info.gates.iter().zip(info.gates.iter().skip(1)) {
            if from == to {
                return Err(RouteError::TwiceInARow(to.clone()));
            }
            legs_m.push(leg_m(&known(from)?, &known(to)?));
        }
        Ok(Self { id: info.id.clone(), gates: info.gates.clone(), within_s: info.within_s, legs_m })
    }

    /// The route of these places.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn in_index(info: &RouteInfo, places: &PlaceIndex) -> Result<Self, RouteError> {
        Self::new(info, |gate| places.place(places.number(gate)?).map(crate::places::Place::region))
    }
}

/// Where in a region it was passed is not known: only what lies between the two edges was driven for certain.
fn leg_m(from: &Circle, to: &Circle) -> u32 {
    let least_m = (from.centre.distance_m(&to.centre) - from.radius_m - to.radius_m).clamp(0.0, f64::from(u32::MAX));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let whole = least_m as u32;
    whole
}

/// A gate that was passed. No coordinate is in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatePass {
    /// Which.
    pub gate: PlaceId,
    /// When, by the phone's clock, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// How exact the fix was; [`AccuracyClass::Unknown`] where the operating system reported the region, maybe minutes late.
    pub accuracy: AccuracyClass,
    /// True when an app made the fix up.
    pub mock: bool,
}

/// Why gates that were passed are no traverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum RouteRefusal {
    /// An app made a fix up.
    #[error("a position was made up by an app: switch mock locations off")]
    MockLocation,
    /// Faster from gate to gate than any car.
    #[error("the gates were passed faster than any car drives")]
    TooFast,
    /// A fix that says nothing about a place.
    #[error("the position was too inexact at a gate: allow precise location")]
    PoorAccuracy,
    /// Gates are missing.
    #[error("not all gates of the route were passed")]
    GateMissing,
    /// Gates of another road, in another order, or with times that go back.
    #[error("the gates were not passed in order")]
    WrongOrder,
    /// Took longer than the route allows.
    #[error("the route took longer than its reward allows")]
    TooSlow,
}

impl RouteRefusal {
    /// The reason as it stands on the wire.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MockLocation => "mock_location",
            Self::TooFast => "too_fast",
            Self::PoorAccuracy => "poor_accuracy",
            Self::GateMissing => "gate_missing",
            Self::WrongOrder => "wrong_order",
            Self::TooSlow => "too_slow",
        }
    }
}

/// The nearest of a check-in's reasons, where only those can be said.
impl From<RouteRefusal> for CheckInRefusal {
    fn from(refusal: RouteRefusal) -> Self {
        match refusal {
            RouteRefusal::MockLocation => Self::MockLocation,
            RouteRefusal::TooFast => Self::Jump,
            RouteRefusal::PoorAccuracy => Self::PoorAccuracy,
            RouteRefusal::GateMissing => Self::PassedBy,
            RouteRefusal::WrongOrder => Self::OppositeSide,
            RouteRefusal::TooSlow => Self::TimeGap,
        }
    }
}

/// Says whether the gates that were passed are a traverse. The same on the phone and on the backend.
///
/// # Errors
/// [`RouteRefusal`], the first that applies.
pub fn decide_route(route: &Route, passes: &[GatePass]) -> Result<(), RouteRefusal> {
    if passes.iter().any(|pass| pass.mock) {
        return Err(RouteRefusal::MockLocation);
    }
    if passes.iter().any(|pass| pass.accuracy == AccuracyClass::Poor) {
        return Err(RouteRefusal::PoorAccuracy);
    }
    let mut to_come = route.gates.iter();
    if !passes.iter().all(|pass| to_come.next() == Some(&pass.gate)) {
        return Err(RouteRefusal::WrongOrder);
    }
    // A route without its legs proves nothing: it was not made by Route::new.
    if to_come.next().is_some() || passes.len() < 2 || route.legs_m.len() + 1 != passes.len() {
        return Err(RouteRefusal::GateMissing);
    }
    for ((from, to), leg_m) in passes.iter().zip(passes.iter().skip(1)).zip(&route.legs_m) {
        let taken_ms = to.at_ms.saturating_sub(from.at_ms);
        if taken_ms < 0 {
            return Err(RouteRefusal::WrongOrder);
        }
        let late_ms = if from.accuracy == AccuracyClass::Unknown { REPORTED_LATE_MS } else { 0 };
        if i64::from(*leg_m) * 1_000 > taken_ms.saturating_add(late_ms).saturating_mul(FASTEST_MPS) {
            return Err(RouteRefusal::TooFast);
        }
    }
    let ends_ms = || passes.first().zip(passes.last()).map(|(first, last)| last.at_ms.saturating_sub(first.at_ms));
    if ends_ms().is_some_and(|taken_ms| taken_ms > i64::from(route.within_s) * 1_000) {
        return Err(RouteRefusal::TooSlow);
    }
    Ok(())
}

/// A route of which every gate was passed in order. [`decide_route`] says whether it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteFinding {
    /// The route.
    pub route: PlaceId,
    /// Its gates, as they were passed.
    pub passes: Vec<GatePass>,
}

/// Follows one phone along its routes. It keeps gates and times only, and can be serialised, so that it outlives the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RouteMonitor {
    /// What was passed of each route, so far in order.
    begun: BTreeMap<PlaceId, Vec<GatePass>>,
}

impl RouteMonitor {
    /// Takes a fix in. A fix worse than 65 m says nothing.
    pub fn observe(&mut self, routes: &[Route], places: &PlaceIndex, fix: &Fix) -> Vec<RouteFinding> {
        if routes.is_empty() || fix.accuracy() == AccuracyClass::Poor {
            return Vec::new();
        }
        let here: Vec<GatePass> = places
            .in_region(&fix.position)
            .into_iter()
            .filter_map(|number| places.place(number))
            .map(|place| GatePass { gate: place.id().clone(), at_ms: fix.at_ms, accuracy: fix.accuracy(), mock: fix.mock })
            .collect();
        self.pass(routes, &here)
    }

    /// The operating system says that the region of `place` was entered.
    pub fn pass_region(&mut self, routes: &[Route], place: &PlaceId, at_ms: i64) -> Vec<RouteFinding> {
        self.pass(routes, &[GatePass { gate: place.clone(), at_ms, accuracy: AccuracyClass::Unknown, mock: false }])
    }

    /// What was passed of a route so far.
    #[must_use]
    pub fn passed(&self, route: &PlaceId) -> &[GatePass] {
        self.begun.get(route).map_or(&[], Vec::as_slice)
    }

    fn pass(&mut self, routes: &[Route], here: &[GatePass]) -> Vec<RouteFinding> {
        self.begun.retain(|begun, _| routes.iter().any(|route| route.id == *begun));
        let mut findings = Vec::new();
        for route in routes {
            let of_it: Vec<&GatePass> = here.iter().filter(|pass| route.gates.contains(&pass.gate)).collect();
            if of_it.is_empty() {
                continue;
            }
            let begun = self.begun.entry(route.id.clone()).or_default();
            advance(route, begun, of_it);
            if begun.len() == route.gates.len() {
                findings.push(RouteFinding { route: route.id.clone(), passes: std::mem::take(begun) });
            }
            if begun.is_empty() {
                self.begun.remove(&route.id);
            }
        }
        findings
    }
}

/// Gates of the route are being passed, all at the same time: where their regions overlap, one fix is in several.
fn advance(route: &Route, begun: &mut Vec<GatePass>, mut here: Vec<&GatePass>) {
    let Some(now_ms) = here.first().map(|pass| pass.at_ms) else { return };
    if let Some(last) = begun.last()
        && now_ms < last.at_ms
    {
        if last.at_ms.saturating_sub(now_ms) <= SET_BACK_MS {
            return;
        }
        begun.clear();
    }
    let given_up_ms = i64::from(route.within_s) * 2_000;
    if begun.first().is_some_and(|first| now_ms.saturating_sub(first.at_ms) > given_up_ms) {
        begun.clear();
    }
    if let Some(stays) = begun.last().and_then(|last| here.iter().position(|pass| pass.gate == last.gate)) {
        let stays = here.remove(stays);
        // The time runs from leaving the first gate, and a fix that was made up in any gate stays known.
        let is_first = begun.len() == 1;
        if let Some(last) = begun.last_mut() {
            last.mock |= stays.mock;
            last.at_ms = if is_first { stays.at_ms } else { last.at_ms };
        }
        next_gates(route, begun, &mut here);
    } else if !next_gates(route, begun, &mut here)
        && let Some(pass) = here.first()
    {
        turn_round(route, begun, pass);
    }
}

/// Takes the gates whose turn it is; true when there was one.
fn next_gates(route: &Route, begun: &mut Vec<GatePass>, here: &mut Vec<&GatePass>) -> bool {
    let before = begun.len();
    while let Some(at) = here.iter().position(|pass| route.gates.get(begun.len()) == Some(&pass.gate)) {
        begun.push(here.remove(at).clone());
    }
    begun.len() > before
}

/// A gate whose turn it is not.
fn turn_round(route: &Route, begun: &mut Vec<GatePass>, pass: &GatePass) {
    match begun.iter().rposition(|before| before.gate == pass.gate) {
        // Back at the start.
        Some(0) => *begun = vec![pass.clone()],
        // What comes after this gate must be passed anew.
        Some(at) => begun.truncate(at + 1),
        // Past a gate without the one before: another road.
        None => {
            begun.clear();
            next_gates(route, begun, &mut vec![pass]);
        }
    }
}

#[cfg(test)]
mod tests;
