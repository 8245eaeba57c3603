//! One cycle over one site: read the manager, think, keep, carry out. No timing: when and why is the site task's.
//!
//! A cycle cannot fail, it reports. The order is what makes a kill at any point harmless: what was seen is kept
//! before anything is done about it, and a release is on disk before the manager is told of it.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::approvals;
use super::clearance;
use super::context::Context;
use super::executor::{self, Acted};
use super::{neighbours, rollout, rotation};
use crate::device::n720::{Ask, Editors, Session, Target};
use crate::domain::clearance::Clearance;
use crate::domain::desired::DesiredSite;
use crate::domain::fingerprint::{self, SiteKey};
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;
use crate::domain::memory::SiteMemory;
use crate::domain::neighbours::Neighbours;
use crate::domain::observed::{ContactFailure, Observation};
use crate::domain::rhythm::{self, NextLook};
use crate::domain::secret::{Secret, SecretBook};
use crate::domain::settings::Pace;
use crate::domain::status::SiteStatus;
use crate::domain::turn::{self, Turn, TurnInput};
use crate::store::{CycleRecord, StoreError};

/// A rehearsal names the pages that make verdicts certain, and those without which nothing may be released. Who is in a slot
/// tells whether a plan is the one that was approved, and only then is it known that the other pages are needed too.
pub(super) const REHEARSALS: u32 = 2;

/// What a cycle came to.
#[derive(Debug)]
pub(super) struct Report {
    /// As published.
    pub(super) status: SiteStatus,
    /// When to look again.
    pub(super) next_look: NextLook,
    /// Whether the manager was read.
    pub(super) contact: Result<(), ContactFailure>,
    /// What of it could not be read, so that its plan says nothing.
    pub(super) unreadable: Option<String>,
    /// What an approval of its plan is bound to.
    pub(super) terms: Vec<String>,
}

/// What every stage of a cycle needs.
pub(super) struct Scope<'a> {
    pub(super) context: &'a Context,
    pub(super) desired: &'a DesiredSite,
    pub(super) pace: &'a Pace,
    pub(super) secrets: SecretBook,
    pub(super) key: SiteKey,
    pub(super) own_url: Option<String>,
    /// What of other sites bears on this one; nothing before the manager was read.
    pub(super) neighbours: Neighbours,
    /// What people and the fleet allow.
    pub(super) clearance: Clearance,
}

impl Scope<'_> {
    fn turn(
        &self,
        contact: Result<&Observation, &ContactFailure>,
        memory: SiteMemory,
        now: DateTime<Utc>,
    ) -> Turn {
        turn::turn(&self.input(contact, now), memory)
    }

    pub(super) fn input<'b>(
        &'b self,
        contact: Result<&'b Observation, &'b ContactFailure>,
        now: DateTime<Utc>,
    ) -> TurnInput<'b> {
        TurnInput {
            desired: self.desired,
            secrets: &self.secrets,
            key: &self.key,
            pace: self.pace,
            own_url: self.own_url.as_deref(),
            contact,
            neighbours: &self.neighbours,
            clearance: &self.clearance,
            now,
        }
    }
}

/// What a person who asks for a cycle overrides.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    /// This site was asked for: what failed before is tried again without waiting.
    pub(super) by_name: bool,
    /// A password is tried also if the device has refused it before.
    pub(super) retry_login: bool,
}

/// Runs one cycle.
///
/// # Errors
/// Only when the store cannot be read or written: then nothing was done to the device, because nothing may be done
/// that would be forgotten. A store that has failed is tried before the device is spoken to, so that its trouble costs
/// no login.
pub(super) async fn cycle(
    context: &Context,
    desired: &DesiredSite,
    asked: Asked,
) -> Result<Report, StoreError> {
    let pace = context.pace();
    let mut scope = scope(context, desired, &pace).await?;
    if context.store_failed.load(Ordering::Relaxed) {
        context.store(&desired.name, |store, _| store.probe()).await?;
        context.store_failed.store(false, Ordering::Relaxed);
    }
    let memory = remember(context, desired).await?;
    let mut session = match open(&scope, &memory, asked.retry_login).await? {
        Ok(session) => session,
        Err(failure) => return blind(scope, failure).await,
    };
    let audit = audit_is_due(&scope, &memory);
    let observation = read(&mut session, &scope, &memory, audit).await;
    // The manager may have fetched while it was read.
    let mut memory = remember(context, desired).await?;
    if asked.by_name {
        memory.hindrance = None;
    }
    let upon = memory.release.as_ref().map(|release| (release.id, release.progress.fetched_at));
    scope.neighbours = neighbours::ask(context, desired, &memory, Some(&observation)).await?;
    // Somebody may have paused while it was read.
    scope.clearance = clearance::ask(context, desired).await?;
    rollout::clear(context, &desired.name, &mut scope.clearance).await?;
    let mut turn = scope.turn(Ok(&observation), memory, context.now());
    if audit {
        turn.memory.audited_at = Some(context.now());
    }
    keep(&scope, &turn, true).await?;
    turn.registration_times.iter().for_each(|took| context.metrics.registered(*took));
    let acted = if turn.plan.orders.is_empty() {
        Acted::Not
    } else {
        executor::execute(&scope, &turn, upon, &mut session).await?
    };
    let rotated = rotation::carry_out(&scope, &turn, Some(&mut session)).await?;
    session.close().await;
    match acted.or(rotated) {
        Acted::Not => {
            let Turn { status, next_look, plan, .. } = turn;
            let unreadable = turn::unreadable(&observation);
            Ok(Report { status, next_look, contact: Ok(()), unreadable, terms: plan.terms })
        }
        Acted::Did => publish_after(&scope, &observation, turn).await,
    }
}

