//! A hashed grid of cubes, one level a size of region: which places may hold a position, in a look-up or two however many places there are.
//!
//! All that is asked lies on one line of memory where it can: eight bytes a cube, then the places of the cube next to each other, each with enough to
//! rule it out. Only what is not ruled out is looked at in full, by the caller.

use crate::geo::{POLAR_RADIUS_M, Spot};

/// The edge of a cube at level 0, in metres: as large as most regions. Four times more at every level.
const CUBE_M: f64 = 1_024.0;
const LEVELS: u32 = 8;
const FREE: u32 = u32::MAX;
/// On the last place of a cube.
const LAST: u32 = 1 << 31;
/// For rounding to centimetres, twice in three directions, and a millimetre of the exact test.
const ROUNDING_CM: f64 = 4.0;

#[derive(Debug, Default)]
pub(crate) struct Grid {
    /// Open addressing, at most half full, a power of two long.
    slots: Vec<Slot>,
    members: Vec<Member>,
    /// Which levels are in use.
    levels: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Half of the cube's hash. Two cubes may share it: their places rule themselves out.
    mark: u32,
    /// Where its places begin, or [`FREE`].
    from: u32,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    centre_cm: [i32; 3],
    reach_cm: u32,
    /// The place's number, and [`LAST`].
    number: u32,
}

impl Grid {
    /// A grid of regions by their numbers from 0: centre and radius in metres.
    pub(crate) fn new(regions: impl Iterator<Item = (Spot, f64)>) -> Self {
        let mut grid = Self::default();
        let mut touched: Vec<(u64, u32)> = Vec::new();
        let mut every: Vec<Member> = Vec::new();
        for (number, (centre, radius_m)) in (0u32..LAST).zip(regions) {
            let level = level_for(radius_m);
            if !grid.levels.contains(&level) {
                grid.levels.push(level);
            }
            for_cubes_around(&centre.vector_m, radius_m, level, |cube| touched.push((cube, number)));
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some hundred kilometres")]
            let reach_cm = (radius_m * 100.0 + ROUNDING_CM).ceil() as u32;
            every.push(Member { centre_cm: centimetres(&centre.vector_m), reach_cm, number });
        }
        touched.sort_unstable();
        let cubes = touched.chunk_by(|a, b| a.0 == b.0);
        let slots = (cubes.count() * 2).next_power_of_two();
        grid.slots = vec![Slot { mark: 0, from: FREE }; slots];
        grid.members.reserve_exact(touched.len());
        for cube in touched.chunk_by(|a, b| a.0 == b.0) {
            let from = u32::try_from(grid.members.len()).unwrap_or(FREE);
            grid.members.extend(cube.iter().filter_map(|(_, number)| every.get(*number as usize)));
            if let (Some((key, _)), Some(last)) = (cube.first(), grid.members.last_mut()) {
                last.number |= LAST;
                grid.take_slot(*key, from);
            }
        }
        grid
    }

    fn take_slot(&mut self, cube: u64, from: u32) {
        let (mut at, mark) = place_of(cube);
        let mask = self.slots.len().wrapping_sub(1);
        while let Some(slot) = self.slots.get_mut(at & mask) {
            if slot.from == FREE {
                *slot = Slot { mark, from };
                return;
            }
            at = at.wrapping_add(1);
        }
    }

    /// Calls `found` with the number of each place whose region may hold the position, and of few others; a number may come twice.
    #[inline]
    pub(crate) fn may_hold(&self, spot: &Spot, mut found: impl FnMut(usize)) {
        let here_cm = centimetres(&spot.vector_m);
        let mask = self.slots.len().wrapping_sub(1);
        for level in &self.levels {
            let (mut at, mark) = place_of(cube_of(&spot.vector_m, *level));
            while let Some(slot) = self.slots.get(at & mask).filter(|slot| slot.from != FREE) {
                if slot.mark == mark {
                    self.members_from(slot.from, &here_cm, &mut found);
                }
                at = at.wrapping_add(1);
            }
        }
    }

    #[inline]
    fn members_from(&self, from: u32, here_cm: &[i32; 3], found: &mut impl FnMut(usize)) {
        for member in self.members.get(from as usize..).into_iter().flatten() {
            let square: i64 = member.centre_cm.iter().zip(here_cm).map(|(a, b)| (i64::from(*a) - i64::from(*b)).pow(2)).sum();
            if square <= i64::from(member.reach_cm).pow(2) {
                found((member.number & !LAST) as usize);
            }
            if member.number & LAST != 0 {
                return;
            }
        }
    }
}

/// Where the look-up of a cube begins, and its mark.
fn place_of(cube: u64) -> (usize, u32) {
    let spread = cube.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let spread = (spread ^ (spread >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    #[allow(clippy::cast_possible_truncation, reason = "two halves of a hash")]
    let halves = ((spread >> 32) as usize, spread as u32);
    halves
}

#[allow(clippy::cast_possible_truncation, reason = "at most 6 357 km: 636 million centimetres")]
fn centimetres(vector_m: &[f64; 3]) -> [i32; 3] {
    vector_m.map(|along_m| (along_m * 100.0).round() as i32)
}

/// The lowest level whose cubes are at least as wide as the region: a region then touches at most two in each direction.
fn level_for(radius_m: f64) -> u32 {
    (0..LEVELS).find(|level| cube_m(*level) >= 2.0 * radius_m).unwrap_or(LEVELS)
}

fn cube_m(level: u32) -> f64 {
    CUBE_M * f64::from(4u32.pow(level))
}

fn cube_of(vector_m: &[f64; 3], level: u32) -> u64 {
    pack(vector_m.map(|along| step(along, level)), level)
}

#[allow(clippy::cast_possible_truncation, reason = "at most 6 357 km by 1 024 m: 14 bits")]
fn step(along_m: f64, level: u32) -> i64 {
    (along_m / cube_m(level)).floor() as i64
}

fn pack(steps: [i64; 3], level: u32) -> u64 {
    steps.iter().fold(u64::from(level), |key, step| (key << 18) | (u64::from_ne_bytes(step.to_ne_bytes()) & 0x3_ffff))
}

/// The cubes that the region touches and in which something can lie: positions are on a sphere.
fn for_cubes_around(vector_m: &[f64; 3], radius_m: f64, level: u32, mut each: impl FnMut(u64)) {
    const SLACK_M: f64 = 0.01;
    let reach_m = radius_m + SLACK_M;
    let [xs, ys, zs] = vector_m.map(|along| step(along - reach_m, level)..=step(along + reach_m, level));
    for x in xs {
        for y in ys.clone() {
            for z in zs.clone() {
                let (mut from_region2, mut nearest2, mut furthest2) = (0.0f64, 0.0f64, 0.0f64);
                for (along, centre) in [x, y, z].into_iter().zip(vector_m) {
                    #[allow(clippy::cast_precision_loss, reason = "14 bits")]
                    let (low, high) = (along as f64 * cube_m(level), (along + 1) as f64 * cube_m(level));
                    from_region2 += (low - centre).max(centre - high).max(0.0).powi(2);
                    nearest2 += low.max(-high).max(0.0).powi(2);
                    furthest2 += low.abs().max(high.abs()).powi(2);
                }
                let on_sphere = nearest2.sqrt() <= POLAR_RADIUS_M + SLACK_M && furthest2.sqrt() >= POLAR_RADIUS_M - SLACK_M;
                if on_sphere && from_region2 <= reach_m.powi(2) {
                    each(pack([x, y, z], level));
                }
            }
        }
    }
}
