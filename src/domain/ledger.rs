//! The window ledger as people see it: every window with its release, who was missing at its start, who came in when,
//! who was left, and the statistics over all of them.
//!
//! What is entered into it is decided in `arrivals`; when a window opens or closes is [`super::window`]'s. Nothing is
//! planned here.

mod arrivals;
mod statistics;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use self::arrivals::{Turnout, enter};
pub use self::statistics::Statistics;
use super::desired::DesiredSite;
use super::device_clock::DeviceClock;
use super::ids::{Ipui, SiteName, SlotNumber};
use super::memory::{Arrival, SiteMemory, SlotRecord, Window};
use super::release::Version;
use super::status::WindowState;
use super::window;

/// The ledger of one site. Field names are part of the interface, here and below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowLedger {
    /// The site.
    pub site: SiteName,
    /// Its windows, newest first.
    pub windows: Vec<LedgerWindow>,
    /// Over all windows of the site, also those that are not listed above.
    pub statistics: Statistics,
}

/// One window. Times are in the site's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerWindow {
    /// Its number within the site, from 1.
    pub number: u32,
    /// Where it stands.
    pub state: LedgerState,
    /// When it opened or opens, by a clock that is right.
    pub opens_at: DateTime<FixedOffset>,
    /// When it closed or closes, by a clock that is right; `None`: never.
    pub closes_at: Option<DateTime<FixedOffset>>,
    /// What the device's clock shows when it opens.
    pub device_opens_at: DateTime<FixedOffset>,
    /// What the device's clock shows when it closes.
    pub device_closes_at: Option<DateTime<FixedOffset>>,
    /// How many reopenings led to it: 0 for the first.
    pub reopened: u8,
    /// Why it was opened.
    pub reason: String,
    /// The release that carries it; `None`: that was not written down.
    pub release: Option<LedgerRelease>,
    /// Slots whose handset was missing when it was released.
    pub missing_at_start: BTreeSet<SlotNumber>,
    /// Slots whose handset was missing when the manager was first read after its end; `None`: it has not been.
    pub missing_at_end: Option<BTreeSet<SlotNumber>>,
    /// The handsets that it was or is open for, in slot order.
    pub handsets: Vec<LedgerHandset>,
}

/// The release that carries a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRelease {
    /// Its VERSION.
    pub version: Version,
    /// When it was released.
    pub released_at: DateTime<FixedOffset>,
    /// When the manager first fetched it; `None`: never, so that the window let nobody in.
    pub fetched_at: Option<DateTime<FixedOffset>>,
}

/// Where a window of the ledger stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LedgerState {
    /// It will open.
    Scheduled,
    /// It is open.
    Open,
    /// It is open and never closes.
    Always,
    /// It has closed.
    Closed,
    /// Another one took its place before it ended.
    Replaced,
}

/// A handset that a window was or is open for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHandset {
    /// Slot number.
    pub number: SlotNumber,
    /// The handset that came in; of one that did not, the one listed for the slot by now.
    pub ipui: Option<Ipui>,
    /// SIP user id, as listed by now.
    pub user: Option<String>,
    /// Display name, as listed by now.
    pub display_name: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was first seen registered.
    pub seen_at: Option<DateTime<FixedOffset>>,
    /// When it was last seen to be missing before that; `None`: never.
    pub missing_at: Option<DateTime<FixedOffset>>,
    /// How long it took at most, in seconds: from when it could come in until it was first seen registered.
    pub seconds: Option<u64>,
    /// How long it took at least, in seconds: until it was last seen to be missing.
    pub at_least_seconds: Option<u64>,
}

/// What became of a handset in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It came in; where nobody looked around the end of the window, perhaps after it.
    Registered,
    /// It came in after the window had closed.
    Late,
    /// It had not when the window closed.
    Missing,
    /// It has not, and may still.
    Pending,
    /// It had not when another window took the place of this one.
    Replaced,
    /// Nobody knows: it was not listed any more at the end, or nothing was known of it.
    Unknown,
}

