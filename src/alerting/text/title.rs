//! A message in one line: how urgent, where, what. For subjects of mails, titles of push messages, and lists.

use std::collections::BTreeSet;

use super::clean::{clean, clip};
use super::headline::headline;
use super::several;
use super::words::{count, ended, holding, in_common, lasted, loud, oldest, thousands, worst};
use crate::alerting::message::{Entry, Message, Subject};
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;

/// No title is longer, in characters.
const LONGEST: usize = 118;

/// One line of fewer than 120 characters, none of which is a control character: `[CRITICAL] acme-berlin: DECT manager
/// unreachable`.
pub fn title(message: &Message) -> String {
    let line = format!("[{}] {}: {}", tag(message), place(message), what(message));
    clip(&clean(&line), LONGEST)
}

fn tag(message: &Message) -> String {
    let Some(worst) = worst(message).map(loud) else {
        return if message.has_good_news() { "RESOLVED" } else { "NOT WATCHED" }.to_owned();
    };
    match message.reason {
        Reason::First | Reason::Resolved => worst.to_owned(),
        Reason::Changed => format!("{worst}, changed"),
        Reason::Repeat => {
            let since = oldest(message).unwrap_or(message.at);
            format!("{worst}, still after {}", lasted(message.at - since))
        }
    }
}

/// Where; the labels of several sites are cut before what is said of them.
fn place(message: &Message) -> String {
    if let Subject::Site(facts) = &message.subject {
        return facts.name.to_string();
    }
    let sites = sites(message);
    match in_common(message) {
        Some(labels) => format!("{sites} ({})", clip(&labels, 40)),
        None => sites,
    }
}

/// How many sites, or which; those that somebody has are counted apart from those that nobody has.
fn sites(message: &Message) -> String {
    let all: BTreeSet<&SiteName> = message.entries.iter().map(|entry| &entry.site.name).collect();
    let still: BTreeSet<&SiteName> = holding(message).map(|entry| &entry.site.name).collect();
    let untaken = holding(message).filter(|entry| entry.acknowledged.is_none());
    let untaken: BTreeSet<&SiteName> = untaken.map(|entry| &entry.site.name).collect();
    let taken = still.len() - untaken.len();
    let is_apart = taken > 0 && !untaken.is_empty();
    let told = if is_apart { untaken } else { all };
    let sites = match told.first() {
        Some(only) if told.len() == 1 => only.to_string(),
        Some(_) | None => count(told.len(), "site", "sites"),
    };
    if is_apart { format!("{sites}, {} more taken", thousands(taken)) } else { sites }
}

fn what(message: &Message) -> String {
    if !matches!(message.subject, Subject::Site(_)) {
        return several::in_short(message);
    }
    let over: Vec<&Entry> = ended(message).collect();
    let mut holding = holding(message);
    let Some(worst) = holding.next() else {
        return over.first().map_or_else(String::new, |one| and(one, over.len() - 1));
    };
    let others: Vec<&Entry> = holding.collect();
    let mut what = and(worst, others.len());
    // What comes to what was told before.
    let is_new = |entry: &&&Entry| entry.news == Some(Reason::First);
    if let Some(new) = others.iter().find(is_new).filter(|_| worst.news != Some(Reason::First)) {
        what = format!("{what}; new: {}", headline(&new.alert));
    }
    if let Some(one) = over.first() {
        what = format!("{what}; over: {}", and(one, over.len() - 1));
    }
    what
}

fn and(entry: &Entry, others: usize) -> String {
    let headline = headline(&entry.alert);
    if others == 0 { headline } else { format!("{headline}, and {others} more") }
}
