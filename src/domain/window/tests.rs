//! Windows: bounds, states, edges, what the file says, and the ledger's ends.

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Australia::Lord_Howe;

use super::*;
use crate::domain::desired::{ApprovalRule, DesiredManager, Trigger};
use crate::domain::memory::Registration;
use crate::domain::observed::Reading;
use crate::domain::secret::SecretRef;
use chrono_tz::Europe::Berlin;

const BERLIN: DeviceClock = DeviceClock { tz: Berlin, skew_seconds: 0 };

fn naive(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        .unwrap()
}

/// Where a time comes twice, the first.
fn local_in(zone: Tz, text: &str) -> DateTime<FixedOffset> {
    zone.from_local_datetime(&naive(text)).earliest().unwrap().fixed_offset()
}

fn local(text: &str) -> DateTime<FixedOffset> {
    local_in(Berlin, text)
}

fn utc(text: &str) -> DateTime<Utc> {
    naive(text).and_utc()
}

fn slots(numbers: &[u8]) -> BTreeSet<SlotNumber> {
    numbers.iter().map(|number| SlotNumber::new(*number).unwrap()).collect()
}

fn policy(start: Option<&str>, duration: WindowDuration) -> RegistrationPolicy {
    let start = start.map_or(WindowStart::WhenReleased, |start| WindowStart::At(local(start)));
    with_start(start, duration)
}

fn with_start(start: WindowStart, duration: WindowDuration) -> RegistrationPolicy {
    RegistrationPolicy {
        start,
        duration,
        pin: None,
        reopen: 2,
        reopen_schedule: None,
        close_when_filled: false,
    }
}

fn every(schedule: &str, hours: u32) -> RegistrationPolicy {
    let start = WindowStart::Recurring(schedule.parse().unwrap());
    with_start(start, WindowDuration::Seconds(hours * 3600))
}

fn entry(number: u32, missing: &[u8]) -> Entry {
    Entry { number, reopened: 0, reason: "first window for".to_owned(), missing: slots(missing) }
}

fn seconds(start: Option<&str>, seconds: u32) -> RegistrationPolicy {
    policy(start, WindowDuration::Seconds(seconds))
}

fn first(policy: &RegistrationPolicy, now: &str) -> Window {
    by_policy(policy, BERLIN, utc(now), entry(1, &[1, 2])).unwrap()
}

fn site(mode: Mode, registration: Option<RegistrationPolicy>) -> DesiredSite {
    DesiredSite {
        name: "acme".parse().unwrap(),
        description: String::new(),
        contact: String::new(),
        labels: BTreeMap::new(),
        time_zone: Berlin,
        mode,
        manager: DesiredManager {
            host: "127.0.0.1".to_owned(),
            port: 80,
            mac: "7C2F80CA21E4".parse().unwrap(),
            password: SecretRef::Env("N720_TEST".to_owned()),
            trigger: Trigger::Web,
            window_clock: WindowClock::Local,
            sip_port: 5060,
            enrol: false,
            digest: None,
        },
        registration,
        providers: BTreeMap::new(),
        maintenance: None,
        approval: ApprovalRule::default(),
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
        registration_pin: Reading::Unreadable(why()),
        editors: BTreeMap::new(),
        config_url: None,
        base_stations: Vec::new(),
        notes: Vec::new(),
    }
}

fn records(verdicts: &[(u8, Registration)]) -> BTreeMap<SlotNumber, SlotRecord> {
    let at = utc("2026-11-23T07:00");
    let record = |registration| SlotRecord::new("02 B6 EC 8A A5".parse().unwrap(), registration, at);
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
    assert_eq!(
        content_of(&window, WindowClock::Local),
        WindowContent { start: naive("2026-11-23T08:00"), seconds: 72_000 }
    );
}

