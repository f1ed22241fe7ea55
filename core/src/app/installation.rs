//! Whose files these are: an installation id in the files and in the SecureStore, and the master key that seals them.
//!
//! Files that come without their key (a restored or copied phone) are moved into `lost-N/` and counted by kind; the device then begins as at
//! a first start, which alone makes a key.

use std::path::{Path, PathBuf};

use noren_rules::ids::DeviceId;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::errors::OpenError;
use crate::member::{CARD_FILE, CardStore, LostItem, LostKind};
use crate::outbox::OUTBOX_DB;
use crate::platform::{Entropy, Platform, PlatformError, SecureStore, random_uuid};
use crate::purchases::CACHE_DB;
use crate::storage::{StorageError, files, migrate};

const FILE: &str = "installation";
const REPORT: &str = "lost.json";
/// Where the SecureStore keeps id and key: 36 characters of the id, then 32 bytes of the key.
pub(super) const STORE_NAME: &str = "noren.installation.1";
const ID_LEN: usize = 36;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    id: String,
    /// True once an intent has been kept: from then on a missing outbox is a loss.
    outbox: bool,
}

/// What a restored phone could not keep.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Lost {
    installation: String,
    pub(super) items: Vec<LostItem>,
    pub(super) device: Option<DeviceId>,
}

/// An installation whose files and key belong together.
pub(super) struct Installation {
    directory: PathBuf,
    pub(super) id: String,
    pub(super) master: Zeroizing<[u8; 32]>,
    has_outbox: std::sync::atomic::AtomicBool,
}

impl Installation {
    /// Opens the installation of a directory; sets files aside whose key is lost; begins anew where there is nothing.
    pub(super) fn open(directory: &Path, platform: &Platform) -> Result<Self, OpenError> {
        std::fs::create_dir_all(directory).map_err(StorageError::from)?;
        refuse_newer(directory)?;
        let kept = match platform.secure_store.load(STORE_NAME.into()) {
            Ok(value) => read_secret(&value),
            Err(PlatformError::NotFound | PlatformError::Invalidated) => None,
            Err(error) => return Err(error.into()),
        };
        let record = read_record(directory)?;
        if let (Some(record), Some((id, master))) = (&record, &kept)
            && record.id == *id
        {
            return Ok(Self { directory: directory.into(), id: id.clone(), master: master.clone(), has_outbox: record.outbox.into() });
        }
        if record.is_some() || our_files(directory).iter().any(|file| file.exists()) {
            set_aside(directory, record.map(|record| record.id))?;
        }
        Self::begin(directory, platform.secure_store.as_ref(), platform.entropy.as_ref())
    }

    /// The key of this installation's device is lost: everything is set aside, and the installation begins anew.
    pub(super) fn key_lost(self, platform: &Platform) -> Result<Self, OpenError> {
        set_aside(&self.directory, Some(self.id))?;
        Self::begin(&self.directory, platform.secure_store.as_ref(), platform.entropy.as_ref())
    }

    /// A first start: the key before the file that names it. A crash in between leaves no files, and the next start begins anew.
    fn begin(directory: &Path, store: &dyn SecureStore, entropy: &dyn Entropy) -> Result<Self, OpenError> {
        let id = random_uuid(entropy)?;
        let mut master = Zeroizing::new([0u8; 32]);
        entropy.fill(master.as_mut_slice())?;
        let secret = Zeroizing::new([id.as_bytes(), master.as_slice()].concat());
        store.save(STORE_NAME.into(), secret.to_vec())?;
        write_record(directory, &Record { id: id.clone(), outbox: false })?;
        Ok(Self { directory: directory.into(), id, master, has_outbox: false.into() })
    }

    /// An intent has been kept: remembers that there is an outbox to lose.
    pub(super) fn outbox_was_used(&self) -> Result<(), StorageError> {
        use std::sync::atomic::Ordering;
        if !self.has_outbox.load(Ordering::SeqCst) {
            write_record(&self.directory, &Record { id: self.id.clone(), outbox: true })?;
            self.has_outbox.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// An outbox that was there and is gone or empty is reported like a damaged one.
    pub(super) fn report_missing_outbox(&self) -> Result<(), StorageError> {
        let path = self.directory.join(OUTBOX_DB.file);
        let length = std::fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or(0);
        if !self.has_outbox.load(std::sync::atomic::Ordering::SeqCst) || length > 0 {
            return Ok(());
        }
        if !path.exists() {
            files::write_atomic(&path, b"")?;
        }
        files::set_aside(&path).map(drop)
    }
}

/// The newest report of what was lost.
pub(super) fn last_loss(directory: &Path) -> Option<Lost> {
    let newest = numbered(directory).into_iter().max()?;
    read_report(&directory.join(format!("lost-{newest}")))
}

/// The id that the files carry.
pub(super) fn installation_id(directory: &Path) -> Option<String> {
    read_record(directory).ok().flatten().map(|record| record.id)
}

/// Deletes everything of this installation except what `keep` names. Names that are not ours are left alone.
pub(super) fn delete_all(directory: &Path, keep: &str) -> Result<(), StorageError> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == keep || name == format!("{keep}.tmp") || !is_ours(&name) {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            files::remove(&entry.path())?;
        }
    }
    Ok(files::sync_directory(directory)?)
}

