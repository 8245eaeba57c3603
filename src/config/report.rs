//! The findings of one file while it is being read: where a value stands, and what is said about it. Knows no key.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::Range;

use super::finding::{Finding, Severity};
use super::source::Source;

/// Longer values are cut in messages.
const LONGEST_QUOTE: usize = 80;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Path of the key.
    pub key: String,
    /// From 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// In characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<T> Located<T> {
    /// The same place with another value.
    pub(super) fn with<U>(self, value: U) -> Located<U> {
        Located { value, place: self.place }
    }
}

/// Collects what is to be said about one file.
#[derive(Debug)]
pub(super) struct Report<'s> {
    pub(super) source: &'s Source,
    findings: RefCell<Vec<Finding>>,
    holds_secret: Cell<bool>,
}

impl<'s> Report<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        Self { source, findings: RefCell::default(), holds_secret: Cell::new(false) }
    }

    /// The place of a key at a byte range.
    pub(super) fn place(&self, key: impl Into<String>, span: &Range<usize>) -> Place {
        let (line, column) = self.source.position(span.start);
        Place { key: key.into(), line, column }
    }

    /// Something that keeps the file from being used.
    pub(super) fn error(&self, place: &Place, found: impl Display, expected: impl Display) {
        self.add(Severity::Error, place, &found, &expected);
    }

    /// Something that a person should look at.
    pub(super) fn warn(&self, place: &Place, found: impl Display, expected: impl Display) {
        self.add(Severity::Warning, place, &found, &expected);
    }

    /// Whether something was found so far that keeps the file from being used.
    pub(super) fn has_errors(&self) -> bool {
        self.findings.borrow().iter().any(Finding::is_error)
    }

    /// Notes that the file itself holds a secret.
    pub(super) fn note_secret(&self) {
        self.holds_secret.set(true);
    }

    /// A secret in a file that everybody can read is everybody's.
    pub(super) fn warn_of_readers(&self) {
        if self.source.world_readable && self.holds_secret.get() {
            let whole = Place::default();
            let expected = "mode 0640 or stricter, for the file itself holds a secret";
            self.warn(&whole, "a file that every user can read", expected);
        }
    }

    /// Checks a located value: an `Err` holds what was expected, and is reported with the value quoted.
    pub(super) fn checked<T: AsRef<str>, U>(
        &self,
        text: Located<T>,
        check: impl FnOnce(&str) -> Result<U, String>,
    ) -> Option<Located<U>> {
        match check(text.value.as_ref()) {
            Ok(value) => Some(text.with(value)),
            Err(expected) => {
                self.error(&text.place, quoted(text.value.as_ref()), expected);
                None
            }
        }
    }

    /// All findings, from top to bottom.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.findings.into_inner();
        findings.sort_by(Finding::reading_order);
        findings
    }

    fn add(&self, severity: Severity, place: &Place, found: &dyn Display, expected: &dyn Display) {
        self.findings.borrow_mut().push(Finding {
            severity,
            file: self.source.file.clone(),
            line: place.line,
            column: place.column,
            key: place.key.clone(),
            found: found.to_string(),
            expected: expected.to_string(),
        });
    }
}

/// A value as messages show it: in quotes, escaped, cut when long. A URL with a password in it is not shown.
pub(super) fn quoted(text: &str) -> String {
    if text.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) {
        return "a URL with a user or password (not shown)".to_owned();
    }
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((cut, _)) => format!("{:?}…", text.get(..cut).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn findings_come_out_from_top_to_bottom() {
        let source = Source::new(Path::new("x.toml"), "a = 1\nb = 2\n".to_owned());
        let report = Report::new(&source);
        let (a, b) = (report.place("a", &(0..1)), report.place("b", &(6..7)));
        report.warn(&b, "2", "3");
        report.error(&a, "1", "2");
        let lines: Vec<String> = report.into_findings().iter().map(Finding::to_string).collect();
        assert_eq!(
            lines,
            ["x.toml:1:1: error: a: found 1, expected 2", "x.toml:2:1: warning: b: found 2, expected 3"]
        );
    }

    #[test]
    fn a_refused_value_is_quoted_and_a_good_one_keeps_its_place() {
        let source = Source::new(Path::new("x.toml"), "a = 'b'\n".to_owned());
        let report = Report::new(&source);
        let text = Located { value: "b", place: report.place("a", &(4..7)) };
        let good = report.checked(text.clone(), |text| Ok(text.len())).unwrap();
        assert_eq!((good.value, good.place.column), (1, 5));
        assert!(report.checked(text, |_| Err::<(), _>("a number".to_owned())).is_none());
        assert_eq!(
            report.into_findings().first().unwrap().to_string(),
            "x.toml:1:5: error: a: found \"b\", expected a number"
        );
    }

    #[test]
    fn long_values_are_cut_and_controls_escaped() {
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert!(!quoted("http://admin:hunter2@10.20.0.2").contains("hunter2"));
        let long = "ä".repeat(200);
        assert_eq!(quoted(&long).chars().count(), 83);
    }
}
