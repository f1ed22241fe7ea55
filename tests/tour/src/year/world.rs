//! The stores: what lies on the shelves, what the books say of it, and how the two part.
//!
//! Nothing here is drawn from the model that is measured. Who buys what, when and how many is the log; the shelves end where they end.

use super::demand::{Demand, Wish};
use super::{Asked, DAY, Minute, OPENS, STORES};
use crate::dice::Dice;

/// How many days of sales are looked at for the rate.
const RATE_DAYS: usize = 28;
/// Before this nobody asks: the stores begin with books that are right, and it takes a while until they are as wrong as they ever are.
const ASKED_FROM_DAY: i64 = 62;
/// Questions of a day, in all stores.
const QUESTIONS: usize = 160;
/// A till takes no money after this.
const CLOSES: Minute = 20 * 60;

/// One article in one store.
#[derive(Debug, Clone)]
struct Shelf {
    /// What lies there.
    there: i64,
    /// What the books say.
    books: i64,
    /// When a count, a sale or a pick last showed that something is there.
    proven_at: Minute,
    /// Picks since then that found nothing.
    not_found: u32,
    /// When the backend last said something about it: at every change, and each morning.
    said_at: Minute,
    /// Pieces sold, by day, the last of them today.
    sold: Vec<i64>,
    /// Days of sales that a delivery is to last.
    cover_days: i64,
    /// Days between counts.
    count_days: i64,
    next_count: i64,
    delivery: Option<(i64, i64)>,
}

impl Shelf {
    fn sold_per_day_milli(&self) -> i64 {
        let days = self.sold.len().saturating_sub(1).clamp(1, RATE_DAYS);
        let sold: i64 = self.sold.iter().rev().skip(1).take(RATE_DAYS).sum();
        sold * 1_000 / i64::try_from(days).unwrap_or(1)
    }

    /// Before the doors open.
    fn morning(&mut self, day: i64, dice: &mut Dice) {
        self.sold.push(0);
        self.said_at = day * DAY;
        if let Some((_, pieces)) = self.delivery.take_if(|(due, _)| *due <= day) {
            self.books += pieces;
            // One delivery in fifty is short, one in a hundred has more than its note says, and one in two hundred goes to another shelf.
            self.there += match dice.between(1, 200) {
                1..=4 => pieces - dice.between(1, (pieces / 3).max(1)),
                5..=6 => pieces + dice.between(1, (pieces / 4).max(1)),
                7 => 0,
                _ => pieces,
            };
        }
        // An empty shelf that the books call full is seen by the staff on one morning in ten.
        if self.there == 0 && self.books > 0 && dice.permille(100) {
            self.count(day * DAY);
        }
        if day >= self.next_count {
            self.count(day * DAY);
            self.next_count = day + self.count_days;
        }
        let rate = self.sold_per_day_milli();
        let (reorder_at, up_to) = (rate * 2 / 1_000 + 1, rate * self.cover_days / 1_000 + 6);
        if self.delivery.is_none() && self.books <= reorder_at {
            self.delivery = Some((day + dice.between(1, 3), up_to - self.books.max(0)));
        }
    }

    fn count(&mut self, at: Minute) {
        self.books = self.there;
        self.prove(at);
    }

    fn prove(&mut self, at: Minute) {
        (self.proven_at, self.said_at, self.not_found) = (at, at, 0);
    }
}

/// What happens at a minute of a day.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Sale(i64),
    /// Stolen, broken or carried to another shelf: so many, and nobody writes it down.
    Lost(i64),
    /// Pieces that the books do not know come to light.
    Found(i64),
    /// The last that the phone heard, for the question of this number.
    Heard(usize),
    /// The staff looks for a piece: a hold. It goes back.
    Pick,
    /// The shopper of the question of this number arrives.
    Arrives(usize),
}

struct World {
    shelves: Vec<Shelf>,
    dice: Dice,
    asked: Vec<Asked>,
}

/// Lets the year happen and gives every question with what the phone knew and what was there.
pub(super) fn live(demand: &Demand, seed: u64) -> Vec<Asked> {
    let mut dice = Dice::new(seed);
    let shelves = (0..demand.items * usize::try_from(STORES).unwrap_or(0)).map(|_| new_shelf(&mut dice)).collect();
    let mut world = World { shelves, dice, asked: Vec::new() };
    let mut wishes = demand.wishes.as_slice();
    let days = demand.wishes.last().map_or(0, |last| last.at / DAY + 1);
    for day in 0..days {
        let (today, later) = wishes.split_at(wishes.partition_point(|wish| wish.at < (day + 1) * DAY));
        wishes = later;
        // The shop is closed on days without a sale: Saturdays and holidays.
        world.day(day, today, demand);
    }
    world.asked
}

fn new_shelf(dice: &mut Dice) -> Shelf {
    let (there, count_days) = (dice.between(10, 40), dice.between(30, 60));
    Shelf {
        there,
        books: there,
        proven_at: 0,
        not_found: 0,
        said_at: 0,
        sold: Vec::new(),
        cover_days: dice.between(2, 8),
        count_days,
        next_count: dice.between(1, count_days),
        delivery: None,
    }
}

impl World {
    fn day(&mut self, day: i64, today: &[Wish], demand: &Demand) {
        for shelf in &mut self.shelves {
            shelf.morning(day, &mut self.dice);
        }
        if today.is_empty() {
            return;
        }
        let mut happens: Vec<(Minute, usize, Happening)> =
            today.iter().map(|wish| (wish.at, at(wish.store, wish.item, demand), Happening::Sale(wish.quantity))).collect();
        self.losses(day, &mut happens);
        if day >= ASKED_FROM_DAY {
            self.questions(day, demand, &mut happens);
        }
        happens.sort_by_key(|(at, ..)| *at);
        for (at, shelf, happening) in happens {
            self.happen(at, shelf, happening);
        }
    }

