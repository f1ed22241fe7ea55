//! What a point of sale embeds: it reads a member code with no network, remembers what it took, and answers in at most three plain lines.
//!
//! ```
//! # use noren_rules::basket::{Basket, BasketLine};
//! # use noren_till::{Language, Scanned, Till};
//! # fn at_the_till(root: noren_rules::keys::PublicKey, document: &[u8], saved: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
//! let now_s = 1_800_000_000;
//! let mut till = Till::set_up(root, document, now_s)?.with_id("hiroshima-1".into());
//! if let Some(saved) = saved {
//!     till.restore_memory(saved)?;
//! }
//! let answer = till.scan(b"NRN1:...", "sale 4711", now_s);
//! for line in answer.lines(Language::Ja) {
//!     println!("{line}");
//! }
//! if let Scanned::Member(member) = &answer.scanned {
//!     let line = BasketLine {
//!         sku: "4901234567894".into(),
//!         class: None,
//!         quantity: 1,
//!         amount_minor: 1_080,
//!         tax_permille: Some(80),
//!         greatest_discount_minor: Some(300),
//!     };
//!     let priced = till.price(member, &Basket::new("JPY", vec![line])?, "sale 4711", None, now_s)?;
//!     for line in priced.lines(Language::Ja) {
//!         println!("{line}");
//!     }
//!     println!("post the sale of {} for {}, with {:?}", priced.set.total_minor, member.member, priced.coupons);
//! }
//! let to_save = till.memory(); // after each scan, wherever the point of sale keeps its own state
//! # drop(to_save);
//! # Ok(())
//! # }
//! ```
//!
//! No network, no file, no clock: the point of sale passes the time in and saves [`Till::memory`]. Two tills that are both offline cannot know
//! of each other's scans: the backend verifies each scanned text again with the sale and names doubles.

#![cfg_attr(not(test), warn(missing_docs))]

mod answer;
mod coupons;
mod memory;

pub use answer::{Allowance, Answer, Language, Scanned, StaticCode, TakenCode};
pub use coupons::{CouponSummary, NotTaken, PricedBasket};
pub use memory::MemoryError;

use coupons::{Asked, KnownCoupons};
use memory::{Memory, Take};
use noren_rules::basket::Basket;
use noren_rules::code::{MemberCode, Refusal, Verified, strip_line_end};
use noren_rules::ids::TillId;
use noren_rules::keys::PublicKey;
use noren_rules::lists::{FULL_MAX_AGE_S, Lists, ListsError, SPENDING_MAX_AGE_S};
use noren_rules::one_dimensional::{is_ean13, is_nw7, read_code128};

/// A till that reads member codes.
#[derive(Debug)]
pub struct Till {
    root: PublicKey,
    lists: Lists,
    coupons: KnownCoupons,
    memory: Memory,
    member_prefixes: Vec<String>,
    id: Option<TillId>,
}

impl Till {
    /// Sets a till up: pins the root key and reads the first signed document. Memory of taken codes begins at `now_s`.
    ///
    /// # Errors
    /// [`ListsError`] when the document is not one that the root key signed.
    pub fn set_up(root: PublicKey, document: &[u8], now_s: i64) -> Result<Self, ListsError> {
        let lists = Lists::open(document, &root)?;
        let coupons = KnownCoupons::open(&lists);
        Ok(Self { root, lists, coupons, memory: Memory::since(now_s), member_prefixes: Vec::new(), id: None })
    }

    /// Names the ranges of in-store codes (EAN-13 beginning 20 to 29) that are members. All others are goods, or somebody else's.
    #[must_use]
    pub fn with_member_prefixes(mut self, prefixes: impl IntoIterator<Item = String>) -> Self {
        self.member_prefixes = prefixes.into_iter().collect();
        self
    }

    /// Names the till, as its operator does: it spends offline out of its own share only, and without a name out of none.
    #[must_use]
    pub fn with_id(mut self, id: TillId) -> Self {
        self.id = Some(id);
        self
    }

    /// Takes a newer document.
    ///
    /// # Errors
    /// [`ListsError`] when it is not the root key's, or older than what the till has. The till keeps what it has.
    pub fn update(&mut self, document: &[u8]) -> Result<(), ListsError> {
        let lists = Lists::open(document, &self.root)?;
        if lists.sequence < self.lists.sequence || lists.issued_at_s < self.lists.issued_at_s {
            return Err(ListsError::Older);
        }
        self.coupons = KnownCoupons::open(&lists);
        self.lists = lists;
        Ok(())
    }

