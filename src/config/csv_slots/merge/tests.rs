//! Tables put into site files: told ones, and random ones against a model that knows nothing of texts.

use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use super::super::super::report::Report;
use super::super::super::site;
use super::super::super::source::Source;
use super::super::cell;
use super::super::export::export;
use super::*;
use crate::domain::desired::{DesiredSite, DesiredSlot, PresentSlot, SipAccount};
use crate::domain::ids::ProviderIndex;

const HEAD: &str = "# Ours.\n[site]\ntime_zone = 'Europe/Berlin'\n\n[manager] # upstairs\nurl = 'http://10.0.0.1'\nmac = \
                    '7C2F80CA2101'\npassword = 'env:WEB'\n[registration]\nduration = '1h'\n";

fn number(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

#[test]
fn a_table_changes_what_it_says_and_nothing_else() {
    let before = format!(
        "{HEAD}\n[[slot]]\nnumber = 3 # the door\nipui   = '02 00 00 00 03'\n# Keep.\nsip    = {{ user = '3', password = \
         'hunter2' }}\n\n# The cellar.\n[[slot]]\nnumber = 8\n"
    );
    let table = "IPUI;Nebenstelle;Slot;Passwort\n0200000009;;5;\n;30;3;\n;5;8;env:A\n";
    let merged = merge(&before, table.as_bytes()).unwrap();
    assert!(merged.faults.is_empty(), "{:?}", merged.faults);
    let after = before
        .replace("user = '3'", "user = '30'")
        .replace("\n\n# The cellar", "\n\n[[slot]]\nnumber = 5\nipui   = '02 00 00 00 09'\n\n# The cellar")
        + "sip = { user = \"5\", password = \"env:A\" }\n";
    assert_eq!(merged.text, after);
    let summary =
        Summary { added: vec![number(5)], changed: vec![number(3), number(8)], ..Summary::default() };
    assert_eq!(merged.summary, summary);
}

#[test]
fn the_summary_tells_who_loses_a_handset() {
    let before = format!(
        "{HEAD}[[slot]]\nnumber = 1\nipui = '0200000001'\n[[slot]]\nnumber = 2\nipui = '0200000002'\n[[slot]]\nnumber = \
         3\nipui = '0200000003'\n[[slot]]\nnumber = 4\nipui = '0200000004'\n[[slot]]\nnumber = 5\n"
    );
    let table = "number,ipui,state\n1,0200000002,\n2,0200000001,\n3,-,\n4,0200000004,absent\n";
    let summary = merge(&before, table.as_bytes()).unwrap().summary;
    let expected = Summary {
        added: vec![],
        changed: vec![number(1), number(2), number(3), number(4)],
        another_handset: vec![number(1), number(2)],
        absent: vec![number(4)],
        not_in_table: vec![number(5)],
    };
    assert_eq!(summary, expected);
}

/// What a slot of a random file or a row of a random table says, by field.
type Said = BTreeMap<Field, String>;

/// Texts that the device takes, with what spreadsheets trip over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9]{1,8}", "[ -!#-&(-;=?-~äöü\u{a0}]{1,8}", "0[0-9]{1,4}", "[-+=@*#][0-9]{1,3}"]
}

/// A slot that is right, with handset `0200…` of its own number in one half of the numbers: `pool` 0 or 1.
fn slot(pool: u8) -> impl Strategy<Value = Said> {
    let account = (text(), of(text()), of(Just("env:A".to_owned())), of(0..3_u8), of(text()));
    (any::<bool>(), of(text()), of(account), of(prop_oneof![text(), Just(String::new())]), 0..8_u8).prop_map(
        move |(handset, name, account, mailbox, absent)| {
            let mut said = Said::new();
            if absent == 0 {
                said.insert(Field::State, "absent".to_owned());
                return said;
            }
            if handset {
                said.insert(Field::Ipui, format!("{pool:02X}"));
            }
            said.extend(name.map(|name| (Field::DisplayName, name)));
            said.extend(mailbox.map(|mailbox| (Field::Mailbox, mailbox)));
            if let Some((user, login, password, provider, account_name)) = account {
                said.insert(Field::User, user);
                said.extend(login.map(|login| (Field::Login, login)));
                said.extend(password.map(|password| (Field::Password, password)));
                said.extend(provider.map(|provider| (Field::Provider, provider.to_string())));
                said.extend(account_name.map(|name| (Field::AccountName, name)));
            }
            said
        },
    )
}

