//! Slots as comma-separated values: a table to what it asks of a site file, and a site file to a table.
//!
//! In steps: bytes to rows of texts (`table`), texts to what they say (`cell`), rows to slots (`rows`), and all of it
//! into the text of a site file (`merge`, by way of `edit`). Every fault of a file is collected; reads and writes no file.

mod cell;
mod export;
mod field;
mod merge;
mod rows;
mod table;

use std::fmt;

use serde::Serialize;

pub use self::export::Export;
pub(super) use self::export::export;
pub use self::field::Field;
pub use self::merge::Summary;
pub(super) use self::merge::merge;

/// What is wrong with a table: where, what was found, what is expected. Shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// As a spreadsheet counts it, from 1; `None`: the file as a whole.
    pub row: Option<usize>,
    /// The letters over the column, where there is one.
    pub column: Option<String>,
    /// The key that the cell is about; empty where it is about none.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
}

impl Fault {
    fn of_file(found: &str, expected: &str) -> Self {
        Self {
            row: None,
            column: None,
            key: String::new(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            write!(f, "row {row}")?;
            if let Some(column) = &self.column {
                write!(f, ", column {column}")?;
            }
            if !self.key.is_empty() {
                write!(f, " ({})", self.key)?;
            }
            f.write_str(": ")?;
        }
        write!(f, "found {}, expected {}", self.found, self.expected)
    }
}

/// The letters over a column, as spreadsheets show them: A to Z, then AA.
fn letter(index: usize) -> String {
    let last = char::from(b'A' + u8::try_from(index % 26).unwrap_or_default());
    match index / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", letter(more - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        for (index, letters) in
            [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
        {
            assert_eq!(letter(index), letters);
        }
    }

    #[test]
    fn a_fault_says_where_and_what() {
        let fault = Fault {
            row: Some(5),
            column: Some("C".to_owned()),
            key: "ipui".to_owned(),
            ..Fault::of_file("\"x\"", "an IPUI")
        };
        assert_eq!(fault.to_string(), "row 5, column C (ipui): found \"x\", expected an IPUI");
        let missing = Fault { column: None, ..fault };
        assert_eq!(missing.to_string(), "row 5 (ipui): found \"x\", expected an IPUI");
        assert_eq!(Fault::of_file("a", "b").to_string(), "found a, expected b");
    }
}
