//! The examples of Gigaset's page on registration by IPUI, and one site with everything, rendered to the byte.
//!
//! `tests/golden/wiki-symbols.txt` holds every symbol line of that page as the page writes it. The other files are
//! whole provisioning files, one a case, assembled from those lines.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime};
use n720d::device::n720::provisioning::{Secrets, render};
use n720d::domain::content::{AccountContent, HandsetCode, ReleaseContent, SlotContent, WindowContent};
use n720d::domain::desired::{Pin, Provider};
use n720d::domain::ids::{ProviderIndex, SlotNumber};
use n720d::domain::secret::Secret;
use quick_xml::Reader;
use quick_xml::encoding::DecodingReader;
use quick_xml::events::Event;

const WIKI_SYMBOLS: &str = include_str!("golden/wiki-symbols.txt");

macro_rules! golden {
    ($($case:literal),+ $(,)?) => {
        [$(($case, include_bytes!(concat!("golden/", $case, ".xml")).as_slice())),+]
    };
}

fn goldens() -> BTreeMap<&'static str, &'static [u8]> {
    BTreeMap::from(golden![
        "empty",
        "three-accounts",
        "disabled-account",
        "window-1000",
        "window-1142",
        "pin-0001",
        "pin-random",
        "deregister",
        "whole-site",
    ])
}

fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

fn nothing() -> ReleaseContent {
    ReleaseContent {
        mac: "7C2F80CA21E4".parse().unwrap(),
        providers: BTreeMap::new(),
        slots: BTreeMap::new(),
        pin: None,
        window: None,
    }
}

/// An account of the page's first example, which has one password and one mailbox for all.
fn account(user: &str) -> AccountContent {
    AccountContent {
        active: Some(true),
        login: Some(user.to_owned()),
        password: Some(Secret::new("Password")),
        user: Some(user.to_owned()),
        display_name: Some(format!("N720_{user}")),
        provider: Some(ProviderIndex::default()),
        mailbox: Some("*2".to_owned()),
        account_name: Some(user.to_owned()),
    }
}

fn accounts(accounts: [(u8, AccountContent); 3]) -> ReleaseContent {
    let slots =
        accounts.into_iter().map(|(number, account)| (slot(number), SlotContent { account, handset: None }));
    ReleaseContent { slots: slots.collect(), ..nothing() }
}

fn handset(number: u8, code: HandsetCode) -> (SlotNumber, SlotContent) {
    (slot(number), SlotContent { account: AccountContent::default(), handset: Some(code) })
}

fn reserve(number: u8, ipui: &str) -> (SlotNumber, SlotContent) {
    handset(number, HandsetCode::Reserve(ipui.parse().unwrap()))
}

fn on_24_april_2017(hour: u32, minute: u32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2017, 4, 24).unwrap().and_hms_opt(hour, minute, 0).unwrap()
}

fn whole_site() -> ReleaseContent {
    let provider = Provider {
        name: Some("PBX".to_owned()),
        domain: Some("pbx.example.net".to_owned()),
        server: Some("sip.example.net".to_owned()),
        port: Some(5060),
        registrar: Some("reg.example.net".to_owned()),
        registrar_port: Some(5061),
        outbound_proxy_mode: Some(1),
        outbound_proxy: Some("proxy.example.net".to_owned()),
        outbound_proxy_port: Some(80),
    };
    let account = AccountContent {
        display_name: Some("Büro & Søn".to_owned()),
        provider: ProviderIndex::new(3),
        mailbox: Some(String::new()),
        account_name: Some("Reception".to_owned()),
        ..account("1013")
    };
    let handset = Some(HandsetCode::Reserve("02 B6 EC 8A A5".parse().unwrap()));
    let start = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().and_hms_opt(9, 30, 0).unwrap();
    ReleaseContent {
        providers: BTreeMap::from([(ProviderIndex::new(3).unwrap(), provider)]),
        slots: BTreeMap::from([(slot(100), SlotContent { account, handset })]),
        pin: Some(Pin::Fixed([1, 2, 3, 4])),
        window: Some(WindowContent { start, seconds: 0 }),
        ..nothing()
    }
}

/// Renders and compares with the golden file, showing the first line that differs.
fn assert_golden(case: &str, content: &ReleaseContent, version: &str, secrets: Secrets) {
    let rendered = render(content, &version.parse().unwrap(), secrets).unwrap();
    let golden = goldens()[case];
    let lines = |bytes: &[u8]| -> Vec<String> {
        bytes.split(|byte| *byte == b'\n').map(|line| line.iter().map(|b| char::from(*b)).collect()).collect()
    };
    assert_eq!(lines(&rendered), lines(golden), "{case}");
    assert_eq!(rendered, golden, "{case}");
}

