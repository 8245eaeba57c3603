//! Releases: made durable before a manager is told of them, marked as they come along, served from here alone.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::approvals::{self, Licence};
use super::error::{Fault, StoreError};
use super::{Store, codec, fleet, history, keep, memory, pauses, way_back};
use crate::domain::history::HistoryEntry;
use crate::domain::ids::{SiteName, SlotNumber};
use crate::domain::memory::Window;
use crate::domain::plan::{NewRelease, WindowEntry};
use crate::domain::release::{Generation, Missed, Progress, Release, TriggerOutcome, Upon, Version};
use crate::domain::rollout::{FleetLimits, NoRoom};

/// The file behind a token. `Debug` leaves its content out: it holds SIP passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct Served {
    /// The site that the token belongs to.
    pub site: SiteName,
    /// Its last release.
    pub release: i64,
    /// The VERSION of that release.
    pub version: Version,
    /// The file, byte for byte as it was released.
    pub body: Vec<u8>,
    /// Whether the manager has fetched it before.
    pub fetched: bool,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("site", &self.site)
            .field("release", &self.release)
            .field("version", &self.version)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// The files of a release. Without `Debug`: the one that is served holds SIP passwords.
#[derive(Clone, Copy)]
pub struct ReleaseFiles<'a> {
    /// What the manager may fetch, byte for byte.
    pub body: &'a [u8],
    /// What was observed before it, as a site file; `None`: it disturbs nobody.
    pub way_back: Option<&'a str>,
}

/// What a release is made upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Premises {
    /// The release that it was planned upon, and when that was fetched, as [`Store::memory`] gave it: a manager may fetch at
    /// any moment, and what it has just taken must settle before something else is offered.
    pub upon: Upon,
    /// The limits that all sites share.
    pub limits: FleetLimits,
}

/// What making a release came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// It was made.
    Made(Box<Release>),
    /// It was planned upon a state that has passed.
    MovedOn,
    /// Changes are paused.
    Paused,
    /// The limits that all sites share leave no room for it.
    NoRoom(NoRoom),
}

/// How many releases are remembered of each site. A VERSION that is older than that may come again.
pub const RELEASES_PER_SITE: u32 = 200;

