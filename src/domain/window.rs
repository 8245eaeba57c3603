//! Registration windows: when one opens and closes, what the ledger says of them, and the next one by policy.
//!
//! The device counts a window from a whole minute of its own clock, for a number of seconds. A window is meant for
//! moments of a right clock and written in the times that the device's clock shows then, so that it opens when the
//! operator meant also where that clock is wrong. What the device does with a window that spans a clock change is not
//! known; here a duration is real seconds. Whether a window is due to be opened is the planner's decision, not made here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, DurationRound, FixedOffset, SubsecRound, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::content::WindowContent;
use super::desired::{DesiredSite, Mode, RegistrationPolicy, WindowClock, WindowDuration, WindowStart};
use super::device_clock::DeviceClock;
use super::ids::SlotNumber;
use super::memory::{SlotRecord, Window};
use super::observed::Observation;
use super::status::{WindowState, WindowStatus};

/// A device clock is known to a minute and a half; one that moved by more than this was set.
const CLOCK_WAS_SET: TimeDelta = TimeDelta::minutes(3);

/// A window begins in a whole minute of the device's clock.
const A_MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Which window a new one follows, and for whom it is.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number in the ledger.
    pub number: u32,
    /// How many reopenings lead to it.
    pub reopened: u8,
    /// Why it is opened, without for how many.
    pub reason: String,
    /// The listed slots whose handset is missing.
    pub missing: BTreeSet<SlotNumber>,
}

/// The window to open by a policy. A start of its own is taken as it is, also in the past; "when released" is the
/// minute that the device's clock shows `now`; a recurring one is that which runs, or else the next.
///
/// `None`: its schedule does not fire again.
pub fn by_policy(
    policy: &RegistrationPolicy,
    clock: DeviceClock,
    now: DateTime<Utc>,
    entry: Entry,
) -> Option<Window> {
    match &policy.start {
        WindowStart::At(start) => Some(meant_for(start.to_utc(), policy, clock, entry)),
        WindowStart::WhenReleased => Some(at_once(policy, clock, now, entry)),
        WindowStart::Recurring(schedule) => {
            let after = |now| schedule.next_after(running_since(policy.duration, now), clock.tz);
            let last = meant_for(after(now)?, policy, clock, entry.clone());
            // A window is written in whole minutes, and may be over a little before its time.
            let over = state_of(&last, clock, now) == WindowState::Closed;
            if over { Some(meant_for(after(now + A_MINUTE)?, policy, clock, entry)) } else { Some(last) }
        }
    }
}

/// What is left of a window by this policy that was ended before its time, beginning at once. `None`: nothing, or it was
/// not ended.
pub fn rest(
    ended: &Window,
    policy: &RegistrationPolicy,
    clock: DeviceClock,
    now: DateTime<Utc>,
    entry: Entry,
) -> Option<Window> {
    let length = seconds_of(policy.duration).map(|seconds| TimeDelta::seconds(i64::from(seconds)));
    let had = ended.length()?;
    let window = at_once(policy, clock, now, entry);
    match length {
        None => Some(window),
        Some(length) if had < length => {
            let end = clock.shows(ended.meant_at?.checked_add_signed(length)?);
            let is_left = end > clock.shows(now);
            is_left.then(|| Window { closes_at: window.closes_at.map(|closes| closes.min(end)), ..window })
        }
        Some(_) => None,
    }
}

/// Whether the policy names another moment than the one this window was meant for, though it reads the same: the zone of
/// the site was corrected, or the offset of a time that comes twice.
pub fn is_moved(window: &Window, policy: &RegistrationPolicy, tz: Tz) -> bool {
    let Some(meant) = window.meant_at.filter(|_| window.reopened == 0) else { return false };
    match &policy.start {
        WindowStart::At(start) => start.to_utc() != meant,
        WindowStart::WhenReleased => false,
        WindowStart::Recurring(schedule) => {
            schedule.next_after(meant - TimeDelta::seconds(1), tz) != Some(meant)
        }
    }
}

/// The window that begins in the minute that the device's clock shows `now`, whatever start the policy names.
pub fn at_once(policy: &RegistrationPolicy, clock: DeviceClock, now: DateTime<Utc>, entry: Entry) -> Window {
    let shown = clock.shows(now);
    let opens = whole_minute(shown);
    // In a short one the seconds of the minute that have gone are made up for.
    let exact = |seconds: u32| {
        if seconds < EXACT_BELOW_SECONDS { seconds.saturating_add(shown.second()) } else { seconds }
    };
    window(opens, seconds_of(policy.duration).map(exact), policy, clock, entry)
}

