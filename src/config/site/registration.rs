//! `[registration]`: the window in which handsets may come in, the PIN, and reopening.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::super::report::{Located, quoted};
use super::super::tree::Section;
use super::super::value;
use crate::domain::desired::{Pin, RegistrationPolicy, WindowClock, WindowDuration, WindowStart};
use crate::domain::schedule::Schedule;

const DURATION: &str = "a duration like \"20h\", or \"always\"";

/// Which clock its times are for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The site's zone; `None` where the file names none that exists.
    pub(super) zone: Option<Tz>,
    /// What the manager takes the start of a window for.
    pub(super) written_in: WindowClock,
}

/// Reads the table. An empty one asks for nothing, and is as good as none.
pub(super) fn read(section: Section<'_>, clock: Clock) -> Option<RegistrationPolicy> {
    let report = section.report;
    let zone = clock.zone.unwrap_or(Tz::UTC);
    let starts = section.string("start").and_then(|text| report.checked(text, value::minute));
    let start = starts.as_ref().and_then(|start| moment(&section, start, zone, clock.written_in));
    let schedule = section.string("schedule").and_then(|text| report.checked(text, value::schedule));
    let length = section.string("duration").and_then(|text| report.checked(text, duration));
    let pin = section.string("pin").and_then(|text| report.checked(text, pin));
    let reopen = section.integer("reopen", 0..=100_u8);
    let reopen_schedule =
        section.string("reopen_schedule").and_then(|text| report.checked(text, value::schedule));
    let close_when_filled = section.boolean("close_when_filled");
    let of_a_window = ["start", "schedule", "pin", "reopen", "reopen_schedule", "close_when_filled"];
    if of_a_window.into_iter().any(|key| section.has(key)) {
        section.require("duration", &format!("{DURATION}: all else in this table belongs to a window"));
    }
    if section.has("start") && section.has("schedule") {
        let expected = "either start, for one window, or schedule, for one that recurs";
        report.error(&section.place_of("schedule"), "a schedule beside a start", expected);
    }
    if let (Some(schedule), Some(length)) = (&schedule, &length) {
        check_pauses(&section, schedule, length, zone);
    }
    let closes = close_when_filled.as_ref().is_some_and(|close| close.value);
    let endless =
        length.as_ref().filter(|length| length.value == WindowDuration::Always && schedule.is_none());
    if let Some(always) = endless {
        if !closes && pin.as_ref().is_some_and(|pin| pin.value == Pin::ZEROS) {
            let expected =
                "a duration: with pin 0000, any handset fresh from the factory may come in for ever";
            report.warn(&always.place, "\"always\"", expected);
        }
        if let Some(reopen) = reopen.as_ref().filter(|reopen| reopen.value > 0) {
            report.warn(&reopen.place, reopen.value, "0: a window without an end leaves nobody out");
        }
    }
    if let Some(unused) =
        reopen_schedule.as_ref().filter(|_| reopen.as_ref().is_none_or(|reopen| reopen.value == 0))
    {
        report.warn(
            &unused.place,
            quoted(&unused.value.to_string()),
            "reopen too: without it no window is opened again",
        );
    }
    section.finish();
    let start = match (start, schedule) {
        (Some(start), _) => WindowStart::At(start),
        (None, Some(schedule)) => WindowStart::Recurring(schedule.value),
        (None, None) => WindowStart::WhenReleased,
    };
    Some(RegistrationPolicy {
        start,
        duration: length?.value,
        pin: pin.map(|pin| pin.value),
        reopen: reopen.map_or(0, |reopen| reopen.value),
        reopen_schedule: reopen_schedule.map(|schedule| schedule.value),
        close_when_filled: closes,
    })
}

