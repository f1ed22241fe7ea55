//! Which places hold a position, and which are nearest: the same answers as asking every place, at any number of them.
//!
//! Positions are directions from the Earth's centre in here, so that neither the antimeridian nor the poles are special. A hashed grid answers what
//! holds a position, an R-tree of the centres what is nearest.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use rstar::RTree;
use rstar::primitives::GeomWithData;

use super::grid::Grid;
use super::{Direction, Place, Shape};
use crate::geo::{Position, Spot, bounds_of_straight_m};
use crate::ids::PlaceId;

/// How far beyond both regions the place of the other side may be.
const OPPOSITE_BEYOND_M: f64 = 100.0;

/// A place and how far away it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Its number in the index: see [`PlaceIndex::place`].
    pub number: usize,
    /// The way to the edge of its region in metres; 0 inside.
    pub edge_m: f64,
    /// The way to its centre in metres.
    pub centre_m: f64,
}

/// Places, ready to be asked about positions.
#[derive(Debug, Default)]
pub struct PlaceIndex {
    places: Vec<Place>,
    /// What is asked most about each place, close together.
    fences: Vec<Fence>,
    regions: Grid,
    centres: RTree<Centre>,
    largest_radius_m: f64,
    opposites: Vec<Option<usize>>,
    numbers: HashMap<PlaceId, usize>,
}

type Centre = GeomWithData<[f64; 3], u32>;

#[derive(Debug, Clone, Copy)]
struct Fence {
    centre: Spot,
    region_radius_m: f64,
    /// The radius of the ground where that is a circle.
    ground_radius_m: Option<f64>,
}

impl Fence {
    fn of(place: &Place) -> Self {
        let ground_radius_m = match place.shape() {
            Shape::Circle(circle) => Some(circle.radius_m),
            Shape::Outline(_) => None,
        };
        Self { centre: Spot::of(&place.region().centre), region_radius_m: place.region().radius_m, ground_radius_m }
    }
}

impl PlaceIndex {
    /// Takes the places in; they are numbered in this order.
    #[must_use]
    pub fn new(places: Vec<Place>) -> Self {
        let fences: Vec<Fence> = places.iter().map(Fence::of).collect();
        let mut index = Self { largest_radius_m: fences.iter().map(|fence| fence.region_radius_m).fold(0.0, f64::max), ..Self::default() };
        index.regions = Grid::new(fences.iter().map(|fence| (fence.centre, fence.region_radius_m)));
        index.centres =
            RTree::bulk_load((0u32..).zip(&fences).map(|(number, fence)| GeomWithData::new(fence.centre.vector_m, number)).collect());
        index.numbers = places.iter().enumerate().rev().map(|(number, place)| (place.id().clone(), number)).collect();
        (index.places, index.fences) = (places, fences);
        index.opposites = (0..index.places.len()).map(|number| index.find_opposite(number)).collect();
        index
    }

    /// All places, in the order of their numbers.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The place of this number.
    #[must_use]
    pub fn place(&self, number: usize) -> Option<&Place> {
        self.places.get(number)
    }

    /// The number of the place with this id; of two that share it, the first.
    #[must_use]
    pub fn number(&self, id: &PlaceId) -> Option<usize> {
        self.numbers.get(id).copied()
    }

    /// The place of the other side of the same road whose region meets this one's, or nearly: where a fix could mean either.
    #[must_use]
    pub fn opposite(&self, number: usize) -> Option<usize> {
        self.opposites.get(number).copied().flatten()
    }

    /// The numbers of the places on whose ground `position` is, in rising order.
    #[must_use]
    pub fn holding(&self, position: &Position) -> Vec<usize> {
        self.find(position, |number, fence, spot| match fence.ground_radius_m {
            Some(radius_m) => fence.centre.is_within(spot, radius_m),
            None => {
                fence.centre.is_within(spot, fence.region_radius_m) && self.place(number).is_some_and(|place| place.holds(&spot.position))
            }
        })
    }

    /// The numbers of the places whose region (the circle for the operating system) `position` is in, in rising order.
    #[must_use]
    pub fn in_region(&self, position: &Position) -> Vec<usize> {
        self.find(position, |_, fence, spot| fence.centre.is_within(spot, fence.region_radius_m))
    }