/// Slots by number; each handset is used once.
fn slots(pool: u8) -> impl Strategy<Value = BTreeMap<u8, Said>> {
    btree_map(1..30_u8, slot(pool), 0..8).prop_map(|mut slots| {
        for (number, said) in &mut slots {
            if let Some(ipui) = said.get_mut(&Field::Ipui) {
                *ipui = format!("02 00 00 {ipui} {number:02X}");
            }
        }
        slots
    })
}

/// How a random file is written.
#[derive(Debug, Clone, Copy)]
struct Hand {
    single_quotes: bool,
    aligned: bool,
    blank: bool,
    crlf: bool,
    account: u8,
}

fn hand() -> impl Strategy<Value = Hand> {
    (any::<[bool; 4]>(), 0..3_u8).prop_map(|([single_quotes, aligned, blank, crlf], account)| Hand {
        single_quotes,
        aligned,
        blank,
        crlf,
        account,
    })
}

/// A site file with a comment on, before and behind everything.
fn site_file(slots: &BTreeMap<u8, Said>, hand: Hand) -> String {
    let quoted = |field: Field, text: &str| match (field.is_number(), hand.single_quotes) {
        (true, _) => text.to_owned(),
        (false, true) => format!("'{text}'"),
        (false, false) => format!("\"{}\"", text.replace('\\', "\\\\")),
    };
    let mut text = HEAD.to_owned();
    for index in 0..3 {
        write!(text, "[[provider]]\nindex = {index}\n").unwrap();
    }
    for (number, said) in slots {
        let blank = if hand.blank { "\n" } else { "" };
        write!(text, "{blank}# before {number}\n[[slot]] # slot {number}\n").unwrap();
        let width = if hand.aligned { 14 } else { 0 };
        let mut own = vec![("number".to_owned(), number.to_string())];
        let of_account: Vec<(String, String)> = said
            .iter()
            .filter(|(field, _)| field.is_of_account())
            .map(|(field, text)| (field.key().to_owned(), quoted(*field, text)))
            .collect();
        let rest = said.iter().filter(|(field, _)| !field.is_of_account());
        own.extend(rest.map(|(field, text)| (field.key().to_owned(), quoted(*field, text))));
        if !of_account.is_empty() && hand.account == 0 {
            let pairs: Vec<String> =
                of_account.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            own.push(("sip".to_owned(), format!("{{ {} }}", pairs.join(", "))));
        }
        if hand.account == 1 {
            own.extend(of_account.iter().map(|(key, value)| (format!("sip.{key}"), value.clone())));
        }
        for (key, value) in own {
            write!(text, "# above {key} of {number}\n{key:width$} = {value} # kept?\n").unwrap();
        }
        if !of_account.is_empty() && hand.account == 2 {
            writeln!(text, "[slot.sip]").unwrap();
            for (key, value) in &of_account {
                write!(text, "# above {key} of {number}\n{key:width$} = {value}\n").unwrap();
            }
        }
        writeln!(text, "# behind {number}").unwrap();
    }
    if hand.crlf { text.replace('\n', "\r\n") } else { text }
}

/// A table that says what the rows say, with its columns in an order of its own.
fn csv(rows: &BTreeMap<u8, Said>, order: &[usize]) -> String {
    let mut columns = Field::ALL.to_vec();
    for (index, other) in order.iter().enumerate() {
        columns.swap(index % Field::ALL.len(), other % Field::ALL.len());
    }
    let line = |cells: Vec<String>| {
        let cells = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        cells.collect::<Vec<_>>().join(";") + "\r\n"
    };
    let heading = line(columns.iter().map(|field| field.key().to_uppercase()).collect());
    let rows = rows.iter().map(|(number, said)| {
        let cell = |field: &Field| match (field, said.get(field)) {
            (Field::Number, _) => format!(" {number}.0"),
            (field, Some(text)) => cell::write(*field, text),
            (_, None) => String::new(),
        };
        line(columns.iter().map(cell).collect())
    });
    heading + &rows.collect::<String>()
}

fn parsed(text: &str) -> Result<DesiredSite, String> {
    let source = Source::new(std::path::Path::new("acme.toml"), text.to_owned());
    let report = Report::new(&source);
    let reading = site::read(&report, "acme".parse().unwrap(), site::Defaults::default());
    let findings = report.into_findings();
    let errors: Vec<String> =
        findings.iter().filter(|finding| finding.is_error()).map(ToString::to_string).collect();
    if errors.is_empty() { reading.site.ok_or_else(String::new) } else { Err(format!("{errors:#?}\n{text}")) }
}

