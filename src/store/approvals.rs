//! Approvals, the plans that people were shown, and the handsets that releases have deregistered: written by operations
//! of their own, so that a cycle under way takes back nothing of it. Whether an approval holds is not judged here.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension, Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, codec, history, memory};
use crate::domain::approval::Approval;
use crate::domain::history::HistoryEntry;
use crate::domain::ids::{Ipui, SiteName, SlotNumber};
use crate::domain::memory::Deregistration;
use crate::domain::plan::NewRelease;
use crate::domain::release::Generation;

/// How many plans that were shown to people are kept of each site.
pub const REVIEWED_PER_SITE: u32 = 16;

/// For how many days before a site's newest deregistration its earlier ones are kept.
pub const DEREGISTRATION_DAYS: i64 = 400;

/// The deregistrations that come with a site's memory are those of so many hours before its last one. No clock is read
/// here: it is for whoever counts them to leave out what is too old.
const HOURS_IN_MEMORY: i64 = 48;

impl Store {
    /// Keeps an approval in place of the site's last one, and enters it into the history.
    ///
    /// `upon` is the approval that it follows, as [`Store::memory`] gave it. `false` is returned, and nothing is done,
    /// when that is not the last one any more: a release may make use of it at any moment.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_approval(
        &self,
        site: &SiteName,
        upon: Option<&Approval>,
        approval: &Approval,
        history: &[HistoryEntry],
    ) -> Result<bool, StoreError> {
        self.write("keep an approval", |db| {
            let id = self.site_id(db, site)?;
            if of_site(db, id)?.as_ref() != upon {
                return Ok(false);
            }
            put(db, id, approval)?;
            history::append(db, id, history)?;
            Ok(true)
        })
    }

    /// Keeps the terms of a plan that is shown to people, so that whoever approves it after it has changed can be told how. The
    /// oldest of more than [`REVIEWED_PER_SITE`] go; one that is there already is not written again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn review(
        &self,
        site: &SiteName,
        plan: &Generation,
        terms: &[String],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.reviewed(site, plan)?.is_some() {
            return Ok(());
        }
        self.write("keep a plan that is shown", |db| {
            let id = self.site_id(db, site)?;
            let terms = codec::json("reviewed.plan", terms)?;
            db.prepare_cached(
                "INSERT INTO reviewed (site, hash, at, plan) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (site, hash) DO NOTHING",
            )?
            .execute(params![id, plan.0, codec::time(at), terms])?;
            db.prepare_cached(
                "DELETE FROM reviewed WHERE site = ?1 AND id <=
                     (SELECT id FROM reviewed WHERE site = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute(params![id, REVIEWED_PER_SITE])?;
            Ok(())
        })
    }

    /// The terms of the plan with this hash; `None`: it was not shown, or too long ago.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn reviewed(&self, site: &SiteName, plan: &Generation) -> Result<Option<Vec<String>>, StoreError> {
        self.read("look up a plan that was shown", |db| {
            let mut query = db.prepare_cached(
                "SELECT plan FROM reviewed WHERE site = (SELECT id FROM site WHERE name = ?1) AND hash = ?2",
            )?;
            let terms: Option<String> =
                query.query_row(params![site.as_str(), plan.0], |row| row.get(0)).optional()?;
            codec::from_optional_json("reviewed.plan", terms.as_deref())
        })
    }
}

/// The approval last given at a site.
pub(super) fn of_site(db: &Transaction<'_>, site: i64) -> Result<Option<Approval>, Fault> {
    let mut query = db.prepare_cached("SELECT approval FROM approval WHERE site = ?1")?;
    let approval: Option<String> = query.query_row([site], |row| row.get(0)).optional()?;
    codec::from_optional_json("approval.approval", approval.as_deref())
}

fn put(db: &Transaction<'_>, site: i64, approval: &Approval) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO approval (site, approval) VALUES (?1, ?2) ON CONFLICT (site) DO UPDATE SET approval = ?2",
    )?
    .execute(params![site, codec::json("approval.approval", approval)?])?;
    Ok(())
}

/// The approval that a release makes use of, unused and still in its place.
#[derive(Debug)]
pub(super) enum Licence {
    /// It makes use of none.
    NotNeeded,
    /// This one.
    Of(Approval),
    /// It was used or replaced since the plan was made: nothing may be released.
    Gone,
}