impl Store {
    /// Makes a release: from here on it is what the manager may fetch. A window that it opens enters the ledger
    /// under the number that follows the last one there, whatever number the plan gave it; one that it ends keeps its
    /// entry; the release returned says which. The bodies of earlier releases are wiped, and the oldest of more than [`RELEASES_PER_SITE`] go.
    ///
    /// `told` gives the entries for the history once the release has its number.
    ///
    /// Nothing is done when its premises do not hold any more, or when it deregisters a handset and the approval of its plan is
    /// not there any more, or used: see [`Released`]. An approval that is there is used up.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is released, and no trigger may follow.
    pub fn release(
        &self,
        site: &SiteName,
        premises: &Premises,
        new: &NewRelease,
        files: ReleaseFiles<'_>,
        released_at: DateTime<Utc>,
        told: impl FnOnce(i64) -> Vec<HistoryEntry>,
    ) -> Result<Released, StoreError> {
        self.write("make a release", |db| {
            let id = self.site_id(db, site)?;
            let last = last(db, id)?;
            if last.as_ref().map(|last| (last.id, last.progress.fetched_at)) != premises.upon {
                return Ok(Released::MovedOn);
            }
            if pauses::kept(db, site)?.at(released_at).longer().is_some() {
                return Ok(Released::Paused);
            }
            let withdrawn = last.filter(|last| !last.progress.may_have_arrived()).map(|last| last.id);
            if let Some(why) = fleet::refuses(db, id, withdrawn, &premises.limits, new, released_at)? {
                return Ok(Released::NoRoom(why));
            }
            let licence = approvals::licence(db, id, withdrawn, new)?;
            if matches!(licence, Licence::Gone) {
                return Ok(Released::MovedOn);
            }
            approvals::take_back(db, id, withdrawn)?;
            let window = new.window.as_ref().map(|entry| enter_window(db, id, entry)).transpose()?;
            db.execute("UPDATE release SET body = NULL WHERE site = ?1 AND body IS NOT NULL", [id])?;
            db.execute(
                "INSERT INTO release (site, generation, content, version, parts, reserved, window, body, released_at,
                     approved, disturbs)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    id,
                    new.generation.0,
                    new.content_id.0,
                    new.version.as_str(),
                    codec::json("release.parts", &new.parts)?,
                    codec::json("release.reserved", &new.reserved)?,
                    window,
                    files.body,
                    codec::time(released_at),
                    approved(new)?,
                    fleet::disturbs(new),
                ],
            )?;
            let release = db.last_insert_rowid();
            approvals::use_up(db, id, licence, release, new, premises.limits.run, released_at)?;
            prune(db, id)?;
            if let Some(file) = files.way_back {
                way_back::append(db, id, release, released_at, file)?;
            }
            history::append(db, id, &told(release))?;
            Ok(Released::Made(Box::new(Release {
                id: release,
                generation: new.generation.clone(),
                content: new.content_id.clone(),
                version: new.version.clone(),
                parts: new.parts.clone(),
                reserved: new.reserved.clone(),
                window,
                approved: new.approved.keys().copied().collect(),
                released_at,
                progress: Progress::default(),
            })))
        })
    }

    /// Notes that the manager is about to be told to fetch: counts the attempt and clears the last outcome, so that
    /// a kill in between leaves an attempt without one.
    ///
    /// # Errors
    /// When the database cannot be written: then the manager must not be told.
    pub fn note_trigger_intent(&self, release: i64, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("note that a manager is to be told to fetch", |db| {
            let changed = db.execute(
                "UPDATE release SET attempts = attempts + 1, triggered_at = ?2, trigger = NULL WHERE id = ?1",
                params![release, codec::time(at)],
            )?;
            found(changed, release)
        })
    }

    /// Notes what telling the manager came to, `at` its end, and enters it into the history.
    ///
    /// # Errors
    /// When the database cannot be written, or there is no such release.
    pub fn note_trigger(
        &self,
        release: i64,
        outcome: &TriggerOutcome,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write("note what telling a manager to fetch came to", |db| {
            let changed = db.execute(
                "UPDATE release SET trigger = ?2 WHERE id = ?1",
                params![release, codec::json("release.trigger", outcome)?],
            )?;
            found(changed, release)?;
            let site = db.query_row("SELECT site FROM release WHERE id = ?1", [release], |row| row.get(0))?;
            history::append(db, site, &[history::triggered(outcome, at)])
        })
    }

    /// Forgets what this site's releases have missed, because a person says that the cause is mended: what was given up
    /// is released again. Enters it into the history.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_misses(&self, site: &SiteName, history: &[HistoryEntry]) -> Result<(), StoreError> {
        self.write("forget what releases have missed", |db| {
            let id = self.site_id(db, site)?;
            let nothing = codec::json("release.missed", &Missed::default())?;
            let sql = "UPDATE release SET missed = ?2 WHERE site = ?1 AND ineffective_at IS NOT NULL";
            db.execute(sql, params![id, nothing])?;
            history::append(db, id, history)
        })
    }

    /// The last released file of the site that a token belongs to; `None` when no site has it, or nothing was
    /// released yet. The token is looked up as a key of an index, not compared byte by byte.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn served(&self, token: &str) -> Result<Option<Served>, StoreError> {
        self.read("look up a released file", |db| {
            let mut query = db.prepare_cached(
                "SELECT site.name, release.id, release.version, release.body, release.fetched_at IS NOT NULL
                 FROM site JOIN release ON release.site = site.id
                 WHERE site.token = ?1 ORDER BY release.id DESC LIMIT 1",
            )?;
            let mut rows = query.query([token])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let Some(body) = row.get(3)? else { return Ok(None) };
            Ok(Some(Served {
                site: codec::parsed("site.name", memory::text(row, 0)?.unwrap_or_default())?,
                release: row.get(1)?,
                version: version(row, 2)?,
                body,
                fetched: row.get(4)?,
            }))
        })
    }
}

