//! Puts a secret where a reference points, in place of the one that is there: for a web password that was changed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{KeyringError, SecretError, keyring, resolve};
use crate::domain::secret::{Secret, SecretRef};

/// Why a secret was not replaced. What was there still is.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Nothing can be written there.
    #[error("{reference} cannot be written by n720d")]
    NotWritable {
        /// The reference as written.
        reference: String,
    },
    /// Another secret is there than the one that was to be replaced.
    #[error("{reference} holds another password by now, which is left as it is")]
    Another {
        /// The reference as written.
        reference: String,
    },
    /// What is there cannot be read, so that nobody knows what would be lost.
    #[error("what is to be replaced cannot be read")]
    Unreadable(#[source] Box<SecretError>),
    /// The file system said no.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Error,
    },
    /// The keyring said no.
    #[error("{reference} cannot be stored")]
    Keyring {
        /// The reference as written.
        reference: String,
        /// Why.
        #[source]
        source: KeyringError,
    },
}

/// Puts `new` where `reference` points, if what is there is what `is_expected` says: into the keyring, or into the first
/// line of a file, which keeps its mode and owner and is exchanged as a whole.
///
/// # Errors
/// See [`ReplaceError`]; credentials, environment variables and literals are never written.
pub fn replace(
    reference: &SecretRef,
    new: &Secret,
    is_expected: impl Fn(&Secret) -> bool,
) -> Result<(), ReplaceError> {
    let name = || reference.to_string();
    match reference {
        SecretRef::Credential(_) | SecretRef::Env(_) => {
            return Err(ReplaceError::NotWritable { reference: name() });
        }
        SecretRef::Literal(_) => {
            return Err(ReplaceError::NotWritable { reference: "the password in the site file".to_owned() });
        }
        SecretRef::Keyring(_) | SecretRef::File(_) => {}
    }
    let there = resolve(reference).map_err(|error| ReplaceError::Unreadable(Box::new(error)))?;
    if there == *new {
        return Ok(());
    }
    if !is_expected(&there) {
        return Err(ReplaceError::Another { reference: name() });
    }
    match reference {
        SecretRef::Keyring(entry) => {
            keyring::store(entry, new).map_err(|source| ReplaceError::Keyring { reference: name(), source })
        }
        SecretRef::File(path) => first_line(path, new),
        SecretRef::Credential(_) | SecretRef::Env(_) | SecretRef::Literal(_) => Ok(()),
    }
}

/// Exchanges the file for one with another first line. A link keeps pointing where it does.
fn first_line(path: &Path, new: &Secret) -> Result<(), ReplaceError> {
    let fail = |operation| move |source| ReplaceError::File { operation, path: path.to_owned(), source };
    let path = std::fs::canonicalize(path).map_err(fail("find"))?;
    let fail = |operation| {
        let path = path.clone();
        move |source| ReplaceError::File { operation, path, source }
    };
    let mut before = Vec::new();
    let mut file = File::open(&path).map_err(fail("open"))?;
    let metadata = file.metadata().map_err(fail("look at"))?;
    file.read_to_end(&mut before).map_err(fail("read"))?;
    let beside = path.with_extension("n720d-new");
    let written = write(&beside, &with_first_line(&before, new), &metadata);
    if let Err(source) = written.and_then(|()| std::fs::rename(&beside, &path)) {
        // What is left of an attempt holds a password; where there is none, there is nothing to remove.
        drop(std::fs::remove_file(&beside));
        return Err(fail("replace")(source));
    }
    match path.parent() {
        Some(folder) => File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail("keep")),
        None => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8], like: &Metadata) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        std::os::unix::fs::fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(std::fs::Permissions::from_mode(like.permissions().mode() & 0o7777))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The same bytes with another first line; whatever ends it stays.
fn with_first_line(before: &[u8], new: &Secret) -> Vec<u8> {
    let end = before.iter().position(|byte| *byte == b'\n').unwrap_or(before.len());
    let (line, rest) = before.split_at(end);
    let carriage: &[u8] = if line.ends_with(b"\r") { b"\r" } else { b"" };
    [new.expose().as_bytes(), carriage, rest].concat()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;
    use crate::secrets::resolve;

    fn file(folder: &Path, contents: &str) -> PathBuf {
        let path = folder.join("web.secret");
        std::fs::write(&path, contents).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        path
    }

    fn put(path: &Path, expected: &str) -> Result<(), ReplaceError> {
        let reference = SecretRef::File(path.to_owned());
        replace(&reference, &Secret::new("newpassword"), |there| there.expose() == expected)
    }

    #[test]
    fn the_first_line_of_a_file_is_exchanged_and_the_rest_stays() {
        for (before, after) in [
            ("hunter2", "newpassword"),
            ("hunter2\n", "newpassword\n"),
            ("hunter2\r\nnotes\n", "newpassword\r\nnotes\n"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = file(folder.path(), before);
            put(&path, "hunter2").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
            put(&path, "hunter2").unwrap();
            assert_eq!(resolve(&SecretRef::File(path)).unwrap().expose(), "newpassword");
        }
    }

    #[test]
    fn a_link_keeps_pointing_where_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "hunter2\n");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        put(&link, "hunter2").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "newpassword\n");
    }

    #[test]
    fn what_is_not_the_password_before_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "another\n");
        let error = put(&path, "hunter2").unwrap_err();
        assert!(error.to_string().ends_with("is left as it is"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "another\n");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(put(&path, "hunter2"), Err(ReplaceError::Unreadable(_))));
    }

    #[test]
    fn what_is_not_ours_to_write_is_not_written() {
        for reference in [
            SecretRef::Credential("acme/web".to_owned()),
            SecretRef::Env("PATH".to_owned()),
            SecretRef::Literal(Secret::new("hunter2")),
        ] {
            let error = replace(&reference, &Secret::new("newpassword"), |_| true).unwrap_err();
            assert!(matches!(error, ReplaceError::NotWritable { .. }), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
