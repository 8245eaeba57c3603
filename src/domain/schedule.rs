//! Schedules: cron as operators know it, evaluated on the clock of a time zone. Reads no clock itself.
//!
//! The fields are read here, because the `cron` crate counts weekdays from Sunday = 1 and takes `**` for two fields; that
//! crate then steps through wall-clock times, and what a clock change does to those is decided here again.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// A text that is no schedule; the message says what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Neither five nor six fields.
    #[error("five fields (minute hour day month weekday), or six with the seconds in front")]
    Fields,
    /// A field that cannot be read.
    #[error("a {field} of {range}, as numbers, *, a-b, a-b/n, */n, or a list of these, instead of {found:?}")]
    Field {
        /// Its name.
        field: &'static str,
        /// The field as found.
        found: String,
        /// What it may hold.
        range: &'static str,
    },
    /// Day of month together with weekday, of which some crons make *or* and some *and*.
    #[error("a day of the month or a weekday, not both: that needs two schedules")]
    TwoDays,
    /// A date that does not exist.
    #[error("a schedule that comes true, not a date that never exists")]
    Never,
}

/// A cron schedule: `minute hour day month weekday`, with an optional field for seconds in front.
///
/// Weekdays count from Monday = 1; 0 and 7 are Sunday; names are good too. In the hour that a clock change leaves
/// out, a schedule of chosen hours fires once, at the first instant after it, and one of every hour goes on evenly.
/// In the hour that comes twice, the former fires the first time only and the latter both times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    wall: Arc<cron::Schedule>,
    every_hour: bool,
}

impl Schedule {
    /// The first firing after an instant, in a time zone; `None` after the year 2100.
    pub fn next_after(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let here = after.with_timezone(&zone).naive_local();
        let shift = shift_around(after, zone);
        let mut best: Option<DateTime<Utc>> = None;
        // A clock change can bring a firing up to `shift` away from where it stands on the wall.
        let from = here.checked_sub_signed(shift + Duration::seconds(1))?;
        for wall in self.wall.after(&from.and_utc()).map(|wall| wall.naive_utc()) {
            let reach = best.map(|best| best.with_timezone(&zone).naive_local() + shift);
            if reach.is_some_and(|reach| wall > reach) {
                break;
            }
            let (first, second) = self.instants(wall, zone);
            let firing = [first, second].into_iter().flatten().filter(|firing| *firing > after).min();
            best = [best, firing].into_iter().flatten().min();
        }
        best
    }

    /// The last firing up to an instant, in a time zone; `None` when there was none in the four years before.
    pub fn last_until(&self, until: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let fires_after =
            |after: DateTime<Utc>| self.next_after(after, zone).filter(|firing| *firing <= until);
        let spans = [Duration::hours(1), Duration::days(1), Duration::days(32), Duration::days(4 * 366)];
        let mut before = spans
            .into_iter()
            .filter_map(|span| until.checked_sub_signed(span))
            .find(|from| fires_after(*from).is_some())?;
        // Up to here it fires again; from the last firing on it does not.
        let mut behind = until;
        while behind - before > Duration::seconds(1) {
            let middle = before + (behind - before) / 2;
            if fires_after(middle).is_some() { before = middle } else { behind = middle }
        }
        fires_after(before)
    }

