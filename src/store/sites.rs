//! The row of a site: its token and key, when it was last read, what clears a refused password, and statuses.

use std::fmt;

use chrono::{DateTime, FixedOffset, Utc};
use hmac::{Hmac, KeyInit, Mac as _};
use rusqlite::{OptionalExtension, Transaction, params};
use sha2::Sha256;

use super::error::{Fault, StoreError};
use super::files::Seed;
use super::{Store, codec, history, keep, memory, reading, strays};
use crate::domain::alert::Alert;
use crate::domain::conditions;
use crate::domain::ids::SiteName;
use crate::domain::secret::MASK;
use crate::domain::status::SiteStatus;

/// What is random about a site. Both are secrets; `Debug` masks them.
#[derive(Clone, PartialEq, Eq)]
pub struct SiteSecret {
    /// 32 hex digits: the path of the site's provisioning URL. Who knows it can fetch SIP passwords.
    pub token: String,
    /// The key of the hashes that name content without giving it away.
    pub key: [u8; 32],
}

impl fmt::Debug for SiteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiteSecret").field("token", &MASK).field("key", &MASK).finish()
    }
}

impl Store {
    /// Token and key of a site: made at its first use, the same for ever, also when the database was rebuilt.
    ///
    /// # Errors
    /// In a store opened for reading, a site that is not there gives [`super::StoreErrorKind::ReadOnly`].
    pub fn site_secret(&self, site: &SiteName) -> Result<SiteSecret, StoreError> {
        let operation = "look up the token of a site";
        if let Some(secret) = self.read(operation, |db| stored_secret(db, site))? {
            return Ok(secret);
        }
        self.write(operation, |db| {
            self.site_id(db, site)?;
            stored_secret(db, site)?.ok_or(Fault::Sql(rusqlite::Error::QueryReturnedNoRows))
        })
    }

    /// The status last kept of one site or of all, in the order of their names. Sites of which none was kept are
    /// missing.
    ///
    /// # Errors
    /// When the database cannot be read, or a status does not decode.
    pub fn statuses(&self, site: Option<&SiteName>) -> Result<Vec<SiteStatus>, StoreError> {
        self.read("read the statuses", |db| {
            let mut query = db.prepare_cached(
                "SELECT status.status, status.observed_at, status.observed_offset
                 FROM status JOIN site ON site.id = status.site
                 WHERE ?1 IS NULL OR site.name = ?1 ORDER BY site.name",
            )?;
            let mut rows = query.query([site.map(SiteName::as_str)])?;
            let mut statuses = Vec::new();
            while let Some(row) = rows.next()? {
                let at: Option<String> = row.get(1)?;
                let at = codec::from_optional_time("status.observed_at", at.as_deref())?;
                let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                let mut status: SiteStatus = reading::attached("status.status", text, at)?;
                let offset: Option<i32> = row.get(2)?;
                status.observed_at = at.map(|at| at.with_timezone(&offset_of(offset)));
                statuses.push(status);
            }
            Ok(statuses)
        })
    }

    /// Takes leave of a site whose file is gone: its status goes, what its manager holds of other sites too, and its alerts end.
    /// Its releases, token and history stay: the manager may still fetch, and the file may come back. Gives the alerts,
    /// those that had ended before among them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn leave(&self, site: &SiteName, now: DateTime<Utc>) -> Result<Vec<Alert>, StoreError> {
        self.write("take leave of a site", |db| {
            let Some(id) = known_site(db, site)? else { return Ok(Vec::new()) };
            db.execute("DELETE FROM status WHERE site = ?1", [id])?;
            strays::forget(db, site)?;
            let observed = memory::observed_at(db, id)?;
            let before = memory::alerts(db, id, observed)?;
            let alerts = conditions::left(&before, now);
            keep::keep_alerts(db, id, &alerts, observed)?;
            let ended = alerts.iter().zip(&before).filter(|(after, before)| after.state != before.state);
            let told = ended.map(|(alert, _)| history::left(&alert.id, now));
            history::append(db, id, &told.collect::<Vec<_>>())?;
            Ok(alerts)
        })
    }

    /// The row of a site, made if it is missing.
    pub(super) fn site_id(&self, db: &Transaction<'_>, site: &SiteName) -> Result<i64, Fault> {
        if let Some(id) = known_site(db, site)? {
            return Ok(id);
        }
        // Without a seed the store is open for reading, and the insert is refused by the database.
        let seed = self.inner.seed.unwrap_or_default();
        let secret = derive(&seed, site);
        db.execute(
            "INSERT INTO site (name, token, key) VALUES (?1, ?2, ?3)",
            params![site.as_str(), secret.token, secret.key],
        )?;
        Ok(db.last_insert_rowid())
    }
}

/// The row of a site, if there is one.
pub(super) fn known_site(db: &Transaction<'_>, site: &SiteName) -> Result<Option<i64>, Fault> {
    let mut query = db.prepare_cached("SELECT id FROM site WHERE name = ?1")?;
    Ok(query.query_row([site.as_str()], |row| row.get(0)).optional()?)
}

