//! What a table asks of a site file, put into its text.
//!
//! A row sets what its cells say. A slot without a row stays as it is; nothing is emptied because something is missing.

mod clash;
mod slot;

use std::collections::BTreeMap;

use serde::Serialize;

use self::slot::Change;
use super::super::edit::{self, EditError};
use super::super::finding::Finding;
use super::field::Field;
use super::rows::Sheet;
use super::{Fault, rows, table};
use crate::domain::ids::SlotNumber;

/// What an import changes, in numbers of slots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Not listed before.
    pub added: Vec<SlotNumber>,
    /// Listed before, and not as the table says.
    pub changed: Vec<SlotNumber>,
    /// Of those changed: get another handset.
    pub another_handset: Vec<SlotNumber>,
    /// Of those changed: become absent.
    pub absent: Vec<SlotNumber>,
    /// Listed, but not in the table: they stay as they are.
    pub not_in_table: Vec<SlotNumber>,
}

/// A site file with a table put in.
#[derive(Debug)]
pub(in crate::config) struct Merged {
    /// Where there are faults, only good for finding more of them.
    pub(in crate::config) text: String,
    pub(in crate::config) summary: Summary,
    pub(in crate::config) faults: Vec<Fault>,
    sheet: Sheet,
}

impl Merged {
    /// What was found about the resulting text, told of the cell that it comes from, if it comes from one; and whether
    /// that cell says something, or it was there before.
    pub(in crate::config) fn fault_of(&self, finding: &Finding) -> Option<(Fault, bool)> {
        let rest = finding.key.strip_prefix("slot[")?;
        let (number, key) = rest.split_once(']')?;
        let number = SlotNumber::new(number.parse().ok()?)?;
        let row = self.sheet.rows.iter().find(|row| row.slot == number)?;
        let key = key.strip_prefix(".sip").unwrap_or(key).trim_start_matches('.');
        let field = Field::ALL.into_iter().find(|field| field.key() == key).unwrap_or(Field::Number);
        let fault =
            self.sheet.columns.fault(row.number, field, finding.found.clone(), finding.expected.clone());
        Some((fault, row.set(field).is_some()))
    }
}

/// The values of the slots of a site file.
type Slots = BTreeMap<SlotNumber, BTreeMap<Field, String>>;

/// Puts a table into a site file.
///
/// # Errors
/// When the site file is written in a way that cannot be changed. What is wrong with the table is in the result.
pub(in crate::config) fn merge(text: &str, bytes: &[u8]) -> Result<Merged, EditError> {
    let mut sheet = match table::read(bytes) {
        Ok(table) => rows::read(&table),
        Err(fault) => Sheet { faults: vec![fault], ..Sheet::default() },
    };
    let slots = edit::slots(text)?;
    clash::refuse(&mut sheet, &slots);
    let mut merged = Merged { text: text.to_owned(), summary: Summary::default(), faults: Vec::new(), sheet };
    for row in &merged.sheet.rows {
        let listed = slots.get(&row.slot);
        let asked = slot::changes(row, listed, &merged.sheet.columns);
        merged.faults.extend(asked.faults);
        let Some(listed) = listed else {
            merged.summary.added.push(row.slot);
            merged.text = edit::add(&merged.text, row.slot, &slot::values(&asked.changes))?;
            continue;
        };
        merged.summary.note(row.slot, listed, &asked.changes);
        for change in asked.changes {
            merged.text = match &change {
                Change::Set(field, value) => edit::set(&merged.text, row.slot, *field, value)?,
                Change::Clear(field) => edit::clear(&merged.text, row.slot, *field)?,
                Change::ClearAccount => edit::clear_account(&merged.text, row.slot)?,
            };
        }
    }
    merged.faults.append(&mut merged.sheet.faults);
    merged.faults.sort_by_key(|fault| fault.row);
    let named = |number: &&SlotNumber| merged.sheet.rows.iter().any(|row| row.slot == **number);
    merged.summary.not_in_table = slots.keys().filter(|number| !named(number)).copied().collect();
    Ok(merged)
}

impl Summary {
    fn note(&mut self, slot: SlotNumber, listed: &BTreeMap<Field, String>, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        self.changed.push(slot);
        let absent = Change::Set(Field::State, "absent".to_owned());
        if changes.contains(&absent) {
            self.absent.push(slot);
        } else if changes.iter().any(|change| matches!(change, Change::Set(Field::Ipui, _)))
            && listed.get(&Field::State).is_none_or(|state| state != "absent")
        {
            self.another_handset.push(slot);
        }
    }
}

#[cfg(test)]
mod tests;