    fn find(&self, position: &Position, holds: impl Fn(usize, &Fence, &Spot) -> bool) -> Vec<usize> {
        let spot = Spot::of(position);
        let mut found = Vec::new();
        self.regions.may_hold(&spot, |number| {
            if self.fences.get(number).is_some_and(|fence| holds(number, fence, &spot)) {
                found.push(number);
            }
        });
        if found.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    /// The `count` places whose regions are nearest, nearest first; of equal ones that with the nearer centre, then the lower number.
    #[must_use]
    pub fn nearest(&self, position: &Position, count: usize) -> Vec<Near> {
        self.nearest_first(position, |_| true).take(count).collect()
    }

    /// Places in the order of [`PlaceIndex::nearest`], found one by one as they are asked for. Those whose number `wanted` denies are left out before
    /// their distance is computed; it is asked about each a little before its turn, so that its answer may have changed until then.
    pub fn nearest_first<'a, W: FnMut(usize) -> bool + 'a>(
        &'a self,
        position: &Position,
        mut wanted: W,
    ) -> impl Iterator<Item = Near> + use<'a, W> {
        let position = *position;
        let mut centres = self.centres.nearest_neighbor_iter_with_distance_2(&Spot::of(&position).vector_m);
        let (mut ahead, mut reached_m) = (BinaryHeap::<Reverse<Turn>>::new(), f64::NEG_INFINITY);
        std::iter::from_fn(move || {
            loop {
                // Whatever comes later is at least this far away, less the largest radius there is.
                if ahead.peek().is_some_and(|Reverse(Turn(first))| first.edge_m < reached_m) {
                    break;
                }
                let Some((centre, straight2)) = centres.next() else { break };
                let (least, _) = bounds_of_straight_m(straight2.sqrt());
                reached_m = least - 1e-3 - self.largest_radius_m;
                let number = centre.data as usize;
                if let Some(place) = self.places.get(number).filter(|_| wanted(number)) {
                    let centre_m = place.region().centre.distance_m(&position);
                    ahead.push(Reverse(Turn(Near { number, edge_m: (centre_m - place.region().radius_m).max(0.0), centre_m })));
                }
            }
            ahead.pop().map(|Reverse(Turn(near))| near)
        })
    }

    fn find_opposite(&self, number: usize) -> Option<usize> {
        let place = self.places.get(number)?;
        if place.direction() == Direction::Both {
            return None;
        }
        let region = place.region();
        let is_opposite = |near: &Near| self.place(near.number).is_some_and(|other| other.direction().is_opposite(place.direction()));
        let close = |near: &Near| near.edge_m <= region.radius_m + OPPOSITE_BEYOND_M;
        self.nearest(&region.centre, 12)
            .iter()
            .filter(|near| is_opposite(near) && close(near))
            .min_by(|a, b| a.centre_m.total_cmp(&b.centre_m))
            .map(|near| near.number)
    }
}

/// A place in the order of distance.
#[derive(Debug, Clone, Copy)]
struct Turn(Near);

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
        a.edge_m.total_cmp(&b.edge_m).then(a.centre_m.total_cmp(&b.centre_m)).then(a.number.cmp(&b.number))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Turn {}

#[cfg(test)]
mod tests {
    use super::super::Circle;
    use super::*;
    use proptest::prelude::*;

    fn index(circles: &[(Position, f64)]) -> PlaceIndex {
        let place = |(number, (centre, radius_m)): (usize, &(Position, f64))| {
            let shape = Shape::Circle(Circle { centre: *centre, radius_m: *radius_m });
            Place::new(PlaceId(number.to_string()), "a place", Direction::Both, shape).unwrap()
        };
        PlaceIndex::new(circles.iter().enumerate().map(place).collect())
    }

    /// Positions that crowd where mistakes are made: the poles, the antimeridian, one city.
    fn crowded() -> impl Strategy<Value = Position> {
        let city = (34.6..34.8f64, 135.4..135.6f64);
        let pole = (prop_oneof![89.99..=90.0f64, -90.0..=-89.99f64], -180.0..=180.0f64);
        let antimeridian = (-0.02..0.02f64, prop_oneof![179.98..=180.0f64, -180.0..=-179.98f64]);
        let anywhere = (-90.0..=90.0f64, -180.0..=180.0f64);
        prop_oneof![3 => city, 2 => pole, 2 => antimeridian, 1 => anywhere].prop_map(|(lat, lon)| Position::new(lat, lon).unwrap())
    }

    fn radius() -> impl Strategy<Value = f64> {
        prop_oneof![1 => Just(0.0), 6 => 50.0..2_000.0f64, 1 => 2_000.0..100_000.0f64]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn the_index_answers_as_every_place_would(
            circles in prop::collection::vec((crowded(), radius()), 0..60), probes in prop::collection::vec(crowded(), 1..12), count in 0usize..25,
        ) {
            let index = index(&circles);
            // Centres too, and edges: where rounding would show.
            let centres = circles.iter().map(|(centre, _)| *centre);
            let edges = circles.iter().map(|(centre, radius)| centre.towards(17.0, *radius));
            for probe in probes.into_iter().chain(centres.take(5)).chain(edges.take(5)) {
                let held: Vec<usize> = (0..circles.len()).filter(|n| circles[*n].0.distance_m(&probe) <= circles[*n].1).collect();
                prop_assert_eq!(index.holding(&probe), held);
                let mut every: Vec<Near> = index.places().iter().enumerate().map(|(number, place)| {
                    let centre_m = place.region().centre.distance_m(&probe);
                    Near { number, edge_m: (centre_m - place.region().radius_m).max(0.0), centre_m }
                }).collect();
                every.sort_by_key(|near| Turn(*near));
                let odd: Vec<Near> = every.iter().filter(|near| near.number % 2 == 1).copied().collect();
                prop_assert_eq!(index.nearest_first(&probe, |number| number % 2 == 1).collect::<Vec<_>>(), odd);
                every.truncate(count);
                prop_assert_eq!(index.nearest(&probe, count), every);
            }
        }
    }

    #[test]
    fn nothing_holds_where_there_is_nothing() {
        let empty = PlaceIndex::new(Vec::new());
        let here = Position::new(0.0, 0.0).unwrap();
        assert!(empty.holding(&here).is_empty() && empty.nearest(&here, 20).is_empty() && empty.place(0).is_none());
    }
}
