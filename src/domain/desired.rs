//! Desired state: what a site file asks for, checked and complete.
//!
//! Made by `config` alone. Unmentioned means untouched: an `Option` that is `None` is never written to the device.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::ids::{Ipui, Mac, ProviderIndex, SiteName, SlotNumber};
use super::maintenance::MaintenanceWindow;
use super::schedule::Schedule;
use super::secret::SecretRef;

/// One site: one DECT manager with its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredSite {
    /// The stem of the site file.
    pub name: SiteName,
    /// For people.
    pub description: String,
    /// Whom to call there: a name, a number. For people, in messages; may be empty.
    pub contact: String,
    /// Carried into alerts.
    pub labels: BTreeMap<String, String>,
    /// Of the manager's clock.
    pub time_zone: Tz,
    /// Whether n720d may write.
    pub mode: Mode,
    /// How to reach the manager.
    pub manager: DesiredManager,
    /// Window and PIN; `None`: neither is touched.
    pub registration: Option<RegistrationPolicy>,
    /// SIP providers by index.
    pub providers: BTreeMap<ProviderIndex, Provider>,
    /// When steps that disturb people may be carried out, if the site's file says; else what n720d.toml says holds.
    pub maintenance: Option<MaintenanceWindow>,
    /// Who has to approve what deregisters.
    pub approval: ApprovalRule,
    /// The slots that are listed; all others stay untouched.
    pub slots: BTreeMap<SlotNumber, DesiredSlot>,
}

impl DesiredSite {
    /// Every reference to a secret: web password, SIP passwords in slot order, digest credentials.
    pub fn references(&self) -> impl Iterator<Item = &SecretRef> {
        let sip = self.sip_passwords();
        let digest = self.manager.digest.iter().flat_map(|digest| {
            digest.mac_id_tail.iter().chain(digest.user.iter().map(|(_, password)| password))
        });
        std::iter::once(&self.manager.password).chain(sip).chain(digest)
    }
}

impl DesiredSite {
    /// The references to SIP passwords, in slot order: those that go into the provisioning file.
    pub fn sip_passwords(&self) -> impl Iterator<Item = &SecretRef> {
        self.slots.values().filter_map(|slot| match slot {
            DesiredSlot::Present(slot) => slot.sip.as_ref()?.password.as_ref(),
            DesiredSlot::Absent => None,
        })
    }
}

/// Whether n720d may write to the manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Read, compare, alert; never write. The default for a new site.
    Observe,
    /// Also release, trigger and open windows.
    Manage,
}

impl Mode {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Manage => "manage",
        }
    }
}

/// Who has to approve a plan that deregisters a handset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalRule {
    /// One person.
    #[default]
    OnePerson,
    /// Two, of different names.
    SecondPerson,
}

/// How to reach a DECT manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredManager {
    /// Host name or address of the web interface.
    pub host: String,
    /// TCP port of the web interface, 80 unless the URL says otherwise.
    pub port: u16,
    /// The manager's MAC: nothing is written to a device with another.
    pub mac: Mac,
    /// The web password.
    pub password: SecretRef,
    /// How the manager is told to fetch.
    pub trigger: Trigger,
    /// Which of its times the manager takes a window's start for.
    pub window_clock: WindowClock,
    /// UDP port for `check-sync`, 5060 unless set.
    pub sip_port: u16,
    /// Whether n720d sets the manager's configuration file URL to its own.
    pub enrol: bool,
    /// Credentials the manager has to show when it fetches; `None`: it need not.
    pub digest: Option<DigestPolicy>,
}

/// How a manager is told to fetch its provisioning file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The web button "update profile".
    Web,
    /// SIP NOTIFY with `Event: check-sync`.
    CheckSync,
    /// Not at all: wait for the manager's daily fetch.
    None,
}

/// Which time of the manager's clock the start of a window is written in. That it is the local time is inferred, not
/// known (n720.md sections 2 and 5), so it can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowClock {
    /// The local time that the manager shows.
    #[default]
    Local,
    /// The same moment in UTC.
    Utc,
}

