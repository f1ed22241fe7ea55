//! The member: enrolment, the card at the till, linking, renewal.
//!
//! What the card needs stands in `card.sealed`, a sealed file of its own that is read first. Showing the card writes nothing and asks no
//! server: it works from a cold start, on a full disk, and when the databases cannot be opened.

mod barcode;
mod card;
mod card_file;
mod endpoints;
mod errors;
mod mask;
mod models;
mod render;
mod service;

pub use card::CardMaker;
pub use card_file::{CARD_FILE, Card, CardFileError, CardStore};
pub use errors::MemberError;
pub use models::{CardStanding, CardView, EnrolmentCause, LostItem, LostKind, MemberState, ModuleMatrix, Submission, Symbology};
pub use service::MemberService;
pub(crate) use service::{
    FACT_DEVICE_ID, FACT_DEVICE_KEY, KIND_ENROL, KIND_LINK, KIND_RENEW, applies, apply_enrolment, apply_link, device_id_from_fact,
    is_unknown_device, new_intent,
};