/// The nightly audit: due at the first cycle after its hour, in the site's time zone. One that was slept through is
/// made up for; the first comes in the night after the first contact.
fn audit_is_due(scope: &Scope<'_>, memory: &SiteMemory) -> bool {
    let last = memory.audited_at.or(memory.first_contact.map(|(at, _)| at));
    let due = last.and_then(|last| scope.context.audit().next_after(last, scope.desired.time_zone));
    due.is_some_and(|due| due <= scope.context.now())
}

/// What is known of the site. Alerts whose end every sink was told are forgotten here.
async fn remember(context: &Context, desired: &DesiredSite) -> Result<SiteMemory, StoreError> {
    let alerting = context.alerting();
    context
        .store(&desired.name, move |store, site| {
            let mut memory = store.memory(site)?;
            memory.alerts = alerting.unannounced(memory.alerts, &store.told_ids(site)?);
            Ok(memory)
        })
        .await
}

async fn scope<'a>(
    context: &'a Context,
    desired: &'a DesiredSite,
    pace: &'a Pace,
) -> Result<Scope<'a>, StoreError> {
    let site_secret = context.store(&desired.name, |store, site| store.site_secret(site)).await?;
    let secrets = context.secrets_of(desired).await;
    let key = SiteKey::new(site_secret.key);
    let own_url = context.own_url(desired, &site_secret.token);
    Ok(Scope {
        context,
        desired,
        pace,
        secrets,
        key,
        own_url,
        neighbours: Neighbours::default(),
        clearance: clearance::ask(context, desired).await?,
    })
}

/// Opens a session. While the web password is being changed there may be several to try.
async fn open(
    scope: &Scope<'_>,
    memory: &SiteMemory,
    retry_login: bool,
) -> Result<Result<Session, ContactFailure>, StoreError> {
    match memory.rotation {
        Some(_) => rotation::open(scope, retry_login).await,
        None => Ok(open_as_configured(scope, memory, retry_login).await),
    }
}

/// Opens a session, unless the password is missing or was refused before.
async fn open_as_configured(
    scope: &Scope<'_>,
    memory: &SiteMemory,
    retry_login: bool,
) -> Result<Session, ContactFailure> {
    let desired = scope.desired;
    let password = scope.secrets.get(&desired.manager.password).map_err(ContactFailure::SecretMissing)?;
    if !retry_login {
        not_refused(&desired.name, memory, &password, &scope.key)?;
    }
    scope.context.driver.open(&target(desired, password)).await
}

/// Whether the manager is not known to refuse this password: from the second wrong one in a row it locks its login
/// (n720.md section 4).
pub(super) fn not_refused(
    site: &SiteName,
    memory: &SiteMemory,
    password: &Secret,
    key: &SiteKey,
) -> Result<(), ContactFailure> {
    if memory.refused_password.as_ref() != Some(&fingerprint::password_mark(password, key)) {
        return Ok(());
    }
    Err(ContactFailure::LoginRefused(format!(
        "the manager refused the web password; it is not tried again until the secret changes or somebody runs \
         'n720d poll {site} --retry-login'"
    )))
}

/// The manager of a site, as the driver wants it.
pub(super) fn target(desired: &DesiredSite, password: Secret) -> Target {
    Target {
        site: desired.name.clone(),
        host: desired.manager.host.clone(),
        port: desired.manager.port,
        password,
        sip_port: desired.manager.sip_port,
    }
}

/// Reads what the usual cycle needs, then what only this one does: editor pages where doubt remains, all of them
/// before something is released, and the configuration file URL where it is ours to set.
async fn read(session: &mut Session, scope: &Scope<'_>, memory: &SiteMemory, audit: bool) -> Observation {
    let desired = scope.desired;
    let editors = if audit { Editors::AllRegistered } else { Editors::None };
    let enrols = desired.manager.enrol
        && (audit || memory.release.is_none() || unfetched(memory) || memory.hindrance.is_some());
    let config_url = enrols || ineffective(memory);
    let mut observation = session.observe(&Ask { editors, config_url }, scope.context.now()).await;
    if observation.mac.known() != Some(&desired.manager.mac) {
        return observation;
    }
    for _ in 0..REHEARSALS {
        let wanted = scope.turn(Ok(&observation), memory.clone(), scope.context.now()).unread;
        if wanted.is_empty() {
            break;
        }
        session.read_editors(&wanted, &mut observation).await;
    }
    observation
}

