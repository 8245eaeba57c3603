//! Maintenance windows against a clock that is read off minute by minute, over years and zones.

use std::collections::BTreeSet;

use chrono::{NaiveDateTime, Timelike};
use proptest::prelude::*;

use super::*;
use crate::domain::wording::{clock, local};

const BERLIN: Tz = chrono_tz::Europe::Berlin;
const LORD_HOWE: Tz = chrono_tz::Australia::Lord_Howe;
const NEW_YORK: Tz = chrono_tz::America::New_York;

fn window(start: &str, minutes: u64) -> MaintenanceWindow {
    MaintenanceWindow {
        start: start.parse().unwrap(),
        length: Duration::from_secs(minutes * 60),
        time_zone: None,
    }
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// How it stands, in short.
fn standing(window: &MaintenanceWindow, zone: Tz, now: &str) -> String {
    match window.standing(zone, utc(now)) {
        MaintenanceStanding::Open { until } => format!("open until {}", clock(local(until, zone))),
        MaintenanceStanding::Closed { next: Some(next) } => format!("next {}", clock(local(next, zone))),
        MaintenanceStanding::Closed { next: None } => "never".into(),
    }
}

#[test]
fn it_holds_from_its_start_until_before_its_end() {
    let night = window("0 2 * * *", 180);
    for (now, expected) in [
        ("2026-11-23T00:59:59Z", "next 2026-11-23 02:00 +01:00"),
        ("2026-11-23T01:00:00Z", "open until 2026-11-23 05:00 +01:00"),
        ("2026-11-23T03:59:59.999Z", "open until 2026-11-23 05:00 +01:00"),
        ("2026-11-23T04:00:00Z", "next 2026-11-24 02:00 +01:00"),
    ] {
        assert_eq!(standing(&night, BERLIN, now), expected, "{now}");
    }
}

#[test]
fn its_own_time_zone_goes_before_the_sites() {
    let mut night = window("0 2 * * *", 60);
    assert_eq!(standing(&night, NEW_YORK, "2026-11-23T07:30:00Z"), "open until 2026-11-23 03:00 -05:00");
    night.time_zone = Some(BERLIN);
    assert_eq!(standing(&night, NEW_YORK, "2026-11-23T07:30:00Z"), "next 2026-11-23 20:00 -05:00");
}

#[test]
fn a_start_that_the_clock_leaves_out_comes_right_after_and_is_as_long() {
    let night = window("30 2 * * *", 60);
    assert_eq!(standing(&night, BERLIN, "2026-03-29T00:59:59Z"), "next 2026-03-29 03:00 +02:00");
    assert_eq!(standing(&night, BERLIN, "2026-03-29T01:00:00Z"), "open until 2026-03-29 04:00 +02:00");
}

#[test]
fn an_hour_that_comes_twice_gives_one_window_of_its_length() {
    let night = window("30 2 * * *", 60);
    assert_eq!(standing(&night, BERLIN, "2026-10-25T00:30:00Z"), "open until 2026-10-25 02:30 +01:00");
    assert_eq!(standing(&night, BERLIN, "2026-10-25T01:30:00Z"), "next 2026-10-26 02:30 +01:00");
}

#[test]
fn windows_that_touch_or_overlap_are_one() {
    // 22:00, 23:00 and 0:00 for an hour each.
    let touching = window("0 22,23,0 * * *", 60);
    assert_eq!(standing(&touching, Tz::UTC, "2026-11-23T22:10:00Z"), "open until 2026-11-24 01:00 +00:00");
    let nights = window("0 20 * * fri-sun", 36 * 60);
    assert_eq!(standing(&nights, Tz::UTC, "2026-11-27T21:00:00Z"), "open until 2026-12-01 08:00 +00:00");
    assert_eq!(standing(&nights, Tz::UTC, "2026-11-30T21:00:00Z"), "open until 2026-12-01 08:00 +00:00");
}

#[test]
fn one_that_never_closes_is_open_until_some_time_ahead() {
    for (text, seconds) in [("* * * * *", 60), ("* * * * * *", 1), ("0 0 * * *", 604_800)] {
        let always = MaintenanceWindow { length: Duration::from_secs(seconds), ..window(text, 1) };
        let now = utc("2026-11-23T12:00:00Z");
        let MaintenanceStanding::Open { until } = always.standing(BERLIN, now) else { panic!("{text}") };
        assert!(until >= now + TimeDelta::seconds(30), "{text}: {until}");
    }
}

#[test]
fn what_never_comes_again_says_so() {
    let last = window("0 2 * * *", 60);
    assert_eq!(standing(&last, Tz::UTC, "2101-06-01T00:00:00Z"), "never");
}

/// The starts of `minute hour * * *` on these days, read off the wall clock minute by minute, without [`Schedule`]: a day
/// on which the clock never shows that time starts at the first minute after the gap, one on which it shows it twice
/// starts the first time.
fn starts(hour: u32, minute: u32, zone: Tz, from: DateTime<Utc>, minutes: i64) -> BTreeSet<DateTime<Utc>> {
    let wall = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    let wanted = |day: NaiveDateTime| day.date().and_hms_opt(hour, minute, 0).unwrap();
    let mut found = BTreeSet::new();
    let mut days = BTreeSet::new();
    for passed in 1..minutes {
        let (at, before) = (from + TimeDelta::minutes(passed), from + TimeDelta::minutes(passed - 1));
        let wanted = wanted(wall(at));
        if wall(before) < wanted && wall(at) >= wanted && days.insert(wanted.date()) {
            found.insert(at);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Over weeks around any day of many years: open exactly in the minutes that the brute force finds, until exactly the
    /// minute in which it ends, and closed until exactly the minute in which it opens.
    #[test]
    fn it_stands_as_a_clock_read_minute_by_minute_says(
        zone in 0_usize..3,
        day in 0_i64..5_000,
        near_change in proptest::option::of(0_usize..4),
        (hour, minute) in (0_u32..24, 0_u32..60),
        length in prop_oneof![1_i64..300, 1_200_i64..1_700, 1_i64..10_080],
        asked in 0_i64..4_320,
    ) {
        let zone = [BERLIN, LORD_HOWE, NEW_YORK][zone];
        let changes = ["2026-03-29", "2026-10-25", "2026-10-04", "2027-03-14"];
        let middle = near_change.map_or_else(
            || utc("2019-01-01T00:00:00Z") + TimeDelta::days(day),
            |index| utc(&format!("{}T00:00:00Z", changes[index])) - TimeDelta::days(1),
        );
        let now = middle + TimeDelta::minutes(asked);
        let window = window(&format!("{minute} {hour} * * *"), u64::try_from(length).unwrap());
        let (from, span) = (middle - TimeDelta::days(9), 30 * 1_440);
        let mut open = BTreeSet::new();
        for start in starts(hour, minute, zone, from, span) {
            open.extend((0..length).map(|passed| start + TimeDelta::minutes(passed)));
        }
        let mut later = (0..).map(|passed| now + TimeDelta::minutes(passed));
        match window.standing(zone, now) {
            MaintenanceStanding::Open { until } => {
                prop_assert!(open.contains(&now), "not open at {now}");
                let end = (now + TimeDelta::days(10)).min(until);
                prop_assert!(later.take_while(|at| *at < end).all(|at| open.contains(&at)), "{until}");
                let endless = length >= 1_380;
                prop_assert!(endless || !open.contains(&until), "it goes on at {until}");
            }
            MaintenanceStanding::Closed { next } => {
                prop_assert!(!open.contains(&now), "open at {now}");
                prop_assert_eq!(next, later.find(|at| open.contains(at)));
            }
        }
        prop_assert_eq!(now.second(), 0);
    }
}
