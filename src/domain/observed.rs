//! Observed state: what the pages of a DECT manager said, and what could not be read.
//!
//! *Unreadable is not empty*: whatever could not be read is [`Reading::Unreadable`] with a reason, never an empty list.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use super::desired::Pin;
use super::ids::{Firmware, Ipui, Mac, SlotNumber};

/// Something read off a page, or why it could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading<T> {
    /// Read with proof: right page, whole, known shape.
    Known(T),
    /// Not read, for this reason.
    Unreadable(String),
}

impl<T> Reading<T> {
    /// What was read, if it was.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unreadable(_) => None,
        }
    }

    /// Why it was not read, if it was not.
    pub fn why_not(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unreadable(reason) => Some(reason),
        }
    }
}

/// One reading of a DECT manager, made within one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// When the session began, by our clock.
    pub at: DateTime<Utc>,
    /// The MAC shown on the status page.
    pub mac: Reading<Mac>,
    /// The manager's firmware.
    pub firmware: Reading<Firmware>,
    /// The device's local time as shown, in whole minutes.
    pub device_clock: Reading<NaiveDateTime>,
    /// The IPUIs that are reserved and registered in no slot, in slot order.
    pub pending: Reading<Vec<Ipui>>,
    /// Every active account by slot. A slot that is missing here has no active account.
    pub slots: Reading<BTreeMap<SlotNumber, ObservedSlot>>,
    /// The registration PIN that the mobile devices page shows. Unreadable is nothing odd: the page comes without
    /// either kind of PIN marked at times.
    #[serde(default = "pin_not_read")]
    pub registration_pin: Reading<Pin>,
    /// The IPUI of the registered handset of those slots whose editor page was read (`Known(None)`: no handset).
    pub editors: BTreeMap<SlotNumber, Reading<Option<Ipui>>>,
    /// The configuration file URL, if that page was asked for.
    pub config_url: Option<Reading<String>>,
    /// Base stations, a row per radio module.
    pub base_stations: Vec<BaseStation>,
    /// What was odd, for people.
    pub notes: Vec<String>,
}

/// What stands for the PIN in an observation that was kept before PINs were read.
fn pin_not_read() -> Reading<Pin> {
    Reading::Unreadable("not read".to_owned())
}

/// An active account and its handset, as the mobile devices page shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedSlot {
    /// SIP user id.
    pub user_id: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// Name of the provider.
    pub provider: Option<String>,
    /// Whether the account is registered at its provider.
    pub sip: SipState,
    /// Whether a handset is registered, reserved, or neither.
    pub handset: HandsetState,
    /// Type of the registered handset.
    pub model: Option<String>,
    /// Software of the registered handset.
    pub software: Option<String>,
}

/// State of a SIP account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SipState {
    /// Registered at its provider.
    Registered,
    /// Configured, not registered.
    Unregistered,
    /// Not configured.
    Unconfigured,
}

impl SipState {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Unregistered => "unregistered",
            Self::Unconfigured => "unconfigured",
        }
    }
}

/// What the DECT cell of a slot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandsetState {
    /// A handset is registered.
    Registered,
    /// An IPUI is reserved and has not registered.
    Pending,
    /// Neither.
    None,
}

impl HandsetState {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Pending => "pending",
            Self::None => "none",
        }
    }
}

/// One radio module of a base station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseStation {
    /// Name of the base station.
    pub name: String,
    /// Module number, 1 or 2.
    pub module: u8,
    /// Its firmware, as shown.
    pub firmware: String,
}

/// Why a manager could not be observed at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "kebab-case")]
pub enum ContactFailure {
    /// No connection, no answer, nonsense, or a time-out; also a device that says it is rebooting or updating.
    Unreachable(String),
    /// The device refused the password (code 1). Not tried again until the secret changed or a person says so.
    LoginRefused(String),
    /// The password was posted, and what came of it is not clear: no answer, or one that is neither a session nor a
    /// known number. The second such outcome in a row counts as a refusal.
    LoginUnclear(String),
    /// The device has locked logins for a while after wrong passwords, ours or somebody's (code 6).
    LoginLocked(String),
    /// Somebody else is logged in (code 2): come back later.
    SessionBusy(String),
    /// A page came that was not understood, so that not even a session could be opened.
    NotUnderstood(String),
    /// The web password could not be resolved; nothing was sent.
    SecretMissing(String),
}

impl ContactFailure {
    /// Why, for a person.
    pub fn why(&self) -> &str {
        match self {
            Self::Unreachable(why)
            | Self::LoginRefused(why)
            | Self::LoginUnclear(why)
            | Self::LoginLocked(why)
            | Self::SessionBusy(why)
            | Self::NotUnderstood(why)
            | Self::SecretMissing(why) => why,
        }
    }
}

/// What a manager's own list of filled slots (`%SUBLIST` in a fetch) said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilledSlots {
    /// When the fetch came, by our clock.
    pub at: DateTime<Utc>,
    /// The slots with a registered handset.
    pub filled: std::collections::BTreeSet<SlotNumber>,
}
