//! A device's state at one moment, as plain data for tests and the control port.
//!
//! Holds no password. The PIN is in it, because whoever drives the simulator plays the person who reads it.

use crate::clock::Moment;
use crate::handset::PinRule;
use crate::ids::{Ipui, Mac};
use crate::profile;
use crate::registration::number;
use crate::state::State;
use crate::window::Window;
use serde::Serialize;
use std::collections::BTreeMap;

/// One device at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// Its MAC.
    pub mac: Mac,
    /// Its firmware.
    pub firmware: String,
    /// The code of its present interface language.
    pub language: u8,
    /// Its own time of day, `YYYY-MM-DD HH:MM:SS`.
    pub shows: String,
    /// The number of the session that is open.
    pub session: Option<u64>,
    /// A simulated person has the web interface.
    pub person: bool,
    /// Connections are refused: it is down, or told to.
    pub refusing: bool,
    /// VERSION of the last file applied.
    pub version: Option<u64>,
    /// Where it fetches.
    pub configfile_url: String,
    /// The window as the last files set it.
    pub window: Window,
    /// Whether the window is open by the device's own clock.
    pub window_open: bool,
    /// Who must type what.
    pub pin: PinRule,
    /// Slots in which anything is, by number from 1.
    pub slots: BTreeMap<u8, SlotSnapshot>,
    /// Reservations that do not act yet, by slot number.
    pub unsettled: BTreeMap<u8, Option<Ipui>>,
    /// Reserved and registered nowhere, as the status page lists them.
    pub pending: Vec<Ipui>,
    /// The state `/profile_update_ajax.js` shows.
    pub profile_state: u16,
    /// A download is under way.
    pub fetching: bool,
    /// Names of the faults in force.
    pub faults: Vec<&'static str>,
    /// Values of the web forms, without passwords.
    pub settings: BTreeMap<&'static str, String>,
}

/// One slot at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotSnapshot {
    /// Its account is active.
    pub active: bool,
    /// The account's user id.
    pub user_id: String,
    /// The account's display name.
    pub display_name: String,
    /// What it is reserved for.
    pub reserved: Option<Ipui>,
    /// The handset registered in it.
    pub registered: Option<Ipui>,
}

impl Snapshot {
    pub(crate) fn of(state: &State, at: Moment) -> Self {
        let registry = &state.registry;
        Self {
            name: state.config.name.clone(),
            mac: state.config.mac,
            firmware: state.config.firmware.clone(),
            language: state.language,
            shows: state.clock.display(at),
            session: state.access.session(),
            person: state.access.person(),
            refusing: state.refusing(),
            version: state.version,
            configfile_url: state.settings.get("configfile_url").to_owned(),
            window: registry.window.clone(),
            window_open: registry.window_open(state.reading(), at),
            pin: registry.pin.clone(),
            slots: slots(state),
            unsettled: registry.unsettled().map(|(index, ipui)| (number(index), ipui)).collect(),
            pending: registry.pending(),
            profile_state: profile::shown(state).0,
            fetching: state.update.fetching,
            faults: state.faults.names(),
            settings: state.settings.without_passwords(),
        }
    }

    /// Registered handsets by slot number.
    pub fn registered(&self) -> BTreeMap<u8, Ipui> {
        self.slots.iter().filter_map(|(slot, it)| Some((*slot, it.registered?))).collect()
    }
}

fn slots(state: &State) -> BTreeMap<u8, SlotSnapshot> {
    let all = state.accounts.iter().zip(&state.registry.slots).enumerate();
    all.filter(|(_, (account, slot))| account.active || slot.reserved.is_some() || slot.registered.is_some())
        .map(|(index, (account, slot))| {
            let snapshot = SlotSnapshot {
                active: account.active,
                user_id: account.user_id.clone(),
                display_name: account.display_name.clone(),
                reserved: slot.reserved,
                registered: slot.registered.as_ref().map(|handset| handset.ipui),
            };
            (number(index), snapshot)
        })
        .collect()
}
