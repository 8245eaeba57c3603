//! A finding: what is wrong (or doubtful) in a file, where, and what would be right. No reading, no judging.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but a person should look.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing to say about one place of one file. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was named or found.
    pub file: PathBuf,
    /// From 1; 0 when the finding is about the file as a whole.
    pub line: usize,
    /// In characters, from 1; 0 when the finding is about the file as a whole.
    pub column: usize,
    /// Path of the key, like `slot[3].ipui`; slots and providers go by their own number. Empty for a whole file.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
}

impl Finding {
    /// An error about a file as a whole.
    pub(super) fn of_file(file: &Path, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: 0,
            column: 0,
            key: String::new(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// Whether it keeps its file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Orders findings as a reader meets them: by file, then from top to bottom.
    pub fn reading_order(&self, other: &Self) -> std::cmp::Ordering {
        (&self.file, self.line, self.column, &self.key).cmp(&(
            &other.file,
            other.line,
            other.column,
            &other.key,
        ))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: ", self.severity)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "found {}, expected {}", self.found, self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        Finding {
            severity: Severity::Error,
            file: "sites/acme.toml".into(),
            line: 12,
            column: 9,
            key: "slot[3].ipui".to_owned(),
            found: "\"02 B6\"".to_owned(),
            expected: "an IPUI".to_owned(),
        }
    }

    #[test]
    fn prints_file_line_key_found_and_expected() {
        assert_eq!(
            finding().to_string(),
            "sites/acme.toml:12:9: error: slot[3].ipui: found \"02 B6\", expected an IPUI"
        );
    }

    #[test]
    fn a_finding_about_a_file_names_no_line() {
        let text = Finding::of_file(Path::new("a.toml"), "a directory", "a file").to_string();
        assert_eq!(text, "a.toml: error: found a directory, expected a file");
    }

    #[test]
    fn reads_from_top_to_bottom() {
        let later = Finding { line: 100, column: 1, ..finding() };
        assert!(finding().reading_order(&later).is_lt());
        let other = Finding { file: "a.toml".into(), ..later };
        assert!(finding().reading_order(&other).is_gt());
    }

    #[test]
    fn json_has_every_part() {
        let json = serde_json::to_value(finding()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"severity": "error", "file": "sites/acme.toml", "line": 12, "column": 9,
                "key": "slot[3].ipui", "found": "\"02 B6\"", "expected": "an IPUI"})
        );
    }
}