fn is_ours(name: &str) -> bool {
    [CARD_FILE, OUTBOX_DB.file, CACHE_DB.file, FILE].iter().any(|ours| name.starts_with(ours)) || name.starts_with("lost-")
}

fn our_files(directory: &Path) -> [PathBuf; 3] {
    [CARD_FILE, OUTBOX_DB.file, CACHE_DB.file].map(|name| directory.join(name))
}

fn read_secret(value: &[u8]) -> Option<(String, Zeroizing<[u8; 32]>)> {
    let (id, key) = value.split_at_checked(ID_LEN)?;
    Some((String::from_utf8(id.to_vec()).ok()?, Zeroizing::new(key.try_into().ok()?)))
}

fn read_record(directory: &Path) -> Result<Option<Record>, StorageError> {
    let bytes = files::read_whole(&directory.join(FILE))?;
    // A damaged record names no installation: as if the files had come from elsewhere.
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes).unwrap_or(Record { id: String::new(), outbox: true })))
}

fn write_record(directory: &Path, record: &Record) -> Result<(), StorageError> {
    let bytes = serde_json::to_vec(record).map_err(|_| StorageError::other("the installation has no JSON form"))?;
    files::write_atomic(&directory.join(FILE), &bytes)
}

/// Refuses files of a newer version before anything is touched, by their first bytes.
fn refuse_newer(directory: &Path) -> Result<(), OpenError> {
    use std::io::Read;
    let head = |name: &str| {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(directory.join(name)).ok()?;
        file.take(100).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    let card = head(CARD_FILE).and_then(|bytes| CardStore::version_of(&bytes));
    let database = |spec: &crate::storage::DatabaseSpec| {
        let supported = u32::try_from(spec.steps.len()).unwrap_or(u32::MAX);
        (spec.file, head(spec.file).and_then(|bytes| migrate::version_in_header(&bytes)), supported)
    };
    for (file, found, supported) in [(CARD_FILE, card, CardStore::supported_version()), database(&OUTBOX_DB), database(&CACHE_DB)] {
        if let Some(found) = found.filter(|found| *found > supported) {
            return Err(OpenError::NewerFile { file: file.into(), found, supported });
        }
    }
    Ok(())
}

/// Counts, then moves. The report is written first and names the installation: a crash in the middle is carried on into the same folder.
fn set_aside(directory: &Path, installation: Option<String>) -> Result<(), StorageError> {
    let installation = installation.unwrap_or_default();
    let newest = numbered(directory).into_iter().max().unwrap_or(0);
    let carried_on = read_report(&directory.join(format!("lost-{newest}"))).is_some_and(|lost| lost.installation == installation);
    let number = if carried_on { newest } else { newest.saturating_add(1) };
    let folder = directory.join(format!("lost-{number}"));
    if !carried_on {
        let lost = count(directory, installation);
        std::fs::create_dir_all(&folder)?;
        let report = serde_json::to_vec(&lost).map_err(|_| StorageError::other("the report has no JSON form"))?;
        files::write_atomic(&folder.join(REPORT), &report)?;
    }
    for file in our_files(directory).iter().flat_map(|file| files::with_companions(file)).chain([directory.join(FILE)]) {
        let Some(name) = file.file_name() else { continue };
        match std::fs::rename(&file, folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    files::sync_directory(&folder)?;
    Ok(files::sync_directory(directory)?)
}

fn count(directory: &Path, installation: String) -> Lost {
    let mut items = Vec::new();
    let mut device = None;
    let [card, outbox, cache] = our_files(directory);
    if card.exists() {
        items.push(LostItem { what: LostKind::Card, count: 1 });
    }
    let unreadable = |path: &Path, items: &mut Vec<LostItem>| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        items.push(LostItem { what: LostKind::UnreadableFile { name }, count: 1 });
    };
    if outbox.exists() {
        match plain_facts(&outbox) {
            Ok((kinds, id)) => {
                items.extend(kinds.into_iter().map(|(kind, count)| LostItem { what: LostKind::WaitingIntents { kind }, count }));
                device = id.map(crate::member::device_id_from_fact);
            }
            Err(_) => unreadable(&outbox, &mut items),
        }
    }
    if cache.exists() {
        let counted = Connection::open(&cache).and_then(|c| c.query_row("SELECT count(*) FROM receipts", [], |row| row.get::<_, u32>(0)));
        match counted {
            Ok(0) => {}
            Ok(count) => items.push(LostItem { what: LostKind::Receipts, count }),
            Err(_) => unreadable(&cache, &mut items),
        }
    }
    Lost { installation, items, device }
}

type PlainFacts = (Vec<(String, u32)>, Option<String>);

fn plain_facts(outbox: &Path) -> Result<PlainFacts, StorageError> {
    let connection = Connection::open(outbox)?;
    let kinds = crate::outbox::count_by_kind(&connection)?;
    let id = connection.query_row("SELECT value FROM facts WHERE name = ?1", [crate::member::FACT_DEVICE_ID], |row| row.get(0)).ok();
    Ok((kinds, id))
}

fn numbered(directory: &Path) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_string_lossy().strip_prefix("lost-")?.parse().ok()).collect()
}

fn read_report(folder: &Path) -> Option<Lost> {
    serde_json::from_slice(&files::read_whole(&folder.join(REPORT)).ok().flatten()?).ok()
}