    fn losses(&mut self, day: i64, happens: &mut Vec<(Minute, usize, Happening)>) {
        for shelf in 0..self.shelves.len() {
            let at = day * DAY + self.dice.between(OPENS, CLOSES);
            match self.dice.between(1, 1_000) {
                1..=5 => happens.push((at, shelf, Happening::Lost(self.dice.between(1, 3)))),
                6 => happens.push((at, shelf, Happening::Lost(i64::MAX))),
                7..=8 => happens.push((at, shelf, Happening::Found(self.dice.between(1, 4)))),
                _ => {}
            }
        }
    }

    /// Somebody asks in the opening hours, mostly on the way, for one piece mostly; half of them for what sells most.
    fn questions(&mut self, day: i64, demand: &Demand, happens: &mut Vec<(Minute, usize, Happening)>) {
        for _ in 0..QUESTIONS {
            let dice = &mut self.dice;
            let in_min = if dice.permille(850) { dice.between(5, 90) } else { dice.between(120, 360) };
            let asked_at = dice.between(OPENS, CLOSES - in_min);
            // The feed is minutes late, at times an hour, seldom more.
            let late = match dice.between(1, 100) {
                1..=3 => dice.between(60, 300),
                4..=15 => dice.between(10, 60),
                _ => dice.between(0, 10),
            };
            let sought = if dice.permille(500) { dice.one(&demand.wishes).map_or(0, |wish| wish.item) } else { index(dice, demand.items) };
            let shelf = at(index(dice, usize::try_from(STORES).unwrap_or(1)), sought, demand);
            let quantity = match dice.between(1, 100) {
                1..=5 => dice.between(3, 6),
                6..=20 => 2,
                _ => 1,
            };
            let heard_at = (asked_at - late).max(OPENS);
            let number = self.asked.len();
            let begin = day * DAY;
            happens.push((begin + heard_at, shelf, Happening::Heard(number)));
            happens.push((begin + asked_at + in_min, shelf, Happening::Arrives(number)));
            if dice.permille(60) {
                happens.push((begin + asked_at + 5, shelf, Happening::Pick));
            }
            self.asked.push(Asked::new(begin + heard_at, begin + asked_at, in_min, quantity));
        }
    }

    fn happen(&mut self, at: Minute, shelf: usize, happening: Happening) {
        let Some(shelf) = self.shelves.get_mut(shelf) else { return };
        match happening {
            Happening::Sale(wanted) => {
                let sold = wanted.min(shelf.there);
                shelf.there -= sold;
                shelf.books -= sold;
                if let Some(today) = shelf.sold.last_mut().filter(|_| sold > 0) {
                    *today += sold;
                    shelf.prove(at);
                }
            }
            Happening::Lost(pieces) => shelf.there -= pieces.min(shelf.there),
            Happening::Found(pieces) => shelf.there += pieces,
            Happening::Pick => {
                // One pick in twenty-five finds nothing where there is something. What was not found is counted within three days.
                if shelf.there > 0 && !self.dice.permille(40) {
                    shelf.prove(at);
                } else {
                    shelf.not_found += 1;
                    shelf.said_at = at;
                    shelf.next_count = shelf.next_count.min(at / DAY + self.dice.between(1, 3));
                }
            }
            Happening::Heard(question) => {
                let rate = shelf.sold_per_day_milli();
                if let Some(asked) = self.asked.get_mut(question) {
                    asked.hear(shelf.books, rate, shelf.said_at - shelf.proven_at, shelf.not_found);
                }
            }
            Happening::Arrives(question) => {
                if let Some(asked) = self.asked.get_mut(question) {
                    asked.arrive(shelf.there);
                }
            }
        }
    }
}

fn at(store: usize, item: usize, demand: &Demand) -> usize {
    store * demand.items + item
}

fn index(dice: &mut Dice, choices: usize) -> usize {
    usize::try_from(dice.between(0, i64::try_from(choices).unwrap_or(1) - 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_sold_and_the_books_part_from_the_shelf() {
        let mut world = World { shelves: vec![new_shelf(&mut Dice::new(1))], dice: Dice::new(1), asked: vec![Asked::new(600, 610, 20, 1)] };
        world.shelves[0].there = 5;
        world.shelves[0].books = 5;
        world.shelves[0].morning(0, &mut Dice::new(1));
        world.happen(600, 0, Happening::Lost(2));
        world.happen(601, 0, Happening::Heard(0));
        world.happen(602, 0, Happening::Sale(12));
        world.happen(630, 0, Happening::Arrives(0));
        let shelf = &world.shelves[0];
        assert_eq!((shelf.there, shelf.books, shelf.sold.last(), shelf.proven_at), (0, 2, Some(&3), 602));
        assert!(world.asked[0].is_in_the_books() && !world.asked[0].there);
        // Nothing is sold from an empty shelf, and nothing proven.
        world.happen(700, 0, Happening::Sale(1));
        world.happen(701, 0, Happening::Pick);
        let shelf = &world.shelves[0];
        assert_eq!((shelf.books, shelf.proven_at, shelf.not_found), (2, 602, 1));
    }

    #[test]
    fn the_demand_is_the_log() {
        let demand = crate::year::demand::read().unwrap();
        assert_eq!((demand.wishes.len(), demand.items), (64_156, 100));
        for store in 0..3 {
            let part = demand.wishes.iter().filter(|wish| wish.store == store).count();
            assert!((18_000..25_000).contains(&part), "{part}");
        }
        let (first, last) = (demand.wishes[0].at, demand.wishes[64_155].at);
        assert_eq!((first, last / DAY), (8 * 60 + 26, 273));
    }
}
