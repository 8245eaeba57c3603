//! What sinks were told, and what they are still to be told: the ledger and the outbox.
//!
//! The ledger changes when a notification is queued, not when it is delivered, and in the same transaction: a restart
//! in between neither loses nor repeats a decision.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, codec, history, memory};
use crate::domain::ids::SiteName;
use crate::domain::notification::{LedgerEntry, NewNotification, Queued, Reason};

impl Store {
    /// What each sink was last told about a site, or is queued to be told.
    ///
    /// # Errors
    /// When the database cannot be read, or an entry does not decode.
    pub fn ledger(&self, site: &SiteName) -> Result<BTreeMap<String, LedgerEntry>, StoreError> {
        self.read("read what sinks were told", |db| {
            let mut query = db.prepare_cached(
                "SELECT sink, entry FROM ledger WHERE site = (SELECT id FROM site WHERE name = ?1)",
            )?;
            let mut rows = query.query([site.as_str()])?;
            let mut ledger = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let entry = codec::from_json("ledger.entry", memory::text(row, 1)?.unwrap_or_default())?;
                ledger.insert(row.get(0)?, entry);
            }
            Ok(ledger)
        })
    }

    /// What is still undelivered about a site, by sink.
    ///
    /// # Errors
    /// When the database cannot be read, or a notification does not decode.
    pub fn waiting(&self, site: &SiteName) -> Result<BTreeMap<String, Queued>, StoreError> {
        self.read("read what waits for delivery", |db| {
            let mut query = db.prepare_cached(&format!("{QUEUED} WHERE site.name = ?1"))?;
            let mut rows = query.query([site.as_str()])?;
            let mut waiting = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let queued = queued(row)?;
                waiting.insert(queued.sink.clone(), queued);
            }
            Ok(waiting)
        })
    }

    /// Notifications for a sink whose time has come, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read, or a notification does not decode.
    pub fn due(&self, sink: &str, now: DateTime<Utc>, limit: usize) -> Result<Vec<Queued>, StoreError> {
        self.read("read the outbox", |db| {
            let mut query = db.prepare_cached(&format!(
                "{QUEUED} WHERE outbox.sink = ?1 AND outbox.next_attempt <= ?2
                 ORDER BY outbox.next_attempt, outbox.sequence LIMIT ?3"
            ))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = query.query(params![sink, codec::time(now), limit])?;
            let mut due = Vec::new();
            while let Some(row) = rows.next()? {
                due.push(queued(row)?);
            }
            Ok(due)
        })
    }

    /// A notification reached its sink: it leaves the outbox and enters the history. One that was superseded
    /// meanwhile is passed over.
    ///
    /// # Errors
    /// When the database cannot be written; it is then delivered again.
    pub fn delivered(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("note a delivery", |db| {
            close(db, id, at, |sink, reason| format!("told {sink} ({reason})"))
        })
    }

    /// A delivery failed and is to be tried again at `next_attempt`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn postponed(&self, id: &str, error: &str, next_attempt: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("postpone a delivery", |db| {
            db.execute(
                "UPDATE outbox SET attempts = attempts + 1, last_error = ?2, next_attempt = ?3 WHERE id = ?1",
                params![id, error, codec::time(next_attempt)],
            )?;
            Ok(())
        })
    }

    /// A sink refused a notification for good: it leaves the outbox, and the history says so.
    ///
    /// # Errors
    /// When the database cannot be written; it is then tried again.
    pub fn given_up(&self, id: &str, error: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("give a delivery up", |db| {
            close(db, id, at, |sink, reason| format!("could not tell {sink} ({reason}): {error}"))
        })
    }
}

/// The columns that [`queued`] reads.
const QUEUED: &str = "SELECT outbox.id, outbox.sink, site.name, outbox.reason, outbox.body, outbox.attempts,
                             outbox.created_at
                      FROM outbox JOIN site ON site.id = outbox.site";

fn queued(row: &Row<'_>) -> Result<Queued, Fault> {
    let text = |column| Ok::<_, Fault>(memory::text(row, column)?.unwrap_or_default());
    Ok(Queued {
        id: row.get(0)?,
        sink: row.get(1)?,
        site: codec::parsed("site.name", text(2)?)?,
        reason: codec::from_json("outbox.reason", text(3)?)?,
        body: row.get(4)?,
        attempts: row.get(5)?,
        created_at: codec::from_time("outbox.created_at", text(6)?)?,
    })
}

