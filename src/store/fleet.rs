//! What concerns all sites together: the rollout with the marks that sites may follow, the fleet's alerts, and what was
//! used of the limits that all share.
//!
//! Alerts and history of the fleet, and what sinks know of it, hang on a row of `site` under the name that no site file can have
//! ([`SiteName::FLEET`]), so that they are kept and told as those of a site are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension, Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, codec, history, keep, memory, pauses, sites};
use crate::domain::alert::Alert;
use crate::domain::clearance::Pause;
use crate::domain::history::HistoryEntry;
use crate::domain::ids::{Ipui, SiteName, SlotNumber};
use crate::domain::plan::{Impact, NewRelease};
use crate::domain::rollout::{FleetLimits, NoRoom, Rollout, Room};

/// For so many days at most a deregistration counts for its rollout: one that never comes to an end, because a site of it
/// is never seen again, must not use up the budget of the fleet for ever.
const RUN_DAYS: i64 = 7;

/// The name of the rollout among what is known of the fleet.
const ROLLOUT: &str = "rollout";

/// What is known of the fleet as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FleetMemory {
    /// The last rollout.
    pub rollout: Option<Rollout>,
    /// The pause of all sites as it was given, over or not. It has operations of its own: [`Store::keep_fleet`] leaves it
    /// alone.
    pub pause: Option<Pause>,
    /// Alerts about no site in particular, those that have ended until their end was told.
    pub alerts: Vec<Alert>,
}

/// What is to be kept of the fleet.
#[derive(Debug, Clone, Copy)]
pub struct FleetRecord<'a> {
    /// What is known from here on.
    pub memory: &'a FleetMemory,
    /// The marks of files that these sites may follow now.
    pub accepted: &'a BTreeMap<SiteName, String>,
    /// What happened, oldest first.
    pub history: &'a [HistoryEntry],
}

/// A site, as far as it matters to a configuration that is taken in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownSite {
    /// The mark of the file that it may follow.
    pub mark: Option<String>,
    /// Whether the last attempt to read its manager succeeded.
    pub reached: bool,
    /// The handsets known to be registered there.
    pub registered: BTreeMap<SlotNumber, Ipui>,
}

impl Store {
    /// What is known of the fleet as a whole.
    ///
    /// # Errors
    /// When the database cannot be read, or a value in it does not decode.
    pub fn fleet(&self) -> Result<FleetMemory, StoreError> {
        self.read("load what is known of the fleet", |db| {
            let text: Option<String> = db
                .prepare_cached("SELECT value FROM fleet WHERE name = ?1")?
                .query_row([ROLLOUT], |row| row.get(0))
                .optional()?;
            let rollout = codec::from_optional_json("fleet.rollout", text.as_deref())?;
            let site = sites::known_site(db, &SiteName::of_fleet())?;
            let alerts = site.map_or(Ok(Vec::new()), |site| memory::alerts(db, site, None))?;
            Ok(FleetMemory { rollout, pause: pauses::of_all(db)?, alerts })
        })
    }

    /// Keeps what is known of the fleet, with the marks that sites may follow.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is kept.
    pub fn keep_fleet(&self, record: &FleetRecord<'_>) -> Result<(), StoreError> {
        self.write("keep what is known of the fleet", |db| {
            let rollout = codec::optional_json("fleet.rollout", record.memory.rollout.as_ref())?;
            if let Some(rollout) = rollout {
                db.prepare_cached(
                    "INSERT INTO fleet (name, value) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET value = ?2 WHERE value IS NOT ?2",
                )?
                .execute(params![ROLLOUT, rollout])?;
            }
            for (site, mark) in record.accepted {
                let id = self.site_id(db, site)?;
                db.prepare_cached("UPDATE site SET mark = ?2 WHERE id = ?1")?.execute(params![id, mark])?;
            }
            let id = self.site_id(db, &SiteName::of_fleet())?;
            keep::keep_alerts(db, id, &record.memory.alerts, None)?;
            history::append(db, id, record.history)
        })
    }