/// The same window again, for the clock that the device has by now: it is not one more.
pub fn set_right(window: &Window, meant: DateTime<Utc>, clock: DeviceClock, entry: Entry) -> Window {
    let opens_at = whole_minute(clock.shows(meant));
    Window {
        number: entry.number,
        opens_at,
        closes_at: window.length().map(|length| later(opens_at, length, clock.tz)),
        meant_at: Some(meant),
        reason: entry.reason,
        missing_at_start: entry.missing,
        release: None,
        arrivals: BTreeMap::new(),
        missing_at_end: None,
        ..window.clone()
    }
}

/// The same window, ended now.
pub fn ended(window: &Window, clock: DeviceClock, now: DateTime<Utc>) -> Window {
    let shown = clock.shows(now).trunc_subsecs(0);
    // Zero seconds would be a window without an end.
    if shown > window.opens_at {
        return Window { closes_at: Some(shown), ..window.clone() };
    }
    // One that has not begun is moved to where it is over, and is meant to be there.
    let now = whole_minute(shown);
    let opens_at = later(now, -TimeDelta::minutes(1), clock.tz);
    let meant_at = Some(clock.ours(opens_at).to_utc());
    Window { opens_at, closes_at: Some(now), meant_at, ..window.clone() }
}

/// When a window was to end by a right clock, where that is over and the device's clock has not come so far: for people
/// it is over all the same.
pub fn overdue_since(window: &Window, clock: DeviceClock, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let end = window.meant_end()?;
    let waits = match state_of(window, clock, now) {
        WindowState::Scheduled | WindowState::Open => true,
        WindowState::None | WindowState::Closed | WindowState::Always => false,
    };
    (waits && end + CLOCK_WAS_SET <= now).then_some(end)
}

/// When the last window was meant to open, where the device's present clock opens it at another time and it is not
/// over by a right clock. `None`: it is where it belongs, or nobody knows where that is.
pub fn misplaced(
    window: &Window,
    policy: &RegistrationPolicy,
    clock: DeviceClock,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    // Not noted: one that an earlier version wrote.
    let meant = window.meant_at.or_else(|| match &policy.start {
        WindowStart::At(start) if window.reopened == 0 => Some(start.to_utc()),
        WindowStart::At(_) | WindowStart::WhenReleased | WindowStart::Recurring(_) => None,
    })?;
    let over = match window.length() {
        Some(length) => meant.checked_add_signed(length).is_none_or(|end| end <= now),
        // What is open for ever is open, whenever it began.
        None => clock.ours(window.opens_at) <= now,
    };
    let off = clock.ours(window.opens_at).to_utc() - meant;
    (!over && off.abs() > CLOCK_WAS_SET).then_some(meant)
}

/// What a provisioning file says of a window: its start in the clock that the manager takes it for, and its length in
/// real seconds, 0 = always open.
pub fn content_of(window: &Window, written_in: WindowClock) -> WindowContent {
    let start = match written_in {
        WindowClock::Local => window.opens_at.naive_local(),
        WindowClock::Utc => window.opens_at.naive_utc(),
    };
    let seconds =
        window.length().map_or(0, |length| u32::try_from(length.num_seconds().max(1)).unwrap_or(u32::MAX));
    WindowContent { start, seconds }
}

/// Start and duration of a policy in words, as [`Window::policy`] keeps them: an edited policy has another text.
pub fn policy_text(policy: &RegistrationPolicy) -> String {
    let start = match &policy.start {
        WindowStart::At(start) => start.format("%Y-%m-%dT%H:%M").to_string(),
        WindowStart::WhenReleased => "when released".to_owned(),
        WindowStart::Recurring(schedule) => format!("at {schedule}"),
    };
    match policy.duration {
        WindowDuration::Seconds(seconds) => format!("{start} for {seconds} s"),
        WindowDuration::Always => format!("{start} for ever"),
    }
}

/// The window that verdicts and alerts go by: the last of the ledger. While there is none, and in mode observe, where
/// somebody else opens the windows, it is the one that the site file dates; that one has number 0.
pub fn in_force(
    windows: &[Window],
    desired: &DesiredSite,
    clock: DeviceClock,
    now: DateTime<Utc>,
) -> Option<Window> {
    let last = windows.last();
    let policy = desired.registration.as_ref().filter(|policy| match (last, desired.mode) {
        (Some(_), Mode::Manage) => false,
        (Some(last), Mode::Observe) => last.policy != policy_text(policy),
        (None, Mode::Manage | Mode::Observe) => true,
    });
    policy.and_then(|policy| dated_window(policy, clock, now)).or_else(|| last.cloned())
}