/// Writes a status where it differs from the one kept; `observed_at` is kept apart, and what was seen then refers to
/// it, so that a reading that found nothing new moves that alone.
pub(super) fn keep_status(db: &Transaction<'_>, site: i64, status: &SiteStatus) -> Result<(), Fault> {
    let observed_at = status.observed_at.map(|at| codec::time(at.to_utc()));
    let offset = status.observed_at.map(|at| at.offset().local_minus_utc());
    let timeless = SiteStatus { observed_at: None, ..status.clone() };
    let text = reading::detached("status.status", &timeless, status.observed_at.map(|at| at.to_utc()))?;
    db.prepare_cached(
        "INSERT INTO status (site, status, observed_at, observed_offset) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (site) DO UPDATE SET status = ?2, observed_at = ?3, observed_offset = ?4
         WHERE status IS NOT ?2 OR observed_at IS NOT ?3 OR observed_offset IS NOT ?4",
    )?
    .execute(params![site, text, observed_at, offset])?;
    Ok(())
}

fn stored_secret(db: &Transaction<'_>, site: &SiteName) -> Result<Option<SiteSecret>, Fault> {
    let mut query = db.prepare_cached("SELECT token, key FROM site WHERE name = ?1")?;
    let secret = query
        .query_row([site.as_str()], |row| Ok(SiteSecret { token: row.get(0)?, key: row.get(1)? }))
        .optional()?;
    Ok(secret)
}

fn derive(seed: &Seed, site: &SiteName) -> SiteSecret {
    let token = keyed(seed, b"token", site);
    let token = token.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    SiteSecret { token, key: keyed(seed, b"key", site) }
}

fn keyed(seed: &Seed, purpose: &[u8], site: &SiteName) -> [u8; 32] {
    // HMAC fills a key that is shorter than the hash's block with zeros.
    let mut block = [0; 64];
    block.iter_mut().zip(seed).for_each(|(block, seed)| *block = *seed);
    let mut hmac = Hmac::<Sha256>::new(&block.into());
    hmac.update(purpose);
    hmac.update(b"\0");
    hmac.update(site.as_str().as_bytes());
    hmac.finalize().into_bytes().into()
}

fn offset_of(seconds: Option<i32>) -> FixedOffset {
    seconds.and_then(FixedOffset::east_opt).unwrap_or_else(|| chrono::Offset::fix(&Utc))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, memory, site, status, store};
    use super::super::{CycleRecord, StoreErrorKind};
    use super::*;
    use crate::domain::alert::AlertState;
    use crate::domain::memory::SiteMemory;
    use chrono::SubsecRound;
    use std::collections::BTreeMap;

    fn kept(store: &Store, name: &str) {
        let (memory, status) = (memory(), status(name, 9));
        let record = CycleRecord { memory: &memory, status: &status, marks: &[], history: &[] };
        store.keep(&site(name), &record).unwrap();
    }

    #[test]
    fn a_site_has_its_own_token_for_ever() {
        let (dir, store) = store();
        let acme = store.site_secret(&site("acme")).unwrap();
        assert!(
            acme.token.len() == 32 && acme.token.bytes().all(|b| b.is_ascii_hexdigit()),
            "{}",
            acme.token
        );
        assert_ne!(acme, store.site_secret(&site("other")).unwrap());
        kept(&store, "acme");
        drop(store);
        let (store, _) = Store::open(dir.path(), at(0)).unwrap();
        assert_eq!(store.site_secret(&site("acme")).unwrap(), acme);
    }

    #[test]
    fn another_state_directory_has_other_tokens() {
        let ((_one, a), (_two, b)) = (store(), store());
        let (a, b) = (a.site_secret(&site("acme")).unwrap(), b.site_secret(&site("acme")).unwrap());
        assert!(a.token != b.token && a.key != b.key);
    }

    #[test]
    fn statuses_are_asked_for_one_by_one_or_all_and_can_be_dropped() {
        let (_dir, store) = store();
        for name in ["b", "a"] {
            kept(&store, name);
        }
        assert_eq!(store.statuses(None).unwrap(), [status("a", 9), status("b", 9)]);
        assert_eq!(store.statuses(Some(&site("b"))).unwrap(), [status("b", 9)]);
        store.leave(&site("b"), at(20)).unwrap();
        assert_eq!(store.statuses(None).unwrap(), [status("a", 9)]);
    }

    #[test]
    fn the_alerts_of_a_site_that_is_left_end_and_all_else_about_it_stays() {
        let (_dir, store) = store();
        kept(&store, "b");
        let alerts = store.leave(&site("b"), at(20)).unwrap();
        let before = memory().alerts;
        let ended = |alert: &Alert| Alert {
            state: AlertState::Resolved,
            resolved_at: Some(at(20).trunc_subsecs(0)),
            unwatched: true,
            ..alert.clone()
        };
        assert!(before.iter().any(|alert| alert.state == AlertState::Firing));
        let expected: Vec<Alert> = before
            .iter()
            .map(|alert| if alert.state == AlertState::Firing { ended(alert) } else { alert.clone() })
            .collect();
        assert_eq!(alerts, expected);
        let stays = SiteMemory { strays: BTreeMap::new(), alerts, ..memory() };
        assert_eq!(store.memory(&site("b")).unwrap(), stays);
        let told = store.history(Some(&site("b")), 1).unwrap();
        assert!(told[0].1.outcome.ends_with("resolved: the site is not watched any more"), "{told:?}");

        assert_eq!(store.leave(&site("b"), at(30)).unwrap(), expected, "an end is one");
        assert_eq!(store.history(Some(&site("b")), 1).unwrap(), told);
        assert_eq!(store.leave(&site("unknown"), at(30)).unwrap(), []);
    }

    #[test]
    fn a_missing_database_is_no_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let error = Store::open_read_only(dir.path()).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Missing);
        std::fs::write(dir.path().join(super::super::DATABASE_FILE), "").unwrap();
        let error = Store::open_read_only(dir.path()).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Missing, "{error}");
    }
}
