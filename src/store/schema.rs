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
mod tests {
    use super::*;

    fn path() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n720d.db");
        (dir, path)
    }

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_empty_file_gets_every_migration_and_the_next_open_none() {
        let (_dir, path) = path();
        let (connection, found) = open(&path).unwrap();
        assert_eq!((found, version(&connection)), (Found::Fresh, VERSION));
        drop(connection);
        let (connection, found) = open(&path).unwrap();
        assert_eq!((found, version(&connection)), (Found::Ours, VERSION));
    }

    /// The times of all windows after the migration of a database of the first schema with these rows.
    fn migrated_windows(rows: &str) -> Vec<(String, Option<String>)> {
        let (_dir, path) = path();
        let first = Connection::open(&path).unwrap();
        first.execute_batch(MIGRATIONS[0]).unwrap();
        first
            .execute_batch(
                "INSERT INTO site (id, name, token, key) VALUES (1, 'acme', 'a', zeroblob(32)),
                     (2, 'st-johns', 'b', zeroblob(32)), (3, 'never-read', 'c', zeroblob(32));",
            )
            .unwrap();
        first.execute_batch(rows).unwrap();
        first.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        first.pragma_update(None, "user_version", 1).unwrap();
        drop(first);
        let (connection, _) = open(&path).unwrap();
        let mut query = connection
            .prepare(
                "SELECT entry ->> '$.opens_at', entry ->> '$.closes_at' FROM window ORDER BY site, number",
            )
            .unwrap();
        let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn window(opens: &str, closes: Option<&str>) -> (String, Option<String>) {
        (opens.to_owned(), closes.map(str::to_owned))
    }

    #[test]
    fn a_window_of_the_first_schema_gets_the_offset_of_its_site() {
        let windows = migrated_windows(
            r#"INSERT INTO status (site, status, observed_offset) VALUES (1, '{}', 3600), (2, '{}', -12600);
               INSERT INTO window (site, number, entry) VALUES
                   (1, 1, '{"opens_at":"2026-11-23T08:00:00","closes_at":"2026-11-24T04:00:00","policy":"2026-11-23T08:00 for 72000 s"}'),
                   (1, 2, '{"opens_at":"2026-11-24T08:00:00","closes_at":null,"policy":"when released for ever"}'),
                   (1, 3, '{"opens_at":"2026-11-24T09:00:00","closes_at":"2026-11-24T09:10:41","policy":"when released for 600 s"}'),
                   (1, 4, '{"opens_at":"2026-11-25T08:00:00","closes_at":"2026-11-25T09:00:00"}'),
                   (2, 1, '{"opens_at":"2026-11-23T08:00:00","closes_at":null}'),
                   (3, 1, '{"opens_at":"2026-11-23T08:00:00","closes_at":null}');"#,
        );
        assert_eq!(
            windows,
            [
                window("2026-11-23T08:00:00+01:00", Some("2026-11-24T04:00:00+01:00")),
                window("2026-11-24T08:00:00+01:00", None),
                window("2026-11-24T09:00:00+01:00", Some("2026-11-24T09:10:41+01:00")),
                window("2026-11-25T08:00:00+01:00", Some("2026-11-25T09:00:00+01:00")),
                window("2026-11-23T08:00:00-03:30", None),
                window("2026-11-23T08:00:00+00:00", None),
            ]
        );
    }

    #[test]
    fn a_window_of_the_first_schema_over_a_clock_change_ends_when_it_was_meant_to() {
        // Twenty hours over the end of summer time, and over its beginning; last looked at before the change.
        let entries = r#"INSERT INTO window (site, number, entry) VALUES
            (1, 1, '{"opens_at":"2026-03-28T20:00:00","closes_at":"2026-03-29T17:00:00","policy":"when released for 72000 s"}'),
            (1, 2, '{"opens_at":"2026-10-24T20:00:00","closes_at":"2026-10-25T15:00:00","policy":"2026-10-24T20:00 for 72000 s"}');"#;
        let before = "INSERT INTO status (site, status, observed_offset) VALUES (1, '{}', 7200);";
        assert_eq!(
            migrated_windows(&format!("{before}{entries}")),
            [
                // What is long over may be an hour off as a whole, its length is right.
                window("2026-03-28T20:00:00+02:00", Some("2026-03-29T16:00:00+02:00")),
                window("2026-10-24T20:00:00+02:00", Some("2026-10-25T16:00:00+02:00")),
            ]
        );
        // Last looked at after it: what the status tells of the window is better than the offset of that look.
        let after = r#"INSERT INTO status (site, status, observed_offset) VALUES
            (1, '{"window":{"opens_at":"2026-10-24T20:00:00+02:00"}}', 3600);"#;
        let windows = migrated_windows(&format!("{after}{entries}"));
        assert_eq!(windows[1], window("2026-10-24T20:00:00+02:00", Some("2026-10-25T16:00:00+02:00")));
    }

    #[test]
    fn a_window_of_the_first_schema_that_opens_after_a_clock_change_opens_when_it_was_meant_to() {
        let windows = migrated_windows(
            r#"INSERT INTO status (site, status, observed_offset) VALUES
                   (1, '{"window":{"opens_at":"2026-10-26T08:00:00+01:00"}}', 7200),
                   (2, '{"window":{"opens_at":"2026-10-26T08:00:00Z"}}', 3600);
               INSERT INTO window (site, number, entry) VALUES
                   (1, 1, '{"opens_at":"2026-10-26T08:00:00","closes_at":"2026-10-26T09:00:00","policy":"2026-10-26T08:00 for 3600 s"}'),
                   (2, 1, '{"opens_at":"2026-10-26T08:00:00","closes_at":null,"policy":"2026-10-26T08:00 for ever"}');"#,
        );
        assert_eq!(
            windows,
            [
                window("2026-10-26T08:00:00+01:00", Some("2026-10-26T09:00:00+01:00")),
                window("2026-10-26T08:00:00Z", None),
            ]
        );
    }

    #[test]
    fn every_table_is_strict_and_the_connection_is_set_for_durability() {
        let (_dir, path) = path();
        let (connection, _) = open(&path).unwrap();
        let lax: i64 = connection
            .query_row(
                "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' AND NOT strict",
                (),
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(lax, 0);
        let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let number = |name| -> i64 { connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
        assert_eq!(
            (journal.as_str(), number("synchronous"), number("foreign_keys"), number("secure_delete")),
            ("wal", 2, 1, 1)
        );
    }

    #[test]
    fn a_database_of_the_first_release_is_brought_up_to_date_and_loses_nothing() {
        let (_dir, path) = path();
        let raw = Connection::open(&path).unwrap();
        raw.execute_batch(MIGRATIONS.first().unwrap()).unwrap();
        raw.execute("INSERT INTO site (name, token, key) VALUES ('acme', 't', zeroblob(32))", ()).unwrap();
        raw.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        raw.pragma_update(None, "user_version", 1).unwrap();
        drop(raw);
        let (connection, found) = open(&path).unwrap();
        assert_eq!((found, version(&connection)), (Found::Ours, VERSION));
        let row = "SELECT token, shown, gaps FROM site WHERE name = 'acme'";
        let kept: (String, String, Option<String>) =
            connection.query_row(row, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!(kept, ("t".to_owned(), "{}".to_owned(), None));
    }

    #[test]
    fn a_reader_leaves_an_earlier_schema_to_the_daemon() {
        let (_dir, path) = path();
        let first = Connection::open(&path).unwrap();
        first.execute_batch(MIGRATIONS[0]).unwrap();
        first.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        first.pragma_update(None, "user_version", 1).unwrap();
        drop(first);
        assert!(matches!(open_read_only(&path).unwrap_err(), Fault::OlderSchema(1)));
        drop(open(&path).unwrap());
        assert!(open_read_only(&path).unwrap().is_some());
    }

    #[test]
    fn a_later_schema_is_refused_and_left_alone() {
        let (_dir, path) = path();
        let (connection, _) = open(&path).unwrap();
        connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
        drop(connection);
        let fault = open(&path).unwrap_err();
        assert!(matches!(fault, Fault::NewerSchema(found) if found == VERSION + 1), "{fault:?}");
        assert!(open_read_only(&path).is_err());
        let raw = Connection::open(&path).unwrap();
        assert_eq!(version(&raw), VERSION + 1);
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        let (_dir, path) = path();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE song (title TEXT)").unwrap();
        assert!(matches!(open(&path).unwrap_err(), Fault::NotOurs));
    }

    #[test]
    fn file_names_mean_themselves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("100% #1?mode=rw ä.db");
        drop(open(&path).unwrap());
        assert!(open_read_only(&path).unwrap().is_some());
    }
}
