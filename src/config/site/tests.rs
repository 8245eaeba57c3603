//! Site files as values: what a right file gives, and the limits at their edges. What wrong files are told is in
//! `tests/fixtures/config`.

use std::path::Path;

use super::super::finding::Finding;
use super::super::source::Source;
use super::*;
use crate::domain::desired::{DesiredSlot, Pin, PresentSlot, WindowClock, WindowDuration};
use crate::domain::ids::{ProviderIndex, SlotNumber};
use crate::domain::secret::Secret;

const HEAD: &str = r#"
[site]
time_zone = "Europe/Berlin"
[manager]
url = "http://10.20.0.2"
mac = "7C2F80CA21E4"
password = "keyring:acme/web"
"#;

/// What a file gives, and what is said about it.
fn reading(text: &str) -> (SiteReading, Vec<String>) {
    let source = Source::new(Path::new("acme.toml"), text.to_owned());
    let report = Report::new(&source);
    let reading = read(&report, "acme".parse().unwrap(), Defaults::default());
    (reading, report.into_findings().iter().map(Finding::to_string).collect())
}

/// The site of a head and a tail that are right.
fn site(tail: &str) -> DesiredSite {
    let (reading, findings) = reading(&format!("{HEAD}{tail}"));
    assert!(findings.is_empty(), "{findings:#?}");
    reading.site.unwrap()
}

fn findings(tail: &str) -> Vec<String> {
    reading(&format!("{HEAD}{tail}")).1
}

fn slot(site: &DesiredSite, number: u8) -> &DesiredSlot {
    &site.slots[&SlotNumber::new(number).unwrap()]
}

#[test]
fn the_least_site_is_observed_over_port_80() {
    let site = site("");
    assert_eq!(site.mode, Mode::Observe);
    assert_eq!(site.registration, None);
    assert!(site.slots.is_empty() && site.providers.is_empty() && site.labels.is_empty());
    let expected = DesiredManager {
        host: "10.20.0.2".to_owned(),
        port: 80,
        mac: "7C2F80CA21E4".parse().unwrap(),
        password: SecretRef::Keyring("acme/web".to_owned()),
        trigger: Trigger::Web,
        window_clock: WindowClock::Local,
        sip_port: 5060,
        enrol: false,
        digest: None,
    };
    assert_eq!(site.manager, expected);
}

#[test]
fn everything_that_is_written_arrives() {
    let (reading, findings) = reading(include_str!("../../../config/sites/acme-berlin.toml"));
    assert!(findings.is_empty(), "{findings:#?}");
    let site = reading.site.unwrap();
    assert_eq!(site.description, "ACME GmbH, Berlin");
    assert_eq!(site.labels.get("customer").unwrap(), "acme");
    assert_eq!(site.contact, "Frau Weber, +49 30 123456");
    let policy = site.registration.as_ref().unwrap();
    let start = "2026-11-23T08:00:00+01:00".parse().unwrap();
    assert_eq!(policy.start, WindowStart::At(start));
    assert_eq!(policy.duration, WindowDuration::Seconds(72_000));
    assert_eq!((policy.pin, policy.reopen), (Some(Pin::ZEROS), 2));
    let provider = &site.providers[&ProviderIndex::default()];
    assert_eq!((provider.name.as_deref(), provider.port), (Some("PBX"), Some(5060)));
    assert_eq!(provider.registrar, None, "what is not written is not touched");
    let DesiredSlot::Present(first) = slot(&site, 1) else { panic!("slot 1 is absent") };
    assert_eq!(first.ipui.unwrap().to_string(), "02 B6 EC 8A A5");
    assert_eq!(first.display_name.as_deref(), Some("Reception"));
    assert_eq!(first.mailbox.as_deref(), Some("*2"));
    let sip = first.sip.as_ref().unwrap();
    assert_eq!((sip.user.as_str(), sip.login.as_str(), sip.account_name.as_str()), ("1013", "1013", "1013"));
    assert_eq!(sip.password, Some(SecretRef::Credential("acme-berlin-1013".to_owned())));
    assert_eq!(slot(&site, 2), &DesiredSlot::Absent);
    assert_eq!(reading.marks.ipuis.len(), 1);
    assert_eq!(reading.marks.served, None);
}

