//! Operations of orders, from the tap to the hand-over.

use noren_rules::wire::{
    HandOverRequest, Kitchen, KitchenOrder, KitchenStepRequest, OrderAnswer, OrderRequest, OrderStepRequest, OrderView, Orders,
    PassRequest, PickupPass, paths,
};

use super::Access::{App, Till};
use super::Operation;
use super::operations::{read, write};

const CARD_NUMBER: (u16, &str) = (400, "key_missing, key_invalid, invalid_request; or card_number: a text looks like a card number");
const CONFLICT: (u16, &str) = (409, "order_conflict: the order has moved on, or was placed with other contents; or key_in_flight");
const NO_ORDER: (u16, &str) = (404, "not_found: no such order");

pub(super) fn operations() -> Vec<Operation> {
    vec![
        read::<Orders>(paths::ORDERS, App, "Orders that are not over, or ended within 30 days; with ETag and If-None-Match.", &[]),
        write::<OrderRequest, OrderAnswer>(
            paths::ORDERS,
            App,
            "I order this, as it was shown; or what is not so any more is asked. One order per id.",
            &[
                CARD_NUMBER,
                (403, "seat_refused: no open session at this store; or forbidden"),
                (404, "not_found: the store takes no orders, or no such order to be replaced"),
                CONFLICT,
                (429, "too_many_attempts: five orders of the member are open that are not paid"),
            ],
        ),
        write::<OrderStepRequest, OrderAnswer>(
            paths::ORDER_STEPS,
            App,
            "What the person does about an order.",
            &[CARD_NUMBER, NO_ORDER, CONFLICT],
        ),
        Operation {
            media_type: "text/event-stream",
            ..read::<OrderView>(
                paths::ORDER_EVENTS,
                App,
                "Changes of the member's orders as they happen: events `order`, each with an order as data and its version as id.",
                &[(400, "invalid_request: Last-Event-ID is no version")],
            )
        },
        write::<PassRequest, PickupPass>(
            paths::ORDER_PASSES,
            App,
            "Somebody else fetches it: a code that hands it over once.",
            &[NO_ORDER, CONFLICT],
        ),
        read::<Kitchen>(paths::KITCHEN, Till, "The kitchen of the till's store. It names no member.", &[NO_ORDER]),
        write::<KitchenStepRequest, KitchenOrder>(
            paths::KITCHEN_STEPS,
            Till,
            "What the staff did about an order.",
            &[CARD_NUMBER, NO_ORDER, CONFLICT],
        ),
        write::<HandOverRequest, KitchenOrder>(
            paths::KITCHEN_HAND_OVERS,
            Till,
            "Hand over, by pickup code, pass or the member's code.",
            &[CARD_NUMBER, (403, "code_refused: the code does not hand over this order; or forbidden"), NO_ORDER, CONFLICT],
        ),
    ]
}
