//! Where things are kept: sealed files, two SQLite databases, and the sealing of what is secret.
//!
//! | file | holds | durability | may be dropped |
//! |---|---|---|---|
//! | `card.sealed` | what the card needs to show; sealed whole | temporary file, fsync, rename, fsync of the directory | no |
//! | `outbox.db` | intents, tokens, the clock's anchor, check-ins and their chain, what was shown to tills, wishes to hold, pinned stores; secrets sealed by value | WAL, `synchronous=FULL` | no |
//! | `cache.db` | purchase history, its search index, rollups, places, rules of coupons, products, stock; plain. The wallet, holds; sealed | WAL, `synchronous=NORMAL` | yes: it is pulled again |
//! | `installation` | a random id that is in the SecureStore too | as the card | – |
//! | `erase.pending` | the one thing that survives "forget me" until the server has answered | as the card | no |
//!
//! In a build with the feature `sqlcipher` the whole of `cache.db` is encrypted. `outbox.db` is not: its secrets are sealed by value, and a
//! restored phone has to read, without its key, what kinds of intents it could not keep.
//!
//! A damaged cache is dropped and pulled again. A damaged outbox or card is renamed to `*.corrupt-N`; files without their key (a restored
//! phone) are moved into `lost-N/`. Both are reported by kind, never silently dropped. A file of a newer version is refused.

mod cipher;
pub mod database;
mod errors;
pub mod files;
pub mod migrate;
pub mod seal;

pub use database::{Database, DatabaseSpec, OnCorruption};
pub use errors::StorageError;
pub use seal::{SealError, Sealer};

/// True in a build that encrypts the whole of `cache.db` (feature `sqlcipher`).
pub const WHOLE_FILE_ENCRYPTION: bool = cfg!(feature = "sqlcipher");
