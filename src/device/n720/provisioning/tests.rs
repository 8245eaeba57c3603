//! Tests of the renderer as a whole: what is refused, what is left out, and that what is accepted reads back.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::encoding::DecodingReader;
use quick_xml::events::Event;

use super::*;
use crate::domain::content::{AccountContent, HandsetCode, SlotContent, WindowContent};
use crate::domain::desired::{Pin, Provider};
use crate::domain::ids::{Ipui, ProviderIndex, SlotNumber};
use crate::domain::secret::{MASK, Secret};

fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

fn version() -> Version {
    "2811121640".parse().unwrap()
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

fn with_account(account: AccountContent) -> ReleaseContent {
    ReleaseContent { slots: BTreeMap::from([(slot(7), SlotContent { account, handset: None })]), ..nothing() }
}

fn with_window(start: NaiveDateTime, handset: Option<HandsetCode>) -> ReleaseContent {
    let account = AccountContent::default();
    ReleaseContent {
        slots: BTreeMap::from([(slot(1), SlotContent { account, handset })]),
        window: Some(WindowContent { start, seconds: 60 }),
        ..nothing()
    }
}

fn noon(year: i32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(year, 1, 2).unwrap().and_hms_opt(12, 0, 0).unwrap()
}

fn reserve() -> HandsetCode {
    HandsetCode::Reserve("02 B6 EC 8A A5".parse().unwrap())
}

fn text_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// What stands against rendering, as messages.
fn findings(content: &ReleaseContent) -> Vec<String> {
    render(content, &version(), Secrets::Reveal).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Reads a provisioning file back: every symbol with its value, unescaped, with inner quotes. Any XML reader would do.
fn read_back(file: &[u8]) -> Vec<(String, String)> {
    let mut reader = Reader::from_reader(DecodingReader::new(file));
    let (mut symbols, mut buffer) = (Vec::new(), Vec::new());
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).unwrap();
        if let Event::Decl(declaration) = &event {
            reader.get_mut().set_encoding(declaration.encoder().unwrap());
        }
        if let Event::Empty(tag) = &event
            && tag.name().as_ref() == "SYMB_ITEM"
        {
            let attribute = |name: &str| {
                let attribute = tag.try_get_attribute(name).unwrap().unwrap();
                attribute.normalized_value(XmlVersion::Explicit1_0).unwrap().into_owned()
            };
            symbols.push((attribute("ID"), attribute("value")));
        }
        if matches!(event, Event::Eof) {
            return symbols;
        }
    }
}

#[test]
fn every_finding_is_named_at_once_with_place_and_field() {
    let provider = Provider {
        name: Some("fifteen letters".to_owned()),
        server: Some("<host>".to_owned()),
        ..Provider::default()
    };
    let account = AccountContent {
        login: Some("x".repeat(75)),
        password: Some(Secret::new("pass\"word\"")),
        user: Some("10\n13".to_owned()),
        display_name: Some(format!("{}\u{20AC}", "ü".repeat(15))),
        mailbox: Some("*".repeat(33)),
        account_name: Some("it's".to_owned()),
        ..AccountContent::default()
    };
    let content = ReleaseContent {
        providers: BTreeMap::from([(ProviderIndex::new(2).unwrap(), provider)]),
        pin: Some(Pin::Fixed([0, 0, 0, 10])),
        window: Some(WindowContent { start: noon(2026), seconds: 60 }),
        ..with_account(account)
    };
    let findings = findings(&content);
    let expected = [
        "provider 2: name is 15 bytes long, the device keeps at most 14",
        "provider 2: server holds '<'",
        "slot 7: sip.login is 75 bytes long, the device keeps at most 74",
        "slot 7: sip.password holds a character that is not safe",
        "slot 7: sip.user holds '\\n'",
        "slot 7: display_name holds '\u{20AC}'",
        "slot 7: display_name is 33 bytes long, the device keeps at most 32",
        "slot 7: mailbox is 33 bytes long, the device keeps at most 32",
        "slot 7: sip.account_name holds '\\''",
        "the registration window is without a reservation",
        "the registration PIN is not four decimal digits",
    ];
    assert_eq!(findings.len(), expected.len(), "{findings:#?}");
    for (finding, expected) in findings.iter().zip(expected) {
        assert!(finding.starts_with(expected), "{finding:?} is not {expected:?}");
    }
}

