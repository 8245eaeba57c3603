//! Messages out of groups, and what the ledger says once a sink has taken one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Batch, Group, Item, Scene};
use crate::alerting::message::{Entry, Message, Subject};
use crate::domain::alert::{Alert, Severity};
use crate::domain::notification::Reason;
use crate::domain::told::{Delivery, Told, content_hash, hex};

/// A message a group that has something new.
pub(super) fn messages(scene: &Scene<'_>, batch: &Batch<'_>) -> Vec<Message> {
    let mut groups: BTreeMap<&Group, Vec<&Item<'_>>> = BTreeMap::new();
    for item in &batch.items {
        groups.entry(&item.group).or_default().push(item);
    }
    groups.retain(|_, items| items.iter().any(|item| item.news.is_some()));
    let mut messages: Vec<Message> =
        groups.into_iter().map(|(group, items)| message(scene, group, items)).collect();
    messages.sort_by_key(|message| std::cmp::Reverse(severity(message)));
    messages
}

fn message(scene: &Scene<'_>, group: &Group, mut items: Vec<&Item<'_>>) -> Message {
    items.sort_by_key(|item| (has_ended(item), std::cmp::Reverse(item.alert.severity), &item.alert.id));
    let subject = match group {
        Group::Site(_) => items.first().map(|item| Subject::Site(Arc::clone(item.facts))),
        Group::Labels(labels) => Some(Subject::Several { labels: labels.clone(), storm: false }),
        Group::Storm(_, labels) => Some(Subject::Several { labels: labels.clone(), storm: true }),
    };
    Message {
        id: id(scene, group, &items),
        reason: reason(&items),
        subject: subject.unwrap_or(Subject::Several { labels: BTreeMap::new(), storm: false }),
        entries: items.into_iter().map(|item| entry(scene, item)).collect(),
        at: scene.now,
    }
}

/// Of all of them together: nothing fires any more, or nothing was known, or something differs, or nothing does.
fn reason(items: &[&Item<'_>]) -> Reason {
    let fires = |item: &&&Item<'_>| !has_ended(item);
    if !items.iter().any(|item| fires(&item)) {
        Reason::Resolved
    } else if items.iter().all(|item| item.told.is_none()) {
        Reason::First
    } else if items.iter().all(|item| matches!(item.news, None | Some(Reason::Repeat))) {
        Reason::Repeat
    } else {
        Reason::Changed
    }
}

fn has_ended(item: &Item<'_>) -> bool {
    item.alert.state == crate::domain::alert::AlertState::Resolved
}

fn entry(scene: &Scene<'_>, item: &Item<'_>) -> Entry {
    Entry {
        site: Arc::clone(item.facts),
        alert: Arc::new(Alert { state: item.state, ..Alert::clone(item.alert) }),
        acknowledged: scene.attention.acknowledgement_of(item.alert, scene.now).cloned(),
        news: item.news,
    }
}

/// Over what is told and what was known before: the same on every try, another for every other message. Not a secret.
fn id(scene: &Scene<'_>, group: &Group, items: &[&Item<'_>]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?}\n", (&scene.sink.name, group)));
    for item in items {
        let known = item.told.map(|told| (told.since, told.at, &told.content));
        let told = (content_hash(item.alert), item.alert.since, item.state, item.alert.resolved_at);
        hash.update(format!("{:?}\n", (known, told)));
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
    let before = |alert: &Alert| known.and_then(|known| known.get(&alert.id));
    let (ended, holding): (Vec<&Entry>, Vec<&Entry>) =
        message.entries.iter().partition(|entry| entry.has_ended());
    let told = holding.into_iter().map(|entry| {
        let content = content_hash(&entry.alert);
        let told = Told {
            site: entry.site.name.clone(),
            since: entry.alert.since,
            content: Some(content),
            first_at: before(&entry.alert).map_or(now, |told| told.first_at),
            at: now,
            merged: matches!(message.subject, Subject::Several { storm: true, .. }),
        };
        (entry.alert.id.clone(), told)
    });
    let told: BTreeMap<String, Told> = told.collect();
    let mut hash = Sha256::new();
    let contents: BTreeSet<String> = message.entries.iter().map(|entry| content_hash(&entry.alert)).collect();
    hash.update(format!("{:?}", (message.reason, contents)));
    Delivery {
        id: message.id.clone(),
        sink: sink.to_owned(),
        reason: message.reason,
        about: message.subject.words(),
        content: hex(hash),
        at: now,
        refused,
        told,
        ended: ended.into_iter().map(|entry| (entry.alert.id.clone(), entry.site.name.clone())).collect(),
    }
}
