//! The slots of a site file as a table that, imported again, changes nothing.

use super::super::edit::{self, EditError};
use super::super::secret_ref;
use super::cell::{self, MASK};
use super::field::Field;
use crate::domain::ids::{Ipui, SlotNumber};

/// The listed slots of a site file as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The headings: the keys of a slot.
    pub heading: Vec<&'static str>,
    /// A row for each slot, by its number.
    pub rows: Vec<Vec<String>>,
    /// The slots whose password the site file holds itself: the table has `***` there.
    pub masked: Vec<SlotNumber>,
}

/// The table of a site file.
///
/// # Errors
/// When its slots are not written as tables of their own.
pub(in crate::config) fn export(text: &str) -> Result<Export, EditError> {
    let mut masked = Vec::new();
    let mut rows = Vec::new();
    for (number, values) in edit::slots(text)? {
        let cell = |field: &Field| match (field, values.get(field)) {
            (Field::Number, _) => number.to_string(),
            (Field::State, state) => state.map_or("present", String::as_str).to_owned(),
            (Field::Password, Some(text)) if secret_ref::is_literal(text) => MASK.to_owned(),
            (Field::Ipui, Some(text)) => {
                text.parse::<Ipui>().map_or_else(|_| text.clone(), |ipui| ipui.to_string())
            }
            (field, Some(text)) => cell::write(*field, text),
            (_, None) => String::new(),
        };
        rows.push(Field::ALL.iter().map(cell).collect());
        if values.get(&Field::Password).is_some_and(|text| secret_ref::is_literal(text)) {
            masked.push(number);
        }
    }
    Ok(Export { heading: Field::ALL.map(Field::key).to_vec(), rows, masked })
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
        assert_eq!(
            export.heading.join(","),
            "number,state,ipui,display_name,user,login,password,provider,account_name,mailbox"
        );
        let rows: Vec<String> = export.rows.iter().map(|row| row.join(",")).collect();
        assert_eq!(
            rows,
            [
                "1,present,02 B6 EC 8A A5,'-,'0101,,***,,,'",
                "2,absent,,,,,,,,",
                "3,present,,,3,'+3,env:A,1,a,"
            ]
        );
        assert_eq!(export.masked, [SlotNumber::new(1).unwrap()]);
    }
}
