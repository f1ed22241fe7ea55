//! Whole-file encryption, in builds with the feature `sqlcipher`: SQLCipher with a raw 256-bit key, so that opening derives nothing slowly.

use rusqlite::Connection;

use super::{Sealer, StorageError};

/// The key of one file. Holds nothing without the feature.
pub(super) struct FileKey {
    #[cfg(feature = "sqlcipher")]
    key: zeroize::Zeroizing<[u8; 32]>,
}

#[cfg(feature = "sqlcipher")]
impl FileKey {
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn new(sealer: &Sealer, file: &str) -> Option<Self> {
        Some(Self { key: sealer.file_key(file) })
    }

    pub(super) fn unlock(&self, connection: &Connection) -> Result<(), StorageError> {
        use std::fmt::Write;
        // As long as it gets, so that no copy of the key is left behind by growing.
        let mut pragma = zeroize::Zeroizing::new(String::with_capacity(160));
        // It would write to standard error when a file does not open; that is said by the error.
        pragma.push_str("PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'");
        for byte in self.key.iter() {
            // Writing to a String does not fail.
            let _ = write!(pragma, "{byte:02x}");
        }
        pragma.push_str("'\"");
        Ok(connection.execute_batch(&pragma)?)
    }
}

#[cfg(not(feature = "sqlcipher"))]
impl FileKey {
    pub(super) fn new(_: &Sealer, _: &str) -> Option<Self> {
        None
    }

    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    pub(super) fn unlock(&self, _: &Connection) -> Result<(), StorageError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Database, DatabaseSpec, OnCorruption, WHOLE_FILE_ENCRYPTION};
    use super::*;
    use crate::platform::SystemEntropy;
    use zeroize::Zeroizing;

    const SPEC: DatabaseSpec =
        DatabaseSpec { file: "x.db", steps: &["CREATE TABLE a(x TEXT) STRICT;"], durable: false, on_corruption: OnCorruption::Drop };

    fn open(directory: &std::path::Path, key: u8) -> Database {
        Database::encrypted(directory, SPEC, &Sealer::new(Zeroizing::new([key; 32]), Arc::new(SystemEntropy)))
    }

    fn count(db: &Database) -> Result<i64, StorageError> {
        db.read(|c| Ok(c.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?))
    }

    #[test]
    fn what_is_in_the_file_is_in_the_open_only_without_the_feature() {
        let directory = tempfile::tempdir().unwrap();
        let db = open(directory.path(), 1);
        db.write(|tx| Ok(tx.execute("INSERT INTO a VALUES ('bought on a Tuesday')", []).map(drop)?)).unwrap();
        let holds = |file: &std::path::Path| {
            let bytes = std::fs::read(file).unwrap_or_default();
            bytes.windows(19).any(|window| window == b"bought on a Tuesday")
        };
        assert_eq!(holds(&super::super::files::with_suffix(db.path(), "-wal")), !WHOLE_FILE_ENCRYPTION);
        db.pause().unwrap();
        assert_eq!(holds(db.path()), !WHOLE_FILE_ENCRYPTION);
        assert_eq!(std::fs::read(db.path()).unwrap().starts_with(b"SQLite format 3"), !WHOLE_FILE_ENCRYPTION);
        assert_eq!(count(&open(directory.path(), 1)).unwrap(), 1);
    }

    #[test]
    fn another_key_finds_a_damaged_file() {
        let directory = tempfile::tempdir().unwrap();
        let db = open(directory.path(), 1);
        db.write(|tx| Ok(tx.execute("INSERT INTO a VALUES ('x')", []).map(drop)?)).unwrap();
        db.pause().unwrap();
        let other = open(directory.path(), 2);
        // A cache is made anew and pulled again.
        assert_eq!(count(&other).unwrap(), i64::from(!WHOLE_FILE_ENCRYPTION));
        assert_eq!(other.damage().len(), usize::from(WHOLE_FILE_ENCRYPTION));
    }
}
