//! The work of an order: batches of equal pieces at each station.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cart::{Cart, CartModifier, modifier};
use crate::ids::StationId;
use crate::menu::{MakeStep, MenuBook};

/// Equal batches at a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeTask {
    /// Where.
    pub station: StationId,
    /// How long one batch takes one maker, in seconds.
    pub seconds: u32,
    /// How many batches.
    pub batches: u32,
}

/// What makes pieces equal: the same step of the same item or modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Made<'a> {
    Item(&'a str, usize),
    Modifier(&'a str, usize),
}

/// The work of a cart, in a fixed order. Equal pieces are put together, over all lines: seven portions of fries in a fryer for six are two
/// batches. What is not on the menu makes no work: see [`Cart::problems`].
#[must_use]
pub fn make_tasks(cart: &Cart, book: &MenuBook, per_order: &[MakeStep]) -> Vec<MakeTask> {
    let mut pieces: BTreeMap<Made<'_>, (&MakeStep, u32)> = BTreeMap::new();
    for line in &cart.lines {
        let Some(item) = book.item(&line.item) else {
            continue;
        };
        for (at, step) in item.make.iter().enumerate() {
            add(&mut pieces, Made::Item(item.id.as_str(), at), step, line.quantity);
        }
        add_modifiers(&mut pieces, book, &line.modifiers, line.quantity);
    }
    let task = |step: &MakeStep, pieces: u32| MakeTask {
        station: step.station.clone(),
        seconds: step.seconds,
        batches: pieces.div_ceil(step.batch.max(1)),
    };
    let of_pieces = pieces.into_values().filter(|(_, pieces)| *pieces > 0).map(|(step, pieces)| task(step, pieces));
    of_pieces.chain(per_order.iter().map(|step| task(step, 1))).collect()
}

fn add<'a>(pieces: &mut BTreeMap<Made<'a>, (&'a MakeStep, u32)>, made: Made<'a>, step: &'a MakeStep, quantity: u32) {
    let sum = pieces.entry(made).or_insert((step, 0));
    sum.1 = sum.1.saturating_add(quantity);
}

fn add_modifiers<'a>(pieces: &mut BTreeMap<Made<'a>, (&'a MakeStep, u32)>, book: &'a MenuBook, chosen: &[CartModifier], times: u32) {
    for one in chosen {
        let Some(modifier) = modifier(book, one) else {
            continue;
        };
        let quantity = times.saturating_mul(one.quantity);
        for (at, step) in modifier.make.iter().enumerate() {
            add(pieces, Made::Modifier(modifier.id.as_str(), at), step, quantity);
        }
        add_modifiers(pieces, book, &one.modifiers, quantity);
    }
}
