//! `[[slot]]`: what is wanted of each listed slot, within the device's limits.

use std::collections::BTreeMap;

use super::super::report::{Located, Place, quoted};
use super::super::tree::Section;
use super::providers::Providers;
use super::secret;
use crate::domain::desired::{DesiredSlot, PresentSlot, SipAccount};
use crate::domain::device_text;
use crate::domain::ids::{Ipui, ProviderIndex, SlotNumber};

/// The longest number of a network mailbox, in bytes.
const LONGEST_MAILBOX: usize = 32;

/// What the slot tables gave.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) listed: BTreeMap<SlotNumber, DesiredSlot>,
    /// Each IPUI once, in the order of the file.
    pub(super) ipuis: Vec<Located<Ipui>>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Present,
    Absent,
}

pub(super) fn read(sections: Vec<Section<'_>>, providers: &Providers) -> Slots {
    let mut slots = Slots::default();
    let mut numbers: BTreeMap<SlotNumber, Place> = BTreeMap::new();
    for section in sections {
        section.require("number", "the slot's number, 1 to 100");
        let number = section.integer("number", 1..=SlotNumber::COUNT);
        let number =
            number.and_then(|number| Some(SlotNumber::new(number.value)?).map(|slot| number.with(slot)));
        let (slot, ipui) = slot(&section, providers);
        if let Some(ipui) = ipui {
            add_ipui(&section, &mut slots.ipuis, ipui);
        }
        if let Some(number) = number {
            if let Some(first) = numbers.get(&number.value) {
                let found = format!("{}, which line {} has too", number.value, first.line);
                section.report.error(&number.place, found, "a slot listed once");
            } else {
                slots.listed.insert(number.value, slot);
                numbers.insert(number.value, number.place);
            }
        }
        section.finish();
    }
    slots
}

fn add_ipui(section: &Section<'_>, ipuis: &mut Vec<Located<Ipui>>, ipui: Located<Ipui>) {
    match ipuis.iter().find(|other| other.value == ipui.value) {
        Some(first) => {
            let found =
                format!("\"{}\", which {} has too (line {})", ipui.value, first.place.key, first.place.line);
            section.report.error(&ipui.place, found, "an IPUI used once in the fleet");
        }
        None => ipuis.push(ipui),
    }
}

/// One slot and its IPUI. Everything is read in any case, so that no finding is lost.
fn slot(section: &Section<'_>, providers: &Providers) -> (DesiredSlot, Option<Located<Ipui>>) {
    let state = section.word("state", &[("present", State::Present), ("absent", State::Absent)]);
    let absent = state.is_some_and(|state| state.value == State::Absent);
    let ipui: Option<Located<Ipui>> = section.parsed("ipui");
    let present = PresentSlot {
        ipui: ipui.as_ref().map(|ipui| ipui.value),
        display_name: text(section, "display_name", device_text::DISPLAY_NAME_LIMIT),
        sip: section.section("sip").and_then(|sip| account(sip, providers)),
        mailbox: text(section, "mailbox", LONGEST_MAILBOX),
    };
    if !absent {
        return (DesiredSlot::Present(present), ipui);
    }
    for key in ["ipui", "display_name", "sip", "mailbox"] {
        if section.has(key) {
            let expected = "nothing besides number: state = \"absent\" empties the slot";
            section.report.error(&section.place_of(key), "a value", expected);
        }
    }
    (DesiredSlot::Absent, ipui)
}

fn account(section: Section<'_>, providers: &Providers) -> Option<SipAccount> {
    section.require("user", "the SIP user, like \"1013\"");
    let user = named(&section, "user");
    let login = named(&section, "login");
    let account_name = named(&section, "account_name");
    let password =
        secret(&section, "password", |text| device_text::check_secret(text, device_text::SIP_LIMIT));
    let provider = section.integer("provider", 0..=9_u8).and_then(|index| ProviderIndex::new(index.value));
    let provider = provider.unwrap_or_default();
    check_provider(&section, provider, providers);
    section.finish();
    let user = user?;
    Some(SipAccount {
        login: login.unwrap_or_else(|| user.clone()),
        account_name: account_name.unwrap_or_else(|| user.clone()),
        password,
        provider,
        user,
    })
}

/// An account needs a provider. When none is listed, they may all have been set up by hand.
fn check_provider(section: &Section<'_>, provider: ProviderIndex, providers: &Providers) {
    if providers.places.contains_key(&provider) {
        return;
    }
    let at = section.place_of("provider");
    let found = format!("provider {provider}, which no [[provider]] has as its index");
    if providers.places.is_empty() {
        section.report.warn(&at, found, "a [[provider]], unless it was set up on the manager by hand");
    } else {
        section.report.error(&at, found, "the index of a listed provider");
    }
}

/// A text for the device that may not be empty.
fn named(section: &Section<'_>, key: &'static str) -> Option<String> {
    let value = text(section, key, device_text::SIP_LIMIT)?;
    if value.is_empty() {
        section.report.error(&section.place_of(key), quoted(""), "a text that is not empty");
        return None;
    }
    Some(value)
}

/// A text for the device.
fn text(section: &Section<'_>, key: &'static str, limit: usize) -> Option<String> {
    let text = section.string(key)?;
    let checked =
        section.report.checked(text, |text| device_text::check(text, limit).map(|()| text.to_owned()));
    checked.map(|text| text.value)
}
