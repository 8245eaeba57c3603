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

/// The window to open instead of `previous`, which the manager never fetched: it counts as the same, and begins at the
/// minute that the device's clock shows `now`.
pub fn renewed_window(
    previous: &Window,
    policy: &RegistrationPolicy,
    clock: DeviceClock,
    now: DateTime<Utc>,
    missing: BTreeSet<SlotNumber>,
    number: u32,
) -> Window {
    let span = Span::beginning(clock.device_now(now), policy.duration);
    let reason =
        format!("window {} was never fetched; it was for {}", previous.number, handsets(missing.len()));
    span.window(policy, clock.tz, Entry { number, reopened: previous.reopened, reason, missing })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::desired::{DesiredManager, Trigger};
    use crate::domain::memory::Registration;
    use crate::domain::observed::Reading;
    use crate::domain::secret::SecretRef;
    use chrono_tz::Europe::Berlin;

    const BERLIN: DeviceClock = DeviceClock { tz: Berlin, skew_seconds: 0 };

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
            .unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        local(text).and_utc()
    }

    fn slots(numbers: &[u8]) -> BTreeSet<SlotNumber> {
        numbers.iter().map(|number| SlotNumber::new(*number).unwrap()).collect()
    }

    fn policy(start: Option<&str>, duration: WindowDuration) -> RegistrationPolicy {
        let start = start.map_or(WindowStart::WhenReleased, |start| WindowStart::At(local(start)));
        RegistrationPolicy { start, duration, pin: None, reopen: 2 }
    }

    fn seconds(start: Option<&str>, seconds: u32) -> RegistrationPolicy {
        policy(start, WindowDuration::Seconds(seconds))
    }

    fn first(policy: &RegistrationPolicy, now: &str) -> Window {
        first_window(policy, BERLIN, utc(now), slots(&[1, 2]), 1)
    }

    fn site(mode: Mode, registration: Option<RegistrationPolicy>) -> DesiredSite {
        DesiredSite {
            name: "acme".parse().unwrap(),
            description: String::new(),
            labels: BTreeMap::new(),
            time_zone: Berlin,
            mode,
            manager: DesiredManager {
                host: "127.0.0.1".to_owned(),
                port: 80,
                mac: "7C2F80CA21E4".parse().unwrap(),
                password: SecretRef::Env("N720_TEST".to_owned()),
                trigger: Trigger::Web,
                sip_port: 5060,
                enrol: false,
                digest: None,
            },
            registration,
            providers: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }

    fn observation(at: &str, pending: Reading<Vec<crate::domain::ids::Ipui>>) -> Observation {
        let why = || "not asked for".to_owned();
        Observation {
            at: utc(at),
            mac: Reading::Unreadable(why()),
            firmware: Reading::Unreadable(why()),
            device_clock: Reading::Unreadable(why()),
            pending,
            slots: Reading::Unreadable(why()),
            editors: BTreeMap::new(),
            config_url: None,
            base_stations: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn records(verdicts: &[(u8, Registration)]) -> BTreeMap<SlotNumber, SlotRecord> {
        let at = utc("2026-11-23T07:00");
        let record = |registration| SlotRecord {
            ipui: "02 B6 EC 8A A5".parse().unwrap(),
            registration,
            since: at,
            evidence: String::new(),
            seen_at: at,
            pending_at: None,
            registered_ipui: None,
            unread_handset: false,
            began: None,
        };
        verdicts.iter().map(|(slot, verdict)| (SlotNumber::new(*slot).unwrap(), record(*verdict))).collect()
    }

    #[test]
    fn a_dated_window_is_what_the_site_file_says() {
        let window = first(&seconds(Some("2026-11-23T08:00"), 72_000), "2026-11-20T10:00");
        assert_eq!(window.opens_at, local("2026-11-23T08:00"));
        assert_eq!(window.closes_at, Some(local("2026-11-24T04:00")));
        assert_eq!(window.policy, "2026-11-23T08:00 for 72000 s");
        assert_eq!(window.reason, "first window for 2 handsets");
        assert_eq!((window.number, window.reopened, window.missing_at_start.len()), (1, 0, 2));
        assert_eq!(content_of(&window, Berlin), WindowContent { start: window.opens_at, seconds: 72_000 });
    }

    #[test]
    fn the_wiki_pages_second_window_lasts_72000_seconds() {
        let window = first(&seconds(Some("2017-04-24T11:42"), 72_000), "2017-04-24T09:00");
        assert_eq!(
            content_of(&window, Berlin),
            WindowContent { start: local("2017-04-24T11:42"), seconds: 72_000 }
        );
        assert_eq!(window.closes_at, Some(local("2017-04-25T07:42")));
    }

    #[test]
    fn when_released_is_the_running_minute_of_the_devices_clock() {
        let window = first(&seconds(None, 72_000), "2026-11-23T07:00:41");
        assert_eq!(window.opens_at, local("2026-11-23T08:00"));
        assert_eq!(window.closes_at, Some(local("2026-11-24T04:00")), "from an hour on as configured");
        let clock = DeviceClock { tz: Berlin, skew_seconds: 300 };
        let ahead = first_window(&seconds(None, 3600), clock, utc("2026-11-23T07:00:41"), slots(&[1]), 1);
        assert_eq!(ahead.opens_at, local("2026-11-23T08:05"));
        assert_eq!(ahead.reason, "first window for 1 handset");
    }

    #[test]
    fn a_short_window_really_stays_open_that_long() {
        let window = first(&seconds(None, 90), "2026-11-23T07:00:41");
        assert_eq!(window.closes_at, Some(local("2026-11-23T08:02:11")));
        assert_eq!(content_of(&window, Berlin).seconds, 131);
        let just_under = first(&seconds(None, 3599), "2026-11-23T07:00:59");
        assert_eq!(content_of(&just_under, Berlin).seconds, 3658);
        let dated = first(&seconds(Some("2026-11-23T08:00"), 90), "2026-11-23T07:00:41");
        assert_eq!(content_of(&dated, Berlin).seconds, 90, "a dated one begins when it says");
    }

    #[test]
    fn always_never_closes_and_is_zero_on_the_device() {
        let window = first(&policy(None, WindowDuration::Always), "2026-11-23T07:00:41");
        assert_eq!(window.closes_at, None);
        assert_eq!(content_of(&window, Berlin).seconds, 0);
        assert_eq!(window.policy, "when released for ever");
        assert_eq!(state_of(&window, BERLIN, utc("2036-11-23T07:00")), WindowState::Always);
        assert_eq!(state_of(&window, BERLIN, utc("2026-11-23T06:59")), WindowState::Scheduled);
        assert_eq!(closes_in(&window, BERLIN, utc("2026-11-23T07:01")), None);
    }

    #[test]
    fn a_reopened_window_begins_at_once_and_counts_on() {
        let dated = seconds(Some("2026-11-23T08:00"), 72_000);
        let before = Window { reopened: 1, number: 4, ..first(&dated, "2026-11-20T10:00") };
        let window = reopened_window(&before, &dated, BERLIN, utc("2026-11-24T03:01:30"), slots(&[2]), 5);
        assert_eq!((window.number, window.reopened), (5, 2));
        assert_eq!(window.opens_at, local("2026-11-24T04:01"));
        assert_eq!(window.closes_at, Some(local("2026-11-25T00:01")));
        assert_eq!(window.policy, before.policy, "reopening is no new policy");
        assert_eq!(window.reason, "window 4 closed without 1 handset");
        assert_eq!(window.missing_at_start, slots(&[2]));
    }

    #[test]
    fn a_window_is_scheduled_open_and_closed_to_the_second() {
        let window = first(&seconds(Some("2026-11-23T08:00"), 3600), "2026-11-20T10:00");
        for (now, state) in [
            ("2026-11-23T06:59:59", WindowState::Scheduled),
            ("2026-11-23T07:00:00", WindowState::Open),
            ("2026-11-23T07:59:59", WindowState::Open),
            ("2026-11-23T08:00:00", WindowState::Closed),
        ] {
            assert_eq!(state_of(&window, BERLIN, utc(now)), state, "{now}");
        }
        let ahead = DeviceClock { tz: Berlin, skew_seconds: 600 };
        assert_eq!(state_of(&window, ahead, utc("2026-11-23T06:50:00")), WindowState::Open);
        assert_eq!(closes_in(&window, ahead, utc("2026-11-23T06:50:00")), Some(TimeDelta::seconds(3600)));
    }

    #[test]
    fn what_was_seen_closed_stays_closed() {
        let mut window = first(&seconds(Some("2026-11-23T08:00"), 3600), "2026-11-20T10:00");
        window.missing_at_end = Some(slots(&[]));
        assert_eq!(state_of(&window, BERLIN, utc("2026-11-23T07:59:59")), WindowState::Closed);
        assert_eq!(closes_in(&window, BERLIN, utc("2026-11-23T07:59:59")), None);
        assert_eq!(next_edge(&window, BERLIN, utc("2026-11-23T06:00:00"), &[]), None);
    }

    #[test]
    fn durations_are_real_seconds_across_a_clock_change() {
        let night = |start: &str| first(&seconds(Some(start), 6 * 3600), "2026-01-01T00:00");
        let forward = night("2026-03-28T23:00");
        assert_eq!(forward.closes_at, Some(local("2026-03-29T06:00")));
        assert_eq!(content_of(&forward, Berlin).seconds, 21_600);
        let back = night("2026-10-24T23:00");
        assert_eq!(back.closes_at, Some(local("2026-10-25T04:00")));
        assert_eq!(content_of(&back, Berlin).seconds, 21_600);
    }

    #[test]
    fn an_end_in_the_hour_shown_twice_is_its_second_showing() {
        let window = first(&seconds(Some("2026-10-25T01:30"), 3600), "2026-10-20T10:00");
        assert_eq!(window.closes_at, Some(local("2026-10-25T02:30")));
        assert_eq!(content_of(&window, Berlin).seconds, 7200, "the file and the ledger say the same");
        let open =
            ["2026-10-24T23:30:00", "2026-10-25T00:30:00", "2026-10-25T00:59:59", "2026-10-25T01:29:59"];
        for now in open {
            assert_eq!(state_of(&window, BERLIN, utc(now)), WindowState::Open, "{now}");
        }
        assert_eq!(state_of(&window, BERLIN, utc("2026-10-25T01:30:00")), WindowState::Closed);
    }

    #[test]
    fn the_last_of_the_ledger_is_in_force() {
        let ledger =
            [first(&seconds(None, 60), "2026-11-23T07:00"), first(&seconds(None, 90), "2026-11-23T08:00")];
        let managed = site(Mode::Manage, Some(seconds(Some("2026-12-01T08:00"), 60)));
        assert_eq!(in_force(&ledger, &managed).as_ref(), ledger.last());
        assert_eq!(in_force(&ledger, &site(Mode::Observe, Some(seconds(None, 60)))).as_ref(), ledger.last());
        assert_eq!(in_force(&ledger, &site(Mode::Observe, None)).as_ref(), ledger.last());
    }

    #[test]
    fn somebody_elses_window_is_the_one_that_the_site_file_dates() {
        let dated = || Some(seconds(Some("2026-12-01T08:00"), 60));
        let ledger = [first(&seconds(None, 60), "2026-11-23T07:00")];
        let opens = local("2026-12-01T08:00");
        for (ledger, mode) in [(&ledger[..], Mode::Observe), (&[], Mode::Observe), (&[], Mode::Manage)] {
            let window = in_force(ledger, &site(mode, dated())).unwrap();
            assert_eq!((window.number, window.opens_at), (0, opens), "{mode:?}");
        }
        let own = [first(&seconds(Some("2026-12-01T08:00"), 60), "2026-11-23T07:00")];
        assert_eq!(in_force(&own, &site(Mode::Observe, dated())).unwrap().number, 1, "it is the same one");
        assert_eq!(in_force(&[], &site(Mode::Manage, Some(seconds(None, 60)))), None);
        assert_eq!(in_force(&[], &site(Mode::Manage, None)), None);
    }

    #[test]
    fn status_shows_the_window_in_the_sites_zone() {
        let managed = site(Mode::Manage, Some(seconds(Some("2026-11-23T08:00"), 3600)));
        let clock = DeviceClock { tz: Berlin, skew_seconds: 900 };
        let seen = status(&[], &managed, clock, utc("2026-11-23T06:44:59"));
        assert_eq!(seen.state, WindowState::Scheduled);
        assert_eq!(seen.opens_at.unwrap().to_rfc3339(), "2026-11-23T07:45:00+01:00");
        assert_eq!(seen.closes_at.unwrap().to_rfc3339(), "2026-11-23T08:45:00+01:00");
        assert_eq!(
            status(&[], &site(Mode::Manage, None), BERLIN, utc("2026-11-23T06:00")),
            WindowStatus::default()
        );
    }

    #[test]
    fn who_was_missing_is_written_down_once_at_the_first_reading_after_the_end() {
        let mut ledger = vec![first(&seconds(Some("2026-11-23T08:00"), 3600), "2026-11-20T10:00")];
        let seen =
            records(&[(1, Registration::Registered), (2, Registration::Expired), (3, Registration::Unknown)]);
        let clear = || Reading::Known(Vec::new());
        close_due(&mut ledger, BERLIN, &seen, &observation("2026-11-23T07:59:59", clear()));
        assert_eq!(ledger[0].missing_at_end, None, "open");
        let cut = Reading::Unreadable("cut".to_owned());
        close_due(&mut ledger, BERLIN, &seen, &observation("2026-11-23T08:00:00", cut));
        assert_eq!(ledger[0].missing_at_end, None, "without a pending list nothing is known");
        close_due(&mut ledger, BERLIN, &seen, &observation("2026-11-23T08:00:00", clear()));
        assert_eq!(ledger[0].missing_at_end, Some(slots(&[2])));
        let seen = records(&[(1, Registration::Registered), (2, Registration::Registered)]);
        close_due(&mut ledger, BERLIN, &seen, &observation("2026-11-23T09:00:00", clear()));
        assert_eq!(ledger[0].missing_at_end, Some(slots(&[2])), "only once");
    }

    #[test]
    fn a_window_that_another_followed_left_nobody_out() {
        let early = first(&seconds(Some("2026-11-23T08:00"), 3600), "2026-11-20T10:00");
        let late = first(&seconds(Some("2026-11-24T08:00"), 3600), "2026-11-20T10:00");
        let mut ledger = vec![early, late];
        let seen = records(&[(2, Registration::Pending)]);
        let reading = observation("2026-11-23T07:30:00", Reading::Known(Vec::new()));
        close_due(&mut ledger, BERLIN, &seen, &reading);
        assert_eq!(ledger[0].missing_at_end, Some(slots(&[])));
        assert_eq!(ledger[1].missing_at_end, None);
    }

    #[test]
    fn edges_come_in_order() {
        let window = first(&seconds(Some("2026-11-23T08:00"), 3600), "2026-11-20T10:00");
        let warn = [Duration::from_secs(86_400), Duration::from_secs(600)];
        for (now, edge) in [
            ("2026-11-22T07:00:00", Some(3600)),
            ("2026-11-22T08:00:00", Some(23 * 3600)),
            ("2026-11-23T07:00:00", Some(3000)),
            ("2026-11-23T07:50:00", Some(600)),
            ("2026-11-23T08:00:00", None),
        ] {
            let found = next_edge(&window, BERLIN, utc(now), &warn);
            assert_eq!(found, edge.map(Duration::from_secs), "{now}");
        }
        assert_eq!(
            next_edge(&window, BERLIN, utc("2026-11-23T07:00:00"), &[Duration::MAX]),
            Some(Duration::from_secs(3600))
        );
    }
}