/// The slots in which it deregisters a handset; `None`: there are none.
fn approved(new: &NewRelease) -> Result<Option<String>, Fault> {
    let slots: Vec<SlotNumber> = new.approved.keys().copied().collect();
    codec::optional_json("release.approved", Some(&slots).filter(|slots| !slots.is_empty()))
}

/// The last release of a site; what is about the web password alone is none.
fn last(db: &Transaction<'_>, site: i64) -> Result<Option<Release>, Fault> {
    Ok(newest(db, site, 1)?.into_iter().next())
}

/// Forgets the oldest releases over the limit, but for those that a fetch on record refers to.
pub(super) fn prune(db: &Transaction<'_>, site: i64) -> Result<(), Fault> {
    db.prepare_cached(
        "DELETE FROM release WHERE site = ?1 AND id NOT IN (SELECT release FROM fetch WHERE site = ?1)
             AND id <= (SELECT id FROM release WHERE site = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![site, RELEASES_PER_SITE])?;
    Ok(())
}

/// The columns of a release, as [`from_row`] reads them.
const COLUMNS: &str =
    "id, generation, content, version, parts, reserved, window, released_at, attempts, triggered_at,
                trigger, fetched_at, verified_at, ineffective_at, approved, missed";

/// Every release of a site, newest first; none of those that are about the web password alone.
pub(super) fn all(db: &Transaction<'_>, site: i64) -> Result<Vec<Release>, Fault> {
    // A negative limit is none.
    newest(db, site, -1)
}

fn newest(db: &Transaction<'_>, site: i64, limit: i64) -> Result<Vec<Release>, Fault> {
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM release WHERE site = ?1 AND NOT password ORDER BY id DESC LIMIT ?2"
    ))?;
    let mut rows = query.query([site, limit])?;
    let mut releases = Vec::new();
    while let Some(row) = rows.next()? {
        releases.push(from_row(row)?);
    }
    Ok(releases)
}

/// The release with this number.
pub(super) fn one(db: &Transaction<'_>, release: i64) -> Result<Option<Release>, Fault> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM release WHERE id = ?1"))?;
    let mut rows = query.query([release])?;
    rows.next()?.map(from_row).transpose()
}

fn from_row(row: &Row<'_>) -> Result<Release, Fault> {
    let text = |column| Ok::<_, Fault>(memory::text(row, column)?.unwrap_or_default());
    let time = |what, column| codec::from_optional_time(what, memory::text(row, column)?);
    let parts = codec::from_json("release.parts", text(4)?)?;
    let ineffective_at = time("release.ineffective_at", 13)?;
    let missed = codec::from_optional_json("release.missed", memory::text(row, 15)?)?;
    Ok(Release {
        id: row.get(0)?,
        generation: Generation(row.get(1)?),
        content: Generation(row.get(2)?),
        version: version(row, 3)?,
        reserved: codec::from_json("release.reserved", text(5)?)?,
        window: row.get(6)?,
        approved: codec::from_optional_json("release.approved", memory::text(row, 14)?)?.unwrap_or_default(),
        released_at: codec::from_time("release.released_at", text(7)?)?,
        progress: Progress {
            attempts: row.get(8)?,
            triggered_at: time("release.triggered_at", 9)?,
            trigger: codec::from_optional_json("release.trigger", memory::text(row, 10)?)?,
            fetched_at: time("release.fetched_at", 11)?,
            verified_at: time("release.verified_at", 12)?,
            fetched_by: None,
            ineffective_at,
            missed: missed.or_else(|| ineffective_at.map(|_| all_missed(&parts))),
        },
        parts,
    })
}

