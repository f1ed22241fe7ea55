//! Branch and bound over sets of coupons.

use std::cmp::{Ordering, Reverse};

use super::EXACT_UP_TO;
use super::pricing::{Candidate, Priced, price, rooms};
use crate::basket::Basket;

/// How much may be looked at.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Sets that are priced at most.
    pub(super) sets: usize,
    /// Lines of sets that are priced at most.
    pub(super) lines: usize,
}

impl Effort {
    /// All sets of 15 coupons, whatever the bounds cut off; beyond, as much as a customer can wait for at a till.
    pub(super) fn for_coupons(coupons: usize) -> Self {
        if coupons <= EXACT_UP_TO { Self { sets: usize::MAX, lines: usize::MAX } } else { Self { sets: 1 << 16, lines: 10_000_000 } }
    }
}

/// The best set that was found, by place among the candidates, ascending.
pub(super) struct Found<'a> {
    pub(super) set: Vec<usize>,
    pub(super) priced: Priced<'a>,
    pub(super) gap_minor: i64,
}

struct Search<'a> {
    candidates: &'a [Candidate<'a>],
    /// Candidates with the most first: good sets come early, and cut more off.
    order: Vec<usize>,
    excludes: Vec<Vec<bool>>,
    basket: &'a Basket,
    best: Vec<usize>,
    best_minor: i64,
    left: Effort,
    /// The most that a set could take off that was not looked at any more.
    open_minor: i64,
}

/// Searches the sets of these candidates, which stand in the order that decides between equals, as far as the effort goes.
pub(super) fn search<'a>(candidates: &'a [Candidate<'a>], basket: &'a Basket, effort: Effort) -> Found<'a> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|at| candidates.get(*at).map(|candidate| Reverse(candidate.alone_minor)));
    let excludes = candidates.iter().map(|one| candidates.iter().map(|other| one.excludes(other)).collect()).collect();
    let mut search = Search { candidates, order, excludes, basket, best: Vec::new(), best_minor: 0, left: effort, open_minor: 0 };
    search.branch(&mut Vec::new(), 0);
    let set: Vec<&Candidate<'_>> = search.best.iter().filter_map(|at| candidates.get(*at)).collect();
    let priced = price(&set, basket);
    Found { gap_minor: (search.open_minor - priced.total_minor).max(0), priced, set: search.best }
}

impl Search<'_> {
    /// Looks at all sets that hold `set` and any of the candidates from `next` on in the search's order.
    fn branch(&mut self, set: &mut Vec<usize>, next: usize) {
        let Some(rest) = self.order.get(next..).filter(|rest| !rest.is_empty()) else {
            return;
        };
        let rest: Vec<usize> = rest.iter().copied().filter(|at| self.fits(set, *at)).collect();
        let bound = self.bound(set, &rest);
        if bound < self.best_minor || (bound == self.best_minor && self.least_size(set, &rest) > self.best.len()) {
            return;
        }
        if self.left.sets == 0 || self.left.lines == 0 {
            self.open_minor = self.open_minor.max(bound);
            return;
        }
        let Some(at) = self.order.get(next).copied() else {
            return;
        };
        if rest.contains(&at) {
            set.push(at);
            self.look_at(set);
            self.branch(set, next + 1);
            set.pop();
        }
        self.branch(set, next + 1);
    }

    fn look_at(&mut self, set: &[usize]) {
        let lines = (set.len() + 1).saturating_mul(self.basket.lines().len());
        self.left = Effort { sets: self.left.sets.saturating_sub(1), lines: self.left.lines.saturating_sub(lines) };
        let mut set = set.to_vec();
        set.sort_unstable();
        let coupons: Vec<&Candidate<'_>> = set.iter().filter_map(|at| self.candidates.get(*at)).collect();
        let total_minor = price(&coupons, self.basket).total_minor;
        let better = total_minor.cmp(&self.best_minor).then(self.best.len().cmp(&set.len())).then_with(|| self.best.cmp(&set));
        if better == Ordering::Greater {
            (self.best, self.best_minor) = (set, total_minor);
        }
    }

    /// How many coupons a larger set needs at least to take off as much as the best: none takes off more than alone, and `rest` has the most
    /// first. Of sets that take off the same, only one that is not larger is of use.
    fn least_size(&self, set: &[usize], rest: &[usize]) -> usize {
        let alone = |at: &usize| self.candidates.get(*at).map_or(0, |candidate| candidate.alone_minor);
        let mut sum: i64 = set.iter().map(alone).fold(0, i64::saturating_add);
        let mut size = set.len();
        for at in rest {
            if sum >= self.best_minor && size > set.len() {
                break;
            }
            sum = sum.saturating_add(alone(at));
            size += 1;
        }
        size
    }

    /// True when the candidate may join the set.
    fn fits(&self, set: &[usize], at: usize) -> bool {
        let Some(candidate) = self.candidates.get(at) else {
            return false;
        };
        let excluded = |other: &usize| self.excludes.get(at).and_then(|row| row.get(*other)).copied().unwrap_or(true);
        if set.iter().any(excluded) {
            return false;
        }
        let same = set.iter().filter_map(|other| self.candidates.get(*other)).filter(|other| other.offer.id == candidate.offer.id);
        let (uses, cost) = same.fold((1, 0u64), |(uses, cost), other| (uses + 1, cost + other.budget.map_or(0, |(cost, _)| cost)));
        candidate.uses_left.is_none_or(|left| uses <= left) && candidate.budget.is_none_or(|(own, left)| cost + own <= left)
    }

    /// No set that holds `set` and any of `rest` takes off more: every coupon takes off at most what it does alone, of coupons that exclude
    /// each other by group only one counts, and no line loses more than what it and the coupons of `set` allow.
    fn bound(&self, set: &[usize], rest: &[usize]) -> i64 {
        let mut rooms = rooms(self.basket);
        let mut touched = vec![false; rooms.len()];
        let mut groups: Vec<(u32, i64)> = Vec::new();
        let mut by_coupon = 0i64;
        for (at, in_set) in set.iter().map(|at| (at, true)).chain(rest.iter().map(|at| (at, false))) {
            let Some(candidate) = self.candidates.get(*at) else {
                continue;
            };
            if in_set {
                candidate.lower(&mut rooms);
            }
            for line in candidate.lines() {
                if let Some(touched) = touched.get_mut(line) {
                    *touched = true;
                }
            }
            match candidate.offer.exclusion_group.filter(|_| !in_set) {
                None => by_coupon = by_coupon.saturating_add(candidate.alone_minor),
                Some(group) => match groups.iter_mut().find(|(known, _)| *known == group) {
                    Some((_, most)) => *most = candidate.alone_minor.max(*most),
                    None => groups.push((group, candidate.alone_minor)),
                },
            }
        }
        by_coupon = groups.iter().fold(by_coupon, |sum, (_, most)| sum.saturating_add(*most));
        let by_line = rooms.iter().zip(touched).filter(|(_, touched)| *touched).map(|(room, _)| *room).sum();
        by_coupon.min(by_line)
    }
}
