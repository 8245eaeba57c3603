//! What a message says, in the order in which it is read: blocks without a layout, all of them clean. Several sites at once
//! are [`super::several`]'s part.

use std::collections::BTreeSet;

use super::advice;
use super::clean::{clean, shell_word};
use super::handsets::{Batch, batches};
use super::headline::{headline, known_as};
use super::several;
use super::title::title;
use super::words::{count, farewell, held, holding, loud, news, since, site, whom, why_sent, zone_of};
use crate::alerting::message::{Entry, Message, SiteFacts, Subject, foremost};
use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::ids::SiteName;
use crate::domain::wording::{clock, local};

/// So many alerts of one message are told, news before the rest; the others are counted.
pub(super) const MOST_ALERTS: usize = 200;

/// So many lines for whoever looks into an alert are told.
const MOST_READINGS: usize = 20;

/// The head of what to do.
pub(super) const WHAT_TO_DO: &str = "What to do";

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// The head of what follows; the mark says how urgent that is.
    Head { mark: Mark, text: String },
    /// A word and what is to be said to it.
    Fact(&'static str, String),
    /// A word and command lines.
    Commands(&'static str, Vec<String>),
    /// What to do, one after the other, under a head of its own.
    Steps(String, Vec<String>),
    /// Lines under a head of their own.
    List(String, Vec<String>),
    /// Handsets, by what their users must do.
    Handsets(Vec<Batch>),
    /// A sentence.
    Note(String),
}

/// How urgent a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It holds.
    Holding(Severity),
    /// It is over.
    Over,
}

/// A message in blocks, its title first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    /// See [`title`].
    pub(super) title: String,
    /// The rest.
    pub(super) blocks: Vec<Block>,
}

impl Mark {
    /// As the first word of a head.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Holding(severity) => loud(severity),
            Self::Over => "OVER",
        }
    }
}

/// Everything that is said of a message.
pub(super) fn content(message: &Message) -> Content {
    let mut blocks = match &message.subject {
        Subject::Site(facts) => of_site(message, facts),
        Subject::Several { .. } => several::blocks(message),
    };
    blocks.push(Block::Note(foot(message)));
    Content { title: title(message), blocks }
}

fn of_site(message: &Message, facts: &SiteFacts) -> Vec<Block> {
    let mut blocks = vec![Block::Fact("Site", clean(&site(facts)))];
    let call = whom(facts).filter(|_| holding(message).next().is_some());
    blocks.extend(call.map(|whom| Block::Fact("Contact", clean(whom))));
    blocks.push(Block::Fact("Reason", why_sent(message)));
    let alone = message.entries.len() == 1;
    for entry in foremost(&message.entries, MOST_ALERTS) {
        if !alone {
            blocks.push(head(entry));
        }
        blocks.extend(told(message, entry));
    }
    blocks.extend(untold(message.entries.len()));
    blocks.extend(farewell(message).map(Block::Note));
    blocks.extend(more(message, facts));
    blocks
}

fn head(entry: &Entry) -> Block {
    let text = headline(&entry.alert);
    if entry.has_ended() {
        return Block::Head { mark: Mark::Over, text };
    }
    let mark = Mark::Holding(entry.alert.severity);
    Block::Head { mark, text: format!("{text} ({})", news(entry)) }
}

/// All about one alert but its head.
fn told(message: &Message, entry: &Entry) -> Vec<Block> {
    let alert = &*entry.alert;
    if entry.has_ended() {
        return over(message, entry);
    }
    let mut blocks = facts(message, entry);
    blocks.push(Block::Steps(WHAT_TO_DO.to_owned(), advice::steps(alert, entry.site.name.as_str())));
    if !alert.handsets.is_empty() {
        blocks.push(Block::Handsets(batches(&alert.handsets, usize::MAX)));
    }
    blocks.extend(readings(alert));
    blocks.extend(take_it(entry));
    blocks
}

/// What happened, since when, and who has taken it.
pub(super) fn facts(message: &Message, entry: &Entry) -> Vec<Block> {
    let (alert, zone) = (&*entry.alert, entry.site.time_zone);
    let taken = entry.acknowledged.as_ref().map(|taken| {
        let until = taken.until.map(|until| format!(", until {}", clock(local(until, zone))));
        let note = Some(clean(&taken.note)).filter(|note| !note.is_empty());
        Block::Fact(
            "Taken",
            format!(
                "by {} at {}{}{}",
                clean(&taken.by),
                clock(local(taken.at, zone)),
                until.unwrap_or_default(),
                note.map(|note| format!(": {note}")).unwrap_or_default()
            ),
        )
    });
    let facts = [
        Block::Fact("What", clean(&alert.summary)),
        Block::Fact("Since", since(alert.since, zone, message.at)),
    ];
    facts.into_iter().chain(taken).collect()
}

