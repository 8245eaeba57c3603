//! What is said of several sites in one message: by kind of trouble when they have it together, else site by site; how many
//! sites, which, since when the first and the last, and one advice for all of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use super::advice;
use super::clean::clean;
use super::content::{Block, MOST_ALERTS, Mark, WHAT_TO_DO, facts, over, take_it, untold};
use super::handsets::batches;
use super::headline::headline;
use super::words::{
    count, differ, ended, farewell, held, holding, in_common, news, since, site, thousands, whom, why_sent,
    zone_of,
};
use crate::alerting::message::{Entry, Message, Subject, foremost};
use crate::domain::alert::{AlertKind, Severity};
use crate::domain::ids::SiteName;

/// So many sites are named, those with news first and by name; the others are counted.
const MOST_SITES: usize = 20;

/// So many handsets are listed in all.
const MOST_HANDSETS: usize = 200;

/// The blocks of a message about several sites.
pub(super) fn blocks(message: &Message) -> Vec<Block> {
    let storm = matches!(message.subject, Subject::Several { storm: true, .. });
    let mut blocks = vec![Block::Fact("Sites", sites(message))];
    blocks.push(Block::Fact("Reason", why_sent(message)));
    if storm {
        for entries in by_kind(holding(message)) {
            blocks.extend(together(message, &entries));
        }
        for entries in by_kind(ended(message)) {
            blocks.extend(over_together(message, &entries));
        }
    } else {
        blocks.extend(one_by_one(message));
    }
    blocks.extend(farewell(message).map(Block::Note));
    let mut commands = vec!["n720d alerts".to_owned()];
    if message.entries.iter().any(|entry| !entry.alert.unwatched) {
        commands.push("n720d status SITE".to_owned());
    }
    if holding(message).any(|entry| !entry.alert.handsets.is_empty()) {
        commands.push("n720d handoff SITE".to_owned());
    }
    blocks.push(Block::Commands("More", commands));
    blocks
}

/// What the title says of them.
pub(super) fn in_short(message: &Message) -> String {
    let holding: Vec<&Entry> = holding(message).collect();
    let over: Vec<&Entry> = ended(message).collect();
    let told = if holding.is_empty() { over.clone() } else { nobodys(holding.clone()) };
    let Some(first) = told.first() else { return String::new() };
    let same = told.iter().filter(|entry| entry.alert.kind == first.alert.kind).count();
    let others = told.len() - same;
    let mut text = if told.len() == 1 { headline(&first.alert) } else { of_kind(first.alert.kind, &told) };
    if others > 0 {
        text.push_str(&format!(", and {}", count(others, "other alert", "other alerts")));
    }
    let (left, seen): (Vec<&Entry>, Vec<&Entry>) = over.into_iter().partition(|entry| entry.alert.unwatched);
    if !holding.is_empty() && !seen.is_empty() {
        text.push_str(&format!("; over at {}", count(distinct(&seen), "site", "sites")));
    }
    // Where nothing else is told, the tag says so.
    let is_alone = holding.is_empty() && seen.is_empty();
    if !left.is_empty() && !is_alone {
        text.push_str(&format!("; {} not watched any more", count(distinct(&left), "site", "sites")));
    }
    text
}

/// Those that nobody has, as the title counts them, unless somebody has all.
fn nobodys(entries: Vec<&Entry>) -> Vec<&Entry> {
    let untaken: Vec<&Entry> = entries.iter().filter(|entry| entry.acknowledged.is_none()).copied().collect();
    if untaken.is_empty() { entries } else { untaken }
}

fn sites(message: &Message) -> String {
    let all: Vec<&Entry> = message.entries.iter().collect();
    let sites = count(distinct(&all), "site", "sites");
    match in_common(message) {
        Some(labels) => format!("{sites} with {}", clean(&labels)),
        None => sites,
    }
}

fn distinct(entries: &[&Entry]) -> usize {
    entries.iter().map(|entry| &entry.site.name).collect::<BTreeSet<&SiteName>>().len()
}

/// The entries of each kind, in the order of the first of each.
fn by_kind<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Vec<&'a Entry>> {
    let mut kinds: Vec<Vec<&Entry>> = Vec::new();
    let mut places: BTreeMap<AlertKind, usize> = BTreeMap::new();
    for entry in entries {
        let place = *places.entry(entry.alert.kind).or_insert(kinds.len());
        match kinds.get_mut(place) {
            Some(kind) => kind.push(entry),
            None => kinds.push(vec![entry]),
        }
    }
    kinds
}

