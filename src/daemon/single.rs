//! One site without the daemon: look at it and say what would be done, or do it and see it through.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::assemble::{Assembly, StartError, assemble};
use super::break_off::{BrokenOff, unless_broken_off};
use super::context::Context;
use super::cycle::{self, Asked};
use super::{approvals, chain, clearance, clock, context};
use crate::api::{ApproveAnswer, ApproveRequest, Refusal};
use crate::config::{Config, DaemonConfig};
use crate::device::n720::{Ask, Driver, Editors, RecordedPage, Session, Target};
use crate::domain::clearance::Clearance;
use crate::domain::desired::DesiredSite;
use crate::domain::fingerprint::SiteKey;
use crate::domain::ids::Ipui;
use crate::domain::memory::SiteMemory;
use crate::domain::neighbours::{Directory, Elsewhere, Neighbours};
use crate::domain::observed::{ContactFailure, Observation};
use crate::domain::plan::{Disposition, Plan, Step};
use crate::domain::secret::{Secret, SecretBook};
use crate::domain::status::{Health, SiteStatus};
use crate::domain::strays;
use crate::domain::turn::{self, TurnInput};
use crate::secrets;
use crate::store::{Store, StoreError, StoreErrorKind};

/// Beyond the settle time, how long a push may take to be fetched and verified before `apply` stops waiting.
const PATIENCE: Duration = Duration::from_secs(240);

/// Why a site could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The manager could not be read.
    #[error("cannot read the manager of {site} at {address}: {why}")]
    Contact {
        /// The site.
        site: String,
        /// Host and port.
        address: String,
        /// Why.
        why: String,
    },
    /// The store could not be read.
    #[error("cannot read what is known of {site}: {why}")]
    Store {
        /// The site.
        site: String,
        /// Why.
        why: String,
    },
    /// No HTTP client.
    #[error("cannot set up the HTTP client: {why}")]
    SetUp {
        /// Why.
        why: String,
    },
    /// Somebody broke the command off.
    #[error(transparent)]
    BrokenOff(#[from] BrokenOff),
}

/// What looking at a site came to.
#[derive(Debug)]
pub struct Look {
    /// What was seen.
    pub observation: Observation,
    /// What would be done.
    pub plan: Plan,
    /// The status that follows.
    pub status: SiteStatus,
}

/// How often a manager that somebody is logged in to is tried again, for one who waits at a terminal: the daemon's
/// own readings last a few seconds.
const BUSY_TRIES: u32 = 4;
const BUSY_PAUSE: Duration = Duration::from_secs(2);

/// Reads a manager; writes nothing, neither there nor here. With `record`, also gives the pages, redacted. A password
/// that the manager has refused before is tried only with `retry_login`.
///
/// # Errors
/// When the manager cannot be read at all, or is known to refuse the password; what of it cannot be read is
/// unreadable in the observation.
pub async fn observe(
    daemon: &DaemonConfig,
    desired: &DesiredSite,
    record: bool,
    retry_login: bool,
) -> Result<(Observation, Vec<RecordedPage>), LookError> {
    let driver = driver(daemon)?;
    // A look needs no store: who may not read it still may look.
    let known = Known { retry_login, ..remembered(daemon, desired).unwrap_or_else(|_| Known::nothing()) };
    let work = async {
        let mut session = open(&driver, desired, &secrets::book_for(desired), &known).await?;
        if record {
            session.record();
        }
        let ask = Ask { editors: Editors::None, config_url: false };
        let observation = session.observe(&ask, clock::now()).await;
        let pages = session.recorded().to_vec();
        session.close().await;
        Ok((observation, pages))
    };
    unless_broken_off(&driver, work).await?
}

/// Reads a manager and plans, by what the store knows; writes nothing, neither there nor here. A password that the
/// manager has refused before is tried only with `retry_login`. The directory tells whose a foreign handset is.
///
/// # Errors
/// When the manager or the store cannot be read.
pub async fn look(
    daemon: &DaemonConfig,
    directory: &Directory,
    desired: &DesiredSite,
    retry_login: bool,
) -> Result<Look, LookError> {
    let driver = driver(daemon)?;
    let known = Known { retry_login, ..remembered(daemon, desired)? };
    let work = look_with(&driver, daemon, directory, desired, &known);
    unless_broken_off(&driver, work).await?
}

