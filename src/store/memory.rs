//! Loads what is remembered of a site. Keeping it is the matter of `keep`.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction};
use serde::de::DeserializeOwned;

use super::error::{Fault, StoreError};
use super::{Store, codec, releases, sites};
use crate::domain::ids::{Mac, SiteName, SlotNumber};
use crate::domain::memory::SiteMemory;
use crate::domain::observed::Observation;
use crate::domain::release::{Generation, PastRelease};

impl Store {
    /// Everything remembered of a site; of an unknown one, nothing.
    ///
    /// # Errors
    /// When the database cannot be read, or a value in it does not decode.
    pub fn memory(&self, site: &SiteName) -> Result<SiteMemory, StoreError> {
        self.read("load the memory of a site", |db| {
            let Some(id) = sites::known_site(db, site)? else { return Ok(SiteMemory::default()) };
            let mut memory = of_site_row(db, id)?;
            let mut releases = releases::all(db, id)?.into_iter();
            memory.release = releases.next();
            memory.past_releases = releases.map(|release| PastRelease::from(&release)).collect();
            memory.windows =
                values(db, "SELECT entry FROM window WHERE site = ?1 ORDER BY number", "window.entry", id)?;
            memory.alerts = values(
                db,
                "SELECT alert FROM alert WHERE site = ?1 ORDER BY position, id",
                "alert.alert",
                id,
            )?;
            memory.slots = slots(db, id)?;
            Ok(memory)
        })
    }
}

fn of_site_row(db: &Transaction<'_>, site: i64) -> Result<SiteMemory, Fault> {
    let mut query = db.prepare_cached(
        "SELECT first_contact_at, first_mac, observation, observed_at, filled, baseline, baseline_parts,
                trouble, refused_password, audited_at, unreadable_cycles, clock, hindrance
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

fn slots<T: DeserializeOwned>(db: &Transaction<'_>, site: i64) -> Result<BTreeMap<SlotNumber, T>, Fault> {
    let mut query = db.prepare_cached("SELECT number, record FROM slot WHERE site = ?1")?;
    let mut rows = query.query([site])?;
    let mut slots = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let number = SlotNumber::try_from(row.get::<_, u8>(0)?);
        let number = number.map_err(|error| codec::unreadable("slot.number", error))?;
        slots.insert(number, codec::from_json("slot.record", text(row, 1)?.unwrap_or_default())?);
    }
    Ok(slots)
}

/// The JSON values in the first column of `sql`'s rows.
fn values<T: DeserializeOwned>(
    db: &Transaction<'_>,
    sql: &str,
    what: &'static str,
    site: i64,
) -> Result<Vec<T>, Fault> {
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query([site])?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.push(codec::from_json(what, text(row, 0)?.unwrap_or_default())?);
    }
    Ok(values)
}

/// A text column, borrowed.
pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<Option<&'r str>, Fault> {
    let value = row.get_ref(column)?;
    value.as_str_or_null().map_err(|error| codec::unreadable("a text column", error))
}
