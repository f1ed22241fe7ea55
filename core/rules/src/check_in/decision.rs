//! The second stage: what samples prove. Device and backend run this same function over the same evidence.

use serde::{Deserialize, Serialize};

use super::features::{AccuracyClass, DistanceBand, Sample, Side, SpeedClass};
use crate::ids::PlaceId;
use crate::places::Direction;

/// The operator's settings. Device and backend must have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckInPolicy {
    /// How long a stay must be proven, in seconds. Parking and the spaces between fixes cost up to a minute: 120 s are proven by a stop of three minutes.
    pub dwell_s: u32,
    /// The same where a place has no outline: its circle holds the road beside as well, and a jam stands longer than one thinks.
    pub circle_dwell_s: u32,
    /// The most that the time between two samples counts, in seconds.
    pub gap_credit_s: u32,
    /// A longer time without a sample begins the stay anew, in seconds.
    pub max_gap_s: u32,
    /// How old the last sample may be when the app is opened at the place, in seconds.
    pub opened_within_s: u32,
    /// Within this after a check-in there is no second one at the same place, in seconds.
    pub cool_down_s: u32,
}

impl Default for CheckInPolicy {
    fn default() -> Self {
        Self { dwell_s: 120, circle_dwell_s: 135, gap_credit_s: 60, max_gap_s: 300, opened_within_s: 5, cool_down_s: 6 * 3_600 }
    }
}

/// What the device says of one visit. No coordinate is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The place.
    pub place: PlaceId,
    /// Its side of the road.
    pub direction: Direction,
    /// True when the place has an outline, not only a circle.
    pub outlined: bool,
    /// True when the app was opened here.
    pub opened: bool,
    /// True when the visit is over.
    pub ended: bool,
    /// An app made a fix up.
    pub mock: bool,
    /// A leap that no plane can make led here.
    pub jump: bool,
    /// The clock was set during the visit.
    pub clock_shift: bool,
    /// True since a reboot until a server has told the time: nothing that begins or ends by the clock may hang on it.
    pub clock_unproven: bool,
    /// Checked in here a short while ago.
    pub cooling_down: bool,
    /// Checked in on the other side a short while ago.
    pub was_opposite: bool,
    /// How long the operating system itself says that the phone stayed on the ground of the place, in seconds.
    pub os_visit_s: Option<u32>,
    /// Oldest first.
    pub samples: Vec<Sample>,
}

/// What proved a check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Basis {
    /// A stay.
    Dwell,
    /// The app was opened within the outline, standing.
    Opened,
    /// The operating system reported the visit.
    OsVisit,
}

/// What is still missing for a check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "missing")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Missing {
    /// Any fix: location may be off or not allowed. The place QR works without.
    Fix,
    /// A fix of 65 m or better, and two of 30 m: outdoors, with precise location allowed.
    Accuracy,
    /// Being there: the fixes are outside.
    Place,
    /// The side of the road: the place QR tells it.
    Side,
    /// Standing.
    Stop,
    /// Time.
    Dwell {
        /// Seconds to go.
        left_s: u32,
    },
}

/// Why a visit was no check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CheckInRefusal {
    /// An app made a fix up.
    #[error("the position was made up by an app: switch mock locations off")]
    MockLocation,
    /// The clock was set during the visit.
    #[error("the clock was changed during the visit: use the place QR")]
    ClockShift,
    /// The phone came here faster than anything can.
    #[error("the position leapt here: use the place QR")]
    Jump,
    /// Never stood.
    #[error("passed by without stopping")]
    PassedBy,
    /// Slow, but never stayed: a jam.
    #[error("moved on slowly without a stop")]
    CrawledPast,
    /// Stood, but not on the site: beside it on the road, or on the ordinary road.
    #[error("stopped beside the site, not on it")]
    BesideTheSite,
    /// Stood on the other side of the road.
    #[error("stopped on the opposite side of the road")]
    OppositeSide,
    /// Stood where the two sides lie on top of each other, or between them.
    #[error("the side of the road cannot be told here by position: use the place QR")]
    SideUndecidable,
    /// Left too early.
    #[error("the stay was too short")]
    TooShort,
    /// Too long without a fix to call it one stay.
    #[error("the phone gave no position for too long: use the place QR")]
    TimeGap,
    /// Not enough fixes that are exact enough.
    #[error("the position was too inexact: allow precise location, or use the place QR")]
    PoorAccuracy,
    /// A check-in here a short while ago.
    #[error("checked in here a short while ago")]
    CoolDown,
    /// The place's code is over, of another place, or no issuer made it.
    #[error("the place QR is over or not of this place: scan the one that hangs there now")]
    PlaceCode,
    /// No receipt of a store here has this code, or it is over or was used.
    #[error("no receipt of this place can be checked in by this code: check it, each works once")]
    ReceiptCode,
}

