//! What the staff of a store sees and says about orders.

use serde::{Deserialize, Serialize};

use crate::cart::CartLine;
use crate::ids::{OrderId, SeatSessionId, StationId, StoreId};
use crate::menu::{HandoffMode, SoldOut};
use crate::offers::Texts;
use crate::order::OrderState;
use crate::slots::StoreMode;
use crate::tax::TaxHandoff;
use crate::wire::{OrderOf, OrderPayment, SeatSession};

response! {
    /// The kitchen of a till's store.
    pub struct Kitchen {
        /// The store's name.
        pub store_name: Texts,
        /// Whether new orders are taken.
        pub mode: StoreMode,
        /// Open orders, the earliest start first; then those that ended within the last hour.
        pub orders: Vec<KitchenOrder>,
        /// Its stations with their load, for the next three hours.
        pub stations: Vec<KitchenStation>,
        /// What is sold out.
        pub sold_out: Vec<SoldOut>,
        /// What could be: every item and modifier of the menu, for the switch.
        pub things: Vec<KitchenThing>,
        /// Sessions at tables that wait for the staff or are open.
        pub seats: Vec<SeatSession>,
        /// The store's offset from UTC in minutes.
        pub utc_offset_min: i32,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// A station and how full it is.
    pub struct KitchenStation {
        /// The station.
        pub station: StationId,
        /// By quarters of an hour, from the one that it is.
        pub quarters: Vec<StationQuarter>,
    }
}

response! {
    /// A quarter of an hour at a station.
    pub struct StationQuarter {
        /// When it begins.
        pub from_ms: i64,
        /// Seconds booked by orders.
        pub booked_s: u32,
        /// Seconds taken by walk-in guests that were seen.
        pub walk_in_s: u32,
        /// Seconds that there are for both.
        pub capacity_s: u32,
    }
}

response! {
    /// An item or a modifier, with its title.
    pub struct KitchenThing {
        /// What.
        pub thing: crate::menu::MenuThing,
        /// Its title.
        pub title: Texts,
    }
}

response! {
    /// An order as the kitchen sees it. It names no member.
    pub struct KitchenOrder {
        /// Its id.
        pub id: OrderId,
        /// What it is of.
        pub of: OrderOf,
        /// Where it stands.
        pub state: OrderState,
        /// Where the money stands.
        pub payment: OrderPayment,
        /// The number that is called out.
        pub call_number: Option<u16>,
        /// How it is handed over.
        pub handoff: HandoffMode,
        /// Eat-in or take-out: on the ticket.
        pub tax_handoff: TaxHandoff,
        /// When the kitchen has to begin at the latest.
        pub start_ms: i64,
        /// When it is promised.
        pub promised_ms: i64,
        /// Minutes that it is late now; 0 while it is not.
        pub late_min: u32,
        /// What to make.
        pub lines: Vec<KitchenLine>,
        /// Allergens that the diner avoids, as the diner sent them.
        pub avoids: Vec<Texts>,
        /// The least age to be checked at hand-over.
        pub least_age: Option<u8>,
        /// In how many minutes the person is there, as of `as_of_ms`; 0 when here; absent when nothing was said.
        pub eta_min: Option<u32>,
        /// Where the person waits.
        pub spot: String,
        /// The car.
        pub vehicle: String,
        /// The seat.
        pub seat: Option<String>,
        /// Where it lies.
        pub shelf: Option<String>,
        /// What is to be collected at the counter, in minor units; 0 for nothing.
        pub to_collect_minor: i64,
        /// What the payment provider refuses to give back, in minor units; 0 for nothing. It is asked again, or the counter gives it:
        /// [`KitchenStep::GivenBack`].
        pub owed_back_minor: i64,
        /// ISO 4217.
        pub currency: String,
        /// Wrong pickup codes that may still be given.
        pub tries_left: u32,
        /// Rises with each change.
        pub version: u64,
    }
}

response! {
    /// A line of a ticket.
    pub struct KitchenLine {
        /// What.
        pub title: Texts,
        /// How: modifiers with their quantities, nested ones after those around them.
        pub modifiers: Vec<crate::cart::SnapshotModifier>,
        /// The word to the kitchen.
        pub note: String,
        /// How many are to be made.
        pub quantity: u32,
        /// Which stations have work with it.
        pub stations: Vec<StationId>,
    }
}

/// What the staff did about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KitchenStep {
    /// We make it.
    Accept,
    /// We do not.
    Reject,
    /// The kitchen has begun; for goods: they are being fetched.
    Start,
    /// It can be fetched.
    Ready {
        /// Where it lies, at most 20 characters.
        #[serde(default)]
        shelf: String,
    },
    /// It is late.
    Late {
        /// By so many minutes more, 1 to 240.
        more_min: u32,
    },
    /// These pieces cannot be made: given back, the rest goes on.
    Missing {
        /// The line's place on the ticket.
        line: u32,
        /// How many.
        pieces: u32,
    },
    /// Pieces come back after the hand-over.
    Refund {
        /// The line's place.
        line: u32,
        /// How many.
        pieces: u32,
    },
    /// We call it off.
    Cancel,
    /// The counter gave back what the payment provider refuses to.
    GivenBack,
}

