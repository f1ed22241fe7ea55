//! Following the phone: the two monitors, and what the operating system was told to watch. Observations in, findings out; no I/O.

use noren_rules::check_in::{self, CheckInMonitor, CheckInRefusal, Evidence, Finding, Missing};
use noren_rules::ids::PlaceId;
use noren_rules::routes::{GatePass, Route, RouteFinding, RouteMonitor, decide_route};
use serde::{Deserialize, Serialize};

use super::regions::Registered;
use super::{Observation, REFRESH_REGION, RegionLimit};
use crate::places::PlaceBook;

/// Fixes are kept this often.
const KEEP_EVERY_MS: i64 = 15_000;

/// All that must outlive the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Following {
    /// The boot in which it was taken: in another one the regions are gone and the boot clock begins anew.
    pub(super) boot_id: String,
    pub(super) monitor: CheckInMonitor,
    pub(super) routes: RouteMonitor,
    #[serde(default)]
    pub(super) limit: RegionLimit,
    /// What the operating system watches; `None` when it watches nothing of ours.
    #[serde(default)]
    pub(super) registered: Option<Registered>,
    /// True from leaving the refresh region until there is a fix to choose anew by.
    #[serde(default)]
    pub(super) refresh_left: bool,
    /// When it was kept last, by the trusted clock; `None` before this process has kept it.
    #[serde(skip)]
    pub(super) kept_at_ms: Option<i64>,
}

/// A visit or a traverse that counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) place: PlaceId,
    /// By the phone's wall clock.
    pub(super) at_ms: i64,
    pub(super) proof: Proof,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Proof {
    Location(Evidence),
    Route(Vec<GatePass>),
}

/// What a batch of observations led to.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) found: Vec<Found>,
    pub(super) refused: Vec<(PlaceId, i64, CheckInRefusal)>,
    pub(super) waiting: Vec<(Option<PlaceId>, Missing)>,
    pub(super) left_out: u32,
}

impl Following {
    /// True when what has changed since `before` must outlive the process: a stay goes on over a gap of some seconds, so that not every fix costs
    /// an fsync.
    pub(super) fn is_to_be_kept(&self, before: &Self, now_ms: i64) -> bool {
        let fresh = before.kept_at_ms.is_some_and(|kept_ms| (0..KEEP_EVERY_MS).contains(&now_ms.saturating_sub(kept_ms)));
        let turned = self.monitor.needs_fixes() != before.monitor.needs_fixes() || self.routes != before.routes;
        !fresh || turned || self.registered != before.registered || self.refresh_left != before.refresh_left
    }

    /// The phone as it is now: after a reboot nothing is registered, and the clock is unproven until a server has told the time.
    pub(super) fn wake(&mut self, book: &PlaceBook, boot_id: &str, time_proven: bool) {
        if self.boot_id != boot_id {
            if !self.boot_id.is_empty() {
                self.monitor.observe(book.index(), &check_in::Observation::Rebooted);
            }
            (self.boot_id, self.registered) = (boot_id.to_owned(), None);
        }
        if time_proven {
            self.monitor.observe(book.index(), &check_in::Observation::TimeProven);
        }
    }

    /// Takes one observation in.
    pub(super) fn observe(&mut self, book: &PlaceBook, routes: &[Route], observation: &Observation, followed: &mut Followed) {
        if let Observation::RegionLeft { id, .. } = observation
            && id == REFRESH_REGION
        {
            self.refresh_left = true;
            return;
        }
        if *observation == Observation::RegionsLost {
            self.registered = None;
            return;
        }
        let Some(for_monitor) = observation.for_monitor() else {
            followed.left_out = followed.left_out.saturating_add(1);
            return;
        };
        let (before_found, before_waiting) = (followed.found.len(), followed.waiting.len());
        for finding in self.monitor.observe(book.index(), &for_monitor) {
            self.take(book, finding, followed);
        }
        let (at_ms, passed) = match &for_monitor {
            check_in::Observation::Fix(fix) => (fix.at_ms, self.routes.observe(routes, book.index(), fix)),
            check_in::Observation::RegionEntered { place, at_ms } => (*at_ms, self.routes.pass_region(routes, place, *at_ms)),
            _ => (0, Vec::new()),
        };
        for traverse in passed {
            take_traverse(routes, traverse, at_ms, followed);
        }
        // The app was opened and no visit is going on: that is an answer too.
        let silent = followed.found.len() == before_found && followed.waiting.len() == before_waiting;
        if silent && matches!(observation, Observation::Opened { .. }) {
            let missing = if self.monitor.situation().is_some() { Missing::Place } else { Missing::Fix };
            followed.waiting.push((None, missing));
        }
    }

    fn take(&self, book: &PlaceBook, finding: Finding, followed: &mut Followed) {
        let id = |number| book.index().place(number).map(|place| place.id().clone());
        match finding {
            Finding::CheckIn { at_ms, evidence, .. } => {
                followed.found.push(Found { place: evidence.place.clone(), at_ms, proof: Proof::Location(evidence) });
            }
            Finding::Refused { at_ms, refusal, evidence, .. } => followed.refused.push((evidence.place, at_ms, refusal)),
            Finding::Waiting { number, missing } => followed.waiting.push((id(number), missing)),
        }
    }
}

fn take_traverse(routes: &[Route], traverse: RouteFinding, at_ms: i64, followed: &mut Followed) {
    let Some(route) = routes.iter().find(|route| route.id == traverse.route) else { return };
    match decide_route(route, &traverse.passes) {
        Ok(()) => followed.found.push(Found { place: traverse.route, at_ms, proof: Proof::Route(traverse.passes) }),
        Err(refusal) => followed.refused.push((traverse.route, at_ms, refusal.into())),
    }
}
