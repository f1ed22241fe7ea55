//! What happened on a drive: to be drawn, and to be compared.

use noren_rules::check_in::{AccuracyClass, CheckInMonitor, CheckInPolicy, CheckInRefusal, Finding, Fix, Observation};
use noren_rules::ids::PlaceId;
use noren_rules::places::{Circle, PlaceIndex};
use noren_rules::rotation::{Rotation, RotationPolicy, Situation, rotate};

use crate::drives::{DriveFix, RestStop};

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The stop counts.
    CheckIn,
    /// It does not.
    Refused(CheckInRefusal),
    /// A coupon that the check-in unlocked, by its title.
    Grant(String),
}

/// Something that was said of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The phone's clock.
    pub at_ms: i64,
    /// The place.
    pub place: PlaceId,
    /// What.
    pub kind: EventKind,
}

/// What the operating system watched from a moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct Regions {
    /// The phone's clock.
    pub at_ms: i64,
    /// The refresh region; `None` when everything is watched.
    pub refresh: Option<Circle>,
    /// The fences.
    pub fences: Vec<PlaceId>,
}

/// A drive with all that was said on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Every place there is.
    pub places: Vec<RestStop>,
    /// The fixes.
    pub fixes: Vec<DriveFix>,
    /// Each choice of regions, oldest first.
    pub regions: Vec<Regions>,
    /// What was said, oldest first.
    pub events: Vec<Event>,
    /// From when on there was no network, in the phone's clock.
    pub no_network_from_ms: Option<i64>,
}

impl Story {
    /// What the rules say of a drive: check-ins, refusals, and the regions to watch, 20 at once.
    ///
    /// # Errors
    /// A place that is none.
    pub fn tell(places: Vec<RestStop>, fixes: Vec<DriveFix>) -> Result<Self, String> {
        let index = PlaceIndex::new(places.iter().map(RestStop::place).collect::<Result<_, _>>()?);
        let mut story = Self { places, fixes, regions: Vec::new(), events: Vec::new(), no_network_from_ms: None };
        let mut monitor = CheckInMonitor::new(CheckInPolicy::default());
        let mut rotation: Option<Rotation> = None;
        let fixes: Vec<Fix> = story.fixes.iter().map(DriveFix::fix).collect();
        for fix in &fixes {
            let findings = monitor.observe(&index, &Observation::Fix(*fix));
            story.note(&index, findings);
            let is_left = rotation.as_ref().is_none_or(|rotation| rotation.is_left_at(&fix.position));
            if fix.accuracy() != AccuracyClass::Poor && is_left {
                let situation = monitor.situation().unwrap_or(Situation::at(fix.position));
                let next = rotate(&index, &situation, rotation.as_ref(), &RotationPolicy::ios());
                let fences = next.fences.iter().filter_map(|number| Some(index.place(*number)?.id().clone())).collect();
                story.regions.push(Regions { at_ms: fix.at_ms, refresh: next.refresh, fences });
                rotation = Some(next);
            }
        }
        if let Some(last) = fixes.last() {
            let findings = monitor.end_all(&index, last.at_ms);
            story.note(&index, findings);
        }
        Ok(story)
    }

    fn note(&mut self, index: &PlaceIndex, findings: Vec<Finding>) {
        for finding in findings {
            let (number, at_ms, kind) = match finding {
                Finding::CheckIn { number, at_ms, .. } => (number, at_ms, EventKind::CheckIn),
                Finding::Refused { number, at_ms, refusal, .. } => (number, at_ms, EventKind::Refused(refusal)),
                Finding::Waiting { .. } => continue,
            };
            self.events.extend(index.place(number).map(|place| Event { at_ms, place: place.id().clone(), kind }));
        }
    }

    pub(super) fn place(&self, id: &PlaceId) -> Option<&RestStop> {
        self.places.iter().find(|place| place.id == *id)
    }

    /// What was first said of each place on the side that was driven, in order: the side of the check-in.
    pub(super) fn own_side(&self) -> Vec<(&RestStop, &EventKind)> {
        let side = self.check_in().and_then(|event| self.place(&event.place)).map(RestStop::side);
        let mut said: Vec<(&RestStop, &EventKind)> = Vec::new();
        for event in &self.events {
            let place = self.place(&event.place).filter(|place| Some(place.side()) == side);
            if let Some(place) = place.filter(|place| said.iter().all(|(other, _)| other.id != place.id)) {
                said.push((place, &event.kind));
            }
        }
        said
    }

    /// The regions in force at a moment.
    pub(super) fn regions_at(&self, at_ms: i64) -> Option<&Regions> {
        self.regions.iter().rev().find(|regions| regions.at_ms <= at_ms)
    }

    /// The check-in that the picture is about.
    pub(super) fn check_in(&self) -> Option<&Event> {
        self.events.iter().find(|event| event.kind == EventKind::CheckIn)
    }

    /// The fix at a moment, or the last one before it.
    pub(super) fn fix_at(&self, at_ms: i64) -> Option<&DriveFix> {
        self.fixes.iter().rev().find(|fix| fix.at_ms <= at_ms)
    }
}
