//! What can go wrong with the store, told apart by what a person or the caller can do about it.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A store operation that failed. Nothing of it took effect: every operation is one transaction.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process works on the same state directory.
    #[error(
        "state directory {} is in use by {}: stop that one first, or set another state_dir",
        state_dir.display(), owner(*pid)
    )]
    InUse {
        /// The directory.
        state_dir: PathBuf,
        /// The other process, if its number could be read.
        pid: Option<u32>,
    },
    /// Root was about to write what belongs to the service.
    #[error(
        "state directory {} belongs to user {owner}: run this as that user, for instance with \
         `runuser -u n720d -- n720d …`, so that the service can still write its files",
        state_dir.display()
    )]
    OtherOwner {
        /// The directory.
        state_dir: PathBuf,
        /// The numeric user id of its owner.
        owner: u32,
    },
    /// There is no database to read.
    #[error("there is no {}: n720d has not run with this state directory yet", path.display())]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// The database was written by a later n720d.
    #[error(
        "{} has schema version {found}, this n720d knows up to {known}: install the later n720d again, or restore a \
         copy of the state directory from before it",
        path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The last one known here.
        known: i64,
    },
    /// The database was written by an earlier n720d, and only a writer brings it up to date.
    #[error(
        "{} has schema version {found}, this n720d reads {known}: start the daemon once, which brings it up to date",
        path.display()
    )]
    OlderSchema {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The one that is read here.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("{} is a database of another program: set another state_dir", path.display())]
    NotOurs {
        /// The database.
        path: PathBuf,
    },
    /// A file or directory beside the database.
    #[error("cannot {operation} {}{}", path.display(), advice(io_kind(source)))]
    File {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The database said no.
    #[error("cannot {operation} in {}{}", path.display(), advice(sql_kind(source)))]
    Sql {
        /// What was tried.
        operation: &'static str,
        /// The database.
        path: PathBuf,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// The database failed its check; nothing was changed.
    #[error("{} is corrupt ({finding})", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What the check found first.
        finding: String,
    },
    /// A stored value is not what was once written.
    #[error("cannot {operation}: {what} in {} is unreadable", path.display())]
    Unreadable {
        /// What was tried.
        operation: &'static str,
        /// The database.
        path: PathBuf,
        /// Table and column.
        what: &'static str,
        /// Why it cannot be read.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The process ends while an operation waits for its turn.
    #[error("cannot reach the store: n720d is stopping")]
    Abandoned,
    /// The caller named a release that is not there.
    #[error("cannot {operation}: there is no release {release}")]
    NoRelease {
        /// What was tried.
        operation: &'static str,
        /// The number it named.
        release: i64,
    },
    /// The manager asked for a release that was replaced while it was being answered.
    #[error("cannot {operation}: release {release} was replaced meanwhile, and must not be sent any more")]
    Replaced {
        /// What was tried.
        operation: &'static str,
        /// The release that was replaced.
        release: i64,
    },
}

/// What kind of trouble an error is, for callers that react to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// No space left. The same call works once there is.
    DiskFull,
    /// The file, its directory or its file system may not be written.
    ReadOnly,
    /// Another process holds the database for longer than the busy time-out.
    Busy,
    /// The database is damaged. [`super::Store::open`] moves it aside and begins a new one.
    Corrupt,
    /// A second instance, or another user's.
    InUse,
    /// There is no database.
    Missing,
    /// Written by a later n720d, or by something else.
    Foreign,
    /// The file system failed to read, write or sync.
    Io,
    /// Something else came first. The same question, asked anew, gets an answer.
    Overtaken,
    /// A fault of the program.
    Internal,
}

impl StoreError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> StoreErrorKind {
        match self {
            Self::InUse { .. } | Self::OtherOwner { .. } => StoreErrorKind::InUse,
            Self::Missing { .. } => StoreErrorKind::Missing,
            Self::NewerSchema { .. } | Self::OlderSchema { .. } | Self::NotOurs { .. } => {
                StoreErrorKind::Foreign
            }
            Self::File { source, .. } => io_kind(source),
            Self::Sql { source, .. } => sql_kind(source),
            Self::Corrupt { .. } | Self::Unreadable { .. } => StoreErrorKind::Corrupt,
            Self::Replaced { .. } => StoreErrorKind::Overtaken,
            Self::NoRelease { .. } | Self::Abandoned => StoreErrorKind::Internal,
        }
    }
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another n720d".to_owned(), |pid| format!("another n720d (pid {pid})"))
}

fn advice(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::DiskFull => ": no space is left; free some, nothing needs a restart",
        StoreErrorKind::ReadOnly => {
            ": it may not be written; check owner, mode and mount of the state directory"
        }
        StoreErrorKind::Busy => ": another process holds it, perhaps a backup; it is tried again",
        StoreErrorKind::Corrupt => {
            ": it is damaged; restart n720d, which moves it aside and begins a new one"
        }
        StoreErrorKind::Io => ": the file system failed; look at the kernel's log",
        StoreErrorKind::InUse
        | StoreErrorKind::Missing
        | StoreErrorKind::Foreign
        | StoreErrorKind::Overtaken
        | StoreErrorKind::Internal => "",
    }
}

fn io_kind(error: &io::Error) -> StoreErrorKind {
    let kind = error.kind();
    if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        StoreErrorKind::DiskFull
    } else if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
        StoreErrorKind::ReadOnly
    } else if kind == io::ErrorKind::NotFound {
        StoreErrorKind::Missing
    } else {
        StoreErrorKind::Io
    }
}