#[test]
fn the_wiki_pages_second_window_lasts_72000_seconds() {
    let window = first(&seconds(Some("2017-04-24T11:42"), 72_000), "2017-04-24T09:00");
    assert_eq!(
        content_of(&window, WindowClock::Local),
        WindowContent { start: naive("2017-04-24T11:42"), seconds: 72_000 }
    );
    assert_eq!(window.closes_at, Some(local("2017-04-25T07:42")));
}

#[test]
fn when_released_is_the_running_minute_of_the_devices_clock() {
    let window = first(&seconds(None, 72_000), "2026-11-23T07:00:41");
    assert_eq!(window.opens_at, local("2026-11-23T08:00"));
    assert_eq!(window.closes_at, Some(local("2026-11-24T04:00")), "from an hour on as configured");
    let clock = DeviceClock { tz: Berlin, skew_seconds: 300 };
    let ahead = by_policy(&seconds(None, 3600), clock, utc("2026-11-23T07:00:41"), entry(1, &[1])).unwrap();
    assert_eq!(ahead.opens_at, local("2026-11-23T08:05"));
    assert_eq!(ahead.reason, "first window for 1 handset");
}

#[test]
fn a_short_window_really_stays_open_that_long() {
    let window = first(&seconds(None, 90), "2026-11-23T07:00:41");
    assert_eq!(window.closes_at, Some(local("2026-11-23T08:02:11")));
    assert_eq!(content_of(&window, WindowClock::Local).seconds, 131);
    let just_under = first(&seconds(None, 3599), "2026-11-23T07:00:59");
    assert_eq!(content_of(&just_under, WindowClock::Local).seconds, 3658);
    let dated = first(&seconds(Some("2026-11-23T08:00"), 90), "2026-11-23T07:00:41");
    assert_eq!(content_of(&dated, WindowClock::Local).seconds, 90, "a dated one begins when it says");
}

#[test]
fn always_never_closes_and_is_zero_on_the_device() {
    let window = first(&policy(None, WindowDuration::Always), "2026-11-23T07:00:41");
    assert_eq!(window.closes_at, None);
    assert_eq!(content_of(&window, WindowClock::Local).seconds, 0);
    assert_eq!(window.policy, "when released for ever");
    assert_eq!(state_of(&window, BERLIN, utc("2036-11-23T07:00")), WindowState::Always);
    assert_eq!(state_of(&window, BERLIN, utc("2026-11-23T06:59")), WindowState::Scheduled);
    assert_eq!(closes_in(&window, BERLIN, utc("2026-11-23T07:01")), None);
}

#[test]
fn a_reopened_window_begins_at_once_and_counts_on() {
    let dated = seconds(Some("2026-11-23T08:00"), 72_000);
    let before = Window { reopened: 1, number: 4, ..first(&dated, "2026-11-20T10:00") };
    let entry = Entry { reopened: 2, reason: "window 4 closed without".to_owned(), ..entry(5, &[2]) };
    let window = at_once(&dated, BERLIN, utc("2026-11-24T03:01:30"), entry);
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
    assert_eq!(content_of(&forward, WindowClock::Local).seconds, 21_600);
    let back = night("2026-10-24T23:00");
    assert_eq!(back.closes_at, Some(local("2026-10-25T04:00")));
    assert_eq!(content_of(&back, WindowClock::Local).seconds, 21_600);
}

#[test]
fn an_end_in_the_hour_that_comes_twice_is_where_the_seconds_end() {
    let window = first(&seconds(Some("2026-10-25T01:30"), 3600), "2026-10-20T10:00");
    assert_eq!(window.closes_at.unwrap().to_rfc3339(), "2026-10-25T02:30:00+02:00");
    assert_eq!(content_of(&window, WindowClock::Local).seconds, 3600);
    assert_eq!(state_of(&window, BERLIN, utc("2026-10-25T00:29:59")), WindowState::Open);
    assert_eq!(state_of(&window, BERLIN, utc("2026-10-25T00:30:00")), WindowState::Closed);
    assert_eq!(state_of(&window, BERLIN, utc("2026-10-25T01:00:00")), WindowState::Closed, "for good");
    let longer = first(&seconds(Some("2026-10-25T01:30"), 7200), "2026-10-20T10:00");
    assert_eq!(longer.closes_at.unwrap().to_rfc3339(), "2026-10-25T02:30:00+01:00");
}

