//! What a set of coupons takes off a basket. The same set takes off the same in whatever order it is given.

use crate::basket::{Basket, BasketLine, Slot, part, spread};
use crate::best_set::{Coupon, LineDiscount};
use crate::offers::{Budget, Discount, Offer, StackingRule};

/// A coupon that could be used, with what the search needs of it.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// Its place among the coupons as they came.
    pub(super) at: usize,
    pub(super) serial: u64,
    pub(super) offer: &'a Offer,
    /// What it takes off when it is used alone: never less than what it takes off in a set.
    pub(super) alone_minor: i64,
    /// How many coupons of this offer may be used.
    pub(super) uses_left: Option<u64>,
    /// What it takes from its budget at most, and what is left there.
    pub(super) budget: Option<(u64, u64)>,
    amount: Amount,
    /// The most that each of its lines may lose while it is used.
    floors: Vec<LineDiscount>,
}

/// What it takes off: known for each line, or one amount for all.
#[derive(Debug)]
enum Amount {
    Lines(Vec<LineDiscount>),
    Together(i64),
}

/// A priced set.
#[derive(Debug)]
pub(super) struct Priced<'a> {
    pub(super) total_minor: i64,
    pub(super) line_discounts: Vec<i64>,
    pub(super) by_coupon: Vec<(&'a Candidate<'a>, Vec<LineDiscount>)>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(at: usize, coupon: &Coupon<'a>, basket: &Basket, uses_left: Option<u64>, left: Option<&Budget>) -> Self {
        let offer = coupon.offer;
        let permille = i64::from(offer.greatest_discount_permille);
        let floors = basket.lines_of(offer).map(|(line, goods)| LineDiscount { line, amount_minor: part(goods.amount_minor, permille) });
        let mut candidate = Self {
            at,
            serial: coupon.serial,
            offer,
            alone_minor: 0,
            uses_left,
            budget: None,
            amount: amount(offer, basket),
            floors: floors.collect(),
        };
        candidate.alone_minor = price(&[&candidate], basket).total_minor;
        candidate.budget = left.map(|left| (left.cost(candidate.alone_minor), left.total()));
        candidate
    }

    /// True when the two cannot be used together.
    pub(super) fn excludes(&self, other: &Candidate<'_>) -> bool {
        let (mine, theirs) = (self.offer, other.offer);
        let alone = [mine.stacking, theirs.stacking].contains(&StackingRule::Alone);
        let same_group = mine.exclusion_group.is_some() && mine.exclusion_group == theirs.exclusion_group;
        let apart = [mine.stacking, theirs.stacking].contains(&StackingRule::OtherLines);
        alone || same_group || (apart && self.floors.iter().any(|floor| other.floors.iter().any(|their| their.line == floor.line)))
    }

    /// Lowers what each line may lose to what it may while this coupon is used.
    pub(super) fn lower(&self, rooms: &mut [i64]) {
        for floor in &self.floors {
            if let Some(room) = rooms.get_mut(floor.line) {
                *room = floor.amount_minor.min(*room);
            }
        }
    }

    /// The lines that it may touch.
    pub(super) fn lines(&self) -> impl Iterator<Item = usize> {
        self.floors.iter().map(|floor| floor.line)
    }

    fn order(&self) -> (bool, usize, u32, u64) {
        // Amounts come last, those with fewer lines first, so that they find what room is left.
        let (together, lines) = match &self.amount {
            Amount::Lines(_) => (false, 0),
            Amount::Together(_) => (true, self.floors.len()),
        };
        (together, lines, self.offer.id.0, self.serial)
    }
}

/// What each line of the basket may lose before any coupon says less.
pub(super) fn rooms(basket: &Basket) -> Vec<i64> {
    basket.lines().iter().map(|line| line.greatest_discount_minor.unwrap_or(i64::MAX).min(line.amount_minor).max(0)).collect()
}

