//! Times and spans as people read them, in alerts, instructions and sheets; and the lines that people write. No sentences
//! here.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;

use super::ids::SlotNumber;

/// Longer names and remarks of people are cut off nowhere, and so are not taken.
pub const LONGEST_LINE: usize = 500;

/// What somebody wrote, without blanks around it; `None`: it cannot be shown in a line, or is too long for one.
pub fn in_a_line(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = text.chars().count() <= LONGEST_LINE && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// An instant in the time zone of a site, in whole seconds: what people and their scripts read.
pub fn local(at: DateTime<Utc>, zone: Tz) -> DateTime<FixedOffset> {
    at.trunc_subsecs(0).with_timezone(&zone).fixed_offset()
}

/// An instant as people read it: to the minute, with its offset.
pub fn clock(at: DateTime<FixedOffset>) -> String {
    at.format("%Y-%m-%d %H:%M %:z").to_string()
}

/// A span of time as people say it, in its two largest units: `2 h 5 min`.
pub fn spoken(span: TimeDelta) -> String {
    let minutes = span.num_minutes().max(0);
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", span.num_seconds().max(0)),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Slots as people write them: `1-4, 7`.
pub fn ranges(slots: &BTreeSet<SlotNumber>) -> String {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for slot in slots.iter().map(|slot| slot.number()) {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(slot) => *last = slot,
            Some(_) | None => ranges.push((slot, slot)),
        }
    }
    let told = ranges
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::world::slot;
    use super::*;

    #[test]
    fn what_people_write_is_a_line_or_nothing() {
        assert_eq!(in_a_line(" on my way\n").unwrap(), "on my way");
        assert_eq!(in_a_line("").unwrap(), "");
        assert!(in_a_line(&"ü".repeat(LONGEST_LINE)).is_some());
        for bad in ["two\nlines", "\u{1b}[31m", &"x".repeat(LONGEST_LINE + 1)] {
            assert_eq!(in_a_line(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_instant_is_told_to_the_minute_with_its_offset() {
        let at = DateTime::parse_from_rfc3339("2026-11-24T04:00:59+01:00").unwrap();
        assert_eq!(clock(at), "2026-11-24 04:00 +01:00");
    }

    #[test]
    fn spans_are_spoken_in_their_two_largest_units() {
        for (minutes, text) in [
            (-5, "0 s"),
            (59, "59 min"),
            (60, "1 h"),
            (125, "2 h 5 min"),
            (1_440, "1 d"),
            (1_500, "1 d 1 h"),
            (1_441, "1 d"),
        ] {
            assert_eq!(spoken(TimeDelta::minutes(minutes)), text);
        }
        assert_eq!(spoken(TimeDelta::seconds(59)), "59 s");
    }

    #[test]
    fn numbers_are_told_as_ranges() {
        assert_eq!(ranges(&[1, 4, 5, 6, 9].into_iter().map(slot).collect()), "1, 4-6, 9");
    }
}
