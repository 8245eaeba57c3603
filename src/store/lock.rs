//! One instance a state directory: a lock on a file in it, held as long as the process lives. Nothing else is locked.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::error::StoreError;

/// Name of the lock file. It stays behind; what counts is the kernel's lock on it, which dies with its holder.
pub const LOCK_FILE: &str = "lock";

/// The lock; given back when dropped.
#[derive(Debug)]
pub(super) struct InstanceLock {
    _file: File,
}

impl InstanceLock {
    /// Takes the lock on `state_dir` and writes our pid into it.
    pub(super) fn take(state_dir: &Path) -> Result<Self, StoreError> {
        let path = state_dir.join(LOCK_FILE);
        let fail =
            |operation| move |source| StoreError::File { operation, path: state_dir.join(LOCK_FILE), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(fail("open"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(StoreError::InUse { state_dir: state_dir.to_owned(), pid: pid_in(&mut file) });
            }
            Err(error) => return Err(fail("lock")(error.into())),
        }
        // The pid is for the message of a second instance. A full disk must not keep the daemon from starting.
        match write_pid(&mut file) {
            Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(fail("write")(error)),
            Ok(()) | Err(_) => Ok(Self { _file: file }),
        }
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_told_who_was_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = InstanceLock::take(dir.path()).unwrap();
        let error = InstanceLock::take(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::InUse { pid, .. } if pid == Some(std::process::id())), "{error}");
        drop(first);
        InstanceLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_file_left_by_a_dead_process_locks_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(LOCK_FILE), "999999999999 and a longer line than ours\n").unwrap();
        let _lock = InstanceLock::take(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(LOCK_FILE)).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = InstanceLock::take(&dir.path().join("nowhere")).unwrap_err();
        assert!(error.to_string().contains("nowhere/lock"), "{error}");
    }
}