pub(super) fn sql_kind(error: &rusqlite::Error) -> StoreErrorKind {
    let Some(code) = error.sqlite_error_code() else { return StoreErrorKind::Internal };
    let known = [
        (ErrorCode::DiskFull, StoreErrorKind::DiskFull),
        (ErrorCode::ReadOnly, StoreErrorKind::ReadOnly),
        (ErrorCode::PermissionDenied, StoreErrorKind::ReadOnly),
        (ErrorCode::DatabaseBusy, StoreErrorKind::Busy),
        (ErrorCode::DatabaseLocked, StoreErrorKind::Busy),
        (ErrorCode::DatabaseCorrupt, StoreErrorKind::Corrupt),
        (ErrorCode::NotADatabase, StoreErrorKind::Corrupt),
        (ErrorCode::SystemIoFailure, StoreErrorKind::Io),
        (ErrorCode::CannotOpen, StoreErrorKind::Io),
    ];
    known.iter().find(|(known, _)| *known == code).map_or(StoreErrorKind::Internal, |(_, kind)| *kind)
}

/// An error on its way up, before it learns which operation and which database it belongs to.
#[derive(Debug)]
pub(super) enum Fault {
    /// From SQLite.
    Sql(rusqlite::Error),
    /// `quick_check` found something.
    Damaged(String),
    /// A value that does not decode.
    Unreadable(&'static str, Box<dyn StdError + Send + Sync>),
    /// No such release.
    NoRelease(i64),
    /// It was replaced by a later release.
    Replaced(i64),
    /// Schema version found.
    NewerSchema(i64),
    /// Schema version found by a reader.
    OlderSchema(i64),
    /// Another program's tables.
    NotOurs,
}

impl Fault {
    /// Says what was tried and where.
    pub(super) fn at(self, operation: &'static str, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Sql(source) => StoreError::Sql { operation, path, source },
            Self::Damaged(finding) => StoreError::Corrupt { path, finding },
            Self::Unreadable(what, source) => StoreError::Unreadable { operation, path, what, source },
            Self::NoRelease(release) => StoreError::NoRelease { operation, release },
            Self::Replaced(release) => StoreError::Replaced { operation, release },
            Self::NewerSchema(found) => {
                StoreError::NewerSchema { path, found, known: super::schema::VERSION }
            }
            Self::OlderSchema(found) => {
                StoreError::OlderSchema { path, found, known: super::schema::VERSION }
            }
            Self::NotOurs => StoreError::NotOurs { path },
        }
    }

    /// Whether the state of the file is in doubt: after a failed write or sync the connection's view cannot be
    /// trusted, and is thrown away.
    pub(super) fn is_io_failure(&self) -> bool {
        matches!(self, Self::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn troubles_that_need_different_hands_are_told_apart() {
        for (code, kind) in [
            (rusqlite::ffi::SQLITE_FULL, StoreErrorKind::DiskFull),
            (rusqlite::ffi::SQLITE_READONLY, StoreErrorKind::ReadOnly),
            (rusqlite::ffi::SQLITE_BUSY, StoreErrorKind::Busy),
            (rusqlite::ffi::SQLITE_CORRUPT, StoreErrorKind::Corrupt),
            (rusqlite::ffi::SQLITE_NOTADB, StoreErrorKind::Corrupt),
            (rusqlite::ffi::SQLITE_IOERR, StoreErrorKind::Io),
            (rusqlite::ffi::SQLITE_MISUSE, StoreErrorKind::Internal),
        ] {
            let error = Fault::from(sqlite(code)).at("keep a cycle", Path::new("/s/n720d.db"));
            assert_eq!(error.kind(), kind, "{code}");
        }
        for (source, kind) in [
            (io::ErrorKind::StorageFull, StoreErrorKind::DiskFull),
            (io::ErrorKind::PermissionDenied, StoreErrorKind::ReadOnly),
            (io::ErrorKind::ReadOnlyFilesystem, StoreErrorKind::ReadOnly),
            (io::ErrorKind::NotFound, StoreErrorKind::Missing),
            (io::ErrorKind::BrokenPipe, StoreErrorKind::Io),
        ] {
            let file = StoreError::File { operation: "open", path: "/s".into(), source: source.into() };
            assert_eq!(file.kind(), kind, "{source:?}");
        }
    }

    #[test]
    fn a_message_names_operation_file_and_remedy_and_leaves_the_cause_to_the_source() {
        let error =
            Fault::from(sqlite(rusqlite::ffi::SQLITE_FULL)).at("keep a cycle", Path::new("/s/n720d.db"));
        let text = error.to_string();
        assert_eq!(
            text,
            "cannot keep a cycle in /s/n720d.db: no space is left; free some, nothing needs a restart"
        );
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(!source.is_empty() && !text.contains(&source), "{source}");
    }

    #[test]
    fn a_second_instance_is_told_directory_and_pid() {
        let error = StoreError::InUse { state_dir: "/var/lib/n720d".into(), pid: Some(4711) };
        let text = error.to_string();
        assert!(text.contains("/var/lib/n720d") && text.contains("4711"), "{text}");
    }

    #[test]
    fn only_a_failed_file_system_call_puts_the_connection_in_doubt() {
        assert!(Fault::from(sqlite(rusqlite::ffi::SQLITE_IOERR_FSYNC)).is_io_failure());
        assert!(!Fault::from(sqlite(rusqlite::ffi::SQLITE_FULL)).is_io_failure());
        assert!(!Fault::NotOurs.is_io_failure());
    }
}
