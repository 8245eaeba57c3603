//! The fetch log: who asked for a released file, and what that proves.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, codec, history, memory};
use crate::domain::ids::{Firmware, SiteName, SlotNumber};
use crate::domain::observed::FilledSlots;
use crate::domain::release::{Fetcher, Release, Version};

/// How many fetches are kept of each site.
pub const FETCHES_PER_SITE: u32 = 200;

/// How much of a User-Agent is kept, in characters.
const USER_AGENT_LIMIT: usize = 200;

/// One request for a released file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRow {
    /// The site that the token belongs to.
    pub site: SiteName,
    /// The release that was served.
    pub release: i64,
    /// Its VERSION.
    pub version: Version,
    /// Who asked.
    pub peer: IpAddr,
    /// HTTP method.
    pub method: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// The User-Agent as sent.
    pub user_agent: Option<String>,
    /// Whether it was the DECT manager, and not a person with a browser.
    pub by_manager: bool,
    /// The manager's firmware from the User-Agent.
    pub firmware: Option<Firmware>,
    /// The slots that the manager says are filled (`%SUBLIST`).
    pub filled: Option<BTreeSet<SlotNumber>>,
}

impl FetchRow {
    /// Whether the manager got the file.
    fn took_it(&self) -> bool {
        self.by_manager && self.status == 200 && self.method == "GET"
    }
}

impl Store {
    /// Enters a request into the fetch log. If the manager gets the file with it, the release counts as fetched from
    /// the first such time on, which enters the history; what it said of its filled slots is kept whenever it was
    /// answered 200.
    ///
    /// # Errors
    /// When the database cannot be written, or the manager would get a file that another one, be it for the web password
    /// alone, has replaced since it was looked up ([`StoreError::Replaced`]): then the file must not be sent, for its
    /// fetch would go unnoticed. A release that was withdrawn has given its approval back, and must not be carried out.
    pub fn note_fetch(&self, fetch: &FetchRow, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("note a fetch", |db| {
            let site = self.site_id(db, &fetch.site)?;
            if fetch.took_it() && is_replaced(db, site, fetch.release)? {
                return Err(Fault::Replaced(fetch.release));
            }
            log(db, site, fetch, at)?;
            if fetch.took_it() && mark_fetched(db, fetch, at)? {
                history::append(db, site, &[history::fetched(fetch, at)])?;
            }
            match &fetch.filled {
                Some(filled) if fetch.by_manager && fetch.status == 200 => keep_filled(db, site, filled, at),
                Some(_) | None => Ok(()),
            }
        })
    }
}

