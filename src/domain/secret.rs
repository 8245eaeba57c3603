//! Secrets: where one is kept ([`SecretRef`]), the thing itself ([`Secret`]), and a site's resolved ones
//! ([`SecretBook`]). Resolving is done elsewhere; nothing here reads a file, a keyring or the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// What stands in place of a secret wherever one would be printed.
pub const MASK: &str = "********";

/// A secret value. It masks itself in `Debug` and `Display` and has no `Serialize`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value itself, for the one place that must send or hash it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// Where a secret is kept, as a site file names it. A literal carries its value and masks it.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `keyring:NAME`: an entry of the keyring.
    Keyring(String),
    /// `credential:NAME`: a systemd credential, a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// `file:PATH`: the first line of a file that only its owner can read.
    File(std::path::PathBuf),
    /// `env:NAME`: an environment variable.
    Env(String),
    /// The value itself, written into the file.
    Literal(Secret),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyring(name) => write!(f, "keyring:{name}"),
            Self::Credential(name) => write!(f, "credential:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Literal(secret) => secret.fmt(f),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secrets of one site, resolved; or, for each that could not be, the reason.
///
/// Keyed by the reference's text; literals answer for themselves.
#[derive(Debug, Clone, Default)]
pub struct SecretBook {
    entries: BTreeMap<String, Result<Secret, String>>,
}

impl SecretBook {
    /// Enters what resolving `reference` gave.
    pub fn enter(&mut self, reference: &SecretRef, outcome: Result<Secret, String>) {
        self.entries.insert(reference.to_string(), outcome);
    }

    /// The secret behind a reference, or why there is none (a text without the value).
    pub fn get(&self, reference: &SecretRef) -> Result<Secret, String> {
        match reference {
            SecretRef::Literal(secret) => Ok(secret.clone()),
            SecretRef::Keyring(_) | SecretRef::Credential(_) | SecretRef::File(_) | SecretRef::Env(_) => self
                .entries
                .get(&reference.to_string())
                .cloned()
                .unwrap_or_else(|| Err(format!("{reference} was not looked up"))),
        }
    }

    /// Those of these references that lead to no secret, each once and in this order, with the reason (a text without a value).
    pub fn missing<'a>(&self, references: impl IntoIterator<Item = &'a SecretRef>) -> Vec<(String, String)> {
        let mut seen = BTreeSet::new();
        let why = |reference: &SecretRef| Some((reference.to_string(), self.get(reference).err()?));
        references.into_iter().filter_map(why).filter(|(name, _)| seen.insert(name.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_masks_itself_everywhere() {
        let secret = Secret::new("hunter2");
        let literal = SecretRef::Literal(secret.clone());
        let mut book = SecretBook::default();
        book.enter(&SecretRef::Env("X".into()), Ok(secret.clone()));
        for text in [
            format!("{secret}"),
            format!("{secret:?}"),
            format!("{literal}"),
            format!("{literal:?}"),
            format!("{book:?}"),
        ] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_book_answers_for_what_was_entered_and_for_literals() {
        let mut book = SecretBook::default();
        let kept = SecretRef::Keyring("site/web".into());
        book.enter(&kept, Ok(Secret::new("a")));
        assert_eq!(book.get(&kept).unwrap().expose(), "a");
        assert_eq!(book.get(&SecretRef::Literal(Secret::new("b"))).unwrap().expose(), "b");
        let nope = SecretRef::Env("NOPE".into());
        let why = book.get(&nope).unwrap_err();
        assert!(why.contains("env:NOPE"));
        assert_eq!(book.missing([&nope, &kept, &nope]), [("env:NOPE".to_owned(), why)]);
    }
}
