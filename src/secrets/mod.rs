//! Resolves secret references: from the keyring, systemd credentials, files, the environment.
//!
//! No value leaves but as a [`Secret`]; an error names the reference and what to do, never what was read.

mod file;
mod keyring;

use std::path::{Path, PathBuf};

use crate::domain::desired::{DesiredSite, DesiredSlot};
use crate::domain::secret::{Secret, SecretBook, SecretRef};

pub use self::keyring::{KeyringError, store as store_in_keyring};

/// Why there is no secret behind a reference.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file, or the credential's file, cannot be used.
    #[error("secret {reference} cannot be read from {}: {hint}", path.display())]
    Unreadable {
        /// The reference as written.
        reference: String,
        /// The file that was tried.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is there and is refused.
    #[error("secret {reference} is refused: {} {fault}", path.display())]
    Refused {
        /// The reference as written.
        reference: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        fault: &'static str,
    },
    /// The keyring has no answer.
    #[error("secret {reference} cannot be had from the keyring")]
    Keyring {
        /// The reference as written.
        reference: String,
        /// Why.
        #[source]
        source: KeyringError,
    },
    /// No such environment variable, or not UTF-8.
    #[error("secret {reference}: the environment variable is not set, or is not UTF-8")]
    Environment {
        /// The reference as written.
        reference: String,
    },
    /// n720d does not run under systemd with credentials.
    #[error("secret {reference}: CREDENTIALS_DIRECTORY is not set; add LoadCredential={name} to the unit")]
    NoCredentials {
        /// The reference as written.
        reference: String,
        /// The credential's name.
        name: String,
    },
    /// There, but empty.
    #[error("secret {reference} is empty")]
    Empty {
        /// The reference as written.
        reference: String,
    },
}

/// Resolves one reference.
///
/// # Errors
/// When there is nothing, nothing readable, or something that others can read, behind it.
pub fn resolve(reference: &SecretRef) -> Result<Secret, SecretError> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    resolve_in(reference, credentials.as_deref())
}

/// Resolves every reference of a site: web password, SIP passwords, what the manager authenticates fetches with.
pub fn book_for(site: &DesiredSite) -> SecretBook {
    let mut book = SecretBook::default();
    for reference in site.references() {
        book.enter(reference, resolve(reference).map_err(|error| whole_story(&error)));
    }
    book
}

fn resolve_in(reference: &SecretRef, credentials: Option<&Path>) -> Result<Secret, SecretError> {
    let secret = match reference {
        SecretRef::Keyring(name) => keyring::get(name)
            .map_err(|source| SecretError::Keyring { reference: reference.to_string(), source })?,
        SecretRef::Credential(name) => {
            let name = credential_name(name);
            let Some(folder) = credentials else {
                return Err(SecretError::NoCredentials { reference: reference.to_string(), name });
            };
            file::read_credential(reference, &folder.join(name))?
        }
        SecretRef::File(path) => file::read(reference, path)?,
        SecretRef::Env(name) => std::env::var(name)
            .map(Secret::new)
            .map_err(|_| SecretError::Environment { reference: reference.to_string() })?,
        SecretRef::Literal(secret) => secret.clone(),
    };
    if secret.expose().is_empty() {
        return Err(SecretError::Empty { reference: reference.to_string() });
    }
    Ok(secret)
}

/// The file name of a credential. systemd allows no `/` in it: `acme/web` is looked for as `acme-web`.
fn credential_name(name: &str) -> String {
    name.replace('/', "-")
}

/// An error with its causes, in one line.
fn whole_story(error: &dyn std::error::Error) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        story = format!("{story}: {error}");
        cause = error.source();
    }
    story
}