#[test]
fn in_half_an_hours_change_it_is_half_an_hour() {
    let lord_howe = DeviceClock::in_step(Lord_Howe);
    let at = |start: &str| {
        let policy =
            with_start(WindowStart::At(local_in(Lord_Howe, start)), WindowDuration::Seconds(4 * 3600));
        by_policy(&policy, lord_howe, utc("2026-01-01T00:00"), entry(1, &[1])).unwrap()
    };
    assert_eq!(at("2026-10-04T00:00").closes_at.unwrap().to_rfc3339(), "2026-10-04T04:30:00+11:00");
    assert_eq!(at("2026-04-05T00:00").closes_at.unwrap().to_rfc3339(), "2026-04-05T03:30:00+10:30");
    assert_eq!(content_of(&at("2026-04-05T00:00"), WindowClock::Utc).start, naive("2026-04-04T13:00"));
}

#[test]
fn it_is_written_in_the_times_that_a_wrong_clock_shows() {
    let meant = utc("2026-11-23T07:00");
    for (skew, shown) in [
        (3600, "2026-11-23T09:00"),
        (-86_400, "2026-11-22T08:00"),
        (-315_532_800, "2016-11-23T08:00"),
        (315_532_800, "2036-11-22T08:00"),
    ] {
        let clock = DeviceClock { tz: Berlin, skew_seconds: skew };
        let policy = seconds(Some("2026-11-23T08:00"), 3600);
        let window = by_policy(&policy, clock, utc("2026-11-20T10:00"), entry(1, &[1])).unwrap();
        assert_eq!(content_of(&window, WindowClock::Local).start, naive(shown), "{skew}");
        assert_eq!(window.meant_at, Some(meant));
        assert_eq!(state_of(&window, clock, utc("2026-11-23T06:59:59")), WindowState::Scheduled);
        assert_eq!(state_of(&window, clock, meant), WindowState::Open);
        assert_eq!(state_of(&window, clock, utc("2026-11-23T08:00")), WindowState::Closed);
        assert_eq!(window.policy, "2026-11-23T08:00 for 3600 s", "the policy is the operator's");
        assert_eq!(misplaced(&window, &policy, clock, utc("2026-11-20T10:00")), None);
    }
}

#[test]
fn written_in_utc_it_is_the_same_moment_of_the_devices_clock() {
    let window = first(&seconds(Some("2026-11-23T08:00"), 3600), "2026-11-20T10:00");
    assert_eq!(
        content_of(&window, WindowClock::Utc),
        WindowContent { start: naive("2026-11-23T07:00"), seconds: 3600 }
    );
}

#[test]
fn a_clock_that_was_set_misplaces_a_window_until_it_is_over() {
    let policy = seconds(Some("2026-11-23T08:00"), 3600);
    let fast = DeviceClock { tz: Berlin, skew_seconds: 3600 };
    let window = by_policy(&policy, fast, utc("2026-11-20T10:00"), entry(1, &[1])).unwrap();
    let meant = utc("2026-11-23T07:00");
    for now in ["2026-11-20T11:00", "2026-11-23T07:59"] {
        assert_eq!(misplaced(&window, &policy, BERLIN, utc(now)), Some(meant), "{now}");
    }
    assert_eq!(misplaced(&window, &policy, BERLIN, utc("2026-11-23T08:00")), None, "nothing to be saved");
    let nearly = DeviceClock { tz: Berlin, skew_seconds: 3600 - 180 };
    assert_eq!(misplaced(&window, &policy, nearly, utc("2026-11-20T11:00")), None, "as far as minutes tell");
    let right = set_right(&window, meant, BERLIN, entry(2, &[1]));
    assert_eq!((right.number, right.reopened, right.meant_at), (2, 0, Some(meant)));
    assert_eq!(right.opens_at, local("2026-11-23T08:00"));
    assert_eq!(right.closes_at, Some(local("2026-11-23T09:00")));
    assert_eq!(misplaced(&right, &policy, BERLIN, utc("2026-11-20T11:00")), None);
    let of_old = Window { meant_at: None, ..window };
    assert_eq!(
        misplaced(&of_old, &policy, BERLIN, utc("2026-11-20T11:00")),
        Some(meant),
        "as the site file says"
    );
    let unknown = Window { meant_at: None, ..at_once(&seconds(None, 3600), fast, meant, entry(1, &[1])) };
    assert_eq!(misplaced(&unknown, &seconds(None, 3600), BERLIN, meant), None, "from before it was noted");
}

