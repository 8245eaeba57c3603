//! The keyring, by way of the `keyring` crate: on a server the kernel's, which forgets at reboot.

use keyring::{Entry, Error};

use crate::domain::secret::Secret;

/// Under which the entries are kept.
const SERVICE: &str = "n720d";

/// What went wrong at the keyring. The crate's own errors are not passed on: one of them holds what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is no such entry.
    #[error(
        "it has no such entry; store one with `n720d secret set`, or use a systemd credential, which lasts"
    )]
    NoEntry,
    /// There is no keyring, or it is closed to this process.
    #[error(
        "it is not available here; the shipped unit has a keyring that nobody can fill (KeyringMode=private, \
         PrivateUsers=yes): use a systemd credential there"
    )]
    Unavailable,
    /// The entry is not text.
    #[error("the entry is not UTF-8; store it again with `n720d secret set`")]
    NotText,
    /// Name or value is longer than the keyring takes, or empty.
    #[error("it refuses this name or value: too long, or empty")]
    Unfit,
}

impl From<Error> for KeyringError {
    fn from(error: Error) -> Self {
        if matches!(error, Error::NoEntry) {
            Self::NoEntry
        } else if matches!(error, Error::BadEncoding(_)) {
            Self::NotText
        } else if matches!(error, Error::TooLong(..) | Error::Invalid(..)) {
            Self::Unfit
        } else {
            Self::Unavailable
        }
    }
}

/// The entry of that name.
pub(super) fn get(name: &str) -> Result<Secret, KeyringError> {
    Ok(Secret::new(Entry::new(SERVICE, name)?.get_password()?))
}

/// Stores a secret under a name, over what was there.
///
/// # Errors
/// When there is no keyring, or it does not take the name or the value.
pub fn store(name: &str, secret: &Secret) -> Result<(), KeyringError> {
    let stored = Entry::new(SERVICE, name).and_then(|entry| entry.set_password(secret.expose()));
    stored.map_err(on_storing)
}

/// The kernel answers that a key is missing when it is the keyring itself that the process cannot reach.
fn on_storing(error: Error) -> KeyringError {
    match KeyringError::from(error) {
        KeyringError::NoEntry => KeyringError::Unavailable,
        fault @ (KeyringError::Unavailable | KeyringError::NotText | KeyringError::Unfit) => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_errors_become_ours_without_what_was_read() {
        let platform = || std::io::Error::other("no keyring").into();
        for (theirs, ours) in [
            (Error::NoEntry, KeyringError::NoEntry),
            (Error::BadEncoding(b"hunter2".to_vec()), KeyringError::NotText),
            (Error::TooLong("user".to_owned(), 9), KeyringError::Unfit),
            (Error::Invalid("user".to_owned(), "empty".to_owned()), KeyringError::Unfit),
            (Error::NoStorageAccess(platform()), KeyringError::Unavailable),
            (Error::PlatformFailure(platform()), KeyringError::Unavailable),
        ] {
            assert_eq!(KeyringError::from(theirs), ours);
        }
    }

    #[test]
    fn nothing_is_missing_when_storing_but_the_keyring() {
        assert_eq!(on_storing(Error::NoEntry), KeyringError::Unavailable);
        assert_eq!(on_storing(Error::TooLong("user".to_owned(), 9)), KeyringError::Unfit);
    }
}