/// Takes back what a release has used and written down that is withdrawn before it has reached the manager: it has done
/// nothing and disturbed nobody, and its approval is free for the next one.
pub(super) fn take_back(db: &Transaction<'_>, site: i64, withdrawn: Option<i64>) -> Result<(), Fault> {
    let Some(release) = withdrawn else { return Ok(()) };
    if let Some(approval) = of_site(db, site)?.filter(|approval| approval.used == Some(release)) {
        put(db, site, &Approval { used: None, ..approval })?;
    }
    db.prepare_cached("DELETE FROM deregistration WHERE site = ?1 AND release = ?2")?
        .execute(params![site, release])?;
    db.prepare_cached("UPDATE release SET disturbs = 0 WHERE id = ?1 AND disturbs = 1")?
        .execute([release])?;
    Ok(())
}

/// Takes from the approval what it allowed of a site file that has now been followed; one of which nothing is left goes.
pub(super) fn follow(db: &Transaction<'_>, site: i64) -> Result<(), Fault> {
    let Some(approval) = of_site(db, site)? else { return Ok(()) };
    match approval.clone().after_following() {
        Some(left) if left == approval => Ok(()),
        Some(left) => put(db, site, &left),
        None => {
            db.prepare_cached("DELETE FROM approval WHERE site = ?1")?.execute([site])?;
            Ok(())
        }
    }
}

/// Looks for the approval of a release that is about to be made: one that no release has used but that which this one
/// withdraws.
pub(super) fn licence(
    db: &Transaction<'_>,
    site: i64,
    withdrawn: Option<i64>,
    new: &NewRelease,
) -> Result<Licence, Fault> {
    let is_free = |approval: &Approval| approval.used.is_none() || approval.used == withdrawn;
    let approval = of_site(db, site)?.filter(is_free);
    Ok(match (approval.filter(|approval| Some(&approval.hash) == new.approval.as_ref()), &new.approval) {
        (Some(approval), _) => Licence::Of(approval),
        (None, None) if new.approved.is_empty() => Licence::NotNeeded,
        (None, _) => Licence::Gone,
    })
}

/// Marks the approval as used by a release, and writes down whom that deregisters, and in which rollout.
pub(super) fn use_up(
    db: &Transaction<'_>,
    site: i64,
    licence: Licence,
    release: i64,
    new: &NewRelease,
    run: Option<i64>,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let Licence::Of(approval) = licence else { return Ok(()) };
    put(db, site, &Approval { used: Some(release), ..approval })?;
    let mut insert = db.prepare_cached(
        "INSERT INTO deregistration (site, release, slot, ipui, at, run) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (slot, ipui) in &new.approved {
        let ipui = ipui.map(|ipui| ipui.to_string());
        insert.execute(params![site, release, slot.number(), ipui, codec::time(at), run])?;
    }
    let oldest = at.checked_sub_signed(TimeDelta::days(DEREGISTRATION_DAYS)).map(codec::time);
    db.prepare_cached("DELETE FROM deregistration WHERE site = ?1 AND at < ?2")?
        .execute(params![site, oldest])?;
    Ok(())
}