/// Where the manager fetches from may be why nothing comes of a release.
fn ineffective(memory: &SiteMemory) -> bool {
    memory.release.as_ref().is_some_and(|release| release.progress.is_ineffective())
}

fn unfetched(memory: &SiteMemory) -> bool {
    memory.release.as_ref().is_some_and(|release| release.progress.fetched_at.is_none())
}

/// A cycle in which the manager could not be read.
async fn blind(mut scope: Scope<'_>, failure: ContactFailure) -> Result<Report, StoreError> {
    let memory = remember(scope.context, scope.desired).await?;
    scope.neighbours = neighbours::ask(scope.context, scope.desired, &memory, None).await?;
    scope.clearance = clearance::ask(scope.context, scope.desired).await?;
    rollout::clear(scope.context, &scope.desired.name, &mut scope.clearance).await?;
    let turn = scope.turn(Err(&failure), memory, scope.context.now());
    keep(&scope, &turn, false).await?;
    let rotated = rotation::carry_out(&scope, &turn, None).await?;
    let Turn { mut status, next_look, plan, .. } = turn;
    if rotated == Acted::Did {
        let memory = remember(scope.context, scope.desired).await?;
        status = turn::status_after(&scope.input(Err(&failure), scope.context.now()), &memory, &plan);
        publish(&scope, &status).await?;
    }
    Ok(Report { status, next_look, contact: Err(failure), unreadable: None, terms: plan.terms })
}

/// Keeps what the turn came to in one transaction; then publishes it, and has it told. `read`: the manager was.
async fn keep(scope: &Scope<'_>, turn: &Turn, read: bool) -> Result<(), StoreError> {
    let context = scope.context;
    let (memory, status) = (turn.memory.clone(), turn.status.clone());
    let (marks, history) = (turn.marks.clone(), turn.history.clone());
    context
        .store(&scope.desired.name, move |store, site| {
            let record = CycleRecord { memory: &memory, status: &status, marks: &marks, history: &history };
            store.keep(site, &record)
        })
        .await?;
    context.desk.put(&scope.desired.name, &turn.memory.alerts);
    log_history(scope, &turn.history);
    context.publish(&turn.status);
    approvals::note(context, scope.desired, turn).await?;
    let Turn { status, memory, .. } = turn;
    let (desired, clearance) = (scope.desired, &scope.clearance);
    rollout::saw(context, &rollout::After { desired, clearance, read, status, memory }).await
}

fn log_history(scope: &Scope<'_>, history: &[HistoryEntry]) {
    for entry in history {
        tracing::info!(site = %scope.desired.name, what = %entry.what, "{}", entry.outcome);
    }
}

/// After the orders were carried out the generations have moved on: what people see must say so at once.
async fn publish_after(
    scope: &Scope<'_>,
    observation: &Observation,
    turn: Turn,
) -> Result<Report, StoreError> {
    let (context, now) = (scope.context, scope.context.now());
    let memory = context.store(&scope.desired.name, |store, site| store.memory(site)).await?;
    let status = turn::status_after(&scope.input(Ok(observation), now), &memory, &turn.plan);
    publish(scope, &status).await?;
    let next_look = rhythm::after_orders(turn.next_look, &memory, scope.pace.settle, now);
    Ok(Report {
        status,
        next_look,
        contact: Ok(()),
        unreadable: turn::unreadable(observation),
        terms: turn.plan.terms,
    })
}

/// Keeps and shows a status that has changed outside a turn.
async fn publish(scope: &Scope<'_>, status: &SiteStatus) -> Result<(), StoreError> {
    let kept = status.clone();
    scope.context.store(&scope.desired.name, move |store, site| store.keep_status(site, &kept)).await?;
    scope.context.publish(status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_password_is_not_tried_again_until_it_changes() {
        let (site, key) = ("acme".parse().unwrap(), SiteKey::new([7; 32]));
        let (old, new) = (Secret::new("falsch"), Secret::new("richtig"));
        let mut memory = SiteMemory::default();
        assert_eq!(not_refused(&site, &memory, &old, &key), Ok(()));
        memory.refused_password = Some(fingerprint::password_mark(&old, &key));
        let Err(ContactFailure::LoginRefused(why)) = not_refused(&site, &memory, &old, &key) else {
            panic!("it was tried again")
        };
        assert!(why.contains("n720d poll acme --retry-login") && !why.contains("falsch"), "{why}");
        assert_eq!(not_refused(&site, &memory, &new, &key), Ok(()));
    }
}
