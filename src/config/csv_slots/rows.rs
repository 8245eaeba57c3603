//! The rows of a table to rows about slots: which column is which, which slot a row is about, what is wrong where.

use std::collections::BTreeMap;

use super::cell::{self, Cell};
use super::field::Field;
use super::table::TableRow;
use super::{Fault, letter};
use crate::domain::ids::SlotNumber;

/// Which column holds what.
#[derive(Debug, Default)]
pub(super) struct Columns(BTreeMap<Field, usize>);

impl Columns {
    /// A fault of a row, in the column of a key where there is one.
    pub(super) fn fault(
        &self,
        row: usize,
        field: Field,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Fault {
        Fault {
            row: Some(row),
            column: self.0.get(&field).map(|index| letter(*index)),
            key: field.key().to_owned(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// What a row asks of a slot.
#[derive(Debug)]
pub(super) struct Row {
    /// As a spreadsheet counts it.
    pub(super) number: usize,
    pub(super) slot: SlotNumber,
    /// By column; a cell that is refused is not among them.
    pub(super) cells: BTreeMap<Field, Cell>,
    /// The columns whose cells were refused.
    pub(super) refused: Vec<Field>,
}

impl Row {
    pub(super) fn cell(&self, field: Field) -> &Cell {
        self.cells.get(&field).unwrap_or(&Cell::Leave)
    }

    /// The value that the row sets.
    pub(super) fn set(&self, field: Field) -> Option<&str> {
        match self.cell(field) {
            Cell::Set(text) => Some(text),
            Cell::Leave | Cell::Masked | Cell::Clear => None,
        }
    }
}

/// What a table came to. Where there are faults, the rows are only good for finding more.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) columns: Columns,
    pub(super) rows: Vec<Row>,
    pub(super) faults: Vec<Fault>,
}

pub(super) fn read(table: &[TableRow]) -> Sheet {
    let mut sheet = Sheet::default();
    let Some((heading, body)) = table.split_first() else {
        sheet.faults.push(Fault::of_file(
            "nothing",
            "a row of headings, one of them number, and a row for each slot",
        ));
        return sheet;
    };
    sheet.columns = columns(heading, &mut sheet.faults);
    if !sheet.columns.0.contains_key(&Field::Number) {
        // Without it no row is about a slot.
        return sheet;
    }
    let mut seen: BTreeMap<SlotNumber, usize> = BTreeMap::new();
    for row in body {
        nameless(row, heading, &mut sheet.faults);
        let Some(row) = slot_row(row, &sheet.columns, &mut sheet.faults) else { continue };
        match seen.get(&row.slot) {
            Some(first) => {
                let found = format!("slot {}, which row {first} is about too", row.slot);
                sheet.faults.push(sheet.columns.fault(
                    row.number,
                    Field::Number,
                    found,
                    "a row for each slot",
                ));
            }
            None => {
                seen.insert(row.slot, row.number);
                sheet.rows.push(row);
            }
        }
    }
    sheet
}

fn columns(heading: &TableRow, faults: &mut Vec<Fault>) -> Columns {
    let mut columns = Columns::default();
    let all = Field::ALL.map(Field::key).join(", ");
    for (index, name) in heading.cells.iter().enumerate().filter(|(_, name)| !name.trim().is_empty()) {
        let fault = |found: String, expected: String| Fault {
            row: Some(heading.number),
            column: Some(letter(index)),
            key: String::new(),
            found,
            expected,
        };
        match Field::of_heading(name) {
            Some(field) => {
                if let Some(first) = columns.0.get(&field) {
                    let found = format!("{name:?}, which column {} is too", letter(*first));
                    faults.push(fault(found, format!("one column for {}", field.key())));
                } else {
                    columns.0.insert(field, index);
                }
            }
            None => {
                let meant = Field::closest_to(name);
                let hint = meant.map(|field| format!("; did you mean {}?", field.key())).unwrap_or_default();
                faults.push(fault(format!("an unknown column {name:?}"), format!("one of: {all}{hint}")));
            }
        }
    }
    if !columns.0.contains_key(&Field::Number) {
        faults.push(Fault {
            row: Some(heading.number),
            ..Fault::of_file("no column number", "a column for the slot's number")
        });
    }
    columns
}

/// Cells that no heading stands over: a column may have slipped.
fn nameless(row: &TableRow, heading: &TableRow, faults: &mut Vec<Fault>) {
    for (index, cell) in row.cells.iter().enumerate() {
        let named = heading.cells.get(index).is_some_and(|name| !name.trim().is_empty());
        if !named && !cell.trim().is_empty() {
            faults.push(Fault {
                row: Some(row.number),
                column: Some(letter(index)),
                key: String::new(),
                // Not shown: it may be a password that slipped.
                found: "a cell in a column without a heading".to_owned(),
                expected: "nothing, or a heading".to_owned(),
            });
        }
    }
}

fn slot_row(row: &TableRow, columns: &Columns, faults: &mut Vec<Fault>) -> Option<Row> {
    let mut cells = BTreeMap::new();
    let mut refused = Vec::new();
    for (field, index) in &columns.0 {
        let raw = row.cells.get(*index).map_or("", String::as_str);
        match cell::read(*field, raw) {
            Ok(cell) => {
                cells.insert(*field, cell);
            }
            Err(reason) => {
                refused.push(*field);
                faults.push(columns.fault(row.number, *field, reason.found, reason.expected));
            }
        }
    }
    let number = match cells.remove(&Field::Number) {
        Some(Cell::Set(number)) => number.parse().ok().and_then(SlotNumber::new),
        Some(Cell::Leave | Cell::Masked | Cell::Clear) => {
            faults.push(columns.fault(row.number, Field::Number, "nothing", "the slot's number, 1 to 100"));
            None
        }
        None => None,
    };
    Some(Row { number: row.number, slot: number?, cells, refused })
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    fn sheet(text: &str) -> Sheet {
        read(&table::read(text.as_bytes()).unwrap())
    }

    fn faults(text: &str) -> Vec<String> {
        sheet(text).faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn columns_come_in_any_order_with_empty_ones_between() {
        let sheet = sheet("Name,,Slot,IPUI,,\nReception,,1.0,02B6EC8AA5,,\n,,,,,\n,,2,,,\n");
        assert!(sheet.faults.is_empty(), "{:?}", sheet.faults);
        let slots: Vec<u8> = sheet.rows.iter().map(|row| row.slot.number()).collect();
        assert_eq!(slots, [1, 2]);
        let row = sheet.rows.first().unwrap();
        assert_eq!(row.set(Field::DisplayName), Some("Reception"));
        assert_eq!(row.set(Field::Ipui), Some("02 B6 EC 8A A5"));
        assert_eq!(row.cell(Field::User), &Cell::Leave);
        assert_eq!(sheet.rows.last().unwrap().cell(Field::Ipui), &Cell::Leave);
    }

    #[test]
    fn every_fault_is_told_with_row_and_column() {
        let text = "number;dispaly name;ipui;Slot;x\n101;a;2,97E+10;;\n;b;;;\n3;c;;;\n3;d;;;;hidden\n4;#NV\n";
        assert_eq!(
            faults(text),
            [
                "row 1, column B: found an unknown column \"dispaly name\", expected one of: number, state, ipui, \
                 display_name, user, login, password, provider, account_name, mailbox; did you mean display_name?",
                "row 1, column D: found \"Slot\", which column A is too, expected one column for number",
                "row 1, column E: found an unknown column \"x\", expected one of: number, state, ipui, display_name, user, \
                 login, password, provider, account_name, mailbox",
                "row 2, column A (number): found \"101\", expected the slot's number, 1 to 100",
                "row 2, column C (ipui): found \"2,97E+10\", expected an IPUI: five bytes, not all zero, like 02 B6 EC \
                 8A A5; a spreadsheet made a number of it: take it from the handset or its box, and write it with blanks",
                "row 3, column A (number): found nothing, expected the slot's number, 1 to 100",
                "row 5, column F: found a cell in a column without a heading, expected nothing, or a heading",
                "row 5, column A (number): found slot 3, which row 4 is about too, expected a row for each slot",
            ]
        );
    }

    #[test]
    fn a_table_without_headings_or_number_is_about_no_slot() {
        assert_eq!(
            faults(""),
            ["found nothing, expected a row of headings, one of them number, and a row for each slot"]
        );
        assert_eq!(
            faults("name\nx\n"),
            ["row 1: found no column number, expected a column for the slot's number"]
        );
    }
}
