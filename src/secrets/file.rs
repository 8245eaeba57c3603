//! Secrets in files: a systemd credential, or a file that only its owner can read.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::SecretError;
use crate::domain::secret::{Secret, SecretRef};

/// The most that is read.
const LARGEST: u64 = 64 * 1024;

/// The first line of a file, which must be regular, closed to group and others, and at most 64 KiB.
pub(super) fn read(reference: &SecretRef, path: &Path) -> Result<Secret, SecretError> {
    let hint = "create it, owned by the user that n720d runs as, with mode 0600";
    let metadata = std::fs::metadata(path).map_err(|source| unreadable(reference, path, hint, source))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(refused(reference, path, "can be used by group or others; set its mode to 0600"));
    }
    first_line(reference, path, &metadata, hint)
}

/// The same for a credential. systemd looks after its mode, which group root may read (so on systemd 257).
pub(super) fn read_credential(reference: &SecretRef, path: &Path) -> Result<Secret, SecretError> {
    let hint =
        "put it into the folder that the unit loads, or add LoadCredential= for it to the unit, and restart";
    let metadata = std::fs::metadata(path).map_err(|source| unreadable(reference, path, hint, source))?;
    first_line(reference, path, &metadata, hint)
}

fn first_line(
    reference: &SecretRef,
    path: &Path,
    metadata: &Metadata,
    hint: &'static str,
) -> Result<Secret, SecretError> {
    if !metadata.is_file() {
        return Err(refused(reference, path, "is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|source| unreadable(reference, path, hint, source))?;
    if bytes.len() as u64 > LARGEST {
        return Err(refused(reference, path, "is larger than 64 KiB"));
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(text) => Ok(Secret::new(text)),
        Err(_) => Err(refused(reference, path, "is not UTF-8")),
    }
}

fn unreadable(reference: &SecretRef, path: &Path, hint: &'static str, source: Error) -> SecretError {
    let hint = if source.kind() == ErrorKind::PermissionDenied {
        "make it readable to the user that n720d runs as, and to nobody else"
    } else {
        hint
    };
    SecretError::Unreadable { reference: reference.to_string(), path: path.to_owned(), hint, source }
}

fn refused(reference: &SecretRef, path: &Path, fault: &'static str) -> SecretError {
    SecretError::Refused { reference: reference.to_string(), path: path.to_owned(), fault }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::path::PathBuf;

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self, contents: &[u8], mode: u32) -> PathBuf {
            let path = self.0.path().join("web.secret");
            std::fs::write(&path, contents).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    fn reading(path: &Path) -> Result<Secret, String> {
        let reference = SecretRef::File("web.secret".into());
        read(&reference, path).map_err(|error| error.to_string().replace(&path.display().to_string(), "PATH"))
    }

    #[test]
    fn the_first_line_is_the_secret() {
        for contents in ["hunter2", "hunter2\n", "hunter2\r\n", "hunter2\nsecond line\n"] {
            let folder = Folder::new();
            let path = folder.file(contents.as_bytes(), 0o600);
            assert_eq!(reading(&path).unwrap().expose(), "hunter2", "{contents:?}");
        }
    }

    #[test]
    fn blanks_belong_to_the_secret() {
        let folder = Folder::new();
        assert_eq!(reading(&folder.file(b" a b \n", 0o400)).unwrap().expose(), " a b ");
    }

    #[test]
    fn a_file_that_others_can_use_is_refused() {
        for mode in [0o640, 0o604, 0o644, 0o660, 0o610] {
            let folder = Folder::new();
            assert_eq!(
                reading(&folder.file(b"hunter2", mode)).unwrap_err(),
                "secret file:web.secret is refused: PATH can be used by group or others; set its mode to 0600",
                "{mode:o}"
            );
        }
    }

    #[test]
    fn a_credential_may_be_readable_to_its_group() {
        let folder = Folder::new();
        let reference = SecretRef::Credential("web".to_owned());
        let path = folder.file(b"hunter2\n", 0o440);
        assert_eq!(read_credential(&reference, &path).unwrap().expose(), "hunter2");
    }

    #[test]
    fn what_is_no_secret_file_says_what_to_do() {
        let folder = Folder::new();
        let missing = folder.0.path().join("missing");
        let text = reading(&missing).unwrap_err();
        assert!(text.contains("from PATH: create it") && text.contains("0600"), "{text}");
        assert_eq!(
            reading(&folder.file(b"hunter2\xff", 0o600)).unwrap_err(),
            "secret file:web.secret is refused: PATH is not UTF-8"
        );
        assert_eq!(
            reading(&folder.file(&vec![b'x'; 64 * 1024 + 1], 0o600)).unwrap_err(),
            "secret file:web.secret is refused: PATH is larger than 64 KiB"
        );
        std::fs::set_permissions(folder.0.path(), Permissions::from_mode(0o700)).unwrap();
        assert_eq!(
            reading(folder.0.path()).unwrap_err(),
            "secret file:web.secret is refused: PATH is no regular file"
        );
    }

    #[test]
    fn the_largest_secret_is_read() {
        let folder = Folder::new();
        assert_eq!(reading(&folder.file(&vec![b'x'; 64 * 1024], 0o600)).unwrap().expose().len(), 64 * 1024);
    }
}
