//! The journal of one device: everything that matters to a test, in order, machine-readable.
//!
//! Holds no secret: passwords and PINs never reach an [`Event`].

use crate::clock::Moment;
use crate::handset::Refusal;
use crate::ids::{Ipui, Mac};
use serde::Serialize;
use std::collections::VecDeque;

/// Entries kept; the oldest are dropped beyond it.
const KEPT: usize = 100_000;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Counts from 1, without gaps.
    pub seq: u64,
    /// Milliseconds since the device was started.
    pub at_ms: u64,
    /// The true time, RFC 3339.
    pub utc: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. Slots count from 1, as on the device's pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say; the variants explain")]
pub enum Event {
    /// A web request was answered (or, with status 0, deliberately not).
    Request { method: String, path: String, status: u16, with_session: bool },
    /// A password was posted, as a test or to log in; `code` is the answer.
    LoginTried { code: u16, test: bool, take_over: bool },
    /// The interface changed its language because a login posted another one.
    LanguageSwitched { from: u8, to: u8 },
    /// A client has the one session of the device.
    SessionOpened { number: u64 },
    /// The session ended.
    SessionClosed { number: u64, how: SessionEnd },
    /// The login is locked after wrong passwords.
    LoginLocked { for_ms: u64, wrong_in_a_row: u32 },
    /// A simulated person has the web interface.
    PersonLoggedIn {},
    /// The simulated person is gone.
    PersonLoggedOut {},
    /// A download of the provisioning file begins.
    FetchStarted { trigger: Trigger },
    /// A trigger led to no download; `state` as in `/profile_update_ajax.js`.
    TriggerRefused { trigger: Trigger, state: u16 },
    /// One HTTP GET for the provisioning file was answered.
    Fetched { url: String, status: u16, bytes: usize, user: Option<String> },
    /// A download failed before an HTTP answer was there.
    FetchFailed { url: String, why: String },
    /// A file was applied; `ignored` names each symbol that was not, and why.
    FileApplied { version: Option<u64>, symbols: usize, ignored: Vec<String> },
    /// A file changed nothing.
    FileIgnored { version: Option<u64>, why: Ignored },
    /// What a slot is reserved for was changed; it acts after the settle time.
    ReservationChanged { slot: u8, from: Option<Ipui>, to: Option<Ipui>, by: Author, acts_in_ms: u64 },
    /// A changed reservation began to act.
    ReservationActed { slot: u8, ipui: Option<Ipui> },
    /// What the device keeps of its window was changed; `timestamp` as in the file.
    WindowSet { timestamp: Option<String>, duration_s: Option<u32> },
    /// The registration window opened for the nth time.
    WindowOpened { nth: u32 },
    /// The registration window closed.
    WindowClosed {},
    /// Who must type which PIN was changed; the PIN itself is not told.
    PinChanged { random: bool, by: Author },
    /// The web password is another one; neither is told. Sessions that are open stay so.
    WebPasswordChanged { by: Author },
    /// A handset was switched on and tries to register.
    HandsetArrived { ipui: Ipui },
    /// A handset that tries was turned away; told once per reason.
    HandsetRefused { ipui: Ipui, why: Refusal },
    /// A handset is registered in a slot.
    Registered { slot: u8, ipui: Ipui, how: Registration },
    /// A handset lost its registration.
    Deregistered { slot: u8, ipui: Ipui, why: Deregistration },
    /// An account was added by hand, in the first free slot.
    AccountAdded { slot: u8 },
    /// An account was deleted by hand.
    AccountDeleted { slot: u8 },
    /// An account was switched on or off by hand.
    AccountSwitched { slot: u8, active: bool },
    /// A field of an account was changed by hand.
    AccountEdited { slot: u8, field: &'static str, from: String, to: String },
    /// A web form changed a setting; passwords are shown as `***`.
    SettingChanged { form: String, field: String, value: String },
    /// A form was posted with an `action` that starts or plans a firmware update.
    FirmwareUpdateStarted { action: String },
    /// The device is about to go down.
    RebootAnnounced {},
    /// The device is down: connections are refused.
    WentDown {},
    /// The device is back, without sessions.
    CameBack {},
    /// The device forgot everything but its MAC.
    FactoryReset {},
    /// Another device has been put in its place, at the same address.
    Replaced { from: Mac, to: Mac },
    /// The device's clock was set; `shows` is what it displays since.
    ClockSet { offset_s: i64, shows: String },
    /// An order that was to be carried out at this time was refused.
    OrderRefused { order: &'static str, why: String },
    /// A SIP request came; `answer` is the status sent.
    Sip { method: String, package: String, answer: u16 },
    /// A fault was set.
    FaultSet { id: u64, fault: String },
    /// A fault is over.
    FaultOver { id: u64 },
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// By `/logout.html`.
    LoggedOut,
    /// By itself: it was left open, and people were locked out meanwhile.
    TimedOut,
    /// By another login with `loginajax=2`, or by a simulated person who took over.
    TakenOver,
    /// By a reboot.
    Rebooted,
    /// By a new login of the same client.
    Renewed,
}

/// What made the device fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The button "update profile" of the web interface.
    Web,
    /// SIP NOTIFY with `Event: check-sync`.
    CheckSync,
    /// The device's own timer.
    Periodic,
    /// The test or the control port.
    ByHand,
}

/// Why a file changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// Its MAC is another device's; the device says nothing about it.
    WrongMac,
    /// Its VERSION is the one already kept.
    SameVersion,
    /// It is no provisioning file, or not a whole one.
    Corrupt,
    /// A fault makes the device download without acting.
    ToldToIgnore,
}

