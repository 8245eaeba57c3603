//! Values that are given on the command line in the notation of the site file they will stand in. Looks nothing up.

use std::path::Path;

use chrono_tz::Tz;

use super::{secret_ref, value};
use crate::domain::secret::SecretRef;

/// The web interface of a DECT manager, `http://host[:port]`, as host and port.
///
/// # Errors
/// What was expected.
pub fn manager_url(text: &str) -> Result<(String, u16), String> {
    value::manager_url(text).map_err(expected)
}

/// A time zone by its IANA name.
///
/// # Errors
/// What was expected.
pub fn time_zone(text: &str) -> Result<Tz, String> {
    value::time_zone(text).map_err(expected)
}

/// Where a secret is kept. A path stays as it was given: relative to the site file that will name it. The secret itself
/// is refused: a command line is seen by other users, and kept by shells.
///
/// # Errors
/// What was expected; nothing of what was found, which may be a secret.
pub fn secret_reference(text: &str) -> Result<SecretRef, String> {
    secret_ref::parse(text, None).map_err(|_| expected(secret_ref::NOTATION.to_owned()))
}

/// Where a relative path in a site file starts: at the file's folder.
pub fn seen_from(reference: &SecretRef, folder: &Path) -> SecretRef {
    match reference {
        SecretRef::File(path) => SecretRef::File(folder.join(path)),
        SecretRef::Keyring(_) | SecretRef::Credential(_) | SecretRef::Env(_) | SecretRef::Literal(_) => {
            reference.clone()
        }
    }
}

fn expected(what: String) -> String {
    format!("expected {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_in_a_site_file() {
        assert_eq!(manager_url("http://10.20.0.2:8080"), Ok(("10.20.0.2".to_owned(), 8080)));
        assert!(manager_url("10.20.0.2").unwrap_err().starts_with("expected http://host"));
        assert_eq!(time_zone("Europe/Berlin"), Ok(chrono_tz::Europe::Berlin));
        assert!(time_zone("Berlin").unwrap_err().starts_with("expected the IANA name"));
    }

    #[test]
    fn a_secret_is_named_and_never_given() {
        for text in ["keyring:acme/web", "credential:acme-web", "env:ACME", "file:../web.secret"] {
            assert_eq!(secret_reference(text).unwrap().to_string(), text);
        }
        for text in ["hunter2", "vault:hunter2", "", "env:hunter-2", "keyring:"] {
            let refusal = secret_reference(text).unwrap_err();
            assert!(refusal.contains("keyring:NAME") && !refusal.contains("hunter"), "{refusal}");
        }
    }

    #[test]
    fn a_relative_path_starts_at_the_folder_of_the_site_files() {
        let folder = Path::new("/etc/n720d/sites");
        let seen = |text: &str| seen_from(&secret_reference(text).unwrap(), folder).to_string();
        assert_eq!(seen("file:web.secret"), "file:/etc/n720d/sites/web.secret");
        assert_eq!(seen("file:/run/web"), "file:/run/web");
        assert_eq!(seen("keyring:a"), "keyring:a");
    }
}
