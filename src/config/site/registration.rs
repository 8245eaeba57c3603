//! `[registration]`: the window in which handsets may come in, the PIN, and reopening.

use chrono::{LocalResult, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use super::super::report::{Located, quoted};
use super::super::tree::Section;
use super::super::value;
use crate::domain::desired::{Pin, RegistrationPolicy, WindowDuration, WindowStart};

const DURATION: &str = "a duration like \"20h\", or \"always\"";

/// Reads the table. An empty one asks for nothing, and is as good as none.
pub(super) fn read(section: Section<'_>, zone: Option<Tz>) -> Option<RegistrationPolicy> {
    let report = section.report;
    let start = section.string("start").and_then(|text| report.checked(text, value::device_time));
    let length = section.string("duration").and_then(|text| report.checked(text, duration));
    let pin = section.string("pin").and_then(|text| report.checked(text, pin));
    let reopen = section.integer("reopen", 0..=100_u8);
    if ["start", "pin", "reopen"].into_iter().any(|key| section.has(key)) {
        section.require("duration", &format!("{DURATION}: start, pin and reopen belong to a window"));
    }
    if let (Some(start), Some(zone)) = (&start, zone) {
        check_clock_change(&section, start, zone);
    }
    if let Some(always) = length.as_ref().filter(|length| length.value == WindowDuration::Always) {
        if pin.as_ref().is_some_and(|pin| pin.value == Pin::ZEROS) {
            let expected =
                "a duration: with pin 0000, any handset fresh from the factory may come in for ever";
            report.warn(&always.place, "\"always\"", expected);
        }
        if let Some(reopen) = reopen.as_ref().filter(|reopen| reopen.value > 0) {
            report.warn(&reopen.place, reopen.value, "0: a window that is always open never closes");
        }
    }
    section.finish();
    Some(RegistrationPolicy {
        start: start.map_or(WindowStart::WhenReleased, |start| WindowStart::At(start.value)),
        duration: length?.value,
        pin: pin.map(|pin| pin.value),
        reopen: reopen.map_or(0, |reopen| reopen.value),
    })
}

/// A start that the site's clock never shows is an error; one that it shows twice is worth a word.
fn check_clock_change(section: &Section<'_>, start: &Located<NaiveDateTime>, zone: Tz) {
    let shown = quoted(&start.value.format("%Y-%m-%dT%H:%M").to_string());
    match zone.from_local_datetime(&start.value) {
        LocalResult::Single(_) => {}
        LocalResult::Ambiguous(first, _) => {
            let found = format!("{shown}, which comes twice in {zone} when the clock goes back");
            let expected = format!("another time; this is taken for {}", first.to_rfc3339());
            section.report.warn(&start.place, found, expected);
        }
        LocalResult::None => {
            let found = format!("{shown}, which {zone} leaves out when the clock goes forward");
            section.report.error(&start.place, found, "a time that the manager's clock shows");
        }
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
