//! CSV as spreadsheets and scripts read it: RFC 4180, in UTF-8 without a byte order mark. Prints nothing itself.

/// The first characters by which a spreadsheet takes a cell for a formula.
const BEGIN_FORMULAS: [char; 4] = ['=', '+', '-', '@'];

/// A table as CSV: lines end with CRLF, cells are quoted where they have to be.
///
/// A cell that a spreadsheet would take for a formula gets an apostrophe in front, whatever else it holds: names come
/// from site files and devices, and a sheet is sent around. Control characters become blanks.
pub(super) fn csv(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading = heading.iter().copied().map(cell).collect::<Vec<_>>();
    let rows = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect::<Vec<_>>());
    std::iter::once(heading).chain(rows).map(|cells| cells.join(",") + "\r\n").collect()
}

fn cell(text: &str) -> String {
    let plain = text.replace(char::is_control, " ");
    let text = if plain.trim_start().starts_with(BEGIN_FORMULAS) { format!("'{plain}") } else { plain };
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_heading_first_and_every_line_ends_alike() {
        let rows = [vec!["1".to_owned(), "Reception".to_owned()], vec![String::new(), "Büro".to_owned()]];
        assert_eq!(csv(&["slot", "name"], &rows), "slot,name\r\n1,Reception\r\n,Büro\r\n");
        assert_eq!(csv(&["slot"], &[]), "slot\r\n");
    }

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        for (text, expected) in [
            ("plain text", "plain text"),
            ("one, two", "\"one, two\""),
            ("the \"boss\"", "\"the \"\"boss\"\"\""),
            ("two\r\nlines", "two  lines"),
            ("a\u{1b}[31mb\tc", "a [31mb c"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+4930123", "'+4930123"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "' =1"),
            ("  =HYPERLINK(\"http://x\",\"y\")", "\"'  =HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("a=1", "a=1"),
            ("1-2", "1-2"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
