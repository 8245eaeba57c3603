//! A message in a few lines, for a phone's lock screen or a chat, under a title that stands apart: as much of it as there is
//! room for, the most important first.

use super::advice;
use super::clean::{clean, clip};
use super::headline::{headline, known_as};
use super::words::{differ, ended, held, holding, news, not_watched, since, thousands, whom};
use crate::alerting::message::{Entry, Message, Subject, foremost};

/// So many sites or alerts have a line of their own.
const MOST_LINES: usize = 5;

/// So many handsets are named in a line.
const MOST_NAMES: usize = 3;

/// At most `max_chars` characters, line feeds included. It does not repeat [`super::title()`].
pub fn brief(message: &Message, max_chars: usize) -> String {
    let mut text = String::new();
    for line in lines(message) {
        let room = max_chars.saturating_sub(text.chars().count());
        let line = if text.is_empty() { line } else { format!("\n{line}") };
        if line.chars().count() > room {
            // A line of which hardly anything is left says nothing.
            if room > LEAST {
                text.push_str(&clip(&line, room));
            } else if text.is_empty() {
                text = clip(&line, room);
            }
            break;
        }
        text.push_str(&line);
    }
    text
}

/// A line is cut to no less than this.
const LEAST: usize = 24;

fn lines(message: &Message) -> Vec<String> {
    match &message.subject {
        Subject::Site(_) if message.entries.len() == 1 => {
            message.entries.iter().flat_map(|entry| of_one(message, entry)).collect()
        }
        Subject::Site(_) => of_site(message),
        Subject::Several { .. } => of_several(message),
    }
}

fn of_one(message: &Message, entry: &Entry) -> Vec<String> {
    let alert = &*entry.alert;
    if entry.has_ended() {
        let held = held(entry, message.at);
        let what_next = not_watched(message).unwrap_or_else(|| "Nothing to do.".to_owned());
        return vec![format!("Held {held}. {what_next}")];
    }
    let mut lines = vec![clean(&alert.summary)];
    lines.push(format!("Since {}", since(alert.since, entry.site.time_zone, message.at)));
    lines.extend(taken(entry));
    lines.extend(whom(&entry.site).map(|whom| format!("Call {}", clean(whom))));
    if let Some(first) = alert.handsets.first() {
        let same = alert.handsets.iter().filter(|one| one.instruction == first.instruction);
        let names: Vec<String> = same.clone().take(MOST_NAMES).map(known_as).collect();
        let left = alert.handsets.len() - names.len();
        let left = if left > 0 { format!(", and {left} more") } else { String::new() };
        lines.push(format!("{}{left}: {}", names.join(", "), clean(&first.instruction)));
    }
    let steps = advice::steps(alert, entry.site.name.as_str());
    lines.extend(steps.into_iter().enumerate().map(|(index, step)| format!("{}. {step}", index + 1)));
    lines
}

fn taken(entry: &Entry) -> Option<String> {
    entry.acknowledged.as_ref().map(|taken| format!("Taken by {}", clean(&taken.by)))
}

/// A line an alert.
fn of_site(message: &Message) -> Vec<String> {
    let line = |entry: &Entry| {
        if entry.has_ended() {
            return format!("OVER: {}", headline(&entry.alert));
        }
        let taken = taken(entry).map(|taken| format!(" ({taken})")).unwrap_or_default();
        format!("{} ({}){taken}: {}", headline(&entry.alert), news(entry), clean(&entry.alert.summary))
    };
    let mut lines: Vec<String> = foremost(&message.entries, MOST_LINES).into_iter().map(line).collect();
    lines.extend(more(message.entries.len()));
    lines.extend(not_watched(message));
    let facts = holding(message).next().map(|entry| &entry.site);
    lines.extend(facts.and_then(|facts| whom(facts)).map(|whom| format!("Call {}", clean(whom))));
    lines
}

/// A line an alert, those with news first, then the worst.
fn of_several(message: &Message) -> Vec<String> {
    let mut entries: Vec<&Entry> =
        if holding(message).next().is_some() { holding(message).collect() } else { ended(message).collect() };
    let mut lines = Vec::new();
    if let Some(first) = entries.first() {
        let kind = first.alert.kind;
        let advice = advice::at_several_sites(kind).filter(|_| !first.has_ended() && entries.len() > 1);
        lines.extend(advice.map(str::to_owned));
    }
    let marked = differ(&entries);
    entries.sort_by_key(|entry| !entry.is_news());
    let line = |entry: &&Entry| {
        let word = if marked { format!(" ({})", news(entry)) } else { String::new() };
        format!("{}{word}: {}", entry.site.name, headline(&entry.alert))
    };
    lines.extend(entries.iter().take(MOST_LINES).map(line));
    lines.extend(more(entries.len()));
    lines.extend(not_watched(message));
    lines
}

fn more(all: usize) -> Option<String> {
    let left = all.checked_sub(MOST_LINES).filter(|left| *left > 0)?;
    Some(if left == 1 {
        "and 1 alert more".to_owned()
    } else {
        format!("and {} alerts more", thousands(left))
    })
}