#[test]
fn login_and_account_name_follow_the_user_unless_written() {
    let site = site(
        "[[provider]]\nindex = 3\n[registration]\nduration = '20h'\n[[slot]]\nnumber = 100\n\
         sip = { user = '13', login = 'l', account_name = 'n', provider = 3 }\n",
    );
    let DesiredSlot::Present(PresentSlot { sip: Some(sip), .. }) = slot(&site, 100) else {
        panic!("no account")
    };
    assert_eq!((sip.login.as_str(), sip.account_name.as_str(), sip.provider.index()), ("l", "n", 3));
    assert_eq!(sip.password, None, "left as it is");
}

#[test]
fn an_empty_mailbox_switches_it_off_and_no_key_leaves_it() {
    let site = site("[[slot]]\nnumber = 1\nmailbox = ''\n[[slot]]\nnumber = 2\nstate = 'present'\n");
    let mailbox = |number| match slot(&site, number) {
        DesiredSlot::Present(slot) => slot.mailbox.clone(),
        DesiredSlot::Absent => panic!("slot {number} is absent"),
    };
    assert_eq!((mailbox(1), mailbox(2)), (Some(String::new()), None));
}

#[test]
fn a_manager_may_have_to_show_its_mac_id_or_a_user_or_both() {
    let digest = |lines: &str| site(&format!("[manager.digest]\n{lines}")).manager.digest.unwrap();
    let tail = Some(SecretRef::Env("TAIL".to_owned()));
    let user = Some(("n720".to_owned(), SecretRef::Env("DIGEST".to_owned())));
    let (tail_line, user_lines) = ("mac_id_tail = 'env:TAIL'\n", "user = 'n720'\npassword = 'env:DIGEST'\n");
    assert_eq!(digest(tail_line), DigestPolicy { mac_id_tail: tail.clone(), user: None });
    assert_eq!(digest(user_lines), DigestPolicy { mac_id_tail: None, user: user.clone() });
    assert_eq!(digest(&format!("{tail_line}{user_lines}")), DigestPolicy { mac_id_tail: tail, user });
    assert!(findings("[manager.digest]\n").concat().contains("neither mac_id_tail nor user"));
    assert!(
        findings("[manager.digest]\npassword = 'env:X'\n")
            .concat()
            .contains("manager.digest.user: found nothing")
    );
    assert!(
        findings("[manager.digest]\nuser = 'a:b'\npassword = 'env:X'\n").concat().contains("without a colon")
    );
}

#[test]
fn a_window_opens_when_released_unless_a_start_says_when() {
    let policy = site("[registration]\nduration = 'always'\npin = 'random'\n").registration.unwrap();
    assert_eq!(policy.start, WindowStart::WhenReleased);
    assert_eq!((policy.duration, policy.pin, policy.reopen), (WindowDuration::Always, Some(Pin::Random), 0));
    assert_eq!(site("[registration]\n").registration, None, "an empty table asks for nothing");
    let pin = site("[registration]\nduration = '1s'\npin = '0123'\n").registration.unwrap().pin;
    assert_eq!(pin, Some(Pin::Fixed([0, 1, 2, 3])));
}

#[test]
fn windows_keep_the_devices_limits() {
    assert!(
        findings("[registration]\nduration = '0s'\n")
            .concat()
            .contains("a duration like \"20h\", or \"always\"")
    );
    assert!(findings("[registration]\nduration = '367d'\n").concat().contains("at most 366d, or \"always\""));
    let longest = site("[registration]\nduration = '366d'\n").registration.unwrap().duration;
    assert_eq!(longest, WindowDuration::Seconds(366 * 86_400));
    for pin in ["12", "12345", "12a4", "\u{662}234"] {
        let said = findings(&format!("[registration]\nduration = '1h'\npin = '{pin}'\n"));
        assert!(said.concat().contains("four digits"), "{pin}: {said:?}");
    }
}

