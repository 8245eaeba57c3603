//! Changes a manager's web password: logs in with whichever it takes, releases and takes back the file that carries the
//! new one, and puts that where the site file looks for it. What to try and what follows is `domain::rotation`'s;
//! everything is on disk before it is acted on.

use super::context::Context;
use super::cycle::{Scope, target};
use super::executor::{self, Acted};
use super::{chain, clearance};
use crate::api::{Refusal, RefusalKind};
use crate::device::n720::Session;
use crate::device::n720::provisioning::render_password;
use crate::domain::desired::{DesiredSite, Trigger};
use crate::domain::fingerprint::{self, SiteKey};
use crate::domain::history::{self, HistoryEntry};
use crate::domain::ids::SiteName;
use crate::domain::memory::SiteMemory;
use crate::domain::observed::ContactFailure;
use crate::domain::rotation::{self, After, Answer, Candidate, Ending, Facts, Order, Rotation, Stage};
use crate::domain::secret::{Secret, SecretRef};
use crate::domain::turn::Turn;
use crate::secrets::{self, ReplaceError};
use crate::store::{PasswordFile, StoreError};

/// Opens a session with one of the passwords that the manager may take at present.
///
/// # Errors
/// When the store fails: a password that nobody would remember to have been posted is not posted.
pub(super) async fn open(
    scope: &Scope<'_>,
    retry_login: bool,
) -> Result<Result<Session, ContactFailure>, StoreError> {
    let configured = scope.secrets.get(&scope.desired.manager.password).ok();
    let login = Login { scope, configured, now: scope.context.now() };
    if retry_login {
        login.change(|rotation, _| After::GoesOn(Box::new(rotation.retried()))).await?;
    }
    let memory = scope.context.store(&scope.desired.name, |store, site| store.memory(site)).await?;
    let candidates = memory.rotation.map_or_else(Vec::new, |rotation| rotation.candidates(&login.facts()));
    let mut failure = all_refused(&scope.desired.name);
    for candidate in candidates {
        match login.with(&candidate).await? {
            Ok(session) => return Ok(Ok(session)),
            Err(ContactFailure::LoginRefused(_)) => failure = all_refused(&scope.desired.name),
            Err(
                other @ (ContactFailure::Unreachable(_)
                | ContactFailure::LoginUnclear(_)
                | ContactFailure::LoginLocked(_)
                | ContactFailure::SessionBusy(_)
                | ContactFailure::NotUnderstood(_)
                | ContactFailure::SecretMissing(_)),
            ) => return Ok(Err(other)),
        }
    }
    Ok(Err(failure))
}

fn all_refused(site: &SiteName) -> ContactFailure {
    ContactFailure::LoginRefused(format!(
        "the manager refused the web passwords that n720d knows, the one before the change and the one after; none is \
         tried again until the secret changes or somebody runs 'n720d poll {site} --retry-login'"
    ))
}

/// One attempt to open a session, all of it by the facts of one moment.
struct Login<'a> {
    scope: &'a Scope<'a>,
    configured: Option<Secret>,
    now: chrono::DateTime<chrono::Utc>,
}

impl Login<'_> {
    fn facts(&self) -> Facts<'_> {
        Facts {
            manager: self.scope.desired.manager.mac,
            configured: self.configured.as_ref(),
            key: &self.scope.key,
            settle: self.scope.pace.settle,
            now: self.now,
        }
    }

    /// Tries one password: that it is tried is kept before, what came of it after.
    async fn with(&self, candidate: &Candidate) -> Result<Result<Session, ContactFailure>, StoreError> {
        let about = candidate.clone();
        self.change(move |rotation, facts| After::GoesOn(Box::new(rotation.posting(&about, facts)))).await?;
        let target = target(self.scope.desired, candidate.password.clone());
        let outcome = self.scope.context.driver.open(&target).await;
        let answer = match &outcome {
            Ok(_) => Answer::Accepted,
            Err(ContactFailure::LoginRefused(_)) => Answer::Refused,
            Err(ContactFailure::LoginUnclear(_)) => Answer::Unclear,
            Err(
                ContactFailure::Unreachable(_)
                | ContactFailure::LoginLocked(_)
                | ContactFailure::SessionBusy(_)
                | ContactFailure::NotUnderstood(_)
                | ContactFailure::SecretMissing(_),
            ) => Answer::NotAsked,
        };
        let about = candidate.clone();
        self.change(move |rotation, facts| rotation.answered(&about, answer, facts)).await?;
        Ok(outcome)
    }

    /// Keeps what becomes of the change, and tells what is new.
    async fn change(
        &self,
        change: impl FnOnce(Rotation, &Facts<'_>) -> After + Send + 'static,
    ) -> Result<(), StoreError> {
        let facts = self.facts();
        let (manager, settle, now) = (facts.manager, facts.settle, facts.now);
        let (configured, key) = (self.configured.clone(), self.scope.key.clone());
        let change = move |rotation| {
            let configured = configured.as_ref();
            change(rotation, &Facts { manager, configured, key: &key, settle, now })
        };
        keep(self.scope.context, &self.scope.desired.name, change).await.map(drop)
    }
}

