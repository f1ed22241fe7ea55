//! What the operating system shall watch: chosen by the rotation, never reaching further than what is known.

use std::collections::BTreeSet;

use noren_rules::ids::PlaceId;
use noren_rules::places::{Circle, PlaceIndex};
use noren_rules::rotation::{Coverage, Rotation, RotationPolicy, Situation, rotate};
use serde::{Deserialize, Serialize};

use super::follow::Following;
use super::{REFRESH_REGION, RegionPlan, WatchedRegion};
use crate::places::PlaceBook;

/// What the operating system watches for us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Registered {
    fences: BTreeSet<PlaceId>,
    refresh: Option<Circle>,
    /// Of which places it was chosen.
    book: String,
}

impl Registered {
    /// As the rotation takes it; places that are gone are no longer in it.
    fn rotation(&self, index: &PlaceIndex) -> Rotation {
        let mut fences: Vec<usize> = self.fences.iter().filter_map(|id| index.number(id)).collect();
        fences.sort_unstable();
        Rotation { fences, refresh: self.refresh, coverage: Coverage::Guaranteed }
    }
}

/// Chooses anew where it is time: nothing is registered, the refresh region was left, or is worn while the system has woken the
/// app anyway, or other places are known. `None` otherwise, and
/// while nothing is known of where the phone is.
pub(super) fn plan(book: &PlaceBook, following: &mut Following, woken: bool) -> Option<RegionPlan> {
    let situation = following.monitor.situation()?;
    let before = following.registered.clone();
    let other_places = before.as_ref().is_some_and(|known| known.book != book.version());
    if let Some(known) = &before {
        let rotation = known.rotation(book.index());
        // While fixes stream in it would be worn again and again.
        let is_worn = woken && rotation.is_worn_at(&situation.position);
        let serves = !rotation.is_left_at(&situation.position) && !is_worn;
        if serves && !following.refresh_left && !other_places {
            return None;
        }
    }
    following.refresh_left = false;
    let index = book.index();
    let rotation = choose(book, &situation, before.as_ref(), following.limit.policy());
    let fences: BTreeSet<PlaceId> =
        rotation.fences.iter().filter_map(|number| index.place(*number)).map(|place| place.id().clone()).collect();
    let watched = |id: &PlaceId| !other_places && before.as_ref().is_some_and(|known| known.fences.contains(id));
    let add = fences.iter().filter(|id| !watched(id)).filter_map(|id| region_of(index, id)).collect();
    let gone = before.iter().flat_map(|known| &known.fences).filter(|id| !fences.contains(*id));
    let remove = gone.map(|id| id.as_str().to_owned()).collect();
    following.registered = Some(Registered { fences, refresh: rotation.refresh, book: book.version().to_owned() });
    let refresh = rotation.refresh.map(|circle| region(REFRESH_REGION, &circle));
    Some(RegionPlan { add, remove, refresh, coverage: rotation.coverage })
}

/// The rotation, with a refresh region that ends before the unknown begins: what is not known there cannot be reached unseen.
fn choose(book: &PlaceBook, situation: &Situation, before: Option<&Registered>, policy: RotationPolicy) -> Rotation {
    let late_m = policy.max_speed_mps * policy.os_delay_s;
    let known_m = (book.unknown_beyond_m(&situation.position) - late_m).clamp(policy.min_refresh_m, policy.max_refresh_m);
    let index = book.index();
    // A refresh region is needed also where every place could be watched: places further on are not known.
    let limit = if index.places().len() == policy.limit { policy.limit.saturating_sub(1) } else { policy.limit };
    let policy = RotationPolicy { limit, max_refresh_m: known_m, ..policy };
    let before = before.map(|known| known.rotation(index));
    let mut rotation = rotate(index, situation, before.as_ref(), &policy);
    if rotation.refresh.is_none() {
        rotation.refresh = Some(Circle { centre: situation.position, radius_m: known_m });
    }
    rotation
}

fn region_of(index: &PlaceIndex, id: &PlaceId) -> Option<WatchedRegion> {
    let place = index.number(id).and_then(|number| index.place(number))?;
    Some(region(id.as_str(), &place.region()))
}

fn region(id: &str, circle: &Circle) -> WatchedRegion {
    WatchedRegion { id: id.to_owned(), lat_deg: circle.centre.lat_deg(), lon_deg: circle.centre.lon_deg(), radius_m: circle.radius_m }
}
