//! What people have said of alerts: acknowledgements and silences. Whether one holds is `domain::attention`'s to say; here
//! it is kept, and entered into the history.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;
use tracing::warn;

use super::error::{Fault, StoreError};
use super::{Store, codec, history, memory};
use crate::domain::attention::{Acknowledgement, Attention, Matcher, Silence};
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;
use crate::domain::wording;

/// For so many days a silence is kept that is over.
pub const SILENCE_DAYS: i64 = 30;

/// What the history calls an acknowledgement, and a silence.
const ACKNOWLEDGEMENT: &str = "acknowledgement";
const SILENCE: &str = "silence";

impl Store {
    /// All that people have said, those silences among it that are over by not more than [`SILENCE_DAYS`] days. What does not
    /// decode is logged and left out: the alert is told.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn attention(&self) -> Result<Attention, StoreError> {
        self.read("read what people have said of alerts", |db| {
            let mut attention = Attention::default();
            let mut query = db.prepare_cached("SELECT acknowledgement FROM acknowledgement")?;
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                let given = memory::text(row, 0)?.unwrap_or_default();
                if let Some(given) = readable::<Acknowledgement>("acknowledgement.acknowledgement", given) {
                    attention.acknowledgements.insert(given.alert.clone(), given);
                }
            }
            let mut query = db.prepare_cached("SELECT silence, id FROM silence ORDER BY id")?;
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                let silence = memory::text(row, 0)?.unwrap_or_default();
                if let Some(silence) = readable("silence.silence", silence) {
                    attention.silences.push(Silence { id: row.get(1)?, ..silence });
                }
            }
            Ok(attention)
        })
    }

    /// Somebody takes an alert of a site, in place of whoever had taken it. It goes with the alert: as soon as a cycle keeps
    /// the site's alerts without it, or in another life.
    ///
    /// # Errors
    /// When the database cannot be written: then nobody has taken it.
    pub fn acknowledge(&self, site: &SiteName, given: &Acknowledgement) -> Result<(), StoreError> {
        self.write("keep an acknowledgement", |db| {
            let id = self.site_id(db, site)?;
            let text = codec::json("acknowledgement.acknowledgement", given)?;
            db.prepare_cached(
                "INSERT INTO acknowledgement (site, alert, acknowledgement) VALUES (?1, ?2, ?3)
                 ON CONFLICT (site, alert) DO UPDATE SET acknowledgement = ?3",
            )?
            .execute(params![id, given.alert, text])?;
            history::append(db, id, &[entry(&given.by, given.at, ACKNOWLEDGEMENT, taken(given))])
        })
    }

    /// Nobody has an alert any more. Gives who had taken it; without anybody nothing is done.
    ///
    /// # Errors
    /// When the database cannot be written: then it is still taken.
    pub fn withdraw_acknowledgement(
        &self,
        site: &SiteName,
        alert: &str,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<Acknowledgement>, StoreError> {
        self.write("withdraw an acknowledgement", |db| {
            let gone: Option<(i64, String)> = db
                .prepare_cached(
                    "DELETE FROM acknowledgement
                     WHERE site = (SELECT id FROM site WHERE name = ?1) AND alert = ?2
                     RETURNING site, acknowledgement",
                )?
                .query_row([site.as_str(), alert], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((id, given)) = gone else { return Ok(None) };
            let given: Option<Acknowledgement> = readable("acknowledgement.acknowledgement", &given);
            let had =
                given.as_ref().map_or_else(String::new, |given| format!(", which {} had taken", given.by));
            history::append(db, id, &[entry(by, at, ACKNOWLEDGEMENT, format!("gave back {alert}{had}"))])?;
            Ok(given)
        })
    }

    /// Silences alerts; the number of `wanted` is not looked at. Gives the silence with its number, which no other ever had.
    /// It enters the history of the sites that it names, or, where it names none, that of the fleet.
    ///
    /// # Errors
    /// When the database cannot be written: then nothing is silenced.
    pub fn silence(&self, wanted: &Silence) -> Result<Silence, StoreError> {
        self.write("keep a silence", |db| {
            db.prepare_cached("INSERT INTO silence (silence) VALUES (?1)")?
                .execute([codec::json("silence.silence", wanted)?])?;
            let silence = Silence { id: db.last_insert_rowid(), ..wanted.clone() };
            self.tell_of_silence(db, &silence, entry(&silence.by, silence.from, SILENCE, begun(&silence)))?;
            forget_old(db, silence.from)?;
            Ok(silence)
        })
    }

    /// Ends a silence before its time. Gives it as it was; one that is over, or never was, is left alone.
    ///
    /// # Errors
    /// When the database cannot be written, or the silence does not decode.
    pub fn end_silence(&self, id: i64, by: &str, at: DateTime<Utc>) -> Result<Option<Silence>, StoreError> {
        self.write("end a silence", |db| {
            let mut query = db.prepare_cached("SELECT silence FROM silence WHERE id = ?1")?;
            let text: Option<String> = query.query_row([id], |row| row.get(0)).optional()?;
            let silence: Option<Silence> = codec::from_optional_json("silence.silence", text.as_deref())?;
            let Some(silence) = silence.filter(|silence| silence.until > at) else { return Ok(None) };
            let silence = Silence { id, ..silence };
            let ended = Silence { until: at, ended: true, ..silence.clone() };
            db.prepare_cached("UPDATE silence SET silence = ?2 WHERE id = ?1")?
                .execute(params![id, codec::json("silence.silence", &ended)?])?;
            let outcome = format!("ended silence {id} of {}", silence.by);
            self.tell_of_silence(db, &silence, entry(by, at, SILENCE, outcome))?;
            forget_old(db, at)?;
            Ok(Some(silence))
        })
    }

    fn tell_of_silence(
        &self,
        db: &Transaction<'_>,
        silence: &Silence,
        entry: HistoryEntry,
    ) -> Result<(), Fault> {
        if silence.of.sites.is_empty() {
            return history::append(db, self.site_id(db, &SiteName::of_fleet())?, &[entry]);
        }
        for site in &silence.of.sites {
            history::append(db, self.site_id(db, site)?, std::slice::from_ref(&entry))?;
        }
        Ok(())
    }
}

/// Drops the acknowledgements of a site whose alert is gone, or has ended and come back.
pub(super) fn follow_alerts(db: &Transaction<'_>, site: i64) -> Result<(), Fault> {
    db.prepare_cached(
        "DELETE FROM acknowledgement WHERE site = ?1 AND NOT EXISTS (
             SELECT 1 FROM alert WHERE alert.site = ?1 AND alert.id = acknowledgement.alert
                 AND alert.alert ->> '$.since'
                     = iif(json_valid(acknowledgement), acknowledgement ->> '$.since', NULL))",
    )?
    .execute([site])?;
    Ok(())
}