async fn look_with(
    driver: &Driver,
    daemon: &DaemonConfig,
    directory: &Directory,
    desired: &DesiredSite,
    known: &Known,
) -> Result<Look, LookError> {
    let secrets = secrets::book_for(desired);
    let mut session = open(driver, desired, &secrets, known).await?;
    let ask = Ask { editors: Editors::None, config_url: desired.manager.enrol };
    let mut observation = session.observe(&ask, clock::now()).await;
    let own_url = context::own_url(daemon.provisioning.public_url.as_deref(), desired, &known.token);
    let take = |observation: &Observation| {
        let mut memory = known.memory.clone();
        // A person is looking on: what the first contact would put off is shown as it is.
        memory.first_contact.get_or_insert((chrono::DateTime::UNIX_EPOCH, desired.manager.mac));
        let own = Some(observation).filter(|seen| seen.mac.known() == Some(&desired.manager.mac));
        let questions = strays::questions(desired, &memory, own);
        let input = TurnInput {
            desired,
            secrets: &secrets,
            key: &known.key,
            pace: &daemon.poll.pace,
            own_url: own_url.as_deref(),
            contact: Ok(observation),
            neighbours: &Neighbours::answer(&questions, directory, known.elsewhere.clone()),
            clearance: &known.clearance,
            now: clock::now(),
        };
        turn::turn(&input, memory)
    };
    for _ in 0..cycle::REHEARSALS {
        let unread = take(&observation).unread;
        if unread.is_empty() {
            break;
        }
        session.read_editors(&unread, &mut observation).await;
    }
    session.close().await;
    let turn = take(&observation);
    Ok(Look { observation, plan: turn.plan, status: turn.status })
}

pub(super) fn driver(daemon: &DaemonConfig) -> Result<Driver, LookError> {
    Driver::new(daemon.poll.timeout).map_err(|error| LookError::SetUp { why: chain(&error) })
}

async fn open(
    driver: &Driver,
    desired: &DesiredSite,
    secrets: &SecretBook,
    known: &Known,
) -> Result<Session, LookError> {
    let contact = |failure: ContactFailure| LookError::Contact {
        site: desired.name.to_string(),
        address: format!("{}:{}", desired.manager.host, desired.manager.port),
        why: failure.why().to_owned(),
    };
    let password = password(desired, secrets, known).map_err(contact)?;
    patiently(driver, &cycle::target(desired, password)).await.map_err(contact)
}

/// Logs in; waits a little where somebody else is logged in.
pub(super) async fn patiently(driver: &Driver, target: &Target) -> Result<Session, ContactFailure> {
    let mut tries = 1;
    loop {
        match driver.open(target).await {
            Err(ContactFailure::SessionBusy(_)) if tries < BUSY_TRIES => tokio::time::sleep(BUSY_PAUSE).await,
            outcome => return outcome,
        }
        tries += 1;
    }
}

/// The one password to try. Whoever looks on keeps nothing, and so takes no part in finding out which of two it is.
fn password(desired: &DesiredSite, secrets: &SecretBook, known: &Known) -> Result<Secret, ContactFailure> {
    if let Some(rotation) = &known.memory.rotation {
        let in_use = rotation.in_use(known.settle, clock::now());
        return in_use.cloned().ok_or_else(|| {
            let site = &desired.name;
            ContactFailure::LoginRefused(format!(
                "the web password is being changed, and which one the manager takes is known after its settle time: see \
                 'n720d status {site}'"
            ))
        });
    }
    let password = secrets.get(&desired.manager.password).map_err(ContactFailure::SecretMissing)?;
    if !known.retry_login {
        cycle::not_refused(&desired.name, &known.memory, &password, &known.key)?;
    }
    Ok(password)
}

/// What the store knows of a site.
struct Known {
    memory: SiteMemory,
    key: SiteKey,
    token: String,
    /// Where other sites' managers hold the handsets that are missing here.
    elsewhere: Vec<(Ipui, Elsewhere)>,
    /// What people and the fleet allow.
    clearance: Clearance,
    /// What a manager may take to act on a file.
    settle: Duration,
    /// Whether a password is to be tried that the manager has refused before.
    retry_login: bool,
}

impl Known {
    fn nothing() -> Self {
        Self {
            memory: SiteMemory::default(),
            key: SiteKey::new([0; 32]),
            token: "not-yet-made".to_owned(),
            elsewhere: Vec::new(),
            clearance: Clearance::default(),
            settle: Duration::ZERO,
            retry_login: false,
        }
    }
}