/// By that clock its time is over before it has come: nobody has missed anything.
#[test]
fn a_window_that_a_clock_was_set_over_is_still_to_come() {
    let window = first(&seconds(Some("2026-11-23T08:00"), 3600), "2026-11-20T10:00");
    let a_day_ahead = DeviceClock { tz: Berlin, skew_seconds: 86_400 };
    let state = |window: &Window, now: &str| state_of(window, a_day_ahead, utc(now));
    assert_eq!(state(&window, "2026-11-22T09:00:00"), WindowState::Scheduled);
    assert_eq!(state(&window, "2026-11-22T07:30:00"), WindowState::Open, "a day early, but open it is");
    assert_eq!(
        state(&window, "2026-11-23T07:00:00"),
        WindowState::Closed,
        "it was not written again in time"
    );
    let mut windows = [window];
    let seen = observation("2026-11-22T09:00:00", Reading::Known(Vec::new()));
    close_due(&mut windows, a_day_ahead, &records(&[(1, Registration::Pending)]), &seen);
    assert_eq!(windows[0].missing_at_end, None);
}

#[test]
fn a_window_is_ended_in_the_minute_and_never_for_ever() {
    let window = first(&seconds(Some("2026-11-23T08:00"), 72_000), "2026-11-20T10:00");
    let ended_at = |now: &str| {
        let ended = ended(&window, BERLIN, utc(now));
        assert_eq!(state_of(&ended, BERLIN, utc(now)), WindowState::Closed, "{now}");
        (ended.opens_at, content_of(&ended, WindowClock::Local).seconds)
    };
    assert_eq!(ended_at("2026-11-23T09:10:40"), (local("2026-11-23T08:00"), 7840));
    assert_eq!(ended_at("2026-11-23T07:00:20"), (local("2026-11-23T08:00"), 20), "in its first minute");
    assert_eq!(ended_at("2026-11-23T07:00:00"), (local("2026-11-23T07:59"), 60), "never for no seconds");
    assert_eq!(ended_at("2026-11-23T06:00:00"), (local("2026-11-23T06:59"), 60), "before it begins");
    let policy_of_it = seconds(Some("2026-11-23T08:00"), 72_000);
    let unused = ended(&window, BERLIN, utc("2026-11-22T06:00:00"));
    for later in ["2026-11-22T06:01:00", "2026-11-23T07:30:00"] {
        assert_eq!(
            misplaced(&unused, &policy_of_it, BERLIN, utc(later)),
            None,
            "it is meant to be over: {later}"
        );
        assert_eq!(state_of(&unused, BERLIN, utc(later)), WindowState::Closed);
    }
    let always = first(&policy(None, WindowDuration::Always), "2026-11-23T07:00:41");
    let ended = ended(&always, BERLIN, utc("2026-11-23T08:00"));
    assert_eq!(content_of(&ended, WindowClock::Local).seconds, 3600);
}

