//! Where the slots of a site file stand in its text: every key and value with the bytes it takes. Judges nothing; the
//! text has passed as a site file before.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::csv_slots::Field;
use super::EditError;
use crate::domain::ids::SlotNumber;

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    /// The value without quotes.
    pub(super) text: String,
}

/// How the account of a slot is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// `sip = { … }`: the key, and the table with its braces.
    Inline { key: Range<usize>, table: Range<usize> },
    /// `[slot.sip]`: the heading.
    Headed(Range<usize>),
    /// `sip.user = …`.
    Dotted,
}

/// One `[[slot]]`.
#[derive(Debug, Clone)]
pub(super) struct SlotPlace {
    pub(super) number: SlotNumber,
    /// `[[slot]]` itself.
    pub(super) heading: Range<usize>,
    pub(super) pairs: BTreeMap<Field, Pair>,
    pub(super) account: Option<Account>,
}

impl SlotPlace {
    /// Where the last of it ends.
    pub(super) fn end(&self) -> usize {
        let account = match &self.account {
            Some(Account::Inline { table, .. }) => table.end,
            Some(Account::Headed(heading)) => heading.end,
            Some(Account::Dotted) | None => 0,
        };
        let values = self.pairs.values().map(|pair| pair.value.end);
        values.chain([account, self.heading.end]).max().unwrap_or_default()
    }
}

/// The slots of a text, in its order.
pub(super) fn slots(text: &str) -> Result<Vec<SlotPlace>, EditError> {
    let tree = DeTable::parse(text).map_err(|_| EditError::NotToml)?.into_inner();
    let Some(slots) = tree.get("slot") else { return Ok(Vec::new()) };
    let array = slots.get_ref().as_array().ok_or(EditError::NotTables)?;
    array.iter().map(|slot| place(text, slot)).collect()
}

fn place(text: &str, slot: &Spanned<DeValue<'_>>) -> Result<SlotPlace, EditError> {
    let table = slot.get_ref().as_table().ok_or(EditError::NotTables)?;
    if !text.get(slot.span()).is_some_and(|heading| heading.starts_with("[[")) {
        return Err(EditError::NotTables);
    }
    let mut pairs = pairs(table, false);
    let number = pairs.get(&Field::Number).and_then(|pair| SlotNumber::new(pair.text.parse().ok()?));
    let account = table.get_key_value("sip").and_then(|(key, sip)| {
        let inner = sip.get_ref().as_table()?;
        pairs.extend(self::pairs(inner, true));
        let begins = text.get(sip.span()).unwrap_or_default();
        Some(if begins.starts_with('{') {
            Account::Inline { key: key.span(), table: sip.span() }
        } else if begins.starts_with('[') {
            Account::Headed(sip.span())
        } else {
            Account::Dotted
        })
    });
    Ok(SlotPlace { number: number.ok_or(EditError::NotTables)?, heading: slot.span(), pairs, account })
}

fn pairs(table: &DeTable<'_>, of_account: bool) -> BTreeMap<Field, Pair> {
    let mut pairs = BTreeMap::new();
    for field in Field::ALL.into_iter().filter(|field| field.is_of_account() == of_account) {
        let Some((key, value)) = table.get_key_value(field.key()) else { continue };
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(digits) => {
                let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
                number.map(|number| number.to_string()).unwrap_or_default()
            }
            DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => continue,
        };
        pairs.insert(field, Pair { key: key.span(), value: value.span(), text });
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_account_is_found() {
        let text = "[[slot]]\nnumber = 0x2\nsip = { user = '1' }\n[[slot]]\nnumber = 1\nsip.user = '2'\nsip.provider = 3\n\
                    [[slot]] # last\n'number' = 3\nipui = \"x\" # why\n[slot.sip]\nuser = '3'\n";
        let slots = slots(text).unwrap();
        let numbers: Vec<u8> = slots.iter().map(|slot| slot.number.number()).collect();
        assert_eq!(numbers, [2, 1, 3]);
        let [first, second, third] = slots.as_slice() else { panic!("{slots:?}") };
        assert!(matches!(&first.account, Some(Account::Inline { key, table })
            if &text[key.clone()] == "sip" && &text[table.clone()] == "{ user = '1' }"));
        assert_eq!(second.account, Some(Account::Dotted));
        assert!(
            matches!(&third.account, Some(Account::Headed(heading)) if &text[heading.clone()] == "[slot.sip]")
        );
        assert_eq!(second.pairs[&Field::Provider].text, "3");
        let ipui = &third.pairs[&Field::Ipui];
        assert_eq!(
            (&text[ipui.key.clone()], &text[ipui.value.clone()], ipui.text.as_str()),
            ("ipui", "\"x\"", "x")
        );
        assert!(text[second.end()..].starts_with("\n[[slot]] # last"));
        assert_eq!(third.end(), text.len() - 1);
    }

    #[test]
    fn slots_that_are_no_tables_of_their_own_are_refused() {
        assert!(slots("[site]\n").unwrap().is_empty());
        assert!(matches!(slots("slot = [{ number = 1 }]\n"), Err(EditError::NotTables)));
        assert!(matches!(slots("slot = 1\n"), Err(EditError::NotTables)));
        assert!(matches!(slots("slot = [\n"), Err(EditError::NotToml)));
    }
}
