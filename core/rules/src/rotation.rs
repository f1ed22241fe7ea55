//! Which regions to hand to the operating system, which watches 20 (iOS) or 100 (Android) and no more.
//!
//! A [`Rotation`] is some fences and one refresh region around the phone: when the phone leaves it, the app wakes and chooses anew. It is chosen
//! so that **no fence left out can be reached before that has happened**, even when the operating system reports the exit minutes late and the phone
//! is off by its accuracy meanwhile: a fence left out is further away than the refresh region reaches, plus the way that can be driven during the delay.
//! Where places lie too close together for that, [`Coverage::Limited`] says up to which speed the promise still holds.
//!
//! The refresh region need not lie around the phone: it must hold it. For whoever drives it lies ahead, so that a straight road is nearly twice as
//! long within it; whoever turns back leaves it sooner, and nothing is missed. It costs nothing to choose anew when the app is awake anyway
//! ([`Rotation::is_worn_at`]): entries then move the refresh region along, and it is seldom left.
//!
//! Nearest first is what makes the refresh region largest, and wake-ups fewest; only where not everything in reach can be watched does it matter what
//! is likely: ahead rather than behind, on this side of the road, open, worth more. Even there every place that touches the refresh region is
//! registered: whoever stays at a place for longer than the operating system is late is found, at any speed. For whoever drives a refresh region of less
//! than 4 km counts as such a case too: it would be left every other minute.

use serde::{Deserialize, Serialize};

use crate::geo::{Position, turn};
use crate::places::{Circle, Direction, PlaceIndex};

/// From this speed on the heading says where somebody is going.
const HEADS_MPS: f64 = 8.0;
/// Of the largest refresh region that would do, this much is used; what that spares keeps regions registered that would come back soon.
const PART: f64 = 0.95;
/// At this part of the radius from its middle a refresh region is worn.
const WORN: f64 = 0.25;
/// Candidates looked at where not everything in reach can be watched, as a multiple of the limit.
const CANDIDATES: usize = 2;
/// How far ahead of the phone the middle of the refresh region may lie, in parts of the radius that it would have around the phone.
const AHEAD: [f64; 5] = [0.0, 0.45, 0.85, 1.3, 2.0];
/// Whoever drives leaves a smaller refresh region within two minutes: a larger one that promises less serves better then. In metres.
const DRIVES_M: f64 = 4_000.0;
/// Where no more can be promised: for whoever walks, in metres a second.
const WALKS_MPS: f64 = 1.5;
/// A number for rounding, in metres.
const HAIR_M: f64 = 1.0;

/// What the operating system allows and how late it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationPolicy {
    /// Regions in all, the refresh region among them: 20 on iOS, 100 on Android.
    pub limit: usize,
    /// The fastest that a phone moves, in metres a second.
    pub max_speed_mps: f64,
    /// How late an exit is reported at worst, in seconds.
    pub os_delay_s: f64,
    /// Smaller refresh regions than this are of no use to the operating system, in metres.
    pub min_refresh_m: f64,
    /// The refresh region reaches no further than this from the phone, in metres.
    pub max_refresh_m: f64,
}

impl RotationPolicy {
    /// For iOS: 20 regions.
    #[must_use]
    pub fn ios() -> Self {
        Self { limit: 20, max_speed_mps: 36.0, os_delay_s: 300.0, min_refresh_m: 200.0, max_refresh_m: 100_000.0 }
    }

    /// For Android: 100 regions.
    #[must_use]
    pub fn android() -> Self {
        Self { limit: 100, ..Self::ios() }
    }
}

/// Where the phone is when the regions are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Situation {
    /// The last fix.
    pub position: Position,
    /// How far off it may be, in metres.
    pub error_m: f64,
    /// Metres a second, where known.
    pub speed_mps: Option<f64>,
    /// Degrees clockwise from north, where known.
    pub heading_deg: Option<f64>,
    /// Seconds since the Unix epoch, where opening hours shall count.
    pub now_s: Option<i64>,
}

impl Situation {
    /// A phone of which only the position is known.
    #[must_use]
    pub fn at(position: Position) -> Self {
        Self { position, error_m: 0.0, speed_mps: None, heading_deg: None, now_s: None }
    }
}

/// What a rotation promises.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Coverage {
    /// No fence left out can be reached before the regions are chosen anew.
    Guaranteed,
    /// Too many places in reach. The promise holds for whoever moves no faster than this, in metres a second; at 0 it holds for nobody. Whoever
    /// is faster may be at a place before it is registered: a stay that is longer than the operating system is late is found all the same.
    Limited {
        /// Metres a second.
        speed_mps: f64,
    },
}