/// Keeps what becomes of a site's change of its web password, and enters it into the history.
async fn keep(
    context: &Context,
    site: &SiteName,
    change: impl FnOnce(Rotation) -> After + Send + 'static,
) -> Result<Option<After>, StoreError> {
    let at = context.now();
    let name = site.clone();
    let work = move |before: Rotation| {
        let after = change(before.clone());
        let told: Vec<HistoryEntry> =
            rotation::news(&before, &after).map(|news| entry(at, "n720d", news)).into_iter().collect();
        told.iter().for_each(|entry| log(&name, entry));
        (after, told)
    };
    context.store(site, move |store, site| store.change_rotation(site, at, work)).await
}

/// Carries out what the turn orders about the web password, and stores the new one once it is proven.
///
/// # Errors
/// When the store fails; nothing that comes after is attempted then.
pub(super) async fn carry_out(
    scope: &Scope<'_>,
    turn: &Turn,
    session: Option<&mut Session>,
) -> Result<Acted, StoreError> {
    if turn.memory.rotation.is_none() {
        return Ok(Acted::Not);
    }
    let forbidden = match turn.rotation {
        Some(Order::Release(_) | Order::Trigger(_)) => {
            !scope.context.is_in_force(scope.desired) || executor::is_paused(scope).await?
        }
        Some(Order::Tidy) | None => false,
    };
    let acted = match (turn.rotation.filter(|_| !forbidden), session) {
        (Some(Order::Tidy), _) => tidy(scope).await?,
        (Some(Order::Release(way)), Some(session)) => release(scope, way, session).await?,
        (Some(Order::Trigger(way)), Some(session)) => tell(scope, way, session).await?,
        (Some(Order::Release(_) | Order::Trigger(_)) | None, _) => Acted::Not,
    };
    Ok(acted.or(settle_down(scope).await?))
}

/// Releases the file with the new password: from here on the manager may fetch it.
async fn release(
    scope: &Scope<'_>,
    way: Option<Trigger>,
    session: &mut Session,
) -> Result<Acted, StoreError> {
    let (settle, now) = (scope.pace.settle, scope.context.now());
    let still =
        move |rotation: Rotation| (rotation.stage(settle, now) == Stage::Prepared).then_some(rotation);
    let Some(release) = put(scope, true, still, "a file with a new web password").await? else {
        return Ok(Acted::Not);
    };
    if let Some(way) = way {
        executor::trigger(scope, release, way, session).await?;
    }
    Ok(Acted::Did)
}

async fn tell(scope: &Scope<'_>, way: Trigger, session: &mut Session) -> Result<Acted, StoreError> {
    let memory = scope.context.store(&scope.desired.name, |store, site| store.memory(site)).await?;
    match memory.rotation.filter(|rotation| rotation.on_shelf).and_then(|rotation| rotation.file) {
        Some(file) => {
            executor::trigger(scope, file.id, way, session).await?;
            Ok(Acted::Did)
        }
        None => Ok(Acted::Not),
    }
}

/// Puts an empty file where the one with the new password is. Nobody is told: it changes nothing.
async fn tidy(scope: &Scope<'_>) -> Result<Acted, StoreError> {
    let at = scope.context.now();
    let on_shelf = move |rotation: Rotation| rotation.on_shelf.then(|| rotation.tidied(at));
    let put = put(scope, false, on_shelf, "an empty file in place of the one with a web password").await?;
    Ok(if put.is_some() { Acted::Did } else { Acted::Not })
}

