//! The kitchen as it works: makers at stations, one batch after the other. It knows nothing of the book: it is what judges it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use noren_rules::slots::{KitchenPlan, MakeTask};

use super::people::Making;

/// An order on the kitchen's screen.
#[derive(Debug, Clone)]
struct Ticket {
    /// Who is first: the order that is to be begun first.
    turn: (i64, usize),
    /// Batches of each station with their seconds, the pass of the counter apart.
    waiting: usize,
    /// What is done once all else is: packing, handing over.
    last: Vec<(usize, i64)>,
}

/// A batch that waits for a maker.
type Waiting = (i64, usize, usize, i64);

/// The kitchen. Time is in seconds and goes forward.
#[derive(Debug)]
pub(crate) struct Floor {
    ids: Vec<String>,
    /// Makers who have nothing to do, by station.
    idle: Vec<u32>,
    queues: Vec<BTreeSet<Waiting>>,
    tickets: BTreeMap<usize, Ticket>,
    /// Batches under way: when done, of which order, where.
    under_way: BinaryHeap<Reverse<(i64, usize, usize)>>,
    batches: usize,
}

/// The station at which orders are packed once everything else is done.
const LAST: &str = "counter";

impl Floor {
    pub(crate) fn new(plan: &KitchenPlan) -> Self {
        Self {
            ids: plan.stations.iter().map(|station| station.id.as_str().to_owned()).collect(),
            idle: plan.stations.iter().map(|station| station.makers).collect(),
            queues: vec![BTreeSet::new(); plan.stations.len()],
            tickets: BTreeMap::new(),
            under_way: BinaryHeap::new(),
            batches: 0,
        }
    }

    /// When the next batch is done.
    pub(crate) fn next_s(&self) -> Option<i64> {
        self.under_way.peek().map(|Reverse((at_s, _, _))| *at_s)
    }

    /// An order comes on the screen. Those that were to be begun first are first.
    pub(crate) fn fire(&mut self, order: usize, begin_s: i64, making: &Making, now_s: i64) {
        let mut factors = making.factors.iter().copied();
        let mut batches = making.tasks.iter().flat_map(|task| self.batches_of(task)).map(|(station, seconds)| {
            let real = f64::from(seconds) * factors.next().unwrap_or(1.0);
            #[allow(clippy::cast_possible_truncation, reason = "seconds")]
            let real_s = (real.round() as i64).max(1);
            (station, real_s)
        });
        let (first, last): (Vec<_>, Vec<_>) = batches.by_ref().partition(|(station, _)| self.ids.get(*station).is_none_or(|id| id != LAST));
        drop(batches);
        let turn = (begin_s, order);
        self.tickets.insert(order, Ticket { turn, waiting: first.len(), last });
        self.queue(turn, &first);
        if first.is_empty() {
            self.pack(order);
        }
        self.work(now_s);
    }

    /// Goes on to a moment, batch by batch, and names the orders that are ready with their moments.
    pub(crate) fn go_on(&mut self, until_s: i64) -> Vec<(usize, i64)> {
        let mut ready = Vec::new();
        while let Some(Reverse((at_s, order, station))) = self.under_way.peek().copied() {
            if at_s > until_s {
                break;
            }
            self.under_way.pop();
            if let Some(idle) = self.idle.get_mut(station) {
                *idle += 1;
            }
            if let Some(ticket) = self.tickets.get_mut(&order) {
                ticket.waiting -= 1;
                if ticket.waiting == 0 && ticket.last.is_empty() {
                    self.tickets.remove(&order);
                    ready.push((order, at_s));
                } else if ticket.waiting == 0 {
                    self.pack(order);
                }
            }
            self.work(at_s);
        }
        ready
    }

    fn pack(&mut self, order: usize) {
        let Some(ticket) = self.tickets.get_mut(&order) else { return };
        let last = std::mem::take(&mut ticket.last);
        ticket.waiting = last.len();
        let turn = ticket.turn;
        self.queue(turn, &last);
    }

    fn queue(&mut self, (begin_s, order): (i64, usize), batches: &[(usize, i64)]) {
        for (station, real_s) in batches {
            self.batches += 1;
            if let Some(queue) = self.queues.get_mut(*station) {
                queue.insert((begin_s, order, self.batches, *real_s));
            }
        }
    }

    /// Whoever has nothing to do takes the first that waits.
    fn work(&mut self, now_s: i64) {
        for (station, (idle, queue)) in self.idle.iter_mut().zip(&mut self.queues).enumerate() {
            while *idle > 0 {
                let Some((_, order, _, real_s)) = queue.pop_first() else { break };
                *idle -= 1;
                self.under_way.push(Reverse((now_s + real_s, order, station)));
            }
        }
    }

    fn batches_of(&self, task: &MakeTask) -> Vec<(usize, u32)> {
        let station = self.ids.iter().position(|id| id == task.station.as_str());
        station.map_or_else(Vec::new, |station| (0..task.batches).map(|_| (station, task.seconds)).collect())
    }
}
