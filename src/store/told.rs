//! What sinks know, and the record of what they were sent. Who is told what is `alerting`'s to decide; here it is kept.
//!
//! What a sink knows changes only with a message that it took or will never take, in one transaction with the record of it:
//! after a kill in between the same message is sent again, and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::error::{Fault, StoreError};
use super::{Store, codec, history, memory, offers};
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;
use crate::domain::told::{Delivery, NotificationLedger, Told};

/// How many messages the record of what was sent goes back.
pub const NOTIFICATIONS_KEPT: u32 = 10_000;

/// Sinks that forget are reminded every few minutes. Of what is told again sooner than this the history says nothing, for it
/// would soon say nothing else.
const REMINDER: TimeDelta = TimeDelta::hours(1);

/// A message that a sink was sent, as the record of them tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentLine {
    /// As its receiver saw it.
    pub id: String,
    /// The sink.
    pub sink: String,
    /// When the sink took it, or refused it for good.
    pub at: DateTime<Utc>,
    /// Why it was sent.
    pub reason: Reason,
    /// Whom or what it was about, in words: a site, `customer=acme`, `all sites`.
    pub about: String,
    /// How many alerts were in it.
    pub alerts: u32,
    /// Why the sink will never take it; `None`: it took it.
    pub refused: Option<String>,
}

impl Store {
    /// What every sink knows, those that are not set up any more among them. What does not decode is logged and left out:
    /// that alert is told as if it were new.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn notification_ledger(&self) -> Result<NotificationLedger, StoreError> {
        self.read("read what sinks know", |db| {
            let mut query = db.prepare_cached(
                "SELECT told.sink, told.alert, site.name, told.since, told.content, told.first_at, told.at, told.merged
                 FROM told JOIN site ON site.id = told.site",
            )?;
            let mut rows = query.query(())?;
            let mut ledger = NotificationLedger::new();
            while let Some(row) = rows.next()? {
                let (sink, alert): (String, String) = (row.get(0)?, row.get(1)?);
                match told(row) {
                    Ok(told) => drop(ledger.entry(sink).or_default().insert(alert, told)),
                    Err(fault) => warn!(sink, alert, ?fault, "what this sink knows of this alert does not decode"),
                }
            }
            Ok(ledger)
        })
    }

    /// Of which alerts of a site each sink is still to be told the end, what it may have heard of included: as long as one is, a
    /// resolved alert is kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn told_ids(&self, site: &SiteName) -> Result<BTreeMap<String, BTreeSet<String>>, StoreError> {
        self.read("read what sinks know of a site", |db| {
            let mut query = db.prepare_cached(
                "SELECT sink, alert FROM told WHERE site = (SELECT id FROM site WHERE name = ?1)
                 UNION SELECT sink, alert FROM offer WHERE site = (SELECT id FROM site WHERE name = ?1)",
            )?;
            let mut rows = query.query([site.as_str()])?;
            let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                ids.entry(row.get(0)?).or_default().insert(row.get(1)?);
            }
            Ok(ids)
        })
    }

    /// Keeps what became of a message: what its sink knows from here on, the record of the message, and a line in the history
    /// of each site of which it said something new. The same once more changes nothing.
    ///
    /// # Errors
    /// When the database cannot be written: then the sink counts as not told.
    pub fn record(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.write("record what a sink was told", |db| {
            let sites = by_site(delivery);
            let named = sites.keys().filter(|site| !site.is_of_fleet()).count();
            for (site, alerts) in &sites {
                let id = self.site_id(db, site)?;
                let mut news = false;
                for (alert, told) in alerts {
                    news |= offers::end(db, id, &delivery.sink, alert)?;
                    news |= match told {
                        Some(told) => put(db, id, &delivery.sink, alert, told)?,
                        None => forget(db, id, &delivery.sink, alert)?,
                    };
                }
                if news {
                    let entry = history::notified(outcome(delivery, site, named), delivery.at);
                    history::append(db, id, &[entry])?;
                }
            }
            enter(db, delivery)
        })
    }

    /// Forgets what sinks know that are not among these: they are not set up any more, and nobody is to wait for them. One
    /// that comes back is told of everything as if it were new.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_sinks(&self, keep: &BTreeSet<String>) -> Result<(), StoreError> {
        self.write("forget sinks that are gone", |db| {
            let keep = codec::json("told.sink", keep)?;
            db.prepare_cached("DELETE FROM told WHERE sink NOT IN (SELECT value FROM json_each(?1))")?
                .execute([&keep])?;
            db.prepare_cached("DELETE FROM offer WHERE sink NOT IN (SELECT value FROM json_each(?1))")?
                .execute([&keep])?;
            Ok(())
        })
    }

    /// Forgets the ends that no sink is still to be told of. Cycles do that for their sites; of one that is not watched any
    /// more nobody else would.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_told_ends(&self) -> Result<(), StoreError> {
        self.write("forget the ends that every sink was told", |db| {
            // What is no JSON is left to whoever reads it, who says so.
            db.execute(
                "DELETE FROM alert WHERE iif(json_valid(alert), alert ->> '$.state', NULL) = 'resolved'
                 AND NOT EXISTS (SELECT 1 FROM told WHERE told.site = alert.site AND told.alert = alert.id)
                 AND NOT EXISTS (SELECT 1 FROM offer WHERE offer.site = alert.site AND offer.alert = alert.id)",
                (),
            )?;
            db.execute(
                "DELETE FROM acknowledgement WHERE NOT EXISTS (
                     SELECT 1 FROM alert WHERE alert.site = acknowledgement.site AND alert.id = acknowledgement.alert)",
                (),
            )?;
            Ok(())
        })
    }

    /// The messages that were sent last, newest first, at most `limit`; of all there are at most [`NOTIFICATIONS_KEPT`].
    ///
    /// # Errors
    /// When the database cannot be read, or a message does not decode.
    pub fn sent(&self, limit: usize) -> Result<Vec<SentLine>, StoreError> {
        self.read("read what was sent", |db| {
            let mut query = db.prepare_cached(
                "SELECT id, sink, at, reason, about, alerts, refused FROM notification
                 ORDER BY sequence DESC LIMIT ?1",
            )?;
            let mut rows = query.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let mut sent = Vec::new();
            while let Some(row) = rows.next()? {
                sent.push(SentLine {
                    id: row.get(0)?,
                    sink: row.get(1)?,
                    at: codec::from_time("notification.at", text(row, 2)?)?,
                    reason: codec::from_json("notification.reason", text(row, 3)?)?,
                    about: row.get(4)?,
                    alerts: row.get(5)?,
                    refused: row.get(6)?,
                });
            }
            Ok(sent)
        })
    }
}

