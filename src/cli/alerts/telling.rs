//! Alerts in words for somebody who is called at night: a block each, worst first, the id on a line of its own.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;

use super::is_open;
use crate::api::AlertLine;
use crate::domain::alert::AlertState;
use crate::domain::ids::SiteName;
use crate::domain::wording::{clock, local, spoken};

/// What is below a block's first line is moved to the right by so much.
const INDENT: &str = "    ";

/// Lines are not broken before they are so long: a terminal so narrow breaks them itself.
const NARROWEST: usize = 40;

/// Every alert as a block, and at the end how many there are and what can be done.
pub(super) fn blocks(
    alerts: &[AlertLine],
    zone: impl Fn(&SiteName) -> Tz,
    now: DateTime<Utc>,
    width: usize,
) -> Vec<String> {
    let widest = |of: fn(&AlertLine) -> usize| alerts.iter().map(of).max().unwrap_or_default();
    let columns = [
        widest(|line| line.alert.severity.as_str().len()),
        widest(|line| line.site.as_str().len()),
        widest(|line| line.alert.kind.as_str().len()),
    ];
    let mut lines = Vec::new();
    for line in alerts {
        lines.push(heading(line, columns, zone(&line.site), now));
        let mut told = vec![line.alert.summary.clone()];
        told.extend(standing(line, zone(&line.site)));
        let room = width.saturating_sub(INDENT.len()).max(NARROWEST);
        lines.extend(told.iter().flat_map(|text| wrapped(text, room)).map(|text| format!("{INDENT}{text}")));
        lines.push(format!("{INDENT}{}", line.alert.id));
        lines.push(String::new());
    }
    lines.extend(end(alerts));
    lines
}

/// The ids, a line each.
pub(in super::super) fn ids(alerts: &[AlertLine]) -> impl Iterator<Item = String> + '_ {
    alerts.iter().map(|line| format!("  {}", line.alert.id))
}

fn heading(line: &AlertLine, columns: [usize; 3], zone: Tz, now: DateTime<Utc>) -> String {
    let alert = &line.alert;
    let [severity, site, kind] = columns;
    let since = format!("since {} ({})", clock(local(alert.since, zone)), spoken(now - alert.since));
    let (urgency, of) = (alert.severity.as_str(), line.site.as_str());
    format!("{urgency:severity$}  {of:site$}  {:kind$}  {since}", alert.kind.as_str())
}

/// Who has it, why nobody is told, what it follows from, and who knows of it.
fn standing(line: &AlertLine, zone: Tz) -> Vec<String> {
    let mut lines = Vec::new();
    if line.alert.state == AlertState::Resolved {
        let at = line.alert.resolved_at.map_or_else(String::new, |at| format!(" {}", clock(local(at, zone))));
        let owed = sinks(line, |told| told.sink.clone());
        let owed = owed.map_or_else(String::new, |owed| format!("; yet to be told: {owed}"));
        return vec![format!("ended{at}{owed}")];
    }
    if let Some(taken) = &line.acknowledged {
        let until = taken.until.map_or_else(String::new, |until| format!(", until {}", clock(until)));
        let note = noted(&taken.note);
        lines.push(format!("{} has it, since {}{until}{note}", taken.by, clock(taken.at)));
    }
    if let Some(hushed) = &line.silenced {
        let until = clock(hushed.until);
        let reason = noted(&hushed.reason);
        lines.push(format!("silenced until {until} by {} (silence {}){reason}", hushed.by, hushed.number));
    }
    if let Some(source) = &line.inhibited_by {
        lines.push(format!("follows from {source}, which is told in its place"));
    }
    if lines.is_empty() {
        lines.push("nobody has it".to_owned());
    }
    let told = sinks(line, |told| {
        let again =
            if told.at == told.first_at { String::new() } else { format!(", last {}", clock(told.at)) };
        format!("{} {}{again}", told.sink, clock(told.first_at))
    });
    lines.push(told.map_or_else(|| "nobody was told yet".to_owned(), |told| format!("told: {told}")));
    lines
}

