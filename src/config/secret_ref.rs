//! Text to [`SecretRef`]: where a secret is kept. Looks nothing up.

use std::path::Path;

use super::report::{Located, Report};
use super::tree::Section;
use crate::domain::secret::{Secret, SecretRef};

/// How a secret is named.
pub(super) const NOTATION: &str = "keyring:NAME, credential:NAME, file:PATH or env:NAME";

/// What a text is that names no place where a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoReference {
    /// Nothing.
    Empty,
    /// A secret, as far as can be told; perhaps meant for a reference of a kind that does not exist.
    Literal {
        /// Whether it begins like one.
        like_a_scheme: bool,
    },
    /// A reference with a name that cannot be; this was expected.
    BadName(&'static str),
}

/// The reference that a text is. Relative paths start at `folder`.
pub(super) fn parse(text: &str, folder: Option<&Path>) -> Result<SecretRef, NoReference> {
    let (scheme, name) = text.split_once(':').unwrap_or(("", ""));
    let reference = match scheme {
        "keyring" => SecretRef::Keyring(name.to_owned()),
        "credential" => SecretRef::Credential(name.to_owned()),
        "file" => SecretRef::File(folder.map_or_else(|| name.into(), |folder| folder.join(name))),
        "env" => SecretRef::Env(name.to_owned()),
        _ if text.is_empty() => return Err(NoReference::Empty),
        _ => return Err(NoReference::Literal { like_a_scheme: looks_like_a_scheme(scheme) }),
    };
    match fault_of(&reference, name) {
        Some(expected) => Err(NoReference::BadName(expected)),
        None => Ok(reference),
    }
}

/// Reads the reference under `key`. A literal is warned about; messages never show one.
pub(super) fn read(section: &Section<'_>, key: &'static str) -> Option<Located<SecretRef>> {
    let text = section.string(key)?;
    let report = section.report;
    match parse(text.value, report.source.file.parent()) {
        Ok(reference) => Some(text.with(reference)),
        Err(NoReference::Empty) => {
            report.error(&text.place, "an empty secret", NOTATION);
            None
        }
        Err(NoReference::Literal { like_a_scheme }) => {
            let found = if like_a_scheme {
                "a secret in the file itself, though it begins like a reference of an unknown kind"
            } else {
                "a secret in the file itself"
            };
            report.note_secret();
            report.warn(&text.place, found, NOTATION);
            let literal = SecretRef::Literal(Secret::new(text.value));
            Some(text.with(literal))
        }
        Err(NoReference::BadName(expected)) => {
            // The name of a reference is no secret.
            report.error(&text.place, format!("{:?}", text.value), expected);
            None
        }
    }
}

/// The reference that a text is, or, as it stands, what need not be a secret: a literal is checked and not warned about.
/// Messages show `not_shown` in its place, for it may be one.
pub(super) fn or_literal(
    report: &Report<'_>,
    text: Located<&str>,
    check: impl FnOnce(&str) -> Result<String, String>,
    not_shown: &str,
) -> Option<Located<SecretRef>> {
    match parse(text.value, report.source.file.parent()) {
        Ok(reference) => Some(text.with(reference)),
        Err(NoReference::Empty | NoReference::Literal { .. }) => match check(text.value) {
            Ok(literal) => Some(text.with(SecretRef::Literal(Secret::new(literal)))),
            Err(expected) => {
                report.error(&text.place, not_shown, expected);
                None
            }
        },
        Err(NoReference::BadName(expected)) => {
            report.error(&text.place, format!("{:?}", text.value), expected);
            None
        }
    }
}

/// Whether a text is the secret itself, and not where it is kept.
pub(super) fn is_literal(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    !["keyring", "credential", "file", "env"].contains(&scheme)
}

/// What is wrong with the name behind the colon.
fn fault_of(reference: &SecretRef, name: &str) -> Option<&'static str> {
    let control = name.chars().any(char::is_control);
    match reference {
        SecretRef::Keyring(_) => {
            (name.is_empty() || control).then_some("keyring:NAME, like keyring:acme-berlin/web")
        }
        SecretRef::Credential(_) => {
            let climbs = name.starts_with('/') || name.split('/').any(|part| matches!(part, "" | "." | ".."));
            (climbs || control).then_some("credential:NAME, the name of a systemd credential, without ..")
        }
        SecretRef::File(_) => (name.is_empty() || control).then_some("file:PATH"),
        SecretRef::Env(_) => {
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
            (name.is_empty() || !name.chars().all(legal))
                .then_some("env:NAME, the name of an environment variable")
        }
        SecretRef::Literal(_) => None,
    }
}

/// Lower-case letters before a colon, as in `vault:x`.
fn looks_like_a_scheme(scheme: &str) -> bool {
    scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::super::report::Report;
    use super::super::source::Source;
    use super::super::tree;
    use super::*;

    /// The reference in `p = <value>` of a file in `/etc/n720d/sites`, and what is said about it.
    fn reading(value: &str) -> (Option<SecretRef>, Vec<String>) {
        let source = Source::new(Path::new("/etc/n720d/sites/a.toml"), format!("p = {value:?}\n"));
        let report = Report::new(&source);
        let tree = tree::parse(&report).unwrap().into_inner();
        let root = Section::root(&report, &tree);
        let reference = read(&root, "p").map(|reference| reference.value);
        (reference, report.into_findings().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_kind_of_reference_is_read_in_silence() {
        for (text, shown) in [
            ("keyring:acme/web", "keyring:acme/web"),
            ("credential:acme/web", "credential:acme/web"),
            ("env:ACME_WEB", "env:ACME_WEB"),
            ("file:/run/secrets/web", "file:/run/secrets/web"),
            ("file:web.secret", "file:/etc/n720d/sites/web.secret"),
        ] {
            let (reference, findings) = reading(text);
            assert_eq!(reference.unwrap().to_string(), shown);
            assert!(!is_literal(text), "{text}");
            assert!(findings.is_empty(), "{findings:?}");
        }
    }

    #[test]
    fn a_literal_is_warned_about_and_not_shown() {
        for (text, says) in [("hunter2", "a secret in the file itself,"), ("vault:hunter2", "unknown kind")] {
            let (reference, findings) = reading(text);
            assert_eq!(reference, Some(SecretRef::Literal(Secret::new(text))));
            assert!(is_literal(text), "{text}");
            let line = findings.first().unwrap();
            assert!(line.contains("warning") && line.contains(says) && !line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_literal_with_a_colon_is_no_reference() {
        let (reference, findings) = reading("Pa55:word");
        assert_eq!(reference, Some(SecretRef::Literal(Secret::new("Pa55:word"))));
        assert!(!findings.concat().contains("unknown kind"));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for text in [
            "keyring:",
            "credential:",
            "credential:../x",
            "credential:/x",
            "credential:a//b",
            "file:",
            "env:",
            "env:A-B",
        ] {
            let (reference, findings) = reading(text);
            assert_eq!(reference, None, "{text}");
            assert!(findings.first().unwrap().contains("error"), "{text}");
        }
        assert_eq!(
            reading("").1,
            [
                "/etc/n720d/sites/a.toml:1:5: error: p: found an empty secret, expected keyring:NAME, credential:NAME, file:PATH or env:NAME"
            ]
        );
    }
}