async fn put(
    scope: &Scope<'_>,
    carries: bool,
    change: impl FnOnce(Rotation) -> Option<Rotation> + Send + 'static,
    what: &'static str,
) -> Result<Option<i64>, StoreError> {
    let memory = scope.context.store(&scope.desired.name, |store, site| store.memory(site)).await?;
    let Some(file) = file(scope.desired, &memory, &scope.key, carries) else { return Ok(None) };
    let (context, at) = (scope.context, scope.context.now());
    let told = entry(at, "n720d", format!("VERSION {}: {what}", file.version));
    let kept = told.clone();
    let released = context
        .store(&scope.desired.name, move |store, site| {
            store.release_password(site, &file, at, change, &[kept])
        })
        .await?;
    if released.is_some() {
        context.metrics.released();
        log(&scope.desired.name, &told);
    }
    Ok(released)
}

/// The file with the new password, or an empty one. `None`: there is no password, or none that the device takes; those
/// made here are.
fn file(desired: &DesiredSite, memory: &SiteMemory, key: &SiteKey, carries: bool) -> Option<PasswordFile> {
    let rotation = memory.rotation.as_ref()?;
    let password = carries.then_some(&rotation.new);
    let mac = if carries { rotation.mac } else { desired.manager.mac };
    let (content, version) = rotation::file_for(password, mac, memory, key);
    let body = render_password(mac, &version, password).ok()?;
    Some(PasswordFile { carries, content, version, body })
}

/// Puts a password that is in use where the site file looks for it, and ends the change once it is there.
async fn settle_down(scope: &Scope<'_>) -> Result<Acted, StoreError> {
    let (context, site) = (scope.context, &scope.desired.name);
    let memory = context.store(site, |store, site| store.memory(site)).await?;
    let Some(rotation) =
        memory.rotation.filter(|rotation| rotation.proven_at.is_some() && !rotation.on_shelf)
    else {
        return Ok(Acted::Not);
    };
    let reference = scope.desired.manager.password.clone();
    let (new, expected, key) = (rotation.new.clone(), rotation.reference.clone(), scope.key.clone());
    let stored = tokio::task::spawn_blocking(move || {
        store_password(&reference, &new, |there| {
            expected.as_ref() == Some(&fingerprint::password_mark(there, &key))
        })
    });
    let unstored = match stored.await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(chain(&error)),
        Err(_) => Some("the attempt to store it was broken off".to_owned()),
    };
    if unstored.is_some() && unstored == rotation.unstored {
        return Ok(Acted::Not);
    }
    let new = rotation.new;
    keep(context, site, move |rotation| match unstored {
        None if rotation.is_done(Some(&new)) => After::Ended(Ending::Changed),
        unstored => After::GoesOn(Box::new(Rotation { unstored, ..rotation })),
    })
    .await?;
    Ok(Acted::Did)
}

/// Makes the reference resolve to this password, if it does not already.
fn store_password(
    reference: &SecretRef,
    new: &Secret,
    is_expected: impl Fn(&Secret) -> bool,
) -> Result<(), ReplaceError> {
    match secrets::resolve(reference) {
        Ok(there) if there == *new => Ok(()),
        Ok(_) | Err(_) => secrets::replace(reference, new, is_expected),
    }
}

/// Begins a change of a site's web password. Whatever is under way there comes first.
///
/// # Errors
/// When it cannot begin now, with the reason.
pub(super) async fn begin(
    context: &Context,
    desired: &DesiredSite,
    by: String,
    reason: String,
) -> Result<(), Refusal> {
    let (memory, key) = known(context, desired).await?;
    let clearance = clearance::ask(context, desired).await.map_err(|error| failed(&error))?;
    if let Some(why) = rotation::refusal(desired, &memory, &clearance, context.now()) {
        return Err(refused(desired, "cannot be changed now", &why));
    }
    let book = context.secrets_of(desired).await;
    let configured = book.get(&desired.manager.password);
    let reference = configured.as_ref().ok().map(|password| fingerprint::password_mark(password, &key));
    let old = match memory.rotation {
        Some(rotation) => rotation.new,
        None => configured.map_err(|why| refused(desired, "cannot be changed now", &why))?,
    };
    let new = secrets::web_password().map_err(|error| failed(&error))?;
    let at = context.now();
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let told = entry(at, &history::user(&by), format!("a new web password is prepared{why}"));
    log(&desired.name, &told);
    let rotation = Rotation::prepare(desired.manager.mac, (by, reason), (old, new), reference, at);
    let begun = context
        .store(&desired.name, move |store, site| store.prepare_rotation(site, &rotation, &[told]))
        .await
        .map_err(|error| failed(&error))?;
    if begun { Ok(()) } else { Err(refused(desired, "cannot be changed now", "it is being changed already")) }
}

