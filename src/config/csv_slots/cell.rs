//! What a single cell says, and how a value is written so that it says the same when it comes back: after a
//! spreadsheet has had it in its hands, too. Knows neither rows nor slots.
//!
//! An empty cell says nothing, `-` takes the value out, and what stands behind an apostrophe is the value as it is:
//! `'-` is a hyphen and `'` alone the empty text. A spreadsheet takes no such cell for a formula or a number.

use super::field::Field;
use crate::domain::ids::{Ipui, SlotNumber};

/// What stands for a secret that is in the site file itself.
pub(super) const MASK: &str = "***";

/// What a cell asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// Nothing: what is there stays.
    Leave,
    /// The password that the site file holds itself.
    Masked,
    /// No value.
    Clear,
    /// This value, as the site file writes it.
    Set(String),
}

/// Why a cell is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) found: String,
    pub(super) expected: String,
}

/// What a cell of a column says.
pub(super) fn read(field: Field, raw: &str) -> Result<Cell, Refused> {
    let text = plain(raw);
    let refused = |found: &str, expected: &str| Refused {
        found: if field == Field::Password { "a value (not shown)".to_owned() } else { format!("{found:?}") },
        expected: expected.to_owned(),
    };
    if let Some(exact) = raw.trim_start().strip_prefix(APOSTROPHES) {
        return value(field, exact, &plain(exact))
            .map(Cell::Set)
            .map_err(|expected| refused(exact, &expected));
    }
    let text = unquoted(&text);
    if text.is_empty() {
        return Ok(Cell::Leave);
    }
    if ["-", "\u{2013}", "\u{2014}"].contains(&text) {
        let stays = matches!(field, Field::Number | Field::State);
        return if stays { Err(refused(text, expectation(field))) } else { Ok(Cell::Clear) };
    }
    if field == Field::Password && text == MASK {
        return Ok(Cell::Masked);
    }
    if ERROR_VALUES.contains(&text) || text.len() > 2 && text.chars().all(|c| c == '#') {
        return Err(refused(text, "a value; this is what a spreadsheet shows in place of one"));
    }
    if is_of_digits(field) && is_shown_number(text) {
        let expected =
            "the digits: a spreadsheet made a number of them; format the column as text, or put ' in front";
        return Err(refused(text, expected));
    }
    value(field, text, text).map(Cell::Set).map_err(|expected| refused(text, &expected))
}

/// The cell of a value that the site file holds: whatever [`read`] or a spreadsheet would not leave as it is gets an
/// apostrophe in front.
pub(super) fn write(field: Field, text: &str) -> String {
    let returns = read(field, text) == Ok(Cell::Set(text.to_owned()));
    let formula = text.starts_with(['=', '+', '-', '@']);
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let altered = digits && (text.len() > EXACT_DIGITS || text.len() > 1 && text.starts_with('0'));
    if returns && !formula && !altered { text.to_owned() } else { format!("'{text}") }
}

/// More digits than these a spreadsheet does not keep.
const EXACT_DIGITS: usize = 15;

/// The apostrophe, and what a word processor makes of it.
const APOSTROPHES: [char; 3] = ['\'', '\u{2018}', '\u{2019}'];

/// What spreadsheets show in place of a value, in English and German.
const ERROR_VALUES: [&str; 11] = [
    "#N/A", "#NV", "#REF!", "#BEZUG!", "#NAME?", "#VALUE!", "#WERT!", "#DIV/0!", "#NUM!", "#ZAHL!", "#NULL!",
];

/// Without blanks around it, without line ends, non-breaking blanks and characters of no width within.
fn plain(raw: &str) -> String {
    let text =
        raw.replace(['\u{a0}', '\u{202f}', '\u{2007}'], " ").replace(['\u{200b}', '\u{feff}', '\u{ad}'], "");
    let lines: Vec<&str> =
        text.split(char::is_control).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

/// Without the quotes that a word processor puts around a whole text.
fn unquoted(text: &str) -> &str {
    let pairs = [
        ('"', '"'),
        ('\u{201c}', '\u{201d}'),
        ('\u{201e}', '\u{201c}'),
        ('\u{201e}', '\u{201d}'),
        ('\u{ab}', '\u{bb}'),
        ('\u{bb}', '\u{ab}'),
    ];
    let within = |(open, close)| text.strip_prefix::<char>(open)?.strip_suffix::<char>(close);
    pairs.into_iter().find_map(within).map_or(text, str::trim)
}

/// Whether the values of a column are mostly digits, of which a spreadsheet may make a number.
fn is_of_digits(field: Field) -> bool {
    matches!(field, Field::User | Field::Login | Field::AccountName | Field::Mailbox)
}

/// Whether a text looks like a number that a spreadsheet shows its way: `1013.0`, `1,013`, `4.93E+10`.
fn is_shown_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    if let Some((mantissa, exponent)) = text.split_once(['E', 'e']) {
        let exponent = exponent.trim_start_matches('+');
        return text.contains(['.', ',', '+']) && mantissa.split(['.', ',']).all(digits) && digits(exponent);
    }
    let mut parts = text.split(['.', ',', '\'']);
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let thousands = first.len() <= 3 && rest.iter().all(|part| digits(part) && part.len() == 3);
    let zeros = rest.len() == 1 && rest.iter().all(|part| !part.is_empty() && part.chars().all(|c| c == '0'));
    digits(first) && !rest.is_empty() && (thousands || zeros)
}