/// What is said of the end of an alert; its last summary is of a time that is over.
pub(super) fn over(message: &Message, entry: &Entry) -> Vec<Block> {
    let mut blocks = vec![Block::Fact("Held", held(entry, message.at))];
    let names: Vec<String> = entry.alert.handsets.iter().take(MOST_NAMES).map(known_as).collect();
    if !names.is_empty() {
        let more = entry.alert.handsets.len().saturating_sub(MOST_NAMES);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        blocks.push(Block::Fact("Handsets", format!("{}{more}", names.join(", "))));
    }
    blocks.push(Block::Fact("It was", clean(&entry.alert.summary)));
    blocks
}

/// So many handsets are named where nobody has to do anything about them.
const MOST_NAMES: usize = 20;

fn readings(alert: &Alert) -> Option<Block> {
    let mut lines: Vec<String> = alert.readings.iter().take(MOST_READINGS).map(|line| clean(line)).collect();
    let more = alert.readings.len().saturating_sub(MOST_READINGS);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    (!lines.is_empty()).then(|| Block::List("Details".to_owned(), lines))
}

/// How one says that one sees to it; nothing where somebody has, or nobody can.
pub(super) fn take_it(entry: &Entry) -> Option<Block> {
    let is_free = entry.acknowledged.is_none() && entry.alert.kind != AlertKind::Test;
    is_free.then(|| Block::Commands("Take it", vec![ack(&entry.alert.id)]))
}

fn ack(id: &str) -> String {
    format!("n720d ack {} --note \"...\"", shell_word(id))
}

/// How many alerts are not told.
pub(super) fn untold(all: usize) -> Option<Block> {
    let left = all.checked_sub(MOST_ALERTS).filter(|left| *left > 0)?;
    let left = count(left, "alert", "alerts");
    Some(Block::Note(format!("And {left} more: `n720d alerts` shows all.")))
}

/// The commands that show more of a site.
fn more(message: &Message, facts: &SiteFacts) -> Option<Block> {
    let names_nothing = |entry: &Entry| entry.alert.unwatched || entry.alert.kind == AlertKind::Test;
    if message.entries.iter().all(names_nothing) {
        return None;
    }
    if facts.name == SiteName::of_fleet() {
        let commands = ["n720d status", "n720d alerts", "n720d history fleet"];
        return Some(Block::Commands("More", commands.map(str::to_owned).to_vec()));
    }
    let mut words = BTreeSet::from([Command::Status]);
    words.extend(holding(message).filter_map(|entry| command(entry.alert.kind)));
    let site = shell_word(facts.name.as_str());
    let line = |command: Command| format!("n720d {} {site}", command.word());
    Some(Block::Commands("More", words.into_iter().map(line).collect()))
}

/// The commands that are named, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Command {
    Status,
    Handoff,
    Plan,
    History,
}

impl Command {
    fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Handoff => "handoff",
            Self::Plan => "plan",
            Self::History => "history",
        }
    }
}

/// What shows more of this kind than the status does.
fn command(kind: AlertKind) -> Option<Command> {
    match kind {
        AlertKind::WindowClosing | AlertKind::WindowExpiredUnfilled => Some(Command::Handoff),
        AlertKind::Drift | AlertKind::PlanNeedsApproval | AlertKind::PushIneffective => Some(Command::Plan),
        AlertKind::HandsetLost
        | AlertKind::PushFailed
        | AlertKind::Unreachable
        | AlertKind::LoginRefused
        | AlertKind::PasswordNotStored
        | AlertKind::PauseForgotten => Some(Command::History),
        AlertKind::SessionBusy
        | AlertKind::PageNotUnderstood
        | AlertKind::FirmwareTooOld
        | AlertKind::WrongDevice
        | AlertKind::ClockSkew
        | AlertKind::ForeignReservation
        | AlertKind::WindowExposed
        | AlertKind::SiteFileInvalid
        | AlertKind::SecretMissing
        | AlertKind::ObservationStale
        | AlertKind::RolloutStopped
        | AlertKind::SinkFailing
        | AlertKind::Test => None,
    }
}

/// In which zone times are, and what the message is called where it is spoken of.
fn foot(message: &Message) -> String {
    let zone =
        zone_of(&message.entries).map_or_else(|| "each site's own".to_owned(), |zone| zone.to_string());
    format!("Time zone: {zone}. Message {} from n720d.", clean(&message.id))
}