/// Queues a notification in place of an undelivered one of the same site and sink, and enters it into the ledger.
pub(super) fn enqueue(db: &Transaction<'_>, site: i64, new: &NewNotification) -> Result<(), Fault> {
    let created_at = codec::time(new.ledger.at);
    db.prepare_cached("DELETE FROM outbox WHERE site = ?1 AND sink = ?2")?
        .execute(params![site, new.sink])?;
    db.prepare_cached(
        "INSERT INTO outbox (id, site, sink, reason, body, created_at, next_attempt)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )?
    .execute(params![
        new.id,
        site,
        new.sink,
        codec::json("outbox.reason", &new.reason)?,
        new.body,
        created_at
    ])?;
    db.prepare_cached(
        "INSERT INTO ledger (site, sink, entry) VALUES (?1, ?2, ?3)
         ON CONFLICT (site, sink) DO UPDATE SET entry = ?3",
    )?
    .execute(params![site, new.sink, codec::json("ledger.entry", &new.ledger)?])?;
    Ok(())
}

/// Takes a notification out of the outbox and enters what became of it into the history.
fn close(
    db: &Transaction<'_>,
    id: &str,
    at: DateTime<Utc>,
    outcome: impl FnOnce(&str, &str) -> String,
) -> Result<(), Fault> {
    let gone: Option<(i64, String, String)> = db
        .prepare_cached("DELETE FROM outbox WHERE id = ?1 RETURNING site, sink, reason")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((site, sink, reason)) = gone else { return Ok(()) };
    let reason = word(codec::from_json("outbox.reason", &reason)?);
    history::append(db, site, &[history::notified(outcome(&sink, reason), at)])
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::First => "first",
        Reason::Changed => "changed",
        Reason::Repeat => "repeat",
        Reason::Resolved => "resolved",
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::fixtures::{at, notification, site, store};
    use super::*;

    fn queue(store: &Store, new: &NewNotification) {
        store
            .write("queue", |db| {
                let id = store.site_id(db, &new.site)?;
                enqueue(db, id, new)
            })
            .unwrap();
    }

    fn ids(store: &Store, sink: &str, seconds: i64) -> Vec<String> {
        store.due(sink, at(seconds), 9).unwrap().into_iter().map(|queued| queued.id).collect()
    }

    fn outcomes(store: &Store) -> Vec<String> {
        store.history(None, 9).unwrap().into_iter().map(|(_, entry)| entry.outcome).collect()
    }

    #[test]
    fn what_was_decided_is_due_at_once_and_in_the_ledger() {
        let (_dir, store) = store();
        let new = notification("n1", "hook", 1);
        queue(&store, &new);
        assert_eq!(
            store.due("hook", at(1), 9).unwrap(),
            [Queued {
                id: "n1".into(),
                sink: "hook".into(),
                site: site("acme"),
                reason: Reason::First,
                body: new.body.clone(),
                attempts: 0,
                created_at: at(1),
            }]
        );
        assert!(ids(&store, "hook", 0).is_empty(), "not before its time");
        assert_eq!(store.ledger(&site("acme")).unwrap(), BTreeMap::from([("hook".to_owned(), new.ledger)]));
        assert!(store.ledger(&site("other")).unwrap().is_empty());
    }

    #[test]
    fn a_newer_notification_takes_the_place_of_an_undelivered_one_of_its_site_and_sink_only() {
        let (_dir, store) = store();
        queue(&store, &notification("n1", "hook", 1));
        queue(&store, &notification("n2", "mail", 2));
        queue(&store, &NewNotification { site: site("other"), ..notification("n3", "hook", 3) });
        queue(&store, &notification("n4", "hook", 4));
        assert_eq!(ids(&store, "hook", 9), ["n3", "n4"]);
        assert_eq!(ids(&store, "mail", 9), ["n2"]);
        let waiting = store.waiting(&site("acme")).unwrap();
        let waiting: Vec<_> =
            waiting.iter().map(|(sink, queued)| (sink.as_str(), queued.id.as_str())).collect();
        assert_eq!(waiting, [("hook", "n4"), ("mail", "n2")]);
        let ledger = store.ledger(&site("acme")).unwrap();
        assert_eq!(ledger.get("hook").map(|entry| entry.digest.as_str()), Some("digest of n4"));
    }

    #[test]
    fn a_delivery_ends_it_but_for_the_ledger_and_one_that_was_superseded_ends_nothing() {
        let (_dir, store) = store();
        queue(&store, &notification("n1", "hook", 1));
        queue(&store, &notification("n2", "hook", 2));
        store.delivered("n1", at(3)).unwrap();
        assert_eq!(ids(&store, "hook", 9), ["n2"]);
        assert!(outcomes(&store).is_empty());
        store.delivered("n2", at(4)).unwrap();
        store.delivered("n2", at(5)).unwrap();
        assert!(ids(&store, "hook", 9).is_empty());
        assert_eq!(outcomes(&store), ["told hook (first)"]);
        assert_eq!(store.ledger(&site("acme")).unwrap().len(), 1);
    }

    #[test]
    fn a_failed_delivery_waits_keeps_its_id_and_counts() {
        let (_dir, store) = store();
        queue(&store, &notification("n1", "hook", 1));
        store.postponed("n1", "connection refused", at(60)).unwrap();
        assert!(ids(&store, "hook", 59).is_empty());
        let due = store.due("hook", at(60), 9).unwrap();
        assert_eq!(
            due.iter().map(|queued| (queued.id.as_str(), queued.attempts)).collect::<Vec<_>>(),
            [("n1", 1)]
        );
    }

    #[test]
    fn a_final_refusal_is_told_in_the_history() {
        let (_dir, store) = store();
        queue(&store, &NewNotification { reason: Reason::Resolved, ..notification("n1", "hook", 1) });
        store.given_up("n1", "410 gone", at(2)).unwrap();
        assert!(ids(&store, "hook", 9).is_empty());
        assert_eq!(outcomes(&store), ["could not tell hook (resolved): 410 gone"]);
    }

    #[test]
    fn a_sink_with_thousands_waiting_hides_no_other() {
        let (_dir, store) = store();
        for i in 0..50 {
            let new = notification(&format!("down{i}"), "down", 1);
            queue(&store, &NewNotification { site: site(&format!("s{i}")), ..new });
        }
        queue(&store, &notification("up", "up", 2));
        assert_eq!(ids(&store, "down", 9).len(), 9);
        assert_eq!(ids(&store, "up", 9), ["up"]);
    }

    #[test]
    fn due_times_compare_to_the_nanosecond() {
        let (_dir, store) = store();
        queue(&store, &notification("n1", "hook", 1));
        assert!(store.due("hook", at(1) - TimeDelta::nanoseconds(1), 9).unwrap().is_empty());
    }
}
