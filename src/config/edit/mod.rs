//! Changes slots in the text of a site file: a value, a key, a slot at a time, cut in where the parser found it.
//!
//! What is not changed is not written again, so that comments, order, alignment and line ends stay as they are, byte
//! for byte. Judges no value: whoever calls has the whole text read as a site file afterwards.

mod layout;
mod style;

use std::collections::BTreeMap;
use std::ops::Range;

use self::layout::{Account, Pair, SlotPlace};
use super::csv_slots::Field;
use crate::domain::ids::SlotNumber;

/// Why a text cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It cannot be parsed.
    #[error("the text is no TOML")]
    NotToml,
    /// The slots are an array in one value.
    #[error("the slots are not written as tables of their own: write each under [[slot]]")]
    NotTables,
    /// The slot that was to be changed.
    #[error("slot {0} is not listed")]
    NoSuchSlot(SlotNumber),
}

/// The slots of a text, each with the texts of its values.
pub(super) fn slots(text: &str) -> Result<BTreeMap<SlotNumber, BTreeMap<Field, String>>, EditError> {
    let texts = |slot: SlotPlace| slot.pairs.into_iter().map(|(field, pair)| (field, pair.text)).collect();
    Ok(layout::slots(text)?.into_iter().map(|slot| (slot.number, texts(slot))).collect())
}

/// The text with a value of a listed slot set.
pub(super) fn set(text: &str, number: SlotNumber, field: Field, value: &str) -> Result<String, EditError> {
    let slots = layout::slots(text)?;
    let slot = find(&slots, number)?;
    if let Some(pair) = slot.pairs.get(&field) {
        let old = text.get(pair.value.clone()).unwrap_or_default();
        let new = style::value(field, value, old.starts_with('\''));
        return Ok(spliced(text, pair.value.clone(), &new));
    }
    let new = style::value(field, value, style::single_quotes(text, slot));
    let key = field.key();
    if !field.is_of_account() {
        return Ok(new_line(text, slot, field, key, &new));
    }
    Ok(match &slot.account {
        None => new_line(text, slot, field, "sip", &format!("{{ {key} = {new} }}")),
        Some(Account::Dotted) => new_line(text, slot, field, &format!("sip.{key}"), &new),
        Some(Account::Headed(_)) => new_line(text, slot, field, key, &new),
        Some(Account::Inline { table, .. }) => match before(slot, field) {
            Some(pair) => spliced(text, pair.value.end..pair.value.end, &format!(", {key} = {new}")),
            None => {
                let others = Field::ALL
                    .into_iter()
                    .any(|field| field.is_of_account() && slot.pairs.contains_key(&field));
                let comma = if others { "," } else { " " };
                spliced(text, table.start + 1..table.start + 1, &format!(" {key} = {new}{comma}"))
            }
        },
    })
}

/// The text without a key of a listed slot.
pub(super) fn clear(text: &str, number: SlotNumber, field: Field) -> Result<String, EditError> {
    let slots = layout::slots(text)?;
    let slot = find(&slots, number)?;
    let Some(pair) = slot.pairs.get(&field) else { return Ok(text.to_owned()) };
    if !field.is_of_account() || !matches!(slot.account, Some(Account::Inline { .. })) {
        return Ok(spliced(text, style::lines(text, pair.key.start..pair.value.end), ""));
    }
    let mut others: Vec<&Pair> =
        slot.pairs.iter().filter(|(field, _)| field.is_of_account()).map(|(_, pair)| pair).collect();
    others.sort_by_key(|pair| pair.key.start);
    let next = others.iter().find(|other| other.key.start > pair.key.start);
    let last = others.iter().rev().find(|other| other.key.start < pair.key.start);
    let cut = match (next, last) {
        (Some(next), _) => pair.key.start..next.key.start,
        (None, Some(last)) => last.value.end..pair.value.end,
        (None, None) => pair.key.start..pair.value.end,
    };
    Ok(spliced(text, cut, ""))
}

