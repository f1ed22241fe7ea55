//! 300 commuters and one kitchen: slots of the kitchen's time keep their promise where a count of orders does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use std::path::Path;
use std::sync::LazyLock;

use noren_tour::morning::{self, Mornings, Policy, SEEDS, Way, Ways};

static MORNINGS: LazyLock<Vec<Mornings>> = LazyLock::new(|| morning::run().expect("the stand's files are there"));

fn of(policy: Policy) -> &'static Mornings {
    MORNINGS.iter().find(|of| of.policy == policy).unwrap()
}

const SLOTS: [Policy; 2] = [Policy::Book, Policy::Levelled];
const BUCKETS: [Policy; 3] = [Policy::Buckets, Policy::EvenBuckets, Policy::BucketEnds];

/// Minute by minute and station by station, added up from the bookings alone: what was kept for guests at the counter (15 %) was never given away.
#[test]
fn no_minute_of_any_station_is_booked_beyond_what_it_has() {
    for slots in SLOTS.map(of) {
        assert_eq!(slots.each.len(), SEEDS.count());
        for figures in &slots.each {
            assert!(figures.most_minute_permille <= 850.0, "{:.0}", figures.most_minute_permille);
            assert!(figures.most_minute_permille > 800.0, "the kitchen is not idle either");
        }
    }
    // The check can fail: who counts orders plans more into a minute than can be done.
    assert!(of(Policy::Buckets).each.iter().all(|figures| figures.most_minute_permille > 1_000.0));
}

/// Nine of ten orders are ready as promised, in the median morning; and later than that by less than by any way to count orders.
#[test]
fn the_promise_holds_for_nine_of_ten() {
    for slots in SLOTS.map(of) {
        assert!(slots.median.late_p90_min <= 0.0, "{:.1}", slots.median.late_p90_min);
        for buckets in BUCKETS.map(of) {
            assert!(slots.median.late_p90_min < buckets.median.late_p90_min, "{:?}", buckets.policy);
        }
        // On every single morning, against tills whose guests take the nearest minute that is free, as those of the slots do.
        assert!(slots.each.iter().zip(&of(Policy::Buckets).each).all(|(book, buckets)| book.late_p90_min < buckets.late_p90_min));
    }
}

/// What the shop promises is one thing; how long people stand there, and how far from the wanted time they have their coffee, another.
#[test]
fn people_wait_less_and_are_served_nearer_to_their_time() {
    let (asap, levelled) = (of(Policy::Asap), of(Policy::Levelled));
    assert!(levelled.each.iter().zip(&asap.each).all(|(levelled, asap)| levelled.wait_min < 0.2 * asap.wait_min));
    for counted in BUCKETS.map(of).into_iter().chain([asap]) {
        assert!(levelled.median.off_min < counted.median.off_min, "{:?}", counted.policy);
    }
    // Guests who order at the counter do not pay for it.
    assert!(levelled.median.guests_wait_min < asap.median.guests_wait_min);
}

#[test]
fn the_load_is_smoother_and_fewer_are_told_another_time() {
    let [book, levelled] = SLOTS.map(|policy| &of(policy).median);
    for figures in [book, levelled] {
        assert!(figures.peak_to_mean < of(Policy::Buckets).median.peak_to_mean && figures.gini < of(Policy::Buckets).median.gini);
        assert!(figures.peak_to_mean < of(Policy::Asap).median.peak_to_mean / 3.0 && figures.gini < of(Policy::Asap).median.gini);
    }
    // Points make the load more even than the limit alone does. The busiest quarter stays full: five times as many want it as it can take.
    assert!(levelled.gini < book.gini && levelled.nudged_permille >= 200.0, "{} {}", levelled.gini, levelled.nudged_permille);
    assert!(levelled.refused_permille < book.refused_permille - 200.0);
    assert_eq!(book.nudged_permille, 0.0);
}

/// Three stands on the way: store and slot from the journey, against the nearest one as soon as possible, and against the nearest one by slots.
#[test]
fn the_journey_spreads_people_over_the_stands_on_their_way() {
    let ways: Vec<Ways> = morning::ways().unwrap();
    let of = |way| ways.iter().find(|of| of.way == way).unwrap();
    let suggested = of(Way::Suggested);
    for naive in [of(Way::NearestAsap), of(Way::NearestSlot)] {
        assert_eq!(naive.median.elsewhere_permille, 0.0);
        // Less waiting on every single morning, and what is walked more is less than that.
        assert!(suggested.each.iter().zip(&naive.each).all(|(suggested, naive)| suggested.wait_min < naive.wait_min));
        assert!(suggested.median.peak_permille < naive.median.peak_permille);
        assert!(suggested.median.wait_min + suggested.median.detour_min < naive.median.wait_min);
    }
    assert!(suggested.each.iter().all(|figures| figures.peak_permille < 1_000.0 && figures.elsewhere_permille > 50.0));
    // No kitchen is asked for more than it has; the nearest one as soon as possible is, every morning.
    assert!(of(Way::NearestAsap).each.iter().all(|figures| figures.peak_permille > 1_000.0));
}

/// The README says what comes out here.
#[test]
fn the_readme_shows_these_medians() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    assert!(readme.contains("tests/tour/pictures/morning.png"));
    for policy in Policy::ALL {
        let f = &of(policy).median;
        let row =
            format!("| {:.1} min | {:.1} min | {:.1} min | {:.2}; {:.2} |", f.late_p90_min, f.wait_min, f.off_min, f.peak_to_mean, f.gini);
        assert!(readme.contains(&row), "{}: {row}", policy.name());
    }
}

#[test]
fn the_picture_is_of_these_mornings() {
    let drawn = morning::draw(&MORNINGS).unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures/morning.png");
    assert!(std::fs::read(picture).unwrap() == drawn, "cargo run -- morning, and copy target/tour/morning.png into tests/tour/pictures");
}
