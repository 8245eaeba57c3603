//! The history of sites, capped by number and age, and the words for what the store itself enters into it.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Transaction, params};

use super::error::{Fault, StoreError};
use super::fetches::FetchRow;
use super::{Store, codec, memory};
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;
use crate::domain::release::TriggerOutcome;

/// How many entries are kept of each site.
pub const HISTORY_PER_SITE: u32 = 2000;

/// For how many days before a site's newest entry its entries are kept.
pub const HISTORY_DAYS: i64 = 400;

impl Store {
    /// The history of one site or of all, newest first, at most `limit` entries. Each site keeps its
    /// [`HISTORY_PER_SITE`] newest of the last [`HISTORY_DAYS`] days.
    ///
    /// # Errors
    /// When the database cannot be read, or an entry does not decode.
    pub fn history(
        &self,
        site: Option<&SiteName>,
        limit: usize,
    ) -> Result<Vec<(SiteName, HistoryEntry)>, StoreError> {
        let columns = "SELECT site.name, history.at, history.who, history.what, history.outcome
                       FROM history JOIN site ON site.id = history.site";
        let sql = match site {
            Some(_) => format!("{columns} WHERE site.name = ?1 ORDER BY history.id DESC LIMIT ?2"),
            None => format!("{columns} WHERE ?1 IS NULL ORDER BY history.id DESC LIMIT ?2"),
        };
        self.read("read the history", |db| {
            let mut query = db.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = query.query(params![site.map(SiteName::as_str), limit])?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                let name = codec::parsed("site.name", memory::text(row, 0)?.unwrap_or_default())?;
                let at = codec::from_time("history.at", memory::text(row, 1)?.unwrap_or_default())?;
                let (who, what, outcome) = (row.get(2)?, row.get(3)?, row.get(4)?);
                entries.push((name, HistoryEntry { at, who, what, outcome }));
            }
            Ok(entries)
        })
    }
}

/// So many of a site's oldest entries are looked at whenever one is added, for those that have grown too old: not all of
/// them, for a message about thousands of sites adds one at each.
const LOOKED_AT: usize = 64;

