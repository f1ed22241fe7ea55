//! Migrations: a table of SQL, one entry a version, applied in one IMMEDIATE transaction. `PRAGMA user_version` counts them.

use rusqlite::{Connection, TransactionBehavior};

use super::StorageError;

/// Brings a database to the newest version. `steps[n]` leads from version n to n + 1.
///
/// # Errors
/// [`StorageError::NewerFile`] when the file is of a version that `steps` does not reach; nothing is changed then.
pub fn migrate(connection: &mut Connection, file: &str, steps: &[&str]) -> Result<(), StorageError> {
    let supported = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    // Read before taking the write lock: the usual start finds nothing to do and writes nothing.
    let found = version(connection)?;
    if found > supported {
        return Err(StorageError::NewerFile { file: file.into(), found, supported });
    }
    if found == supported {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    for step in steps.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", supported)?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> Result<u32, StorageError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// The `user_version` in the header of a database file, read without opening it as one; `None` when the file is none.
#[must_use]
pub fn version_in_header(bytes: &[u8]) -> Option<u32> {
    let header = bytes.get(..100)?;
    if !header.starts_with(b"SQLite format 3\0") {
        return None;
    }
    header.get(60..64)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "CREATE TABLE a(x INTEGER) STRICT; INSERT INTO a VALUES (1);";
    const V2: &str = "ALTER TABLE a ADD COLUMN y TEXT; CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET y = 'n'; END;";

    #[test]
    fn each_step_runs_once_and_a_newer_file_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, "f", &[V1]).unwrap();
        migrate(&mut connection, "f", &[V1, V2]).unwrap();
        migrate(&mut connection, "f", &[V1, V2]).unwrap();
        assert_eq!(connection.query_row("SELECT count(*) FROM a", [], |r| r.get::<_, i64>(0)).unwrap(), 1);
        let refused = migrate(&mut connection, "f", &[V1]);
        assert_eq!(refused, Err(StorageError::NewerFile { file: "f".into(), found: 2, supported: 1 }));
    }

    #[test]
    fn a_failing_step_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, "f", &[V1]).unwrap();
        assert!(migrate(&mut connection, "f", &[V1, V2, "SELECT * FROM nowhere"]).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(connection.prepare("SELECT y FROM a").is_err());
    }

    #[test]
    fn the_header_names_the_version() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, "x.db", &[V1, V2]).unwrap();
        drop(connection);
        assert_eq!(version_in_header(&std::fs::read(&path).unwrap()), Some(2));
        assert_eq!(version_in_header(b"short"), None);
    }
}