impl Coverage {
    /// True when the promise holds at this speed. `Guaranteed` holds up to the speed of the policy.
    #[must_use]
    pub fn holds_at(self, speed_mps: f64) -> bool {
        match self {
            Self::Guaranteed => true,
            Self::Limited { speed_mps: up_to } => speed_mps <= up_to,
        }
    }
}

/// The regions to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// Numbers of the places whose [`crate::places::Place::region`] is registered, in rising order.
    pub fences: Vec<usize>,
    /// Leaving this, the app chooses anew. `None` when every place is registered: nothing can be missed from anywhere.
    pub refresh: Option<Circle>,
    /// What it promises.
    pub coverage: Coverage,
}

impl Rotation {
    /// True when the phone is outside the refresh region.
    #[must_use]
    pub fn is_left_at(&self, position: &Position) -> bool {
        self.refresh.is_some_and(|refresh| !refresh.holds(position))
    }

    /// True when it is time to choose anew if the app is awake anyway: more than a part of the way through the refresh region is behind.
    #[must_use]
    pub fn is_worn_at(&self, position: &Position) -> bool {
        self.refresh.is_some_and(|refresh| refresh.centre.distance_m(position) > refresh.radius_m * WORN)
    }

    /// Places to register and places to take back, coming from `before`. (The refresh region is registered anew each time.)
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> (Vec<usize>, Vec<usize>) {
        let without = |these: &[usize], those: &[usize]| these.iter().copied().filter(|n| those.binary_search(n).is_err()).collect();
        (without(&self.fences, &before.fences), without(&before.fences, &self.fences))
    }
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    number: usize,
    /// From the middle of the refresh region.
    edge_m: f64,
    /// Metres from the phone, stretched by all that makes a visit unlikely.
    rank_m: f64,
    value: u32,
    registered: bool,
}

/// A refresh region that would do.
#[derive(Debug, Clone, Copy)]
struct Draft {
    region: Circle,
    /// How far its middle is from the phone.
    ahead_m: f64,
    is_guaranteed: bool,
}

impl Draft {
    /// The way to its edge for whoever goes straight on.
    fn way_m(&self) -> f64 {
        self.region.radius_m + self.ahead_m
    }
}

/// Chooses the regions. `before` is what is registered now: of two that serve alike, it stays.
#[must_use]
pub fn rotate(places: &PlaceIndex, situation: &Situation, before: Option<&Rotation>, policy: &RotationPolicy) -> Rotation {
    if places.places().len() <= policy.limit {
        return Rotation { fences: (0..places.places().len()).collect(), refresh: None, coverage: Coverage::Guaranteed };
    }
    let count = policy.limit.saturating_sub(1);
    let error_m = if situation.error_m.is_finite() { situation.error_m.max(0.0) } else { 0.0 };
    let late_m = policy.max_speed_mps * policy.os_delay_s + error_m + HAIR_M;
    let Draft { region, is_guaranteed, .. } = draft(places, situation, before, policy, error_m, late_m);
    let wanted = count.saturating_mul(CANDIDATES).saturating_add(1);
    let mut candidates: Vec<Candidate> =
        places.nearest(&region.centre, wanted).iter().map(|near| candidate(places, situation, before, near.number, near.edge_m)).collect();
    // Nothing further away than the candidates can come nearer than the last of them.
    let beyond_m = if candidates.len() < wanted { f64::INFINITY } else { candidates.last().map_or(0.0, |last| last.edge_m) };
    let must_m = region.radius_m + if is_guaranteed { late_m } else { 0.0 };
    // Those that must be there, then what is registered already, then the likely ones.
    candidates.sort_by(|a, b| {
        let free = |c: &Candidate| (c.edge_m >= must_m, is_guaranteed && c.edge_m >= must_m && !c.registered);
        free(a).cmp(&free(b)).then(by_rank(a, b))
    });
    let left_out = candidates.split_off(count.min(candidates.len()));
    let nearest_out_m = left_out.iter().map(|out| out.edge_m).fold(beyond_m, f64::min);
    let mut fences: Vec<usize> = candidates.iter().map(|chosen| chosen.number).collect();
    fences.sort_unstable();
    let coverage = if is_guaranteed {
        Coverage::Guaranteed
    } else {
        let spare_m = nearest_out_m - region.radius_m - error_m - HAIR_M;
        Coverage::Limited { speed_mps: (spare_m / policy.os_delay_s.max(1.0)).clamp(0.0, policy.max_speed_mps) }
    };
    Rotation { fences, refresh: Some(region), coverage }
}