/// What the manager may authenticate a fetch with: it tries its MAC with the tail of its MAC-ID first, then the
/// user and password configured on it. (Provisioning Guide; from software 84.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestPolicy {
    /// The four characters behind the MAC in the MAC-ID, printed on the box.
    pub mac_id_tail: Option<SecretRef>,
    /// User and password configured on the manager.
    pub user: Option<(String, SecretRef)>,
}

/// `[registration]`: when handsets may come in, and with which PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationPolicy {
    /// When the window opens.
    pub start: WindowStart,
    /// For how long.
    pub duration: WindowDuration,
    /// The registration PIN; `None`: left as it is.
    pub pin: Option<Pin>,
    /// How often a window that closed unfilled is opened again.
    pub reopen: u8,
    /// The times, in the site's zone, at which a window may be opened again; `None`: at any.
    pub reopen_schedule: Option<Schedule>,
    /// Whether a window is closed as soon as nobody is missing.
    pub close_when_filled: bool,
}

/// When a registration window opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowStart {
    /// At this moment, whatever the device's clock shows then; with the offset of the site's zone.
    At(DateTime<FixedOffset>),
    /// As soon as it is released.
    WhenReleased,
    /// At each of these times in the site's zone at which somebody is missing.
    Recurring(Schedule),
}

/// How long a registration window stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowDuration {
    /// So many seconds, at least 1.
    Seconds(u32),
    /// It never closes (the device's duration 0).
    Always,
}

/// The registration PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// Four decimal digits, each 0 to 9.
    Fixed([u8; 4]),
    /// The device makes one.
    Random,
}

impl Pin {
    /// The PIN that a handset fresh from the factory is not asked for.
    pub const ZEROS: Self = Self::Fixed([0; 4]);
}

impl fmt::Display for Pin {
    /// As the site file says it: `0000`, or `random`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(digits) => digits.iter().try_for_each(|digit| digit.fmt(f)),
            Self::Random => f.write_str("random"),
        }
    }
}

/// A SIP provider. Lengths are within the device's limits (name 14 bytes, hosts 74 bytes).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Provider {
    /// Its name on the web interface.
    pub name: Option<String>,
    /// SIP domain.
    pub domain: Option<String>,
    /// SIP server.
    pub server: Option<String>,
    /// Port of the SIP server.
    pub port: Option<u16>,
    /// Registrar.
    pub registrar: Option<String>,
    /// Port of the registrar.
    pub registrar_port: Option<u16>,
    /// Outbound proxy mode, as the device counts it.
    pub outbound_proxy_mode: Option<u8>,
    /// Outbound proxy.
    pub outbound_proxy: Option<String>,
    /// Port of the outbound proxy.
    pub outbound_proxy_port: Option<u16>,
}

/// What is wanted of one listed slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesiredSlot {
    /// An account, a reserved handset, or both.
    Present(PresentSlot),
    /// No handset and no active account. The only way to ask for a deregistration.
    Absent,
}

impl DesiredSlot {
    /// The handset reserved for this slot.
    pub fn ipui(&self) -> Option<Ipui> {
        match self {
            Self::Present(slot) => slot.ipui,
            Self::Absent => None,
        }
    }

    /// The SIP user of this slot.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Present(slot) => slot.sip.as_ref().map(|sip| sip.user.as_str()),
            Self::Absent => None,
        }
    }

    /// The display name wanted for this slot.
    pub fn display_name(&self) -> Option<&str> {
        match self {
            Self::Present(slot) => slot.display_name.as_deref(),
            Self::Absent => None,
        }
    }
}

/// A slot that is to hold something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PresentSlot {
    /// The handset reserved for it.
    pub ipui: Option<Ipui>,
    /// Display name, at most 32 UTF-8 bytes.
    pub display_name: Option<String>,
    /// The SIP account.
    pub sip: Option<SipAccount>,
    /// The network mailbox's number, at most 32 bytes; `Some("")` switches it off.
    pub mailbox: Option<String>,
}

/// A SIP account. Texts are at most 74 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipAccount {
    /// User id, the extension that people know.
    pub user: String,
    /// Login for authentication.
    pub login: String,
    /// Password; `None`: left as it is.
    pub password: Option<SecretRef>,
    /// The account's name on the web interface.
    pub account_name: String,
    /// Which provider it registers with.
    pub provider: ProviderIndex,
}
