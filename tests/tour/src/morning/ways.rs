//! Three stands on the way: store and slot from the journey, against the nearest one as soon as possible.
//!
//! The commuters of the morning now want to come between 8:00 and 8:30, and there are three stands as the one before. Six of ten leave the station by
//! the gate where the first stands, so that it has half as much to do again as it can; another stand is two to five minutes off the way. The phone
//! knows the train, holds the slots of each stand against it on a copy of its book ([`KitchenBook::from_load`]), and takes what [`suggest`] puts first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use noren_rules::journey::{Arrival, Candidate, JourneyWeights, suggest};
use noren_rules::menu::MenuBook;
use noren_rules::slots::{KitchenBook, KitchenPlan, Lateness, MakeTask, PickupTime, SlotRequest};
use noren_rules::wire::MenuStatus;

use super::desk::order_id;
use super::figures::{mean, median, minutes};
use super::floor::Floor;
use super::people::{Commuter, People};
use super::{BEFORE, COUNTED_FROM_S, MINUTE_S, QUARTER_S, QUARTERS, SEEDS, STORE};
use crate::dice::Dice;
use crate::stand;

/// How many stands.
const STANDS: usize = 3;
/// For how long after eight the commuters want to come.
const WANTED_S: i64 = 2 * QUARTER_S;
/// Slots are looked for so far from when the person is there.
const LOOKS_S: i64 = 60 * MINUTE_S;
/// What is said of trains and walks: they may be so many minutes off.
const OFF_MIN: u32 = 2;

/// How a stand is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The nearest, as soon as possible, ordered on leaving the train.
    NearestAsap,
    /// The nearest, by slots.
    NearestSlot,
    /// Store and slot from the journey.
    Suggested,
}

/// Figures of one morning, or the medians of several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WayFigures {
    /// Minutes at the counter, in the mean.
    pub wait_min: f64,
    /// Minutes off the way, in the mean.
    pub detour_min: f64,
    /// Minutes on the shelf until fetched, in the mean.
    pub shelf_min: f64,
    /// The fullest quarter of an hour of any stand: orders for it, of what its bar can do, in thousandths.
    pub peak_permille: f64,
    /// Thousandths of the commuters who go to another stand than the nearest.
    pub elsewhere_permille: f64,
}

/// A way's medians over [`SEEDS`], and each morning.
#[derive(Debug, Clone, PartialEq)]
pub struct Ways {
    /// How a stand is chosen.
    pub way: Way,
    /// Of each figure the median.
    pub median: WayFigures,
    /// Seed by seed.
    pub each: Vec<WayFigures>,
}

impl Way {
    /// All, the naive one first.
    pub const ALL: [Self; 3] = [Self::NearestAsap, Self::NearestSlot, Self::Suggested];

    /// As the table names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NearestAsap => "nearest_asap",
            Self::NearestSlot => "nearest_slot",
            Self::Suggested => "suggested",
        }
    }
}

/// All mornings, stand by stand and slot by slot.
///
/// # Errors
/// When the stand's files are broken.
pub fn ways() -> Result<Vec<Ways>, String> {
    let (menu, plan) = (stand::book(STORE)?, stand::kitchen(STORE)?);
    let of = |way| {
        let (mut lateness, mut each) = (vec![Lateness::default(); STANDS], Vec::new());
        for seed in BEFORE.chain(SEEDS) {
            let mut morning = Morning::new(way, seed, &menu, &plan, lateness)?;
            morning.live()?;
            if SEEDS.contains(&seed) {
                each.push(morning.figures()?);
            }
            lateness = morning.stands.into_iter().map(|stand| stand.book.lateness().clone()).collect();
        }
        let of = |figure: &dyn Fn(&WayFigures) -> f64| median(each.iter().map(figure).collect());
        let median = WayFigures {
            wait_min: of(&|f| f.wait_min),
            detour_min: of(&|f| f.detour_min),
            shelf_min: of(&|f| f.shelf_min),
            peak_permille: of(&|f| f.peak_permille),
            elsewhere_permille: of(&|f| f.elsewhere_permille),
        };
        Ok(Ways { way, median, each })
    };
    Way::ALL.into_iter().map(of).collect()
}

struct Stand {
    book: KitchenBook,
    floor: Floor,
    /// Work of orders for each quarter of an hour, at the bar, in seconds.
    for_quarter_s: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Went {
    stand: usize,
    comes_s: i64,
    ready_s: Option<i64>,
}

struct Morning<'a> {
    way: Way,
    plan: &'a KitchenPlan,
    people: People,
    /// For each commuter: how many minutes each stand is off the way.
    off_way: Vec<[i64; STANDS]>,
    guests: Vec<People>,
    stands: Vec<Stand>,
    went: Vec<Went>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Guest(usize, usize),
    Asks(usize),
    Begins(usize, usize, i64),
}

