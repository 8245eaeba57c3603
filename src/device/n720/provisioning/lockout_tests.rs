//! Nobody is locked out by a release: of all symbols that a site file can bring into a provisioning file, none is the
//! web password, the foreign-subnet switch or anything about the network. What may be written is listed here, by name, so
//! that another symbol has to be thought about.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::content::{AccountContent, HandsetCode, SlotContent, WindowContent};
use crate::domain::desired::{Pin, Provider};
use crate::domain::ids::{ProviderIndex, SlotNumber};
use crate::domain::secret::Secret;

/// Every symbol of a release, with `x` for an index.
const OF_A_RELEASE: [&str; 23] = [
    "BS_AE_Subscriber.acIPUIRegistrationTimestamp[0]",
    "BS_AE_Subscriber.ulIPUIRegistrationDuration",
    "BS_Accounts.astAccounts[x].aucHandsetCode[0]",
    "BS_CUSTOM.aucKdsPin[0]",
    "BS_CUSTOM.bit.UseRandomRegistrationPIN",
    "BS_VOIP_Data.astVoipAccounts[x].aucS_SIP_ACCOUNT_NAME_1[0]",
    "BS_VOIP_Data.astVoipAccounts[x].aucS_SIP_DISPLAYNAME[0]",
    "BS_VOIP_Data.astVoipAccounts[x].aucS_SIP_LOGIN_ID[0]",
    "BS_VOIP_Data.astVoipAccounts[x].aucS_SIP_PASSWORD[0]",
    "BS_VOIP_Data.astVoipAccounts[x].aucS_SIP_USER_ID[0]",
    "BS_VOIP_Data.astVoipAccounts[x].aucS_VOIP_NET_AM_NUMBER_1",
    "BS_VOIP_Data.astVoipAccounts[x].ucB_SIP_ACCOUNT_IS_ACTIVE_1",
    "BS_VOIP_Data.astVoipAccounts[x].ucB_VOIP_NET_AM_ENABLED_1",
    "BS_VOIP_Data.astVoipAccounts[x].ucVoipProviderIndex",
    "BS_VOIP_Data.astVoipProviders[x].aucOUTBOUND_PROXY[0]",
    "BS_VOIP_Data.astVoipProviders[x].aucSIP_DOMAIN[0]",
    "BS_VOIP_Data.astVoipProviders[x].aucSIP_PROVIDER_NAME[0]",
    "BS_VOIP_Data.astVoipProviders[x].aucSIP_REGISTRAR[0]",
    "BS_VOIP_Data.astVoipProviders[x].aucSIP_SERVER[0]",
    "BS_VOIP_Data.astVoipProviders[x].ucOUTBOUND_PROXY_MODE",
    "BS_VOIP_Data.astVoipProviders[x].uiOUTBOUND_PROXY_PORT",
    "BS_VOIP_Data.astVoipProviders[x].uiSIP_REGISTRAR_PORT",
    "BS_VOIP_Data.astVoipProviders[x].uiSIP_SERVER_PORT",
];

/// What locks people out, or sends the device elsewhere.
const NEVER: [&str; 5] =
    ["WebUIPassword", "ucB_ACCEPT_FOREIGN_SUBNET", "S_CONFIGFILE_URL", "BS_IP_Data", "BS_LAN"];

/// The symbols of a file, their indexes replaced.
fn symbols(file: &[u8]) -> BTreeSet<String> {
    let text: String = file.iter().map(|byte| char::from(*byte)).collect();
    let ids = text.split("<SYMB_ITEM ID=\"").skip(1).filter_map(|rest| rest.split('"').next());
    ids.map(|id| {
        let (head, rest) = id.split_once("s[").unwrap_or((id, ""));
        match rest.split_once(']') {
            Some((index, tail)) if index.bytes().all(|b| b.is_ascii_digit()) => format!("{head}s[x]{tail}"),
            Some(_) | None => id.to_owned(),
        }
    })
    .collect()
}

/// A content with everything in it, `text` wherever a text may be.
fn everything(text: &str, handset: HandsetCode, pin: Pin) -> ReleaseContent {
    let text = || Some(text.to_owned());
    let provider = Provider {
        name: text(),
        domain: text(),
        server: text(),
        port: Some(5060),
        registrar: text(),
        registrar_port: Some(5060),
        outbound_proxy_mode: Some(1),
        outbound_proxy: text(),
        outbound_proxy_port: Some(5060),
    };
    let account = AccountContent {
        active: Some(true),
        login: text(),
        user: text(),
        password: text().map(Secret::new),
        display_name: text(),
        account_name: text(),
        provider: Some(ProviderIndex::default()),
        mailbox: text(),
    };
    let slots = SlotNumber::all()
        .take(1)
        .map(|slot| (slot, SlotContent { account: account.clone(), handset: Some(handset) }));
    ReleaseContent {
        mac: "7C2F80CA21E4".parse().unwrap(),
        providers: BTreeMap::from([(ProviderIndex::default(), provider)]),
        slots: slots.collect(),
        pin: Some(pin),
        window: Some(WindowContent {
            start: chrono::DateTime::from_timestamp(1_795_000_020, 0).unwrap().naive_utc(),
            seconds: 60,
        }),
    }
}

fn reserve() -> HandsetCode {
    HandsetCode::Reserve("02 B6 EC 8A A5".parse().unwrap())
}

fn version() -> Version {
    "2811121640".parse().unwrap()
}

#[test]
fn a_release_with_everything_in_it_writes_the_listed_symbols_and_no_other() {
    let file = render(&everything("a", reserve(), Pin::ZEROS), &version(), Secrets::Reveal).unwrap();
    let listed: BTreeSet<String> = OF_A_RELEASE.iter().map(|symbol| (*symbol).to_owned()).collect();
    assert_eq!(symbols(&file), listed);
    assert!(OF_A_RELEASE.iter().all(|symbol| NEVER.iter().all(|never| !symbol.contains(never))));
}

#[test]
fn a_password_has_a_file_of_its_own() {
    let mac = "7C2F80CA21E4".parse().unwrap();
    let file = render_password(mac, &version(), Some(&Secret::new("abc"))).unwrap();
    assert_eq!(symbols(&file), BTreeSet::from(["BS_CUSTOM.WebUIPassword".to_owned()]));
    assert_eq!(symbols(&render_password(mac, &version(), None).unwrap()), BTreeSet::new());
}

#[test]
fn no_other_file_of_the_renderer_names_what_locks_people_out() {
    for (name, text) in [
        ("mod.rs", include_str!("mod.rs")),
        ("compose.rs", include_str!("compose.rs")),
        ("line.rs", include_str!("line.rs")),
        ("value.rs", include_str!("value.rs")),
    ] {
        assert!(NEVER.iter().all(|never| !text.contains(never)), "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_of_a_site_file_brings_another_symbol(
        text in prop_oneof![
            any::<String>(),
            "[ -~]{0,12}",
            Just(r#"x"/><SYMB_ITEM ID="BS_CUSTOM.WebUIPassword" class="symb_item" value='"x"'/>"#.to_owned()),
        ],
        clear in any::<bool>(),
        digits in any::<[u8; 4]>(),
    ) {
        let handset = if clear { HandsetCode::Clear } else { reserve() };
        let mut content = everything(&text, handset, Pin::Fixed(digits));
        if clear {
            content.window = None;
        }
        if let Ok(file) = render(&content, &version(), Secrets::Reveal) {
            for symbol in symbols(&file) {
                prop_assert!(OF_A_RELEASE.contains(&symbol.as_str()), "{symbol} from {text:?}");
            }
        }
    }
}
