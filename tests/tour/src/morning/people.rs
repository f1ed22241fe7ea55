//! Who comes in the morning: commuters with their trains, and guests who order at the counter.

use noren_rules::cart::{Cart, CartLine, CartModifier};
use noren_rules::menu::{HandoffMode, MenuBook};
use noren_rules::slots::{KitchenPlan, MakeTask, make_tasks};
use noren_rules::tax::TaxHandoff;

use super::{COMMUTERS, EIGHT_S, FROM_S, MINUTE_S, TRAIN_EVERY_S, UNTIL_S};
use crate::dice::Dice;

/// A commuter, as they are whatever the shop does.
#[derive(Debug, Clone)]
pub(crate) struct Commuter {
    /// When they would like to be at the counter, in seconds; by a train and a walk.
    pub(crate) wanted_s: i64,
    /// When they open the app.
    pub(crate) asks_s: i64,
    /// From the train to the counter.
    pub(crate) walk_s: i64,
    /// By how much their train and their walk are later than the plan.
    pub(crate) late_s: i64,
    /// Whether and for what they let themselves be moved.
    pub(crate) moved: Moved,
    /// Their order.
    pub(crate) order: Making,
}

/// For how many points a person lets themselves be moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    /// Points that a minute is worth to them; none is for those who are never moved by points.
    pub(crate) points_a_minute: Option<f64>,
    /// At most so far.
    pub(crate) most_min: f64,
}

impl Moved {
    /// Whether so many points are worth so many minutes.
    pub(crate) fn takes(self, points: i64, minutes: f64) -> bool {
        #[allow(clippy::cast_precision_loss, reason = "tens")]
        let points = points as f64;
        minutes <= self.most_min && self.points_a_minute.is_some_and(|price| price * minutes <= points)
    }
}

/// An order's work as the menu says it, and what it really takes.
#[derive(Debug, Clone)]
pub(crate) struct Making {
    pub(crate) tasks: Vec<MakeTask>,
    /// For each batch in turn: how many times as long it takes as the menu says.
    pub(crate) factors: Vec<f64>,
}

/// A guest who orders at the counter.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) comes_s: i64,
    pub(crate) order: Making,
}

/// All who come in one morning, the same whatever the shop does.
#[derive(Debug, Clone)]
pub(crate) struct People {
    pub(crate) commuters: Vec<Commuter>,
    pub(crate) guests: Vec<Guest>,
}

impl People {
    /// Those of a morning, who want to come within so many seconds from 8:00 on.
    pub(crate) fn of(seed: u64, menu: &MenuBook, plan: &KitchenPlan, wanted_s: i64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        // The crew of the day is a little quicker or slower than the menu, and more guests come at the counter than were planned for.
        let crew = 0.95 + 0.12 * dice.roll();
        let guests_permille = 150.0 * (0.9 + 0.5 * dice.roll());
        let mut kitchen = Work { menu, plan, crew };
        let mut commuters: Vec<Commuter> = (0..COMMUTERS).map(|_| commuter(&mut dice, &mut kitchen, wanted_s)).collect();
        commuters.sort_by_key(|commuter| commuter.asks_s);
        let guests = guests(&mut dice, &mut kitchen, guests_permille);
        Self { commuters, guests }
    }
}

struct Work<'a> {
    menu: &'a MenuBook,
    plan: &'a KitchenPlan,
    crew: f64,
}

fn commuter(dice: &mut Dice, kitchen: &mut Work<'_>, within_s: i64) -> Commuter {
    // A train, and from it two to six minutes on foot: at the counter from 8:00 on.
    let (walk_s, wanted_s) = loop {
        let walk_s = dice.between(2 * MINUTE_S, 6 * MINUTE_S);
        let wanted_s = EIGHT_S + dice.between(-2, within_s / TRAIN_EVERY_S) * TRAIN_EVERY_S + walk_s;
        if (EIGHT_S..EIGHT_S + within_s).contains(&wanted_s) {
            break (walk_s, wanted_s);
        }
    };
    let asks_s = wanted_s - dice.between(15 * MINUTE_S, 75 * MINUTE_S);
    // Trains are on time or late; people walk a little faster or slower.
    let train_late_s = -90.0 * (1.0 - dice.roll()).ln();
    #[allow(clippy::cast_possible_truncation, reason = "seconds")]
    let late_s = (train_late_s.min(600.0) + 25.0 * dice.bell()) as i64;
    // The assumption on nudges: three of ten are never moved by points; to the others a minute is worth half a point to three points, and nobody
    // moves by more than 15 to 60 minutes.
    let points_a_minute = (!dice.permille(300)).then(|| 0.5 + 2.5 * dice.roll());
    let moved = Moved { points_a_minute, most_min: 15.0 + 45.0 * dice.roll() };
    Commuter { wanted_s, asks_s, walk_s, late_s, moved, order: kitchen.order(dice) }
}