/// What the file has to come to.
fn expected(file: &BTreeMap<u8, Said>, rows: &BTreeMap<u8, Said>) -> BTreeMap<SlotNumber, DesiredSlot> {
    let mut all = file.clone();
    for (number, said) in rows {
        let slot = all.entry(*number).or_default();
        if said.contains_key(&Field::State) {
            slot.clear();
        }
        slot.extend(said.clone());
    }
    all.into_iter().map(|(slot, said)| (number(slot), desired(&said))).collect()
}

fn desired(said: &Said) -> DesiredSlot {
    if said.get(&Field::State).is_some_and(|state| state == "absent") {
        return DesiredSlot::Absent;
    }
    let text = |field: Field| said.get(&field).cloned();
    let sip = text(Field::User).map(|user| SipAccount {
        login: text(Field::Login).unwrap_or_else(|| user.clone()),
        account_name: text(Field::AccountName).unwrap_or_else(|| user.clone()),
        password: text(Field::Password).map(|_| crate::domain::secret::SecretRef::Env("A".to_owned())),
        provider: text(Field::Provider)
            .map(|index| ProviderIndex::new(index.parse().unwrap()).unwrap())
            .unwrap_or_default(),
        user,
    });
    DesiredSlot::Present(PresentSlot {
        ipui: text(Field::Ipui).map(|ipui| ipui.parse().unwrap()),
        display_name: text(Field::DisplayName),
        sip,
        mailbox: text(Field::Mailbox),
    })
}

/// The text of each slot, from the comment before it to its last line.
fn blocks(text: &str) -> impl Iterator<Item = (u8, &str)> {
    let block = |rest| {
        let (number, _): (&str, _) = str::split_once(rest, '\n').unwrap();
        let end = rest.find("# behind").unwrap();
        (number.trim().parse().unwrap(), &rest[..end])
    };
    text.split("# before ").skip(1).map(block)
}

proptest! {
    /// A random table into a random file, however written, gives what a model says; no line of comment is lost, and
    /// what the table does not name stays byte for byte.
    #[test]
    fn a_table_gives_what_the_model_says(
        file in slots(0), mut rows in slots(1), hand in hand(), order in vec(0..10_usize, 0..10),
    ) {
        for (number, said) in &mut rows {
            // A slot that is empty is filled on purpose: the model has no word for that.
            if file.get(number).is_some_and(|slot| slot.contains_key(&Field::State)) {
                said.retain(|field, _| *field == Field::State);
            }
        }
        let before = site_file(&file, hand);
        parsed(&before).unwrap();
        let merged = merge(&before, csv(&rows, &order).as_bytes()).unwrap();
        prop_assert!(merged.faults.is_empty(), "{:?}", merged.faults);
        let site = parsed(&merged.text).map_err(TestCaseError::fail)?;
        prop_assert_eq!(site.slots, expected(&file, &rows));
        for line in before.lines().filter(|line| line.starts_with('#')) {
            prop_assert!(merged.text.lines().any(|other| other == line), "{line} is lost:\n{}", merged.text);
        }
        for (number, block) in blocks(&before).filter(|(number, _)| !rows.contains_key(number)) {
            prop_assert!(merged.text.contains(block), "{number}:\n{block}\n{}", merged.text);
        }
        prop_assert_eq!(merged.text.contains('\r'), hand.crlf);
        let again = merge(&merged.text, csv(&rows, &order).as_bytes()).unwrap();
        prop_assert_eq!(again.text, merged.text, "twice is once");
    }

    /// What is exported changes nothing when it is imported.
    #[test]
    fn an_export_imported_is_the_same_file(file in slots(0), hand in hand(), order in vec(0..10_usize, 0..10)) {
        let before = site_file(&file, hand);
        let export = export(&before).unwrap();
        let rows = export.slots.into_iter().map(|(slot, said)| (slot.number(), said)).collect();
        let merged = merge(&before, csv(&rows, &order).as_bytes()).unwrap();
        prop_assert!(merged.faults.is_empty(), "{:?}", merged.faults);
        prop_assert_eq!(merged.text, before);
        prop_assert_eq!(merged.summary, Summary::default());
    }

    /// Whatever the bytes are, they are rows or faults.
    #[test]
    fn no_table_panics(bytes in vec(any::<u8>(), 0..200), text in "(number|ipui|state)([,;\n\"'.0-9a-z -]|\r\n){0,60}") {
        let file = format!("{HEAD}[[slot]]\nnumber = 1\nsip = {{ user = 'a' }}\n");
        for table in [bytes.as_slice(), text.as_bytes()] {
            let merged = merge(&file, table).unwrap();
            prop_assert!(!merged.text.is_empty());
        }
    }
}