fn sinks(line: &AlertLine, word: impl Fn(&crate::api::ToldLine) -> String) -> Option<String> {
    let sinks: Vec<String> = line.told.iter().map(word).collect();
    (!sinks.is_empty()).then(|| sinks.join("; "))
}

/// A remark as it stands at the end of a line.
pub(in super::super) fn noted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// How many there are, and the commands for them.
fn end(alerts: &[AlertLine]) -> Vec<String> {
    let mut states: BTreeMap<AlertState, usize> = BTreeMap::new();
    let mut follow = 0;
    for line in alerts {
        if line.alert.state == AlertState::Firing && !is_open(line) {
            follow += 1;
        } else {
            *states.entry(line.alert.state).or_default() += 1;
        }
    }
    let mut counted: Vec<String> = states.into_iter().map(|(state, count)| counted(state, count)).collect();
    match follow {
        0 => {}
        1 => counted.push("1 that follows from another".to_owned()),
        many => counted.push(format!("{many} that follow from others")),
    }
    if counted.is_empty() {
        return vec!["no alert".to_owned()];
    }
    let mut lines = vec![counted.join(", ")];
    if alerts.iter().any(is_open) {
        lines.push("take one:               n720d ack ID --note TEXT".to_owned());
        lines.push("have nobody told:       n720d silence --site SITE --for 2h --reason TEXT".to_owned());
        lines.push("all there is to a site: n720d status SITE".to_owned());
    }
    lines
}

fn counted(state: AlertState, count: usize) -> String {
    match state {
        AlertState::Firing => format!("{count} that nobody has"),
        AlertState::Acknowledged => format!("{count} acknowledged"),
        AlertState::Silenced => format!("{count} silenced"),
        AlertState::Resolved => format!("{count} ended"),
    }
}

