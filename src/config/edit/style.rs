//! How the slots of a site file are written: line ends, blanks, alignment, quotes. What is added looks like them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::csv_slots::Field;
use super::layout::{Account, SlotPlace};
use crate::domain::ids::SlotNumber;

/// The end of lines that the text uses.
pub(super) fn line_end(text: &str) -> &'static str {
    let crlf = text.find('\n').is_some_and(|at| text.get(..at).is_some_and(|line| line.ends_with('\r')));
    if crlf { "\r\n" } else { "\n" }
}

/// Behind the end of the line that holds a byte; the end of the text where it has none.
pub(super) fn end_of_line(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| at + length + 1)
}

/// A range made to whole lines.
pub(super) fn lines(text: &str, range: Range<usize>) -> Range<usize> {
    start_of_line(text, range.start)..end_of_line(text, range.end)
}

fn start_of_line(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// A value as TOML.
pub(super) fn value(field: Field, text: &str, single_quotes: bool) -> String {
    if field.is_number() {
        return text.to_owned();
    }
    if single_quotes && !text.contains(|c: char| c == '\'' || c.is_control()) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            _ if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Whether a slot writes its texts as `'…'`.
pub(super) fn single_quotes(text: &str, slot: &SlotPlace) -> bool {
    slot.pairs.values().any(|pair| text.get(pair.value.clone()).is_some_and(|value| value.starts_with('\'')))
}

/// A line of a slot, without its end; indented and aligned as those of the same table.
pub(super) fn line(text: &str, slot: &SlotPlace, field: Field, key: &str, value: &str) -> String {
    let block = block(text, slot, field.is_of_account() && matches!(slot.account, Some(Account::Headed(_))));
    let width = block.first().filter(|first| aligned(&block) && first.width > key.len());
    let indent = block.first().map_or("", |line| line.indent);
    format!("{indent}{key:0$} = {value}", width.map_or(0, |line| line.width))
}

/// A slot as text, written as its neighbour; lines up its keys where any slot does.
pub(super) fn slot(
    text: &str,
    slots: &[SlotPlace],
    neighbour: Option<&SlotPlace>,
    number: SlotNumber,
    values: &BTreeMap<Field, String>,
) -> String {
    let single = neighbour.is_some_and(|slot| single_quotes(text, slot));
    let account = slots.iter().rev().find_map(|slot| slot.account.as_ref());
    let line_up = slots.is_empty() || slots.iter().any(|slot| aligned(&block(text, slot, false)));
    let mut own = vec![("number".to_owned(), number.to_string())];
    let mut of_account = Vec::new();
    for (field, text) in values {
        let pair = (field.key().to_owned(), value(*field, text, single));
        if field.is_of_account() { of_account.push(pair) } else { own.push(pair) }
    }
    let mut headed = Vec::new();
    if !of_account.is_empty() {
        let before_mailbox = own.iter().position(|(key, _)| key == Field::Mailbox.key()).unwrap_or(own.len());
        match account {
            Some(Account::Headed(_)) => headed = of_account,
            Some(Account::Dotted) => {
                let dotted = of_account.into_iter().map(|(key, value)| (format!("sip.{key}"), value));
                own.splice(before_mailbox..before_mailbox, dotted);
            }
            Some(Account::Inline { .. }) | None => {
                let pairs: Vec<String> =
                    of_account.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
                own.insert(before_mailbox, ("sip".to_owned(), format!("{{ {} }}", pairs.join(", "))));
            }
        }
    }
    let neighbour_block = neighbour.map(|slot| block(text, slot, false)).unwrap_or_default();
    let indent = neighbour_block.first().map_or("", |line| line.indent);
    let outer = neighbour.map_or("", |slot| indent_of(text, slot.heading.start));
    let end = line_end(text);
    let mut written = format!("{outer}[[slot]]{end}{}", table(&own, indent, line_up, end));
    if !headed.is_empty() {
        written.push_str(&format!("{outer}[slot.sip]{end}{}", table(&headed, indent, line_up, end)));
    }
    written
}

fn table(pairs: &[(String, String)], indent: &str, line_up: bool, end: &str) -> String {
    let width = pairs.iter().map(|(key, _)| key.len()).max().filter(|_| line_up).unwrap_or_default();
    pairs.iter().map(|(key, value)| format!("{indent}{key:width$} = {value}{end}")).collect()
}

/// Behind a slot and the lines of comment that follow it at once, unless they lead to what comes next.
pub(super) fn end_of_slot(text: &str, slot: &SlotPlace) -> usize {
    let end = end_of_line(text, slot.end());
    let mut at = end;
    while let Some(line) = text.get(at..).and_then(|rest| rest.lines().next()).map(str::trim) {
        if line.is_empty() {
            break;
        }
        if !line.starts_with('#') {
            return end;
        }
        at = end_of_line(text, at);
    }
    at
}

/// Whether slots have an empty line before them, or the comment that leads to them has. Where there is none to look at,
/// one looks better.
pub(super) fn spaced(text: &str, slots: &[SlotPlace]) -> bool {
    slots.last().is_none_or(|slot| {
        let before = text.get(..start_of_line(text, slot.heading.start)).unwrap_or_default();
        let line = before.lines().rev().map(str::trim).find(|line| !line.starts_with('#'));
        line.is_none_or(str::is_empty)
    })
}

/// The left side of a line `key = value`.
struct Left<'t> {
    indent: &'t str,
    /// Of the key with the blanks behind it, less the one before the equals sign.
    width: usize,
    /// Whether there is more than that one.
    padded: bool,
}

/// The lines of a slot, or of `[slot.sip]`, in the order of the keys.
fn block<'t>(text: &'t str, slot: &SlotPlace, of_account: bool) -> Vec<Left<'t>> {
    let inline = match &slot.account {
        Some(Account::Inline { key, table }) => Some((key, table)),
        Some(Account::Headed(_) | Account::Dotted) | None => None,
    };
    let pairs = slot.pairs.iter().filter(|(field, _)| field.is_of_account() == of_account);
    let pairs = pairs.map(|(_, pair)| (&pair.key, &pair.value));
    pairs.chain(inline.filter(|_| !of_account)).filter_map(|(key, value)| left(text, key, value)).collect()
}

fn left<'t>(text: &'t str, key: &Range<usize>, value: &Range<usize>) -> Option<Left<'t>> {
    let start = start_of_line(text, key.start);
    let indent = indent_of(text, key.start);
    let keys = text.get(start + indent.len()..value.start)?.split_once('=')?.0;
    let width = keys.len().saturating_sub(1);
    Some(Left { indent, width, padded: keys.trim_end().len() < width })
}

fn indent_of(text: &str, at: usize) -> &str {
    let line = text.get(start_of_line(text, at)..).unwrap_or_default();
    let length = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..length).unwrap_or_default()
}

/// Whether the equals signs stand below each other on purpose.
fn aligned(block: &[Left<'_>]) -> bool {
    let same = block.windows(2).all(|pair| matches!(pair, [one, other] if one.width == other.width));
    same && block.iter().any(|line| line.padded)
}
