//! Web passwords on their way to managers: the change of each site, with old and new password in clear, and the files
//! that are about the web password alone. What follows from what is the domain's; here it is made durable.

use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use super::error::{Fault, StoreError};
use super::{Store, codec, history, memory, releases, sites};
use crate::domain::history::HistoryEntry;
use crate::domain::ids::{Mac, SiteName};
use crate::domain::release::{Generation, Release, Version};
use crate::domain::rotation::{After, Ended, Posted, Rotation, Undo};
use crate::domain::secret::Secret;

/// A file that is about the web password alone, ready to be served.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordFile {
    /// Whether it carries the new password of the site's change; or nothing at all, to take the place of one that does.
    pub carries: bool,
    /// Its identity.
    pub content: Generation,
    /// Its VERSION.
    pub version: Version,
    /// The file, byte for byte.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordFile")
            .field("carries", &self.carries)
            .field("version", &self.version)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// What stands in the table.
#[derive(Default, Serialize, Deserialize)]
struct Row {
    under_way: Option<UnderWay>,
    ended: Option<Ended>,
}

/// A [`Rotation`] in clear, without what its release tells.
#[derive(Serialize, Deserialize)]
struct UnderWay {
    mac: Mac,
    since: DateTime<Utc>,
    by: String,
    reason: String,
    old: Option<String>,
    new: String,
    reference: Option<Generation>,
    file: Option<i64>,
    undo: Option<Undo>,
    proven_at: Option<DateTime<Utc>>,
    posted: Vec<Posted>,
    in_a_row: u32,
    unstored: Option<String>,
}

impl UnderWay {
    fn of(rotation: &Rotation) -> Self {
        Self {
            mac: rotation.mac,
            since: rotation.since,
            by: rotation.by.clone(),
            reason: rotation.reason.clone(),
            old: rotation.old.as_ref().map(|old| old.expose().to_owned()),
            new: rotation.new.expose().to_owned(),
            reference: rotation.reference.clone(),
            file: rotation.file.as_ref().map(|file| file.id),
            undo: rotation.undo.clone(),
            proven_at: rotation.proven_at,
            posted: rotation.posted.clone(),
            in_a_row: rotation.in_a_row,
            unstored: rotation.unstored.clone(),
        }
    }

    fn with(self, file: Option<Release>, on_shelf: bool) -> Rotation {
        Rotation {
            mac: self.mac,
            since: self.since,
            by: self.by,
            reason: self.reason,
            old: self.old.map(Secret::new),
            new: Secret::new(self.new),
            reference: self.reference,
            file,
            on_shelf,
            undo: self.undo,
            proven_at: self.proven_at,
            posted: self.posted,
            in_a_row: self.in_a_row,
            unstored: self.unstored,
        }
    }
}

