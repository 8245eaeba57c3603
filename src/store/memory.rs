//! Loads what is remembered of a site. Keeping it is the matter of `keep`.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use rusqlite::{Row, Transaction, params};
use tracing::warn;

use super::error::{Fault, StoreError};
use super::{Store, approvals, codec, fetches, reading, releases, rotations, sites, strays};
use crate::domain::alert::Alert;
use crate::domain::ids::{Mac, SiteName, SlotNumber};
use crate::domain::memory::{SiteMemory, SlotRecord, Window};
use crate::domain::observed::Observation;
use crate::domain::release::{Generation, PastRelease};

/// How many windows of a site come with its memory: the last one counts, and those before it that it repeats or
/// follows. A cycle costs no more at a site whose ledger has grown for years.
pub const WINDOWS_IN_MEMORY: u32 = 8;

impl Store {
    /// Everything remembered of a site, its last [`WINDOWS_IN_MEMORY`] windows among it; of an unknown one, nothing.
    ///
    /// # Errors
    /// When the database cannot be read, or a value in it does not decode.
    pub fn memory(&self, site: &SiteName) -> Result<SiteMemory, StoreError> {
        self.read("load the memory of a site", |db| {
            let Some(id) = sites::known_site(db, site)? else { return Ok(SiteMemory::default()) };
            let mut memory = of_site_row(db, id)?;
            let mut releases = releases::all(db, id)?.into_iter();
            memory.release = releases.next();
            if let Some(release) = &mut memory.release {
                release.progress.fetched_by = fetches::of_unjudged(db, id, release)?;
            }
            memory.past_releases = releases.map(|release| PastRelease::from(&release)).collect();
            (memory.rotation, memory.rotated) = rotations::of_site(db, id)?;
            memory.password_versions = rotations::versions(db, id)?;
            memory.windows = windows(db, id, Some(WINDOWS_IN_MEMORY))?;
            memory.alerts = alerts(db, id, memory.observation.as_ref().map(|observation| observation.at))?;
            memory.slots = slots(db, id, memory.observation.as_ref())?;
            memory.strays = strays::of_site(db, id)?;
            memory.approval = approvals::of_site(db, id)?;
            memory.deregistered = approvals::deregistered(db, id)?;
            Ok(memory)
        })
    }
}

impl Store {
    /// Every window that was ever opened at a site, oldest first; of an unknown site, none.
    ///
    /// # Errors
    /// When the database cannot be read, or a window does not decode.
    pub fn windows(&self, site: &SiteName) -> Result<Vec<Window>, StoreError> {
        self.read("read the window ledger of a site", |db| {
            sites::known_site(db, site)?.map_or(Ok(Vec::new()), |id| windows(db, id, None))
        })
    }
}

impl Store {
    /// The alerts that are kept of every site, and, under the name that stands for it, of the fleet: all that hold, and those
    /// whose end a sink has yet to be told. Sites without any are missing. An alert that does not decode is logged and left
    /// out, so that no site waits for what another one has stored.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn all_alerts(&self) -> Result<BTreeMap<SiteName, Vec<Alert>>, StoreError> {
        self.read("read all alerts", |db| {
            let mut query = db.prepare_cached(
                "SELECT site.name, iif(site.observation IS NULL, NULL, site.observed_at), alert.alert
                 FROM alert JOIN site ON site.id = alert.site ORDER BY site.name, alert.position, alert.id",
            )?;
            let mut rows = query.query(())?;
            let mut alerts: BTreeMap<SiteName, Vec<Alert>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                match alert(row) {
                    Ok((site, alert)) => alerts.entry(site).or_default().push(alert),
                    Err(fault) => {
                        let site: String = row.get(0)?;
                        warn!(site, ?fault, "an alert of this site does not decode");
                    }
                }
            }
            Ok(alerts)
        })
    }
}

/// A row of [`Store::all_alerts`].
fn alert(row: &Row<'_>) -> Result<(SiteName, Alert), Fault> {
    let name = codec::parsed("site.name", text(row, 0)?.unwrap_or_default())?;
    let observed = codec::from_optional_time("site.observed_at", text(row, 1)?)?.map(as_shown);
    Ok((name, reading::attached("alert.alert", text(row, 2)?.unwrap_or_default(), observed)?))
}

/// The last windows of a site, or all of them, oldest first.
fn windows(db: &Transaction<'_>, site: i64, last: Option<u32>) -> Result<Vec<Window>, Fault> {
    // A negative limit is none.
    let mut query =
        db.prepare_cached("SELECT entry FROM window WHERE site = ?1 ORDER BY number DESC LIMIT ?2")?;
    let mut rows = query.query(params![site, last.map_or(-1, i64::from)])?;
    let mut windows = Vec::new();
    while let Some(row) = rows.next()? {
        windows.push(codec::from_json("window.entry", text(row, 0)?.unwrap_or_default())?);
    }
    windows.reverse();
    Ok(windows)
}

