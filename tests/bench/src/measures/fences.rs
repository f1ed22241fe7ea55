//! Which fences hold a fix, and which regions to choose among very many: beside an R-tree of boxes (rstar), answers held against every fence first.

use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::places::{Circle, Direction, Place, PlaceIndex, Shape};
use noren_rules::rotation::{RotationPolicy, Situation, rotate};
use rstar::RTree;
use rstar::primitives::{GeomWithData, Rectangle};

use crate::dice::Dice;
use crate::report::{Line, Outcome, Samples, check, round};

const PEER: &str = "rstar: R-tree of boxes in degrees, bulk loaded, then the distance on the plane";
/// Fixes timed together: one is too short for a clock.
const BATCH: usize = 1_000;
/// Compared with every fence before anything is timed.
const CHECKED: usize = 300;

/// Fences by their number: `sizes` are measured in turn, each against a peer of its own.
pub(crate) fn fences(sizes: &[usize], runs: usize) -> Outcome {
    let mut first: Option<f64> = None;
    for size in sizes {
        let circles = circles(*size)?;
        let index = PlaceIndex::new(places(&circles)?);
        let tree = RTree::bulk_load(circles.iter().enumerate().map(boxed).collect());
        let fixes = fixes(&circles, BATCH * 20)?;
        verify(&circles, &index, &tree, &fixes)?;
        let (mut ours, mut theirs) = (Samples::default(), Samples::default());
        for run in 0..runs {
            let batch: Vec<Position> = fixes.iter().cycle().skip(run % 20 * BATCH).take(BATCH).copied().collect();
            // Whoever is second finds nothing of the other's in the caches that helps.
            for turn in 0..2 {
                if (turn + run) % 2 == 0 {
                    ours.add(per_fix(&batch, |fix| index.holding(fix).len()));
                } else {
                    theirs.add(per_fix(&batch, |fix| peer(&circles, &tree, fix).len()));
                }
            }
        }
        let us = ours.quantiles().p50;
        let growth = round(us / *first.get_or_insert(us));
        Line::new(format!("fences_{size}"), &ours)
            .beside(PEER, &theirs)
            .at_most_times(1.0)
            .with("ours_ns", nanoseconds(&ours))
            .with("peer_ns", nanoseconds(&theirs))
            .with("growth", growth)
            .with("fixes_a_run", BATCH)
            .emit()?;
    }
    Ok(())
}

/// Choosing the regions to hand to the operating system.
pub(crate) fn regions(size: usize, runs: usize) -> Outcome {
    let circles = circles(size)?;
    let index = PlaceIndex::new(places(&circles)?);
    let fixes = fixes(&circles, runs)?;
    for (name, policy) in [("regions_20", RotationPolicy::ios()), ("regions_100", RotationPolicy::android())] {
        let mut ours = Samples::default();
        for (number, fix) in fixes.iter().enumerate() {
            let heading_deg = (number % 2 == 0).then_some((number % 360) as f64);
            let situation = Situation { error_m: 10.0, speed_mps: Some(25.0), heading_deg, ..Situation::at(*fix) };
            let rotation = ours.time(|| rotate(&index, &situation, None, &policy));
            let holds = rotation.refresh.is_some_and(|refresh| refresh.holds(fix));
            check(rotation.fences.len() == policy.limit - 1 && holds, || format!("{name}: {rotation:?}"))?;
        }
        Line::new(name, &ours).at_most_us(1_000.0).with("fences", size).emit()?;
    }
    Ok(())
}

fn nanoseconds(samples: &Samples) -> f64 {
    round(samples.quantiles().p50 * 1_000.0)
}

/// The time of one fix out of a batch.
fn per_fix(batch: &[Position], answer: impl Fn(&Position) -> usize) -> std::time::Duration {
    let begin = std::time::Instant::now();
    let found: usize = batch.iter().map(answer).sum();
    let elapsed = begin.elapsed();
    std::hint::black_box(found);
    elapsed / u32::try_from(batch.len().max(1)).unwrap_or(u32::MAX)
}

