//! The words that titles and texts share: why something is told, since when it holds, where. No layout here.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::alerting::message::{Entry, Message, SiteFacts, Subject};
use crate::domain::alert::Severity;
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;
use crate::domain::wording::{clock, local, spoken};

/// The severity as the first word of a line.
pub(super) fn loud(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Warning => "WARNING",
        Severity::Critical => "CRITICAL",
    }
}

/// The worst of what holds; `None`: nothing does.
pub(super) fn worst(message: &Message) -> Option<Severity> {
    holding(message).map(|entry| entry.alert.severity).max()
}

/// What holds, worst first.
pub(super) fn holding(message: &Message) -> impl Iterator<Item = &Entry> {
    message.entries.iter().filter(|entry| !entry.has_ended())
}

/// What has ended.
pub(super) fn ended(message: &Message) -> impl Iterator<Item = &Entry> {
    message.entries.iter().filter(|entry| entry.has_ended())
}

/// That sites of a message are not watched any more, so that an end there is no good news; `None`: all are.
pub(super) fn not_watched(message: &Message) -> Option<String> {
    let left = message.entries.iter().filter(|entry| entry.alert.unwatched);
    let left = left.map(|entry| &entry.site.name).collect::<BTreeSet<&SiteName>>().len();
    let which = match (&message.subject, left) {
        (_, 0) => return None,
        (Subject::Site(_), _) => "This site is".to_owned(),
        (Subject::Several { .. }, 1) => "One of these sites is".to_owned(),
        (Subject::Several { .. }, left) => format!("Of these sites {} are", thousands(left)),
    };
    Some(format!("{which} not watched any more: there is no site file, and nobody knows what holds there."))
}

/// What is to be said beside the alerts themselves: of sites that are not watched any more, or that all is well.
pub(super) fn farewell(message: &Message) -> Option<String> {
    let is_over = holding(message).next().is_none();
    let well = "Nothing is left of what was told here. There is nothing to do.";
    not_watched(message).or_else(|| is_over.then(|| well.to_owned()))
}

/// Why the message is sent.
pub(super) fn why_sent(message: &Message) -> String {
    match message.reason {
        Reason::First => "new".to_owned(),
        Reason::Changed => "changed since the last message".to_owned(),
        Reason::Repeat => match oldest(message) {
            Some(since) => format!("reminder: still so after {}", lasted(message.at - since)),
            None => "reminder: still so".to_owned(),
        },
        Reason::Resolved if not_watched(message).is_some() => "over, or not watched any more".to_owned(),
        Reason::Resolved => "over".to_owned(),
    }
}

/// Since when the oldest of what holds holds.
pub(super) fn oldest(message: &Message) -> Option<DateTime<Utc>> {
    holding(message).map(|entry| entry.alert.since).min()
}

/// A word on one alert among several: why it is told.
pub(super) fn news(entry: &Entry) -> &'static str {
    match (entry.has_ended(), entry.news) {
        (true, _) => "over",
        (false, Some(Reason::First)) => "new",
        (false, Some(Reason::Changed)) => "changed",
        (false, Some(Reason::Repeat)) => "still so",
        // Something that fires is not resolved; whoever says so means that nothing is new.
        (false, Some(Reason::Resolved) | None) => "as told before",
    }
}

/// Whether they are told for different reasons, so that each needs a word on its own.
pub(super) fn differ(entries: &[&Entry]) -> bool {
    entries.windows(2).any(|pair| matches!(pair, [one, other] if news(one) != news(other)))
}

/// Since when, and for how long: `2026-11-24 04:00 +01:00, for 12 min`.
pub(super) fn since(at: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> String {
    format!("{}, for {}", clock(local(at, zone)), lasted(now - at))
}

/// From when to when something that is over held.
pub(super) fn held(entry: &Entry, now: DateTime<Utc>) -> String {
    let (zone, begin) = (entry.site.time_zone, entry.alert.since);
    let end = entry.alert.resolved_at.unwrap_or(now);
    let clock = |at| clock(local(at, zone));
    format!("from {} to {}, for {}", clock(begin), clock(end), lasted(end - begin))
}

/// A span as people say it.
pub(super) fn lasted(span: TimeDelta) -> String {
    if span < TimeDelta::minutes(1) { "less than a minute".to_owned() } else { spoken(span) }
}

/// `1 site`, `1,000 sites`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", thousands(number)) }
}

/// With a comma at every thousand.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The site and what it is called; of the fleet what stands for it.
pub(super) fn site(facts: &SiteFacts) -> String {
    if facts.name == SiteName::of_fleet() {
        return "fleet (what concerns all sites together)".to_owned();
    }
    match facts.description.trim() {
        "" => facts.name.to_string(),
        description => format!("{} ({description})", facts.name),
    }
}

/// Whom to call about a site; `None`: nobody has written that down.
pub(super) fn whom(facts: &SiteFacts) -> Option<&str> {
    [facts.contact.trim(), facts.description.trim()].into_iter().find(|text| !text.is_empty())
}

/// What several sites have in common: `customer=acme, region=north`; `None`: nothing is known.
pub(super) fn in_common(message: &Message) -> Option<String> {
    match &message.subject {
        Subject::Several { labels, .. } if !labels.is_empty() => Some(message.subject.words()),
        Subject::Several { .. } | Subject::Site(_) => None,
    }
}

/// The time zone that all of these have; `None`: they differ.
pub(super) fn zone_of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Option<Tz> {
    let mut zones = entries.into_iter().map(|entry| entry.site.time_zone);
    let first = zones.next()?;
    zones.all(|zone| zone == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_can_be_read() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (10_000, "10,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(
            (count(1, "site", "sites"), count(0, "site", "sites")),
            ("1 site".into(), "0 sites".into())
        );
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_odd_span() {
        assert_eq!(lasted(TimeDelta::seconds(-90)), "less than a minute");
        assert_eq!(lasted(TimeDelta::seconds(60)), "1 min");
    }
}
