//! Keeps what a cycle came to, in one transaction that writes only what changed.

use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, approvals, attention, codec, history, memory, reading, sites, strays};
use crate::domain::alert::Alert;
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;
use crate::domain::memory::{Hindrance, SiteMemory, Window};
use crate::domain::release::{Missed, ReleaseMark};
use crate::domain::status::SiteStatus;

/// What a cycle came to.
#[derive(Debug, Clone, Copy)]
pub struct CycleRecord<'a> {
    /// The memory after the cycle. Of it, `release`, `past_releases`, `filled`, `approval`, `deregistered` and `rotation`
    /// are not looked at: they follow releases, marks, fetches, logins and people, which may come in while the cycle runs.
    /// Where `listed` has moved, the approval that is there has let a site file shrink for the last time.
    pub memory: &'a SiteMemory,
    /// The status after the cycle.
    pub status: &'a SiteStatus,
    /// Verdicts on releases.
    pub marks: &'a [ReleaseMark],
    /// What happened, oldest first.
    pub history: &'a [HistoryEntry],
}

impl Store {
    /// Keeps what a cycle came to. Windows and releases that are not in the record stay; slots and alerts that are
    /// not in it go.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is kept.
    pub fn keep(&self, site: &SiteName, record: &CycleRecord<'_>) -> Result<(), StoreError> {
        self.write("keep the outcome of a cycle", |db| {
            let id = self.site_id(db, site)?;
            if follows_another_file(db, id, record.memory)? {
                approvals::follow(db, id)?;
            }
            keep_site_row(db, id, record.memory)?;
            for window in &record.memory.windows {
                put_window(db, id, window)?;
            }
            keep_slots(db, id, record.memory)?;
            strays::keep(db, id, &record.memory.strays)?;
            let observed = record.memory.observation.as_ref().map(|seen| seen.at);
            keep_alerts(db, id, &record.memory.alerts, observed)?;
            sites::keep_status(db, id, record.status)?;
            for mark in record.marks {
                keep_mark(db, id, mark)?;
            }
            history::append(db, id, record.history)
        })
    }
}

impl Store {
    /// Whether anything can be written just now: for whoever must not begin what could not be kept.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn probe(&self) -> Result<(), StoreError> {
        self.write("write", |db| {
            db.execute("UPDATE probe SET written = written + 1", [])?;
            Ok(())
        })
    }

    /// Keeps a status alone: after a cycle's orders were carried out.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_status(&self, site: &SiteName, status: &SiteStatus) -> Result<(), StoreError> {
        self.write("keep the status of a site", |db| {
            let id = self.site_id(db, site)?;
            sites::keep_status(db, id, status)
        })
    }

    /// Keeps what hinders a site's orders, or that nothing does, and enters it into the history.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_hindrance(
        &self,
        site: &SiteName,
        hindrance: Option<&Hindrance>,
        history: &[HistoryEntry],
    ) -> Result<(), StoreError> {
        self.write("keep what hinders a site", |db| {
            let id = self.site_id(db, site)?;
            let hindrance = codec::optional_json("site.hindrance", hindrance)?;
            db.prepare_cached("UPDATE site SET hindrance = ?2 WHERE id = ?1 AND hindrance IS NOT ?2")?
                .execute(params![id, hindrance])?;
            history::append(db, id, history)
        })
    }

    /// Enters what happened outside a turn into the history, oldest first.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn tell(&self, site: &SiteName, history: &[HistoryEntry]) -> Result<(), StoreError> {
        self.write("enter into the history", |db| {
            let id = self.site_id(db, site)?;
            history::append(db, id, history)
        })
    }
}

/// Writes an entry of the window ledger where it differs from the one kept.
pub(super) fn put_window(db: &Transaction<'_>, site: i64, window: &Window) -> Result<(), Fault> {
    let entry = codec::json("window.entry", window)?;
    db.prepare_cached(
        "INSERT INTO window (site, number, entry) VALUES (?1, ?2, ?3)
         ON CONFLICT (site, number) DO UPDATE SET entry = ?3 WHERE entry IS NOT ?3",
    )?
    .execute(params![site, window.number, entry])?;
    Ok(())
}