request! {
    /// A step of the staff.
    pub struct KitchenStepRequest {
        /// The order.
        pub order: OrderId,
        /// What.
        pub step: KitchenStep,
    }
}

request! {
    /// Hand over.
    pub struct HandOverRequest {
        /// The order; absent: the one of the code.
        #[serde(default)]
        pub order: Option<OrderId>,
        /// Pickup code, pass, or the member's code as scanned.
        pub code: String,
        /// True when the ages that are asked for were checked.
        #[serde(default)]
        pub age_checked: bool,
        /// Lines that are not handed over because the person is too young: given back.
        #[serde(default)]
        pub refused: Vec<u32>,
    }
}

request! {
    /// Pause, delay, or open for new orders. What is accepted stays.
    pub struct KitchenModeRequest {
        /// From now on.
        pub mode: StoreMode,
    }
}

request! {
    /// What is sold out from now on, and what is there again.
    pub struct SoldOutRequest {
        /// Sold out.
        #[serde(default)]
        pub sold_out: Vec<SoldOut>,
        /// There again.
        #[serde(default)]
        pub back: Vec<crate::menu::MenuThing>,
    }
}

request! {
    /// Guests at the counter have ordered: their work takes the kitchen's time, too.
    pub struct WalkInRequest {
        /// What they ordered.
        pub lines: Vec<CartLine>,
        /// Where it is eaten.
        pub tax_handoff: TaxHandoff,
    }
}

response! {
    /// When walk-in guests get theirs.
    pub struct WalkInAnswer {
        /// When it is ready.
        pub ready_ms: i64,
    }
}

/// What the staff does about seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SeatWork {
    /// Print a slip for one visit.
    Slip {
        /// The seat, 1 to 20 characters.
        seat: String,
        /// For so many minutes, at most 720.
        minutes: u32,
    },
    /// Print a plate that stays on the table.
    Plate {
        /// The seat.
        seat: String,
    },
    /// Guests are there: the staff has seen their numbers on their phones. Who else waits, waits on: a photographed plate can be scanned at home.
    Confirm {
        /// The session in which they wait.
        session: SeatSessionId,
        /// Their numbers, of [`SeatSession::marks`], at least one.
        marks: Vec<u32>,
    },
    /// They have paid.
    Close {
        /// The session.
        session: SeatSessionId,
    },
}

request! {
    /// What the staff does about seats.
    pub struct SeatWorkRequest {
        /// What.
        pub work: SeatWork,
    }
}

response! {
    /// What came of it.
    pub struct SeatWorkAnswer {
        /// To be drawn as a QR: [`crate::seat_code`].
        pub code: Option<String>,
        /// The session.
        pub session: Option<SeatSession>,
    }
}

response! {
    /// How ordering went in a store.
    pub struct OrderReport {
        /// The store.
        pub store: StoreId,
        /// By quarters of an hour in which something was promised.
        pub quarters: Vec<ReportQuarter>,
        /// Orders that were handed over.
        pub pickups: u64,
        /// Sales attached to them (ついで買い).
        pub attached_sales: u64,
        /// What those came to, in minor units.
        pub attached_minor: i64,
        /// Orders that moved to a quieter slot for its points.
        pub nudged: u64,
        /// Orders that nobody fetched.
        pub no_shows: u64,
    }
}

response! {
    /// A quarter of an hour.
    pub struct ReportQuarter {
        /// When it begins.
        pub from_ms: i64,
        /// Orders promised in it.
        pub orders: u64,
        /// Seconds of work in them.
        pub make_s: u64,
        /// Minutes by which nine of ten were late at most.
        pub late_p90_min: u32,
    }
}
