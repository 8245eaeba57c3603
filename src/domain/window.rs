//! Registration windows: when one opens and closes, what the ledger says of them, and the next one by policy.
//!
//! The device counts a window from a whole minute of its local time, for a number of seconds. What it does with a
//! window that spans a clock change is not known; here a duration is real seconds, and an end in the hour that the
//! clock shows twice means the second showing, so that nothing is taken for closed while it may be open.
//! Whether a window is due to be opened is the planner's decision, not made here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::content::WindowContent;
use super::desired::{DesiredSite, Mode, RegistrationPolicy, WindowDuration, WindowStart};
use super::device_clock::DeviceClock;
use super::ids::SlotNumber;
use super::memory::{SlotRecord, Window};
use super::observed::Observation;
use super::status::{WindowState, WindowStatus};

/// The window to open for a policy for the first time. A start of its own is taken as it is, also in the past;
/// "when released" is the minute that the device's clock shows `now`.
pub fn first_window(
    policy: &RegistrationPolicy,
    clock: DeviceClock,
    now: DateTime<Utc>,
    missing: BTreeSet<SlotNumber>,
    number: u32,
) -> Window {
    let span = match policy.start {
        WindowStart::At(start) => Span::from(start, policy.duration),
        WindowStart::WhenReleased => Span::beginning(clock.device_now(now), policy.duration),
    };
    let reason = format!("first window for {}", handsets(missing.len()));
    span.window(policy, clock.tz, Entry { number, reopened: 0, reason, missing })
}

/// The window to open for those whom `previous` has not brought in. It begins at the minute that the device's clock
/// shows `now`, whatever start the policy names: that has passed.
pub fn reopened_window(
    previous: &Window,
    policy: &RegistrationPolicy,
    clock: DeviceClock,
    now: DateTime<Utc>,
    missing: BTreeSet<SlotNumber>,
    number: u32,
) -> Window {
    let span = Span::beginning(clock.device_now(now), policy.duration);
    let reason = format!("window {} closed without {}", previous.number, handsets(missing.len()));
    span.window(
        policy,
        clock.tz,
        Entry { number, reopened: previous.reopened.saturating_add(1), reason, missing },
    )
}

/// What a provisioning file says of a window: its start and its length in real seconds, 0 = always open.
pub fn content_of(window: &Window, tz: Tz) -> WindowContent {
    let (opens, closes) = bounds(window, DeviceClock::in_step(tz));
    let seconds =
        closes.map_or(0, |closes| u32::try_from((closes - opens).num_seconds().max(1)).unwrap_or(u32::MAX));
    WindowContent { start: window.opens_at, seconds }
}

/// Start and duration of a policy in words, as [`Window::policy`] keeps them: an edited policy has another text.
pub fn policy_text(policy: &RegistrationPolicy) -> String {
    let start = match policy.start {
        WindowStart::At(start) => start.format("%Y-%m-%dT%H:%M").to_string(),
        WindowStart::WhenReleased => "when released".to_owned(),
    };
    match policy.duration {
        WindowDuration::Seconds(seconds) => format!("{start} for {seconds} s"),
        WindowDuration::Always => format!("{start} for ever"),
    }
}

/// The window that verdicts and alerts go by: the last of the ledger. While there is none, and in mode observe, where
/// somebody else opens the windows, it is the one that the site file dates; that one has number 0.
pub fn in_force(windows: &[Window], desired: &DesiredSite) -> Option<Window> {
    let last = windows.last();
    let dated = desired.registration.as_ref().and_then(|policy| dated_window(policy, desired.time_zone));
    match (last, dated) {
        (Some(last), Some(dated)) if desired.mode == Mode::Observe && last.policy != dated.policy => {
            Some(dated)
        }
        (Some(last), _) => Some(last.clone()),
        (None, dated) => dated,
    }
}

/// Where a window stands. It is judged by instants, not by what the clock shows, so that going back an hour opens
/// nothing again; and one that was seen closed (`missing_at_end`) stays closed, however the estimate of the clock moves.
pub fn state_of(window: &Window, clock: DeviceClock, now: DateTime<Utc>) -> WindowState {
    let (opens, closes) = bounds(window, clock);
    let closed = window.missing_at_end.is_some() || closes.is_some_and(|closes| closes <= now);
    match closes {
        _ if closed => WindowState::Closed,
        _ if now < opens => WindowState::Scheduled,
        Some(_) => WindowState::Open,
        None => WindowState::Always,
    }
}

/// How long a window that has not closed stays open, counted from `now`; `None`: it never closes, or has closed.
pub fn closes_in(window: &Window, clock: DeviceClock, now: DateTime<Utc>) -> Option<TimeDelta> {
    match state_of(window, clock, now) {
        WindowState::Scheduled | WindowState::Open => bounds(window, clock).1.map(|closes| closes - now),
        WindowState::None | WindowState::Closed | WindowState::Always => None,
    }
}

/// The window in force as people see it.
pub fn status(
    windows: &[Window],
    desired: &DesiredSite,
    clock: DeviceClock,
    now: DateTime<Utc>,
) -> WindowStatus {
    in_force(windows, desired).map_or_else(WindowStatus::default, |window| WindowStatus {
        state: state_of(&window, clock, now),
        opens_at: Some(clock.instant(window.opens_at)),
        closes_at: window.closes_at.map(|closes| clock.last_instant(closes)),
        reopened: window.reopened,
    })
}

