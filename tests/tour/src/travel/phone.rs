//! The traveller's phone: an app around the core, with a file for a key store and the story's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use noren_core::check_in::{CheckInReport, CheckInView, NewCheckIn, Observation, REFRESH_REGION, RefusedVisit, RegionPlan};
use noren_core::coupons::{CouponSituation, CouponView, Presentation, StampCardView};
use noren_core::member::{CardView, Symbology};
use noren_core::net::Transport;
use noren_core::platform::software::{FileSecureStore, SoftwareDeviceKey};
use noren_core::platform::{Platform, SystemEntropy};
use noren_core::{Config, Noren};
use noren_rules::check_in::AccuracyClass;
use noren_rules::geo::Position;
use noren_rules::ids::{CheckInId, PlaceId};
use noren_rules::places::Circle;
use noren_rules::receipt::{Channel, Receipt};

use super::{STORE, StoryClock, text};
use crate::drives::{BEGINS_MS, DriveFix, RestStop};
use crate::map::{Event, EventKind, Regions, Story};

/// Fixes are handed over in batches of this many seconds, as operating systems do.
const BATCH_MS: i64 = 5_000;

/// What the phone said on the way.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Check-ins, each with the coupons that it unlocked and the notice to the person.
    pub check_ins: Vec<NewCheckIn>,
    /// Visits that were none.
    pub refused: Vec<RefusedVisit>,
    /// Each choice of regions, in the time of the drive.
    pub regions: Vec<Regions>,
    /// How often the operating system woke the app.
    pub wake_ups: usize,
    system: System,
}

/// A phone whose owner drives.
pub struct Traveller {
    noren: Noren,
    clock: StoryClock,
    /// By how much the phone's clock is ahead of the drive's.
    ahead_ms: i64,
}

impl Traveller {
    /// A phone in a directory of its own, enrolled. The drive begins a minute from now.
    ///
    /// # Errors
    /// What the core or the backend refused.
    pub async fn enrol(home: &Path, backend_url: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Result<Self, String> {
        let noren = enrolled(home, backend_url, transport, clock).await?;
        Ok(Self { noren, clock: clock.clone(), ahead_ms: clock.now_ms() + 60_000 - BEGINS_MS })
    }

    /// The app core.
    #[must_use]
    pub fn noren(&self) -> &Noren {
        &self.noren
    }

    /// The moment of a fix by the phone's clock.
    fn clock_of(&self, drive_ms: i64) -> i64 {
        drive_ms + self.ahead_ms
    }

    /// Fetches what is needed on the way, while there is a network: the area's places and rules, and grants for tills without a connection.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn prepare(&self, here: &Position) -> Result<(), String> {
        self.noren.places().refresh(here).await.map_err(text)?;
        self.noren.coupons().refresh().await.map_err(text)?;
        Ok(())
    }

    /// Drives on: the operating system wakes the app at the regions that it watches, and hands it fixes while the app asks for them; otherwise the
    /// app sleeps. An area that is due is fetched if it can be.
    ///
    /// # Errors
    /// What the core refused.
    pub async fn drive(&self, fixes: &[DriveFix], said: &mut Said) -> Result<(), String> {
        for batch in fixes.chunk_by(|a, b| a.at_ms.div_euclid(BATCH_MS) == b.at_ms.div_euclid(BATCH_MS)) {
            let Some(last) = batch.last() else { continue };
            self.clock.pass_until_ms(self.clock_of(last.at_ms));
            let slept = !said.system.wants_fixes;
            let mut observations = Vec::new();
            for fix in batch {
                observations.extend(said.system.region_events(fix, self.clock_of(fix.at_ms)));
                if said.system.wants_fixes || !observations.is_empty() {
                    observations.push(DriveFix { at_ms: self.clock_of(fix.at_ms), ..*fix }.observation());
                }
            }
            if observations.is_empty() {
                continue;
            }
            said.wake_ups += usize::from(slept);
            let report = self.noren.check_in().observe(observations).map_err(text)?;
            if report.area_due {
                // Without a network it is asked for later, and what is known goes on.
                let _ = self.noren.places().refresh(&last.shown).await;
            }
            said.take(report, last.at_ms);
        }
        Ok(())
    }

    /// The coupons as they stand at the shop of a place.
    ///
    /// # Errors
    /// What the core refused.
    pub fn coupons_at(&self, place: &PlaceId) -> Result<Vec<CouponView>, String> {
        let situation = CouponSituation { place: Some(place.clone()), store: Some(STORE.into()), channel: Some(Channel::Store) };
        self.noren.coupons().list(&situation).map_err(text)
    }

    /// Shows the card with the coupons that the member is willing to use. Needs no network.
    ///
    /// # Errors
    /// What the core refused.
    pub fn show_card(&self) -> Result<(CardView, Presentation), String> {
        let presentation = self.noren.coupons().begin_presentation();
        Ok((self.noren.member().card(Symbology::Qr).map_err(text)?, presentation))
    }

    /// Puts the card away.
    pub fn put_card_away(&self) {
        self.noren.coupons().end_presentation();
    }

    /// There is a network again: what waits is delivered.
    ///
    /// # Errors
    /// That something could not be delivered.
    pub async fn deliver(&self) -> Result<(), String> {
        let report = self.noren.outbox().network_returned().await.map_err(text)?;
        if report.open + report.refused == 0 { Ok(()) } else { Err(format!("the phone could not deliver everything: {report:?}")) }
    }