    /// When the clock on the wall shows this time, as far as the schedule fires then.
    fn instants(&self, wall: NaiveDateTime, zone: Tz) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        match zone.from_local_datetime(&wall) {
            LocalResult::Single(once) => (Some(once.to_utc()), None),
            LocalResult::Ambiguous(first, second) => {
                (Some(first.to_utc()), self.every_hour.then(|| second.to_utc()))
            }
            LocalResult::None if self.every_hour => (after_gap(wall, zone), None),
            LocalResult::None => (end_of_gap(wall, zone), None),
        }
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let [second, minute, hour, day, month, weekday] = fields[..] else {
            return Err(ScheduleError::Fields);
        };
        let every = |field| matches!(field, "*" | "?");
        if !every(day) && !every(weekday) {
            return Err(ScheduleError::TwoDays);
        }
        let weekday = WEEKDAY.list(weekday)?;
        let hours = HOUR.list(hour)?;
        let wall = [
            SECOND.list(second)?,
            MINUTE.list(minute)?,
            hours.clone(),
            DAY.list(day)?,
            MONTH.list(month)?,
            weekday,
        ]
        .join(" ");
        // Every field is a list of numbers in range by now: what the crate still refuses is no date.
        let wall: cron::Schedule = wall.parse().map_err(|_| ScheduleError::Never)?;
        if wall.after(&DateTime::UNIX_EPOCH).next().is_none() {
            return Err(ScheduleError::Never);
        }
        Ok(Self { text: text.to_owned(), wall: Arc::new(wall), every_hour: hours == "*" })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What one field may hold.
struct Field {
    name: &'static str,
    range: &'static str,
    least: u8,
    most: u8,
    /// From the least value on.
    names: &'static [&'static str],
    /// What is added to a value for the `cron` crate.
    offset: u8,
}

const SECOND: Field = Field { name: "second", range: "0 to 59", least: 0, most: 59, names: &[], offset: 0 };
const MINUTE: Field = Field { name: "minute", ..SECOND };
const HOUR: Field = Field { name: "hour", range: "0 to 23", most: 23, ..SECOND };
const DAY: Field = Field { name: "day of month", range: "1 to 31", least: 1, most: 31, ..SECOND };
const MONTH: Field = Field {
    name: "month",
    range: "1 to 12 or jan to dec",
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    offset: 0,
};
const WEEKDAY: Field = Field {
    name: "weekday",
    range: "0 to 7 (Monday is 1, Sunday 0 or 7) or mon to sun",
    least: 0,
    most: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    // The crate's Sunday is 1.
    offset: 1,
};

impl Field {
    /// The field as a plain list of numbers for the `cron` crate, `*` when all are in it.
    fn list(&self, text: &str) -> Result<String, ScheduleError> {
        let error = || ScheduleError::Field { field: self.name, found: text.to_owned(), range: self.range };
        let mut values = BTreeSet::new();
        for part in text.split(',') {
            values.extend(self.part(part).ok_or_else(error)?);
        }
        // Sunday has two numbers: 7 is 0.
        let cycle = if self.most == 7 { 7 } else { self.most + 1 };
        let values: BTreeSet<u8> = values.into_iter().map(|value| value % cycle).collect();
        if values.len() == usize::from(cycle - self.least) {
            return Ok("*".to_owned());
        }
        let numbers: Vec<String> = values.iter().map(|value| (value + self.offset).to_string()).collect();
        Ok(numbers.join(","))
    }

    /// One item of the list: `a`, `a-b`, `*`, the latter two with `/n`.
    fn part(&self, part: &str) -> Option<Vec<u8>> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, number(step).filter(|step| (1..=self.most).contains(step))?),
            None => (part, 1),
        };
        let (least, most) = match range {
            // The week begins with Sunday = 0 here, so that `*` does not count it twice.
            "*" | "?" => (self.least, if self.most == 7 { 6 } else { self.most }),
            _ => match range.split_once('-') {
                Some((least, most)) => self.range(self.value(least)?, self.value(most)?),
                None if part.contains('/') => return None,
                None => (self.value(range)?, self.value(range)?),
            },
        };
        (least <= most).then(|| (least..=most).step_by(step.into()).collect())
    }

    fn value(&self, text: &str) -> Option<u8> {
        let lower = text.to_ascii_lowercase();
        let named = (self.least..).zip(self.names).find(|(_, name)| **name == lower).map(|(value, _)| value);
        named.or_else(|| number(text)).filter(|value| (self.least..=self.most).contains(value))
    }

    /// At the end of a range of days, Sunday is 7: `fri-sun`.
    fn range(&self, least: u8, most: u8) -> (u8, u8) {
        if self.most == 7 && most == 0 && least > 0 { (least, 7) } else { (least, most) }
    }
}

