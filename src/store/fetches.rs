//! The fetch log: who asked for a released file, and what that proves.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, codec, history};
use crate::domain::ids::{Firmware, SiteName, SlotNumber};
use crate::domain::observed::FilledSlots;
use crate::domain::release::Version;

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
    /// Enters a request into the fetch log. If the manager got the site's last release with it, that release counts
    /// as fetched from the first such time on, which enters the history; what it said of its filled slots is kept
    /// whenever it was answered 200.
    ///
    /// # Errors
    /// When the database cannot be written: then the file must not be sent, for its fetch would go unnoticed.
    pub fn note_fetch(&self, fetch: &FetchRow, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("note a fetch", |db| {
            let site = self.site_id(db, &fetch.site)?;
            log(db, site, fetch, at)?;
            if fetch.took_it() && mark_fetched(db, site, fetch, at)? {
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

/// Whether this is the first fetch of the site's last release.
fn mark_fetched(db: &Transaction<'_>, site: i64, fetch: &FetchRow, at: DateTime<Utc>) -> Result<bool, Fault> {
    let changed = db
        .prepare_cached(
            "UPDATE release SET fetched_at = ?3
             WHERE id = ?2 AND fetched_at IS NULL AND id = (SELECT max(id) FROM release WHERE site = ?1)",
        )?
        .execute(params![site, fetch.release, codec::time(at)])?;
    Ok(changed == 1)
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