fn expectation(field: Field) -> &'static str {
    match field {
        Field::Number => "the slot's number, 1 to 100",
        Field::State => "\"present\" or \"absent\"",
        Field::Provider => "the index of a provider, 0 to 9",
        Field::Ipui => "an IPUI: five bytes, not all zero, like 02 B6 EC 8A A5",
        Field::DisplayName
        | Field::User
        | Field::Login
        | Field::Password
        | Field::AccountName
        | Field::Mailbox => "a text",
    }
}

/// The value as the site file writes it. Texts are taken as they are (`exact`): the site file's own limits hold.
fn value(field: Field, exact: &str, text: &str) -> Result<String, String> {
    let expected = || expectation(field).to_owned();
    match field {
        Field::Number => {
            whole_number(text).and_then(SlotNumber::new).map(|slot| slot.to_string()).ok_or_else(expected)
        }
        Field::Provider => {
            whole_number(text).filter(|index| *index <= 9).map(|index| index.to_string()).ok_or_else(expected)
        }
        Field::State => {
            let word = text.to_lowercase();
            if ["present", "absent"].contains(&word.as_str()) { Ok(word) } else { Err(expected()) }
        }
        Field::Ipui => match text.parse::<Ipui>() {
            Ok(ipui) => Ok(ipui.to_string()),
            Err(_) => Err(damage(text).map_or_else(expected, |damage| format!("{}; {damage}", expected()))),
        },
        Field::DisplayName
        | Field::User
        | Field::Login
        | Field::Password
        | Field::AccountName
        | Field::Mailbox => Ok(exact.to_owned()),
    }
}

/// A whole number, as a spreadsheet may write it: `7`, `07`, `7.0`, `7,00`.
fn whole_number(text: &str) -> Option<u8> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let digits = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    (digits && zeros).then(|| whole.parse().ok()).flatten()
}

