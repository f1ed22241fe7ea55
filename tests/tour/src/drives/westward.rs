//! The drive of the tour: from Kyoto to the west past three service areas, in the order in which they lie along Meishin and Chugoku Expressway.

use super::drive::{Drive, DriveFix};
use super::rest_stops::OUTLINES;
use super::sites::{Site, sites};

/// Passed at 100 km/h, in the direction of the drive.
pub const PASSED_BY: &str = "桂川PA (下り)";
/// Crawled past in a jam.
pub const CRAWLED_PAST: &str = "吹田SA (下り)";
/// Stopped at for twelve minutes.
pub const STOPPED_AT: &str = "西宮名塩SA (下り)";

/// How long the stop is, in seconds.
const STOP_S: u32 = 720;
/// Tennozan tunnel, in metres from where the road leaves the first site behind.
const TUNNEL_M: std::ops::Range<f64> = 7_000.0..8_600.0;

/// The drive and what happened on it.
#[derive(Debug, Clone)]
pub struct Westward {
    /// Every fix.
    pub drive: Drive,
    /// From when on there is no network, in milliseconds since the Unix epoch; it is back at the end of the drive.
    pub valley_from_ms: i64,
}

impl Westward {
    /// The drive that the tour tells and the README shows.
    pub const TOLD: u64 = 1;

    /// Builds it.
    ///
    /// # Errors
    /// A site that the outlines lack.
    pub fn build(seed: u64) -> Result<Self, String> {
        let sites = sites(OUTLINES)?;
        let site = |name: &str| sites.iter().find(|site| site.name == name).ok_or(format!("{name} has no outline"));
        let (passed, crawled, stopped): (&Site, &Site, &Site) = (site(PASSED_BY)?, site(CRAWLED_PAST)?, site(STOPPED_AT)?);
        let there = Drive::new(passed, seed).passing(100.0).on_to(crawled, 100.0, Some(TUNNEL_M));
        let before_stop = there.crawling().on_to(stopped, 100.0, None);
        let valley_from_ms = before_stop.now_ms();
        Ok(Self { drive: before_stop.stopping_for(STOP_S), valley_from_ms })
    }

    /// The fixes until the network goes, those until the car leaves the stop, and the rest.
    #[must_use]
    pub fn parts(&self) -> (&[DriveFix], &[DriveFix], &[DriveFix]) {
        let fixes = &self.drive.fixes;
        let (there, without) = fixes.split_at(fixes.partition_point(|fix| fix.at_ms < self.valley_from_ms));
        let leaves = without.iter().rposition(|fix| fix.speed_mps < 0.1).map_or(0, |last| last + 1);
        let (stay, on) = without.split_at(leaves);
        (there, stay, on)
    }
}