impl LedgerState {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Open => "open",
            Self::Always => "always",
            Self::Closed => "closed",
            Self::Replaced => "replaced",
        }
    }
}

impl Outcome {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Late => "late",
            Self::Missing => "missing",
            Self::Pending => "pending",
            Self::Replaced => "replaced",
            Self::Unknown => "unknown",
        }
    }
}

/// The ledger of a site, its `limit` newest windows.
///
/// `windows` are all of them, oldest first; of `memory`, the last release, the verdicts and the clock are looked at. A
/// site without a file (`desired` is `None`) has no names, and its times are in the zone that its windows were in.
pub fn ledger(
    site: &SiteName,
    desired: Option<&DesiredSite>,
    memory: &SiteMemory,
    mut windows: Vec<Window>,
    limit: usize,
    now: DateTime<Utc>,
) -> WindowLedger {
    arrivals::note_release(&mut windows, memory.release.as_ref());
    let zone = desired.map_or(Tz::UTC, |desired| desired.time_zone);
    let clock = DeviceClock::last_read(zone, memory.clock);
    let states = states(&windows, clock, now);
    let statistics = statistics::statistics(&windows, &states);
    let people = People { desired, slots: &memory.slots };
    let lines = windows.iter().zip(states).rev().take(limit);
    let windows = lines.map(|(window, state)| people.line(window, state)).collect();
    WindowLedger { site: site.clone(), windows, statistics }
}

/// When a window opened and closed by a clock that was right: the device's was as far off as when it was written.
fn bounds(window: &Window) -> (DateTime<Utc>, Option<DateTime<Utc>>) {
    let opened = window.meant_at.unwrap_or_else(|| window.opens_at.to_utc());
    let length = window.length();
    (opened, length.map(|length| opened.checked_add_signed(length).unwrap_or(DateTime::<Utc>::MAX_UTC)))
}

fn states(windows: &[Window], clock: DeviceClock, now: DateTime<Utc>) -> Vec<LedgerState> {
    let followers = windows.iter().skip(1).map(Some).chain([None]);
    let state = |(window, follower): (&Window, Option<&Window>)| match follower {
        Some(follower) if takes_place(follower, window) => LedgerState::Replaced,
        Some(_) => LedgerState::Closed,
        None => match window::state_of(window, clock, now) {
            WindowState::Scheduled => LedgerState::Scheduled,
            WindowState::Open => LedgerState::Open,
            WindowState::Always => LedgerState::Always,
            WindowState::Closed | WindowState::None => LedgerState::Closed,
        },
    };
    windows.iter().zip(followers).map(state).collect()
}

/// Whether the manager was given the following window before this one had ended.
fn takes_place(follower: &Window, window: &Window) -> bool {
    let given = follower.release.as_ref().map_or(bounds(follower).0, |release| release.at);
    bounds(window).1.is_none_or(|closed| given < closed)
}

/// Whether a handset came in after the window had closed; `None`: nobody looked at the right time.
fn is_late(window: &Window, arrival: &Arrival) -> Option<bool> {
    let Some(closed) = bounds(window).1.filter(|closed| *closed < arrival.seen_at) else {
        return Some(false);
    };
    arrival.missing_at.filter(|missing| *missing >= closed).map(|_| true)
}

/// Who is behind the slots.
struct People<'a> {
    desired: Option<&'a DesiredSite>,
    slots: &'a BTreeMap<SlotNumber, SlotRecord>,
}