/// What the store knows; of a state directory that is not there yet, nothing.
fn remembered(daemon: &DaemonConfig, desired: &DesiredSite) -> Result<Known, LookError> {
    let fail = |why: String| LookError::Store { site: desired.name.to_string(), why };
    let store = match Store::open_read_only(&daemon.state_dir) {
        Ok(store) => store,
        Err(error) if error.kind() == StoreErrorKind::Missing => {
            let clearance = Clearance { maintenance: daemon.maintenance.clone(), ..Clearance::default() };
            return Ok(Known { clearance, ..Known::nothing() });
        }
        Err(error) => return Err(fail(chain(&error))),
    };
    let memory = store.memory(&desired.name).map_err(|error| fail(chain(&error)))?;
    let missing = strays::questions(desired, &memory, None).missing;
    let elsewhere = store.elsewhere(&desired.name, &missing).map_err(|error| fail(chain(&error)))?;
    let rollout = store.fleet().map_err(|error| fail(chain(&error)))?.rollout;
    let hold = rollout.and_then(|rollout| rollout.hold(&desired.name));
    let clearance = clearance::read(&store, &desired.name, daemon.maintenance.clone())
        .map_err(|error| fail(chain(&error)))?;
    let clearance = Clearance { rollout: hold, ..clearance };
    match store.site_secret(&desired.name) {
        Ok(secret) => {
            let (key, token) = (SiteKey::new(secret.key), secret.token);
            let settle = daemon.poll.pace.settle;
            Ok(Known { memory, key, token, elsewhere, clearance, settle, retry_login: false })
        }
        // The site is new to this store, and a reader makes no token.
        Err(error) if error.kind() == StoreErrorKind::ReadOnly => Ok(Known { clearance, ..Known::nothing() }),
        Err(error) => Err(fail(chain(&error))),
    }
}

/// How a site stands after a cycle, for somebody who waits for its plan to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is left to do, and what was done was seen to take effect.
    Converged,
    /// Under way: worth another look.
    UnderWay(String),
    /// Something waits or is blocked, and will not move while one watches.
    Stuck(String),
    /// The manager could not be read.
    Failed(String),
}

/// How a site stands, for somebody who watches until `watched_until`: what waits for longer, as for the end of a pause or
/// for a maintenance window, will not move while they do.
pub fn standing(status: &SiteStatus, watched_until: DateTime<Utc>) -> Standing {
    match status.health {
        Health::Unreachable | Health::Unknown => return Standing::Failed(status.reason.clone()),
        Health::Converged | Health::Waiting | Health::Drifted | Health::Blocked => {}
    }
    let generation = &status.generation;
    let pushing = generation.released.is_some() && generation.verified != generation.released;
    let held = |step: &Step| match &step.disposition {
        Disposition::Blocked { reason, .. } => Some((true, reason.clone())),
        Disposition::Deferred { reason, until } => {
            let waits_long = until.is_none_or(|until| until > watched_until);
            Some((waits_long && !pushing, reason.clone()))
        }
        Disposition::Ready => None,
    };
    let held: Vec<(bool, String)> = status.plan.steps.iter().filter_map(held).collect();
    // What needs a person is not waited for behind what comes by itself, unless a push is under way that may change it.
    let held = held.iter().find(|(is_stuck, _)| *is_stuck && !pushing).or(held.first()).cloned();
    match held {
        Some((true, reason)) => Standing::Stuck(reason),
        Some((false, reason)) => Standing::UnderWay(reason),
        None if status.health == Health::Blocked => Standing::Stuck(status.reason.clone()),
        None if !status.plan.steps.is_empty() => Standing::UnderWay("the next steps are ready".to_owned()),
        None if pushing => Standing::UnderWay(status.reason.clone()),
        None => Standing::Converged,
    }
}

