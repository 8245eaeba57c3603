//! One task a site: when a cycle runs and why. What a cycle does is in `cycle`.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::context::Context;
use super::cycle::{self, Errand, Report};
use super::heartbeat::Heartbeat;
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;
use crate::domain::rhythm::NextLook;
use crate::domain::schedule::Schedule;
use crate::domain::status::SiteStatus;
use crate::store::StoreError;

/// A cycle that has not ended by then is given up: a hundred editor pages at the slowest pace seen take less.
pub(super) const LONGEST_CYCLE: Duration = Duration::from_secs(15 * 60);

/// After a cycle that the store would not keep, the next try comes this much later.
const AFTER_STORE_TROUBLE: Duration = Duration::from_secs(10);

/// At start, sites are spread over this much time each, so that a fleet does not knock on all doors at once.
const START_SPREAD: Duration = Duration::from_millis(20);

/// What a site task can be asked to do.
#[derive(Debug)]
pub(super) enum Request {
    /// Read the manager now.
    Poll {
        /// Also try a password that was refused.
        retry_login: bool,
        /// Gets the status after the cycle, or why there was none.
        answer: oneshot::Sender<Result<SiteStatus, String>>,
    },
}

/// A running site task.
#[derive(Debug)]
pub(super) struct SiteTask {
    /// Its desired state; a new one takes effect with the next cycle, which comes at once.
    pub(super) desired: watch::Sender<Arc<DesiredSite>>,
    /// Requests.
    pub(super) requests: mpsc::Sender<Request>,
    /// Ends it.
    pub(super) stop: CancellationToken,
    /// Shows that it lives.
    pub(super) heartbeat: Heartbeat,
}

/// Where in the fleet a site stands, for spreading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// How many sites there are.
    pub(super) sites: usize,
}

/// Starts the task of a site.
pub(super) fn spawn(
    context: &Arc<Context>,
    tracker: &tokio_util::task::TaskTracker,
    desired: DesiredSite,
    place: Place,
    stop: CancellationToken,
) -> SiteTask {
    let (sender, receiver) = watch::channel(Arc::new(desired));
    let (requests, inbox) = mpsc::channel(16);
    let heartbeat = Heartbeat::new();
    let task = Task {
        context: Arc::clone(context),
        desired: receiver,
        inbox,
        stop: stop.clone(),
        heartbeat: heartbeat.clone(),
        audit_due: None,
    };
    tracker.spawn(task.run(place));
    SiteTask { desired: sender, requests, stop, heartbeat }
}

struct Task {
    context: Arc<Context>,
    desired: watch::Receiver<Arc<DesiredSite>>,
    inbox: mpsc::Receiver<Request>,
    stop: CancellationToken,
    heartbeat: Heartbeat,
    audit_due: Option<DateTime<Utc>>,
}

/// Why a site task woke.
enum Wake {
    Time,
    Changed,
    Asked(Request),
    Stop,
}

impl Task {
    async fn run(mut self, place: Place) {
        let name = self.desired.borrow().name.clone();
        let spread = START_SPREAD.saturating_mul(u32::try_from(place.sites).unwrap_or(u32::MAX));
        let first = spread.min(self.context.pace().interval).mul_f64(share(&name));
        let mut next = Instant::now() + first;
        loop {
            self.heartbeat.expect_by(next + LONGEST_CYCLE);
            let wake = self.wait(next).await;
            let (errand, answer) = match wake {
                Wake::Stop => break,
                Wake::Time | Wake::Changed => {
                    (Errand { audit: self.audit_is_due(), retry_login: false }, None)
                }
                Wake::Asked(Request::Poll { retry_login, answer }) => {
                    (Errand { audit: self.audit_is_due(), retry_login }, Some(answer))
                }
            };
            let Some(outcome) = self.cycle(errand).await else { break };
            next = Instant::now() + self.after(&outcome, &name);
            if let Some(answer) = answer {
                // Whoever asked may have gone; nobody else waits for this.
                drop(answer.send(outcome.map(|report| report.status)));
            }
        }
        self.heartbeat.retire();
    }