impl People<'_> {
    fn line(&self, window: &Window, state: LedgerState) -> LedgerWindow {
        let (opened, closed) = bounds(window);
        let local = |at: DateTime<Utc>| self.local(window, at);
        LedgerWindow {
            number: window.number,
            state,
            opens_at: local(opened),
            closes_at: closed.map(local),
            device_opens_at: window.opens_at,
            device_closes_at: window.closes_at,
            reopened: window.reopened,
            reason: window.reason.clone(),
            release: window.release.as_ref().map(|release| LedgerRelease {
                version: release.version.clone(),
                released_at: local(release.at),
                fetched_at: release.fetched_at.map(local),
            }),
            missing_at_start: window.missing_at_start.clone(),
            missing_at_end: window.missing_at_end.clone(),
            handsets: self.handsets(window, state),
        }
    }

    fn handsets(&self, window: &Window, state: LedgerState) -> Vec<LedgerHandset> {
        let mut numbers = window.missing_at_start.clone();
        numbers.extend(window.arrivals.keys());
        numbers.extend(window.missing_at_end.iter().flatten());
        match state {
            LedgerState::Scheduled | LedgerState::Open | LedgerState::Always => {
                numbers.extend(self.missing())
            }
            LedgerState::Closed | LedgerState::Replaced => {}
        }
        numbers.into_iter().map(|number| self.handset(window, state, number)).collect()
    }

    /// The slots whose handset is missing by now.
    fn missing(&self) -> impl Iterator<Item = SlotNumber> {
        self.slots.iter().filter(|(_, record)| record.registration.is_missing()).map(|(number, _)| *number)
    }

    fn handset(&self, window: &Window, state: LedgerState, number: SlotNumber) -> LedgerHandset {
        let arrival = window.arrivals.get(&number);
        let listed = self.desired.and_then(|desired| desired.slots.get(&number));
        let local = |at: DateTime<Utc>| self.local(window, at);
        let (at_least, at_most) = arrival.map(Arrival::took).unzip();
        LedgerHandset {
            number,
            ipui: arrival.map(|arrival| arrival.ipui).or_else(|| listed?.ipui()),
            user: listed.and_then(|slot| slot.user()).map(str::to_owned),
            display_name: listed.and_then(|slot| slot.display_name()).map(str::to_owned),
            outcome: arrival.map_or_else(
                || self.without_arrival(window, state, number),
                |arrival| {
                    if is_late(window, arrival) == Some(true) { Outcome::Late } else { Outcome::Registered }
                },
            ),
            seen_at: arrival.map(|arrival| local(arrival.seen_at)),
            missing_at: arrival.and_then(|arrival| arrival.missing_at).map(local),
            seconds: at_most.map(whole_seconds),
            at_least_seconds: at_least.map(whole_seconds),
        }
    }

    fn without_arrival(&self, window: &Window, state: LedgerState, number: SlotNumber) -> Outcome {
        let is_missing = || self.slots.get(&number).is_some_and(|record| record.registration.is_missing());
        match (state, &window.missing_at_end) {
            (LedgerState::Replaced, _) => Outcome::Replaced,
            (LedgerState::Closed, Some(missing)) if missing.contains(&number) => Outcome::Missing,
            // Nobody has looked since it closed: what was last seen stands in.
            (LedgerState::Closed, None) if is_missing() => Outcome::Missing,
            (LedgerState::Closed, Some(_) | None) => Outcome::Unknown,
            (LedgerState::Scheduled | LedgerState::Open | LedgerState::Always, _) if is_missing() => {
                Outcome::Pending
            }
            (LedgerState::Scheduled | LedgerState::Open | LedgerState::Always, _) => Outcome::Unknown,
        }
    }

    /// As people and their scripts read it: the site's time zone, whole seconds.
    fn local(&self, window: &Window, at: DateTime<Utc>) -> DateTime<FixedOffset> {
        let at = at.trunc_subsecs(0);
        match self.desired {
            Some(desired) => at.with_timezone(&desired.time_zone).fixed_offset(),
            None => at.with_timezone(window.opens_at.offset()),
        }
    }
}

fn whole_seconds(span: TimeDelta) -> u64 {
    u64::try_from(span.num_seconds()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