impl CheckInRefusal {
    /// The reason as it stands on the wire.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MockLocation => "mock_location",
            Self::ClockShift => "clock_shift",
            Self::Jump => "jump",
            Self::PassedBy => "passed_by",
            Self::CrawledPast => "crawled_past",
            Self::BesideTheSite => "beside_the_site",
            Self::OppositeSide => "opposite_side",
            Self::SideUndecidable => "side_undecidable",
            Self::TooShort => "too_short",
            Self::TimeGap => "time_gap",
            Self::PoorAccuracy => "poor_accuracy",
            Self::CoolDown => "cool_down",
            Self::PlaceCode => "place_code",
            Self::ReceiptCode => "receipt_code",
        }
    }
}

/// What the evidence proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A true stop, on its own side.
    CheckIn(Basis),
    /// None, and why.
    Refused(CheckInRefusal),
    /// Not yet.
    Waiting(Missing),
}

/// Seconds stayed, by where. Begun anew when the phone moves on.
#[derive(Debug, Clone, Copy, Default)]
struct Stay {
    own_s: u32,
    opposite_s: u32,
    unclear_s: u32,
    beside_s: u32,
}

impl Stay {
    fn total_s(&self) -> u32 {
        self.own_s + self.opposite_s + self.unclear_s + self.beside_s
    }

    /// Most of the stay was on the ground and on this side.
    fn proves(&self, dwell_s: u32) -> bool {
        self.own_s >= dwell_s && self.own_s * 2 > self.total_s()
    }

    fn add(&mut self, sample: &Sample, seconds: u32) {
        let place = match (sample.distance, sample.side) {
            (_, Side::Opposite) => &mut self.opposite_s,
            (DistanceBand::Inside, Side::Own) => &mut self.own_s,
            (DistanceBand::Inside, Side::Unclear | Side::Undecidable) => &mut self.unclear_s,
            (DistanceBand::Near | DistanceBand::Far, _) => &mut self.beside_s,
        };
        *place = place.saturating_add(seconds);
    }
}

/// What there was in the samples.
#[derive(Debug, Default)]
struct Reading {
    proven: bool,
    current: Stay,
    longest: Stay,
    usable: u32,
    good_inside: u32,
    slow: bool,
    gap: bool,
    /// Fixes that are exact enough came near the place.
    near: bool,
    /// Only an inexact one did.
    poor_near: bool,
}

/// Says what the evidence proves. The same on the phone and on the backend.
#[must_use]
pub fn decide(evidence: &Evidence, policy: &CheckInPolicy) -> Decision {
    let taints = [
        (evidence.mock, CheckInRefusal::MockLocation),
        (evidence.clock_shift, CheckInRefusal::ClockShift),
        (evidence.jump, CheckInRefusal::Jump),
    ];
    if let Some((_, refusal)) = taints.into_iter().find(|(tainted, _)| *tainted) {
        return Decision::Refused(refusal);
    }
    let dwell_s = if evidence.outlined { policy.dwell_s } else { policy.circle_dwell_s };
    let reading = read(&evidence.samples, policy, dwell_s);
    let basis = if reading.proven && reading.good_inside >= 2 {
        Some(Basis::Dwell)
    } else if evidence.os_visit_s.is_some_and(|stayed_s| stayed_s >= dwell_s) {
        Some(Basis::OsVisit)
    } else if opened_here(evidence, policy) {
        Some(Basis::Opened)
    } else {
        None
    };
    match basis {
        Some(_) if evidence.was_opposite => Decision::Refused(CheckInRefusal::OppositeSide),
        Some(_) if evidence.cooling_down => Decision::Refused(CheckInRefusal::CoolDown),
        Some(basis) => Decision::CheckIn(basis),
        None if evidence.ended => Decision::Refused(why_not(&reading, dwell_s)),
        None => Decision::Waiting(missing(evidence, &reading, policy, dwell_s)),
    }
}

