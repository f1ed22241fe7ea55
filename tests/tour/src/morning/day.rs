//! One morning: people ask, the desk answers, the kitchen works, people come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use noren_rules::slots::{KitchenPlan, Lateness, Taken};

use super::desk::{Desk, Placed, Policy, arrival_for};
use super::floor::Floor;
use super::people::People;

/// What became of a commuter.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) wanted_s: i64,
    pub(crate) promised_s: i64,
    pub(crate) ready_s: i64,
    pub(crate) comes_s: i64,
    pub(crate) nudged: bool,
    pub(crate) planned: Vec<Taken>,
}

/// What became of all.
#[derive(Debug, Clone)]
pub(crate) struct Day {
    pub(crate) commuters: Vec<Outcome>,
    /// How long each guest at the counter waited, in seconds.
    pub(crate) guests_wait_s: Vec<i64>,
    /// What the book has learned of lateness.
    pub(crate) lateness: Lateness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Guest(usize),
    Asks(usize),
    /// The kitchen is to begin.
    Begins(usize),
}

/// Lives a morning.
pub(crate) fn live(policy: Policy, people: &People, plan: &KitchenPlan, lateness: Lateness) -> Result<Day, String> {
    let mut desk = Desk::new(policy, plan, lateness)?;
    let mut floor = Floor::new(plan);
    let commuters = people.commuters.len();
    let asks = people.commuters.iter().enumerate().map(|(n, commuter)| Reverse((desk.asks_s(commuter), What::Asks(n))));
    let guests = people.guests.iter().enumerate().map(|(n, guest)| Reverse((guest.comes_s, What::Guest(n))));
    let mut next: BinaryHeap<Reverse<(i64, What)>> = asks.chain(guests).collect();
    let mut placed: Vec<Option<Placed>> = vec![None; commuters];
    let mut ready_s: Vec<Option<i64>> = vec![None; commuters + people.guests.len()];
    while let Some(Reverse((at_s, what))) = next.pop() {
        note(&mut floor, at_s, &mut desk, &mut ready_s);
        match what {
            What::Guest(n) => {
                let Some(guest) = people.guests.get(n) else { continue };
                desk.guests(&guest.order.tasks, at_s);
                floor.fire(commuters + n, at_s, &guest.order, at_s);
            }
            What::Asks(n) => {
                let (Some(commuter), Some(place)) = (people.commuters.get(n), placed.get_mut(n)) else { continue };
                let taken = desk.take(n, commuter, at_s)?;
                next.push(Reverse((taken.begin_s.max(at_s), What::Begins(n))));
                *place = Some(taken);
            }
            What::Begins(n) => {
                let (Some(commuter), Some(Some(placed))) = (people.commuters.get(n), placed.get(n)) else { continue };
                floor.fire(n, placed.begin_s, &commuter.order, at_s);
            }
        }
    }
    while let Some(at_s) = floor.next_s() {
        note(&mut floor, at_s, &mut desk, &mut ready_s);
    }
    let outcome = |(n, placed): (usize, Option<Placed>)| {
        let commuter = people.commuters.get(n)?;
        let (placed, ready_s) = (placed?, ready_s.get(n).copied().flatten()?);
        let planned_s = if policy == Policy::Asap { commuter.wanted_s } else { arrival_for(placed.promised_s, commuter.walk_s) };
        Some(Outcome {
            wanted_s: commuter.wanted_s,
            promised_s: placed.promised_s,
            ready_s,
            comes_s: planned_s + commuter.late_s,
            nudged: placed.nudged,
            planned: placed.planned,
        })
    };
    let commuters: Option<Vec<Outcome>> = placed.into_iter().enumerate().map(outcome).collect();
    let waits = people.guests.iter().zip(ready_s.iter().skip(people.commuters.len()));
    let guests_wait_s: Option<Vec<i64>> = waits.map(|(guest, ready_s)| Some((*ready_s)? - guest.comes_s)).collect();
    let whole = commuters.zip(guests_wait_s).ok_or("an order was never ready")?;
    Ok(Day { commuters: whole.0, guests_wait_s: whole.1, lateness: desk.book().lateness().clone() })
}

/// The kitchen goes on to a moment; what is ready is told to the desk.
fn note(floor: &mut Floor, until_s: i64, desk: &mut Desk, ready_s: &mut [Option<i64>]) {
    for (order, at_s) in floor.go_on(until_s) {
        desk.ready(order, at_s);
        if let Some(ready) = ready_s.get_mut(order) {
            *ready = Some(at_s);
        }
    }
}