/// The text without the account of a listed slot.
pub(super) fn clear_account(text: &str, number: SlotNumber) -> Result<String, EditError> {
    let slots = layout::slots(text)?;
    let slot = find(&slots, number)?;
    let Some(account) = &slot.account else { return Ok(text.to_owned()) };
    let pairs = slot.pairs.iter().filter(|(field, _)| field.is_of_account());
    let pairs = pairs.map(|(_, pair)| pair.key.start..pair.value.end);
    let mut cuts: Vec<Range<usize>> = match account {
        Account::Inline { key, table } => std::iter::once(key.start..table.end).collect(),
        Account::Headed(heading) => pairs.chain([heading.clone()]).collect(),
        Account::Dotted => pairs.collect(),
    };
    // From the end on, so that what is still to be cut stays where it is.
    cuts.sort_by_key(|cut| std::cmp::Reverse(cut.start));
    Ok(cuts.into_iter().fold(text.to_owned(), |text, cut| {
        let lines = style::lines(&text, cut);
        spliced(&text, lines, "")
    }))
}

/// The text with a new slot, behind the one with the next smaller number, else behind all others; written as they are.
pub(super) fn add(
    text: &str,
    number: SlotNumber,
    values: &BTreeMap<Field, String>,
) -> Result<String, EditError> {
    let slots = layout::slots(text)?;
    let smaller = slots.iter().filter(|slot| slot.number < number).max_by_key(|slot| slot.number);
    let neighbour = smaller.or(slots.last());
    let at = neighbour.map_or(text.len(), |slot| style::end_of_slot(text, slot));
    let block = style::slot(text, &slots, neighbour, number, values);
    let end_of_line = style::line_end(text);
    let ended = text.get(..at).is_none_or(|before| before.is_empty() || before.ends_with('\n'));
    let before = if ended { "" } else { end_of_line };
    let blank = if style::spaced(text, &slots) { end_of_line } else { "" };
    Ok(spliced(text, at..at, &format!("{before}{blank}{block}")))
}

fn find(slots: &[SlotPlace], number: SlotNumber) -> Result<&SlotPlace, EditError> {
    slots.iter().find(|slot| slot.number == number).ok_or(EditError::NoSuchSlot(number))
}

/// The last pair that belongs before a key: of the account for its keys, else of the slot itself.
fn before(slot: &SlotPlace, field: Field) -> Option<&Pair> {
    let same = slot.pairs.iter().filter(|(other, _)| other.is_of_account() == field.is_of_account());
    same.take_while(|(other, _)| **other < field).map(|(_, pair)| pair).last()
}

/// The text with a line `key = value` behind what belongs before it.
fn new_line(text: &str, slot: &SlotPlace, field: Field, key: &str, value: &str) -> String {
    let at = style::end_of_line(text, end_before(slot, field));
    let line = style::line(text, slot, field, key, value);
    let end = style::line_end(text);
    let complete = text.get(..at).is_some_and(|before| before.ends_with('\n'));
    let line = if complete { format!("{line}{end}") } else { format!("{end}{line}") };
    spliced(text, at..at, &line)
}

/// Where that ends what belongs before a key.
fn end_before(slot: &SlotPlace, field: Field) -> usize {
    let (heading, headed) = match &slot.account {
        Some(Account::Headed(heading)) if field.is_of_account() => (heading, true),
        Some(Account::Headed(_)) => (&slot.heading, true),
        Some(Account::Inline { .. } | Account::Dotted) | None => (&slot.heading, false),
    };
    let smaller = slot.pairs.iter().take_while(|(other, _)| **other < field);
    let same_table = smaller.filter(|(other, _)| !headed || other.is_of_account() == field.is_of_account());
    let ends = same_table.map(|(other, pair)| match &slot.account {
        Some(Account::Inline { table, .. }) if other.is_of_account() => table.end,
        Some(Account::Inline { .. } | Account::Headed(_) | Account::Dotted) | None => pair.value.end,
    });
    ends.last().unwrap_or(heading.end)
}

fn spliced(text: &str, range: Range<usize>, new: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(range, new);
    text
}

#[cfg(test)]
mod tests;