/// Where a window stands. It is judged by instants, not by what the clock shows, so that going back an hour opens
/// nothing again; and one that was seen closed (`missing_at_end`) stays closed, however the estimate of the clock moves.
/// One that a clock was set over is still to come while it is meant for later: nobody has missed it, and it is written
/// again.
pub fn state_of(window: &Window, clock: DeviceClock, now: DateTime<Utc>) -> WindowState {
    let (opens, closes) = bounds(window, clock);
    let was_skipped =
        || window.meant_at.is_some_and(|meant| now < meant && (opens - meant).abs() > CLOCK_WAS_SET);
    match closes {
        _ if window.missing_at_end.is_some() => WindowState::Closed,
        Some(closes) if closes <= now && was_skipped() => WindowState::Scheduled,
        Some(closes) if closes <= now => WindowState::Closed,
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
    in_force(windows, desired, clock, now).map_or_else(WindowStatus::default, |window| WindowStatus {
        state: state_of(&window, clock, now),
        opens_at: Some(clock.ours(window.opens_at)),
        closes_at: window.closes_at.map(|closes| clock.ours(closes)),
        reopened: window.reopened,
    })
}

/// Writes down, for each window of the ledger that has ended, who was still missing when that was first seen. Call it
/// after each judgement with the observation it was made from.
///
/// An observation counts when its pending list was readable and it began after the window's end. A window that was
/// followed by another before it ended has left nobody out: the other one took over those still missing.
pub fn close_due(
    windows: &mut [Window],
    clock: DeviceClock,
    slots: &BTreeMap<SlotNumber, SlotRecord>,
    observation: &Observation,
) {
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
        }
    }
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
    let closes = window.closes_at.map(|closes| clock.ours(closes).to_utc());
    (clock.ours(window.opens_at).to_utc(), closes)
}

/// The window by a policy that somebody else carries out. Of a recurring one, the last that began counts until the
/// next does, so that who missed it stays known.
fn dated_window(policy: &RegistrationPolicy, clock: DeviceClock, now: DateTime<Utc>) -> Option<Window> {
    let entry = Entry {
        number: 0,
        reopened: 0,
        reason: "as the site file says".to_owned(),
        missing: BTreeSet::new(),
    };
    let start = match &policy.start {
        WindowStart::At(start) => start.to_utc(),
        WindowStart::WhenReleased => return None,
        WindowStart::Recurring(schedule) => {
            schedule.last_until(now, clock.tz).or_else(|| schedule.next_after(now, clock.tz))?
        }
    };
    let window = meant_for(start, policy, clock, entry);
    Some(Window { reason: "as the site file says".to_owned(), ..window })
}

/// A recurring window that began after this is still open.
fn running_since(duration: WindowDuration, now: DateTime<Utc>) -> DateTime<Utc> {
    let length =
        seconds_of(duration).map_or(TimeDelta::zero(), |seconds| TimeDelta::seconds(i64::from(seconds)));
    now.checked_sub_signed(length).unwrap_or(now)
}

/// The window that a right clock would open at `start`, in the times of this clock.
fn meant_for(start: DateTime<Utc>, policy: &RegistrationPolicy, clock: DeviceClock, entry: Entry) -> Window {
    let opens = whole_minute(clock.shows(start));
    Window { meant_at: Some(start), ..window(opens, seconds_of(policy.duration), policy, clock, entry) }
}

/// From an hour on, a minute that has partly gone matters little, and the file says what the site file says.
const EXACT_BELOW_SECONDS: u32 = 3600;

fn window(
    opens_at: DateTime<FixedOffset>,
    seconds: Option<u32>,
    policy: &RegistrationPolicy,
    clock: DeviceClock,
    entry: Entry,
) -> Window {
    let end = |seconds: u32| later(opens_at, TimeDelta::seconds(i64::from(seconds)), clock.tz);
    Window {
        number: entry.number,
        opens_at,
        closes_at: seconds.map(end),
        meant_at: Some(clock.ours(opens_at).to_utc()),
        written_in: WindowClock::default(),
        reopened: entry.reopened,
        reason: format!("{} {}", entry.reason, handsets(entry.missing.len())),
        policy: policy_text(policy),
        missing_at_start: entry.missing,
        release: None,
        arrivals: BTreeMap::new(),
        missing_at_end: None,
    }
}

fn seconds_of(duration: WindowDuration) -> Option<u32> {
    match duration {
        WindowDuration::Seconds(seconds) => Some(seconds),
        WindowDuration::Always => None,
    }
}

/// So many real seconds later, as the zone's clock shows it then; where the calendar ends, no later.
fn later(from: DateTime<FixedOffset>, by: TimeDelta, tz: Tz) -> DateTime<FixedOffset> {
    let to = from.to_utc().checked_add_signed(by).unwrap_or(from.to_utc());
    to.with_timezone(&tz).fixed_offset()
}

fn whole_minute(time: DateTime<FixedOffset>) -> DateTime<FixedOffset> {
    time.duration_trunc(TimeDelta::minutes(1)).unwrap_or(time)
}

fn handsets(count: usize) -> String {
    if count == 1 { "1 handset".to_owned() } else { format!("{count} handsets") }
}

#[cfg(test)]
mod tests;