impl Store {
    /// Begins a change of a site's web password. `false`, and nothing is done, when one is under way; one whose new
    /// password is in use already is replaced.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn prepare_rotation(
        &self,
        site: &SiteName,
        rotation: &Rotation,
        history: &[HistoryEntry],
    ) -> Result<bool, StoreError> {
        self.write("begin a change of the web password", |db| {
            let id = self.site_id(db, site)?;
            let (before, _) = of_site(db, id)?;
            if before.is_some_and(|before| before.proven_at.is_none()) {
                return Ok(false);
            }
            put(db, id, &Row { under_way: Some(UnderWay::of(rotation)), ended: None })?;
            history::append(db, id, history)?;
            Ok(true)
        })
    }

    /// Changes what is kept of a site's change of its web password, by a function of what is kept; the function also
    /// says what enters the history. What it came to, or `None`: no change is under way.
    ///
    /// # Errors
    /// When the database cannot be written; then it is as before.
    pub fn change_rotation(
        &self,
        site: &SiteName,
        at: DateTime<Utc>,
        change: impl FnOnce(Rotation) -> (After, Vec<HistoryEntry>),
    ) -> Result<Option<After>, StoreError> {
        self.write("keep how far a change of the web password is", |db| {
            let Some(id) = sites::known_site(db, site)? else { return Ok(None) };
            let (Some(before), _) = of_site(db, id)? else { return Ok(None) };
            let by = before.by.clone();
            let (after, history) = change(before);
            let row = match &after {
                After::GoesOn(rotation) => Row { under_way: Some(UnderWay::of(rotation)), ended: None },
                After::Ended(how) => Row { under_way: None, ended: Some(Ended { at, by, how: *how }) },
            };
            put(db, id, &row)?;
            history::append(db, id, &history)?;
            Ok(Some(after))
        })
    }

    /// Whether the web password of a site is on its way to its manager, so that nothing else may be released.
    ///
    /// # Errors
    /// When the database cannot be read, or what is kept does not decode.
    pub fn is_changing_password(&self, site: &SiteName) -> Result<bool, StoreError> {
        self.read("look up whether a web password is being changed", |db| {
            let Some(id) = sites::known_site(db, site)? else { return Ok(false) };
            Ok(of_site(db, id)?.0.is_some_and(|rotation| rotation.holds_changes()))
        })
    }

    /// Puts a file that is about the web password alone on the shelf, in place of what was there; its number. A file that
    /// carries the new password becomes the one of the site's change. `change` says what becomes of what is kept; where
    /// it says `None`, nothing is done, and `None` is returned.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is released, and no trigger may follow.
    pub fn release_password(
        &self,
        site: &SiteName,
        file: &PasswordFile,
        at: DateTime<Utc>,
        change: impl FnOnce(Rotation) -> Option<Rotation>,
        history: &[HistoryEntry],
    ) -> Result<Option<i64>, StoreError> {
        self.write("release a file for the web password", |db| {
            let Some(id) = sites::known_site(db, site)? else { return Ok(None) };
            let (Some(rotation), _) = of_site(db, id)? else { return Ok(None) };
            let Some(rotation) = change(rotation) else { return Ok(None) };
            db.execute("UPDATE release SET body = NULL WHERE site = ?1 AND body IS NOT NULL", [id])?;
            db.execute(
                "INSERT INTO release (site, generation, content, version, parts, reserved, body, released_at, password)
                 VALUES (?1, ?2, ?2, ?3, '{}', '{}', ?4, ?5, 1)",
                params![id, file.content.0, file.version.as_str(), file.body, codec::time(at)],
            )?;
            let release = db.last_insert_rowid();
            let kept = UnderWay::of(&rotation);
            let file = if file.carries { Some(release) } else { kept.file };
            put(db, id, &Row { under_way: Some(UnderWay { file, ..kept }), ended: None })?;
            releases::prune(db, id)?;
            history::append(db, id, history)?;
            Ok(Some(release))
        })
    }
}

/// The change of a site's web password that has not ended, and how the one before did.
pub(super) fn of_site(db: &Transaction<'_>, site: i64) -> Result<(Option<Rotation>, Option<Ended>), Fault> {
    let mut query = db.prepare_cached("SELECT rotation FROM rotation WHERE site = ?1")?;
    let mut rows = query.query([site])?;
    let Some(row) = rows.next()? else { return Ok((None, None)) };
    let Row { under_way, ended } =
        codec::from_json("rotation.rotation", memory::text(row, 0)?.unwrap_or_default())?;
    let Some(under_way) = under_way else { return Ok((None, ended)) };
    let last: Option<i64> =
        db.query_row("SELECT max(id) FROM release WHERE site = ?1", [site], |row| row.get(0))?;
    let file = under_way.file.map(|file| releases::one(db, file)).transpose()?.flatten();
    let on_shelf = file.as_ref().is_some_and(|file| last == Some(file.id));
    Ok((Some(under_way.with(file, on_shelf)), ended))
}

/// The VERSIONs of a site's files that were about the web password alone.
pub(super) fn versions(db: &Transaction<'_>, site: i64) -> Result<Vec<Version>, Fault> {
    let mut query =
        db.prepare_cached("SELECT version FROM release WHERE site = ?1 AND password ORDER BY id")?;
    let mut rows = query.query([site])?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        versions.push(codec::parsed("release.version", memory::text(row, 0)?.unwrap_or_default())?);
    }
    Ok(versions)
}

fn put(db: &Transaction<'_>, site: i64, row: &Row) -> Result<(), Fault> {
    let text = codec::json("rotation.rotation", row)?;
    db.prepare_cached(
        "INSERT INTO rotation (site, rotation) VALUES (?1, ?2) ON CONFLICT (site) DO UPDATE SET rotation = ?2",
    )?
    .execute(params![site, text])?;
    Ok(())
}

#[cfg(test)]
mod tests;
