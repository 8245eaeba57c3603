//! The slots of a site file as a table that, imported again, changes nothing.

use std::collections::BTreeMap;

use super::super::edit::{self, EditError};
use super::super::secret_ref;
use super::cell::{self, MASK};
use super::field::Field;
use crate::domain::ids::{Ipui, SlotNumber};

/// The listed slots of a site file, by their numbers. What a file leaves out is left out, but for the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Each slot's values; in place of a password that the site file holds itself, `***`.
    pub slots: BTreeMap<SlotNumber, BTreeMap<Field, String>>,
}

impl Export {
    /// The table: a row for each slot, a cell for each of [`Field::ALL`], so written that a spreadsheet leaves it as it is.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let cell = |field: Field, text: &String| {
            let is_mask = field == Field::Password && text == MASK;
            if is_mask { MASK.to_owned() } else { cell::write(field, text) }
        };
        let row = |values: &BTreeMap<Field, String>| {
            Field::ALL
                .map(|field| values.get(&field).map(|text| cell(field, text)).unwrap_or_default())
                .to_vec()
        };
        self.slots.values().map(row).collect()
    }

    /// The slots whose password the site file holds itself.
    pub fn masked(&self) -> Vec<SlotNumber> {
        let masked =
            |values: &BTreeMap<Field, String>| values.get(&Field::Password).is_some_and(|text| text == MASK);
        self.slots.iter().filter(|(_, values)| masked(values)).map(|(number, _)| *number).collect()
    }
}

/// The slots of a site file.
///
/// # Errors
/// When they are not written as tables of their own.
pub(in crate::config) fn export(text: &str) -> Result<Export, EditError> {
    let mut slots = edit::slots(text)?;
    for (number, values) in &mut slots {
        values.insert(Field::Number, number.to_string());
        values.entry(Field::State).or_insert_with(|| "present".to_owned());
        if let Some(ipui) = values.get_mut(&Field::Ipui)
            && let Ok(read) = ipui.parse::<Ipui>()
        {
            *ipui = read.to_string();
        }
        if let Some(password) = values.get_mut(&Field::Password).filter(|text| secret_ref::is_literal(text)) {
            MASK.clone_into(password);
        }
    }
    Ok(Export { slots })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_what_the_file_says_and_no_secret() {
        let text = "[[slot]]\nnumber = 2\nstate = 'absent'\n[[slot]]\nnumber = 1\nipui = '02b6ec8aa5'\ndisplay_name = \
                    '-'\nmailbox = ''\nsip = { user = '0101', password = 'hunter2' }\n[[slot]]\nnumber = 3\nsip = { user = \
                    '3', login = '+3', password = 'env:A', provider = 0x1, account_name = 'a' }\n";
        let export = export(text).unwrap();
        let rows: Vec<String> = export.rows().iter().map(|row| row.join(",")).collect();
        assert_eq!(
            rows,
            [
                "1,present,02 B6 EC 8A A5,'-,'0101,,***,,,'",
                "2,absent,,,,,,,,",
                "3,present,,,3,'+3,env:A,1,a,"
            ]
        );
        assert_eq!(export.masked(), [SlotNumber::new(1).unwrap()]);
    }
}
