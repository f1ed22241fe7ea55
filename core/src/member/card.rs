//! Making the code that is shown now, and the next one ahead of time.

use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::code::{self, CodePayload, STEP_S};
use noren_rules::credential::SignedCredential;
use noren_rules::{b64, one_dimensional};

use super::barcode::modules;
use super::{Card, CardStanding, CardView, MemberError, ModuleMatrix, Symbology};
use crate::platform::DeviceKey;
use crate::signing::{SigningError, sign_checked};
use crate::time::{TrustedClock, TrustedTime};

/// Length of a step of the one-time digits.
const OTP_STEP_S: i64 = 30;
/// How many codes are kept ready: this step's and the next's.
const READY: usize = 2;

#[derive(Clone)]
struct Ready {
    credential: String,
    step: u64,
    presented: Vec<u64>,
    text: String,
    matrix: ModuleMatrix,
}

/// Makes card views. Writes nothing, asks no server.
pub struct CardMaker {
    key: Arc<dyn DeviceKey>,
    clock: Arc<TrustedClock>,
    ready: Mutex<Vec<Ready>>,
    /// Serials of the grants that are shown to a till now.
    presented: Mutex<Vec<u64>>,
}

impl CardMaker {
    /// A maker that signs with the device's key and goes by the trusted clock.
    #[must_use]
    pub fn new(key: Arc<dyn DeviceKey>, clock: Arc<TrustedClock>) -> Self {
        Self { key, clock, ready: Mutex::new(Vec::new()), presented: Mutex::new(Vec::new()) }
    }

    /// The card as it is to be shown now.
    ///
    /// # Errors
    /// `Platform` when the device's key cannot sign (`Locked`: after unlocking), `NotDrawable` when the server gave a code that is none.
    pub fn view(&self, card: &Card, wanted: Symbology) -> Result<CardView, MemberError> {
        let time = self.clock.now();
        let expired = time.now_ms >= card.credential_expires_at_ms;
        let standing = match (card.revoked, expired, time.proven) {
            (true, _, _) => CardStanding::Revoked,
            (_, true, _) => CardStanding::NeedsContact,
            (_, _, false) => CardStanding::ClockUnproven,
            _ => CardStanding::Good,
        };
        let symbology = if expired && wanted == Symbology::Qr { Symbology::Code128 } else { wanted };
        let (text, matrix, step, valid_until_ms) = self.code(card, symbology, time)?;
        Ok(CardView {
            text,
            symbology,
            step,
            valid_until_ms,
            standing,
            number: grouped(&card.one_dimensional.ean13),
            matrix,
            points: card.membership.points,
            points_as_of_ms: card.membership_as_of_ms,
            time,
        })
    }

    /// Makes the QR's next code ahead of time, off the screen's thread: hardware can take half a second to sign. The code made ahead is
    /// shown when its step begins.
    ///
    /// # Errors
    /// As for [`CardMaker::view`].
    pub fn prepare_next(&self, card: &Card) -> Result<(), MemberError> {
        let next = code::step_at(self.clock.now().now_s()).saturating_add(1);
        if code::step_begins_s(next).saturating_mul(1000) < card.credential_expires_at_ms {
            self.member_code(card, next)?;
        }
        Ok(())
    }

    fn code(
        &self,
        card: &Card,
        symbology: Symbology,
        time: TrustedTime,
    ) -> Result<(String, ModuleMatrix, Option<u64>, Option<i64>), MemberError> {
        let now_s = time.now_s();
        let codes = &card.one_dimensional;
        let (text, step, until_s) = match symbology {
            Symbology::Qr => {
                let step = code::step_at(now_s);
                let ready = self.member_code(card, step)?;
                let until_ms = code::step_begins_s(step).saturating_add(STEP_S).saturating_mul(1000);
                return Ok((ready.text, ready.matrix, Some(step), Some(until_ms)));
            }
            Symbology::Code128 => {
                let secret = b64::decode(&codes.totp_secret).ok_or_else(|| not_drawable(symbology))?;
                let step = now_s.max(0).div_euclid(OTP_STEP_S);
                let text = one_dimensional::code128_text(&codes.alias, &secret, now_s);
                (text, u64::try_from(step).ok(), Some(step.saturating_add(1).saturating_mul(OTP_STEP_S)))
            }
            Symbology::Ean13 => (codes.ean13.clone(), None, None),
            Symbology::Nw7 => (codes.nw7.clone(), None, None),
        };
        let matrix = modules(symbology, &text, 0).ok_or_else(|| not_drawable(symbology))?;
        Ok((text, matrix, step, until_s.map(|s| s.saturating_mul(1000))))
    }

    fn member_code(&self, card: &Card, step: u64) -> Result<Ready, MemberError> {
        let presented = self.presented.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fits = |ready: &&Ready| ready.step == step && ready.credential == card.credential && ready.presented == presented;
        let known = self.lock().iter().find(fits).cloned();
        if let Some(ready) = known {
            return Ok(ready);
        }
        let credential = card.signed_credential().ok_or_else(|| not_drawable(Symbology::Qr))?;
        let grants = grants_in(&credential, &presented);
        let device_key = credential.credential().device_key;
        let payload = CodePayload { step, grants, pickup_code: None };
        // Outside the lock: signing can be slow.
        let text = code::make(&credential, &payload, |message| sign_checked(self.key.as_ref(), &device_key, message))
            .map_err(SigningError::into_platform)?;
        let matrix = modules(Symbology::Qr, &text, payload.grants.len()).ok_or_else(|| not_drawable(Symbology::Qr))?;
        let made = Ready { credential: card.credential.clone(), step, presented, text, matrix };
        let mut ready = self.lock();
        // Codes of before a presentation, or of after it, are not shown any more.
        ready.retain(|old| old.presented == made.presented);
        ready.push(made.clone());
        let surplus = ready.len().saturating_sub(READY);
        ready.drain(..surplus);
        Ok(made)
    }

    /// The grants that the QR carries from here on, by their serials; those that the credential does not hold are left out. None: an empty slice.
    pub fn present(&self, serials: &[u64]) {
        *self.presented.lock().unwrap_or_else(PoisonError::into_inner) = serials.to_vec();
    }

    /// Forgets the codes made ahead, and what was to be presented.
    pub fn forget(&self) {
        self.present(&[]);
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for CardMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CardMaker").finish_non_exhaustive()
    }
}

/// Where in the credential's allotment the presented grants stand: another lease may have moved them.
fn grants_in(credential: &SignedCredential, presented: &[u64]) -> Vec<u16> {
    let Some(allotment) = credential.credential().allotment.as_ref() else { return Vec::new() };
    let places = (0..).map_while(|place: u16| allotment.grant(place).map(|(serial, _)| (place, serial)));
    places.filter(|(_, serial)| presented.contains(serial)).map(|(place, _)| place).collect()
}

fn not_drawable(symbology: Symbology) -> MemberError {
    MemberError::NotDrawable { symbology: symbology.name().into() }
}

/// Groups of four, to read aloud.
fn grouped(number: &str) -> String {
    let characters: Vec<char> = number.chars().collect();
    characters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
