//! Resolves secret references: from the keyring, systemd credentials, files, the environment.
//!
//! No value leaves but as a [`Secret`]; an error names the reference and what to do, never what was read.

mod file;
mod keyring;
mod random;
mod replace;

use std::path::{Path, PathBuf};

use crate::domain::desired::DesiredSite;
use crate::domain::device_text;
use crate::domain::secret::{Secret, SecretBook, SecretRef};

pub use self::keyring::{KeyringError, store as store_in_keyring};
pub use self::random::{RandomError, web_password};
pub use self::replace::{ReplaceError, replace};

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
    /// The keyring has no answer, and this is a service, which has a keyring of its own as a rule.
    #[error(
        "secret {reference} cannot be had from the keyring: the shipped unit gives n720d one of its own, which nobody can \
         fill (KeyringMode=private, PrivateUsers=yes); put the secret into the file /etc/n720d/credentials/{name} and \
         write credential:{name}"
    )]
    KeyringOfService {
        /// The reference as written.
        reference: String,
        /// The name of a credential in its place.
        name: String,
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
    #[error(
        "secret {reference}: CREDENTIALS_DIRECTORY is not set; in a shell set it to the folder that holds the file {name}, \
         in a unit add LoadCredential={name}"
    )]
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
    // One that the device cannot be given is as good as missing: it stands for one slot, and must not hold up a site.
    for reference in site.sip_passwords() {
        if let Ok(secret) = book.get(reference)
            && let Err(expected) = device_text::check_secret(secret.expose(), device_text::SIP_LIMIT)
        {
            book.enter(
                reference,
                Err(format!("secret {reference} cannot be given to the device: expected {expected}")),
            );
        }
    }
    book
}

