//! What a support desk needs to know, with nothing in it about the person.

use std::path::Path;

use crate::member::LostItem;
use crate::time::TrustedTime;

/// The state of the files and the clock. Holds no secret and no content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Diagnostics {
    /// Version of the app core.
    pub version: String,
    /// The time by the trusted clock.
    pub time: TrustedTime,
    /// Files in the directory and their sizes.
    pub files: Vec<FileSize>,
    /// Damaged files that were set aside: their contents could not be kept.
    pub set_aside: Vec<String>,
    /// What a restored phone could not keep, by kind.
    pub lost: Vec<LostItem>,
    /// What was noticed since the start: a cache dropped and pulled again, a file set aside.
    pub notices: Vec<String>,
    /// Intents whose outcome is open; `None` when the outbox cannot be opened.
    pub open_intents: Option<u32>,
    /// Receipts on the device; `None` when the cache cannot be opened.
    pub receipts: Option<u64>,
}

/// A file and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct FileSize {
    /// Its name within the directory.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
}

pub(super) fn list(directory: &Path) -> Vec<FileSize> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<FileSize> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| FileSize {
            name: entry.file_name().to_string_lossy().into_owned(),
            bytes: entry.metadata().map(|metadata| metadata.len()).unwrap_or_default(),
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

pub(super) fn set_aside(files: &[FileSize]) -> Vec<String> {
    let main = |name: &str| name.contains(".corrupt-") && !["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end));
    files.iter().filter(|file| main(&file.name)).map(|file| file.name.clone()).collect()
}
