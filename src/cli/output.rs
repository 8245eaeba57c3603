//! The only printing place: lines, tables and JSON on standard output, complaints on standard error.
//!
//! What a terminal obeys instead of showing is taken out here: some of what is told comes from devices. Colours are
//! `paint`'s, and shown on a terminal that has them, unless NO_COLOR or `--color` says otherwise.
//!
//! A reader that goes away (`n720d … | head`) ends the output, not the command: what was asked for is still done.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anstream::{AutoStream, ColorChoice};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::paint::{Line, turns};
use super::{CliError, args::Color};

/// A line, or several.
pub fn line(text: impl Display) -> Result<(), CliError> {
    forgiving(writeln!(std::io::stdout().lock(), "{}", plain(&text.to_string())))
}

/// Whether colours are shown from here on.
pub(super) fn choose(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Lines in colours, where they are wanted and can be shown.
pub(super) fn painted(lines: &[Line]) -> Result<(), CliError> {
    let mut out = AutoStream::auto(std::io::stdout().lock());
    forgiving(lines.iter().try_for_each(|line| writeln!(out, "{line}")))
}

/// A file as it is.
pub fn bytes(file: &[u8]) -> Result<(), CliError> {
    forgiving(std::io::stdout().lock().write_all(file))
}

/// A document of JSON.
pub fn json(document: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(document).map_err(|error| CliError::Output(error.into()))?;
    line(text)
}

/// A table with a heading; on a terminal within its width.
pub fn table(heading: &[&str], rows: Vec<Vec<String>>) -> Result<(), CliError> {
    line(draw(heading, rows))
}

/// How many characters go in a line of the terminal; `None`: there is none.
pub(super) fn width() -> Option<usize> {
    Table::new().width().map(usize::from)
}

/// One line for a person, on standard error. There is nobody to tell when that fails.
pub fn complaint(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", plain(&text.to_string()));
}

/// Without control characters, but for ends of lines and tabs, and without what turns the direction of reading.
fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n' && c != '\t' || turns(c), "")
}

fn draw(heading: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(heading.iter().copied());
    table.add_rows(rows);
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn forgiving(written: std::io::Result<()>) -> Result<(), CliError> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Err(_) | Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn a_reader_that_went_away_is_no_error_but_a_full_disk_is() {
        assert!(forgiving(Ok(())).is_ok());
        assert!(forgiving(Err(Error::from(ErrorKind::BrokenPipe))).is_ok());
        assert!(forgiving(Err(Error::from(ErrorKind::StorageFull))).is_err());
    }

    #[test]
    fn what_a_terminal_obeys_is_not_printed() {
        assert_eq!(plain("a\u{1b}[31mb\u{9b}2Jc\td\r\ne\u{7f}\u{202e}"), "a[31mb2Jc\td\ne");
    }

    #[test]
    fn a_table_lines_up_and_has_no_blanks_at_its_line_ends() {
        let rows = vec![vec!["acme".to_owned(), "1".to_owned()], vec!["b".to_owned(), "22".to_owned()]];
        let drawn = draw(&["SITE", "SLOTS"], rows);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines, [" SITE  SLOTS", " acme  1", " b     22"]);
    }
}