/// Writes down, for each window of the ledger that has ended, who was still missing when that was first seen. Call it
/// after each judgement with the observation it was made from. Returns whether the ledger changed.
///
/// An observation counts when its pending list was readable and it began after the window's end. A window that was
/// followed by another before it ended has left nobody out: the other one took over those still missing.
pub fn close_due(
    windows: &mut [Window],
    clock: DeviceClock,
    slots: &BTreeMap<SlotNumber, SlotRecord>,
    observation: &Observation,
) -> bool {
    let mut changed = false;
    let last = windows.len().saturating_sub(1);
    for (index, window) in
        windows.iter_mut().enumerate().filter(|(_, window)| window.missing_at_end.is_none())
    {
        let followed = index < last;
        let seen_ended = observation.pending.known().is_some()
            && state_of(window, clock, observation.at) == WindowState::Closed;
        if followed || seen_ended {
            let missing = slots.iter().filter(|(_, record)| !followed && record.registration.is_missing());
            window.missing_at_end = Some(missing.map(|(slot, _)| *slot).collect());
            changed = true;
        }
    }
    changed
}

/// How long until something happens to the window: it opens, one of the warning times `before_close` is reached, or it
/// closes. `None`: nothing will.
pub fn next_edge(
    window: &Window,
    clock: DeviceClock,
    now: DateTime<Utc>,
    before_close: &[Duration],
) -> Option<Duration> {
    if window.missing_at_end.is_some() {
        return None;
    }
    let (opens, closes) = bounds(window, clock);
    let warnings = closes.into_iter().flat_map(|closes| {
        let early = before_close.iter().filter_map(move |early| {
            TimeDelta::from_std(*early).ok().and_then(|early| closes.checked_sub_signed(early))
        });
        early.chain([closes])
    });
    warnings.chain([opens]).filter(|edge| *edge > now).min().and_then(|edge| (edge - now).to_std().ok())
}

/// First and last instant of a window, by our clock.
fn bounds(window: &Window, clock: DeviceClock) -> (DateTime<Utc>, Option<DateTime<Utc>>) {
    let closes = window.closes_at.map(|closes| clock.last_instant(closes).to_utc());
    (clock.instant(window.opens_at).to_utc(), closes)
}

fn dated_window(policy: &RegistrationPolicy, tz: Tz) -> Option<Window> {
    match policy.start {
        WindowStart::At(start) => {
            let entry = Entry {
                number: 0,
                reopened: 0,
                reason: "as the site file says".to_owned(),
                missing: BTreeSet::new(),
            };
            Some(Span::from(start, policy.duration).window(policy, tz, entry))
        }
        WindowStart::WhenReleased => None,
    }
}

/// From an hour on, a minute that has partly gone matters little, and the file says what the site file says.
const EXACT_BELOW_SECONDS: u32 = 3600;

/// A start in whole minutes and a length in real seconds.
struct Span {
    start: NaiveDateTime,
    seconds: Option<u32>,
}

impl Span {
    fn from(start: NaiveDateTime, duration: WindowDuration) -> Self {
        let seconds = match duration {
            WindowDuration::Seconds(seconds) => Some(seconds),
            WindowDuration::Always => None,
        };
        Self { start: whole_minute(start), seconds }
    }

    /// From the minute in which `device_now` lies. The seconds of it that have gone are made up for in a short one.
    fn beginning(device_now: NaiveDateTime, duration: WindowDuration) -> Self {
        let Self { start, seconds } = Self::from(device_now, duration);
        let exact = |seconds: u32| {
            if seconds < EXACT_BELOW_SECONDS { seconds.saturating_add(device_now.second()) } else { seconds }
        };
        Self { start, seconds: seconds.map(exact) }
    }

    fn window(self, policy: &RegistrationPolicy, tz: Tz, entry: Entry) -> Window {
        let clock = DeviceClock::in_step(tz);
        let end = |seconds: u32| {
            let opens = clock.instant(self.start).to_utc();
            let closes = opens.checked_add_signed(TimeDelta::seconds(i64::from(seconds)));
            closes.map_or(NaiveDateTime::MAX, |closes| clock.device_now(closes))
        };
        Window {
            number: entry.number,
            opens_at: self.start,
            closes_at: self.seconds.map(end),
            reopened: entry.reopened,
            reason: entry.reason,
            policy: policy_text(policy),
            missing_at_start: entry.missing,
            missing_at_end: None,
        }
    }
}

/// What the ledger says of a window besides its time.
struct Entry {
    number: u32,
    reopened: u8,
    reason: String,
    missing: BTreeSet<SlotNumber>,
}

fn whole_minute(time: NaiveDateTime) -> NaiveDateTime {
    time.with_second(0).and_then(|time| time.with_nanosecond(0)).unwrap_or(time)
}

fn handsets(count: usize) -> String {
    if count == 1 { "1 handset".to_owned() } else { format!("{count} handsets") }
}