/// Appends entries, oldest first, and drops what is over the caps.
pub(super) fn append(db: &Transaction<'_>, site: i64, entries: &[HistoryEntry]) -> Result<(), Fault> {
    let Some(newest) = entries.iter().map(|entry| entry.at).max() else { return Ok(()) };
    let mut insert =
        db.prepare_cached("INSERT INTO history (site, at, who, what, outcome) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for entry in entries {
        insert.execute(params![site, codec::time(entry.at), entry.who, entry.what, entry.outcome])?;
    }
    db.prepare_cached(
        "DELETE FROM history WHERE site = ?1 AND id <=
             (SELECT id FROM history WHERE site = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![site, HISTORY_PER_SITE])?;
    let oldest = newest.checked_sub_signed(TimeDelta::days(HISTORY_DAYS)).map(codec::time);
    let looked_at = i64::try_from(LOOKED_AT + entries.len()).unwrap_or(i64::MAX);
    db.prepare_cached(
        "DELETE FROM history WHERE id IN
             (SELECT id FROM (SELECT id, at FROM history WHERE site = ?1 ORDER BY id LIMIT ?3) WHERE at < ?2)",
    )?
    .execute(params![site, oldest, looked_at])?;
    Ok(())
}

/// What telling a manager to fetch came to.
pub(super) fn triggered(outcome: &TriggerOutcome, at: DateTime<Utc>) -> HistoryEntry {
    let outcome = match outcome {
        TriggerOutcome::Done => "the manager downloaded and processed its file".to_owned(),
        TriggerOutcome::Accepted => "the manager accepted check-sync".to_owned(),
        TriggerOutcome::NoLine => "the manager has no active account and fetched nothing".to_owned(),
        TriggerOutcome::Busy(detail) => format!("the manager is busy: {detail}"),
        TriggerOutcome::Failed(detail) => format!("failed: {detail}"),
        TriggerOutcome::Unknown(detail) => format!("outcome unknown: {detail}"),
    };
    entry("n720d", "trigger", outcome, at)
}

/// The manager got the last release for the first time.
pub(super) fn fetched(fetch: &FetchRow, at: DateTime<Utc>) -> HistoryEntry {
    entry("device", "fetch", format!("fetched VERSION {} from {}", fetch.version, fetch.peer), at)
}

/// A notification reached its sink, or never will.
pub(super) fn notified(outcome: String, at: DateTime<Utc>) -> HistoryEntry {
    entry("n720d", "notification", outcome, at)
}

/// An alert ended because its site is not watched any more.
pub(super) fn left(alert: &str, at: DateTime<Utc>) -> HistoryEntry {
    entry("n720d", "alert", format!("{alert} resolved: the site is not watched any more"), at)
}

fn entry(who: &str, what: &str, outcome: String, at: DateTime<Utc>) -> HistoryEntry {
    HistoryEntry { at, who: who.to_owned(), what: what.to_owned(), outcome }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, entry, new_release, release, site, store};
    use super::*;

    fn tell(store: &Store, name: &str, entries: &[HistoryEntry]) {
        store
            .write("tell", |db| {
                let id = store.site_id(db, &site(name))?;
                append(db, id, entries)
            })
            .unwrap();
    }

    fn whats(store: &Store, name: Option<&str>, limit: usize) -> Vec<String> {
        let name = name.map(site);
        let entries = store.history(name.as_ref(), limit).unwrap();
        entries.into_iter().map(|(site, entry)| format!("{site} {}", entry.what)).collect()
    }

    #[test]
    fn history_is_newest_first_by_site_or_of_all_and_limited() {
        let (_dir, store) = store();
        tell(&store, "a", &[entry("release", 1), entry("trigger", 2)]);
        tell(&store, "b", &[entry("release", 3)]);
        assert_eq!(whats(&store, None, 9), ["b release", "a trigger", "a release"]);
        assert_eq!(whats(&store, None, 2), ["b release", "a trigger"]);
        assert_eq!(whats(&store, Some("a"), 9), ["a trigger", "a release"]);
        assert_eq!(whats(&store, Some("nobody"), 9), [""; 0]);
        assert_eq!(store.history(Some(&site("b")), 9).unwrap(), [(site("b"), entry("release", 3))]);
    }

    #[test]
    fn a_site_keeps_so_many_entries_whatever_its_neighbours_write() {
        let (_dir, store) = store();
        tell(&store, "quiet", &[entry("release", 0)]);
        let many: Vec<_> = (0..i64::from(HISTORY_PER_SITE) + 7).map(|i| entry(&format!("e{i}"), i)).collect();
        tell(&store, "loud", &many);
        let kept = whats(&store, Some("loud"), usize::MAX);
        assert_eq!(kept.len(), many.len() - 7);
        assert_eq!(kept.last().map(String::as_str), Some("loud e7"));
        assert_eq!(whats(&store, Some("quiet"), 9), ["quiet release"]);
    }

    #[test]
    fn entries_grow_old_by_the_sites_own_newest() {
        let (_dir, store) = store();
        let day = 86_400;
        tell(&store, "a", &[entry("old", 0), entry("young", day)]);
        tell(&store, "a", &[entry("new", HISTORY_DAYS * day + 1)]);
        assert_eq!(whats(&store, None, 9), ["a new", "a young"]);
    }

    #[test]
    fn entries_of_years_go_little_by_little() {
        let (_dir, store) = store();
        let many = LOOKED_AT + 8;
        let old: Vec<_> = (0..many).map(|_| entry("old", 0)).collect();
        tell(&store, "a", &old);
        let now = HISTORY_DAYS * 86_400 + 1;
        tell(&store, "a", &[entry("new", now)]);
        assert_eq!(whats(&store, None, usize::MAX).len(), many - LOOKED_AT);
        tell(&store, "a", &[entry("new", now)]);
        assert_eq!(whats(&store, None, usize::MAX), ["a new", "a new"]);
    }

    #[test]
    fn every_outcome_of_a_trigger_has_its_words() {
        let (_dir, store) = store();
        let id = release(&store, &site("a"), &new_release("2311260801"), b"", at(0), &[]).unwrap().id;
        let outcomes = [
            TriggerOutcome::Done,
            TriggerOutcome::Accepted,
            TriggerOutcome::NoLine,
            TriggerOutcome::Busy("state 103".into()),
            TriggerOutcome::Failed("state 99".into()),
            TriggerOutcome::Unknown("connection lost".into()),
        ];
        for outcome in &outcomes {
            store.note_trigger(id, outcome, at(1)).unwrap();
        }
        let mut told: Vec<_> = store.history(None, 9).unwrap().into_iter().map(|(_, e)| e.outcome).collect();
        assert!(told.first().is_some_and(|text| text == "outcome unknown: connection lost"), "{told:?}");
        told.sort();
        told.dedup();
        assert_eq!(told.len(), outcomes.len());
    }
}