fn read(samples: &[Sample], policy: &CheckInPolicy, dwell_s: u32) -> Reading {
    let mut reading = Reading::default();
    let mut before: Option<&Sample> = None;
    for sample in samples {
        let near = sample.distance != DistanceBand::Far;
        if sample.accuracy == AccuracyClass::Poor {
            reading.poor_near |= near;
            continue;
        }
        reading.near |= near;
        reading.usable += 1;
        reading.slow |= matches!(sample.speed, SpeedClass::Still | SpeedClass::Walking | SpeedClass::Slow);
        reading.good_inside += u32::from(sample.accuracy.is_good() && sample.distance == DistanceBand::Inside);
        // Ages fall; where they do not, somebody has written them down wrong and no time has passed.
        let passed_s = before.map_or(0, |before| before.age_s.saturating_sub(sample.age_s));
        before = Some(sample);
        let too_long = passed_s > policy.max_gap_s;
        reading.gap |= too_long;
        if too_long || !sample.stays || sample.speed == SpeedClass::Driving {
            reading.current = Stay::default();
            continue;
        }
        reading.current.add(sample, passed_s.min(policy.gap_credit_s));
        if reading.current.total_s() >= reading.longest.total_s() {
            reading.longest = reading.current;
        }
        reading.proven |= reading.current.proves(dwell_s);
    }
    reading
}

/// Opened at the place: within the outline, standing, just now. A circle also holds the road beside, so that it does not shorten the wait.
fn opened_here(evidence: &Evidence, policy: &CheckInPolicy) -> bool {
    let stands = |sample: &Sample| {
        sample.distance == DistanceBand::Inside
            && sample.side == Side::Own
            && sample.accuracy.is_good()
            && matches!(sample.speed, SpeedClass::Still | SpeedClass::Walking)
    };
    let fresh = evidence.samples.last().is_some_and(|last| last.age_s <= policy.opened_within_s);
    evidence.opened && evidence.outlined && fresh && evidence.samples.iter().rev().take(2).filter(|sample| stands(sample)).count() == 2
}

fn missing(evidence: &Evidence, reading: &Reading, policy: &CheckInPolicy, dwell_s: u32) -> Missing {
    let Some(last) = evidence.samples.last() else { return Missing::Fix };
    if last.age_s > policy.max_gap_s {
        return Missing::Fix;
    }
    match last {
        Sample { accuracy: AccuracyClass::Poor, .. } => Missing::Accuracy,
        Sample { side: Side::Unclear | Side::Undecidable, distance: DistanceBand::Inside, .. } => Missing::Side,
        Sample { side: Side::Opposite, .. } | Sample { distance: DistanceBand::Near | DistanceBand::Far, .. } => Missing::Place,
        Sample { speed: SpeedClass::Slow | SpeedClass::Driving, .. } => Missing::Stop,
        _ if reading.proven || reading.usable > 2 && reading.good_inside < 2 => Missing::Accuracy,
        _ => Missing::Dwell { left_s: dwell_s.saturating_sub(reading.current.own_s) },
    }
}

fn why_not(reading: &Reading, dwell_s: u32) -> CheckInRefusal {
    let Stay { own_s, opposite_s, unclear_s, beside_s } = reading.longest;
    let total_s = reading.longest.total_s();
    // Half a required stay is a stop; less is what traffic does.
    let stopped = total_s >= dwell_s / 2;
    if reading.usable == 0 || reading.proven || reading.poor_near && !reading.near {
        CheckInRefusal::PoorAccuracy
    } else if !stopped && !reading.slow {
        if reading.gap { CheckInRefusal::TimeGap } else { CheckInRefusal::PassedBy }
    } else if stopped && opposite_s * 2 > total_s {
        CheckInRefusal::OppositeSide
    } else if stopped && unclear_s > own_s.max(beside_s) {
        CheckInRefusal::SideUndecidable
    } else if stopped && beside_s >= own_s {
        CheckInRefusal::BesideTheSite
    } else if reading.gap {
        CheckInRefusal::TimeGap
    } else if stopped || own_s > 0 && reading.usable < 3 {
        CheckInRefusal::TooShort
    } else {
        CheckInRefusal::CrawledPast
    }
}
