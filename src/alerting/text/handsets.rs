//! Handsets in a message: those whose users must do the same stand together, so that a hundred of them are one sentence
//! and a list. No layout here.

use chrono::{DateTime, FixedOffset};

use super::clean::clean;
use crate::domain::alert::HandsetNote;
use crate::domain::wording::clock;

/// Handsets whose users must do the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// What that is.
    pub(super) instruction: String,
    /// The PIN to be typed.
    pub(super) pin: Option<String>,
    /// Until when.
    pub(super) until: Option<String>,
    /// In slot order.
    pub(super) rows: Vec<Row>,
}

/// Who a handset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Slot number.
    pub(super) slot: String,
    /// Display name; may be empty.
    pub(super) name: String,
    /// Extension; may be empty.
    pub(super) number: String,
    /// IPUI; may be empty.
    pub(super) ipui: String,
    /// Where it stands.
    pub(super) state: &'static str,
}

/// The first `most` of these, by what must be done, in the order of the first of each.
pub(super) fn batches(handsets: &[HandsetNote], most: usize) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for handset in handsets.iter().take(most) {
        let (instruction, pin) = (clean(&handset.instruction), handset.pin.as_deref().map(clean));
        let until = handset.until.map(|at: DateTime<FixedOffset>| clock(at));
        let same = |batch: &&mut Batch| {
            (&batch.instruction, &batch.pin, &batch.until) == (&instruction, &pin, &until)
        };
        match batches.iter_mut().find(same) {
            Some(batch) => batch.rows.push(row(handset)),
            None => batches.push(Batch { instruction, pin, until, rows: vec![row(handset)] }),
        }
    }
    batches
}

fn row(handset: &HandsetNote) -> Row {
    let text = |text: &Option<String>| text.as_deref().map(clean).unwrap_or_default();
    Row {
        slot: handset.number.to_string(),
        name: text(&handset.display_name),
        number: text(&handset.user),
        ipui: handset.ipui.map(|ipui| ipui.to_string()).unwrap_or_default(),
        state: handset.registration.as_str(),
    }
}

impl Row {
    /// In one line: `slot 2 Workshop, number 1014, IPUI 02 9E 74 A5 99`.
    pub(super) fn line(&self) -> String {
        let mut line = format!("slot {}", self.slot);
        for (text, word) in [(&self.name, " "), (&self.number, ", number "), (&self.ipui, ", IPUI ")] {
            if !text.is_empty() {
                line.push_str(word);
                line.push_str(text);
            }
        }
        line
    }
}
