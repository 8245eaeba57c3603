//! Durable state: one SQLite file in the state directory (see `migrations/`), one lock, one seed.
//!
//! What must last: releases with their progress, the window ledger, verdicts, alerts, what sinks know and what
//! people have said of it, the fetch log and the history. No decisions are made here, and no clock is read.
//!
//! Every method is one transaction: after a kill at any point it has happened wholly or not at all. Methods block
//! (about a millisecond a commit); async callers wrap them in `spawn_blocking`.
//!
//! **The database holds the last released file of each site, SIP passwords in clear**, and the tokens of the
//! provisioning URLs. Its files are readable by their owner alone; treat copies alike.

mod approvals;
mod attention;
mod codec;
mod error;
mod fetches;
mod files;
#[cfg(test)]
mod fixtures;
mod fleet;
mod history;
mod keep;
mod lock;
mod memory;
mod offers;
mod pauses;
mod reading;
mod releases;
mod rotations;
mod schema;
mod sites;
mod strays;
mod told;
mod way_back;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use approvals::{DEREGISTRATION_DAYS, REVIEWED_PER_SITE};
pub use attention::SILENCE_DAYS;
pub use error::{StoreError, StoreErrorKind};
pub use fetches::{FETCHES_PER_SITE, FetchRow};
pub use files::{DATABASE_FILE, SEED_FILE};
pub use fleet::{FleetMemory, FleetRecord, KnownSite};
pub use history::{HISTORY_DAYS, HISTORY_PER_SITE};
pub use keep::CycleRecord;
pub use lock::LOCK_FILE;
pub use memory::WINDOWS_IN_MEMORY;
pub use releases::{Premises, RELEASES_PER_SITE, ReleaseFiles, Released, Served};
pub use rotations::PasswordFile;
pub use sites::SiteSecret;
pub use told::{NOTIFICATIONS_KEPT, SentLine};
pub use way_back::WAYS_BACK_PER_SITE;

use error::Fault;
use files::Seed;
use lock::InstanceLock;

/// The store. Clones share one connection; its methods take turns.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    database: PathBuf,
    /// `None` when opened for reading only.
    seed: Option<Seed>,
    /// Empty after a file system failure, until the next operation opens and checks the file again: what such a
    /// connection still has in memory need not be what is on the disk.
    connection: Mutex<Option<Connection>>,
    /// Behind the connection, so that it is given back last.
    _lock: Option<InstanceLock>,
}

/// What [`Store::open`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Nothing: this is a new state directory.
    Fresh,
    /// A database of ours.
    Existing,
    /// A damaged database. It was moved here, and a new one begun: releases, verdicts and what sinks were told are
    /// forgotten, tokens and fingerprints are the same as before.
    Rebuilt(PathBuf),
}

impl Store {
    /// Opens the store for the one instance that works on `state_dir`; creates what is missing, migrates an older
    /// schema, and moves a damaged database aside, under a name with `now` in it.
    ///
    /// # Errors
    /// [`StoreErrorKind::InUse`] when another instance holds the directory, [`StoreErrorKind::Foreign`] when the
    /// database is of a later n720d or not ours, and whatever the file system says.
    pub fn open(state_dir: &Path, now: DateTime<Utc>) -> Result<(Self, Opened), StoreError> {
        files::make_directory(state_dir)?;
        let lock = InstanceLock::take(state_dir)?;
        let seed = files::seed(state_dir)?;
        let database = state_dir.join(DATABASE_FILE);
        files::close_to_others(&database)?;
        let (connection, opened) = match open_database(&database) {
            Ok((connection, schema::Found::Fresh)) => (connection, Opened::Fresh),
            Ok((connection, schema::Found::Ours)) => (connection, Opened::Existing),
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                let moved_to = files::move_aside(&database, now)?;
                files::close_to_others(&database)?;
                (open_database(&database)?.0, Opened::Rebuilt(moved_to))
            }
            Err(error) => return Err(error),
        };
        files::close_to_others(&database)?;
        Ok((Self::over(database, Some(seed), connection, Some(lock)), opened))
    }

    /// Opens the store for reading only: takes no lock, works beside a running daemon, after it, and where the
    /// directory may not be written. Writing methods fail with [`StoreErrorKind::ReadOnly`].
    ///
    /// # Errors
    /// [`StoreErrorKind::Missing`] when there is no database yet.
    pub fn open_read_only(state_dir: &Path) -> Result<Self, StoreError> {
        let database = state_dir.join(DATABASE_FILE);
        match std::fs::metadata(&database) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Missing { path: database });
            }
            Err(source) => {
                return Err(StoreError::File { operation: "open", path: database, source });
            }
            Ok(_) => {}
        }
        let connection = match schema::open_read_only(&database) {
            Ok(Some(connection)) => connection,
            Ok(None) => return Err(StoreError::Missing { path: database }),
            Err(fault) => return Err(fault.at("open the database", &database)),
        };
        Ok(Self::over(database, None, connection, None))
    }

    fn over(
        database: PathBuf,
        seed: Option<Seed>,
        connection: Connection,
        lock: Option<InstanceLock>,
    ) -> Self {
        let connection = Mutex::new(Some(connection));
        Self { inner: Arc::new(Inner { database, seed, connection, _lock: lock }) }
    }

    /// Runs `work` in one writing transaction; `operation` completes "cannot …" in the error.
    fn write<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.run(operation, TransactionBehavior::Immediate, work)
    }

    /// Runs `work` on one consistent view of the database.
    fn read<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.run(operation, TransactionBehavior::Deferred, work)
    }

    fn run<T>(
        &self,
        operation: &'static str,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        // A panic while the lock was held took the connection with it and rolled its transaction back.
        let mut place = self.inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => self.reopen(operation)?,
        };
        let outcome = transact(&mut connection, behavior, work);
        if !outcome.as_ref().is_err_and(Fault::is_io_failure) {
            *place = Some(connection);
        }
        outcome.map_err(|fault| fault.at(operation, &self.inner.database))
    }

    fn reopen(&self, operation: &'static str) -> Result<Connection, StoreError> {
        let connection = match self.inner.seed {
            Some(_) => schema::open(&self.inner.database).map(|(connection, _)| Some(connection)),
            None => schema::open_read_only(&self.inner.database),
        };
        connection
            .map_err(|fault| fault.at(operation, &self.inner.database))?
            .ok_or_else(|| StoreError::Missing { path: self.inner.database.clone() })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("database", &self.inner.database).finish_non_exhaustive()
    }
}

fn open_database(database: &Path) -> Result<(Connection, schema::Found), StoreError> {
    schema::open(database).map_err(|fault| fault.at("open the database", database))
}

fn transact<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

#[cfg(test)]
mod tests;