    async fn wait(&mut self, until: Instant) -> Wake {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Wake::Stop,
            asked = self.inbox.recv() => asked.map_or(Wake::Stop, Wake::Asked),
            changed = self.desired.changed() => if changed.is_ok() { Wake::Changed } else { Wake::Stop },
            () = tokio::time::sleep_until(until) => Wake::Time,
        }
    }

    /// Runs one cycle in a task of its own, so that a panic stays within it. `None`: told to stop meanwhile; the
    /// cycle is dropped, and its session logs out.
    async fn cycle(&mut self, errand: Errand) -> Option<Result<Report, String>> {
        let desired = Arc::clone(&self.desired.borrow_and_update());
        let limit = Arc::clone(&self.context.limit);
        // Whoever waits for a permit waits for other sites; a hang shows in theirs.
        self.heartbeat.retire();
        let permit = tokio::select! {
            () = self.stop.cancelled() => return None,
            permit = limit.acquire_owned() => permit.ok()?,
        };
        self.heartbeat.expect_by(Instant::now() + LONGEST_CYCLE + LONGEST_CYCLE);
        let context = Arc::clone(&self.context);
        let began = Instant::now();
        let work = AbortOnDropHandle::new(tokio::spawn({
            let desired = Arc::clone(&desired);
            async move { cycle::cycle(&context, &desired, errand).await }
        }));
        let ended = tokio::select! {
            () = self.stop.cancelled() => return None,
            ended = tokio::time::timeout(LONGEST_CYCLE, work) => ended,
        };
        drop(permit);
        let outcome = match ended {
            Ok(Ok(Ok(report))) => Ok(report),
            Ok(Ok(Err(error))) => Err(store_trouble(&desired.name, &error)),
            Ok(Err(_)) => Err(broken(&desired.name, "a fault in n720d ended this cycle; please report it")),
            Err(_) => Err(broken(&desired.name, "the cycle did not end in time")),
        };
        self.count(&desired.name, &outcome, began.elapsed(), errand);
        Some(outcome)
    }

    fn count(&mut self, site: &SiteName, outcome: &Result<Report, String>, took: Duration, errand: Errand) {
        let failure = outcome.as_ref().ok().and_then(|report| report.contact.as_ref().err());
        self.context.metrics.cycle(failure, took);
        if errand.audit && matches!(outcome, Ok(Report { contact: Ok(()), .. })) {
            self.audit_due = None;
        }
        if let Ok(report) = outcome {
            tracing::debug!(
                site = %site, took_ms = took.as_millis(), next_s = report.next_look.after.as_secs(),
                why = report.next_look.reason, "cycle"
            );
        }
    }

    /// How long to wait, with the site's own steady share of jitter on the steady rhythm.
    fn after(&self, outcome: &Result<Report, String>, name: &SiteName) -> Duration {
        let Ok(Report { next_look: NextLook { after, steady, .. }, .. }) = outcome else {
            return AFTER_STORE_TROUBLE;
        };
        if !steady {
            return *after;
        }
        let jitter = self.context.in_force.borrow().config.daemon.poll.jitter;
        after.mul_f64((1.0 + jitter * (2.0 * share(name) - 1.0)).max(0.0))
    }

    /// Whether the nightly audit is due: at its hour in the site's time zone, once; one that was slept through is
    /// made up for at the next cycle.
    fn audit_is_due(&mut self) -> bool {
        let now = self.context.now();
        let zone = self.desired.borrow().time_zone;
        let audit: Schedule = self.context.in_force.borrow().config.daemon.poll.audit.clone();
        match self.audit_due {
            None => {
                self.audit_due = audit.next_after(now, zone);
                false
            }
            Some(due) => due <= now,
        }
    }
}

fn store_trouble(site: &SiteName, error: &StoreError) -> String {
    tracing::error!(site = %site, error = %error, "the cycle was not kept, nothing was done to the device");
    error.to_string()
}

fn broken(site: &SiteName, what: &str) -> String {
    tracing::error!(site = %site, "{what}");
    what.to_owned()
}

/// A number from 0 to 1 that is the same for a site at every start, and differs between sites.
pub(super) fn share(site: &SiteName) -> f64 {
    let digest = Sha256::digest(site.as_str().as_bytes());
    let head = digest.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    f64::from(head) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sites_share_is_steady_and_spread() {
        let of = |name: &str| share(&name.parse().unwrap());
        assert_eq!(of("acme"), of("acme"));
        let shares: Vec<f64> = (0..1000).map(|i| of(&format!("site-{i}"))).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        let low = shares.iter().filter(|share| **share < 0.5).count();
        assert!((400..600).contains(&low), "{low} of 1000 in the lower half");
    }
}