fn log(db: &Transaction<'_>, site: i64, fetch: &FetchRow, at: DateTime<Utc>) -> Result<(), Fault> {
    let user_agent: Option<String> =
        fetch.user_agent.as_ref().map(|text| text.chars().take(USER_AGENT_LIMIT).collect());
    let inserted = db
        .prepare_cached(
            "INSERT INTO fetch (site, release, at, version, peer, method, status, user_agent, by_manager, firmware, filled)
             SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM release WHERE id = ?2 AND site = ?1",
        )?
        .execute(params![
            site,
            fetch.release,
            codec::time(at),
            fetch.version.as_str(),
            fetch.peer.to_string(),
            fetch.method,
            fetch.status,
            user_agent,
            fetch.by_manager,
            fetch.firmware.as_ref().map(Firmware::as_str),
            codec::optional_json("fetch.filled", fetch.filled.as_ref())?,
        ])?;
    if inserted == 0 {
        return Err(Fault::NoRelease(fetch.release));
    }
    db.prepare_cached(
        "DELETE FROM fetch WHERE site = ?1 AND id <=
             (SELECT id FROM fetch WHERE site = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![site, FETCHES_PER_SITE])?;
    Ok(())
}

/// Whether the site's file on the shelf is a later one than this release of it.
fn is_replaced(db: &Transaction<'_>, site: i64, release: i64) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM release WHERE site = ?1 AND id = ?2)
                  AND EXISTS (SELECT 1 FROM release WHERE site = ?1 AND id > ?2)";
    Ok(db.prepare_cached(sql)?.query_row(params![site, release], |row| row.get(0))?)
}

/// Whether this is the first fetch of a release.
fn mark_fetched(db: &Transaction<'_>, fetch: &FetchRow, at: DateTime<Utc>) -> Result<bool, Fault> {
    let changed = db
        .prepare_cached("UPDATE release SET fetched_at = ?2 WHERE id = ?1 AND fetched_at IS NULL")?
        .execute(params![fetch.release, codec::time(at)])?;
    Ok(changed == 1)
}

/// Who fetched a release that waits for its verdict. Before the fetch there is nobody, and afterwards the verdict tells.
pub(super) fn of_unjudged(
    db: &Transaction<'_>,
    site: i64,
    release: &Release,
) -> Result<Option<Fetcher>, Fault> {
    let progress = &release.progress;
    if progress.fetched_at.is_none() || progress.verified_at.is_some() || progress.ineffective_at.is_some() {
        return Ok(None);
    }
    let mut query = db.prepare_cached(
        "SELECT peer, user_agent, firmware, EXISTS (SELECT 1 FROM fetch AS earlier WHERE earlier.site = ?1
                AND earlier.id < fetch.id AND earlier.version = fetch.version AND earlier.release <> ?2
                AND earlier.by_manager AND earlier.status = 200 AND earlier.method = 'GET')
         FROM fetch WHERE site = ?1 AND release = ?2 AND by_manager AND status = 200 AND method = 'GET'
         ORDER BY id LIMIT 1",
    )?;
    let mut rows = query.query(params![site, release.id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let firmware = memory::text(row, 2)?.map(|text| codec::parsed("fetch.firmware", text)).transpose()?;
    Ok(Some(Fetcher {
        peer: codec::parsed("fetch.peer", memory::text(row, 0)?.unwrap_or_default())?,
        user_agent: row.get(1)?,
        firmware,
        knew_version: row.get(3)?,
    }))
}

fn keep_filled(
    db: &Transaction<'_>,
    site: i64,
    filled: &BTreeSet<SlotNumber>,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let filled = codec::json("site.filled", &FilledSlots { at, filled: filled.clone() })?;
    db.execute("UPDATE site SET filled = ?2 WHERE id = ?1", params![site, filled])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::StoreErrorKind;
    use super::super::fixtures::{at, fetch, new_release, release, site, slot, store};
    use super::*;

    fn released(store: &Store, version: &str) -> i64 {
        release(store, &site("acme"), &new_release(version), b"file", at(1), &[]).unwrap().id
    }

    fn fetched_at(store: &Store) -> Option<DateTime<Utc>> {
        store.memory(&site("acme")).unwrap().release.and_then(|release| release.progress.fetched_at)
    }

    fn logged(store: &Store) -> u32 {
        store
            .read("count", |db| Ok(db.query_row("SELECT count(*) FROM fetch", (), |row| row.get(0))?))
            .unwrap()
    }

    #[test]
    fn the_managers_first_fetch_counts_and_enters_the_history_once() {
        let (_dir, store) = store();
        let id = released(&store, "2311260801");
        for seconds in [5, 6] {
            store.note_fetch(&fetch(id), at(seconds)).unwrap();
        }
        assert_eq!(fetched_at(&store), Some(at(5)));
        let told = store.history(None, 9).unwrap();
        assert_eq!(told.len(), 1);
        assert!(told.iter().all(|(_, entry)| entry.outcome == "fetched VERSION 2311260801 from 10.20.0.2"));
        assert_eq!(logged(&store), 2);
    }

    #[test]
    fn what_is_not_the_manager_getting_the_file_is_logged_and_proves_nothing() {
        let (_dir, store) = store();
        let id = released(&store, "2311260801");
        for other in [
            FetchRow { by_manager: false, ..fetch(id) },
            FetchRow { status: 401, ..fetch(id) },
            FetchRow { method: "HEAD".into(), filled: None, ..fetch(id) },
        ] {
            store.note_fetch(&other, at(5)).unwrap();
        }
        assert_eq!(fetched_at(&store), None);
        assert_eq!(store.memory(&site("acme")).unwrap().filled, None);
        assert!(store.history(None, 9).unwrap().is_empty());
        assert_eq!(logged(&store), 3);
    }

    #[test]
    fn a_file_that_was_replaced_meanwhile_must_not_reach_the_manager() {
        let (_dir, store) = store();
        let old = released(&store, "2311260801");
        let new = released(&store, "2311260802");
        let refused = store.note_fetch(&fetch(old), at(5)).unwrap_err();
        assert!(matches!(refused, StoreError::Replaced { release, .. } if release == old), "{refused}");
        assert_eq!(refused.kind(), StoreErrorKind::Overtaken);
        let kept = store.memory(&site("acme")).unwrap();
        assert_eq!((fetched_at(&store), kept.filled, logged(&store)), (None, None, 0));
        assert!(store.history(None, 9).unwrap().is_empty());
        store.note_fetch(&FetchRow { status: 401, ..fetch(old) }, at(6)).unwrap();
        store.note_fetch(&fetch(new), at(7)).unwrap();
        assert_eq!((fetched_at(&store), logged(&store)), (Some(at(7)), 2), "it asks again");
    }

    #[test]
    fn what_the_manager_says_of_its_slots_is_kept_the_last_counts() {
        let (_dir, store) = store();
        let id = released(&store, "2311260801");
        store.note_fetch(&fetch(id), at(5)).unwrap();
        let last = BTreeSet::from([slot(100)]);
        store.note_fetch(&FetchRow { filled: Some(last.clone()), ..fetch(id) }, at(6)).unwrap();
        store.note_fetch(&FetchRow { filled: None, ..fetch(id) }, at(7)).unwrap();
        let filled = store.memory(&site("acme")).unwrap().filled;
        assert_eq!(filled, Some(FilledSlots { at: at(6), filled: last }));
    }

    #[test]
    fn until_there_is_a_verdict_it_is_known_who_fetched() {
        let (_dir, store) = store();
        let fetcher =
            |store: &Store| store.memory(&site("acme")).unwrap().release.unwrap().progress.fetched_by;
        let id = released(&store, "2311260801");
        let stranger = FetchRow { by_manager: false, user_agent: Some("curl".into()), ..fetch(id) };
        store.note_fetch(&stranger, at(4)).unwrap();
        assert_eq!(fetcher(&store), None);
        store.note_fetch(&fetch(id), at(5)).unwrap();
        store.note_fetch(&FetchRow { peer: "10.20.0.9".parse().unwrap(), ..fetch(id) }, at(6)).unwrap();
        let expected = Fetcher {
            peer: "10.20.0.2".parse().unwrap(),
            user_agent: Some("Gigaset N720 DM PRO/70.111".into()),
            firmware: Some("70.111.00.000.00".parse().unwrap()),
            knew_version: false,
        };
        assert_eq!(fetcher(&store), Some(expected.clone()), "the first fetch counts");
        // Another release under a VERSION that the manager has had before.
        let again = released(&store, "2311260801");
        store.note_fetch(&fetch(again), at(7)).unwrap();
        assert_eq!(fetcher(&store), Some(Fetcher { knew_version: true, ..expected }));
        let marked = "UPDATE release SET verified_at = fetched_at";
        store.write("mark", |db| Ok(db.execute(marked, ())?)).unwrap();
        assert_eq!(fetcher(&store), None);
    }

    #[test]
    fn the_log_of_a_site_is_capped_and_so_is_what_a_stranger_writes_into_it() {
        let (_dir, store) = store();
        let id = released(&store, "2311260801");
        let long = FetchRow { user_agent: Some("ä".repeat(5000)), ..fetch(id) };
        for seconds in 0..i64::from(FETCHES_PER_SITE) + 5 {
            store.note_fetch(&long, at(seconds)).unwrap();
        }
        assert_eq!(logged(&store), FETCHES_PER_SITE);
        let (first, length): (String, u32) = store
            .read("look", |db| {
                Ok(db.query_row("SELECT min(at), max(length(user_agent)) FROM fetch", (), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?)
            })
            .unwrap();
        assert_eq!((first, length), (codec::time(at(5)), 200));
    }

    #[test]
    fn a_fetch_of_another_sites_release_is_refused() {
        let (_dir, store) = store();
        let id = released(&store, "2311260801");
        let stray = FetchRow { site: site("other"), ..fetch(id) };
        assert!(matches!(store.note_fetch(&stray, at(5)), Err(StoreError::NoRelease { .. })));
        assert_eq!(logged(&store), 0);
    }
}
