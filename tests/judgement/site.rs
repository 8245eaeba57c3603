//! Shorthand for sites, handsets and readings, shared by the tests of this folder. A handset is a letter.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use n720d::domain::desired::{
    DesiredManager, DesiredSite, DesiredSlot, Mode, PresentSlot, Trigger, WindowClock,
};
use n720d::domain::ids::{Ipui, Mac, SlotNumber};
use n720d::domain::observed::{HandsetState, Observation, ObservedSlot, Reading, SipState};
use n720d::domain::release::{Generation, Progress, Release};
use n720d::domain::secret::SecretRef;

/// The handset called `letter`: `A` is `02 B6 EC 8A 41`.
pub(crate) fn handset(letter: char) -> Ipui {
    let byte = u8::try_from(letter).unwrap();
    format!("02 B6 EC 8A {byte:02X}").parse().unwrap()
}

pub(crate) fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

pub(crate) fn own_mac() -> Mac {
    "7C2F80CA21E4".parse().unwrap()
}

pub(crate) fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        .unwrap()
}

pub(crate) fn unreadable<T>() -> Reading<T> {
    Reading::Unreadable("cut off".to_owned())
}

pub(crate) fn desired(tz: Tz, handsets: &BTreeMap<SlotNumber, Ipui>) -> DesiredSite {
    let present =
        |ipui: &Ipui| DesiredSlot::Present(PresentSlot { ipui: Some(*ipui), ..PresentSlot::default() });
    DesiredSite {
        name: "acme".parse().unwrap(),
        description: String::new(),
        labels: BTreeMap::new(),
        time_zone: tz,
        mode: Mode::Manage,
        manager: DesiredManager {
            host: "127.0.0.1".to_owned(),
            port: 80,
            mac: own_mac(),
            password: SecretRef::Env("N720_TEST".to_owned()),
            trigger: Trigger::Web,
            window_clock: WindowClock::Local,
            sip_port: 5060,
            enrol: false,
            digest: None,
        },
        registration: None,
        providers: BTreeMap::new(),
        slots: handsets.iter().map(|(slot, ipui)| (*slot, present(ipui))).collect(),
    }
}

/// A release of these reservations, verified or not.
pub(crate) fn release(reserved: BTreeMap<SlotNumber, Ipui>, at: DateTime<Utc>, verified: bool) -> Release {
    Release {
        id: 1,
        generation: Generation("000000000001".to_owned()),
        content: Generation("000000000002".to_owned()),
        version: "0101261200".parse().unwrap(),
        parts: BTreeMap::new(),
        reserved,
        window: None,
        released_at: at,
        progress: Progress { verified_at: verified.then_some(at), ..Progress::default() },
    }
}

pub(crate) fn observed_slot(handset: HandsetState) -> ObservedSlot {
    ObservedSlot {
        user_id: None,
        display_name: None,
        provider: None,
        sip: SipState::Registered,
        handset,
        model: None,
        software: None,
    }
}

/// An observation of the site's own manager in which no page was whole.
pub(crate) fn blind(at: DateTime<Utc>) -> Observation {
    Observation {
        at,
        mac: Reading::Known(own_mac()),
        firmware: unreadable(),
        device_clock: unreadable(),
        pending: unreadable(),
        slots: unreadable(),
        editors: BTreeMap::new(),
        config_url: None,
        base_stations: Vec::new(),
        notes: Vec::new(),
    }
}