/// The last handsets that releases have deregistered at a site, oldest first: those of [`HOURS_IN_MEMORY`] up to the
/// last one.
pub(super) fn deregistered(db: &Transaction<'_>, site: i64) -> Result<Vec<Deregistration>, Fault> {
    let mut last =
        db.prepare_cached("SELECT at FROM deregistration WHERE site = ?1 ORDER BY id DESC LIMIT 1")?;
    let last: Option<String> = last.query_row([site], |row| row.get(0)).optional()?;
    let Some(last) = codec::from_optional_time("deregistration.at", last.as_deref())? else {
        return Ok(Vec::new());
    };
    let since = last.checked_sub_signed(TimeDelta::hours(HOURS_IN_MEMORY)).map(codec::time);
    let mut query = db.prepare_cached(
        "SELECT at, release, slot, ipui FROM deregistration WHERE site = ?1 AND at >= ?2 ORDER BY at, id",
    )?;
    let mut rows = query.query(params![site, since])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let slot = SlotNumber::try_from(row.get::<_, u8>(2)?);
        let ipui = memory::text(row, 3)?.map(|ipui| codec::parsed::<Ipui>("deregistration.ipui", ipui));
        found.push(Deregistration {
            at: codec::from_time("deregistration.at", memory::text(row, 0)?.unwrap_or_default())?,
            release: row.get(1)?,
            slot: slot.map_err(|error| codec::unreadable("deregistration.slot", error))?,
            ipui: ipui.transpose()?,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::fixtures::{
        approval, at, deregisters, entry, fetch, generation, ipui, memory, new_release, release, site, slot,
        status, store,
    };
    use super::super::{CycleRecord, Premises, ReleaseFiles, Released, StoreErrorKind};
    use super::*;
    use crate::domain::memory::SiteMemory;
    use crate::domain::release::TriggerOutcome;

    const FILE: ReleaseFiles<'static> = ReleaseFiles { body: b"file", way_back: None };

    /// Approves whatever there is at this moment.
    fn approve(store: &Store, hash: &str) -> Approval {
        let (acme, given) = (site("acme"), approval(hash));
        let last = store.memory(&acme).unwrap().approval;
        assert!(store.keep_approval(&acme, last.as_ref(), &given, &[entry("approval", 1)]).unwrap());
        given
    }

    #[test]
    fn an_approval_comes_back_whole_with_the_memory_and_in_the_history() {
        let (_dir, store) = store();
        let given = approve(&store, "9f3c");
        assert_eq!(store.memory(&site("acme")).unwrap().approval, Some(given));
        assert_eq!(store.memory(&site("other")).unwrap().approval, None);
        assert_eq!(store.history(None, 9).unwrap(), [(site("acme"), entry("approval", 1))]);
    }

    #[test]
    fn an_approval_upon_one_that_has_changed_is_not_kept() {
        let (_dir, store) = store();
        let (acme, first, second) = (site("acme"), approval("aaaa"), approval("bbbb"));
        assert!(!store.keep_approval(&acme, Some(&first), &second, &[entry("approval", 1)]).unwrap());
        assert!(store.keep_approval(&acme, None, &first, &[]).unwrap());
        assert!(!store.keep_approval(&acme, None, &second, &[entry("approval", 1)]).unwrap());
        assert_eq!(store.memory(&acme).unwrap().approval, Some(first));
        assert!(store.history(None, 9).unwrap().is_empty());
    }

    #[test]
    fn a_cycle_under_way_does_not_take_back_what_was_approved_meanwhile() {
        let (_dir, store) = store();
        let (acme, old) = (site("acme"), memory());
        let given = approve(&store, "9f3c");
        let record = CycleRecord { memory: &old, status: &status("acme", 9), marks: &[], history: &[] };
        store.keep(&acme, &record).unwrap();
        assert_eq!(store.memory(&acme).unwrap().approval, Some(given));
    }

    #[test]
    fn a_file_that_was_followed_is_not_followed_by_the_same_approval_again() {
        let (_dir, store) = store();
        let (acme, mut known) = (site("acme"), memory());
        let keep = |known: &SiteMemory| {
            let status = status("acme", 9);
            let record = CycleRecord { memory: known, status: &status, marks: &[], history: &[] };
            store.keep(&acme, &record).unwrap();
            store.memory(&acme).unwrap().approval.map(|approval| approval.terms)
        };
        keep(&known);
        let shrinks = "also: the site file lists 1 slots where it listed 2; gone are slots 100".to_owned();
        let head = "site acme, DECT manager 7C2F80CA21E4".to_owned();
        let replaces = "replace slot 1: 1013".to_owned();
        let approve = |terms: &[&String]| {
            let terms = terms.iter().map(|term| (*term).clone()).collect();
            let last = store.memory(&acme).unwrap().approval;
            let given = Approval { terms, ..approval("9f3c") };
            assert!(store.keep_approval(&acme, last.as_ref(), &given, &[]).unwrap());
        };
        approve(&[&head, &shrinks, &replaces]);
        assert_eq!(keep(&known).unwrap().len(), 3, "it was not followed yet");
        known.listed = Some([slot(1)].into());
        assert_eq!(keep(&known).unwrap(), [head.clone(), replaces]);
        approve(&[&head, &shrinks]);
        known.listed = Some([slot(1), slot(100)].into());
        assert_eq!(keep(&known), None, "nothing else was approved");
    }

    #[test]
    fn a_release_uses_its_approval_up_and_says_whom_it_deregisters() {
        let (_dir, store) = store();
        let acme = site("acme");
        let given = approve(&store, "9f3c");
        let made = release(&store, &acme, &deregisters("2311260801", "9f3c"), b"file", at(5), &[]).unwrap();
        let memory = store.memory(&acme).unwrap();
        assert_eq!(memory.approval, Some(Approval { used: Some(made.id), ..given }));
        let of = |number, ipui| Deregistration { at: at(5), release: made.id, slot: slot(number), ipui };
        assert_eq!(memory.deregistered, [of(3, Some(ipui())), of(7, None)]);
        assert_eq!(memory.release.map(|release| release.approved), Some([slot(3), slot(7)].into()));
    }

    #[test]
    fn nothing_is_released_that_deregisters_without_an_unused_approval_of_its_plan() {
        let (_dir, store) = store();
        let acme = site("acme");
        let new = deregisters("2311260801", "9f3c");
        let refused = |new: &NewRelease| {
            let last = store.memory(&acme).unwrap().release;
            let upon = last.map(|last| (last.id, last.progress.fetched_at));
            let premises = Premises { upon, ..Premises::default() };
            let told = |_| vec![entry("release", 5)];
            assert_eq!(store.release(&acme, &premises, new, FILE, at(5), told).unwrap(), Released::MovedOn);
        };
        refused(&new);
        approve(&store, "aaaa");
        refused(&new);
        refused(&NewRelease { approval: None, ..new.clone() });
        approve(&store, "9f3c");
        let made = release(&store, &acme, &new, b"file", at(5), &[]).unwrap();
        store.note_fetch(&fetch(made.id), at(5)).unwrap();
        refused(&deregisters("2311260802", "9f3c"));
        let memory = store.memory(&acme).unwrap();
        assert_eq!((memory.deregistered.len(), memory.past_releases.len(), memory.windows.len()), (2, 0, 1));
        assert!(store.history(None, 9).unwrap().iter().all(|(_, entry)| entry.what != "release"));
    }

    #[test]
    fn a_release_that_was_never_fetched_gives_its_approval_back() {
        let (_dir, store) = store();
        let acme = site("acme");
        let given = approve(&store, "9f3c");
        release(&store, &acme, &deregisters("2311260801", "9f3c"), b"", at(5), &[]).unwrap();
        let again = release(&store, &acme, &deregisters("2311260802", "9f3c"), b"", at(6), &[]).unwrap();
        let memory = store.memory(&acme).unwrap();
        assert_eq!(memory.approval, Some(Approval { used: Some(again.id), ..given.clone() }));
        assert!(memory.deregistered.iter().all(|one| one.release == again.id), "{:?}", memory.deregistered);
        release(&store, &acme, &new_release("2311260803"), b"", at(7), &[]).unwrap();
        let memory = store.memory(&acme).unwrap();
        assert_eq!((memory.approval, memory.deregistered), (Some(given), Vec::new()));
        let last = release(&store, &acme, &deregisters("2311260804", "9f3c"), b"", at(8), &[]).unwrap();
        // The fetch was not written down, and the manager says that it has the file.
        store.note_trigger(last.id, &TriggerOutcome::Done, at(9)).unwrap();
        release(&store, &acme, &new_release("2311260805"), b"", at(10), &[]).unwrap();
        let memory = store.memory(&acme).unwrap();
        assert_eq!(memory.approval.unwrap().used, Some(last.id), "what may be done is not done again");
        assert_eq!(memory.deregistered.len(), 2);
    }

    #[test]
    fn what_deregisters_nobody_needs_no_approval_and_uses_none() {
        let (_dir, store) = store();
        let acme = site("acme");
        let given = approve(&store, "9f3c");
        let plain = new_release("2311260801");
        release(&store, &acme, &plain, b"file", at(5), &[]).unwrap();
        let memory = store.memory(&acme).unwrap();
        assert_eq!((memory.approval, memory.deregistered), (Some(given), Vec::new()));
    }

    #[test]
    fn what_waits_for_an_approval_for_another_reason_uses_it_too() {
        let (_dir, store) = store();
        let acme = site("acme");
        let new = NewRelease { approval: Some(generation("9f3c")), ..new_release("2311260801") };
        let made = store.release(&acme, &Premises::default(), &new, FILE, at(1), |_| Vec::new()).unwrap();
        assert_eq!(made, Released::MovedOn);
        approve(&store, "9f3c");
        let made = release(&store, &acme, &new, b"", at(2), &[]).unwrap();
        let memory = store.memory(&acme).unwrap();
        assert_eq!((memory.approval.unwrap().used, memory.deregistered), (Some(made.id), Vec::new()));
    }

    #[test]
    fn the_deregistrations_of_the_last_days_come_with_the_memory_and_old_ones_go() {
        let (_dir, store) = store();
        let acme = site("acme");
        let hours = [0, 24, 60, 24 * DEREGISTRATION_DAYS, 24 * DEREGISTRATION_DAYS + 47];
        let mut counts = Vec::new();
        for (number, hour) in hours.into_iter().enumerate() {
            approve(&store, "9f3c");
            let new = NewRelease {
                approved: BTreeMap::from([(slot(3), Some(ipui()))]),
                ..deregisters(&format!("23112608{number:02}"), "9f3c")
            };
            let made = release(&store, &acme, &new, b"", at(hour * 3_600), &[]).unwrap();
            store.note_fetch(&fetch(made.id), at(hour * 3_600)).unwrap();
            counts.push(store.memory(&acme).unwrap().deregistered.len());
        }
        assert_eq!(counts, [1, 2, 2, 1, 2]);
        let count = |db: &Transaction<'_>| {
            Ok(db.query_row("SELECT count(*) FROM deregistration", (), |row| row.get::<_, i64>(0))?)
        };
        assert_eq!(store.read("count", count).unwrap(), 3, "the first two are older than that");
    }

    #[test]
    fn a_plan_that_was_shown_is_found_by_its_hash() {
        let (_dir, store) = store();
        let (acme, terms) = (site("acme"), ["replace 3".to_owned(), "3: 1013".to_owned()]);
        store.review(&acme, &generation("9f3c"), &terms, at(1)).unwrap();
        assert_eq!(store.reviewed(&acme, &generation("9f3c")).unwrap().unwrap(), terms);
        assert_eq!(store.reviewed(&acme, &generation("9f3d")).unwrap(), None);
        assert_eq!(store.reviewed(&site("other"), &generation("9f3c")).unwrap(), None);
    }

    #[test]
    fn a_plan_that_is_shown_again_costs_no_writing_and_the_oldest_go() {
        let (_dir, store) = store();
        let acme = site("acme");
        let changes = || -> i64 {
            let count =
                |db: &Transaction<'_>| Ok(db.query_row("SELECT total_changes()", (), |row| row.get(0))?);
            store.read("count", count).unwrap()
        };
        let show = |number: u32| {
            let hash = generation(&format!("{number:04}"));
            store.review(&acme, &hash, &[number.to_string()], at(1)).unwrap();
        };
        (1..=REVIEWED_PER_SITE).for_each(show);
        let before = changes();
        show(1);
        assert_eq!(changes() - before, 0);
        show(REVIEWED_PER_SITE + 1);
        let known =
            |number: u32| store.reviewed(&acme, &generation(&format!("{number:04}"))).unwrap().is_some();
        assert_eq!((known(1), known(2), known(REVIEWED_PER_SITE + 1)), (false, true, true));
    }

    #[test]
    fn a_store_for_reading_keeps_no_approval() {
        let (dir, store) = store();
        approve(&store, "9f3c");
        let reader = Store::open_read_only(dir.path()).unwrap();
        let acme = site("acme");
        let upon = reader.memory(&acme).unwrap().approval;
        assert_eq!(upon, Some(approval("9f3c")));
        let kept = reader.keep_approval(&acme, upon.as_ref(), &approval("aaaa"), &[]).unwrap_err();
        let shown = reader.review(&acme, &generation("aaaa"), &[], at(1)).unwrap_err();
        assert_eq!([kept.kind(), shown.kind()], [StoreErrorKind::ReadOnly; 2]);
    }
}