impl<'a> Morning<'a> {
    fn new(way: Way, seed: u64, menu: &MenuBook, plan: &'a KitchenPlan, lateness: Vec<Lateness>) -> Result<Self, String> {
        let people = People::of(seed, menu, plan, WANTED_S);
        let mut dice = Dice::new(seed.wrapping_mul(77_777));
        let off_way = people.commuters.iter().map(|_| {
            let nearest = match dice.between(1, 100) {
                1..=60 => 0,
                61..=85 => 1,
                _ => 2,
            };
            let mut off = [0; STANDS];
            off.iter_mut().enumerate().filter(|(stand, _)| *stand != nearest).for_each(|(_, off)| *off = dice.between(2, 5));
            off
        });
        let stand = |lateness| {
            let book = KitchenBook::new(plan.clone(), lateness).map_err(|e| e.to_string())?;
            Ok(Stand { book, floor: Floor::new(plan), for_quarter_s: vec![0; QUARTERS] })
        };
        Ok(Self {
            way,
            plan,
            off_way: off_way.collect(),
            guests: (0..3).map(|stand| People::of(seed * 10 + 5_000_000 + stand, menu, plan, WANTED_S)).collect(),
            stands: lateness.into_iter().map(stand).collect::<Result<_, String>>()?,
            went: vec![Went::default(); people.commuters.len()],
            people,
        })
    }

    fn live(&mut self) -> Result<(), String> {
        let asks = self.people.commuters.iter().enumerate().map(|(n, commuter)| Reverse((self.asks_s(commuter), What::Asks(n))));
        let guests = self.guests.iter().enumerate().flat_map(|(stand, people)| {
            people.guests.iter().enumerate().map(move |(n, guest)| Reverse((guest.comes_s, What::Guest(stand, n))))
        });
        let mut next: BinaryHeap<Reverse<(i64, What)>> = asks.chain(guests).collect();
        while let Some(Reverse((at_s, what))) = next.pop() {
            self.note(at_s);
            match what {
                What::Guest(stand, n) => {
                    let guest = self.guests.get(stand).and_then(|people| people.guests.get(n));
                    let (Some(guest), Some(stand)) = (guest, self.stands.get_mut(stand)) else { continue };
                    stand.book.walk_in(&guest.order.tasks, at_s * 1_000);
                    stand.floor.fire(self.went.len() + n, at_s, &guest.order, at_s);
                }
                What::Asks(n) => {
                    if let Some((stand, begin_s)) = self.order(n, at_s)? {
                        next.push(Reverse((begin_s.max(at_s), What::Begins(n, stand, begin_s))));
                    }
                }
                What::Begins(n, stand, begin_s) => {
                    let (Some(commuter), Some(stand)) = (self.people.commuters.get(n), self.stands.get_mut(stand)) else { continue };
                    stand.floor.fire(n, begin_s, &commuter.order, at_s);
                }
            }
        }
        self.note(i64::MAX);
        Ok(())
    }

    fn asks_s(&self, commuter: &Commuter) -> i64 {
        if self.way == Way::NearestAsap { train_s(commuter) + commuter.late_s } else { commuter.asks_s }
    }

    /// Takes a commuter's order: at which stand, and when it is to be begun.
    fn order(&mut self, n: usize, now_s: i64) -> Result<Option<(usize, i64)>, String> {
        let (Some(commuter), Some(off_way)) = (self.people.commuters.get(n), self.off_way.get(n)) else { return Ok(None) };
        let nearest = off_way.iter().position(|off| *off == 0).unwrap_or(0);
        let come_s = |stand: usize| commuter.wanted_s + commuter.late_s + off_way.get(stand).copied().unwrap_or(0) * MINUTE_S;
        let (stand, begin_s, due_s) = if self.way == Way::NearestAsap {
            (nearest, now_s, come_s(nearest))
        } else {
            let candidates = (0..STANDS).filter(|stand| self.way == Way::Suggested || *stand == nearest);
            let candidates: Vec<Candidate> =
                candidates.map(|stand| self.candidate(stand, commuter, off_way, now_s)).collect::<Result<_, _>>()?;
            let arrival = Arrival::Train { at_ms: train_s(commuter) * 1_000 };
            let first = suggest(&candidates, arrival, now_s * 1_000, &JourneyWeights::default()).into_iter().next();
            let first = first.ok_or("no stand has a slot")?;
            let stand: usize = first.store.as_str().parse().map_err(|_| "a stand is a number")?;
            let request = SlotRequest {
                order: order_id(n),
                tasks: commuter.order.tasks.clone(),
                time: PickupTime::Scheduled { at_ms: first.slot.promised_ms },
            };
            let book = &mut self.stands.get_mut(stand).ok_or("a stand is there")?.book;
            book.hold(&request, now_s * 1_000).map_err(|e| e.to_string())?;
            let slot = book.confirm(&request.order, now_s * 1_000).map_err(|e| e.to_string())?.slot;
            (stand, slot.start_ms / 1_000, slot.ready_ms / 1_000)
        };
        let quarter = usize::try_from((due_s - COUNTED_FROM_S).div_euclid(QUARTER_S)).unwrap_or(usize::MAX);
        let work_s = self.bar_s(&commuter.order.tasks);
        if let Some(of) = self.stands.get_mut(stand).and_then(|stand| stand.for_quarter_s.get_mut(quarter)) {
            *of += work_s;
        }
        let went = Went { stand, comes_s: come_s(stand), ready_s: None };
        self.went.iter_mut().skip(n).take(1).for_each(|place| *place = went);
        Ok(Some((stand, begin_s)))
    }