/// What a message said, site by site: alerts that hold, and, without anything to know, those that have ended.
fn by_site(delivery: &Delivery) -> BTreeMap<&SiteName, Vec<(&str, Option<&Told>)>> {
    let holding = delivery.told.iter().map(|(alert, told)| (&told.site, alert, Some(told)));
    let ended = delivery.ended.iter().map(|(alert, site)| (site, alert, None));
    let mut sites: BTreeMap<&SiteName, Vec<_>> = BTreeMap::new();
    for (site, alert, told) in holding.chain(ended) {
        sites.entry(site).or_default().push((alert.as_str(), told));
    }
    sites
}

/// Writes what a sink knows of an alert. Gives whether that is more than it was told within [`REMINDER`].
fn put(db: &Transaction<'_>, site: i64, sink: &str, alert: &str, told: &Told) -> Result<bool, Fault> {
    let mut query =
        db.prepare_cached("SELECT content, at FROM told WHERE sink = ?1 AND site = ?2 AND alert = ?3")?;
    let known: Option<(Option<String>, String)> =
        query.query_row(params![sink, site, alert], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    db.prepare_cached(
        "INSERT INTO told (sink, site, alert, since, content, first_at, at, merged)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (sink, site, alert)
         DO UPDATE SET since = ?4, content = ?5, first_at = ?6, at = ?7, merged = ?8",
    )?
    .execute(params![
        sink,
        site,
        alert,
        codec::time(told.since),
        told.content,
        codec::time(told.first_at),
        codec::time(told.at),
        told.merged,
    ])?;
    let Some((content, at)) = known else { return Ok(true) };
    let changed = content.is_some() && content != told.content;
    let age = codec::from_time("told.at", &at).map(|at| (told.at - at).abs());
    Ok(changed || age.map_or(true, |age| age >= REMINDER))
}

/// The sink knows nothing of an alert from here on. Gives whether it did.
fn forget(db: &Transaction<'_>, site: i64, sink: &str, alert: &str) -> Result<bool, Fault> {
    let gone = db
        .prepare_cached("DELETE FROM told WHERE sink = ?1 AND site = ?2 AND alert = ?3")?
        .execute(params![sink, site, alert])?;
    Ok(gone > 0)
}

/// Enters a message into the record of what was sent; one that was sent again is the newest.
fn enter(db: &Transaction<'_>, delivery: &Delivery) -> Result<(), Fault> {
    let at = codec::time(delivery.at);
    db.prepare_cached("DELETE FROM notification WHERE sink = ?1 AND id = ?2 AND at <> ?3")?
        .execute(params![delivery.sink, delivery.id, at])?;
    let alerts = delivery.told.len() + delivery.ended.len();
    db.prepare_cached(
        "INSERT INTO notification (id, sink, at, reason, about, content, alerts, refused)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (sink, id) DO NOTHING",
    )?
    .execute(params![
        delivery.id,
        delivery.sink,
        at,
        codec::json("notification.reason", &delivery.reason)?,
        delivery.about,
        delivery.content,
        i64::try_from(alerts).unwrap_or(i64::MAX),
        delivery.refused,
    ])?;
    db.prepare_cached(
        "DELETE FROM notification WHERE sequence <= (SELECT max(sequence) FROM notification) - ?1",
    )?
    .execute([NOTIFICATIONS_KEPT])?;
    Ok(())
}

/// What the history of a site, or of the fleet, says of a message about so many sites.
fn outcome(delivery: &Delivery, site: &SiteName, sites: usize) -> String {
    let Delivery { sink, reason, refused, .. } = delivery;
    let (others, other) = if site.is_of_fleet() { (sites, "") } else { (sites.saturating_sub(1), "other ") };
    let with = match others {
        0 => String::new(),
        1 => format!(", with 1 {other}site"),
        others => format!(", with {} {other}sites", grouped(others)),
    };
    match refused {
        None => format!("told {sink} ({}{with})", reason.as_str()),
        Some(why) => format!("could not tell {sink} ({}{with}): {why}", reason.as_str()),
    }
}

/// A number as people read it: `9,999`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A row of [`Store::notification_ledger`].
fn told(row: &Row<'_>) -> Result<Told, Fault> {
    Ok(Told {
        site: codec::parsed("site.name", text(row, 2)?)?,
        since: codec::from_time("told.since", text(row, 3)?)?,
        content: row.get(4)?,
        first_at: codec::from_time("told.first_at", text(row, 5)?)?,
        at: codec::from_time("told.at", text(row, 6)?)?,
        merged: row.get(7)?,
    })
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, Fault> {
    Ok(memory::text(row, column)?.unwrap_or_default())
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
