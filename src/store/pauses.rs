//! What people hold a site back by: pauses, of a site and of all sites, and whether a web password is on its way. Whether
//! a pause holds is `domain::clearance`'s to say; here it is kept, and its beginning and end are entered into the history.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, codec, history, sites};
use crate::domain::clearance::{Pause, Pauses};
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;

/// The name of the pause of all sites among what is known of the fleet.
const OF_ALL: &str = "pause";

/// What the history calls it.
const WHAT: &str = "pause";

impl Store {
    /// The pauses that bear on a site as they are kept, those that are over among them.
    ///
    /// # Errors
    /// When the database cannot be read, or a pause does not decode: then nobody knows whether changes are paused.
    pub fn pauses(&self, site: &SiteName) -> Result<Pauses, StoreError> {
        self.read("look up the pauses of a site", |db| kept(db, site))
    }

    /// Pauses a site, in place of a pause that it has; `told` enters its history.
    ///
    /// # Errors
    /// When the database cannot be written: then it is not paused.
    pub fn pause(&self, site: &SiteName, pause: &Pause, told: HistoryEntry) -> Result<(), StoreError> {
        self.write("pause a site", |db| {
            let id = self.site_id(db, site)?;
            put_own(db, id, Some(pause))?;
            history::append(db, id, &[told])
        })
    }

    /// Pauses all sites, in place of such a pause; `told` enters the history of `sites`.
    ///
    /// # Errors
    /// When the database cannot be written: then they are not paused.
    pub fn pause_all(
        &self,
        sites: &[SiteName],
        pause: &Pause,
        told: &HistoryEntry,
    ) -> Result<(), StoreError> {
        self.write("pause all sites", |db| {
            put_of_all(db, Some(pause))?;
            self.tell_all(db, sites, told)
        })
    }

    /// Ends the pause of a site; `told` enters its history. Gives the pause that was, if there was one; without one
    /// nothing is done.
    ///
    /// # Errors
    /// When the database cannot be written: then it is still paused.
    pub fn resume(&self, site: &SiteName, told: HistoryEntry) -> Result<Option<Pause>, StoreError> {
        self.write("resume a site", |db| {
            let before = kept(db, site)?.own;
            if before.is_some() {
                let id = self.site_id(db, site)?;
                put_own(db, id, None)?;
                history::append(db, id, &[told])?;
            }
            Ok(before)
        })
    }

    /// Ends the pause of all sites; `told` enters the history of `sites`. Pauses of single sites stay. Gives the pause
    /// that was, if there was one; without one nothing is done.
    ///
    /// # Errors
    /// When the database cannot be written: then they are still paused.
    pub fn resume_all(&self, sites: &[SiteName], told: &HistoryEntry) -> Result<Option<Pause>, StoreError> {
        self.write("resume all sites", |db| {
            let before = of_all(db)?;
            if before.is_some() {
                put_of_all(db, None)?;
                self.tell_all(db, sites, told)?;
            }
            Ok(before)
        })
    }

    /// The sites that are paused for themselves, by name, with their pauses as they are kept.
    ///
    /// # Errors
    /// When the database cannot be read, or a pause does not decode.
    pub fn paused_sites(&self) -> Result<Vec<(SiteName, Pause)>, StoreError> {
        self.read("look up the paused sites", |db| {
            let mut query = db.prepare_cached(
                "SELECT site.name, pause.pause FROM pause JOIN site ON site.id = pause.site ORDER BY site.name",
            )?;
            let mut rows = query.query([])?;
            let mut paused = Vec::new();
            while let Some(row) = rows.next()? {
                let (name, pause): (String, String) = (row.get(0)?, row.get(1)?);
                let name = codec::parsed("site.name", &name)?;
                paused.push((name, codec::from_json("pause.pause", &pause)?));
            }
            Ok(paused)
        })
    }