/// Calls a change of a site's web password off.
///
/// # Errors
/// When there is none, or the manager has fetched the new password.
pub(super) async fn abort(context: &Context, desired: &DesiredSite, by: &str) -> Result<(), Refusal> {
    let (memory, key) = known(context, desired).await?;
    let (settle, at) = (context.pace().settle, context.now());
    let told = entry(at, &history::user(by), "the change of the web password is called off".to_owned());
    let kept = told.clone();
    let empty = file(desired, &memory, &key, false);
    let called_off = context
        .store(&desired.name, move |store, site| {
            let can = |rotation: Rotation| rotation.can_be_withdrawn(settle, at).then_some(rotation);
            let unreleased = memory.rotation.as_ref().is_some_and(|rotation| rotation.file.is_none());
            match empty {
                // No file was ever made, so nothing has to be waited for.
                Some(_) if unreleased => store
                    .change_rotation(site, at, |rotation| match can(rotation.clone()) {
                        Some(rotation) if rotation.file.is_none() => {
                            (After::Ended(Ending::Withdrawn), vec![kept])
                        }
                        Some(_) | None => (After::GoesOn(Box::new(rotation)), Vec::new()),
                    })
                    .map(|after| after == Some(After::Ended(Ending::Withdrawn))),
                Some(empty) => {
                    let change = |rotation| can(rotation).map(|rotation| rotation.withdrawn(at));
                    store.release_password(site, &empty, at, change, &[kept]).map(|release| release.is_some())
                }
                None => Ok(false),
            }
        })
        .await
        .map_err(|error| failed(&error))?;
    if called_off {
        log(&desired.name, &told);
        return Ok(());
    }
    let why = "either none is under way, or the manager has fetched the new one; it can be changed again afterwards";
    Err(refused(desired, "is not being changed in a way that can be called off", why))
}

/// The new web password of a site whose change has not ended, for the person who asks. The history tells who saw it.
///
/// # Errors
/// When there is none.
pub(super) async fn show(context: &Context, desired: &DesiredSite, by: &str) -> Result<Secret, Refusal> {
    let (memory, _) = known(context, desired).await?;
    let Some(rotation) = memory.rotation else {
        return Err(refused(desired, "is not shown", "n720d keeps none of its own: the site file names it"));
    };
    let told = entry(context.now(), &history::user(by), "the new web password was shown".to_owned());
    log(&desired.name, &told);
    context
        .store(&desired.name, move |store, site| store.tell(site, &[told]))
        .await
        .map_err(|error| failed(&error))?;
    Ok(rotation.new)
}

async fn known(context: &Context, desired: &DesiredSite) -> Result<(SiteMemory, SiteKey), Refusal> {
    let known = context
        .store(&desired.name, |store, site| Ok((store.memory(site)?, store.site_secret(site)?)))
        .await
        .map_err(|error| failed(&error))?;
    Ok((known.0, SiteKey::new(known.1.key)))
}

fn refused(desired: &DesiredSite, what: &str, why: &str) -> Refusal {
    Refusal::new(RefusalKind::Refused, format!("the web password of {} {what}: {why}", desired.name))
}

fn failed(error: &dyn std::error::Error) -> Refusal {
    Refusal::new(RefusalKind::Failed, chain(error))
}

fn entry(at: chrono::DateTime<chrono::Utc>, who: &str, outcome: String) -> HistoryEntry {
    HistoryEntry { at, who: who.into(), what: "rotate-password".into(), outcome }
}

fn log(site: &SiteName, entry: &HistoryEntry) {
    tracing::info!(%site, what = %entry.what, who = %entry.who, "{}", entry.outcome);
}
