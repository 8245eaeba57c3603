//! What one row changes in one slot. Takes and gives values; knows no text of a file.

use std::collections::BTreeMap;

use super::super::Fault;
use super::super::cell::{Cell, MASK};
use super::super::field::Field;
use super::super::rows::{Columns, Row};
use crate::domain::ids::Ipui;

/// A change of a listed slot. Those of a slot that is not listed are all [`Set`](Self::Set).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Set(Field, String),
    Clear(Field),
    ClearAccount,
}

/// What a row came to.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) changes: Vec<Change>,
    pub(super) faults: Vec<Fault>,
}

type Values = BTreeMap<Field, String>;

/// The changes that a row asks for; `listed` is what the site file says of the slot, if it lists it.
pub(super) fn changes(row: &Row, listed: Option<&Values>, columns: &Columns) -> Asked {
    let nothing = Values::new();
    let now = listed.unwrap_or(&nothing);
    let was_absent = is(now, "absent");
    let mut asked = Asked::default();
    match row.set(Field::State) {
        // What the other cells mean depends on it.
        None if row.refused.contains(&Field::State) => {}
        Some("absent") => empty(row, now, columns, &mut asked),
        None if was_absent => only_present(row, columns, &mut asked),
        Some(_) | None => fill(row, now, columns, &mut asked),
    }
    asked
}

/// What a slot that is not listed gets.
pub(super) fn values(changes: &[Change]) -> Values {
    let set = changes.iter().filter_map(|change| match change {
        Change::Set(field, value) => Some((*field, value.clone())),
        Change::Clear(_) | Change::ClearAccount => None,
    });
    set.collect()
}

fn is(now: &Values, state: &str) -> bool {
    now.get(&Field::State).map_or("present", String::as_str) == state
}

/// The row empties the slot. What else it says has to be what is there: it may be about another slot by mistake.
fn empty(row: &Row, now: &Values, columns: &Columns, asked: &mut Asked) {
    for (field, cell) in row.cells.iter().filter(|(field, _)| **field != Field::State) {
        let Cell::Set(value) = cell else { continue };
        if !says(now, row, *field, value) {
            let expected = match now.get(field) {
                Some(text) if *field != Field::Password => {
                    format!("nothing, or {text:?} as in the site file: is this the slot to be emptied?")
                }
                Some(_) => "nothing, or what the site file says: is this the slot to be emptied?".to_owned(),
                None => "nothing, as in the site file: is this the slot to be emptied?".to_owned(),
            };
            asked.faults.push(columns.fault(row.number, *field, shown(*field, value), expected));
        }
    }
    if is(now, "absent") {
        return;
    }
    if now.keys().any(|field| field.is_of_account()) {
        asked.changes.push(Change::ClearAccount);
    }
    for field in [Field::Ipui, Field::DisplayName, Field::Mailbox] {
        if now.contains_key(&field) {
            asked.changes.push(Change::Clear(field));
        }
    }
    asked.changes.push(Change::Set(Field::State, "absent".to_owned()));
}

/// The site file empties the slot, and the row does not say otherwise.
fn only_present(row: &Row, columns: &Columns, asked: &mut Asked) {
    for (field, cell) in &row.cells {
        if let Cell::Set(value) = cell {
            let expected = "nothing, or present in the column state: the site file has the slot absent";
            asked.faults.push(columns.fault(row.number, *field, shown(*field, value), expected));
        }
    }
}

fn fill(row: &Row, now: &Values, columns: &Columns, asked: &mut Asked) {
    let no_account = row.cell(Field::User) == &Cell::Clear;
    if no_account && now.keys().any(|field| field.is_of_account()) {
        asked.changes.push(Change::ClearAccount);
    }
    for (field, cell) in &row.cells {
        let gone = no_account && field.is_of_account();
        match cell {
            Cell::Leave => {}
            Cell::Set(value) if gone => {
                let expected = "nothing: without a user there is no account";
                asked.faults.push(columns.fault(row.number, *field, shown(*field, value), expected));
            }
            Cell::Set(value) => {
                if !says(now, row, *field, value) {
                    asked.changes.push(Change::Set(*field, value.clone()));
                }
            }
            Cell::Clear => {
                if !gone && now.contains_key(field) {
                    asked.changes.push(Change::Clear(*field));
                }
            }
            Cell::Masked => {
                let same = |field| row.set(field).is_none_or(|value| says(now, row, field, value));
                let kept = now.contains_key(field) && same(Field::User) && same(Field::Login);
                if !kept && !gone {
                    let expected =
                        "the password or a reference: *** is that of the same user in the site file";
                    asked.faults.push(columns.fault(row.number, *field, MASK, expected));
                }
            }
        }
    }
    // A draft without it finds what else is wrong; with it, it might seem to be used twice.
    if row.refused.contains(&Field::Ipui) && now.contains_key(&Field::Ipui) {
        asked.changes.push(Change::Clear(Field::Ipui));
    }
}

/// Whether a slot says this already: in another notation, or by what holds where a key is left out.
fn says(now: &Values, row: &Row, field: Field, value: &str) -> bool {
    let text = now.get(&field).map(String::as_str);
    match field {
        Field::State => text.unwrap_or("present") == value,
        Field::Provider => text.unwrap_or("0") == value,
        Field::Ipui => {
            let ipui = |text: &str| text.parse::<Ipui>().ok();
            text.is_some_and(|text| ipui(text) == ipui(value))
        }
        Field::Login | Field::AccountName => {
            let user = || row.set(Field::User).or(now.get(&Field::User).map(String::as_str));
            text.or_else(user) == Some(value)
        }
        Field::Number | Field::DisplayName | Field::User | Field::Password | Field::Mailbox => {
            text == Some(value)
        }
    }
}