/// The refresh region through which the way ahead is longest.
fn draft(
    places: &PlaceIndex,
    situation: &Situation,
    before: Option<&Rotation>,
    policy: &RotationPolicy,
    error_m: f64,
    late_m: f64,
) -> Draft {
    let count = policy.limit.saturating_sub(1);
    let here = situation.position;
    let heading_deg = heading(situation, before);
    let least_m = if heading_deg.is_some() { policy.min_refresh_m.max(DRIVES_M) } else { policy.min_refresh_m };
    let at = |centre: Position, ahead_m: f64| {
        let near = places.nearest(&centre, count.saturating_add(1));
        let first_out_m = near.get(count).map_or(f64::INFINITY, |first_out| first_out.edge_m);
        let most_m = (policy.max_refresh_m - ahead_m).max(policy.min_refresh_m);
        let largest_m = (first_out_m - late_m).min(most_m);
        let is_guaranteed = largest_m >= least_m && policy.limit > 0;
        let radius_m = if is_guaranteed {
            largest_m * PART
        } else {
            // All that can be promised is that whoever walks is noticed in time, and not even that at the price of half the region.
            (first_out_m - WALKS_MPS * policy.os_delay_s - error_m).clamp(first_out_m / 2.0, first_out_m * PART).min(most_m)
        };
        Draft { region: Circle { centre, radius_m: radius_m.max(policy.min_refresh_m) }, ahead_m, is_guaranteed }
    };
    let around = at(here, 0.0);
    let Some(heading_deg) = heading_deg else { return around };
    let holds_phone = |draft: &Draft| {
        let margin_m = draft.region.radius_m - draft.ahead_m - error_m;
        draft.is_guaranteed == around.is_guaranteed && margin_m >= policy.min_refresh_m
    };
    let ahead = AHEAD.iter().skip(1).map(|part| around.region.radius_m * part);
    let drafts = ahead.map(|ahead_m| at(here.towards(heading_deg, ahead_m), ahead_m)).filter(holds_phone);
    drafts.fold(around, |best, draft| if draft.way_m() > best.way_m() { draft } else { best })
}

/// Which way a phone goes that goes fast; one that has just left the refresh region went outwards.
fn heading(situation: &Situation, before: Option<&Rotation>) -> Option<f64> {
    if situation.speed_mps.is_some_and(|speed| speed < HEADS_MPS) {
        return None;
    }
    let outwards = || {
        let refresh = before?.refresh.filter(|refresh| !refresh.holds(&situation.position))?;
        Some(refresh.centre.bearing_deg(&situation.position))
    };
    situation.heading_deg.filter(|_| situation.speed_mps.is_some()).or_else(outwards)
}

fn by_rank(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    a.rank_m.total_cmp(&b.rank_m).then(b.value.cmp(&a.value)).then(a.number.cmp(&b.number))
}

fn candidate(places: &PlaceIndex, situation: &Situation, before: Option<&Rotation>, number: usize, edge_m: f64) -> Candidate {
    let registered = before.is_some_and(|before| before.fences.binary_search(&number).is_ok());
    let mut candidate = Candidate { number, edge_m, rank_m: edge_m, value: 0, registered };
    let Some(place) = places.place(number) else { return candidate };
    let (east_m, north_m) = situation.position.offset_m(&place.region().centre);
    candidate.rank_m = (east_m.hypot(north_m) - place.region().radius_m).max(0.0);
    candidate.value = place.value;
    if let Some(heading) = heading(situation, before) {
        let off = turn(east_m.atan2(north_m).to_degrees() - heading).abs();
        candidate.rank_m *= if off <= 60.0 { 1.0 } else { 1.0 + (off - 60.0) / 40.0 };
        if !place.open_to_ordinary_road && is_across(places, number, heading) {
            candidate.rank_m *= 2.0;
        }
    }
    if situation.now_s.is_some_and(|now_s| !place.hours.is_open_at(now_s)) {
        candidate.rank_m *= 2.0;
    }
    // Up to half nearer for what is worth most.
    candidate.rank_m *= 1.0 - 0.5 * f64::from(place.value) / (f64::from(place.value) + 100.0);
    candidate
}

/// True for a place of the other carriageway: on this side of the road its counterpart would lie to the right.
fn is_across(places: &PlaceIndex, number: usize, heading_deg: f64) -> bool {
    let (Some(place), Some(other)) = (places.place(number), places.opposite(number).and_then(|other| places.place(other))) else {
        return false;
    };
    place.direction() != Direction::Both
        && (-150.0..=-30.0).contains(&turn(place.region().centre.bearing_deg(&other.region().centre) - heading_deg))
}

#[cfg(test)]
mod tests;
