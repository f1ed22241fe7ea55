//! Whole files: written atomically, set aside, deleted.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::StorageError;

/// Writes `bytes` so that after a crash either the old or the new file is there, whole: temporary file, fsync, rename, fsync of the directory.
///
/// # Errors
/// `DiskFull` or `Io`; the old file is then untouched.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let temporary = with_suffix(path, ".tmp");
    let written = (|| -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_directory(path.parent().unwrap_or(Path::new(".")))
    })();
    written.map_err(|error| {
        // A half-written temporary file on a full disk would keep it full.
        let _ = fs::remove_file(&temporary);
        StorageError::io(&error)
    })
}

/// The whole file; `None` when there is none.
///
/// # Errors
/// `Io` when it is there and cannot be read.
pub fn read_whole(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io(&error)),
    }
}

/// Deletes a file; deleting nothing is success.
///
/// # Errors
/// `Io`.
pub fn remove(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StorageError::io(&error)),
        _ => Ok(()),
    }
}

/// Makes renames and deletions in a directory durable.
///
/// # Errors
/// What the system says.
pub fn sync_directory(directory: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}

/// The file and, for a database, what SQLite keeps beside it.
#[must_use]
pub fn with_companions(path: &Path) -> [PathBuf; 4] {
    [path.to_path_buf(), with_suffix(path, "-wal"), with_suffix(path, "-shm"), with_suffix(path, "-journal")]
}

/// Renames a damaged file, and its companions, to `*.corrupt-N` with the first free N. Answers the new name of the file itself.
///
/// # Errors
/// `Io`.
pub fn set_aside(path: &Path) -> Result<PathBuf, StorageError> {
    let free = (1u32..).find(|n| !with_suffix(path, &format!(".corrupt-{n}")).exists()).unwrap_or(u32::MAX);
    let aside = with_suffix(path, &format!(".corrupt-{free}"));
    // The file itself goes last: until then a restart finds it and does this again.
    for (from, to) in with_companions(path).iter().zip(with_companions(&aside).iter()).rev() {
        match fs::rename(from, to) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(StorageError::io(&error)),
            _ => {}
        }
    }
    sync_directory(path.parent().unwrap_or(Path::new(".")))?;
    Ok(aside)
}

/// `path` with `suffix` behind its file name.
#[must_use]
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_whole_or_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("card.sealed");
        assert_eq!(read_whole(&path).unwrap(), None);
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read_whole(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file remains");
    }

    #[test]
    fn damaged_files_get_numbers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("outbox.db");
        for n in 1..=2 {
            fs::write(&path, b"x").unwrap();
            fs::write(with_suffix(&path, "-wal"), b"y").unwrap();
            let aside = set_aside(&path).unwrap();
            assert!(aside.ends_with(format!("outbox.db.corrupt-{n}")));
            assert!(with_suffix(&aside, "-wal").exists());
            assert!(!path.exists());
        }
    }
}
