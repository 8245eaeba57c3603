//! An IPUI that two slots would have: told of the rows that ask for it. Other sites are not looked at.

use std::collections::BTreeMap;

use super::super::cell::Cell;
use super::super::field::Field;
use super::super::rows::{Row, Sheet};
use super::Slots;
use crate::domain::ids::Ipui;

/// Refuses the cells that ask for a handset which another row, or a slot of the site file, has too.
pub(super) fn refuse(sheet: &mut Sheet, slots: &Slots) {
    let mut holders: BTreeMap<Ipui, String> = BTreeMap::new();
    for (number, values) in slots {
        let row = sheet.rows.iter().find(|row| row.slot == *number);
        let keeps = row.is_none_or(|row| matches!(row.cell(Field::Ipui), Cell::Leave) && !empties(row));
        let unknown = row.is_some_and(|row| row.refused.contains(&Field::Ipui));
        if let (true, false, Some(ipui)) = (keeps, unknown, ipui(values)) {
            holders.insert(ipui, format!("slot {number} of the site file"));
        }
    }
    let mut clashes = Vec::new();
    for (index, row) in sheet.rows.iter().enumerate().filter(|(_, row)| !empties(row)) {
        let Some(ipui) = row.set(Field::Ipui).and_then(|text| text.parse::<Ipui>().ok()) else { continue };
        match holders.get(&ipui) {
            Some(holder) => clashes.push((index, format!("\"{ipui}\", which {holder} has too"))),
            None => {
                holders.insert(ipui, format!("row {}", row.number));
            }
        }
    }
    for (index, found) in clashes {
        let Some(row) = sheet.rows.get_mut(index) else { continue };
        row.cells.remove(&Field::Ipui);
        row.refused.push(Field::Ipui);
        let fault = sheet.columns.fault(row.number, Field::Ipui, found, "an IPUI used once in the fleet");
        sheet.faults.push(fault);
    }
}

/// Whether the row takes everything out of its slot.
fn empties(row: &Row) -> bool {
    row.set(Field::State) == Some("absent")
}

fn ipui(values: &BTreeMap<Field, String>) -> Option<Ipui> {
    values.get(&Field::Ipui)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::{rows, table};
    use super::*;
    use crate::domain::ids::SlotNumber;

    fn faults(text: &str) -> Vec<String> {
        let mut sheet = rows::read(&table::read(text.as_bytes()).unwrap());
        let slot = |number, ipui: &str| {
            (SlotNumber::new(number).unwrap(), BTreeMap::from([(Field::Ipui, ipui.to_owned())]))
        };
        refuse(&mut sheet, &BTreeMap::from([slot(1, "0200000001"), slot(2, "02:00:00:00:02")]));
        sheet.faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_handset_is_asked_for_once() {
        for (table, expected) in [
            (
                "number,ipui\n3,0200000001\n",
                Some(
                    "row 2, column B (ipui): found \"02 00 00 00 01\", which slot 1 of the site file has too",
                ),
            ),
            (
                "ipui,number\n0200000003,3\n0200000003,4",
                Some("row 3, column A (ipui): found \"02 00 00 00 03\", which row 2 has too"),
            ),
            ("number,ipui\n1,0200000002\n2,0200000001\n", None),
            ("number,ipui\n1,0200000002\n2,-\n", None),
            ("number,ipui,state\n1,0200000002,\n2,0200000002,absent\n", None),
            (
                "number,ipui\n1,0200000002\n2,\n",
                Some(
                    "row 2, column B (ipui): found \"02 00 00 00 02\", which slot 2 of the site file has too",
                ),
            ),
            ("number,ipui\n1,02 00 00 00 01\n2,02 00 00 00 02\n", None),
        ] {
            let faults = faults(table);
            match expected {
                None => assert!(faults.is_empty(), "{table}: {faults:?}"),
                Some(begins) => {
                    assert_eq!(faults.len(), 1, "{table}");
                    assert!(faults.concat().starts_with(begins), "{table}: {faults:?}");
                }
            }
        }
    }
}
