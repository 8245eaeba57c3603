//! The clock changes of several zones, met by windows of several lengths on clocks that are up to a day off.

use std::collections::BTreeSet;

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use n720d::domain::desired::{RegistrationPolicy, WindowClock, WindowDuration, WindowStart};
use n720d::domain::device_clock::{DeviceClock, skew_seconds};
use n720d::domain::memory::Window;
use n720d::domain::status::WindowState;
use n720d::domain::window::{Entry, by_policy, closes_in, content_of, next_edge, state_of};

use crate::site::local;

/// Berlin; half an hour; at midnight; a zone that changes at odd times; one without changes.
const ZONES: [Tz; 5] = [
    chrono_tz::Europe::Berlin,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::America::Sao_Paulo,
    chrono_tz::Africa::Casablanca,
    chrono_tz::Asia::Kathmandu,
];

#[test]
fn the_zones_change_their_clocks() {
    let [berlin, lord_howe, sao_paulo, casablanca, kathmandu] = ZONES.map(|tz| changes(tz).len());
    assert_eq!((berlin, lord_howe, sao_paulo, kathmandu), (20, 20, 7, 0), "2016 to 2025");
    assert!(casablanca >= 10, "{casablanca}: announced from year to year");
}

#[test]
fn windows_survive_clock_changes() {
    for tz in ZONES {
        for change in changes(tz).into_iter().rev().take(5) {
            for skew_hours in [-24, -5, -1, 0, 1, 7, 24] {
                let clock = DeviceClock { tz, skew_seconds: skew_hours * 3600 };
                let by_us = change - TimeDelta::hours(skew_hours);
                for minutes_before in [-45, 0, 15, 45, 150] {
                    let now = by_us - TimeDelta::minutes(minutes_before) + TimeDelta::seconds(20);
                    for seconds in [60, 3599, 3600, 7200, 72_000] {
                        walk_through(clock, now, seconds);
                    }
                }
            }
        }
    }
}

/// Opens a window "when released" and looks at it every ten minutes until it is over.
fn walk_through(clock: DeviceClock, now: DateTime<Utc>, seconds: u32) {
    let window = opened(clock, now, seconds);
    let place = format!("{clock:?}, released {now} for {seconds} s: {window:?}");
    let content = content_of(&window, WindowClock::Local);
    // The minute that has begun; a clock change adds nothing.
    let spare = i64::from(content.seconds) - i64::from(seconds);
    assert!((0..=59).contains(&spare), "{place}: {content:?}");
    let shown = clock.shows(clock.ours(window.opens_at).to_utc()).naive_local();
    assert_eq!(shown, content.start, "{place}: it opens when the clock shows its start");

    let ends = now + TimeDelta::seconds(i64::from(content.seconds)) + TimeDelta::hours(2);
    let mut state = WindowState::Scheduled;
    let mut at = now - TimeDelta::hours(2);
    while at < ends {
        let next = state_of(&window, clock, at);
        assert!(rank(next) >= rank(state), "{place}: {state:?} and then {next:?} at {at}");
        let left = closes_in(&window, clock, at);
        assert_eq!(left.is_some(), next != WindowState::Closed, "{place}: {left:?} left at {at}");
        let edge = next_edge(&window, clock, at, &[]).map(|edge| TimeDelta::from_std(edge).unwrap());
        assert_eq!(edge.is_some(), next != WindowState::Closed, "{place}: {edge:?} at {at}");
        if let Some(edge) = edge {
            assert_ne!(state_of(&window, clock, at + edge), next, "{place}: an edge at {at} is a change");
        }
        state = next;
        at += TimeDelta::minutes(10);
    }
    assert_eq!(state, WindowState::Closed, "{place}");
}

#[test]
fn what_a_clock_shows_leads_back_to_when_it_shows_it() {
    for tz in ZONES {
        for change in changes(tz) {
            for minutes in -180..180 {
                let now = change + TimeDelta::minutes(minutes);
                let clock = DeviceClock { tz, skew_seconds: 0 };
                let shown = clock.shows(now);
                assert_eq!(clock.ours(shown), now, "{tz}: {now} shows {shown}");
                assert_eq!(skew_seconds(shown.naive_local(), now, tz), 0, "{tz}: {now} shows {shown}");
            }
        }
    }
}

#[test]
fn a_skew_is_found_again() {
    for tz in ZONES {
        let at = Utc.with_ymd_and_hms(2026, 1, 20, 11, 7, 33).unwrap();
        for skew in (-1440..=1440).map(|minutes| minutes * 60) {
            let shown = DeviceClock { tz, skew_seconds: skew }.shows(at);
            let minute = shown.format("%Y-%m-%dT%H:%M").to_string();
            let found = skew_seconds(local(&minute), at, tz);
            assert!((found - skew).abs() <= 60, "{tz}: {skew} s taken for {found} s");
        }
    }
}

fn rank(state: WindowState) -> u8 {
    match state {
        WindowState::None => 0,
        WindowState::Scheduled => 1,
        WindowState::Open | WindowState::Always => 2,
        WindowState::Closed => 3,
    }
}

fn opened(clock: DeviceClock, now: DateTime<Utc>, seconds: u32) -> Window {
    let policy = RegistrationPolicy {
        start: WindowStart::WhenReleased,
        duration: WindowDuration::Seconds(seconds),
        pin: None,
        reopen: 0,
        reopen_schedule: None,
        close_when_filled: false,
    };
    let entry = Entry { number: 1, reopened: 0, reason: String::new(), missing: BTreeSet::new() };
    by_policy(&policy, clock, now, entry).unwrap()
}

/// The instants from 2016 to 2025 at which the zone's offset changes, to the quarter hour.
fn changes(tz: Tz) -> Vec<DateTime<Utc>> {
    let offset = |at: &DateTime<Utc>| tz.offset_from_utc_datetime(&at.naive_utc()).fix();
    let from = Utc.with_ymd_and_hms(2016, 1, 1, 0, 0, 0).unwrap();
    let quarters = (0..10 * 366 * 96).map(|quarter| from + TimeDelta::minutes(15 * quarter));
    let until = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
    quarters.filter(|at| *at < until && offset(at) != offset(&(*at - TimeDelta::minutes(15)))).collect()
}