#[test]
fn no_finding_and_no_masked_file_holds_a_password() {
    let account = |password: String| AccountContent {
        password: Some(Secret::new(password)),
        user: Some("10<13".to_owned()),
        ..AccountContent::default()
    };
    for password in ["hunter2\"".to_owned(), "hunter2".repeat(20)] {
        let shown =
            format!("{:?}", render(&with_account(account(password)), &version(), Secrets::Mask).unwrap_err());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("sip.password"), "{shown}");
    }
    let fine = AccountContent { user: None, ..account("hunter2".to_owned()) };
    let masked = text_of(&render(&with_account(fine.clone()), &version(), Secrets::Mask).unwrap());
    assert!(!masked.contains("hunter2") && masked.contains(MASK), "{masked}");
    let revealed = text_of(&render(&with_account(fine), &version(), Secrets::Reveal).unwrap());
    assert!(revealed.contains("'\"hunter2\"'"), "{revealed}");
}

#[test]
fn a_window_needs_a_reservation_and_a_deregistration_is_none() {
    for handset in [None, Some(HandsetCode::Clear)] {
        let content = with_window(noon(2026), handset);
        let refused = render(&content, &version(), Secrets::Reveal).unwrap_err();
        assert_eq!(refused, [RenderError::WindowWithoutReservation]);
    }
    assert!(render(&with_window(noon(2026), Some(reserve())), &version(), Secrets::Reveal).is_ok());
}

#[test]
fn a_window_starts_at_a_minute_that_ten_digits_can_say() {
    let odd = [
        noon(1999),
        noon(2100),
        noon(2026) + chrono::Duration::seconds(1),
        noon(2026) + chrono::Duration::milliseconds(1),
    ];
    for start in odd {
        let refused = render(&with_window(start, Some(reserve())), &version(), Secrets::Reveal).unwrap_err();
        assert_eq!(refused, [RenderError::WindowStart { start }]);
    }
}

#[test]
fn values_at_their_limits_are_accepted() {
    let provider = Provider {
        name: Some("x".repeat(14)),
        domain: Some("x".repeat(74)),
        server: Some("x".repeat(74)),
        registrar: Some("x".repeat(74)),
        outbound_proxy: Some("x".repeat(74)),
        port: Some(u16::MAX),
        ..Provider::default()
    };
    let account = AccountContent {
        login: Some("x".repeat(74)),
        password: Some(Secret::new("&".repeat(74))),
        user: Some("x".repeat(74)),
        display_name: Some("ü".repeat(16)),
        mailbox: Some("1".repeat(32)),
        ..AccountContent::default()
    };
    let content = ReleaseContent {
        providers: BTreeMap::from([(ProviderIndex::default(), provider)]),
        ..with_account(account)
    };
    let file = text_of(&render(&content, &version(), Secrets::Reveal).unwrap());
    assert!(file.contains("\"0xffff\""), "{file}");
}

#[test]
fn what_is_not_mentioned_is_not_in_the_file() {
    let mailbox =
        |number: &str| AccountContent { mailbox: Some(number.to_owned()), ..AccountContent::default() };
    let symbols =
        |content: &ReleaseContent| read_back(&render(content, &version(), Secrets::Reveal).unwrap());
    let account = |symbol: &str| format!("BS_VOIP_Data.astVoipAccounts[6].{symbol}");
    assert_eq!(symbols(&with_account(AccountContent::default())), []);
    let off = (account("ucB_VOIP_NET_AM_ENABLED_1"), "0".to_owned());
    assert_eq!(symbols(&with_account(mailbox(""))), [off]);
    let number = (account("aucS_VOIP_NET_AM_NUMBER_1"), "\"*2\"".to_owned());
    let on = (account("ucB_VOIP_NET_AM_ENABLED_1"), "1".to_owned());
    assert_eq!(symbols(&with_account(mailbox("*2"))), [number, on]);
}

#[test]
fn a_heading_stands_only_before_symbols() {
    let content = ReleaseContent {
        providers: BTreeMap::from([(ProviderIndex::default(), Provider::default())]),
        ..with_account(AccountContent::default())
    };
    let file = text_of(&render(&content, &version(), Secrets::Reveal).unwrap());
    assert!(!file.contains("<!--"), "{file}");
}