/// Guests come one by one, with no memory of each other, so that their work takes so many thousandths of the bar on average.
fn guests(dice: &mut Dice, kitchen: &mut Work<'_>, permille: f64) -> Vec<Guest> {
    let bar = kitchen.plan.stations.first().map_or(1, |station| station.makers);
    let (mut guests, mut at_s) = (Vec::new(), 0.0);
    #[allow(clippy::cast_precision_loss, reason = "hours")]
    let whole_s = (UNTIL_S - FROM_S) as f64;
    loop {
        let order = kitchen.order(dice);
        // As long as the bar takes for them in the mean, by what such an order is.
        let apart_s = MEAN_BAR_S / (f64::from(bar) * permille / 1_000.0);
        at_s += -apart_s * (1.0 - dice.roll()).ln();
        if at_s >= whole_s {
            return guests;
        }
        #[allow(clippy::cast_possible_truncation, reason = "seconds of a morning")]
        let comes_s = FROM_S + at_s as i64;
        guests.push(Guest { comes_s, order });
    }
}

/// Seconds of the bar in an order, in the mean: held by a test.
pub(crate) const MEAN_BAR_S: f64 = 37.7;

impl Work<'_> {
    fn order(&mut self, dice: &mut Dice) -> Making {
        let mut cart = Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut);
        let mut add = |item: &str, quantity: u32, chosen: &[&str]| {
            if let Some(mut line) = CartLine::of(self.menu, &item.into(), quantity, TaxHandoff::TakeOut) {
                line.modifiers.extend(chosen.iter().map(|drink| CartModifier {
                    group: "set_drink".into(),
                    modifier: (*drink).into(),
                    quantity: 1,
                    modifiers: vec![],
                }));
                cart.lines.push(line);
            }
        };
        // One drink, at times one for a colleague, and once in a while a round for the office: a count of orders does not see these.
        let drinks = match dice.between(1, 100) {
            1..=92 => 1,
            93..=98 => 2,
            _ => 4,
        };
        match dice.between(1, 100) {
            1..=46 => add("drip", drinks, &[]),
            47..=76 => add("latte", drinks, &[]),
            77..=84 => add("matcha_latte", drinks, &[]),
            85..=94 => add("morning_set", 1, &["set_drip"]),
            _ => add("morning_set", 1, &["set_latte"]),
        }
        match dice.between(1, 100) {
            1..=18 => add("hot_sandwich", 1, &[]),
            19..=30 => add("scone", 1, &[]),
            _ => {}
        }
        let tasks = make_tasks(&cart, self.menu, &self.plan.per_order);
        let batches: u32 = tasks.iter().map(|task| task.batches).sum();
        // By a quarter longer or shorter than the menu says, at times much longer: something falls down.
        let factors = (0..batches).map(|_| {
            let slip = if dice.permille(20) { 2.0 } else { 1.0 };
            self.crew * slip * (1.0 + 0.25 * dice.bell()).clamp(0.5, 2.0)
        });
        let factors = factors.collect();
        Making { tasks, factors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand;

    /// What is said of the kitchen and of the guests' share goes by this mean.
    #[test]
    fn the_mean_order_is_what_it_is_called() {
        let (menu, plan) = (stand::book("s").unwrap(), stand::kitchen("s").unwrap());
        let (mut dice, mut kitchen) = (Dice::new(7), Work { menu: &menu, plan: &plan, crew: 1.0 });
        let orders: Vec<Making> = (0..20_000).map(|_| kitchen.order(&mut dice)).collect();
        let bar = |order: &Making| {
            order.tasks.iter().filter(|task| task.station.as_str() == "bar").map(|task| task.seconds * task.batches).sum::<u32>()
        };
        let mean = f64::from(orders.iter().map(bar).sum::<u32>()) / 20_000.0;
        assert!((mean - MEAN_BAR_S).abs() < 0.4, "{mean}");
        // Three makers, a quarter of an hour, less the guests' share: sixty orders, give or take a few.
        let orders = 3.0 * 900.0 * 0.85 / mean;
        assert!((55.0..65.0).contains(&orders), "{orders}");
        let factors: Vec<f64> = orders_factors(&mut kitchen, &mut dice);
        let mean = factors.iter().sum::<f64>() / 20_000.0;
        assert!((0.98..1.05).contains(&mean), "{mean}");
    }

    fn orders_factors(kitchen: &mut Work<'_>, dice: &mut Dice) -> Vec<f64> {
        std::iter::from_fn(|| Some(kitchen.order(dice).factors)).flatten().take(20_000).collect()
    }
}
