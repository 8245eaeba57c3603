//! Opening a database file: settings of the connection, whose it is, whether it is whole, and its migrations.
//!
//! A migration is a file that is never edited once released; a new one is appended to [`MIGRATIONS`].

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::Fault;

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_windows.sql"),
    include_str!("migrations/0003_strays.sql"),
    include_str!("migrations/0004_changes.sql"),
    include_str!("migrations/0005_told.sql"),
];

/// The schema version that this n720d writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// `PRAGMA application_id`: "n720" in ASCII. Tells our database from another program's.
const APPLICATION_ID: i64 = 0x6e37_3230;

/// How long to wait for another process (a backup, somebody's `sqlite3`) before giving up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the database was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Empty, and ours from here on.
    Fresh,
    /// Ours, at any schema version up to [`VERSION`].
    Ours,
}

/// Opens for writing, checks and migrates.
pub(super) fn open(path: &Path) -> Result<(Connection, Found), Fault> {
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found = whose(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // In WAL mode a lesser level can lose the last commits with the power: a release must be durable before its trigger.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Superseded files hold SIP passwords: their pages are zeroed, not only freed.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    check(&connection)?;
    migrate(&mut connection)?;
    Ok((connection, found))
}

/// Opens for reading, beside a writer or without one.
///
/// A reader of a database in WAL mode needs the files beside it. Where they are gone, because the writer left in
/// good order, and cannot be made, because the directory may not be written, the database file alone is whole.
///
/// `None`: the file is empty, its first writer has not come so far.
pub(super) fn open_read_only(path: &Path) -> Result<Option<Connection>, Fault> {
    match read_only(path, "") {
        Err(Fault::Sql(error)) if cannot_make_files(&error) && no_log(path) => {
            read_only(path, "&immutable=1")
        }
        other => other,
    }
}

fn read_only(path: &Path, option: &str) -> Result<Option<Connection>, Fault> {
    let uri = format!("file:{}?mode=ro{option}", escaped(path));
    let connection = Connection::open_with_flags(
        uri,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    match whose(&connection)? {
        Found::Fresh => Ok(None),
        Found::Ours => {
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            // A reader changes nothing, and what it cannot read must not look like damage.
            if version < VERSION { Err(Fault::OlderSchema(version)) } else { Ok(Some(connection)) }
        }
    }
}

/// `%`, `?` and `#` have a meaning in SQLite's file names; bytes that are not UTF-8 are kept.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' | 0x80.. => text.push_str(&format!("%{byte:02x}")),
            byte => text.push(char::from(*byte)),
        }
    }
    text
}

fn cannot_make_files(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly))
}

fn no_log(path: &Path) -> bool {
    std::fs::metadata(super::files::beside(path, "-wal")).map_or(true, |log| log.len() == 0)
}

/// Reads the header and refuses what is not ours, before anything is written.
fn whose(connection: &Connection) -> Result<Found, Fault> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Found::Fresh);
    }
    if application != APPLICATION_ID {
        return Err(Fault::NotOurs);
    }
    if version > VERSION {
        return Err(Fault::NewerSchema(version));
    }
    Ok(Found::Ours)
}

fn check(connection: &Connection) -> Result<(), Fault> {
    let finding: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(Fault::Damaged(finding)) }
}

fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(0);
    if done < MIGRATIONS.len() {
        for migration in MIGRATIONS.iter().skip(done) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests;
