//! An observation as `observe --json` prints it. The field names are part of the interface.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::Serialize;

use crate::domain::desired::DesiredSite;
use crate::domain::ids::{Ipui, SiteName, SlotNumber};
use crate::domain::observed::{BaseStation, HandsetState, Observation, ObservedSlot, SipState};
use crate::domain::wording::local;

/// An observation; `null` is unreadable, never empty.
#[derive(Debug, Serialize)]
pub(super) struct ObservationShape {
    site: SiteName,
    at: DateTime<FixedOffset>,
    firmware: Option<String>,
    mac: Option<String>,
    device_clock: Option<String>,
    pending: Option<Vec<Ipui>>,
    slots: Option<Vec<SlotShape>>,
    /// Four digits, or `random`.
    registration_pin: Option<String>,
    base_stations: Vec<BaseStation>,
    notes: Vec<String>,
}

/// One active account.
#[derive(Debug, Serialize)]
struct SlotShape {
    number: SlotNumber,
    user_id: Option<String>,
    display_name: Option<String>,
    provider: Option<String>,
    sip: SipState,
    handset: HandsetState,
    model: Option<String>,
    software: Option<String>,
    /// Of the registered handset, where its editor page was read.
    ipui: Option<Ipui>,
}

impl ObservationShape {
    /// What was seen at a site; times in its zone.
    pub(super) fn new(desired: &DesiredSite, seen: &Observation) -> Self {
        let readings = [
            ("MAC", seen.mac.why_not()),
            ("firmware", seen.firmware.why_not()),
            ("clock", seen.device_clock.why_not()),
            ("pending list", seen.pending.why_not()),
            ("mobile devices", seen.slots.why_not()),
            ("registration PIN", seen.registration_pin.why_not()),
        ];
        let mut notes = seen.notes.clone();
        for note in readings.into_iter().filter_map(|(what, why)| why.map(|why| format!("{what}: {why}"))) {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        if let Some(mac) = seen.mac.known().filter(|mac| **mac != desired.manager.mac) {
            notes.push(format!("wrong device: its MAC is {mac}, the site's is {}", desired.manager.mac));
        }
        Self {
            site: desired.name.clone(),
            at: local(seen.at, desired.time_zone),
            firmware: seen.firmware.known().map(ToString::to_string),
            mac: seen.mac.known().map(ToString::to_string),
            device_clock: seen.device_clock.known().map(|clock| clock.format("%Y-%m-%dT%H:%M").to_string()),
            pending: seen.pending.known().cloned(),
            slots: seen.slots.known().map(|slots| slot_shapes(slots, seen)),
            registration_pin: seen.registration_pin.known().map(ToString::to_string),
            base_stations: seen.base_stations.clone(),
            notes,
        }
    }
}

fn slot_shapes(slots: &BTreeMap<SlotNumber, ObservedSlot>, seen: &Observation) -> Vec<SlotShape> {
    let shape = |(number, slot): (&SlotNumber, &ObservedSlot)| SlotShape {
        number: *number,
        user_id: slot.user_id.clone(),
        display_name: slot.display_name.clone(),
        provider: slot.provider.clone(),
        sip: slot.sip,
        handset: slot.handset,
        model: slot.model.clone(),
        software: slot.software.clone(),
        ipui: seen.editors.get(number).and_then(|reading| reading.known().copied().flatten()),
    };
    slots.iter().map(shape).collect()
}
