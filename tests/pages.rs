//! The page readers against pages with the structure of the real ones: a folder a case in `tests/fixtures/pages`, found by
//! name. Every prefix and many mutations of them too: a damaged page gives a reason, never a shorter list.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its fixture has to fail")]

use std::fs;
use std::path::Path;

use n720d::device::n720::pages::decode::decode;
use n720d::device::n720::pages::forms::Form;
use n720d::device::n720::pages::redact::redact;
use n720d::device::n720::pages::{editor, login, mobile_devices, status};
use n720d::domain::ids::SlotNumber;
use n720d::domain::observed::Reading;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Readers of pages that must be whole.
const PAGES: [&str; 3] = ["status", "mobile-devices", "registration-pin"];

struct Case {
    name: String,
    text: String,
    reader: String,
    slot: SlotNumber,
    expect: Value,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pages");
    let mut cases: Vec<Case> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let expect: Value = serde_json::from_slice(&fs::read(path.join("expect.json")).unwrap()).unwrap();
            Case {
                name: path.file_name().unwrap().to_string_lossy().into_owned(),
                text: decode(&fs::read(path.join("page.html")).unwrap(), None),
                reader: expect["reader"].as_str().unwrap().to_owned(),
                slot: SlotNumber::new(expect["slot"].as_u64().unwrap_or(1).try_into().unwrap()).unwrap(),
                expect: expect["expect"].clone(),
            }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() > 40, "the fixtures are there");
    cases
}

/// What a reader makes of a text, as JSON.
fn read(reader: &str, text: &str, slot: SlotNumber) -> Value {
    fn result<T: serde::Serialize>(read: Result<T, String>) -> Value {
        match read {
            Ok(value) => json!({ "known": value }),
            Err(reason) => json!({ "unreadable": reason }),
        }
    }
    match reader {
        "status" => {
            let seen = status::read(text);
            json!({
                "mac": seen.mac, "firmware": seen.firmware, "clock": seen.clock, "pending": seen.pending,
                "base_stations": seen.base_stations, "notes": seen.notes,
            })
        }
        "mobile-devices" => json!(mobile_devices::read(text).slots),
        "registration-pin" => json!(mobile_devices::read(text).registration_pin),
        "editor" => result(editor::read(text, slot)),
        "login" => match login::read(text) {
            Ok(page) => json!({ "error": page.error, "language": page.language }),
            Err(refusal) => json!({ "unreadable": refusal.to_string() }),
        },
        "form" => match Form::read(text) {
            Ok(form) => json!(form.fields()),
            Err(error) => json!({ "unreadable": error.to_string() }),
        },
        other => panic!("no reader is called {other}"),
    }
}

/// Whether what was read is what is expected; an expected reason is a part of the reason given.
fn matches(expected: &Value, found: &Value) -> bool {
    match (expected.get("unreadable").and_then(Value::as_str), expected.as_object()) {
        (Some(part), _) => {
            found.get("unreadable").and_then(Value::as_str).is_some_and(|reason| reason.contains(part))
        }
        (None, Some(fields))
            if fields.contains_key("pending")
                || fields.contains_key("mac")
                || fields.contains_key("firmware") =>
        {
            fields.iter().all(|(name, expected)| matches(expected, &found[name]))
        }
        (None, _) => expected == found,
    }
}