/// In lines of at most so many characters, broken at blanks; a word that is longer stays whole, so that it can be copied.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// When something that somebody said ends.
pub(in super::super) fn until(end: Option<DateTime<FixedOffset>>) -> String {
    end.map_or_else(|| "until it ends".to_owned(), |end| format!("until {}", clock(end)))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe::Berlin;

    use super::super::testing::{at, hushed, in_state, lost, taken, told};
    use super::*;
    use crate::domain::alert::{Alert, AlertKind, Severity};

    fn shown(alerts: &[AlertLine]) -> Vec<String> {
        blocks(alerts, |_| Berlin, at("2026-11-23T05:17:40+01:00").to_utc(), 80)
    }

    #[test]
    fn an_alert_is_a_block_with_what_to_do_at_the_end() {
        let line = AlertLine {
            told: vec![
                told("mail", "2026-11-23T03:12:45+01:00", "2026-11-23T03:12:45+01:00"),
                told("pager", "2026-11-23T03:42:45+01:00", "2026-11-23T04:42:45+01:00"),
            ],
            ..lost()
        };
        assert_eq!(
            shown(&[line]),
            [
                "critical  acme-berlin  handset-lost  since 2026-11-23 03:12 +01:00 (2 h 5 min)",
                "    slot 3, 1013 Reception, is not registered any more: have its user switch it",
                "    on near a base",
                "    nobody has it",
                "    told: mail 2026-11-23 03:12 +01:00; pager 2026-11-23 03:42 +01:00, last",
                "    2026-11-23 04:42 +01:00",
                "    acme-berlin/handset-lost",
                "",
                "1 that nobody has",
                "take one:               n720d ack ID --note TEXT",
                "have nobody told:       n720d silence --site SITE --for 2h --reason TEXT",
                "all there is to a site: n720d status SITE",
            ]
        );
    }

    #[test]
    fn the_first_lines_of_all_stand_in_columns() {
        let other =
            Alert { kind: AlertKind::Drift, severity: Severity::Info, id: "b/drift".into(), ..lost().alert };
        let other = AlertLine { alert: other, site: "b".parse().unwrap(), ..lost() };
        let lines = shown(&[lost(), other]);
        let since = |line: &String| line.find("since");
        assert_eq!(since(&lines[0]), since(&lines[7]), "{lines:#?}");
        assert!(lines[7].starts_with("info      b            drift         since "), "{}", lines[7]);
    }

    #[test]
    fn who_has_it_and_until_when_is_told() {
        let standing = |line: &AlertLine| standing(line, Berlin);
        assert_eq!(
            standing(&taken("on my way", None)),
            ["anna has it, since 2026-11-23 03:20 +01:00: on my way", "nobody was told yet"]
        );
        assert_eq!(
            standing(&taken("", Some("2026-11-23T05:20:00+01:00")))[0],
            "anna has it, since 2026-11-23 03:20 +01:00, until 2026-11-23 05:20 +01:00"
        );
        // Silenced is what it is, and somebody has it all the same.
        let both = AlertLine { silenced: Some(hushed()), ..taken("", None) };
        assert_eq!(
            standing(&both)[..2],
            [
                "anna has it, since 2026-11-23 03:20 +01:00",
                "silenced until 2026-11-23 06:00 +01:00 by ben (silence 7): cable works"
            ]
        );
    }

    #[test]
    fn what_follows_from_other_trouble_names_it() {
        let follows = AlertLine { inhibited_by: Some("acme-berlin/unreachable".into()), ..lost() };
        assert_eq!(
            standing(&follows, Berlin)[0],
            "follows from acme-berlin/unreachable, which is told in its place"
        );
    }

    #[test]
    fn of_what_has_ended_it_is_told_who_does_not_know_yet() {
        let mut ended = in_state(AlertState::Resolved);
        ended.alert.resolved_at = Some(at("2026-11-23T03:00:00Z").to_utc());
        assert_eq!(standing(&ended, Berlin), ["ended 2026-11-23 04:00 +01:00"]);
        let when = "2026-11-23T03:12:45+01:00";
        ended.told = vec![told("mail", when, when), told("pager", when, when)];
        assert_eq!(standing(&ended, Berlin), ["ended 2026-11-23 04:00 +01:00; yet to be told: mail; pager"]);
        assert_eq!(shown(&[ended]).last().unwrap(), "1 ended", "there is nothing to take");
    }

    #[test]
    fn they_are_counted_by_where_they_stand() {
        assert_eq!(shown(&[]), ["no alert"]);
        let follows = AlertLine { inhibited_by: Some("acme-berlin/unreachable".into()), ..lost() };
        let all = [lost(), lost(), taken("", None), in_state(AlertState::Silenced), follows.clone()];
        let lines = shown(&all);
        assert_eq!(
            lines[lines.len() - 4],
            "2 that nobody has, 1 acknowledged, 1 silenced, 1 that follows from another"
        );
        assert_eq!(shown(&[follows]).last().unwrap(), "1 that follows from another");
    }

    #[test]
    fn lines_are_broken_at_blanks_and_an_id_never() {
        assert_eq!(wrapped("a bc def ghij", 6), ["a bc", "def", "ghij"]);
        assert_eq!(wrapped("acme-berlin/drift is long", 10), ["acme-berlin/drift", "is long"]);
        assert_eq!(wrapped(" \n", 10), [""; 0]);
        let id = "acme/drift/of a slot with a name that is longer than the line".to_owned();
        let long = AlertLine { alert: Alert { id: id.clone(), ..lost().alert }, ..lost() };
        let lines = blocks(&[long], |_| Berlin, at("2026-11-23T05:17:40+01:00").to_utc(), 10);
        assert!(lines.contains(&format!("    {id}")), "{lines:#?}");
    }
}