    /// Pulls the receipts: they say which coupons were used.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn pull(&self) -> Result<(), String> {
        self.noren.purchases().refresh().await.map_err(text)?;
        Ok(())
    }

    /// A check-in as the phone knows it now.
    ///
    /// # Errors
    /// That there is none, or what the core refused.
    pub fn check_in(&self, id: &CheckInId) -> Result<CheckInView, String> {
        let recent = self.noren.check_in().recent().map_err(text)?;
        recent.into_iter().find(|check_in| check_in.id == *id).ok_or("the phone does not know the check-in".to_owned())
    }

    /// The newest receipt.
    ///
    /// # Errors
    /// That there is none.
    pub fn newest_receipt(&self) -> Result<Receipt, String> {
        let page = self.noren.purchases().page(None, 1).map_err(text)?;
        let newest = page.receipts.first().ok_or("there is no receipt on the phone")?;
        self.noren.purchases().receipt(&newest.id).map_err(text)
    }

    /// The stamp cards.
    ///
    /// # Errors
    /// What the core refused.
    pub fn stamp_cards(&self) -> Result<Vec<StampCardView>, String> {
        self.noren.coupons().stamp_cards().map_err(text)
    }

    /// What was said, to be drawn.
    #[must_use]
    pub fn story(&self, said: &Said, places: Vec<RestStop>, fixes: Vec<DriveFix>, no_network_from_ms: i64) -> Story {
        // The trusted clock may be a few milliseconds off the phone's: fixes come at whole seconds.
        let drive_ms = |clock_ms: i64| (clock_ms - self.ahead_ms + 500).div_euclid(1_000) * 1_000;
        let mut events: Vec<Event> = Vec::new();
        for refused in &said.refused {
            let (at_ms, place) = (drive_ms(refused.at_ms), refused.place.clone());
            events.push(Event { at_ms, place, kind: EventKind::Refused(refused.reason) });
        }
        for made in &said.check_ins {
            let (at_ms, place) = (drive_ms(made.check_in.at_ms), made.check_in.place.clone());
            events.push(Event { at_ms, place: place.clone(), kind: EventKind::CheckIn });
            if !made.check_in.unlocked.is_empty() {
                events.push(Event { at_ms, place, kind: EventKind::Grant("coupon granted, with no network".to_owned()) });
            }
        }
        events.sort_by_key(|event| event.at_ms);
        Story { places, fixes, regions: said.regions.clone(), events, no_network_from_ms: Some(no_network_from_ms) }
    }
}

/// A phone in a directory of its own, with a file for a key store and the story's clock, enrolled.
///
/// # Errors
/// What the core or the backend refused.
pub(crate) async fn enrolled(home: &Path, backend_url: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Result<Noren, String> {
    std::fs::create_dir_all(home).map_err(text)?;
    let entropy = Arc::new(SystemEntropy);
    let platform = Platform {
        secure_store: Arc::new(FileSecureStore::new(home.join("secure-store"))),
        device_key: Arc::new(SoftwareDeviceKey::new(home.join("device.key"), entropy.clone())),
        clock: Arc::new(clock.clone()),
        entropy,
        transport,
    };
    let config = Config { directory: home.join("files"), backend_url: backend_url.to_owned(), language: "en".to_owned() };
    let noren = Noren::open(config, platform).map_err(text)?;
    noren.member().enrol(None).await.map_err(text)?;
    Ok(noren)
}

impl Said {
    fn take(&mut self, report: CheckInReport, drive_ms: i64) {
        self.system.wants_fixes = report.needs_fixes;
        self.check_ins.extend(report.check_ins);
        self.refused.extend(report.refused);
        if let Some(plan) = report.regions {
            self.system.register(&plan);
            let refresh = self.system.watched.get(REFRESH_REGION).copied();
            let fences = self.system.watched.keys().filter(|id| *id != REFRESH_REGION).map(|id| PlaceId(id.clone())).collect();
            self.regions.push(Regions { at_ms: drive_ms, refresh, fences });
        }
    }
}

/// The operating system's part: it watches regions, and wakes the app.
#[derive(Debug, Clone)]
struct System {
    watched: BTreeMap<String, Circle>,
    inside: BTreeSet<String>,
    wants_fixes: bool,
}

impl Default for System {
    /// The app is open when the drive begins.
    fn default() -> Self {
        Self { watched: BTreeMap::new(), inside: BTreeSet::new(), wants_fixes: true }
    }
}

impl System {
    fn register(&mut self, plan: &RegionPlan) {
        for id in &plan.remove {
            self.watched.remove(id);
        }
        for region in plan.add.iter().chain(&plan.refresh) {
            if let Ok(centre) = Position::new(region.lat_deg, region.lon_deg) {
                self.watched.insert(region.id.clone(), Circle { centre, radius_m: region.radius_m });
            }
        }
    }

    /// Entries of places, and leaving the refresh region. No system goes by fixes that may be hundreds of metres off.
    fn region_events(&mut self, fix: &DriveFix, at_ms: i64) -> Vec<Observation> {
        if AccuracyClass::of(Some(fix.accuracy_m)) == AccuracyClass::Poor {
            return Vec::new();
        }
        let holding = self.watched.iter().filter(|(_, circle)| circle.holds(&fix.shown));
        let now: BTreeSet<String> = holding.map(|(id, _)| id.clone()).collect();
        let entered = now.difference(&self.inside).filter(|id| *id != REFRESH_REGION);
        let mut events: Vec<Observation> = entered.map(|id| Observation::RegionEntered { id: id.clone(), at_ms }).collect();
        if self.inside.contains(REFRESH_REGION) && !now.contains(REFRESH_REGION) {
            events.push(Observation::RegionLeft { id: REFRESH_REGION.to_owned(), at_ms });
        }
        self.inside = now;
        events
    }
}