/// Whether the site file that is followed lists other slots than the one before.
fn follows_another_file(db: &Transaction<'_>, site: i64, memory: &SiteMemory) -> Result<bool, Fault> {
    let listed = codec::optional_json("site.listed", memory.listed.as_ref())?;
    let mut query = db.prepare_cached("SELECT listed IS NOT ?2 FROM site WHERE id = ?1")?;
    Ok(query.query_row(params![site, listed], |row| row.get(0))?)
}

fn keep_site_row(db: &Transaction<'_>, site: i64, memory: &SiteMemory) -> Result<(), Fault> {
    let time = |at: Option<DateTime<Utc>>| at.map(codec::time);
    let observation = memory.observation.as_ref().map(memory::timeless).transpose()?;
    db.prepare_cached(
        "UPDATE site SET first_contact_at = ?2, first_mac = ?3, observation = ?4, observed_at = ?5, baseline = ?6,
             baseline_parts = ?7, trouble = ?8, refused_password = ?9, audited_at = ?10, unreadable_cycles = ?11, clock = ?12,
             hindrance = ?13, shown = ?14, gaps = ?15, listed = ?16
         WHERE id = ?1 AND (first_contact_at IS NOT ?2 OR first_mac IS NOT ?3 OR observation IS NOT ?4
             OR observed_at IS NOT ?5 OR baseline IS NOT ?6 OR baseline_parts IS NOT ?7 OR trouble IS NOT ?8
             OR refused_password IS NOT ?9 OR audited_at IS NOT ?10 OR unreadable_cycles IS NOT ?11
             OR clock IS NOT ?12 OR hindrance IS NOT ?13 OR shown IS NOT ?14 OR gaps IS NOT ?15
             OR listed IS NOT ?16)",
    )?
    .execute(params![
        site,
        time(memory.first_contact.map(|(at, _)| at)),
        memory.first_contact.map(|(_, mac)| mac.to_string()),
        observation,
        time(memory.observation.as_ref().map(|observation| observation.at)),
        memory.baseline.as_ref().map(|generation| generation.0.as_str()),
        codec::json("site.baseline_parts", &memory.baseline_parts)?,
        codec::optional_json("site.trouble", memory.trouble.as_ref())?,
        memory.refused_password.as_ref().map(|generation| generation.0.as_str()),
        time(memory.audited_at),
        memory.unreadable_cycles,
        codec::optional_json("site.clock", memory.clock.as_ref())?,
        codec::optional_json("site.hindrance", memory.hindrance.as_ref())?,
        codec::json("site.shown", &memory.shown)?,
        codec::optional_json("site.gaps", memory.gaps.as_ref())?,
        codec::optional_json("site.listed", memory.listed.as_ref())?,
    ])?;
    Ok(())
}

fn keep_slots(db: &Transaction<'_>, site: i64, memory: &SiteMemory) -> Result<(), Fault> {
    let observed = memory.observation.as_ref().map(|observation| observation.at);
    let numbers: Vec<u8> = memory.slots.keys().map(|slot| slot.number()).collect();
    db.prepare_cached(
        "DELETE FROM slot WHERE site = ?1 AND number NOT IN (SELECT value FROM json_each(?2))",
    )?
    .execute(params![site, codec::json("slot.number", &numbers)?])?;
    let mut put = db.prepare_cached(
        "INSERT INTO slot (site, number, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (site, number) DO UPDATE SET record = ?3 WHERE record IS NOT ?3",
    )?;
    for (slot, record) in &memory.slots {
        let text = reading::detached("slot.record", record, observed)?;
        put.execute(params![site, slot.number(), text])?;
    }
    Ok(())
}