    /// Every site that is known, by name: what it may follow, and which handsets are registered there.
    ///
    /// # Errors
    /// When the database cannot be read, or a value in it does not decode.
    pub fn known_sites(&self) -> Result<BTreeMap<SiteName, KnownSite>, StoreError> {
        self.read("look for what sites follow", |db| {
            let mut known = BTreeMap::new();
            let mut query = db.prepare_cached(
                "SELECT name, mark, trouble IS NULL AND observed_at IS NOT NULL FROM site WHERE name <> ?1",
            )?;
            let mut rows = query.query([SiteName::FLEET])?;
            while let Some(row) = rows.next()? {
                let name = codec::parsed("site.name", memory::text(row, 0)?.unwrap_or_default())?;
                let (mark, reached) = (row.get(1)?, row.get(2)?);
                known.insert(name, KnownSite { mark, reached, registered: BTreeMap::new() });
            }
            registered(db, &mut known)?;
            Ok(known)
        })
    }

    /// How many handsets are known to be registered at these sites together. A site that is not watched any more keeps
    /// its rows, and is counted only where it is named.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn registered(&self, sites: &BTreeSet<SiteName>) -> Result<u32, StoreError> {
        self.read("count the registered handsets", |db| {
            let mut query = db.prepare_cached(
                "SELECT count(*) FROM slot JOIN site ON site.id = slot.site
                 WHERE site.name IN (SELECT value FROM json_each(?1))
                     AND slot.record ->> '$.registration' = 'registered'",
            )?;
            Ok(query.query_row([codec::json("site.name", sites)?], |row| row.get(0))?)
        })
    }

    /// What the limits leave to a site now, besides what its releases have used.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn room(
        &self,
        site: &SiteName,
        limits: &FleetLimits,
        now: DateTime<Utc>,
    ) -> Result<Room, StoreError> {
        self.read("look for room within the limits of the fleet", |db| {
            let site = sites::known_site(db, site)?;
            room(db, site, None, limits, now)
        })
    }
}

/// Enters the handsets that are known to be registered.
fn registered(db: &Transaction<'_>, known: &mut BTreeMap<SiteName, KnownSite>) -> Result<(), Fault> {
    let mut query = db.prepare_cached(
        "SELECT site.name, slot.number, slot.record ->> '$.ipui' FROM slot JOIN site ON site.id = slot.site
         WHERE slot.record ->> '$.registration' = 'registered'",
    )?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        let name: SiteName = codec::parsed("site.name", memory::text(row, 0)?.unwrap_or_default())?;
        let slot = SlotNumber::try_from(row.get::<_, u8>(1)?);
        let slot = slot.map_err(|error| codec::unreadable("slot.number", error))?;
        let ipui = codec::parsed("slot.record", memory::text(row, 2)?.unwrap_or_default())?;
        if let Some(site) = known.get_mut(&name) {
            site.registered.insert(slot, ipui);
        }
    }
    Ok(())
}

/// Why the limits that all sites share do not let this release be made, counted in the transaction that makes it: two at the
/// same time cannot both take the last place. What the release that it withdraws has used is free again.
pub(super) fn refuses(
    db: &Transaction<'_>,
    site: i64,
    withdrawn: Option<i64>,
    limits: &FleetLimits,
    new: &NewRelease,
    now: DateTime<Utc>,
) -> Result<Option<NoRoom>, Fault> {
    let deregisters = u32::try_from(new.approved.len()).unwrap_or(u32::MAX);
    if !disturbs(new) && deregisters == 0 {
        return Ok(None);
    }
    Ok(room(db, Some(site), withdrawn, limits, now)?.refuses(disturbs(new), deregisters))
}

/// Whether people notice a release.
pub(super) fn disturbs(new: &NewRelease) -> bool {
    new.impact >= Impact::Interrupts
}

fn room(
    db: &Transaction<'_>,
    site: Option<i64>,
    withdrawn: Option<i64>,
    limits: &FleetLimits,
    now: DateTime<Utc>,
) -> Result<Room, Fault> {
    let crowded_until = match limits.sites_per_hour {
        Some(sites) => crowded_until(db, site, withdrawn, sites, now)?,
        None => None,
    };
    let handsets_left = match limits.handsets {
        Some(handsets) => Some(handsets.saturating_sub(deregistered(db, withdrawn, limits.run, now)?)),
        None => None,
    };
    Ok(Room { crowded_until, handsets_left })
}