#[test]
fn a_recurring_one_is_that_which_runs_or_the_next() {
    let mondays = every("0 8 * * MON", 8);
    let opens = |now: &str| first(&mondays, now).opens_at;
    // 2026-11-23 is a Monday.
    assert_eq!(opens("2026-11-22T10:00"), local("2026-11-23T08:00"));
    assert_eq!(opens("2026-11-23T07:00"), local("2026-11-23T08:00"));
    assert_eq!(opens("2026-11-23T14:59:59"), local("2026-11-23T08:00"));
    assert_eq!(opens("2026-11-23T15:00:00"), local("2026-11-30T08:00"));
    assert_eq!(first(&mondays, "2026-11-22T10:00").policy, "at 0 8 * * MON for 28800 s");
    let ahead = DeviceClock { tz: Berlin, skew_seconds: 3600 };
    let window = by_policy(&mondays, ahead, utc("2026-11-22T10:00"), entry(1, &[1])).unwrap();
    assert_eq!(window.opens_at, local("2026-11-23T09:00"), "in its clock");
    let nights = every("30 2 * * *", 2);
    assert_eq!(first(&nights, "2026-03-28T12:00").opens_at, local("2026-03-29T03:00"), "behind the gap");
    let twice = first(&nights, "2026-10-24T12:00");
    assert_eq!(twice.opens_at.to_rfc3339(), "2026-10-25T02:30:00+02:00");
    assert_eq!(twice.closes_at.unwrap().to_rfc3339(), "2026-10-25T03:30:00+01:00");
}

#[test]
fn of_somebody_elses_recurring_window_the_last_one_counts_until_the_next() {
    let mondays = site(Mode::Observe, Some(every("0 8 * * MON", 8)));
    let opens = |now: &str| in_force(&[], &mondays, BERLIN, utc(now)).unwrap().opens_at;
    assert_eq!(opens("2026-11-23T06:59"), local("2026-11-16T08:00"));
    assert_eq!(opens("2026-11-23T07:00"), local("2026-11-23T08:00"));
    assert_eq!(opens("2026-11-28T07:00"), local("2026-11-23T08:00"));
}

#[test]
fn the_last_of_the_ledger_is_in_force() {
    let ledger =
        [first(&seconds(None, 60), "2026-11-23T07:00"), first(&seconds(None, 90), "2026-11-23T08:00")];
    let managed = site(Mode::Manage, Some(seconds(Some("2026-12-01T08:00"), 60)));
    assert_eq!(in_force(&ledger, &managed, BERLIN, utc("2026-11-20T10:00")).as_ref(), ledger.last());
    assert_eq!(
        in_force(&ledger, &site(Mode::Observe, Some(seconds(None, 60))), BERLIN, utc("2026-11-20T10:00"))
            .as_ref(),
        ledger.last()
    );
    assert_eq!(
        in_force(&ledger, &site(Mode::Observe, None), BERLIN, utc("2026-11-20T10:00")).as_ref(),
        ledger.last()
    );
}

#[test]
fn somebody_elses_window_is_the_one_that_the_site_file_dates() {
    let dated = || Some(seconds(Some("2026-12-01T08:00"), 60));
    let ledger = [first(&seconds(None, 60), "2026-11-23T07:00")];
    let opens = local("2026-12-01T08:00");
    for (ledger, mode) in [(&ledger[..], Mode::Observe), (&[], Mode::Observe), (&[], Mode::Manage)] {
        let window = in_force(ledger, &site(mode, dated()), BERLIN, utc("2026-11-20T10:00")).unwrap();
        assert_eq!((window.number, window.opens_at), (0, opens), "{mode:?}");
    }
    let own = [first(&seconds(Some("2026-12-01T08:00"), 60), "2026-11-23T07:00")];
    assert_eq!(
        in_force(&own, &site(Mode::Observe, dated()), BERLIN, utc("2026-11-20T10:00")).unwrap().number,
        1,
        "it is the same one"
    );
    assert_eq!(
        in_force(&[], &site(Mode::Manage, Some(seconds(None, 60))), BERLIN, utc("2026-11-20T10:00")),
        None
    );
    assert_eq!(in_force(&[], &site(Mode::Manage, None), BERLIN, utc("2026-11-20T10:00")), None);
}

