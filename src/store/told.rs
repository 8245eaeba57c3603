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
                    let others = sites.keys().filter(|other| *other != site && !other.is_of_fleet()).count();
                    let entry = history::notified(outcome(delivery, site, others), delivery.at);
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

/// What the history of a site says of a message that was about so many others as well.
fn outcome(delivery: &Delivery, site: &SiteName, others: usize) -> String {
    let Delivery { sink, reason, refused, .. } = delivery;
    let other = if site.is_of_fleet() { "" } else { "other " };
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
        if place > 0 && (digits.len() - place) % 3 == 0 {
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
mod tests {
    use super::super::fixtures::{at, delivery, knows, site, store};
    use super::*;

    /// Who was told what of which site, oldest first.
    fn history(store: &Store) -> Vec<String> {
        let mut entries = store.history(None, usize::MAX).unwrap();
        entries.reverse();
        entries.into_iter().map(|(site, entry)| format!("{site}: {}", entry.outcome)).collect()
    }

    fn sent(store: &Store) -> Vec<String> {
        store.sent(usize::MAX).unwrap().into_iter().map(|line| line.id).collect()
    }

    #[test]
    fn what_a_sink_was_told_outlives_the_process_and_goes_with_the_end() {
        let (dir, store) = store();
        let first = delivery("m1", "hook", 5, &["acme/drift", "acme/unreachable"], &[]);
        store.record(&first).unwrap();
        drop(store);
        let (store, _) = Store::open(dir.path(), at(0)).unwrap();
        let known = store.notification_ledger().unwrap();
        assert_eq!(known, BTreeMap::from([("hook".to_owned(), first.told.clone())]));
        let mut merged = delivery("m2", "hook", 6, &["acme/drift"], &["acme/unreachable"]);
        merged.reason = Reason::Changed;
        merged.told.get_mut("acme/drift").unwrap().merged = true;
        store.record(&merged).unwrap();
        assert_eq!(store.notification_ledger().unwrap()["hook"], merged.told);
        store
            .record(&Delivery { reason: Reason::Resolved, ..delivery("m3", "hook", 7, &[], &["acme/drift"]) })
            .unwrap();
        assert_eq!(store.notification_ledger().unwrap(), NotificationLedger::new());
        assert_eq!(
            history(&store),
            ["acme: told hook (first)", "acme: told hook (changed)", "acme: told hook (resolved)"]
        );
        let line = SentLine {
            id: "m2".into(),
            sink: "hook".into(),
            at: at(6),
            reason: Reason::Changed,
            about: "acme".into(),
            alerts: 2,
            refused: None,
        };
        assert_eq!(store.sent(2).unwrap()[1], line);
        assert_eq!(sent(&store), ["m3", "m2", "m1"]);
    }

    #[test]
    fn a_message_changes_nothing_of_what_it_is_not_about() {
        let (_dir, store) = store();
        let (one, two) = (
            delivery("m1", "hook", 5, &["acme/drift"], &[]),
            delivery("m2", "mail", 6, &["acme/drift", "bolt/drift"], &[]),
        );
        store.record(&one).unwrap();
        store.record(&two).unwrap();
        store.record(&delivery("m3", "hook", 7, &["bolt/drift"], &["bolt/unreachable"])).unwrap();
        let ledger = store.notification_ledger().unwrap();
        assert_eq!(ledger["mail"], two.told);
        assert_eq!(ledger["hook"].keys().collect::<Vec<_>>(), ["acme/drift", "bolt/drift"]);
        assert_eq!(ledger["hook"]["acme/drift"], one.told["acme/drift"]);
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let of_bolt = BTreeMap::from([
            ("hook".to_owned(), ids(&["bolt/drift"])),
            ("mail".to_owned(), ids(&["bolt/drift"])),
        ]);
        assert_eq!(store.told_ids(&site("bolt")).unwrap(), of_bolt);
        assert!(store.told_ids(&site("nobody")).unwrap().is_empty());
    }

    #[test]
    fn the_same_message_again_is_told_once() {
        let (_dir, store) = store();
        let message = Delivery {
            reason: Reason::Changed,
            ..delivery("m1", "hook", 5, &["acme/drift"], &["acme/unreachable"])
        };
        store.record(&delivery("m0", "hook", 4, &["acme/unreachable"], &[])).unwrap();
        store.record(&message).unwrap();
        let (ledger, lines, told) =
            (store.notification_ledger().unwrap(), store.sent(9).unwrap(), history(&store));
        store.record(&message).unwrap();
        assert_eq!(
            (store.notification_ledger().unwrap(), store.sent(9).unwrap(), history(&store)),
            (ledger, lines, told)
        );
        let mut later = delivery("m1", "hook", 65, &["acme/drift"], &["acme/unreachable"]);
        later.reason = Reason::Changed;
        store.record(&later).unwrap();
        assert_eq!(store.notification_ledger().unwrap()["hook"]["acme/drift"].at, at(65));
        assert_eq!(store.sent(9).unwrap()[0].at, at(65), "it came late");
        assert_eq!((sent(&store).len(), history(&store).len()), (2, 2));
    }

    #[test]
    fn a_final_refusal_is_told_in_the_history_and_counts_as_told() {
        let (_dir, store) = store();
        let refused =
            Delivery { refused: Some("410 gone".into()), ..delivery("m1", "hook", 5, &["acme/drift"], &[]) };
        store.record(&refused).unwrap();
        assert_eq!(store.notification_ledger().unwrap()["hook"], refused.told);
        assert_eq!(history(&store), ["acme: could not tell hook (first): 410 gone"]);
        assert_eq!(store.sent(9).unwrap()[0].refused.as_deref(), Some("410 gone"));
    }

    #[test]
    fn the_history_of_each_site_says_with_how_many_others_it_was_told() {
        let (_dir, store) = store();
        store
            .record(&delivery("m1", "hook", 5, &["a/drift", "b/drift", "b/unreachable"], &["fleet/test"]))
            .unwrap();
        assert_eq!(
            history(&store),
            ["a: told hook (first, with 1 other site)", "b: told hook (first, with 1 other site)"],
            "nobody knew of what has ended"
        );
        store.record(&delivery("m2", "hook", 6, &["fleet/test", "a/unreachable"], &[])).unwrap();
        assert_eq!(history(&store)[2..], ["a: told hook (first)", "fleet: told hook (first, with 1 site)"]);
        let many: Vec<String> = (0..1_235).map(|number| format!("s{number}/drift")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        store.record(&delivery("m3", "hook", 7, &many, &[])).unwrap();
        assert_eq!(history(&store).last().unwrap(), "s999: told hook (first, with 1,234 other sites)");
    }

    #[test]
    fn a_site_of_which_nothing_new_was_said_has_no_line_and_a_reminder_after_hours_has_one() {
        let (_dir, store) = store();
        let first = delivery("m1", "hook", 0, &["a/drift", "b/drift"], &[]);
        store.record(&first).unwrap();
        let again = |id: &str, seconds: i64| {
            let before = history(&store).len();
            let mut again = delivery(id, "hook", seconds, &["a/drift", "b/drift"], &[]);
            again.reason = Reason::Repeat;
            store.record(&again).unwrap();
            history(&store)[before..].to_vec()
        };
        assert!(again("m2", 300).is_empty() && again("m3", 600).is_empty());
        let mut grown = delivery("m4", "hook", 900, &["a/drift", "b/drift"], &[]);
        grown.reason = Reason::Changed;
        grown.told.get_mut("b/drift").unwrap().content = Some("grown".into());
        store.record(&grown).unwrap();
        assert_eq!(history(&store).last().unwrap(), "b: told hook (changed, with 1 other site)");
        assert_eq!(history(&store).len(), 3);
        grown.told.get_mut("b/drift").unwrap().content = None;
        store.record(&grown).unwrap();
        let told = ["a: told hook (repeat, with 1 other site)", "b: told hook (repeat, with 1 other site)"];
        assert_eq!(again("m5", 900 + 3_600), told, "what is not known counts as the same");
        assert_eq!(again("m6", 0), told, "the clock was set back");
    }

    #[test]
    fn sinks_that_are_gone_are_forgotten_and_told_anew_when_they_come_back() {
        let (_dir, store) = store();
        for sink in ["hook", "mail", "pager"] {
            store.record(&delivery("m1", sink, 5, &["acme/drift"], &[])).unwrap();
        }
        store.forget_sinks(&BTreeSet::from(["mail".to_owned(), "new".to_owned()])).unwrap();
        assert_eq!(store.notification_ledger().unwrap().keys().collect::<Vec<_>>(), ["mail"]);
        store.record(&delivery("m1", "hook", 9, &["acme/drift"], &[])).unwrap();
        assert_eq!(history(&store).len(), 4);
        let newest = &store.sent(9).unwrap()[0];
        assert_eq!((newest.sink.as_str(), newest.at), ("hook", at(9)));
        store.forget_sinks(&BTreeSet::new()).unwrap();
        assert!(store.notification_ledger().unwrap().is_empty());
        assert_eq!(store.sent(9).unwrap().len(), 3, "what was sent was sent");
    }

    #[test]
    fn the_record_of_what_was_sent_goes_back_so_far() {
        let (_dir, store) = store();
        let fill = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {NOTIFICATIONS_KEPT})
             INSERT INTO notification (id, sink, at, reason, about, content, alerts)
             SELECT 'm' || i, 'hook', '2026-11-23T07:00:00.000000000Z', '\"first\"', 'acme', '', 1 FROM n"
        );
        store.write("fill", |db| Ok(db.execute(&fill, ())?)).unwrap();
        store.record(&delivery("newest", "hook", 5, &["acme/drift"], &[])).unwrap();
        let sent = sent(&store);
        assert_eq!(sent.len(), NOTIFICATIONS_KEPT as usize);
        assert_eq!((sent[0].as_str(), sent.last().unwrap().as_str()), ("newest", "m2"));
    }

    #[test]
    fn what_does_not_decode_is_told_anew_and_hides_nothing_else() {
        let (_dir, store) = store();
        store.record(&delivery("m1", "hook", 5, &["acme/drift", "acme/unreachable"], &[])).unwrap();
        let spoil = "UPDATE told SET at = 'yesterday' WHERE alert = 'acme/drift'";
        store.write("spoil", |db| Ok(db.execute(spoil, ())?)).unwrap();
        assert_eq!(
            store.notification_ledger().unwrap()["hook"].keys().collect::<Vec<_>>(),
            ["acme/unreachable"]
        );
        let again = delivery("m2", "hook", 6, &["acme/drift"], &[]);
        store.record(&again).unwrap();
        assert_eq!(store.notification_ledger().unwrap()["hook"]["acme/drift"], knows("acme/drift", 6));
        assert_eq!(history(&store).len(), 2);
    }
}