/// When a site may be disturbed besides those that were within the hour; `None`: now. One that was may be again.
fn crowded_until(
    db: &Transaction<'_>,
    site: Option<i64>,
    withdrawn: Option<i64>,
    sites: u32,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let hour = TimeDelta::hours(1);
    let (from, to) = around(now, hour);
    // The last release of each other site: with the oldest of the newest so many, a place is free again.
    let mut query = db.prepare_cached(
        "SELECT max(released_at), count(*) FILTER (WHERE site IS ?1) FROM release
         WHERE disturbs = 1 AND released_at > ?2 AND released_at < ?3 AND id IS NOT ?4
         GROUP BY site ORDER BY 1 DESC",
    )?;
    let mut rows = query.query(params![site, from, to, withdrawn])?;
    let mut last = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? > 0 {
            return Ok(None);
        }
        last.push(codec::from_time("release.released_at", memory::text(row, 0)?.unwrap_or_default())?);
    }
    let place = (sites as usize).checked_sub(1);
    Ok(place.and_then(|place| last.get(place)).map(|at| (*at).min(now) + hour))
}

/// How many handsets releases deregistered within a day, or in this run if that is longer, up to [`RUN_DAYS`]; what the
/// withdrawn release would have done is not counted.
fn deregistered(
    db: &Transaction<'_>,
    withdrawn: Option<i64>,
    run: Option<i64>,
    now: DateTime<Utc>,
) -> Result<u32, Fault> {
    let (from, to) = around(now, TimeDelta::days(1));
    let (run_from, run_to) = around(now, TimeDelta::days(RUN_DAYS));
    let mut query = db.prepare_cached(
        "SELECT count(*) FROM deregistration
         WHERE ((at > ?1 AND at < ?2) OR (run = ?3 AND at > ?4 AND at < ?5)) AND release IS NOT ?6",
    )?;
    Ok(query.query_row(params![from, to, run, run_from, run_to, withdrawn], |row| row.get(0))?)
}

