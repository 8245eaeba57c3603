//! Messages out of groups, and what the ledger says once a sink has taken one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Batch, Group, Item, Scene};
use crate::alerting::message::{Entry, MOST_ENDS, Message, Subject};
use crate::domain::alert::{Alert, AlertState, Severity};
use crate::domain::notification::Reason;
use crate::domain::told::{Delivery, Told, content_hash, hex};

/// A message a group that has something new.
pub(super) fn messages(scene: &Scene<'_>, batch: &Batch<'_>) -> Vec<Message> {
    let mut groups: BTreeMap<&Group, Vec<&Item<'_>>> = BTreeMap::new();
    for item in &batch.items {
        groups.entry(&item.group).or_default().push(item);
    }
    groups.retain(|_, items| items.iter().any(|item| item.news.is_some()));
    let holding = batch.items.iter().filter(|item| !item.has_ended());
    let told: BTreeSet<&str> = holding.map(|item| item.alert.id.as_str()).collect();
    let mut messages: Vec<Message> =
        groups.into_iter().map(|(group, items)| message(scene, group, items, &told)).collect();
    messages.sort_by_key(|message| std::cmp::Reverse(severity(message)));
    messages
}

/// `told` is what holds of all that is told along with this message.
fn message(scene: &Scene<'_>, group: &Group, mut items: Vec<&Item<'_>>, told: &BTreeSet<&str>) -> Message {
    items.sort_by_key(|item| (item.has_ended(), std::cmp::Reverse(item.alert.severity), &item.alert.id));
    if scene.sink.names_each {
        // Nothing waits longer for the rest than for a message to be taken: it is news until then.
        let holding = items.iter().filter(|item| !item.has_ended()).count();
        items.truncate(holding + MOST_ENDS);
    }
    let subject = subject(group, &items);
    let reason = reason(scene, &subject, &items, told);
    Message {
        id: id(scene, group, reason, &items),
        reason,
        subject,
        group: group.clone(),
        entries: items.into_iter().map(|item| entry(scene, item)).collect(),
        at: scene.now,
    }
}

fn subject(group: &Group, items: &[&Item<'_>]) -> Subject {
    let several = |labels: &BTreeMap<_, _>, storm| Subject::Several { labels: labels.clone(), storm };
    match (group, items) {
        (Group::Site(_), [first, ..]) => Subject::Site(Arc::clone(first.facts)),
        (Group::Site(_), []) => several(&BTreeMap::new(), false),
        (Group::Labels(labels), _) => several(labels, false),
        // Of a storm only this site is left.
        (Group::Storm(..), [first, rest @ ..])
            if rest.iter().all(|item| item.facts.name == first.facts.name) =>
        {
            Subject::Site(Arc::clone(first.facts))
        }
        (Group::Storm(_, labels), _) => several(labels, true),
    }
}

/// Of all of them together: nothing fires any more, or nothing was known, or something differs, or nothing does.
fn reason(scene: &Scene<'_>, subject: &Subject, items: &[&Item<'_>], told: &BTreeSet<&str>) -> Reason {
    if items.iter().all(|item| item.has_ended()) {
        if leaves_something(scene, subject, told) { Reason::Changed } else { Reason::Resolved }
    } else if items.iter().all(|item| item.told.is_none()) {
        Reason::First
    } else if items.iter().all(|item| matches!(item.news, None | Some(Reason::Repeat))) {
        Reason::Repeat
    } else {
        Reason::Changed
    }
}

/// Whether the sink knows of something else that holds at the site, though it is not told of it in this message: a receiver
/// that takes a site with the last word *resolved* for sound would be wrong.
fn leaves_something(scene: &Scene<'_>, subject: &Subject, told: &BTreeSet<&str>) -> bool {
    let Subject::Site(facts) = subject else { return false };
    let was_told = |id: &String| scene.known().is_some_and(|known| known.contains_key(id));
    let alerts = scene.sites.get(&facts.name).map(|site| site.alerts.as_slice()).unwrap_or_default();
    let mut holding = alerts.iter().filter(|alert| alert.state != AlertState::Resolved);
    holding.any(|alert| was_told(&alert.id) || told.contains(alert.id.as_str()))
}

fn entry(scene: &Scene<'_>, item: &Item<'_>) -> Entry {
    let alert = if item.state == item.alert.state {
        Arc::clone(item.alert)
    } else {
        Arc::new(Alert { state: item.state, ..Alert::clone(item.alert) })
    };
    let acknowledged = scene.attention.acknowledgement_of(item.alert, scene.now).cloned();
    Entry {
        site: Arc::clone(item.facts),
        alert,
        acknowledged: acknowledged.filter(|_| !item.has_ended()),
        news: item.news,
    }
}

/// Over what is told and what was known before: the same on every try, another for every other message. Not a secret.
fn id(scene: &Scene<'_>, group: &Group, reason: Reason, items: &[&Item<'_>]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?}\n", (&scene.sink.name, group, reason.as_str())));
    for item in items {
        hash.update(content_hash(item.alert));
        hash.update([item.state as u8, u8::from(item.alert.unwatched)]);
        let ended = item.alert.resolved_at.map_or(0, |at| at.timestamp_millis());
        let known =
            item.told.map_or([0; 2], |told| [told.since.timestamp_millis(), told.at.timestamp_millis()]);
        for time in [item.alert.since.timestamp_millis(), ended].into_iter().chain(known) {
            hash.update(time.to_be_bytes());
        }
        hash.update(item.told.and_then(|told| told.content.as_deref()).unwrap_or_default());
        hash.update([0]);
    }
    format!("msg_{}", hex(hash))
}

fn severity(message: &Message) -> Option<Severity> {
    message.entries.iter().filter(|entry| !entry.has_ended()).map(|entry| entry.alert.severity).max()
}

/// What becomes of the ledger when `sink` has taken a message, or, with a reason, never will.
pub fn delivery(
    sink: &str,
    known: Option<&BTreeMap<String, Told>>,
    message: &Message,
    refused: Option<String>,
    now: DateTime<Utc>,
) -> Delivery {
    let merged = matches!(message.group, Group::Storm(..));
    let mut contents = BTreeSet::new();
    let (mut told, mut ended) = (BTreeMap::new(), BTreeMap::new());
    for Entry { site, alert, .. } in &message.entries {
        let content = content_hash(alert);
        contents.insert(content.clone());
        if alert.state == AlertState::Resolved {
            ended.insert(alert.id.clone(), site.name.clone());
            continue;
        }
        let before = known.and_then(|known| known.get(&alert.id)).filter(|told| told.since == alert.since);
        let row = Told {
            site: site.name.clone(),
            since: alert.since,
            content: Some(content),
            first_at: before.map_or(now, |told| told.first_at),
            at: now,
            merged,
        };
        told.insert(alert.id.clone(), row);
    }
    let mut hash = Sha256::new();
    hash.update(message.reason.as_str());
    contents.iter().for_each(|content| hash.update(content));
    Delivery {
        id: message.id.clone(),
        sink: sink.to_owned(),
        reason: message.reason,
        about: message.subject.words(),
        content: hex(hash),
        at: now,
        refused,
        told,
        ended,
    }
}

#[cfg(test)]
mod tests;
