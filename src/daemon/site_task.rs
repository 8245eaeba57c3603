//! One task a site: when a cycle runs and why. What a cycle does is in `cycle`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::chain;
use super::context::Context;
use super::cycle::{self, Asked, Report};
use super::heartbeat::Heartbeat;
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;
use crate::domain::rhythm::NextLook;
use crate::domain::status::{Health, SiteStatus};

/// A cycle that has not ended by then is given up: a hundred editor pages at the slowest pace seen take less.
pub(super) const LONGEST_CYCLE: Duration = Duration::from_secs(15 * 60);

/// At start, sites are spread over this much time each, so that a fleet does not knock on all doors at once.
const START_SPREAD: Duration = Duration::from_millis(20);

/// What a site task can be asked to do.
#[derive(Debug)]
pub(super) enum Request {
    /// Read the manager now.
    Poll {
        /// Also try a password that was refused.
        retry_login: bool,
        /// Gets what the cycle came to, or why there was none.
        answer: oneshot::Sender<Result<Report, String>>,
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
    /// Ends when it has ended.
    pub(super) running: JoinHandle<()>,
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
    };
    let running = tracker.spawn(task.run(place));
    SiteTask { desired: sender, requests, stop, heartbeat, running }
}

struct Task {
    context: Arc<Context>,
    desired: watch::Receiver<Arc<DesiredSite>>,
    inbox: mpsc::Receiver<Request>,
    stop: CancellationToken,
    heartbeat: Heartbeat,
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
            let (asked, answer) = match wake {
                Wake::Stop => break,
                Wake::Time | Wake::Changed => (Asked::default(), None),
                Wake::Asked(Request::Poll { retry_login, answer }) => {
                    (Asked { by_name: true, retry_login }, Some(answer))
                }
            };
            let Some(outcome) = self.cycle(asked).await else { break };
            next = Instant::now() + self.after(&outcome, &name);
            if let Some(answer) = answer {
                // Whoever asked may have gone; nobody else waits for this.
                drop(answer.send(outcome));
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
    async fn cycle(&mut self, asked: Asked) -> Option<Result<Report, String>> {
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
        let mut work = AbortOnDropHandle::new(tokio::spawn({
            let desired = Arc::clone(&desired);
            async move { cycle::cycle(&context, &desired, asked).await }
        }));
        let ended = tokio::select! {
            () = self.stop.cancelled() => {
                // A task that is told to end has not ended yet: only when it has, its session's log-out is under way,
                // and whoever waits for all log-outs waits for this one.
                work.abort();
                drop(work.await);
                return None;
            }
            ended = tokio::time::timeout(LONGEST_CYCLE, &mut work) => ended,
        };
        drop(permit);
        let outcome = match ended {
            Ok(Ok(Ok(report))) => Ok(report),
            Ok(Ok(Err(error))) => {
                // What cannot be read of one site is no reason to believe that nothing can be kept.
                let probed = self.context.store(&desired.name, |store, _| store.probe()).await;
                self.context.store_failed.store(probed.is_err(), Ordering::Relaxed);
                Err(format!("nothing can be kept, so nothing is done: {}", chain(&error)))
            }
            Ok(Err(_)) => Err("a fault in n720d ended this cycle; please report it".to_owned()),
            Err(_) => Err(format!("the cycle did not end within {} minutes", LONGEST_CYCLE.as_secs() / 60)),
        };
        self.tell(&desired.name, &outcome, began.elapsed());
        Some(outcome)
    }

    fn tell(&self, site: &SiteName, outcome: &Result<Report, String>, took: Duration) {
        match outcome {
            Ok(report) => {
                let next = report.next_look;
                self.context.metrics.cycle(report.contact.as_ref().err(), took);
                tracing::debug!(
                    %site, took_ms = took.as_millis(), next_s = next.after.as_secs(), why = next.reason, "cycle"
                );
            }
            Err(why) => {
                self.context.metrics.cycle_failed(took);
                tracing::error!(%site, "{why}");
                // What was last known is shown with the reason why it is not renewed.
                if let Some(last) = self.context.board.get(site) {
                    let status = SiteStatus {
                        health: Health::Unknown,
                        reason: why.clone(),
                        ..SiteStatus::clone(&last)
                    };
                    self.context.publish(&status);
                }
            }
        }
    }

    /// How long to wait, with the site's own steady share of jitter on the steady rhythm.
    fn after(&self, outcome: &Result<Report, String>, name: &SiteName) -> Duration {
        let look = match outcome {
            Ok(report) => report.next_look,
            // In trouble of our own no manager is asked more often than at rest.
            Err(_) => {
                let after = self.context.pace().interval;
                NextLook { after, reason: "after a failed cycle", steady: true }
            }
        };
        if !look.steady {
            return look.after;
        }
        let jitter = self.context.in_force.borrow().config.daemon.poll.jitter;
        look.after.mul_f64((1.0 + jitter * (2.0 * share(name) - 1.0)).max(0.0))
    }
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