/// Drops the silences that have been over for long.
fn forget_old(db: &Transaction<'_>, now: DateTime<Utc>) -> Result<(), Fault> {
    let Some(oldest) = now.checked_sub_signed(TimeDelta::days(SILENCE_DAYS)) else { return Ok(()) };
    let mut query = db.prepare_cached("SELECT id, silence FROM silence")?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        let silence: Option<Silence> = readable("silence.silence", memory::text(row, 1)?.unwrap_or_default());
        if silence.is_some_and(|silence| silence.until < oldest) {
            db.prepare_cached("DELETE FROM silence WHERE id = ?1")?.execute([row.get::<_, i64>(0)?])?;
        }
    }
    Ok(())
}

/// What was said, if it can be read: what cannot be silences nothing.
fn readable<T: DeserializeOwned>(what: &'static str, text: &str) -> Option<T> {
    let decoded = codec::from_json(what, text);
    decoded.map_err(|fault| warn!(what, ?fault, "what somebody has said of an alert does not decode")).ok()
}

fn entry(by: &str, at: DateTime<Utc>, what: &str, outcome: String) -> HistoryEntry {
    HistoryEntry { at, who: format!("user {by}"), what: what.to_owned(), outcome }
}

fn taken(given: &Acknowledgement) -> String {
    let until = given.until.map_or_else(
        || "until it is resolved".to_owned(),
        |until| format!("until {}", wording::clock(until.fixed_offset())),
    );
    format!("took {} {until}{}", given.alert, noted(&given.note))
}

fn begun(silence: &Silence) -> String {
    let until = wording::clock(silence.until.fixed_offset());
    format!("silence {} until {until} of {}{}", silence.id, meant(&silence.of), noted(&silence.reason))
}

