//! What is written is read back as the same; and what it looks like.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::report::Report;
use super::super::site;
use super::super::source::Source;
use super::*;
use crate::domain::adoption::{Candidate, Remarks, adopt, web_reference};
use crate::domain::observed::{HandsetState, Observation, ObservedSlot, Reading, SipState};
use crate::domain::secret::SecretRef;

/// What a text is read as; anything said about it as an error is a failure.
fn read_back(text: &str) -> DesiredSite {
    let source = Source::new(Path::new("/sites/acme.toml"), text.to_owned());
    let report = Report::new(&source);
    let reading = site::read(&report, "acme".parse().unwrap(), site::Defaults::default());
    let errors: Vec<String> =
        report.into_findings().iter().filter(|finding| finding.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    reading.site.unwrap()
}

fn draft(site: DesiredSite) -> Draft {
    Draft { site, remarks: Remarks::default(), unread: Vec::new() }
}

fn slot_of(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

#[test]
fn every_key_comes_back() {
    let whole = include_str!("../../../config/sites/acme-berlin.toml");
    let more = "\
[site]
description = 'Quote \" and \\ and umlaut ü'
time_zone = 'America/New_York'
approval = 'second-person'
labels = { customer = 'acme', 'odd key.' = \"tab\\tand\\nline\" }
mode = 'manage'
[manager]
url = 'http://n720.example:8080'
mac = '7C2F80CA21E4'
password = 'file:/run/secrets/web'
trigger = 'check-sync'
sip_port = 5061
window_clock = 'utc'
enrol = true
[manager.digest]
mac_id_tail = 'env:TAIL'
user = 'n720'
password = 'credential:acme-digest'
[registration]
schedule = '30 8 * * MON'
duration = '1d2h3m4s'
pin = 'random'
reopen = 3
reopen_schedule = '0 8 * * MON-FRI'
close_when_filled = true
[maintenance]
start = '0 2 * * SUN'
length = '3h'
time_zone = 'UTC'
[[provider]]
index = 7
registrar = 'r.example'
registrar_port = 1
outbound_proxy_mode = 2
outbound_proxy = 'sbc.example'
outbound_proxy_port = 65535
[[slot]]
number = 1
display_name = ''
sip = { user = 'a & b', login = 'x', account_name = 'Mueller', password = 'env:SIP', provider = 7 }
mailbox = ''
[[slot]]
number = 100
ipui = '02 B6 EC 8A A5'
[[slot]]
number = 9
state = 'absent'
";
    for (text, trigger) in [(whole, Trigger::Web), (more, Trigger::CheckSync)] {
        let site = read_back(text);
        assert_eq!(site.manager.trigger, trigger);
        let written = site_file(&draft(site.clone()));
        assert_eq!(read_back(&written), site, "{written}");
        assert_eq!(site_file(&draft(read_back(&written))), written, "writing is steady");
    }
}

#[test]
fn a_start_and_an_endless_window_come_back() {
    for policy in ["start = '2026-10-25T02:30+01:00'\nduration = '90s'", "duration = 'always'\npin = '0000'"]
    {
        for trigger in ["web", "none"] {
            let text = format!(
                "[site]\ntime_zone = 'Europe/Berlin'\n[manager]\nurl = 'http://h'\nmac = '7C2F80CA21E4'\npassword = \
                 'env:W'\ntrigger = '{trigger}'\n[registration]\n{policy}\n"
            );
            let site = read_back(&text);
            assert_eq!(read_back(&site_file(&draft(site.clone()))), site);
        }
    }
}

#[test]
fn spans_are_written_as_they_are_read() {
    for text in ["1s", "90s", "1h", "1d2h3m4s", "20h", "366d"] {
        let length = super::super::value::duration(text).unwrap();
        let written = span(length);
        assert_eq!(super::super::value::duration(&written), Ok(length), "{text}: {written}");
    }
    assert_eq!((span(Duration::from_secs(90)), span(Duration::ZERO)), ("1m30s".to_owned(), "0s".to_owned()));
}

#[test]
fn long_remarks_are_broken_and_nothing_breaks_out_of_one() {
    let mut text = Text::default();
    text.remarks(&["word ".repeat(60).trim().to_owned(), "a\nb\u{1b}[31m\u{85}c\r".to_owned()]);
    assert!(text.0.lines().all(|line| line.starts_with("# ") && line.len() <= WIDTH), "{}", text.0);
    assert_eq!(text.0.lines().last(), Some("# a b [31m c "));
    assert_eq!(text.0.matches("word").count(), 60);
}

fn account(user: &str, name: Option<&str>, handset: HandsetState) -> ObservedSlot {
    ObservedSlot {
        user_id: Some(user.into()),
        display_name: name.map(Into::into),
        provider: Some("PBX".into()),
        sip: SipState::Registered,
        handset,
        model: None,
        software: None,
    }
}

fn observation() -> Observation {
    let slots = [
        (1, account("1013", Some("Reception"), HandsetState::Registered)),
        (2, account("1014", Some("Müller & \"Söhne\""), HandsetState::Pending)),
        (3, account("1015", None, HandsetState::Registered)),
        (6, account("a\nb", Some("x = 1 # y"), HandsetState::None)),
    ];
    Observation {
        at: "2026-11-23T07:01:20Z".parse().unwrap(),
        mac: Reading::Known("7C2F80CA21E4".parse().unwrap()),
        firmware: Reading::Known("70.111.00.000.00".parse().unwrap()),
        device_clock: Reading::Known("2026-11-23T08:01:00".parse().unwrap()),
        pending: Reading::Known(vec!["02 9E 74 A5 99".parse().unwrap()]),
        slots: Reading::Known(slots.into_iter().map(|(number, seen)| (slot_of(number), seen)).collect()),
        registration_pin: Reading::Unreadable("no kind of PIN is marked".into()),
        editors: BTreeMap::from([
            (slot_of(1), Reading::Known(Some("02 B6 EC 8A A5".parse().unwrap()))),
            (slot_of(3), Reading::Unreadable("/mobile_devices_editor.html: it is not whole".into())),
        ]),
        config_url: None,
        base_stations: Vec::new(),
        notes: Vec::new(),
    }
}

#[test]
fn an_adopted_site_as_people_get_it() {
    let name = "acme".parse().unwrap();
    let (password, listed): (SecretRef, _) = (web_reference(&name), BTreeMap::new());
    let candidate = Candidate {
        name: &name,
        host: "10.20.0.2",
        port: 80,
        password: &password,
        time_zone: chrono_tz::Europe::Berlin,
        listed: &listed,
    };
    let draft = adopt(&candidate, &observation()).unwrap();
    let text = site_file(&draft);
    assert_eq!(read_back(&text), draft.site);
    insta::assert_snapshot!(text);
}