/// Texts a file may carry, of at most `chars` characters of one byte.
fn safe_text(chars: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[ !#-&(-;=?-~]{{0,{chars}}}")).unwrap()
}

fn any_account() -> impl Strategy<Value = AccountContent> {
    let texts = (
        proptest::option::of(safe_text(74)),
        proptest::option::of(safe_text(74)),
        proptest::option::of(safe_text(74)),
        // At two UTF-8 bytes each these fill a display name.
        proptest::option::of("[\u{A0}-\u{FF}]{0,16}"),
        proptest::option::of(safe_text(32)),
        proptest::option::of(safe_text(74)),
    );
    (texts, any::<Option<bool>>(), proptest::option::of(0_u8..10)).prop_map(|(texts, active, provider)| {
        let (login, password, user, display_name, mailbox, account_name) = texts;
        AccountContent {
            active,
            login,
            password: password.map(Secret::new),
            user,
            display_name,
            provider: provider.and_then(ProviderIndex::new),
            mailbox,
            account_name,
        }
    })
}

fn any_handset() -> impl Strategy<Value = Option<HandsetCode>> {
    prop_oneof![
        Just(None),
        Just(Some(HandsetCode::Clear)),
        (1_u64..1 << 40).prop_map(|number| {
            let ipui: Ipui = format!("{number:010X}").parse().unwrap();
            Some(HandsetCode::Reserve(ipui))
        }),
    ]
}

/// The symbols an account asks for, written down a second time from the device's table and not from the renderer.
fn account_symbols(slot: SlotNumber, account: &AccountContent) -> Vec<(String, String)> {
    let quoted = |text: &String| format!("\"{text}\"");
    let mailbox = account.mailbox.as_ref();
    let all = [
        ("ucB_SIP_ACCOUNT_IS_ACTIVE_1", account.active.map(|on| u8::from(on).to_string())),
        ("aucS_SIP_LOGIN_ID[0]", account.login.as_ref().map(quoted)),
        ("aucS_SIP_PASSWORD[0]", account.password.as_ref().map(|secret| format!("\"{}\"", secret.expose()))),
        ("aucS_SIP_USER_ID[0]", account.user.as_ref().map(quoted)),
        ("aucS_SIP_DISPLAYNAME[0]", account.display_name.as_ref().map(quoted)),
        ("ucVoipProviderIndex", account.provider.map(|provider| provider.to_string())),
        ("aucS_VOIP_NET_AM_NUMBER_1", mailbox.filter(|number| !number.is_empty()).map(quoted)),
        ("ucB_VOIP_NET_AM_ENABLED_1", mailbox.map(|number| u8::from(!number.is_empty()).to_string())),
        ("aucS_SIP_ACCOUNT_NAME_1[0]", account.account_name.as_ref().map(quoted)),
    ];
    let name = |symbol| format!("BS_VOIP_Data.astVoipAccounts[{}].{symbol}", slot.number() - 1);
    all.into_iter().filter_map(|(symbol, value)| Some((name(symbol), value?))).collect()
}

proptest! {
    #[test]
    fn what_is_accepted_reads_back_the_same(
        slots in proptest::collection::btree_map(1_u8..=100, (any_account(), any_handset()), 0..6),
    ) {
        let mut content = nothing();
        let (mut expected, mut codes) = (Vec::new(), Vec::new());
        for (number, (account, handset)) in slots {
            expected.extend(account_symbols(slot(number), &account));
            let code = match handset {
                None => None,
                Some(HandsetCode::Clear) => Some("0x00,0x00,0x00,0x00,0x00".to_owned()),
                Some(HandsetCode::Reserve(ipui)) => Some(format!("0x{}", ipui.to_string().replace(' ', ",0x"))),
            };
            let id = format!("BS_Accounts.astAccounts[{}].aucHandsetCode[0]", number - 1);
            codes.extend(code.map(|code| (id, code)));
            content.slots.insert(slot(number), SlotContent { account, handset });
        }
        expected.extend(codes);
        let file = render(&content, &version(), Secrets::Reveal).unwrap();
        prop_assert_eq!(read_back(&file), expected);
        prop_assert_eq!(render(&content, &version(), Secrets::Reveal).unwrap(), file);
    }

    #[test]
    fn any_text_at_all_reads_back_the_same_or_is_refused(text in any::<String>()) {
        let content = with_account(AccountContent { user: Some(text.clone()), ..AccountContent::default() });
        match render(&content, &version(), Secrets::Reveal) {
            Ok(file) => prop_assert_eq!(&read_back(&file)[0].1, &format!("\"{text}\"")),
            Err(findings) => prop_assert!(!findings.is_empty() && findings.len() <= 2),
        }
    }
}
