//! What the platform gives to the core: a place for secrets, a key in hardware, clocks and randomness.
//!
//! [`SecureStore`], [`DeviceKey`] and [`ChangeObserver`] are implemented by the shell (Kotlin, Swift, Python); [`Clock`] and [`Entropy`]
//! stay in Rust. All are small, synchronous, and answer a `Result`. `Locked` always means: try later, nothing was changed.

use std::sync::Arc;

pub mod software;
mod system;

pub use system::{SystemClock, SystemEntropy};

/// Why the platform could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum PlatformError {
    /// The device has not been unlocked since it was started. Try later; nothing was changed.
    #[error("the device is locked: try again after it has been unlocked")]
    Locked,
    /// There is no such value, or no such key.
    #[error("there is no such value or key on this device")]
    NotFound,
    /// The key was there and is lost for good (restored phone, changed screen lock).
    #[error("the key was invalidated by the platform: enrol again")]
    Invalidated,
    /// Anything else.
    #[error("the platform failed: {reason}")]
    Failed {
        /// What the platform said, for the log. Must hold no secret.
        reason: String,
    },
}

#[cfg(feature = "uniffi")]
impl From<uniffi::UnexpectedUniFFICallbackError> for PlatformError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

/// Small secrets in the platform's safe (Keychain, Keystore-wrapped preferences): available after first unlock, this device only,
/// never in a backup.
#[cfg_attr(feature = "uniffi", uniffi::export(rust, foreign))]
pub trait SecureStore: Send + Sync {
    /// The value saved under `name`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Locked` before first unlock, `Invalidated` when it can no longer be decrypted.
    fn load(&self, name: String) -> Result<Vec<u8>, PlatformError>;
    /// Saves `value`, replacing what was there. Durable when it returns.
    ///
    /// # Errors
    /// `Locked` before first unlock, `Failed` when the platform refuses.
    fn save(&self, name: String, value: Vec<u8>) -> Result<(), PlatformError>;
    /// Removes the value; removing nothing is success.
    ///
    /// # Errors
    /// `Locked` before first unlock, `Failed` when the platform refuses.
    fn delete(&self, name: String) -> Result<(), PlatformError>;
}

/// A P-256 key that never leaves the hardware (Secure Enclave, StrongBox or TEE). No user presence is asked; it works after first unlock.
#[cfg_attr(feature = "uniffi", uniffi::export(rust, foreign))]
pub trait DeviceKey: Send + Sync {
    /// Makes a new key, replacing an older one, and answers its public half as SEC1 uncompressed (65 bytes). The core calls it only at a
    /// first enrolment or when the device enrols again.
    ///
    /// # Errors
    /// `Locked` before first unlock, `Failed` when the platform refuses.
    fn create(&self) -> Result<Vec<u8>, PlatformError>;
    /// The public half, SEC1 uncompressed (65 bytes).
    ///
    /// # Errors
    /// `NotFound` when there is no key, `Invalidated` when it is lost, `Locked` before first unlock.
    fn public_key(&self) -> Result<Vec<u8>, PlatformError>;
    /// Signs `message` with ECDSA over SHA-256 (hashed once, here) and answers X9.62 DER.
    ///
    /// # Errors
    /// `NotFound`, `Invalidated` or `Locked`, as for [`DeviceKey::public_key`].
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, PlatformError>;
    /// Destroys the key; destroying nothing is success.
    ///
    /// # Errors
    /// `Locked` before first unlock, `Failed` when the platform refuses.
    fn delete(&self) -> Result<(), PlatformError>;
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Change {
    /// The member's state or card: ask `member().state()` and `card()` again.
    Member,
    /// The purchase history: ask for the page again.
    Purchases,
    /// Places and what is known of an area: ask `places()` again.
    Places,
    /// Coupons, stamps or what may be shown of them: ask `coupons().list()` again.
    Coupons,
    /// Products, reviews, the ranking or what the member likes: ask `catalogue()` again.
    Catalogue,
    /// A check-in was made, taken or refused: ask `check_in().recent()` again.
    CheckIns,
    /// Stock of a store: ask `stock().nearest()` again.
    Stock,
    /// A hold was made, kept, not found or is over: ask `holds().list()` again.
    Holds,
    /// A menu, or what is sold out or booked in a store: ask `ordering().menu()` again.
    Menus,
    /// A cart: ask `ordering().cart()` again.
    Carts,
    /// An order was made, answered, or has moved on: ask `ordering().orders()` again.
    Orders,
    /// Something was said, sent or refused: ask `outbox().waiting()` again.
    Outbox,
}

/// Is told what changed, after it was committed, on the thread that changed it. Return quickly; never call back into the core from here.
#[cfg_attr(feature = "uniffi", uniffi::export(rust, foreign))]
pub trait ChangeObserver: Send + Sync {
    /// `what` has changed. An error is noted and does no harm.
    ///
    /// # Errors
    /// Whatever the shell wants the log to say.
    fn changed(&self, what: Change) -> Result<(), PlatformError>;
}

/// Three clocks. None is trusted alone: see [`crate::time`].
pub trait Clock: Send + Sync {
    /// The wall clock: milliseconds since the Unix epoch. A person can change it.
    fn wall_ms(&self) -> i64;
    /// Milliseconds of a clock that counts sleep and is never set (`CLOCK_BOOTTIME`; `CLOCK_MONOTONIC_RAW` on Apple).
    fn boot_ms(&self) -> i64;
    /// A name of the current boot, another one after each restart.
    fn boot_id(&self) -> String;
}

/// Randomness.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer with random bytes.
    ///
    /// # Errors
    /// `Failed` when the source does. Nothing may be used then.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), PlatformError>;
}

/// A random UUID, version 4 (RFC 9562).
///
/// # Errors
/// What the source of randomness answers.
pub fn random_uuid(entropy: &dyn Entropy) -> Result<String, PlatformError> {
    let mut bytes = [0u8; 16];
    entropy.fill(&mut bytes)?;
    let mut value = u128::from_be_bytes(bytes);
    value = (value & !(0xF << 76)) | (0x4 << 76);
    value = (value & !(0b11 << 62)) | (0b10 << 62);
    let part = |shift: u32, bits: u32| (value >> shift) & ((1u128 << bits) - 1);
    Ok(format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", part(96, 32), part(80, 16), part(64, 16), part(48, 16), part(0, 48)))
}

/// Everything that the platform gives, in one value.
#[derive(Clone)]
pub struct Platform {
    /// The safe for small secrets.
    pub secure_store: Arc<dyn SecureStore>,
    /// The device's key.
    pub device_key: Arc<dyn DeviceKey>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The way to the network.
    pub transport: Arc<dyn crate::net::Transport>,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;
    impl Entropy for Ones {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), PlatformError> {
            buffer.fill(0xFF);
            Ok(())
        }
    }

    #[test]
    fn uuids_carry_version_and_variant() {
        assert_eq!(random_uuid(&Ones).unwrap(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let a = random_uuid(&SystemEntropy).unwrap();
        assert_ne!(a, random_uuid(&SystemEntropy).unwrap());
        assert_eq!(a.len(), 36);
    }
}
