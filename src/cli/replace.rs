//! Replaces a file that somebody else may be reading or changing: whole, or not at all. Knows nothing of what is in it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

/// Why a file was not replaced. It is as it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplaceError {
    /// It cannot be found or read.
    #[error("{} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Its mode keeps this user from writing.
    #[error("{} cannot be written by this user", file.display())]
    ReadOnly {
        /// The file.
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is not what it was when it was read.
    #[error("{} was changed since it was read: start again", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
    },
    /// The new text cannot be put beside it.
    #[error("the new text of {} cannot be written beside it", file.display())]
    Beside {
        /// The file.
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The new file would belong to somebody else.
    #[error("owner and group of {} cannot be kept: run this as its owner or as root", file.display())]
    Owner {
        /// The file.
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The new file cannot take its place.
    #[error("{} cannot be replaced", file.display())]
    InPlace {
        /// The file.
        file: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Gives a file another content, if it still has the one that was read; mode, owner and group stay. A symbolic link
/// stays one: the file that it leads to is replaced. On disk when it returns.
///
/// # Errors
/// Why it was not; the file is as it was then.
pub(super) fn replace(file: &Path, before: &[u8], after: &[u8]) -> Result<(), ReplaceError> {
    let unreadable = |source| ReplaceError::Unreadable { file: file.to_owned(), source };
    let target = fs::canonicalize(file).map_err(unreadable)?;
    rustix::fs::access(&target, Access::WRITE_OK)
        .map_err(|error| ReplaceError::ReadOnly { file: target.clone(), source: error.into() })?;
    let metadata = fs::metadata(&target).map_err(unreadable)?;
    let beside = Beside::create(&target)?;
    beside.fill(after, &metadata)?;
    // As late as can be: what somebody else saves from here on is lost, as it is with every editor.
    let mut now = Vec::new();
    File::open(&target).and_then(|mut file| file.read_to_end(&mut now)).map_err(unreadable)?;
    if now != before {
        return Err(ReplaceError::Changed { file: target });
    }
    beside.take_the_place()
}

/// The new file, in the folder of the old one so that it can take its place in one step. Removed when it does not.
#[derive(Debug)]
struct Beside {
    target: PathBuf,
    path: PathBuf,
    file: File,
    in_place: bool,
}

impl Beside {
    fn create(target: &Path) -> Result<Self, ReplaceError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // Hidden, and not named as a site file: a daemon that reads its configuration now does not see it.
        let path = target.with_file_name(format!(".{name}.{}.new", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|source| ReplaceError::Beside { file: target.to_owned(), source })?;
        Ok(Self { target: target.to_owned(), path, file, in_place: false })
    }

    fn fill(&self, content: &[u8], old: &fs::Metadata) -> Result<(), ReplaceError> {
        let beside = |source| ReplaceError::Beside { file: self.target.clone(), source };
        (&self.file).write_all(content).map_err(beside)?;
        let new = self.file.metadata().map_err(beside)?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(&self.file, Some(old.uid()), Some(old.gid()))
                .map_err(|source| ReplaceError::Owner { file: self.target.clone(), source })?;
        }
        self.file.set_permissions(Permissions::from_mode(old.mode() & 0o7777)).map_err(beside)?;
        self.file.sync_all().map_err(beside)
    }

    fn take_the_place(mut self) -> Result<(), ReplaceError> {
        let failed = |source| ReplaceError::InPlace { file: self.target.clone(), source };
        fs::rename(&self.path, &self.target).map_err(failed)?;
        self.in_place = true;
        let folder = self.target.parent().unwrap_or(Path::new("/"));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| ReplaceError::InPlace { file: self.target.clone(), source })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.in_place {
            // What is left behind is hidden and harmless.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acme.toml");
        fs::write(&file, "old").unwrap();
        (folder, file)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn content_is_replaced_and_mode_and_owner_stay() {
        let (folder, file) = folder();
        for mode in [0o600, 0o640, 0o664] {
            fs::write(&file, "old").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            // Only root can give a file away; anybody can keep their own.
            let _ = std::os::unix::fs::chown(&file, Some(12), Some(34));
            let before = fs::metadata(&file).unwrap();
            replace(&file, b"old", b"new").unwrap();
            let after = fs::metadata(&file).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), "new");
            assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
            assert_ne!(after.ino(), before.ino(), "a reader of the old one keeps it whole");
        }
        assert_eq!(names(folder.path()), ["acme.toml"]);
    }

    #[test]
    fn a_link_stays_a_link() {
        let (folder, file) = folder();
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let link = elsewhere.join("link.toml");
        symlink("../acme.toml", &link).unwrap();
        replace(&link, b"old", b"new").unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("../acme.toml"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(names(&elsewhere), ["link.toml"]);
    }

    #[test]
    fn a_file_that_was_changed_in_between_is_left_alone() {
        let (folder, file) = folder();
        let error = replace(&file, b"older", b"new").unwrap_err();
        assert!(matches!(error, ReplaceError::Changed { .. }), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(names(folder.path()), ["acme.toml"]);
    }

    #[test]
    fn what_cannot_be_replaced_is_told_and_left_alone() {
        let (folder, file) = folder();
        let missing = replace(&folder.path().join("x"), b"", b"").unwrap_err();
        assert!(matches!(missing, ReplaceError::Unreadable { .. }), "{missing}");
        // Somebody who was killed in the middle left it; nothing of theirs is overwritten.
        let left = folder.path().join(format!(".acme.toml.{}.new", std::process::id()));
        fs::write(&left, "theirs").unwrap();
        let error = replace(&file, b"old", b"new").unwrap_err();
        assert!(matches!(error, ReplaceError::Beside { .. }), "{error}");
        assert_eq!(fs::read_to_string(&left).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    }
}