/// So long before and after: what lies in the future was before our clock was set back, or is of a cycle that looked at the
/// clock a moment later.
fn around(now: DateTime<Utc>, length: TimeDelta) -> (String, String) {
    (codec::time(now - length), codec::time(now + length))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{
        alert, approval, at, entry, ipui, memory as site_memory, new_release, release, site, slot,
        slot_record, status, store,
    };
    use super::super::{CycleRecord, Premises, ReleaseFiles, Released};
    use super::*;
    use crate::domain::memory::{Registration, SlotRecord};
    use crate::domain::rollout::{Stage, Stake, Stop};

    const FILE: ReleaseFiles<'static> = ReleaseFiles { body: b"", way_back: None };

    fn rollout() -> Rollout {
        let stake = Stake {
            mark: "m2".into(),
            deregisters: BTreeMap::from([(slot(1), ipui())]),
            drops: BTreeMap::from([(slot(2), ipui())]),
        };
        Rollout {
            id: 7,
            since: at(1),
            sites: BTreeMap::from([(site("acme"), stake)]),
            stage: Stage::Stopped { by: Stop::Budget { limit: 10 } },
            through: Default::default(),
        }
    }

    fn keep(store: &Store, memory: &FleetMemory, accepted: &[(&str, &str)]) {
        let accepted = accepted.iter().map(|(name, mark)| (site(name), (*mark).to_owned())).collect();
        let record = FleetRecord { memory, accepted: &accepted, history: &[entry("rollout", 2)] };
        store.keep_fleet(&record).unwrap();
    }

    fn disturbing(version: &str) -> NewRelease {
        NewRelease { impact: Impact::Interrupts, window: None, ..new_release(version) }
    }

    #[test]
    fn what_is_known_of_the_fleet_comes_back_whole_and_is_told_as_that_of_a_site() {
        let (_dir, store) = store();
        assert_eq!(store.fleet().unwrap(), FleetMemory::default());
        let memory =
            FleetMemory { rollout: Some(rollout()), pause: None, alerts: vec![alert("rollout-stopped", 1)] };
        keep(&store, &memory, &[("acme", "m1"), ("bolt", "b1")]);
        assert_eq!(store.fleet().unwrap(), memory);
        let alerts = BTreeMap::from([(SiteName::of_fleet(), memory.alerts.clone())]);
        assert_eq!(store.all_alerts().unwrap(), alerts);
        assert_eq!(store.history(Some(&SiteName::of_fleet()), 9).unwrap().len(), 1);
        assert!(store.statuses(None).unwrap().is_empty());
        let marks: Vec<_> =
            store.known_sites().unwrap().into_iter().map(|(name, known)| (name, known.mark)).collect();
        assert_eq!(marks, [(site("acme"), Some("m1".into())), (site("bolt"), Some("b1".into()))]);
        keep(&store, &FleetMemory { alerts: Vec::new(), ..memory.clone() }, &[]);
        assert_eq!(store.fleet().unwrap().alerts, []);
    }

    #[test]
    fn a_site_is_known_with_who_is_registered_there() {
        let (_dir, store) = store();
        let registered = SlotRecord { registration: Registration::Registered, ..slot_record(5) };
        let (mut memory, status) = (site_memory(), status("acme", 9));
        memory.slots.insert(slot(3), registered);
        memory.trouble = None;
        let record = CycleRecord { memory: &memory, status: &status, marks: &[], history: &[] };
        store.keep(&site("acme"), &record).unwrap();
        store.site_secret(&site("bolt")).unwrap();
        let known = store.known_sites().unwrap();
        let acme = KnownSite { mark: None, reached: true, registered: BTreeMap::from([(slot(3), ipui())]) };
        assert_eq!(known, BTreeMap::from([(site("acme"), acme), (site("bolt"), KnownSite::default())]));
        store.keep(&site("gone"), &record).unwrap();
        let count =
            |names: &[&str]| store.registered(&names.iter().map(|name| site(name)).collect()).unwrap();
        assert_eq!([count(&["acme", "bolt", "new"]), count(&["acme", "gone"]), count(&[])], [1, 2, 0]);
    }

    #[test]
    fn so_many_sites_are_disturbed_within_an_hour() {
        let (_dir, store) = store();
        let limits = FleetLimits { sites_per_hour: Some(2), ..FleetLimits::default() };
        let make = |name: &str, new: &NewRelease, seconds| {
            let upon = store.memory(&site(name)).unwrap().release;
            let upon = upon.map(|last| (last.id, last.progress.fetched_at));
            let premises = Premises { upon, limits };
            store.release(&site(name), &premises, new, FILE, at(seconds), |_| Vec::new()).unwrap()
        };
        // The manager fetches at once.
        let is_made = |released: Released| match released {
            Released::Made(made) => store.write("fetch", |db| fetched(db, made.id)).is_ok(),
            Released::MovedOn | Released::Paused | Released::NoRoom(_) => false,
        };
        assert!(is_made(make("a", &disturbing("2311260801"), 0)));
        assert!(is_made(make("b", &disturbing("2311260802"), 60)));
        let hour = 3600;
        let full = Released::NoRoom(NoRoom::Crowded { until: at(hour) });
        assert_eq!(make("c", &disturbing("2311260803"), 120), full);
        assert!(is_made(make("c", &new_release("2311260804"), 121)), "what disturbs nobody");
        assert!(is_made(make("a", &disturbing("2311260805"), 122)), "a site that was disturbed already");
        let full = Released::NoRoom(NoRoom::Crowded { until: at(60 + hour) });
        assert_eq!(make("c", &disturbing("2311260806"), hour), full, "by the last release of each");
        assert!(is_made(make("c", &disturbing("2311260807"), hour + 61)));
        let room = store.room(&site("d"), &limits, at(hour + 62)).unwrap();
        assert_eq!(room.crowded_until, Some(at(122 + hour)));
        assert_eq!(store.room(&site("d"), &FleetLimits::default(), at(hour)).unwrap().crowded_until, None);
    }

    fn fetched(db: &Transaction<'_>, release: i64) -> Result<(), Fault> {
        db.execute("UPDATE release SET fetched_at = released_at WHERE id = ?1", [release])?;
        Ok(())
    }

    #[test]
    fn what_a_release_used_that_is_withdrawn_is_free_again() {
        let (_dir, store) = store();
        let given = approval("9f3c");
        assert!(store.keep_approval(&site("acme"), None, &given, &[]).unwrap());
        let limits = FleetLimits { handsets: Some(2), sites_per_hour: Some(1), run: Some(7) };
        let make = |name: &str, new: &NewRelease, seconds| {
            let upon = store.memory(&site(name)).unwrap().release.map(|last| (last.id, None));
            let premises = Premises { upon, limits };
            store.release(&site(name), &premises, new, FILE, at(seconds), |_| Vec::new()).unwrap()
        };
        let swap = |version: &str| NewRelease {
            impact: Impact::Deregisters,
            approved: BTreeMap::from([(slot(1), None), (slot(2), None)]),
            approval: Some(given.hash.clone()),
            ..disturbing(version)
        };
        let left = |name: &str| store.room(&site(name), &limits, at(3)).unwrap();
        assert!(matches!(make("acme", &swap("2311260801"), 0), Released::Made(_)));
        assert!(matches!(make("acme", &swap("2311260802"), 1), Released::Made(_)), "in place of the first");
        assert_eq!(left("acme"), Room { crowded_until: None, handsets_left: Some(0) });
        let full = Room { crowded_until: Some(at(3601)), handsets_left: Some(0) };
        assert_eq!(left("bolt"), full, "to others it counts");
        assert!(matches!(make("acme", &new_release("2311260803"), 2), Released::Made(_)));
        assert_eq!(left("bolt"), Room { crowded_until: None, handsets_left: Some(2) });
        assert!(matches!(make("bolt", &disturbing("2311260804"), 4), Released::Made(_)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_shut_everybody_out_for_long() {
        let (_dir, store) = store();
        let limits = FleetLimits { sites_per_hour: Some(1), ..FleetLimits::default() };
        release(&store, &site("a"), &disturbing("2311260801"), b"", at(1800), &[]).unwrap();
        let until = |seconds| store.room(&site("b"), &limits, at(seconds)).unwrap().crowded_until;
        assert_eq!(until(0), Some(at(3600)));
        assert_eq!(until(-86_400), None);
    }

    fn deregister(store: &Store, name: &str, seconds: i64, run: Option<i64>) {
        store
            .write("deregister", |db| {
                let id = store.site_id(db, &site(name))?;
                db.execute(
                    "INSERT INTO deregistration (site, release, slot, at, run) VALUES (?1, 1, 1, ?2, ?3)",
                    params![id, codec::time(at(seconds)), run],
                )?;
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn the_budget_counts_a_day_and_a_run_whichever_is_longer() {
        let (_dir, store) = store();
        for (seconds, run) in
            [(-2 * 86_400, None), (-86_400 * 3, Some(7)), (-60, None), (0, Some(7)), (9, None)]
        {
            deregister(&store, "acme", seconds, run);
        }
        let left = |run| {
            let limits = FleetLimits { handsets: Some(10), run, ..FleetLimits::default() };
            store.room(&site("acme"), &limits, at(1)).unwrap().handsets_left
        };
        assert_eq!((left(None), left(Some(7)), left(Some(8))), (Some(7), Some(6), Some(7)));
        let tight = FleetLimits { handsets: Some(2), ..FleetLimits::default() };
        assert_eq!(store.room(&site("acme"), &tight, at(1)).unwrap().handsets_left, Some(0));
    }

    #[test]
    fn a_run_that_never_ends_gives_its_budget_back() {
        let (_dir, store) = store();
        deregister(&store, "acme", 0, Some(7));
        let limits = FleetLimits { handsets: Some(10), run: Some(7), ..FleetLimits::default() };
        let left = |seconds| store.room(&site("acme"), &limits, at(seconds)).unwrap().handsets_left;
        let week = 7 * 86_400;
        assert_eq!((left(week - 1), left(week)), (Some(9), Some(10)));
        assert_eq!((left(1 - week), left(-week)), (Some(9), Some(10)), "nor does a clock that was set back");
    }

    #[test]
    fn a_release_over_the_budget_is_not_made_and_leaves_nothing_behind() {
        let (_dir, store) = store();
        deregister(&store, "other", 0, None);
        let given = approval("9f3c");
        assert!(store.keep_approval(&site("acme"), None, &given, &[]).unwrap());
        let approved = |slots: &[u8]| NewRelease {
            impact: Impact::Deregisters,
            approved: slots.iter().map(|number| (slot(*number), None)).collect(),
            approval: Some(given.hash.clone()),
            ..disturbing("2311260801")
        };
        let limits = FleetLimits { handsets: Some(2), run: Some(7), ..FleetLimits::default() };
        let premises = Premises { limits, ..Premises::default() };
        let make = |new: &NewRelease| {
            store.release(&site("acme"), &premises, new, FILE, at(1), |_| Vec::new()).unwrap()
        };
        assert_eq!(make(&approved(&[1, 2])), Released::NoRoom(NoRoom::OverBudget { left: 1 }));
        let kept = store.memory(&site("acme")).unwrap();
        assert_eq!((kept.release, kept.approval), (None, Some(given.clone())), "nor is the approval used up");
        assert!(matches!(make(&approved(&[1])), Released::Made(_)));
        let later = |run| {
            let limits = FleetLimits { run, ..limits };
            store.room(&site("acme"), &limits, at(3 * 86_400)).unwrap().handsets_left
        };
        assert_eq!((later(Some(7)), later(None)), (Some(1), Some(2)), "it counts for its rollout");
    }
}