    /// What the phone knows of a stand: its plan, its status, the way.
    fn candidate(&self, stand: usize, commuter: &Commuter, off_way: &[i64; STANDS], now_s: i64) -> Result<Candidate, String> {
        let book = &self.stands.get(stand).ok_or("a stand is there")?.book;
        let late_p90_min = book.lateness().p90_min();
        let status = MenuStatus {
            store: self.plan.store.clone(),
            menu_version: 1,
            mode: book.mode(),
            mode_since_ms: now_s * 1_000,
            sold_out: Vec::new(),
            late_p90_min,
            load: book.load(now_s * 1_000),
            as_of_ms: now_s * 1_000,
        };
        let mut copy = KitchenBook::from_load(self.plan.clone(), &status).map_err(|e| e.to_string())?;
        let off_min = off_way.get(stand).copied().unwrap_or(0);
        let there_s = commuter.wanted_s + off_min * MINUTE_S;
        let (from_ms, until_ms) = ((there_s - LOOKS_S) * 1_000, (there_s + LOOKS_S) * 1_000);
        let slots = copy.offers(&commuter.order.tasks, from_ms, until_ms, None, now_s * 1_000);
        let whole = |minutes: i64| u32::try_from(minutes).unwrap_or(0);
        Ok(Candidate {
            store: stand.to_string().into(),
            way_min: whole(commuter.walk_s.div_euclid(MINUTE_S) + off_min),
            off_min: OFF_MIN,
            detour_min: whole(off_min),
            late_p90_min,
            slots,
        })
    }

    fn bar_s(&self, tasks: &[MakeTask]) -> u32 {
        let bar = self.plan.stations.first().map(|station| &station.id);
        tasks.iter().filter(|task| Some(&task.station) == bar).map(|task| task.seconds * task.batches).sum()
    }

    fn note(&mut self, until_s: i64) {
        for stand in &mut self.stands {
            for (order, at_s) in stand.floor.go_on(until_s) {
                stand.book.ready(&order_id(order), at_s * 1_000);
                if let Some(went) = self.went.get_mut(order) {
                    went.ready_s = Some(at_s);
                }
            }
        }
    }

    fn figures(&self) -> Result<WayFigures, String> {
        let all: Vec<(Went, i64)> =
            self.went.iter().map(|went| Some((*went, went.ready_s?))).collect::<Option<_>>().ok_or("never ready")?;
        let off = |(went, off): (&Went, &[i64; STANDS])| off.get(went.stand).copied().unwrap_or(0);
        let offs: Vec<i64> = self.went.iter().zip(&self.off_way).map(off).collect();
        let makers = self.plan.stations.first().map_or(1, |station| station.makers);
        #[allow(clippy::cast_precision_loss, reason = "hundreds")]
        let elsewhere_permille = 1_000.0 * offs.iter().filter(|off| **off > 0).count() as f64 / offs.len().max(1) as f64;
        let fullest = self.stands.iter().flat_map(|stand| &stand.for_quarter_s).copied().max().unwrap_or(0);
        Ok(WayFigures {
            wait_min: mean(all.iter().map(|(went, ready_s)| minutes((ready_s - went.comes_s).max(0)))),
            detour_min: mean(offs.iter().map(|off| minutes(off * MINUTE_S))),
            shelf_min: mean(all.iter().map(|(went, ready_s)| minutes((went.comes_s - ready_s).max(0)))),
            peak_permille: 1_000.0 * f64::from(fullest) / (f64::from(makers) * 900.0),
            elsewhere_permille,
        })
    }
}

/// When the commuter's train is there by its timetable.
fn train_s(commuter: &Commuter) -> i64 {
    commuter.wanted_s - commuter.walk_s
}