    /// Brings what is kept of a site's pauses up to this moment, and gives what holds of them: what is over is
    /// dropped, and of a site's own told in its history; what was given ahead of our clock, because that was set
    /// back, begins now.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn tend_pauses(&self, site: &SiteName, now: DateTime<Utc>) -> Result<Pauses, StoreError> {
        let before = self.pauses(site)?;
        if before.at(now) == before {
            return Ok(before);
        }
        self.write("bring the pauses of a site up to date", |db| {
            // Somebody may have paused or resumed since.
            let before = kept(db, site)?;
            let after = before.at(now);
            if after.fleet != before.fleet {
                put_of_all(db, after.fleet.as_ref())?;
            }
            if after.own != before.own {
                let id = self.site_id(db, site)?;
                put_own(db, id, after.own.as_ref())?;
                if let (Some(over), None) = (&before.own, &after.own) {
                    history::append(db, id, &[ended(over, now)])?;
                }
            }
            Ok(after)
        })
    }

    fn tell_all(&self, db: &Transaction<'_>, sites: &[SiteName], told: &HistoryEntry) -> Result<(), Fault> {
        for site in sites {
            let id = self.site_id(db, site)?;
            history::append(db, id, std::slice::from_ref(told))?;
        }
        Ok(())
    }
}

fn ended(pause: &Pause, now: DateTime<Utc>) -> HistoryEntry {
    let outcome = format!("the pause by {} is over", pause.by);
    HistoryEntry { at: now, who: "n720d".into(), what: WHAT.into(), outcome }
}

pub(super) fn kept(db: &Transaction<'_>, site: &SiteName) -> Result<Pauses, Fault> {
    let Some(id) = sites::known_site(db, site)? else {
        return Ok(Pauses { own: None, fleet: of_all(db)? });
    };
    let mut query = db.prepare_cached("SELECT pause FROM pause WHERE site = ?1")?;
    let own: Option<String> = query.query_row([id], |row| row.get(0)).optional()?;
    Ok(Pauses { own: codec::from_optional_json("pause.pause", own.as_deref())?, fleet: of_all(db)? })
}

pub(super) fn of_all(db: &Transaction<'_>) -> Result<Option<Pause>, Fault> {
    let mut query = db.prepare_cached("SELECT value FROM fleet WHERE name = ?1")?;
    let value: Option<String> = query.query_row([OF_ALL], |row| row.get(0)).optional()?;
    codec::from_optional_json("fleet.value", value.as_deref())
}

fn put_own(db: &Transaction<'_>, site: i64, pause: Option<&Pause>) -> Result<(), Fault> {
    match pause {
        Some(pause) => {
            let pause = codec::json("pause.pause", pause)?;
            db.execute(
                "INSERT INTO pause (site, pause) VALUES (?1, ?2) ON CONFLICT (site) DO UPDATE SET pause = ?2",
                params![site, pause],
            )?
        }
        None => db.execute("DELETE FROM pause WHERE site = ?1", [site])?,
    };
    Ok(())
}