/// The moment until which somebody watches who has so much patience left.
pub fn watched_until(left: Duration) -> DateTime<Utc> {
    let left = chrono::TimeDelta::from_std(left).unwrap_or(chrono::TimeDelta::MAX);
    clock::now().checked_add_signed(left).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// How long `apply` waits in all.
pub fn patience(daemon: &DaemonConfig) -> Duration {
    daemon.poll.pace.settle + PATIENCE
}

/// What carrying out a plan came to.
#[derive(Debug)]
pub enum Applied {
    /// Nothing was carried out: the approval that was asked for is refused, or not complete.
    NotApproved(Box<ApproveAnswer>),
    /// It was carried out, as far as it may be.
    SeenThrough(Box<SiteStatus>, Standing),
}

/// Carries out the plan of one site and sees it through, with a provisioning server of its own; with `approve`, if that
/// approval is given, after giving it. `tell` gets that, and every change of how the site stands. A password that the manager
/// has refused before is tried once, and only with `retry_login`.
///
/// # Errors
/// When the store or a socket cannot be had: most likely because the daemon runs, whose turn it is then; or when what is
/// to be approved cannot be made out.
pub async fn apply(
    config: Config,
    desired: &DesiredSite,
    approve: Option<&ApproveRequest>,
    retry_login: bool,
    tell: impl Fn(Told<'_>),
) -> Result<Applied, StartError> {
    let deadline = Instant::now() + patience(&config.daemon);
    let dir = config.daemon.state_dir.clone();
    let assembly = assemble(config).await?;
    let work = async {
        let asked = Asked { by_name: true, retry_login };
        if let Some(request) = approve {
            let answer = give(&assembly.context, desired, request, asked).await?;
            if !answer.outcome.goes_ahead() {
                return Ok(Applied::NotApproved(Box::new(answer)));
            }
            tell(Told::Approval(&answer));
        }
        let seen =
            see_through(&assembly, desired, asked, deadline, |standing| tell(Told::Standing(standing)));
        let (status, standing) = seen.await.map_err(|source| StartError::store(&dir, source))?;
        Ok(Applied::SeenThrough(Box::new(status), standing))
    };
    let outcome = unless_broken_off(&assembly.context.driver, work).await;
    assembly.stop.cancel();
    assembly.servers.close();
    assembly.servers.wait().await;
    outcome?
}

/// What there is to tell while a plan is carried out.
#[derive(Debug)]
pub enum Told<'a> {
    /// The approval is given.
    Approval(&'a ApproveAnswer),
    /// How the site stands.
    Standing(&'a Standing),
}

/// Gives an approval without the daemon.
async fn give(
    context: &Context,
    desired: &DesiredSite,
    request: &ApproveRequest,
    asked: Asked,
) -> Result<ApproveAnswer, Refusal> {
    let read = || async { cycle::cycle(context, desired, asked).await.map_err(|error| chain(&error)) };
    approvals::approve(context, request, read).await
}

async fn see_through(
    assembly: &Assembly,
    desired: &DesiredSite,
    mut asked: Asked,
    deadline: Instant,
    tell: impl Fn(&Standing),
) -> Result<(SiteStatus, Standing), StoreError> {
    let watched_until = watched_until(deadline.saturating_duration_since(Instant::now()));
    let mut last = None;
    let mut first = true;
    loop {
        let report = cycle::cycle(&assembly.context, desired, std::mem::take(&mut asked)).await?;
        let standing = standing(&report.status, watched_until);
        if last.as_ref() != Some(&standing) {
            tell(&standing);
            last = Some(standing.clone());
        }
        let next = Instant::now() + report.next_look.after;
        // The first contact with a site only reads, whatever there is to do.
        let again = std::mem::take(&mut first) && !report.status.plan.steps.is_empty();
        match standing {
            Standing::Stuck(_) if again => {}
            Standing::UnderWay(_) if next < deadline => tokio::time::sleep_until(next).await,
            standing @ (Standing::Converged
            | Standing::UnderWay(_)
            | Standing::Stuck(_)
            | Standing::Failed(_)) => return Ok((report.status, standing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::desired::Mode;
    use crate::domain::plan::{Action, Impact};
    use crate::domain::release::Generation;
    use crate::domain::status::PlanStatus;

    /// A site with one step that is deferred until so many seconds from a moment.
    fn deferred(seconds: Option<i64>) -> SiteStatus {
        let until = seconds.map(at);
        let step = Step {
            action: Action::ConfigureAccount,
            slot: None,
            impact: Impact::None,
            disposition: Disposition::Deferred { reason: "paused by anna".into(), until },
            who: Vec::new(),
            hits: Vec::new(),
            relocation: None,
            why: String::new(),
            cause: None,
        };
        SiteStatus {
            health: Health::Waiting,
            mode: Mode::Manage,
            plan: PlanStatus { steps: vec![step], ..PlanStatus::default() },
            ..super::super::rest::invalid("acme".parse().unwrap(), String::new())
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn nobody_watches_what_waits_for_longer_than_they_do() {
        let why = "paused by anna".to_owned();
        assert_eq!(standing(&deferred(Some(60)), at(60)), Standing::UnderWay(why.clone()));
        assert_eq!(standing(&deferred(Some(61)), at(60)), Standing::Stuck(why.clone()));
        assert_eq!(standing(&deferred(None), at(60)), Standing::Stuck(why.clone()));
        let mut pushing = deferred(Some(61));
        pushing.generation.released = Some(Generation("9f3c".into()));
        assert_eq!(standing(&pushing, at(60)), Standing::UnderWay(why), "a push is seen through");
    }
}