fn noted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// Which alerts are meant, beside those of which sites.
fn meant(of: &Matcher) -> String {
    let Matcher { sites, labels, kinds, severity } = of;
    let mut parts: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    parts.extend(kinds.iter().map(ToString::to_string));
    parts.extend(severity.map(|least| format!("{least} and worse")));
    if sites.len() > 1 {
        parts.push(format!("{} sites", sites.len()));
    }
    if parts.is_empty() { "all alerts".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::fixtures::{alert, at, memory as site_memory, site, status, store};
    use super::super::{CycleRecord, FleetMemory, FleetRecord};
    use super::*;
    use crate::domain::alert::{Alert, AlertKind, Severity};
    use crate::domain::memory::SiteMemory;

    fn given(by: &str, seconds: i64) -> Acknowledgement {
        let Alert { id, since, .. } = alert("a", 2);
        Acknowledgement {
            alert: id,
            since,
            by: by.into(),
            note: "on my way".into(),
            at: at(seconds),
            until: Some(at(7_200)),
        }
    }

    fn silence(of: Matcher, until: i64) -> Silence {
        Silence {
            id: 0,
            of,
            by: "ben".into(),
            reason: "cable works".into(),
            from: at(5),
            until: at(until),
            ended: false,
        }
    }

    fn keep(store: &Store, alerts: Vec<Alert>) {
        let (memory, status) = (SiteMemory { alerts, ..site_memory() }, status("acme", 9));
        let record = CycleRecord { memory: &memory, status: &status, marks: &[], history: &[] };
        store.keep(&site("acme"), &record).unwrap();
    }

    /// The history of a site, oldest first.
    fn told(store: &Store, site: &SiteName) -> Vec<String> {
        let mut entries = store.history(Some(site), 100).unwrap();
        entries.reverse();
        entries.into_iter().map(|(_, entry)| format!("{}: {}", entry.who, entry.outcome)).collect()
    }

    #[test]
    fn the_last_acknowledgement_counts_outlives_the_process_and_can_be_given_back() {
        let (dir, store) = store();
        let acme = site("acme");
        keep(&store, vec![alert("a", 2)]);
        store.acknowledge(&acme, &given("anna", 3)).unwrap();
        store
            .acknowledge(&acme, &Acknowledgement { until: None, note: String::new(), ..given("ben", 4) })
            .unwrap();
        drop(store);
        let (store, _) = Store::open(dir.path(), at(5)).unwrap();
        let kept = store.attention().unwrap().acknowledgements;
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["acme/a"]);
        let gone = store.withdraw_acknowledgement(&acme, "acme/a", "carl", at(6)).unwrap();
        assert_eq!(gone.as_ref(), kept.get("acme/a"));
        assert_eq!(gone.map(|gone| gone.by).as_deref(), Some("ben"));
        for nobody in ["acme/a", "acme/z"] {
            assert_eq!(store.withdraw_acknowledgement(&acme, nobody, "carl", at(7)).unwrap(), None);
        }
        assert_eq!(store.withdraw_acknowledgement(&site("other"), "acme/a", "carl", at(7)).unwrap(), None);
        assert_eq!(store.attention().unwrap(), Attention::default());
        assert_eq!(
            told(&store, &acme),
            [
                "user anna: took acme/a until 2026-11-23 09:00 +00:00: on my way",
                "user ben: took acme/a until it is resolved",
                "user carl: gave back acme/a, which ben had taken",
            ]
        );
        assert!(store.history(Some(&site("other")), 9).unwrap().is_empty());
    }

    #[test]
    fn an_acknowledgement_goes_with_its_alert_and_not_before() {
        let (_dir, store) = store();
        let acme = site("acme");
        let is_taken = || !store.attention().unwrap().acknowledgements.is_empty();
        let reworded = Alert { summary: "three handsets are missing".into(), ..alert("a", 2) };
        let ended = Alert { state: crate::domain::alert::AlertState::Resolved, ..alert("a", 2) };
        for (alerts, stays) in [
            (vec![alert("a", 2)], true),
            (vec![reworded, alert("b", 2)], true),
            (vec![ended], true),
            (vec![alert("a", 3)], false),
            (vec![alert("b", 2)], false),
            (Vec::new(), false),
        ] {
            keep(&store, vec![alert("a", 2)]);
            store.acknowledge(&acme, &given("anna", 3)).unwrap();
            keep(&store, alerts.clone());
            assert_eq!(is_taken(), stays, "{alerts:?}");
        }
    }

    #[test]
    fn an_alert_of_the_fleet_is_taken_as_those_of_sites_are() {
        let (_dir, store) = store();
        let fleet = SiteName::of_fleet();
        let keep = |alerts| {
            let memory = FleetMemory { alerts, ..FleetMemory::default() };
            let record = FleetRecord { memory: &memory, accepted: &BTreeMap::new(), history: &[] };
            store.keep_fleet(&record).unwrap();
        };
        keep(vec![alert("a", 2)]);
        store.acknowledge(&fleet, &given("anna", 3)).unwrap();
        keep(vec![alert("a", 2)]);
        assert_eq!(store.attention().unwrap().acknowledgements.len(), 1);
        assert_eq!(told(&store, &fleet).len(), 1);
        keep(Vec::new());
        assert_eq!(store.attention().unwrap(), Attention::default());
    }

    #[test]
    fn silences_are_numbered_for_ever_and_told_where_they_are_meant() {
        let (_dir, store) = store();
        let sites = BTreeSet::from([site("a"), site("b")]);
        let labels = BTreeMap::from([("customer".to_owned(), "acme".to_owned())]);
        let kinds = BTreeSet::from([AlertKind::Drift]);
        let of_sites = Matcher { sites, kinds, severity: Some(Severity::Warning), ..Matcher::default() };
        let of_customer = Matcher { labels, ..Matcher::default() };
        let first = store.silence(&silence(of_sites, 60)).unwrap();
        let second = store.silence(&Silence { id: 77, ..silence(of_customer, 90) }).unwrap();
        assert_eq!((first.id, second.id), (1, 2));
        assert_eq!(store.attention().unwrap().silences, [first.clone(), second.clone()]);
        assert_eq!(store.end_silence(2, "carl", at(8)).unwrap(), Some(second.clone()));
        assert_eq!(
            store.attention().unwrap().silences,
            [first, Silence { until: at(8), ended: true, ..second }]
        );
        for none in [2, 3] {
            assert_eq!(store.end_silence(none, "carl", at(9)).unwrap(), None);
        }
        let begun = "user ben: silence 1 until 2026-11-23 07:01 +00:00 of drift, warning and worse, 2 sites: cable works";
        assert_eq!(told(&store, &site("a")), [begun]);
        assert_eq!(told(&store, &site("b")), [begun]);
        assert_eq!(
            told(&store, &SiteName::of_fleet()),
            [
                "user ben: silence 2 until 2026-11-23 07:01 +00:00 of customer=acme: cable works",
                "user carl: ended silence 2 of ben",
            ]
        );
        store.write("forget", |db| Ok(db.execute("DELETE FROM silence", ())?)).unwrap();
        assert_eq!(store.silence(&silence(Matcher::default(), 60)).unwrap().id, 3, "no number comes twice");
    }

    #[test]
    fn a_silence_that_is_over_is_kept_for_a_month() {
        let (_dir, store) = store();
        let month = SILENCE_DAYS * 86_400;
        store.silence(&silence(Matcher::default(), 60)).unwrap();
        let at_last = |from: i64| {
            let later = silence(Matcher::default(), from + 1);
            store.silence(&Silence { from: at(from), ..later }).unwrap();
            let kept = store.attention().unwrap().silences;
            kept.into_iter().map(|silence| silence.id).collect::<Vec<_>>()
        };
        assert_eq!(at_last(60 + month), [1, 2]);
        assert_eq!(at_last(61 + month), [2, 3]);
    }

    #[test]
    fn what_does_not_decode_silences_nothing_and_goes_with_the_next_cycle() {
        let (_dir, store) = store();
        let acme = site("acme");
        keep(&store, vec![alert("a", 2)]);
        store.acknowledge(&acme, &given("anna", 3)).unwrap();
        store.silence(&silence(Matcher::default(), 60)).unwrap();
        let spoil = "UPDATE acknowledgement SET acknowledgement = '{'; UPDATE silence SET silence = '[]'";
        store.write("spoil", |db| Ok(db.execute_batch(spoil)?)).unwrap();
        assert_eq!(store.attention().unwrap(), Attention::default());
        keep(&store, vec![alert("a", 2)]);
        let left = "SELECT count(*) FROM acknowledgement";
        let left: i64 = store.read("count", |db| Ok(db.query_row(left, (), |row| row.get(0))?)).unwrap();
        assert_eq!(left, 0);
        assert_eq!(store.silence(&silence(Matcher::default(), 60)).unwrap().id, 2);
    }
}
