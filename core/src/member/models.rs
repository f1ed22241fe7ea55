//! The member and the card, as the app shows them.

use noren_rules::ids::{DeviceId, IdempotencyKey, MemberId};
use noren_rules::wire::{Assurance, LinkedIdentity};
use serde::{Deserialize, Serialize};

use crate::time::TrustedTime;

/// Where this device stands with the programme.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum MemberState {
    /// A first start: offer to enrol.
    NotEnrolled,
    /// An enrolment was asked for and its answer has not come: it goes on by itself with `outbox().send_due()`.
    Enrolling,
    /// There is a card.
    Enrolled {
        /// The member: a random id, never a card number.
        member_id: MemberId,
        /// This device.
        device_id: DeviceId,
        /// When the card's credential ends, in milliseconds since the Unix epoch.
        credential_expires_at_ms: i64,
        /// From when on it is renewed at any contact.
        renew_from_ms: i64,
        /// How well the member is known.
        assurance: Assurance,
        /// The points' balance as last heard; may be owed (below zero) after a return.
        points: i64,
        /// Card numbers and accounts that have been linked.
        linked: Vec<LinkedIdentity>,
        /// When points and links were last heard, in milliseconds since the Unix epoch.
        as_of_ms: i64,
    },
    /// The card is gone or refused: tell the person what could not be kept, and offer to enrol again.
    NeedsEnrolment {
        /// Why.
        cause: EnrolmentCause,
        /// What could not be kept, by kind.
        lost: Vec<LostItem>,
    },
    /// The member was forgotten here; the server still has to be told: `outbox().send_due()` does it when there is a network.
    Forgetting,
}

/// Why a device has to enrol again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum EnrolmentCause {
    /// The files came without their key: a restored or copied phone, or a key that the platform has dropped.
    KeyLost,
    /// The card's file was damaged. If the device's key still stands, the next `renew_if_due()` brings the card back.
    CardDamaged,
    /// The server does not know this device any more: it was reported lost, replaced, or erased elsewhere.
    Revoked,
}

/// Something that could not be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct LostItem {
    /// What it was.
    pub what: LostKind,
    /// How many.
    pub count: u32,
}

/// Kinds of things that can be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum LostKind {
    /// The member card on this device. Linking the same number or account again brings the history back.
    Card,
    /// Things said that had not reached the server.
    WaitingIntents {
        /// Their kind, as in the outbox.
        kind: String,
    },
    /// Receipts on this device. They come back from the server once the same identity is linked.
    Receipts,
    /// A file that could not even be read.
    UnreadableFile {
        /// Its name.
        name: String,
    },
}

/// How a verb that goes through the outbox ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Submission {
    /// It had its effect.
    Done,
    /// It is kept and goes as soon as there is a network.
    Waiting {
        /// Its key in the outbox.
        key: IdempotencyKey,
    },
}

/// Carriers of a member code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Symbology {
    /// The rotating code, verified by a till with no network. May earn and spend.
    Qr,
    /// Alias and one-time digits, new every 30 s. May earn; spends only online.
    Code128,
    /// A static number (JAN). Copyable for ever: may earn, never spends.
    Ean13,
    /// A static number as Codabar. As [`Symbology::Ean13`].
    Nw7,
}

impl Symbology {
    /// The name in lower case: `qr`, `code128`, `ean13`, `nw7`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Code128 => "code128",
            Self::Ean13 => "ean13",
            Self::Nw7 => "nw7",
        }
    }
}

/// What to tell the person beside the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum CardStanding {
    /// All is well.
    Good,
    /// The phone has not heard a server's time since it was started: if the till refuses the code for its clock, connect once.
    ClockUnproven,
    /// The credential has ended: the one-dimensional code is shown instead of the QR. Connect once to renew it.
    NeedsContact,
    /// The server does not know this device any more: enrol again.
    Revoked,
}

/// The modules of a code: one bit each, 1 for black, row by row without gaps, the first module in the highest bit of the first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ModuleMatrix {
    /// Modules in a row.
    pub width: u32,
    /// Rows; 1 for a one-dimensional code.
    pub height: u32,
    /// `width * height` bits, rounded up to bytes.
    pub bits: Vec<u8>,
    /// White modules that must stay free around the code: 4 for a QR, 10 left and right of bars.
    pub quiet_zone: u32,
}

impl ModuleMatrix {
    pub(crate) fn from_modules(width: usize, height: usize, quiet_zone: u32, dark: impl Iterator<Item = bool>) -> Self {
        let mut bits = vec![0u8; (width * height).div_ceil(8)];
        for (index, _) in dark.enumerate().filter(|(_, dark)| *dark) {
            if let Some(byte) = bits.get_mut(index / 8) {
                *byte |= 0x80 >> (index % 8);
            }
        }
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { width: narrow(width), height: narrow(height), bits, quiet_zone }
    }

    /// True for a black module; false outside.
    #[must_use]
    pub fn is_dark(&self, x: u32, y: u32) -> bool {
        if x >= self.width || y >= self.height {
            return false;
        }
        let index = u64::from(y) * u64::from(self.width) + u64::from(x);
        let byte = usize::try_from(index / 8).ok().and_then(|at| self.bits.get(at));
        byte.is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
    }
}

/// The card as it is shown now: one value, everything a screen needs.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CardView {
    /// What the code says.
    pub text: String,
    /// What is drawn. Not always what was asked for: see [`CardStanding::NeedsContact`].
    pub symbology: Symbology,
    /// The time step of a rotating code; `None` for a static one.
    pub step: Option<u64>,
    /// When to ask for the next view, in milliseconds since the Unix epoch by `time`; `None` for a static code.
    pub valid_until_ms: Option<i64>,
    /// What to tell the person.
    pub standing: CardStanding,
    /// The number to read aloud or type, in groups.
    pub number: String,
    /// The modules to draw: black on white in dark mode too, full width, with the quiet zone.
    pub matrix: ModuleMatrix,
    /// The points' balance as last heard.
    pub points: i64,
    /// When the balance was heard, in milliseconds since the Unix epoch.
    pub points_as_of_ms: i64,
    /// The time by which the code was made.
    pub time: TrustedTime,
}

impl std::fmt::Debug for CardView {
    /// Without the code: it is good for 40 seconds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CardView")
            .field("symbology", &self.symbology)
            .field("step", &self.step)
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}