/// What a spreadsheet did to an IPUI. What it took away cannot be known.
fn damage(text: &str) -> Option<&'static str> {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    if is_shown_number(text) {
        Some(
            "a spreadsheet made a number of it: take it from the handset or its box, and write it with blanks",
        )
    } else if digits && (5..10).contains(&text.len()) {
        Some(
            "a spreadsheet may have taken zeros in front: compare it with the handset or its box, and write it with blanks",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> Cell {
        Cell::Set(text.to_owned())
    }

    fn refusal(field: Field, raw: &str) -> String {
        let Refused { found, expected } = read(field, raw).unwrap_err();
        format!("{found}, expected {expected}")
    }

    #[test]
    fn what_a_spreadsheet_does_to_a_cell_is_undone() {
        for (field, raw, value) in [
            (Field::Number, "1.0", "1"),
            (Field::Number, " 1", "1"),
            (Field::Number, "\u{a0}007,00 ", "7"),
            (Field::Number, "'12", "12"),
            (Field::Provider, "0", "0"),
            (Field::Provider, "9.0", "9"),
            (Field::State, "Absent ", "absent"),
            (Field::State, "'PRESENT", "present"),
            (Field::Ipui, "02B6EC8AA5", "02 B6 EC 8A A5"),
            (Field::Ipui, "\u{201e}02:b6:ec:8a:a5\u{201c}", "02 B6 EC 8A A5"),
            (Field::Ipui, "'02 B6\u{a0}EC 8A A5", "02 B6 EC 8A A5"),
            (Field::Ipui, "0297512345", "02 97 51 23 45"),
            (Field::DisplayName, "  Front\r\n desk ", "Front desk"),
            (Field::DisplayName, "\u{201c}Reception\u{201d}", "Reception"),
            (Field::DisplayName, "\u{feff}B\u{ad}üro\u{a0}1", "Büro 1"),
            (Field::DisplayName, "'-", "-"),
            (Field::DisplayName, "' x ", " x "),
            (Field::DisplayName, "1.5", "1.5"),
            (Field::User, "\u{2019}0123", "0123"),
            (Field::User, "+49 30 1", "+49 30 1"),
            (Field::User, "'1013.0", "1013.0"),
            (Field::User, "10.1.2.3", "10.1.2.3"),
            (Field::Login, "1013.2", "1013.2"),
            (Field::Mailbox, "'", ""),
            (Field::Mailbox, "*2", "*2"),
            (Field::Mailbox, "#21#", "#21#"),
            (Field::Password, "keyring:acme/1013", "keyring:acme/1013"),
        ] {
            assert_eq!(read(field, raw), Ok(set(value)), "{field:?} {raw:?}");
        }
    }

    #[test]
    fn empty_says_nothing_and_a_hyphen_takes_out() {
        for raw in ["", " ", "\u{a0}", "\r\n", "\u{201c}\u{201d}"] {
            assert_eq!(read(Field::DisplayName, raw), Ok(Cell::Leave), "{raw:?}");
        }
        for raw in ["-", " - ", "\u{2013}", "\u{2014}"] {
            assert_eq!(read(Field::Ipui, raw), Ok(Cell::Clear), "{raw:?}");
            assert!(read(Field::Number, raw).is_err() && read(Field::State, raw).is_err(), "{raw:?}");
        }
        assert_eq!(read(Field::Password, "***"), Ok(Cell::Masked));
        assert_eq!(read(Field::DisplayName, "***"), Ok(set("***")));
    }

    #[test]
    fn what_cannot_be_known_is_named_and_not_guessed() {
        for (field, raw, says) in [
            (Field::Ipui, "2.97E+10", "made a number of it"),
            (Field::Ipui, "2,97512E+10", "made a number of it"),
            (Field::Ipui, "297512345,0", "made a number of it"),
            (Field::Ipui, "297512345", "zeros in front"),
            (Field::Ipui, "2B6EC8AA5", "five bytes"),
            (Field::Ipui, "00 00 00 00 00", "not all zero"),
            (Field::User, "1013.0", "made a number"),
            (Field::User, "1,013", "made a number"),
            (Field::Login, "4.93E+10", "made a number"),
            (Field::Mailbox, "#NV", "in place of one"),
            (Field::DisplayName, "#REF!", "in place of one"),
            (Field::DisplayName, "######", "in place of one"),
            (Field::Number, "101", "1 to 100"),
            (Field::Number, "0", "1 to 100"),
            (Field::Number, "1.5", "1 to 100"),
            (Field::Number, "300", "1 to 100"),
            (Field::Provider, "10", "0 to 9"),
            (Field::State, "gone", "\"present\" or \"absent\""),
        ] {
            let text = refusal(field, raw);
            assert!(text.contains(says) && text.starts_with('"'), "{field:?} {raw:?}: {text}");
        }
        assert!(!refusal(Field::Password, "#REF!").contains("REF"));
    }

    #[test]
    fn what_a_spreadsheet_would_alter_has_an_apostrophe_in_front() {
        for (text, cell) in [
            ("1013", "1013"),
            ("0", "0"),
            ("Reception", "Reception"),
            ("0123", "'0123"),
            ("1234567890123456", "'1234567890123456"),
            ("=1+1", "'=1+1"),
            ("+4930", "'+4930"),
            ("@x", "'@x"),
            ("-", "'-"),
            ("", "'"),
            (" x", "' x"),
            ("B\u{a0}1", "'B\u{a0}1"),
            ("1013.0", "'1013.0"),
            ("#N/A", "'#N/A"),
        ] {
            assert_eq!(write(Field::User, text), cell, "{text:?}");
        }
    }

    proptest! {
        /// Any text that a site file can hold comes back as it was.
        #[test]
        fn a_value_that_was_written_is_read_again(text in "[ -&(-;=?-~\u{a0}-\u{ff}]{0,8}|[-'+=@#*0-9.,E ]{0,5}") {
            for field in [Field::DisplayName, Field::User, Field::Mailbox, Field::Password] {
                prop_assert_eq!(read(field, &write(field, &text)), Ok(set(&text)));
            }
        }

        #[test]
        fn no_cell_panics(raw in "\\PC{0,12}") {
            for field in Field::ALL {
                let _ = read(field, &raw);
            }
        }
    }
}