#[test]
fn every_case_is_read_as_it_says() {
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| {
            let found = read(&case.reader, &case.text, case.slot);
            (!matches(&case.expect, &found))
                .then(|| format!("{}:\n  expected {}\n  found    {found}", case.name, case.expect))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_prefix_of_a_page_is_taken_for_less_than_the_page() {
    let mut prefixes = 0;
    for case in cases().iter().filter(|case| PAGES.contains(&case.reader.as_str())) {
        let whole = read(&case.reader, &case.text, case.slot);
        for (end, _) in case.text.char_indices() {
            prefixes += 1;
            let found = read(&case.reader, &case.text[..end], case.slot);
            let unreadable = found.get("unreadable").or_else(|| found["pending"].get("unreadable")).is_some();
            assert!(unreadable || found == whole, "{} cut at {end}: {found}", case.name);
        }
    }
    assert!(prefixes > 50_000, "{prefixes}");
}

#[test]
fn a_page_of_real_size_is_cut_to_its_body_before_a_tree_is_built() {
    let case = cases().into_iter().find(|case| case.name == "status-two-pending").unwrap();
    let script = "function f(a) { if (a < 3) { document.write('<td>02 FF FF FF FF</td>'); } } // </body>\n";
    let filler = format!("<script>{}</script></head>", script.repeat(2500));
    let large = case.text.replacen("</head>", &filler, 1);
    assert!(large.len() > 200_000);
    assert_eq!(status::read(&large), status::read(&case.text));
}

#[test]
fn a_page_with_a_hundred_accounts_is_read() {
    let case = cases().into_iter().find(|case| case.name == "mobile-three-with-a-gap").unwrap();
    let first = case.text.find("<tr>\n<td rowspan=\"2\">2.").unwrap();
    let last = case.text.find("<tr>\n<td rowspan=\"2\">5.").unwrap();
    let end = case.text[last..].find("</table>").unwrap() + last;
    let row = &case.text[first..last];
    let rows: String = (1..99)
        .map(|i| {
            let filled = row.replace("\">2.<", &format!("\">{}.<", i + 1));
            ["un", "pn", "dn"]
                .iter()
                .fold(filled, |text, id| text.replace(&format!("{id}1\""), &format!("{id}{i}\"")))
        })
        .collect();
    let large = format!("{}{rows}{}", &case.text[..first], &case.text[end..]);
    let slots = mobile_devices::read(&large).slots;
    let slots = slots.known().unwrap();
    assert_eq!(slots.keys().map(|slot| slot.number()).collect::<Vec<_>>(), (1..=99).collect::<Vec<_>>());
}

#[test]
fn a_hostile_megabyte_takes_no_time() {
    let began = std::time::Instant::now();
    for unit in [
        "<!--x-->",
        "<!--",
        "document.write('",
        "document.write('<input'+",
        "<script>",
        "<a b='",
        "</",
        "<",
        "<td>",
        "<div>",
        "<b a=1><p>",
        "<table><tr><td>",
        "<input value=\"",
        "7C2F80CA21E4-",
        "&nbsp;",
        "02 B6 EC 8A A5 ",
    ] {
        let many = unit.repeat((1 << 20) / unit.len());
        for start in ["<body>", "<script>", "<body><table><tr><td id=date>"] {
            let text = format!("{start}{many}</html>");
            let _ = (status::read(&text), redact(&text, &["02"]));
        }
    }
    let taken = began.elapsed();
    assert!(taken < std::time::Duration::from_secs(120), "{taken:?}");
}

/// Pieces that pages are damaged with.
const SHRAPNEL: [&str; 16] = [
    "<",
    ">",
    "\"",
    "'",
    "</td>",
    "</table>",
    "<table>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "</html>",
    "\u{fffd}",
    "<tr><td class=colspan>",
    "&#0;",
    "02 B6",
];

fn damage(text: &str, hits: &[(usize, usize, usize)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, remove, piece) in hits {
        let at = at % (chars.len() + 1);
        let end = (at + remove % 40).min(chars.len());
        chars.splice(at..end, SHRAPNEL[piece % SHRAPNEL.len()].chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_damage_makes_a_reader_panic(hits in proptest::collection::vec(any::<(usize, usize, usize)>(), 1..6)) {
        for case in cases() {
            let text = damage(&case.text, &hits);
            for reader in ["status", "mobile-devices", "registration-pin", "editor", "login", "form"] {
                let _ = read(reader, &text, case.slot);
            }
        }
    }

    #[test]
    fn a_digit_that_flips_outside_the_list_changes_no_ipui(at in any::<usize>(), to in "[0-9A-F]") {
        let case = cases().into_iter().find(|case| case.name == "status-two-pending").unwrap();
        let list = case.text.find("02 B6 EC 8A A5").unwrap();
        let at = at % list;
        prop_assume!(case.text.is_char_boundary(at) && case.text.is_char_boundary(at + 1));
        let flipped = format!("{}{to}{}", &case.text[..at], &case.text[at + 1..]);
        match status::read(&flipped).pending {
            Reading::Unreadable(_) => {}
            Reading::Known(pending) => prop_assert_eq!(
                pending.iter().map(ToString::to_string).collect::<Vec<_>>(),
                ["02 B6 EC 8A A5", "02 9E 74 A5 99"]
            ),
        }
    }
}
