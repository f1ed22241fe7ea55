//! What can go wrong with the files.

/// The files could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum StorageError {
    /// The app is going to the background: call `resume()` first.
    #[error("storage is paused: call resume() first")]
    Paused,
    /// The member was forgotten and the files are gone: open the app core again.
    #[error("the files were erased: open again")]
    Closed,
    /// The file was written by a newer version of the app. Update the app; nothing was changed.
    #[error("{file} is of version {found}, this app reads up to {supported}: update the app")]
    NewerFile {
        /// Name of the file.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version that this app reads.
        supported: u32,
    },
    /// The disk is full. The card still shows; free some space and try again.
    #[error("the disk is full: free some space and try again")]
    DiskFull,
    /// The file was damaged. A cache has been dropped and is pulled again; an outbox has been set aside and is reported. Try again.
    #[error("{file} was damaged and has been set aside: try again")]
    Damaged {
        /// Name of the file.
        file: String,
    },
    /// A sealed value does not open: it was altered, moved, or sealed under another key.
    #[error("a sealed value does not open: it was altered or belongs to another key")]
    Unsealable,
    /// The source of randomness failed; nothing was written.
    #[error("the platform gives no randomness: try again")]
    NoEntropy,
    /// Another input or output error.
    #[error("storage failed: {reason}")]
    Io {
        /// What the system said. Holds no content.
        reason: String,
    },
}

impl StorageError {
    pub(crate) fn io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::DiskFull,
            kind => Self::Io { reason: kind.to_string() },
        }
    }

    pub(crate) fn other(reason: impl Into<String>) -> Self {
        Self::Io { reason: reason.into() }
    }
}

impl From<std::io::Error> for StorageError {
    fn from(error: std::io::Error) -> Self {
        Self::io(&error)
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::DiskFull,
            // The name is filled in by the database, which knows it.
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged { file: String::new() },
            // Only the code: SQLite's own text may quote what was being written.
            Some(code) => Self::Io { reason: format!("sqlite {code:?}") },
            None => Self::Io { reason: "a stored value is not of its type".into() },
        }
    }
}