/// Over a box as large as Japan, radius 100 to 500 m.
fn circles(size: usize) -> Outcome<Vec<Circle>> {
    let mut dice = Dice::new(size as u64);
    let mut part = move || dice.below(1 << 40) as f64 / (1u64 << 40) as f64;
    (0..size)
        .map(|_| Ok(Circle { centre: Position::new(31.0 + part() * 14.0, 129.5 + part() * 15.5)?, radius_m: 100.0 + part() * 400.0 }))
        .collect()
}

fn places(circles: &[Circle]) -> Outcome<Vec<Place>> {
    let place = |(number, circle): (usize, &Circle)| {
        Ok(Place::new(PlaceId(number.to_string()), "a place", Direction::Both, Shape::Circle(*circle))?)
    };
    circles.iter().enumerate().map(place).collect()
}

/// Half of them near a fence, half anywhere.
fn fixes(circles: &[Circle], count: usize) -> Outcome<Vec<Position>> {
    let mut dice = Dice::new(7);
    let mut fixes = Vec::with_capacity(count);
    for number in 0..count {
        let near = circles.get(dice.index(circles.len())).filter(|_| number % 2 == 0);
        let mut part = || dice.below(1 << 40) as f64 / (1u64 << 40) as f64;
        fixes.push(match near {
            Some(circle) => circle.centre.offset_by(1_200.0 * part() - 600.0, 1_200.0 * part() - 600.0),
            None => Position::new(31.0 + part() * 14.0, 129.5 + part() * 15.5)?,
        });
    }
    Ok(fixes)
}

type Box = GeomWithData<Rectangle<[f64; 2]>, u32>;

fn boxed((number, circle): (usize, &Circle)) -> Box {
    let [north, east, south, west] = [0.0, 90.0, 180.0, 270.0].map(|bearing| circle.centre.towards(bearing, circle.radius_m * 1.01));
    let corners = Rectangle::from_corners([west.lon_deg(), south.lat_deg()], [east.lon_deg(), north.lat_deg()]);
    GeomWithData::new(corners, u32::try_from(number).unwrap_or(u32::MAX))
}

fn peer(circles: &[Circle], tree: &RTree<Box>, fix: &Position) -> Vec<u32> {
    let holds = |number: u32| circles.get(number as usize).is_some_and(|c| c.centre.flat_distance_m(fix) <= c.radius_m);
    tree.locate_all_at_point(&[fix.lon_deg(), fix.lat_deg()]).map(|found| found.data).filter(|number| holds(*number)).collect()
}

/// Ours as every fence says by the exact distance; the peer's but for what lies within a metre of an edge.
fn verify(circles: &[Circle], index: &PlaceIndex, tree: &RTree<Box>, fixes: &[Position]) -> Outcome {
    for (number, fix) in fixes.iter().enumerate() {
        let ours = index.holding(fix);
        if number < CHECKED {
            let every: Vec<usize> = (0..circles.len())
                .filter(|n| {
                    circles.get(*n).is_some_and(|circle| (circle.centre.lat_deg() - fix.lat_deg()).abs() < 0.01 && circle.holds(fix))
                })
                .collect();
            check(ours == every, || format!("{fix:?} is in {every:?}, not in {ours:?}"))?;
        }
        let theirs = peer(circles, tree, fix);
        let clear = |circle: &Circle| (circle.centre.distance_m(fix) - circle.radius_m).abs() > 1.0;
        let differs = (theirs.iter().filter(|n| !ours.contains(&(**n as usize))).map(|n| *n as usize))
            .chain(ours.iter().filter(|n| !theirs.iter().any(|t| *t as usize == **n)).copied());
        for other in differs {
            check(circles.get(other).is_some_and(|circle| !clear(circle)), || format!("{fix:?} and fence {other}"))?;
        }
    }
    Ok(())
}