    /// Reads a scanned text within a sale. The same text again in the same sale is the same answer.
    ///
    /// `text` is what the scanner gave, `session` names the sale and is not used again for another, `now_s` is the till's clock in seconds
    /// since the Unix epoch.
    pub fn scan(&mut self, text: &[u8], session: &str, now_s: i64) -> Answer {
        let scanned = match self.static_code(text) {
            Some(code) => Scanned::Static(code),
            None => match self.take(text, session, now_s) {
                Ok(verified) => Scanned::Member(TakenCode::from(verified)),
                Err(refusal) => Scanned::Refused(refusal),
            },
        };
        Answer { scanned, allowance: self.allowance(now_s), list_as_of_s: self.lists.issued_at_s, memory_since_s: self.memory.since_s() }
    }

    /// Finds the best set of the coupons that a member shows for a basket, with no network: within the till's share, the device's allotment and
    /// the rules of the offers. The coupons are used in this sale from now on; asked again for the same sale, the answer takes their place, and
    /// [`Self::void`] frees them. Save [`Self::memory`] before the sale is closed: a till that forgets what it spent could spend it twice.
    ///
    /// `member` is what [`Self::scan`] took in the same `session`, `queue_since_s` the moment when the customer joined the queue where the point
    /// of sale knows it (otherwise everyone has the grace), `now_s` the till's clock.
    ///
    /// # Errors
    /// [`NotTaken`] when this sale does not hold the member's code.
    pub fn price(
        &mut self,
        member: &TakenCode,
        basket: &Basket,
        session: &str,
        queue_since_s: Option<i64>,
        now_s: i64,
    ) -> Result<PricedBasket, NotTaken> {
        self.memory.taken_in(&member.device, session).ok_or(NotTaken)?;
        let (allowance, list_as_of_s) = (self.allowance(now_s), self.lists.issued_at_s);
        let till = self.id.as_ref();
        let asked = Asked { till, member, basket, session, queue_since_s, allowance, list_as_of_s, now_s };
        Ok(coupons::price(&self.coupons, &mut self.memory, &asked))
    }

    /// What the till knows for coupons, and how old it is.
    #[must_use]
    pub fn coupon_summary(&self) -> CouponSummary {
        self.coupons.summary(&self.lists)
    }

    /// Frees what the sale took: its codes may be shown again, its coupons used again.
    pub fn void(&mut self, session: &str) {
        self.memory.free(session);
    }

    /// What the till remembers, as a short text for the point of sale to save.
    #[must_use]
    pub fn memory(&self) -> String {
        self.memory.to_text()
    }

    /// Goes on with a memory that was saved.
    ///
    /// # Errors
    /// [`MemoryError`] when the text is not one that [`Self::memory`] gave. The till then remembers from its set-up on, and says so in
    /// [`Answer::memory_since_s`].
    pub fn restore_memory(&mut self, saved: &str) -> Result<(), MemoryError> {
        self.memory = Memory::from_text(saved)?;
        Ok(())
    }

    /// What the age of the till's document allows.
    #[must_use]
    pub fn allowance(&self, now_s: i64) -> Allowance {
        match now_s.saturating_sub(self.lists.issued_at_s) {
            age if age > FULL_MAX_AGE_S => Allowance::EarnOnly,
            age if age > SPENDING_MAX_AGE_S => Allowance::NoOfflineSpending,
            _ => Allowance::Full,
        }
    }

    fn take(&mut self, text: &[u8], session: &str, now_s: i64) -> Result<Verified, Refusal> {
        let code = MemberCode::read(text)?;
        let device = code.credential().credential().device_key.device_id();
        // A sale can last longer than a code: within it, the code is judged at the moment when it was taken.
        let moment_s = self.memory.taken_in(&device, session).unwrap_or(now_s);
        let verified = code.verify(&self.lists.issuers, moment_s).or_else(|_| code.verify(&self.lists.issuers, now_s))?;
        if self.lists.revoked.contains(&verified.device) {
            return Err(Refusal::Revoked);
        }
        match self.memory.take(&verified.device, verified.step, session, now_s) {
            Take::New | Take::Again => Ok(verified),
            Take::Replayed => Err(Refusal::Replayed),
        }
    }

    fn static_code(&self, text: &[u8]) -> Option<StaticCode> {
        let text = std::str::from_utf8(strip_line_end(text)).ok()?;
        if let Some((alias, _)) = read_code128(text) {
            return Some(StaticCode::OneTime { alias: alias.to_owned() });
        }
        let member_ean = is_ean13(text) && self.member_prefixes.iter().any(|prefix| text.starts_with(prefix.as_str()));
        (member_ean || is_nw7(text)).then(|| StaticCode::Number { number: text.to_owned() })
    }
}

#[cfg(test)]
mod coupon_tests;
#[cfg(test)]
mod tests;