/// Prices a set: no line loses more than the least of what it, and every coupon on it, allow.
pub(super) fn price<'a>(set: &[&'a Candidate<'a>], basket: &Basket) -> Priced<'a> {
    let mut rooms = rooms(basket);
    let mut set = set.to_vec();
    set.sort_by_key(|candidate| candidate.order());
    set.iter().for_each(|candidate| candidate.lower(&mut rooms));
    let mut line_discounts = vec![0; rooms.len()];
    let mut by_coupon = Vec::with_capacity(set.len());
    for candidate in set {
        let wanted = match &candidate.amount {
            Amount::Lines(lines) => lines.clone(),
            Amount::Together(amount_minor) => together(*amount_minor, candidate, basket, &line_discounts, &rooms),
        };
        let mut taken = Vec::with_capacity(wanted.len());
        for LineDiscount { line, amount_minor } in wanted {
            let (Some(room), Some(discount)) = (rooms.get_mut(line), line_discounts.get_mut(line)) else {
                continue;
            };
            let amount_minor = amount_minor.min(*room);
            *room -= amount_minor;
            *discount += amount_minor;
            if amount_minor > 0 {
                taken.push(LineDiscount { line, amount_minor });
            }
        }
        by_coupon.push((candidate, taken));
    }
    Priced { total_minor: line_discounts.iter().sum(), line_discounts, by_coupon }
}

/// An amount for all lines of a coupon, spread by what is left to pay of each.
fn together(amount_minor: i64, candidate: &Candidate<'_>, basket: &Basket, taken: &[i64], rooms: &[i64]) -> Vec<LineDiscount> {
    let slot = |line: usize| {
        let (goods, taken, room) = (basket.lines().get(line)?, taken.get(line)?, rooms.get(line)?);
        Some(Slot { weight: goods.amount_minor - taken, room: *room })
    };
    let slots: Vec<Slot> = candidate.lines().map(|line| slot(line).unwrap_or(Slot { weight: 0, room: 0 })).collect();
    candidate.lines().zip(spread(amount_minor, &slots)).map(|(line, amount_minor)| LineDiscount { line, amount_minor }).collect()
}

fn amount(offer: &Offer, basket: &Basket) -> Amount {
    match offer.discount {
        Discount::Fixed { amount_minor } => Amount::Together(amount_minor),
        Discount::Percent { permille } => {
            let lines = basket.lines_of(offer);
            let taken = lines.map(|(line, goods)| LineDiscount { line, amount_minor: part(goods.amount_minor, i64::from(permille)) });
            Amount::Lines(taken.collect())
        }
        Discount::FreeItem { pieces } => {
            let mut lines: Vec<(usize, &BasketLine)> = basket.lines_of(offer).collect();
            lines.sort_by(|(_, a), (_, b)| by_piece(a, b));
            Amount::Lines(pieces_of(&lines, pieces, 0))
        }
        Discount::FixedPrice { price_minor, pieces } => {
            let dearer = |goods: &BasketLine| i128::from(goods.amount_minor) > i128::from(price_minor) * i128::from(goods.quantity);
            let mut lines: Vec<(usize, &BasketLine)> = basket.lines_of(offer).filter(|(_, goods)| dearer(goods)).collect();
            lines.sort_by(|(_, a), (_, b)| by_piece(b, a));
            Amount::Lines(pieces_of(&lines, pieces, price_minor))
        }
    }
}

/// Compares what a piece costs, without dividing.
fn by_piece(a: &BasketLine, b: &BasketLine) -> std::cmp::Ordering {
    let cross = |a: &BasketLine, b: &BasketLine| i128::from(a.amount_minor) * i128::from(b.quantity);
    cross(a, b).cmp(&cross(b, a))
}

/// What the first so many pieces of these lines lose when each costs `price_minor`.
fn pieces_of(lines: &[(usize, &BasketLine)], pieces: u32, price_minor: i64) -> Vec<LineDiscount> {
    let mut left = i64::from(pieces);
    let mut discounts = Vec::new();
    for (line, goods) in lines {
        let taken = left.min(goods.quantity);
        left -= taken;
        let worth = i128::from(goods.amount_minor) * i128::from(taken) / i128::from(goods.quantity.max(1));
        let amount = worth - i128::from(price_minor) * i128::from(taken);
        discounts.push(LineDiscount { line: *line, amount_minor: i64::try_from(amount).unwrap_or(0).max(0) });
    }
    discounts
}
