//! Ways back: what was observed at a site before a release that disturbs people, as the text of a site file. Kept in the
//! transaction that makes the release, and longer than the release.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension, Transaction, params};

use super::error::{Fault, StoreError};
use super::history::HISTORY_DAYS;
use super::{Store, codec};
use crate::domain::ids::SiteName;

/// How many are kept of each site, of at most as many days before the newest as history is.
pub const WAYS_BACK_PER_SITE: u32 = 50;

impl Store {
    /// The site file that leads back to before a release of a site; `None` when there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn way_back(&self, site: &SiteName, release: i64) -> Result<Option<String>, StoreError> {
        self.read("read a way back", |db| {
            let mut query = db.prepare_cached(
                "SELECT way_back.file FROM way_back JOIN site ON site.id = way_back.site
                 WHERE site.name = ?1 AND way_back.release = ?2",
            )?;
            Ok(query.query_row(params![site.as_str(), release], |row| row.get(0)).optional()?)
        })
    }

    /// The releases of a site from which there is a way back, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn ways_back(&self, site: &SiteName) -> Result<Vec<i64>, StoreError> {
        self.read("list the ways back", |db| {
            let mut query = db.prepare_cached(
                "SELECT way_back.release FROM way_back JOIN site ON site.id = way_back.site
                 WHERE site.name = ?1 ORDER BY way_back.release DESC",
            )?;
            let releases = query.query_map([site.as_str()], |row| row.get(0))?;
            Ok(releases.collect::<Result<_, _>>()?)
        })
    }
}

/// Keeps the way back from a release, and drops what is over the limits.
pub(super) fn append(
    db: &Transaction<'_>,
    site: i64,
    release: i64,
    at: DateTime<Utc>,
    file: &str,
) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO way_back (release, site, at, file) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![release, site, codec::time(at), file])?;
    let oldest = at.checked_sub_signed(TimeDelta::days(HISTORY_DAYS)).map(codec::time);
    db.prepare_cached(
        "DELETE FROM way_back WHERE site = ?1 AND (at < ?3 OR release <=
             (SELECT release FROM way_back WHERE site = ?1 ORDER BY release DESC LIMIT 1 OFFSET ?2))",
    )?
    .execute(params![site, WAYS_BACK_PER_SITE, oldest])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, new_release, release, site, store};
    use super::super::{Premises, ReleaseFiles, Released};
    use super::*;

    /// Releases at this second, with a way back or without; the number of the release.
    fn made(store: &Store, name: &str, minute: i64, seconds: i64, way_back: Option<&str>) -> i64 {
        let version = format!("2311{:02}{:02}{:02}", 10 + minute / 1440, minute / 60 % 24, minute % 60);
        let last = store.memory(&site(name)).unwrap().release;
        let upon = last.map(|last| (last.id, last.progress.fetched_at));
        let (files, premises) =
            (ReleaseFiles { body: b"file", way_back }, Premises { upon, ..Premises::default() });
        let new = new_release(&version);
        match store.release(&site(name), &premises, &new, files, at(seconds), |_| Vec::new()).unwrap() {
            Released::Made(release) => release.id,
            refused @ (Released::MovedOn | Released::Paused | Released::NoRoom(_)) => panic!("{refused:?}"),
        }
    }

    #[test]
    fn a_way_back_belongs_to_its_release_and_site() {
        let (_dir, store) = store();
        let first = made(&store, "acme", 1, 1, Some("# before the first"));
        let second = made(&store, "acme", 2, 2, None);
        let others = made(&store, "bolt", 3, 3, Some("# bolt"));
        let way = |name: &str, release| store.way_back(&site(name), release).unwrap();
        assert_eq!(way("acme", first).as_deref(), Some("# before the first"));
        assert_eq!(way("acme", second), None);
        assert_eq!((way("acme", others), way("nobody", first)), (None, None));
        assert_eq!(store.ways_back(&site("acme")).unwrap(), [first]);
        assert_eq!(store.ways_back(&site("nobody")).unwrap(), [0; 0]);
    }

    #[test]
    fn none_is_kept_of_a_release_that_was_not_made() {
        let (_dir, store) = store();
        release(&store, &site("acme"), &new_release("2311260801"), b"file", at(1), &[]).unwrap();
        let files = ReleaseFiles { body: b"file", way_back: Some("# stale") };
        let new = new_release("2311260802");
        let premises = Premises::default();
        let made = store.release(&site("acme"), &premises, &new, files, at(2), |_| Vec::new()).unwrap();
        assert_eq!(made, Released::MovedOn);
        assert_eq!(store.ways_back(&site("acme")).unwrap(), [0; 0]);
    }

    #[test]
    fn so_many_are_kept_of_a_site_for_so_long() {
        let (_dir, store) = store();
        let quiet = made(&store, "quiet", 0, 0, Some("# quiet"));
        let limit = i64::from(WAYS_BACK_PER_SITE);
        let all: Vec<i64> = (0..limit + 3).map(|n| made(&store, "loud", n, n, Some("# loud"))).collect();
        let kept = store.ways_back(&site("loud")).unwrap();
        assert_eq!(kept.len(), usize::try_from(limit).unwrap());
        assert_eq!((kept.first(), kept.last()), (all.last(), all.get(3)));
        let much_later = (HISTORY_DAYS + 1) * 86_400;
        let last = made(&store, "loud", 200, much_later, Some("# much later"));
        assert_eq!(store.ways_back(&site("loud")).unwrap(), [last]);
        assert_eq!(store.ways_back(&site("quiet")).unwrap(), [quiet], "whatever its neighbours do");
    }
}