/// Who changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// A provisioning file of the device's own server.
    File,
    /// Somebody else: a person, or another server.
    ByHand,
}

/// How a handset came into its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// It was there when the simulation began.
    FromStart,
    /// By its reserved IPUI, in an open window.
    ByIpui,
    /// By a person at the web interface.
    ByHand,
}

/// Why a handset lost its registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deregistration {
    /// Its slot is now reserved for another handset.
    SlotReservedForAnother,
    /// The handset is now reserved for another slot.
    ReservedElsewhere,
    /// Five zero bytes were sent for its slot.
    Zeroed,
    /// A person did it at the web interface.
    ByHand,
    /// A person deleted the account.
    AccountDeleted,
    /// It registered in another slot of the same device.
    RegisteredElsewhere,
    /// The device was set back to how it left the factory.
    FactoryReset,
    /// The device was replaced by another one.
    Replaced,
}

/// The entries of one device, in order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    written: u64,
}

impl Journal {
    pub(crate) fn write(&mut self, at: Moment, event: Event) {
        self.written += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            seq: self.written,
            at_ms: u64::try_from(at.up.as_millis()).unwrap_or(u64::MAX),
            utc: at.utc.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            event,
        });
    }

    /// How many entries were ever written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// The kept entries after number `seq`.
    pub(crate) fn since(&self, seq: u64) -> Vec<Entry> {
        self.entries.iter().filter(|entry| entry.seq > seq).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;

    #[test]
    fn entries_are_numbered_and_read_from_any_number() {
        let mut journal = Journal::default();
        let at = moment(2, "2026-01-01T00:00:00Z");
        for slot in 1..=3 {
            journal.write(at, Event::AccountAdded { slot });
        }
        let later = journal.since(1);
        assert_eq!(later.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(later[0].at_ms, 2000);
        assert_eq!(journal.written(), 3);
    }

    #[test]
    fn an_entry_is_one_flat_object() {
        let mut journal = Journal::default();
        let ipui = Ipui::new([2, 0xB6, 0xEC, 0x8A, 0xA5]);
        let why = Deregistration::Zeroed;
        journal.write(moment(0, "2026-01-01T00:00:00Z"), Event::Deregistered { slot: 1, ipui, why });
        assert_eq!(
            serde_json::to_value(&journal.since(0)[0]).unwrap(),
            serde_json::json!({
                "seq": 1, "at_ms": 0, "utc": "2026-01-01T00:00:00.000Z",
                "event": "deregistered", "slot": 1, "ipui": "02 B6 EC 8A A5", "why": "zeroed"
            })
        );
    }
}