/// Writes the alerts of a site that differ from those kept; those that are not among them go, with what people have said of
/// them. `observed` is when what they show was seen.
pub(super) fn keep_alerts(
    db: &Transaction<'_>,
    site: i64,
    alerts: &[Alert],
    observed: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    let observed = observed.map(memory::as_shown);
    let ids: Vec<&str> = alerts.iter().map(|alert| alert.id.as_str()).collect();
    db.prepare_cached("DELETE FROM alert WHERE site = ?1 AND id NOT IN (SELECT value FROM json_each(?2))")?
        .execute(params![site, codec::json("alert.id", &ids)?])?;
    let mut put = db.prepare_cached(
        "INSERT INTO alert (site, id, position, alert) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (site, id) DO UPDATE SET position = ?3, alert = ?4
         WHERE position IS NOT ?3 OR alert IS NOT ?4",
    )?;
    for (position, alert) in (0_i64..).zip(alerts) {
        let text = reading::detached("alert.alert", alert, observed)?;
        put.execute(params![site, alert.id, position, text])?;
    }
    attention::follow_alerts(db, site)
}

fn keep_mark(db: &Transaction<'_>, site: i64, mark: &ReleaseMark) -> Result<(), Fault> {
    let (changed, release) = match mark {
        ReleaseMark::Verified { release, at } => {
            let sql =
                "UPDATE release SET verified_at = coalesce(verified_at, ?3) WHERE id = ?1 AND site = ?2";
            (db.prepare_cached(sql)?.execute(params![release, site, codec::time(*at)])?, release)
        }
        ReleaseMark::Ineffective { release, at, missed } => {
            // What a person let go of while the cycle ran stays so.
            let sql = "UPDATE release SET ineffective_at = coalesce(ineffective_at, ?3),
                           missed = CASE WHEN missed = ?5 THEN missed ELSE ?4 END
                       WHERE id = ?1 AND site = ?2";
            let (missed, nothing) =
                (codec::json("release.missed", missed)?, codec::json("release.missed", &Missed::default())?);
            let marked = params![release, site, codec::time(*at), missed, nothing];
            (db.prepare_cached(sql)?.execute(marked)?, release)
        }
    };
    if changed == 0 { Err(Fault::NoRelease(*release)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{
        at, entry, memory, new_release, release, site, slot, slot_record, status, store, window,
    };
    use super::*;
    use crate::domain::memory::Registration;
    use chrono::{SubsecRound, TimeDelta};

    fn record<'a>(memory: &'a SiteMemory, status: &'a SiteStatus) -> CycleRecord<'a> {
        CycleRecord { memory, status, marks: &[], history: &[] }
    }

    fn missed(parts: &[&str]) -> Missed {
        let reading = |part: &&str| ((*part).to_owned(), format!("{part} differs"));
        Missed { readings: parts.iter().map(reading).collect(), ..Missed::default() }
    }

    fn changes(store: &Store) -> i64 {
        store.read("count", |db| Ok(db.query_row("SELECT total_changes()", (), |row| row.get(0))?)).unwrap()
    }

    #[test]
    fn what_was_kept_comes_back_whole_and_an_unknown_site_is_empty() {
        let (_dir, store) = store();
        store.keep(&site("acme"), &record(&memory(), &status("acme", 9))).unwrap();
        assert_eq!(store.memory(&site("acme")).unwrap(), memory());
        assert_eq!(store.statuses(None).unwrap(), [status("acme", 9)]);
        assert_eq!(store.memory(&site("other")).unwrap(), SiteMemory::default());
    }

    #[test]
    fn only_rows_that_changed_are_written() {
        let (_dir, store) = store();
        let acme = site("acme");
        let mut memory = memory();
        store.keep(&acme, &record(&memory, &status("acme", 9))).unwrap();
        let before = changes(&store);
        store.keep(&acme, &record(&memory, &status("acme", 9))).unwrap();
        assert_eq!(changes(&store) - before, 0, "nothing changed");
        memory.slots.insert(slot(1), slot_record(77));
        store.keep(&acme, &record(&memory, &status("acme", 9))).unwrap();
        assert_eq!(changes(&store) - before, 1, "one slot changed");
        if let Some(observation) = &mut memory.observation {
            observation.at = at(10);
        }
        store.keep(&acme, &record(&memory, &status("acme", 10))).unwrap();
        assert_eq!(changes(&store) - before, 3, "the times of site and status changed");
        assert_eq!(store.memory(&acme).unwrap(), memory);
    }

    #[test]
    fn a_reading_that_saw_the_same_again_moves_times_alone() {
        let (_dir, store) = store();
        let acme = site("acme");
        // The reading has fractions of a second, what people see of it has none.
        let reading = |second: i64| {
            let (mut memory, mut status) = (memory(), status("acme", second));
            let shown = at(second).with_timezone(status.observed_at.unwrap().offset());
            memory.observation.as_mut().unwrap().at = at(second) + TimeDelta::milliseconds(7);
            memory.alerts[0].handsets[0].evidence_at = Some(shown.trunc_subsecs(0));
            for record in memory.slots.values_mut() {
                let seen = memory.observation.as_ref().unwrap().at;
                record.seen_at = seen;
                (record.registered_at, record.pending_at) = (Some(seen), Some(seen));
                record.conflicts[0].at = seen;
            }
            status.slots[0].evidence_at = Some(shown);
            status.slots[0].conflicts[0].at = shown;
            status.alerts[0].handsets[0].evidence_at = Some(shown);
            (memory, status)
        };
        let keep = |second: i64| {
            let (memory, status) = reading(second);
            let before = changes(&store);
            store.keep(&acme, &record(&memory, &status)).unwrap();
            assert_eq!(store.memory(&acme).unwrap(), memory, "what is read is whole");
            assert_eq!(store.statuses(None).unwrap(), [status]);
            let written = |sql: &str| {
                store.read("look", |db| Ok(db.query_row(sql, (), |row| row.get::<_, String>(0))?)).unwrap()
            };
            let texts = written("SELECT status || (SELECT group_concat(alert) FROM alert) FROM status");
            (changes(&store) - before, texts)
        };
        let (_, first) = keep(20);
        assert_eq!(keep(21), (2, first), "the times of site and status, and no status, alert or slot");
    }

    #[test]
    fn evidence_that_was_not_seen_again_keeps_its_age() {
        let (_dir, store) = store();
        let acme = site("acme");
        let mut memory = memory();
        memory.alerts[0].handsets[0].evidence_at = Some(at(9).fixed_offset());
        store.keep(&acme, &record(&memory, &status("acme", 9))).unwrap();
        memory.observation.as_mut().unwrap().at = at(300);
        store.keep(&acme, &record(&memory, &status("acme", 300))).unwrap();
        let kept = store.memory(&acme).unwrap().alerts;
        assert_eq!(kept[0].handsets[0].evidence_at, Some(at(9).fixed_offset()));
    }

    #[test]
    fn slots_and_alerts_that_are_gone_go_and_windows_stay() {
        let (_dir, store) = store();
        let acme = site("acme");
        store.keep(&acme, &record(&memory(), &status("acme", 9))).unwrap();
        store.keep(&acme, &record(&SiteMemory::default(), &status("acme", 9))).unwrap();
        let kept = store.memory(&acme).unwrap();
        assert_eq!(kept, SiteMemory { windows: vec![window(1)], ..SiteMemory::default() });
    }

    #[test]
    fn the_end_of_a_window_enters_its_entry() {
        let (_dir, store) = store();
        let acme = site("acme");
        let mut memory = memory();
        memory.windows = vec![Window { missing_at_end: None, ..window(1) }, window(2)];
        store.keep(&acme, &record(&memory, &status("acme", 9))).unwrap();
        memory.windows = vec![window(1), window(2)];
        store.keep(&acme, &record(&memory, &status("acme", 9))).unwrap();
        assert_eq!(store.memory(&acme).unwrap().windows, [window(1), window(2)]);
    }

    #[test]
    fn a_cycle_with_an_old_view_takes_nothing_back() {
        let (_dir, store) = store();
        let acme = site("acme");
        let old = memory();
        let release = release(&store, &acme, &new_release("2311260801"), b"file", at(1), &[]).unwrap();
        store.note_trigger_intent(release.id, at(2)).unwrap();
        store.keep(&acme, &record(&old, &status("acme", 9))).unwrap();
        let kept = store.memory(&acme).unwrap();
        assert_eq!(kept.release.map(|release| release.progress.attempts), Some(1));
        assert_eq!(kept.slots.get(&slot(1)).map(|slot| slot.registration), Some(Registration::Pending));
    }

    #[test]
    fn a_verdict_on_a_release_is_set_once() {
        let (_dir, store) = store();
        let acme = site("acme");
        let id = release(&store, &acme, &new_release("2311260801"), b"file", at(1), &[]).unwrap().id;
        for seconds in [5, 6] {
            let at = at(seconds);
            let missed = Box::new(missed(&["slot 1", "slot 2"][usize::from(seconds == 6)..]));
            let marks = [
                ReleaseMark::Verified { release: id, at },
                ReleaseMark::Ineffective { release: id, at, missed },
            ];
            let (memory, status) = (memory(), status("acme", 9));
            store.keep(&acme, &CycleRecord { marks: &marks, ..record(&memory, &status) }).unwrap();
        }
        let progress =
            store.memory(&acme).unwrap().release.map(|release| release.progress).unwrap_or_default();
        assert_eq!((progress.verified_at, progress.ineffective_at), (Some(at(5)), Some(at(5))));
        assert_eq!(progress.missed, Some(missed(&["slot 2"])), "what is left of it follows");
    }

    #[test]
    fn what_was_missed_is_forgotten_when_a_person_says_so_and_all_of_it_where_nobody_wrote_it_down() {
        let (_dir, store) = store();
        let acme = site("acme");
        let id = release(&store, &acme, &new_release("2311260801"), b"file", at(1), &[]).unwrap().id;
        let left = || store.memory(&acme).unwrap().release.unwrap().progress.missed;
        assert_eq!(left(), None);
        let earlier = "UPDATE release SET ineffective_at = released_at";
        store.write("mark", |db| Ok(db.execute(earlier, ())?)).unwrap();
        let parts = new_release("2311260801").parts;
        assert_eq!(
            left().unwrap().readings.into_keys().collect::<Vec<_>>(),
            parts.into_keys().collect::<Vec<_>>()
        );
        let marks =
            [ReleaseMark::Ineffective { release: id, at: at(5), missed: Box::new(missed(&["slot 1"])) }];
        let (memory, status) = (memory(), status("acme", 9));
        store.keep(&acme, &CycleRecord { marks: &marks, ..record(&memory, &status) }).unwrap();
        assert_eq!(left(), Some(missed(&["slot 1"])));
        store.forget_misses(&acme, &[entry("release", 6)]).unwrap();
        assert_eq!(left(), Some(Missed::default()));
        store.keep(&acme, &CycleRecord { marks: &marks, ..record(&memory, &status) }).unwrap();
        assert_eq!(left(), Some(Missed::default()), "also by a cycle that was under way");
        assert_eq!(store.history(Some(&acme), 9).unwrap().len(), 1);
    }

    #[test]
    fn a_verdict_on_another_sites_release_is_refused() {
        let (_dir, store) = store();
        let id = release(&store, &site("other"), &new_release("2311260801"), b"file", at(1), &[]).unwrap().id;
        let marks = [ReleaseMark::Verified { release: id, at: at(5) }];
        let (memory, status) = (memory(), status("acme", 9));
        let outcome = store.keep(&site("acme"), &CycleRecord { marks: &marks, ..record(&memory, &status) });
        assert!(matches!(outcome, Err(StoreError::NoRelease { release, .. }) if release == id));
    }

    #[test]
    fn history_is_kept_with_the_cycle() {
        let (_dir, store) = store();
        let acme = site("acme");
        let (memory, status) = (memory(), status("acme", 9));
        let history = [entry("verify", 1), entry("alert", 2)];
        store.keep(&acme, &CycleRecord { history: &history, ..record(&memory, &status) }).unwrap();
        let told: Vec<_> = store.history(None, 9).unwrap().into_iter().map(|(_, entry)| entry.what).collect();
        assert_eq!(told, ["alert", "verify"]);
    }
}