/// What a release missed that was found ineffective when nobody wrote down of which parts.
fn all_missed(parts: &BTreeMap<String, Generation>) -> Missed {
    let reading = |part: &String| (part.clone(), format!("{part} was not as it is wanted"));
    Missed { readings: parts.keys().map(reading).collect(), ..Missed::default() }
}

fn version(row: &Row<'_>, column: usize) -> Result<Version, Fault> {
    codec::parsed("release.version", memory::text(row, column)?.unwrap_or_default())
}

/// Enters a window into the ledger, or changes its entry, and says under which number.
fn enter_window(db: &Transaction<'_>, site: i64, entry: &WindowEntry) -> Result<u32, Fault> {
    let window = match entry {
        WindowEntry::Opens(window) => Window { number: next_window(db, site)?, ..window.clone() },
        WindowEntry::Ends(window) => window.clone(),
    };
    keep::put_window(db, site, &window)?;
    Ok(window.number)
}

fn next_window(db: &Transaction<'_>, site: i64) -> Result<u32, Fault> {
    let last: Option<u32> = db
        .query_row("SELECT max(number) FROM window WHERE site = ?1", [site], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(last.unwrap_or(0) + 1)
}

fn found(changed: usize, release: i64) -> Result<(), Fault> {
    if changed == 0 { Err(Fault::NoRelease(release)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, entry, new_release, release, site, store, window};
    use super::*;

    #[test]
    fn a_release_is_remembered_as_it_was_made() {
        let (_dir, store) = store();
        let acme = site("acme");
        let made = release(&store, &acme, &new_release("2311260801"), b"file", at(1), &[entry("release", 1)])
            .unwrap();
        let memory = store.memory(&acme).unwrap();
        assert_eq!(memory.release.as_ref(), Some(&made));
        assert_eq!(made.progress, Progress::default());
        assert_eq!(store.history(Some(&acme), 9).unwrap(), [(acme, entry("release", 1))]);
    }

    #[test]
    fn windows_are_numbered_by_the_ledger() {
        let (_dir, store) = store();
        let acme = site("acme");
        let mut numbers = Vec::new();
        for minute in 1..=3 {
            let new = new_release(&format!("23112608{minute:02}"));
            let new = NewRelease { window: new.window.filter(|_| minute != 2), ..new };
            numbers.push(release(&store, &acme, &new, b"file", at(minute), &[]).unwrap().window);
        }
        assert_eq!(numbers, [Some(1), None, Some(2)]);
        assert_eq!(store.memory(&acme).unwrap().windows, [window(1), window(2)]);
        assert_eq!(
            release(&store, &site("other"), &new_release("2311260801"), b"", at(1), &[]).unwrap().window,
            Some(1)
        );
    }

    #[test]
    fn earlier_releases_follow_newest_first() {
        let (_dir, store) = store();
        let acme = site("acme");
        for minute in 1..=3 {
            release(&store, &acme, &new_release(&format!("23112608{minute:02}")), b"", at(minute), &[])
                .unwrap();
        }
        let past = store.memory(&acme).unwrap().past_releases;
        let versions: Vec<_> = past.iter().map(|release| release.version.as_str()).collect();
        assert_eq!(versions, ["2311260802", "2311260801"]);
        assert!(past.iter().all(|release| release.missed.is_none() && release.content.0.starts_with('c')));
    }

    #[test]
    fn the_last_released_file_is_served_and_the_ones_before_are_wiped() {
        let (dir, store) = store();
        let (acme, other) = (site("acme"), site("other"));
        let token = store.site_secret(&acme).unwrap().token;
        assert_eq!(store.served(&token).unwrap(), None, "nothing is released");
        release(&store, &acme, &new_release("2311260801"), b"first, with hunter2", at(1), &[]).unwrap();
        let last = release(&store, &acme, &new_release("2311260802"), b"second \xfc", at(2), &[]).unwrap();
        release(&store, &other, &new_release("2311260803"), b"other's", at(3), &[]).unwrap();
        let served = store.served(&token).unwrap().unwrap();
        assert_eq!(
            (served.site.as_str(), served.release, served.version.as_str()),
            ("acme", last.id, "2311260802")
        );
        assert_eq!(served.body, b"second \xfc");
        assert!(!format!("{served:?}").contains("second"));
        for wrong in ["", "x", &token.to_uppercase(), &token[..31]] {
            assert_eq!(store.served(wrong).unwrap(), None, "{wrong}");
        }
        drop(store);
        let database = std::fs::read(dir.path().join(super::super::DATABASE_FILE)).unwrap();
        assert!(!database.windows(7).any(|bytes| bytes == b"hunter2"), "the old file is still on the disk");
        assert!(database.windows(6).any(|bytes| bytes == b"second"));
    }

    #[test]
    fn nothing_is_released_upon_a_state_that_has_passed() {
        const SECOND: ReleaseFiles<'static> = ReleaseFiles { body: b"second", way_back: None };
        let (_dir, store) = store();
        let acme = site("acme");
        let first = release(&store, &acme, &new_release("2311260801"), b"first", at(1), &[]).unwrap();
        let second = new_release("2311260802");
        for stale in [None, Some((first.id, Some(at(1)))), Some((first.id + 1, None))] {
            let premises = Premises { upon: stale, ..Premises::default() };
            let refused = store.release(&acme, &premises, &second, SECOND, at(2), |_| Vec::new()).unwrap();
            assert_eq!(refused, Released::MovedOn);
        }
        let memory = store.memory(&acme).unwrap();
        assert_eq!((memory.release.map(|last| last.id), memory.windows.len()), (Some(first.id), 1));
        assert_ne!(release(&store, &acme, &second, b"second", at(2), &[]).unwrap().id, first.id);
    }

    #[test]
    fn the_oldest_releases_go_when_there_are_too_many() {
        let (_dir, store) = store();
        let acme = site("acme");
        for number in 0..i64::from(RELEASES_PER_SITE) + 5 {
            let version = format!("2311{:02}{:02}{:02}", 10 + number / 1440, number / 60 % 24, number % 60);
            release(&store, &acme, &new_release(&version), b"", at(number), &[]).unwrap();
        }
        let kept = store.memory(&acme).unwrap().past_releases.len() + 1;
        assert_eq!(kept, usize::try_from(RELEASES_PER_SITE).unwrap());
    }

    #[test]
    fn an_attempt_counts_before_it_is_made_and_loses_the_last_outcome() {
        let (_dir, store) = store();
        let acme = site("acme");
        let id = release(&store, &acme, &new_release("2311260801"), b"", at(1), &[]).unwrap().id;
        let progress = || store.memory(&acme).unwrap().release.unwrap().progress;
        store.note_trigger_intent(id, at(2)).unwrap();
        assert_eq!(progress(), Progress { attempts: 1, triggered_at: Some(at(2)), ..Progress::default() });
        let outcome = TriggerOutcome::Busy("state 103".into());
        store.note_trigger(id, &outcome, at(3)).unwrap();
        assert_eq!(progress().trigger, Some(outcome));
        store.note_trigger_intent(id, at(4)).unwrap();
        assert_eq!(progress(), Progress { attempts: 2, triggered_at: Some(at(4)), ..Progress::default() });
        store.note_trigger(id, &TriggerOutcome::Done, at(5)).unwrap();
        let told: Vec<_> =
            store.history(None, 9).unwrap().into_iter().map(|(_, entry)| entry.outcome).collect();
        assert_eq!(told, ["the manager downloaded and processed its file", "the manager is busy: state 103"]);
    }

    #[test]
    fn a_trigger_of_no_release_is_an_error() {
        let (_dir, store) = store();
        for outcome in
            [store.note_trigger_intent(9, at(1)), store.note_trigger(9, &TriggerOutcome::Done, at(1))]
        {
            assert!(matches!(outcome, Err(StoreError::NoRelease { release: 9, .. })));
        }
    }
}