/// The moment that a start names. A time that the site's clock never shows is an error, and so is one that it shows
/// twice, unless an offset says which is meant.
fn moment(
    section: &Section<'_>,
    start: &Located<(NaiveDateTime, Option<FixedOffset>)>,
    zone: Tz,
    written_in: WindowClock,
) -> Option<DateTime<FixedOffset>> {
    let (local, offset) = start.value;
    let report = section.report;
    let shown = quoted(&local.format("%Y-%m-%dT%H:%M").to_string());
    if let Some(offset) = offset {
        let moment = local.checked_sub_offset(offset)?.and_utc().with_timezone(&zone);
        let in_utc = offset.local_minus_utc() == 0;
        if moment.naive_local() != local && !in_utc {
            let found = format!("{shown} with an offset that {zone} does not have then");
            let there = quoted(&moment.format("%Y-%m-%dT%H:%M%:z").to_string());
            report.error(
                &start.place,
                found,
                format!("the zone's own offset, or none; the moment named is {there} there"),
            );
            return None;
        }
        let ambiguous = matches!(zone.from_local_datetime(&moment.naive_local()), LocalResult::Ambiguous(..));
        if ambiguous && written_in == WindowClock::Local {
            let found = format!("{shown}, which comes twice in {zone} when the clock goes back");
            let expected =
                "another time: the manager is told a local time, and which of the two it takes is not known";
            report.warn(&start.place, found, expected);
        }
        return Some(fixed(moment));
    }
    match zone.from_local_datetime(&local) {
        LocalResult::Single(moment) => Some(fixed(moment)),
        LocalResult::Ambiguous(first, second) => {
            let found = format!("{shown}, which comes twice in {zone} when the clock goes back");
            let with = |moment: DateTime<Tz>| quoted(&moment.format("%Y-%m-%dT%H:%M%:z").to_string());
            let expected = format!("an offset that says which: {} or {}", with(first), with(second));
            report.error(&start.place, found, expected);
            None
        }
        LocalResult::None => {
            let found = format!("{shown}, which {zone} leaves out when the clock goes forward");
            report.error(&start.place, found, "a time that the manager's clock shows");
            None
        }
    }
}

fn fixed(moment: DateTime<Tz>) -> DateTime<FixedOffset> {
    moment.with_timezone(&moment.offset().fix())
}

/// So many windows of a schedule are looked at: more than there are days in a year, so that every kind of pause is
/// among them.
const PAUSES: usize = 400;

/// Windows that recur end before the next one begins.
fn check_pauses(
    section: &Section<'_>,
    schedule: &Located<Schedule>,
    length: &Located<WindowDuration>,
    zone: Tz,
) {
    let WindowDuration::Seconds(seconds) = length.value else {
        let expected = "a duration like \"8h\": what is always open does not recur";
        section.report.error(&length.place, "\"always\" beside a schedule", expected);
        return;
    };
    // Any year shows it: schedules of cron do not know years.
    let year = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).single();
    let firings =
        std::iter::successors(year, |last| schedule.value.next_after(*last, zone)).skip(1).take(PAUSES);
    let firings: Vec<DateTime<Utc>> = firings.collect();
    let length_of = TimeDelta::seconds(i64::from(seconds));
    if let Some([first, _]) = firings.array_windows().find(|[first, next]| *next - *first <= length_of) {
        let found = format!(
            "{}, which begins again while the window of {} is open",
            quoted(&schedule.value.to_string()),
            first.with_timezone(&zone).format("%Y-%m-%d %H:%M")
        );
        section.report.warn(&schedule.place, found, "a duration that ends before the next window begins");
    }
}

fn duration(text: &str) -> Result<WindowDuration, String> {
    if text == "always" {
        return Ok(WindowDuration::Always);
    }
    let too_long = || format!("{}, or \"always\"", value::TOO_LONG);
    let length = value::positive_duration(text)
        .map_err(|expected| if expected == value::TOO_LONG { too_long() } else { DURATION.to_owned() })?;
    u32::try_from(length.as_secs()).map(WindowDuration::Seconds).map_err(|_| too_long())
}

fn pin(text: &str) -> Result<Pin, String> {
    let expected = || "four digits, like \"0000\", or \"random\"".to_owned();
    if text == "random" {
        return Ok(Pin::Random);
    }
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(10).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or_else(expected)?;
    digits.try_into().map(Pin::Fixed).map_err(|_| expected())
}