fn put_of_all(db: &Transaction<'_>, pause: Option<&Pause>) -> Result<(), Fault> {
    match pause {
        Some(pause) => {
            let pause = codec::json("fleet.value", pause)?;
            db.execute(
                "INSERT INTO fleet (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
                params![OF_ALL, pause],
            )?
        }
        None => db.execute("DELETE FROM fleet WHERE name = ?1", [OF_ALL])?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, entry, site, store};
    use super::*;

    fn pause(by: &str, until: Option<i64>) -> Pause {
        let until = until.map(at);
        Pause { since: at(0), until, by: by.into(), reason: "cable works".into(), whole_fleet: false }
    }

    fn of_all(until: Option<i64>) -> Pause {
        Pause { whole_fleet: true, ..pause("ben", until) }
    }

    /// The history of a site, oldest first.
    fn told(store: &Store, name: &str) -> Vec<String> {
        let mut entries = store.history(Some(&site(name)), 100).unwrap();
        entries.reverse();
        entries.into_iter().map(|(_, entry)| format!("{}: {}", entry.who, entry.outcome)).collect()
    }

    #[test]
    fn a_pause_outlives_the_process_and_the_next_takes_its_place() {
        let (dir, store) = store();
        let acme = site("acme");
        assert_eq!(store.pauses(&acme).unwrap(), Pauses::default());
        store.pause(&acme, &pause("anna", None), entry("pause", 0)).unwrap();
        store.pause(&acme, &pause("ben", Some(60)), entry("pause", 1)).unwrap();
        drop(store);
        let (store, _) = Store::open(dir.path(), at(2)).unwrap();
        assert_eq!(store.pauses(&acme).unwrap().own.unwrap(), pause("ben", Some(60)));
        assert_eq!(store.pauses(&site("other")).unwrap(), Pauses::default());
        assert_eq!(told(&store, "acme").len(), 2);
        let reader = Store::open_read_only(dir.path()).unwrap();
        assert_eq!(reader.pauses(&acme).unwrap().own.unwrap().by, "ben");
    }

    #[test]
    fn a_pause_of_all_holds_for_every_site_also_unknown_ones() {
        let (_dir, store) = store();
        let sites = [site("a"), site("b")];
        store.pause_all(&sites, &of_all(None), &entry("pause", 0)).unwrap();
        assert_eq!(store.pauses(&site("c")).unwrap().fleet.unwrap(), of_all(None));
        assert_eq!((told(&store, "a").len(), told(&store, "b").len()), (1, 1));
        store.pause(&site("b"), &pause("anna", None), entry("pause", 1)).unwrap();
        assert_eq!(store.resume_all(&sites, &entry("resume", 2)).unwrap(), Some(of_all(None)));
        assert_eq!(store.pauses(&site("b")).unwrap().own.unwrap().by, "anna", "its own stays");
        assert_eq!(store.paused_sites().unwrap(), [(site("b"), pause("anna", None))]);
    }

    #[test]
    fn who_resumes_what_is_not_paused_is_told_nothing_was() {
        let (_dir, store) = store();
        let acme = site("acme");
        assert_eq!(store.resume(&acme, entry("resume", 0)).unwrap(), None);
        assert_eq!(store.resume_all(std::slice::from_ref(&acme), &entry("resume", 0)).unwrap(), None);
        assert_eq!(told(&store, "acme"), [""; 0], "and nothing is entered");
        store.pause(&acme, &pause("anna", None), entry("pause", 0)).unwrap();
        assert_eq!(store.resume(&acme, entry("resume", 1)).unwrap().unwrap().by, "anna");
        assert_eq!(store.pauses(&acme).unwrap(), Pauses::default());
    }

    #[test]
    fn what_is_over_is_dropped_and_told_once() {
        let (_dir, store) = store();
        let acme = site("acme");
        store.pause(&acme, &pause("anna", Some(60)), entry("pause", 0)).unwrap();
        store.pause_all(&[], &of_all(Some(90)), &entry("pause", 0)).unwrap();
        assert_eq!(store.tend_pauses(&acme, at(59)).unwrap(), store.pauses(&acme).unwrap());
        for _ in 0..2 {
            let held = store.tend_pauses(&acme, at(60)).unwrap();
            assert_eq!((held.own, held.fleet), (None, Some(of_all(Some(90)))));
        }
        assert_eq!(told(&store, "acme"), ["n720d: as asked", "n720d: the pause by anna is over"]);
        assert_eq!(store.tend_pauses(&acme, at(90)).unwrap(), Pauses::default());
        assert_eq!(store.pauses(&acme).unwrap(), Pauses::default());
    }

    #[test]
    fn a_clock_set_back_is_noticed_once_and_does_not_lengthen_it_again_and_again() {
        let (_dir, store) = store();
        let acme = site("acme");
        store.pause(&acme, &pause("anna", Some(3_600)), entry("pause", 0)).unwrap();
        let back = -86_400;
        let held = store.tend_pauses(&acme, at(back)).unwrap().own.unwrap();
        assert_eq!((held.since, held.until), (at(back), Some(at(back + 3_600))));
        assert!(store.tend_pauses(&acme, at(back + 3_599)).unwrap().own.is_some());
        assert_eq!(store.tend_pauses(&acme, at(back + 3_600)).unwrap().own, None);
    }
}