/// What many sites have at once.
fn together(message: &Message, entries: &[&Entry]) -> Vec<Block> {
    let Some(first) = entries.first() else { return Vec::new() };
    let kind = first.alert.kind;
    let severity = entries.iter().map(|entry| entry.alert.severity).max().unwrap_or(Severity::Info);
    let sites = count(distinct(entries), "site", "sites");
    let text = format!("{} at {sites}", of_kind(kind, entries));
    let mut blocks = vec![Block::Head { mark: Mark::Holding(severity), text }];
    blocks.push(Block::Fact("Example", format!("at {}: {}", first.site.name, clean(&first.alert.summary))));
    let zone = zone_of(entries.iter().copied()).unwrap_or(Tz::UTC);
    let begun = |entry: &&&Entry| entry.alert.since;
    let edges = [("First", entries.iter().min_by_key(begun)), ("Last", entries.iter().max_by_key(begun))];
    blocks.extend(edges.into_iter().filter_map(|(word, entry)| {
        let entry = entry?;
        let since = since(entry.alert.since, zone, message.at);
        Some(Block::Fact(word, format!("since {since}, at {}", entry.site.name)))
    }));
    let taken = entries.iter().filter(|entry| entry.acknowledged.is_some()).count();
    if taken > 0 {
        blocks.push(Block::Fact(
            "Taken",
            format!("{} of them, by whom shows `n720d alerts`", thousands(taken)),
        ));
    }
    let common = (distinct(entries) > 1).then(|| advice::at_several_sites(kind)).flatten();
    let steps = common.map(str::to_owned).into_iter().chain(advice::steps(&first.alert, "SITE"));
    blocks.push(Block::Steps(WHAT_TO_DO.to_owned(), steps.collect()));
    blocks.push(which(message, entries));
    blocks
}

/// The sites, those with news first, whom to call there, and since when.
fn which(message: &Message, entries: &[&Entry]) -> Block {
    let mut sorted: Vec<&&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| (!entry.is_news(), &entry.site.name, &entry.alert.id));
    let marked = differ(entries);
    let line = |entry: &&Entry| {
        let word = if marked { format!(" ({})", news(entry)) } else { String::new() };
        let since = since(entry.alert.since, entry.site.time_zone, message.at);
        let handsets = match entry.alert.handsets.len() {
            0 => String::new(),
            number => format!("; {}", count(number, "handset", "handsets")),
        };
        let call = whom(&entry.site).map(|whom| format!("; call {}", clean(whom))).unwrap_or_default();
        format!("{}{word} since {since}{handsets}{call}", entry.site.name)
    };
    let mut lines: Vec<String> = sorted.iter().take(MOST_SITES).map(|entry| line(entry)).collect();
    lines.extend(left(sorted.len()));
    Block::List("Where".to_owned(), lines)
}

fn left(all: usize) -> Option<String> {
    let left = all.checked_sub(MOST_SITES).filter(|left| *left > 0)?;
    Some(format!("and {} more: `n720d alerts`", thousands(left)))
}

/// What is over at many sites at once.
fn over_together(message: &Message, entries: &[&Entry]) -> Vec<Block> {
    let Some(first) = entries.first() else { return Vec::new() };
    let sites = count(distinct(entries), "site", "sites");
    let text = format!("{} at {sites}", of_kind(first.alert.kind, entries));
    let mut sorted: Vec<&&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| (&entry.site.name, &entry.alert.id));
    let line = |entry: &&&Entry| format!("{} {}{}", entry.site.name, held(entry, message.at), no_end(entry));
    let mut lines: Vec<String> = sorted.iter().take(MOST_SITES).map(line).collect();
    lines.extend(left(sorted.len()));
    vec![Block::Head { mark: Mark::Over, text }, Block::List("Where".to_owned(), lines)]
}

/// Where an end is none that was seen.
fn no_end(entry: &Entry) -> &'static str {
    if entry.alert.unwatched { "; not watched any more" } else { "" }
}

