//! A file of comma-separated values to rows of texts, as spreadsheets save them: which encoding, which separator, which
//! row is which. Knows no column.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::{Encoding, WINDOWS_1252};

use super::Fault;
use super::field::Field;

/// A complete site has 100 rows; this is many thousand.
pub(super) const LARGEST: usize = 1024 * 1024;

/// What stands behind the end of the file while it is read: if it is not seen again, a quote was left open.
const END: &str = "\u{0}end";

/// Separators, in the order in which they are preferred.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A row that is not empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TableRow {
    /// As a spreadsheet counts it, from 1; rows that are empty count.
    pub(super) number: usize,
    pub(super) cells: Vec<String>,
}

/// The rows of a file.
///
/// # Errors
/// When it is no such file: one fault says why.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<TableRow>, Fault> {
    refuse_other_files(bytes)?;
    let text = decoded(bytes);
    if text.contains('\0') {
        return Err(Fault::of_file("bytes that are no text", "comma-separated values in UTF-8"));
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (separator, text) = separator(&text);
    rows(separator, text)
}

fn refuse_other_files(bytes: &[u8]) -> Result<(), Fault> {
    const EXPECTED: &str = "comma-separated values: save the sheet as CSV (UTF-8)";
    let workbooks: [&[u8]; 2] = [b"PK\x03\x04", b"\xD0\xCF\x11\xE0"];
    if workbooks.iter().any(|magic| bytes.starts_with(magic)) {
        return Err(Fault::of_file("a workbook of a spreadsheet program", EXPECTED));
    }
    if bytes.len() > LARGEST {
        return Err(Fault::of_file("more than 1 MiB", "a file of at most 1 MiB"));
    }
    Ok(())
}

/// UTF-8 or UTF-16 where the file says so or holds nothing else, else Windows-1252, which every byte is a letter of.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default());
        return text;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// The separator, and the text without the line that names it (`sep=;`, which spreadsheets neither show nor count).
fn separator(text: &str) -> (u8, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] = first.trim_end().as_bytes() {
        return (*separator, rest);
    }
    if first.starts_with("sep=\t") {
        return (b'\t', rest);
    }
    // The one that makes most known columns of the heading; the first of them where several do.
    let known = |separator: u8| {
        let rows = rows(separator, text);
        let heading = rows.iter().flatten().next();
        heading.map_or(0, |row| row.cells.iter().filter(|cell| Field::of_heading(cell).is_some()).count())
    };
    let best = SEPARATORS.into_iter().rev().max_by_key(|separator| known(*separator));
    (best.unwrap_or(b','), text)
}

fn rows(separator: u8, text: &str) -> Result<Vec<TableRow>, Fault> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let text = format!("{text}{end}{END}\n");
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut found = Vec::new();
    let (mut row, mut line) = (0, 1);
    let mut record = StringRecord::new();
    loop {
        let more = reader.read_record(&mut record);
        if !more.map_err(|_| Fault::of_file("bytes that are no text", "comma-separated values in UTF-8"))? {
            return Err(open_quote(row + 1));
        }
        // The reader leaves out empty lines: the lines that it passed tell how many.
        let passed = reader.position().line() - line;
        line = reader.position().line();
        let within: usize = record.iter().map(|cell| cell.matches('\n').count()).sum();
        row += usize::try_from(passed).unwrap_or(usize::MAX).saturating_sub(within);
        if record.get(0) == Some(END) {
            return Ok(found);
        }
        if record.iter().any(|cell| cell.contains(END)) {
            // Its line end is within the cell.
            return Err(open_quote(row + 1));
        }
        if record.iter().any(|cell| !cell.trim().is_empty()) {
            found.push(TableRow { number: row, cells: record.iter().map(str::to_owned).collect() });
        }
    }
}

fn open_quote(row: usize) -> Fault {
    Fault {
        row: Some(row),
        ..Fault::of_file("a quote that is never closed", "a quote at the end of the cell too")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(bytes: &[u8]) -> Vec<(usize, Vec<String>)> {
        read(bytes).unwrap().into_iter().map(|row| (row.number, row.cells)).collect()
    }

    #[test]
    fn every_separator_and_line_end_gives_the_same_rows() {
        let expected = plain(b"number,name\n1,Reception\n2,Workshop\n");
        assert_eq!(expected.last().unwrap(), &(3, vec!["2".to_owned(), "Workshop".to_owned()]));
        for text in [
            "number;name\r\n1;Reception\r\n2;Workshop\r\n",
            "number\tname\r1\tReception\r2\tWorkshop",
            "number|name\n1|Reception\n2|Workshop",
            "sep=;\nnumber;name\n1;Reception\n2;Workshop\n",
            "\u{feff}\"number\";\"name\"\n\"1\";\"Reception\"\n2;Workshop",
        ] {
            assert_eq!(plain(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_separator_within_names_does_not_win() {
        let rows = plain(b"number;name, first, last, title, more\n1;a, b\n");
        assert_eq!(rows.last().unwrap().1, ["1", "a, b"]);
    }

    #[test]
    fn every_encoding_a_spreadsheet_saves_in_is_read() {
        let text = "number\tname\n1\tBüro\n";
        let utf16 = |big: bool| -> Vec<u8> {
            let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let latin = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            utf16(true),
            utf16(false),
            latin,
        ] {
            assert_eq!(plain(&bytes).last().unwrap().1, ["1", "Büro"], "{bytes:?}");
        }
        assert_eq!(plain(b"number,name\n1,\x80\n").last().unwrap().1, ["1", "€"], "Windows-1252");
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_does() {
        let text = "\n\nnumber,name\n\n1,\"two\nlines\"\n,,\n2,x\n\n\n";
        let rows: Vec<usize> = plain(text.as_bytes()).iter().map(|(number, _)| *number).collect();
        assert_eq!(rows, [3, 5, 7]);
        assert!(plain(b"").is_empty());
        assert!(plain(b"\n,,\n").is_empty());
    }

    #[test]
    fn quoted_cells_hold_anything() {
        let rows = plain(b"number,name\n1,\"a \"\"b\"\", c\nd\"\n");
        assert_eq!(rows.last().unwrap(), &(2, vec!["1".to_owned(), "a \"b\", c\nd".to_owned()]));
    }

    #[test]
    fn what_is_no_such_file_is_one_fault() {
        for (bytes, says) in [
            (&b"PK\x03\x04rest"[..], "save the sheet as CSV"),
            (b"\xD0\xCF\x11\xE0rest", "save the sheet as CSV"),
            (b"number\n1\0\n", "no text"),
            (&vec![b'1'; LARGEST + 1], "1 MiB"),
        ] {
            let fault = read(bytes).unwrap_err().to_string();
            assert!(fault.contains(says), "{fault}");
        }
        let open = read(b"number,name\n1,x\n2,\"Reception\n3,y\n4,z\n").unwrap_err();
        assert_eq!(
            open.to_string(),
            "row 3: found a quote that is never closed, expected a quote at the end of the cell too"
        );
    }
}