fn resolve_in(reference: &SecretRef, credentials: Option<&Path>) -> Result<Secret, SecretError> {
    let secret = match reference {
        SecretRef::Keyring(name) => keyring::get(name)
            .map_err(|source| from_keyring(reference.to_string(), name, source, is_service()))?,
        SecretRef::Credential(name) => {
            let name = credential_name(name);
            let Some(folder) = credentials else {
                return Err(SecretError::NoCredentials { reference: reference.to_string(), name });
            };
            file::read_credential(reference, &credential_file(folder, &name))?
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

/// Whether systemd has started this process for a unit.
fn is_service() -> bool {
    ["INVOCATION_ID", "CREDENTIALS_DIRECTORY"].iter().any(|name| std::env::var_os(name).is_some())
}

fn from_keyring(reference: String, name: &str, source: KeyringError, is_service: bool) -> SecretError {
    if is_service {
        SecretError::KeyringOfService { reference, name: credential_name(name), source }
    } else {
        SecretError::Keyring { reference, source }
    }
}

/// What systemd puts before the names of a folder's files when the whole folder is one `LoadCredential=n720d:…`, as in
/// the shipped unit.
const FOLDER_PREFIX: &str = "n720d_";

/// Where a credential lies: one of its own, or one of the folder that the shipped unit loads.
fn credential_file(folder: &Path, name: &str) -> PathBuf {
    let of_folder = folder.join(format!("{FOLDER_PREFIX}{name}"));
    let own = folder.join(name);
    if !own.exists() && of_folder.exists() { of_folder } else { own }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::desired::{
        ApprovalRule, DesiredManager, DesiredSlot, DigestPolicy, Mode, PresentSlot, SipAccount, Trigger,
        WindowClock,
    };
    use crate::domain::ids::{ProviderIndex, SlotNumber};

    fn secret_file(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, "hunter2\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn failure(reference: &SecretRef, credentials: Option<&Path>) -> String {
        whole_story(&resolve_in(reference, credentials).unwrap_err())
    }

    #[test]
    fn each_place_gives_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = secret_file(folder.path(), "acme-web");
        for reference in [
            SecretRef::File(path),
            SecretRef::Credential("acme-web".to_owned()),
            SecretRef::Credential("acme/web".to_owned()),
            SecretRef::Literal(Secret::new("hunter2")),
        ] {
            assert_eq!(
                resolve_in(&reference, Some(folder.path())).unwrap().expose(),
                "hunter2",
                "{reference}"
            );
        }
        let cargo = resolve_in(&SecretRef::Env("CARGO_PKG_NAME".to_owned()), None).unwrap();
        assert_eq!(cargo.expose(), "n720d", "set by cargo for every test");
    }

    #[test]
    fn what_is_missing_names_the_reference_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            failure(&SecretRef::Credential("acme/web".to_owned()), None),
            "secret credential:acme/web: CREDENTIALS_DIRECTORY is not set; in a shell set it to the folder that holds the \
             file acme-web, in a unit add LoadCredential=acme-web"
        );
        let missing = failure(&SecretRef::Credential("acme/web".to_owned()), Some(folder.path()));
        assert!(missing.starts_with("secret credential:acme/web cannot be read from "), "{missing}");
        assert!(missing.contains("LoadCredential=") && missing.ends_with("(os error 2)"), "{missing}");
        assert_eq!(
            failure(&SecretRef::Env("N720D_NOT_SET".to_owned()), None),
            "secret env:N720D_NOT_SET: the environment variable is not set, or is not UTF-8"
        );
    }

    #[test]
    fn a_service_is_told_that_its_keyring_is_its_own() {
        let story = |is_service| {
            let reference = "keyring:acme/web".to_owned();
            whole_story(&from_keyring(reference, "acme/web", KeyringError::NoEntry, is_service))
        };
        for part in ["keyring:acme/web", "KeyringMode=private", "PrivateUsers=yes", "credential:acme-web"] {
            assert!(story(true).contains(part), "{part}: {}", story(true));
        }
        assert!(story(false).contains("n720d secret set") && !story(false).contains("KeyringMode"));
    }

    #[test]
    fn an_empty_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = secret_file(folder.path(), "empty");
        std::fs::write(&path, "\nsecond line\n").unwrap();
        assert!(failure(&SecretRef::File(path), None).ends_with("is empty"));
        assert_eq!(failure(&SecretRef::Literal(Secret::new("")), None), "secret ******** is empty");
    }

    #[test]
    fn a_sites_book_holds_every_reference() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| SecretRef::File(secret_file(folder.path(), name));
        let gone = SecretRef::File(folder.path().join("gone"));
        let account = |password| SipAccount {
            user: "1".to_owned(),
            login: "1".to_owned(),
            password,
            account_name: "1".to_owned(),
            provider: ProviderIndex::default(),
        };
        let slot = |password| {
            DesiredSlot::Present(PresentSlot { sip: Some(account(password)), ..PresentSlot::default() })
        };
        let slots = [slot(Some(file("sip"))), slot(Some(gone.clone())), slot(None), DesiredSlot::Absent];
        let site = DesiredSite {
            name: "acme".parse().unwrap(),
            description: String::new(),
            contact: String::new(),
            labels: std::collections::BTreeMap::new(),
            time_zone: chrono_tz::Tz::UTC,
            mode: Mode::Observe,
            manager: DesiredManager {
                host: "h".to_owned(),
                port: 80,
                mac: "7C2F80CA21E4".parse().unwrap(),
                password: file("web"),
                trigger: Trigger::None,
                window_clock: WindowClock::Local,
                sip_port: 5060,
                enrol: false,
                digest: Some(DigestPolicy {
                    mac_id_tail: Some(file("tail")),
                    user: Some(("u".to_owned(), file("digest"))),
                }),
            },
            registration: None,
            providers: std::collections::BTreeMap::new(),
            maintenance: None,
            approval: ApprovalRule::default(),
            slots: SlotNumber::all().zip(slots).collect(),
        };
        let book = book_for(&site);
        for name in ["web", "tail", "digest", "sip"] {
            assert_eq!(book.get(&file(name)).unwrap().expose(), "hunter2", "{name}");
        }
        assert!(book.get(&gone).unwrap_err().contains("create it"), "one missing secret hides no other");
        assert_eq!(site.references().count(), 5);
        std::fs::write(folder.path().join("sip"), "hunter\"2").unwrap();
        let why = book_for(&site).get(&SecretRef::File(folder.path().join("sip"))).unwrap_err();
        assert!(why.contains("cannot be given to the device") && !why.contains("hunter"), "{why}");
    }

    #[test]
    fn a_credential_is_one_of_its_own_or_one_of_the_folder_that_the_unit_loads() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| {
            resolve_in(&SecretRef::Credential(name.into()), Some(folder.path()))
                .map(|secret| secret.expose().to_owned())
        };
        std::fs::write(folder.path().join("n720d_acme-web"), "of the folder\n").unwrap();
        assert_eq!(read("acme/web").unwrap(), "of the folder");
        std::fs::write(folder.path().join("acme-web"), "its own\n").unwrap();
        assert_eq!(read("acme/web").unwrap(), "its own");
        assert!(read("other").is_err());
    }
}