const VERSION: &str = "2811121640";

#[test]
fn a_site_that_owns_nothing_is_a_header() {
    assert_golden("empty", &nothing(), VERSION, Secrets::Reveal);
}

#[test]
fn the_three_accounts() {
    let content = accounts([(1, account("1013")), (2, account("1014")), (3, account("1022"))]);
    assert_golden("three-accounts", &content, VERSION, Secrets::Reveal);
}

#[test]
fn the_disabled_second_account() {
    let disabled = AccountContent { active: Some(false), ..AccountContent::default() };
    let content = accounts([(1, account("1013")), (2, disabled), (3, account("1022"))]);
    assert_golden("disabled-account", &content, VERSION, Secrets::Reveal);
}

#[test]
fn the_window_at_1000() {
    let content = ReleaseContent {
        slots: BTreeMap::from([reserve(1, "02 B6 EC 8A A5")]),
        window: Some(WindowContent { start: on_24_april_2017(10, 0), seconds: 72_000 }),
        ..nothing()
    };
    assert_golden("window-1000", &content, VERSION, Secrets::Reveal);
}

#[test]
fn the_window_at_1142_with_both_handsets_and_pin_0000() {
    let content = ReleaseContent {
        slots: BTreeMap::from([reserve(1, "02 B6 EC 8A A5"), reserve(2, "02 9E 74 A5 99")]),
        pin: Some(Pin::ZEROS),
        window: Some(WindowContent { start: on_24_april_2017(11, 42), seconds: 72_000 }),
        ..nothing()
    };
    assert_golden("window-1142", &content, VERSION, Secrets::Reveal);
}

#[test]
fn the_pin_0001_and_the_random_pin() {
    let fixed = ReleaseContent { pin: Some(Pin::Fixed([0, 0, 0, 1])), ..nothing() };
    assert_golden("pin-0001", &fixed, VERSION, Secrets::Reveal);
    let random = ReleaseContent { pin: Some(Pin::Random), ..nothing() };
    assert_golden("pin-random", &random, VERSION, Secrets::Reveal);
}

#[test]
fn the_deregistration() {
    let content = ReleaseContent { slots: BTreeMap::from([handset(1, HandsetCode::Clear)]), ..nothing() };
    assert_golden("deregister", &content, VERSION, Secrets::Reveal);
}

#[test]
fn a_site_with_everything_and_its_password_masked() {
    assert_golden("whole-site", &whole_site(), "0101260000", Secrets::Mask);
    let revealed = render(&whole_site(), &"0101260000".parse().unwrap(), Secrets::Reveal).unwrap();
    assert!(revealed.windows(8).any(|bytes| bytes == b"Password"));
}

#[test]
fn every_symbol_line_of_the_page_is_in_one_of_these_files() {
    let rendered: BTreeSet<String> = goldens()
        .values()
        .flat_map(|golden| {
            let text: String = golden.iter().map(|byte| char::from(*byte)).collect();
            text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(WIKI_SYMBOLS.lines().count(), 36);
    for line in WIKI_SYMBOLS.lines() {
        assert!(rendered.contains(line), "{line}");
    }
}

#[test]
fn every_file_is_well_formed() {
    for (case, golden) in goldens() {
        let mut reader = Reader::from_reader(DecodingReader::new(golden));
        let (mut depth, mut symbols, mut buffer) = (0_i32, 0, Vec::new());
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer).unwrap_or_else(|cause| panic!("{case}: {cause}"));
            depth += i32::from(matches!(event, Event::Start(_))) - i32::from(matches!(event, Event::End(_)));
            if let Event::Decl(declaration) = &event {
                assert_eq!(declaration.encoding().unwrap().unwrap().as_ref(), "ISO-8859-1", "{case}");
                reader.get_mut().set_encoding(declaration.encoder().unwrap());
            }
            if let Event::Empty(tag) = &event {
                assert!(tag.attributes().with_checks(true).all(|attribute| attribute.is_ok()), "{case}");
                symbols += i32::from(tag.name().as_ref() == "SYMB_ITEM");
            }
            if matches!(event, Event::Eof) {
                break;
            }
        }
        assert_eq!(depth, 0, "{case}");
        assert_eq!(symbols > 0, case != "empty", "{case}");
    }
}