#[test]
fn texts_pass_at_their_limits_and_not_beyond() {
    for (key, limit) in [("display_name", 32), ("mailbox", 32)] {
        let line = |length| format!("[[slot]]\nnumber = 1\n{key} = '{}'\n", "x".repeat(length));
        assert!(findings(&line(limit)).is_empty(), "{key}");
        assert!(findings(&line(limit + 1)).concat().contains(&format!("slot[1].{key}")), "{key}");
    }
    for key in ["login", "account_name", "user"] {
        let other = if key == "user" { "" } else { "user = 'u', " };
        let line = |length| {
            let text = "x".repeat(length);
            format!("[[provider]]\nindex = 0\n[[slot]]\nnumber = 1\nsip = {{ {other}{key} = '{text}' }}\n")
        };
        assert!(findings(&line(74)).is_empty(), "{key}");
        assert!(findings(&line(75)).concat().contains(&format!("slot[1].sip.{key}")), "{key}");
    }
    let name = |length| format!("[[provider]]\nindex = 9\nname = '{}'\n", "x".repeat(length));
    assert!(findings(&name(14)).is_empty());
    assert!(findings(&name(15)).concat().contains("provider[9].name"));
}

#[test]
fn every_text_for_the_device_refuses_what_breaks_its_file() {
    for bad in ["\\\"", "<", ">", "'", "\\u0007", "\\n", "€"] {
        for line in [
            format!("[[slot]]\nnumber = 1\ndisplay_name = \"a{bad}\"\n"),
            format!("[[slot]]\nnumber = 1\nmailbox = \"a{bad}\"\n"),
            format!("[[provider]]\nindex = 0\nname = \"a{bad}\"\n"),
            format!("[[provider]]\nindex = 0\ndomain = \"a{bad}\"\n"),
            format!("[[slot]]\nnumber = 1\nsip = {{ user = \"a{bad}\" }}\n"),
            format!("[[slot]]\nnumber = 1\nsip = {{ user = \"a\", login = \"a{bad}\" }}\n"),
            format!("[[slot]]\nnumber = 1\nsip = {{ user = \"a\", account_name = \"a{bad}\" }}\n"),
            format!("[[slot]]\nnumber = 1\nsip = {{ user = \"a\", password = \"a{bad}\" }}\n"),
        ] {
            assert!(findings(&line).iter().any(|finding| finding.contains(": error: ")), "{line}");
        }
    }
}

#[test]
fn a_site_that_is_managed_or_enrolled_is_to_be_served() {
    let served = |text: &str| reading(text).0.marks.served.map(|place| place.key);
    assert_eq!(served(HEAD), None);
    assert_eq!(
        served(&HEAD.replace("[manager]", "mode = 'manage'\n[manager]")),
        Some("site.mode".to_owned())
    );
    assert_eq!(served(&format!("{HEAD}enrol = true\n")), Some("manager.enrol".to_owned()));
    assert_eq!(served(&format!("{HEAD}enrol = false\n")), None);
}

#[test]
fn marks_are_found_beside_errors() {
    let (reading, said) = reading(&HEAD.replace("Europe/Berlin", "Nowhere"));
    assert!(reading.site.is_none() && said.len() == 1, "{said:?}");
    assert!(reading.marks.mac.is_some() && reading.marks.address.is_some());
}

#[test]
fn a_literal_is_kept_and_masked() {
    let (reading, said) = reading(&HEAD.replace("keyring:acme/web", "hunter2"));
    assert_eq!(said.len(), 1);
    let site = reading.site.unwrap();
    assert_eq!(site.manager.password, SecretRef::Literal(Secret::new("hunter2")));
    assert!(!format!("{site:?}").contains("hunter2"));
}
