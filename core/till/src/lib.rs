//! What a point of sale embeds: it reads a member code with no network, remembers what it took, and answers in at most three plain lines.
//!
//! ```
//! # use noren_till::{Language, Scanned, Till};
//! # fn at_the_till(root: noren_rules::keys::PublicKey, document: &[u8], saved: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
//! let now_s = 1_800_000_000;
//! let mut till = Till::set_up(root, document, now_s)?;
//! if let Some(saved) = saved {
//!     till.restore_memory(saved)?;
//! }
//! let answer = till.scan(b"NRN1:...", "sale 4711", now_s);
//! for line in answer.lines(Language::Ja) {
//!     println!("{line}");
//! }
//! if let Scanned::Member(member) = &answer.scanned {
//!     println!("post the sale with {}", member.member);
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
mod memory;

pub use answer::{Allowance, Answer, Language, Scanned, StaticCode, TakenCode};
pub use memory::MemoryError;

use memory::{Memory, Take};
use noren_rules::code::{MemberCode, Refusal, Verified, strip_line_end};
use noren_rules::keys::PublicKey;
use noren_rules::lists::{FULL_MAX_AGE_S, Lists, ListsError, SPENDING_MAX_AGE_S};
use noren_rules::one_dimensional::{is_ean13, is_nw7, read_code128};

/// A till that reads member codes.
#[derive(Debug)]
pub struct Till {
    root: PublicKey,
    lists: Lists,
    memory: Memory,
    member_prefixes: Vec<String>,
}

impl Till {
    /// Sets a till up: pins the root key and reads the first signed document. Memory of taken codes begins at `now_s`.
    ///
    /// # Errors
    /// [`ListsError`] when the document is not one that the root key signed.
    pub fn set_up(root: PublicKey, document: &[u8], now_s: i64) -> Result<Self, ListsError> {
        let lists = Lists::open(document, &root)?;
        Ok(Self { root, lists, memory: Memory::since(now_s), member_prefixes: Vec::new() })
    }

    /// Names the ranges of in-store codes (EAN-13 beginning 20 to 29) that are members. All others are goods, or somebody else's.
    #[must_use]
    pub fn with_member_prefixes(mut self, prefixes: impl IntoIterator<Item = String>) -> Self {
        self.member_prefixes = prefixes.into_iter().collect();
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

    /// Frees what the sale took: its codes may be shown again.
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
mod tests;