fn of_site_row(db: &Transaction<'_>, site: i64) -> Result<SiteMemory, Fault> {
    let mut query = db.prepare_cached(
        "SELECT first_contact_at, first_mac, observation, observed_at, filled, baseline, baseline_parts,
                trouble, refused_password, audited_at, unreadable_cycles, clock, hindrance, shown, gaps, listed
         FROM site WHERE id = ?1",
    )?;
    let mut rows = query.query([site])?;
    let Some(row) = rows.next()? else { return Ok(SiteMemory::default()) };
    let first_at = codec::from_optional_time("site.first_contact_at", text(row, 0)?)?;
    let first_mac = text(row, 1)?.map(|mac| codec::parsed::<Mac>("site.first_mac", mac)).transpose()?;
    Ok(SiteMemory {
        first_contact: first_at.zip(first_mac),
        observation: observation(text(row, 2)?, text(row, 3)?)?,
        filled: codec::from_optional_json("site.filled", text(row, 4)?)?,
        baseline: text(row, 5)?.map(|text| Generation(text.to_owned())),
        baseline_parts: codec::from_json("site.baseline_parts", text(row, 6)?.unwrap_or("{}"))?,
        trouble: codec::from_optional_json("site.trouble", text(row, 7)?)?,
        refused_password: text(row, 8)?.map(|text| Generation(text.to_owned())),
        audited_at: codec::from_optional_time("site.audited_at", text(row, 9)?)?,
        unreadable_cycles: row.get(10)?,
        clock: codec::from_optional_json("site.clock", text(row, 11)?)?,
        hindrance: codec::from_optional_json("site.hindrance", text(row, 12)?)?,
        shown: codec::from_json("site.shown", text(row, 13)?.unwrap_or("{}"))?,
        gaps: codec::from_optional_json("site.gaps", text(row, 14)?)?,
        listed: codec::from_optional_json("site.listed", text(row, 15)?)?,
        ..SiteMemory::default()
    })
}

/// Puts an observation and its time together again.
fn observation(timeless: Option<&str>, at: Option<&str>) -> Result<Option<Observation>, Fault> {
    let (Some(timeless), Some(at)) = (timeless, at) else { return Ok(None) };
    let what = "site.observation";
    let mut fields: serde_json::Map<String, serde_json::Value> = codec::from_json(what, timeless)?;
    fields.insert("at".to_owned(), at.into());
    serde_json::from_value(fields.into()).map(Some).map_err(|error| codec::unreadable(what, error))
}

/// An observation without its time, as it is stored: what is compared to see whether anything changed.
pub(super) fn timeless(observation: &Observation) -> Result<String, Fault> {
    let what = "site.observation";
    let mut value = serde_json::to_value(observation).map_err(|error| codec::unreadable(what, error))?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("at");
    }
    codec::json(what, &value)
}

fn slots(
    db: &Transaction<'_>,
    site: i64,
    observation: Option<&Observation>,
) -> Result<BTreeMap<SlotNumber, SlotRecord>, Fault> {
    let observed = observation.map(|observation| observation.at);
    let mut query = db.prepare_cached("SELECT number, record FROM slot WHERE site = ?1")?;
    let mut rows = query.query([site])?;
    let mut slots = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let number = SlotNumber::try_from(row.get::<_, u8>(0)?);
        let number = number.map_err(|error| codec::unreadable("slot.number", error))?;
        let record = text(row, 1)?.unwrap_or_default();
        slots.insert(number, reading::attached("slot.record", record, observed)?);
    }
    Ok(slots)
}

/// When what is kept of a site was seen on its manager.
pub(super) fn observed_at(db: &Transaction<'_>, site: i64) -> Result<Option<DateTime<Utc>>, Fault> {
    let mut query =
        db.prepare_cached("SELECT iif(observation IS NULL, NULL, observed_at) FROM site WHERE id = ?1")?;
    let at: Option<String> = query.query_row([site], |row| row.get(0))?;
    codec::from_optional_time("site.observed_at", at.as_deref())
}

/// The alerts, in the order in which the cycle listed them. `observed` is when what they show was seen.
pub(super) fn alerts(
    db: &Transaction<'_>,
    site: i64,
    observed: Option<DateTime<Utc>>,
) -> Result<Vec<Alert>, Fault> {
    let observed = observed.map(as_shown);
    let mut query = db.prepare_cached("SELECT alert FROM alert WHERE site = ?1 ORDER BY position, id")?;
    let mut rows = query.query([site])?;
    let mut alerts = Vec::new();
    while let Some(row) = rows.next()? {
        alerts.push(reading::attached("alert.alert", text(row, 0)?.unwrap_or_default(), observed)?);
    }
    Ok(alerts)
}

/// A time as it stands in what people read: whole seconds.
pub(super) fn as_shown(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(0)
}

/// A text column, borrowed.
pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<Option<&'r str>, Fault> {
    let value = row.get_ref(column)?;
    value.as_str_or_null().map_err(|error| codec::unreadable("a text column", error))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, site, status, store};
    use super::super::{CycleRecord, Store};
    use super::*;

    fn keep(store: &Store, windows: impl Iterator<Item = u32>) {
        let (memory, status) = (
            SiteMemory { windows: windows.map(fixtures::window).collect(), ..fixtures::memory() },
            status("acme", 9),
        );
        let record = CycleRecord { memory: &memory, status: &status, marks: &[], history: &[] };
        store.keep(&site("acme"), &record).unwrap();
    }

    fn numbers(windows: &[Window]) -> Vec<u32> {
        windows.iter().map(|window| window.number).collect()
    }

    #[test]
    fn the_last_windows_come_with_the_memory_and_all_of_them_when_asked_for() {
        let (_dir, store) = store();
        let last = WINDOWS_IN_MEMORY + 3;
        keep(&store, 1..=last);
        let remembered = store.memory(&site("acme")).unwrap().windows;
        assert_eq!(numbers(&remembered), (4..=last).collect::<Vec<_>>());
        keep(&store, 4..=last);
        let all = store.windows(&site("acme")).unwrap();
        assert_eq!(numbers(&all), (1..=last).collect::<Vec<_>>(), "what a cycle does not name stays");
        assert_eq!(all.first(), Some(&fixtures::window(1)));
        assert_eq!(store.windows(&site("nobody")).unwrap(), []);
    }
}