fn number(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// How far a clock change is looked for: further than any moves a clock (the date line has cost some zones a day), and
/// nearer than any two changes are.
const REACH: Duration = Duration::hours(26);

/// How much the clock is moved close to an instant; zero nearly always.
fn shift_around(instant: DateTime<Utc>, zone: Tz) -> Duration {
    let [before, at, after] =
        [instant - REACH * 2, instant, instant + REACH * 2].map(|instant| offset(instant.naive_utc(), zone));
    (at - before).abs().max((after - at).abs())
}

/// How far the zone is ahead of UTC.
fn offset(utc: NaiveDateTime, zone: Tz) -> Duration {
    Duration::seconds(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc().into())
}

/// A wall-clock time that the clock leaves out, moved on by as much as the clock is.
fn after_gap(wall: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let offset_before = offset(wall.checked_sub_signed(REACH)?, zone);
    wall.checked_sub_signed(offset_before).map(|utc| utc.and_utc())
}

/// The first instant after the gap that a wall-clock time falls into.
fn end_of_gap(wall: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let inside = after_gap(wall, zone)?.naive_utc();
    // Seconds before `inside`: the least that is certainly after the change, the most that is certainly before it.
    let (mut after, mut before) = (0, REACH.num_seconds());
    while before - after > 1 {
        let middle = i64::midpoint(after, before);
        let moved = offset(inside - Duration::seconds(middle), zone) == offset(inside, zone);
        if moved { after = middle } else { before = middle }
    }
    Some((inside - Duration::seconds(after)).and_utc())
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, Timelike};
    use proptest::prelude::*;

    use super::*;

    const BERLIN: Tz = chrono_tz::Europe::Berlin;
    /// Its clock moves by half an hour.
    const LORD_HOWE: Tz = chrono_tz::Australia::Lord_Howe;
    /// No clock change since 2019; before, at midnight.
    const SAO_PAULO: Tz = chrono_tz::America::Sao_Paulo;

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The firings from the first instant on, up to the second.
    fn firings(text: &str, zone: Tz, from: &str, to: &str) -> Vec<DateTime<Utc>> {
        let (schedule, to) = (schedule(text), utc(to));
        let next = |after: &DateTime<Utc>| schedule.next_after(*after, zone).filter(|firing| *firing < to);
        std::iter::successors(next(&(utc(from) - Duration::seconds(1))), next).collect()
    }

    fn on_the_wall(text: &str, zone: Tz, from: &str, to: &str) -> Vec<String> {
        let firings = firings(text, zone, from, to);
        firings.iter().map(|firing| firing.with_timezone(&zone).format("%d %H:%M%z").to_string()).collect()
    }

    #[test]
    fn weekdays_count_from_monday() {
        for (text, day) in [
            ("0 3 * * 1", "2026-11-23"),
            ("0 3 * * mon", "2026-11-23"),
            ("0 3 * * 0", "2026-11-22"),
            ("0 3 * * 7", "2026-11-22"),
            ("0 3 * * SUN", "2026-11-22"),
            ("0 3 * * 6", "2026-11-28"),
            ("0 3 * * 5-7/2", "2026-11-22"),
            ("0 3 * * tue-thu", "2026-11-24"),
        ] {
            let next = schedule(text).next_after(utc("2026-11-21T12:00:00Z"), Tz::UTC).unwrap();
            assert_eq!(next.date_naive().to_string(), day, "{text}");
        }
    }

    #[test]
    fn a_range_of_weekdays_may_end_with_sunday() {
        for text in ["0 3 * * fri-sun", "0 3 * * 5-7", "0 3 * * 5-0", "0 3 * * 5,6,0"] {
            let days = on_the_wall(text, Tz::UTC, "2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z");
            assert_eq!(days, ["27 03:00+0000", "28 03:00+0000", "29 03:00+0000"], "{text}");
        }
        assert_eq!(firings("0 3 * * 0-0", Tz::UTC, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z").len(), 1);
        assert_eq!(firings("0 3 * * 0-7", Tz::UTC, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z").len(), 7);
    }

    #[test]
    fn a_sixth_field_in_front_is_seconds() {
        let next = schedule("*/20 * * * * *").next_after(utc("2026-11-21T12:00:05Z"), Tz::UTC).unwrap();
        assert_eq!(next, utc("2026-11-21T12:00:20Z"));
        let next = schedule("* * * * *").next_after(utc("2026-11-21T12:00:05Z"), Tz::UTC).unwrap();
        assert_eq!(next, utc("2026-11-21T12:01:00Z"));
    }

    #[test]
    fn what_is_no_schedule_says_what_is_expected() {
        for (text, expected) in [
            ("", "five fields (minute hour day month weekday), or six with the seconds in front"),
            ("* * * *", "five fields (minute hour day month weekday), or six with the seconds in front"),
            ("@daily", "five fields (minute hour day month weekday), or six with the seconds in front"),
            (
                "0 0 3 * * * 2026",
                "five fields (minute hour day month weekday), or six with the seconds in front",
            ),
            ("0 3 13 * fri", "a day of the month or a weekday, not both: that needs two schedules"),
            ("0 3 31 2 *", "a schedule that comes true, not a date that never exists"),
            ("0 3 30,31 2 *", "a schedule that comes true, not a date that never exists"),
            (
                "60 3 * * *",
                "a minute of 0 to 59, as numbers, *, a-b, a-b/n, */n, or a list of these, instead of \"60\"",
            ),
        ] {
            assert_eq!(text.parse::<Schedule>().unwrap_err().to_string(), expected, "{text}");
        }
        for text in [
            "** * * * *",
            "5/15 * * * *",
            "*/0 * * * *",
            "9-5 * * * *",
            "1,,2 * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "* * * foo *",
            "1- * * * *",
            "*/ * * * *",
            "*/60 * * * *",
            "mon * * * *",
            "99999 * * * *",
        ] {
            assert!(matches!(text.parse::<Schedule>(), Err(ScheduleError::Field { .. })), "{text}");
        }
    }

    #[test]
    fn what_the_clock_leaves_out_is_made_up_once() {
        let day = |text| on_the_wall(text, BERLIN, "2026-03-29T00:00:00Z", "2026-03-29T06:00:00Z");
        assert_eq!(day("30 2 * * *"), ["29 03:00+0200"]);
        assert_eq!(day("*/15 2 * * *"), ["29 03:00+0200"]);
        assert_eq!(day("0 2,3 * * *"), ["29 03:00+0200"]);
        assert_eq!(day("30 * * * *").first().unwrap(), "29 01:30+0100");
        assert_eq!(day("30 * * * *").get(1).unwrap(), "29 03:30+0200", "an hourly job goes on evenly");
    }

    #[test]
    fn what_comes_twice_fires_once_unless_it_is_of_every_hour() {
        let day = |text| on_the_wall(text, BERLIN, "2026-10-24T22:00:00Z", "2026-10-25T04:00:00Z");
        assert_eq!(day("30 2 * * *"), ["25 02:30+0200"]);
        assert_eq!(day("0 2-3 * * *"), ["25 02:00+0200", "25 03:00+0100"]);
        assert_eq!(
            day("30 * * * *"),
            [
                "25 00:30+0200",
                "25 01:30+0200",
                "25 02:30+0200",
                "25 02:30+0100",
                "25 03:30+0100",
                "25 04:30+0100"
            ]
        );
    }

    #[test]
    fn quarter_hours_are_even_all_the_year() {
        for zone in [BERLIN, LORD_HOWE, SAO_PAULO] {
            let all = firings("*/15 * * * *", zone, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
            assert_eq!(all.len(), 35_040, "{zone}");
            assert!(all.windows(2).all(|pair| pair[1] - pair[0] == Duration::minutes(15)), "{zone}");
        }
    }

    #[test]
    fn a_daily_job_comes_once_on_every_date() {
        for (zone, year) in [(BERLIN, 2026), (LORD_HOWE, 2026), (SAO_PAULO, 2018), (SAO_PAULO, 2026)] {
            for text in ["0 0 * * *", "15 1 * * *", "45 1 * * *", "15 2 * * *", "30 2 * * *", "59 23 * * *"] {
                let (from, to) = (format!("{year}-01-02T12:00:00Z"), format!("{year}-12-30T12:00:00Z"));
                let all = firings(text, zone, &from, &to);
                let dates: Vec<NaiveDate> =
                    all.iter().map(|firing| firing.with_timezone(&zone).date_naive()).collect();
                assert!(dates.windows(2).all(|pair| pair[1] - pair[0] == Duration::days(1)), "{zone} {text}");
                assert!(dates.len() >= 361, "{zone} {text}");
            }
        }
    }

    #[test]
    fn a_gap_of_half_an_hour_ends_after_half_an_hour() {
        let day = on_the_wall("15 2 * * *", LORD_HOWE, "2026-10-03T12:00:00Z", "2026-10-04T00:00:00Z");
        assert_eq!(day, ["04 02:30+1100"]);
        let hourly = on_the_wall("7 * * * *", LORD_HOWE, "2026-10-03T14:30:00Z", "2026-10-03T17:30:00Z");
        assert_eq!(hourly, ["04 01:07+1030", "04 02:37+1100", "04 03:07+1100", "04 04:07+1100"]);
    }

    #[test]
    fn a_day_that_a_zone_skips_is_made_up_when_it_ends() {
        let apia = on_the_wall(
            "0 12 * * *",
            chrono_tz::Pacific::Apia,
            "2011-12-29T00:00:00Z",
            "2011-12-31T12:00:00Z",
        );
        assert_eq!(apia, ["29 12:00-1000", "31 00:00+1400", "31 12:00+1400"]);
    }

    #[test]
    fn it_ends_with_the_century() {
        assert_eq!(schedule("0 0 1 1 *").next_after(utc("2100-06-01T00:00:00Z"), Tz::UTC), None);
    }

    #[test]
    fn it_prints_as_it_was_written() {
        assert_eq!(schedule("30 3 * * mon").to_string(), "30 3 * * mon");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whenever it is asked: the next firing is later, soon enough, where the wall says so (but at a clock change),
        /// and there is none before it.
        #[test]
        fn rises_strictly_and_fires_only_when_it_should(
            minute in 0_u32..60, hour in 0_u32..24, every_hour: bool, zone in 0_usize..3, day in 0_i64..364,
            after in 0_i64..86_400,
        ) {
            let zone = [BERLIN, LORD_HOWE, SAO_PAULO][zone];
            let text = if every_hour { format!("{minute} * * * *") } else { format!("{minute} {hour} * * *") };
            let after = utc("2026-01-01T00:00:00Z") + Duration::days(day) + Duration::seconds(after);
            let next = schedule(&text).next_after(after, zone).unwrap();
            prop_assert!(next > after);
            let longest = if every_hour { Duration::minutes(90) } else { Duration::hours(25) };
            prop_assert!(next - after <= longest, "{} after {after}: {next}", text);
            let wall = next.with_timezone(&zone);
            let as_written = wall.minute() == minute && (every_hour || wall.hour() == hour);
            prop_assert!(as_written || !shift_around(next, zone).is_zero(), "{text}: {wall}");
            // Nothing between is left out: asking from just before the firing gives the firing.
            let again = schedule(&text).next_after(next - Duration::seconds(1), zone).unwrap();
            prop_assert_eq!(again, next);
        }
    }
}