/// Site by site, the worst first, and where there is not room for all, news before the rest; what to do stands once a kind, behind them.
fn one_by_one(message: &Message) -> Vec<Block> {
    let mut sites: Vec<Vec<&Entry>> = Vec::new();
    let told = foremost(&message.entries, MOST_ALERTS);
    for entry in told.iter().copied() {
        match sites.iter_mut().find(|site| site.iter().any(|one| one.site.name == entry.site.name)) {
            Some(site) => site.push(entry),
            None => sites.push(vec![entry]),
        }
    }
    let mut room = MOST_HANDSETS;
    let mut blocks = Vec::new();
    for entries in &sites {
        blocks.extend(of_one_site(message, entries, &mut room));
    }
    blocks.extend(untold(message.entries.len()));
    for entries in by_kind(told.into_iter().filter(|entry| !entry.has_ended())) {
        let Some(first) = entries.first() else { continue };
        let head = format!("{WHAT_TO_DO}: {}", of_kind(first.alert.kind, &entries));
        let common = (distinct(&entries) > 1).then(|| advice::at_several_sites(first.alert.kind)).flatten();
        let name = if distinct(&entries) == 1 { first.site.name.as_str() } else { "SITE" };
        let steps = common.map(str::to_owned).into_iter().chain(advice::steps(&first.alert, name));
        blocks.push(Block::Steps(head, steps.collect()));
    }
    blocks
}

fn of_one_site(message: &Message, entries: &[&Entry], room: &mut usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let (mark, word) = if entry.has_ended() {
            (Mark::Over, no_end(entry).to_owned())
        } else {
            (Mark::Holding(entry.alert.severity), format!(" ({})", news(entry)))
        };
        let text = format!("{}: {}{word}", entry.site.name, headline(&entry.alert));
        blocks.push(Block::Head { mark, text });
        if index == 0 {
            blocks.push(Block::Fact("Site", clean(&site(&entry.site))));
            let call = whom(&entry.site).filter(|_| entries.iter().any(|entry| !entry.has_ended()));
            blocks.extend(call.map(|whom| Block::Fact("Contact", clean(whom))));
        }
        if entry.has_ended() {
            blocks.extend(over(message, entry));
            continue;
        }
        blocks.extend(facts(message, entry));
        let handsets = &entry.alert.handsets;
        if !handsets.is_empty() {
            blocks.push(Block::Handsets(batches(handsets, *room)));
            if let Some(left) = handsets.len().checked_sub(*room).filter(|left| *left > 0) {
                let left = count(left, "handset", "handsets");
                blocks.push(Block::Note(format!("And {left} more: `n720d handoff {}`.", entry.site.name)));
            }
            *room = room.saturating_sub(handsets.len());
        }
        blocks.extend(take_it(entry));
    }
    blocks
}

/// A kind in a few words, with the handsets of all of these.
fn of_kind(kind: AlertKind, entries: &[&Entry]) -> String {
    let handsets = || {
        let of_kind = entries.iter().filter(|entry| entry.alert.kind == kind);
        of_kind.map(|entry| entry.alert.handsets.len()).sum::<usize>()
    };
    match kind {
        AlertKind::WindowClosing => {
            format!(
                "registration window closes soon, {}",
                count(handsets(), "handset missing", "handsets missing")
            )
        }
        AlertKind::WindowExpiredUnfilled => {
            format!(
                "registration window closed, {}",
                count(handsets(), "handset missing", "handsets missing")
            )
        }
        AlertKind::HandsetLost => count(handsets(), "handset lost", "handsets lost"),
        AlertKind::Drift
        | AlertKind::PlanNeedsApproval
        | AlertKind::PushIneffective
        | AlertKind::PushFailed
        | AlertKind::Unreachable
        | AlertKind::LoginRefused
        | AlertKind::SessionBusy
        | AlertKind::PageNotUnderstood
        | AlertKind::FirmwareTooOld
        | AlertKind::WrongDevice
        | AlertKind::ClockSkew
        | AlertKind::ForeignReservation
        | AlertKind::WindowExposed
        | AlertKind::SiteFileInvalid
        | AlertKind::SecretMissing
        | AlertKind::ObservationStale
        | AlertKind::PauseForgotten
        | AlertKind::RolloutStopped
        | AlertKind::PasswordNotStored
        | AlertKind::SinkFailing
        | AlertKind::Test => {
            let first = entries.iter().find(|entry| entry.alert.kind == kind);
            first.map_or_else(|| kind.to_string(), |entry| headline(&entry.alert))
        }
    }
}