#[test]
fn status_shows_the_window_in_the_sites_zone() {
    let policy = seconds(Some("2026-11-23T08:00"), 3600);
    let written = [first(&policy, "2026-11-20T10:00")];
    let clock = DeviceClock { tz: Berlin, skew_seconds: 900 };
    let seen = status(&written, &site(Mode::Manage, Some(policy)), clock, utc("2026-11-23T06:44:59"));
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

#[test]
fn a_recurring_one_that_ends_before_its_minute_is_over_is_not_opened_again() {
    let mondays = every("0 8 * * MON", 8);
    let fast = DeviceClock { tz: Berlin, skew_seconds: 59 };
    let window = by_policy(&mondays, fast, utc("2026-11-23T07:00"), entry(1, &[1])).unwrap();
    let closed = utc("2026-11-23T14:59:30");
    assert_eq!(
        state_of(&window, fast, closed),
        WindowState::Closed,
        "its minute began before it was meant to"
    );
    let next = by_policy(&mondays, fast, closed, entry(2, &[1])).unwrap();
    assert_eq!(next.meant_at, Some(utc("2026-11-30T07:00")));
}

#[test]
fn a_corrected_zone_or_offset_names_another_moment() {
    let policy = seconds(Some("2026-11-23T08:00"), 3600);
    let window = first(&policy, "2026-11-20T10:00");
    assert!(!is_moved(&window, &policy, Berlin));
    let start = WindowStart::At(naive("2026-11-23T08:00").and_utc().fixed_offset());
    let elsewhere = with_start(start, WindowDuration::Seconds(3600));
    assert_eq!(policy_text(&elsewhere), window.policy, "it reads the same");
    assert!(is_moved(&window, &elsewhere, Tz::UTC));
    assert!(
        !is_moved(&Window { reopened: 1, ..window.clone() }, &elsewhere, Tz::UTC),
        "a reopening is n720d's"
    );
    assert!(!is_moved(&Window { meant_at: None, ..window }, &elsewhere, Tz::UTC), "of an earlier version");
    let mondays = every("0 8 * * MON", 8);
    let recurring = first(&mondays, "2026-11-20T10:00");
    assert!(!is_moved(&recurring, &mondays, Berlin));
    assert!(is_moved(&recurring, &mondays, Tz::UTC));
}

#[test]
fn the_rest_of_one_that_was_ended_early_ends_when_the_whole_would_have() {
    let (policy, endless) = (seconds(None, 7200), policy(None, WindowDuration::Always));
    let whole = first(&policy, "2026-11-23T07:00");
    let early = ended(&whole, BERLIN, utc("2026-11-23T07:30"));
    let left = |now: &str| rest(&early, &policy, BERLIN, utc(now), entry(2, &[1]));
    assert_eq!(left("2026-11-23T08:00").unwrap().closes_at, whole.closes_at);
    assert_eq!(left("2026-11-23T09:00"), None, "its time is over");
    assert_eq!(rest(&whole, &policy, BERLIN, utc("2026-11-23T08:00"), entry(2, &[1])), None, "it was whole");
    let early = ended(&first(&endless, "2026-11-23T07:00"), BERLIN, utc("2026-11-23T07:30"));
    let again = rest(&early, &endless, BERLIN, utc("2027-11-23T07:00"), entry(2, &[1])).unwrap();
    assert_eq!(again.closes_at, None);
}

#[test]
fn what_is_open_for_ever_is_where_it_belongs_whatever_the_clock() {
    let endless = policy(None, WindowDuration::Always);
    let window = first(&endless, "2026-11-23T07:00");
    for skew_seconds in [600, 86_400] {
        let drifted = DeviceClock { tz: Berlin, skew_seconds };
        assert_eq!(misplaced(&window, &endless, drifted, utc("2026-11-24T07:00")), None, "{skew_seconds}");
    }
    let behind = DeviceClock { tz: Berlin, skew_seconds: -172_800 };
    assert!(
        misplaced(&window, &endless, behind, utc("2026-11-24T07:00")).is_some(),
        "it would not be open yet"
    );
}