/// A value as faults show it.
fn shown(field: Field, value: &str) -> String {
    if field == Field::Password { "a value (not shown)".to_owned() } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use super::super::super::{rows, table};
    use super::*;

    /// The changes and faults of the row of a table, for a slot with these values.
    fn of(table: &str, now: Option<&[(Field, &str)]>) -> (Vec<Change>, Vec<String>) {
        let sheet = rows::read(&table::read(table.as_bytes()).unwrap());
        let now = now.map(|now| now.iter().map(|(field, text)| (*field, (*text).to_owned())).collect());
        let asked = changes(sheet.rows.first().unwrap(), now.as_ref(), &sheet.columns);
        let faults = sheet.faults.iter().chain(&asked.faults).map(ToString::to_string).collect();
        (asked.changes, faults)
    }

    fn set(field: Field, value: &str) -> Change {
        Change::Set(field, value.to_owned())
    }

    const FULL: &[(Field, &str)] = &[
        (Field::Ipui, "02:b6:ec:8a:a5"),
        (Field::DisplayName, "Reception"),
        (Field::User, "1013"),
        (Field::Password, "hunter2"),
        (Field::Mailbox, "*2"),
    ];

    #[test]
    fn what_a_row_says_and_the_slot_does_not_is_changed() {
        for (table, expected) in [
            ("number,ipui,name,user\n1,02B6EC8AA5,Reception,1013", vec![]),
            ("number,ipui,name,user\n1,,,", vec![]),
            ("number,login,account name,provider,state\n1,1013,1013,0,present", vec![]),
            ("number,login\n1,1014", vec![set(Field::Login, "1014")]),
            ("number,user,login\n1,1014,1013", vec![set(Field::User, "1014"), set(Field::Login, "1013")]),
            ("number,user,login\n1,1014,1014", vec![set(Field::User, "1014")]),
            ("number,mailbox,ipui\n1,-,-", vec![Change::Clear(Field::Ipui), Change::Clear(Field::Mailbox)]),
            ("number,login\n1,-", vec![]),
            ("number,user,login\n1,-,-", vec![Change::ClearAccount]),
            ("number,password,user\n1,***,1013", vec![]),
            (
                "number,state\n1,absent",
                vec![
                    Change::ClearAccount,
                    Change::Clear(Field::Ipui),
                    Change::Clear(Field::DisplayName),
                    Change::Clear(Field::Mailbox),
                    set(Field::State, "absent"),
                ],
            ),
        ] {
            assert_eq!(of(table, Some(FULL)), (expected, vec![]), "{table}");
        }
    }

    #[test]
    fn a_slot_that_is_not_listed_gets_what_the_row_says() {
        let table = "number,state,ipui,user,login,provider,mailbox\n1,present,02B6EC8AA5,1,1,0,'";
        let (changes, faults) = of(table, None);
        assert!(faults.is_empty(), "{faults:?}");
        let expected = [(Field::Ipui, "02 B6 EC 8A A5"), (Field::User, "1"), (Field::Mailbox, "")];
        assert_eq!(values(&changes), expected.map(|(field, text)| (field, text.to_owned())).into());
        assert_eq!(of("number,state\n1,absent", None).0, [set(Field::State, "absent")]);
    }

    #[test]
    fn an_emptied_slot_is_filled_on_purpose_alone() {
        let absent: &[(Field, &str)] = &[(Field::State, "absent")];
        assert_eq!(of("number,state,user\n1,absent,", Some(absent)), (vec![], vec![]));
        assert_eq!(
            of("number,state,user\n1,present,2", Some(absent)).0,
            [set(Field::State, "present"), set(Field::User, "2")]
        );
        let (changes, faults) = of("number,user\n1,2", Some(absent));
        assert!(changes.is_empty() && faults.concat().contains("present in the column state"), "{faults:?}");
    }

    #[test]
    fn a_row_that_empties_a_slot_may_say_only_what_is_there() {
        let (_, faults) = of("number,state,ipui,name\n1,absent,02B6EC8AA5,Reception", Some(FULL));
        assert!(faults.is_empty(), "{faults:?}");
        let (_, faults) = of("number,state,name,password\n1,absent,Workshop,swordfish", Some(FULL));
        assert!(faults.concat().contains("\"Reception\" as in the site file"), "{faults:?}");
        assert_eq!(faults.len(), 2);
        assert!(!faults.concat().contains("swordfish") && !faults.concat().contains("hunter2"), "{faults:?}");
        assert_eq!(of("number,state,name\n1,absent,Workshop", None).1.len(), 1);
    }

    #[test]
    fn a_masked_password_is_that_of_the_same_user() {
        for (table, now) in [
            ("number,password\n1,***", None),
            ("number,password,user\n1,***,1014", Some(FULL)),
            ("number,password,login\n1,***,1014", Some(FULL)),
        ] {
            let (_, faults) = of(table, now);
            assert!(faults.concat().contains("of the same user"), "{table}: {faults:?}");
        }
    }

    #[test]
    fn an_account_without_user_has_nothing_else() {
        let (_, faults) = of("number,user,login\n1,-,2", Some(FULL));
        assert!(faults.concat().contains("without a user"), "{faults:?}");
    }
}
