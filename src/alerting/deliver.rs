//! Delivery: takes what is due from the outbox to the sinks, side by side, each in order, at least once.
//!
//! Knows neither sites nor alerts, and decides nothing about what is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::pending;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::message::Message;
use super::outbox::{Outbox, OutboxError};
use super::sink::{FailureReason, Sink, SinkError};
use crate::domain::notification::Queued;

/// How many notifications are taken from the outbox at a time.
const BATCH: usize = 50;
/// How often the outbox is looked into without being woken: postponed notifications become due by themselves.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// After the first failure.
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
/// After many.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(600);

/// How long to wait before the next try after so many failures before this one: 10 s, doubling up to 10 min.
pub fn back_off(failures_before: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures_before).unwrap_or(u32::MAX);
    FIRST_BACK_OFF.saturating_mul(factor).min(LONGEST_BACK_OFF)
}

/// Delivers until `shutdown`, which ends it at once: what was under way is tried again after the next start, with the
/// same id. `wake` is to change whenever something was queued; `clock` tells the time.
///
/// A notification that fails is due again after [`back_off`] of its own attempts; its sink is left alone for half of
/// [`back_off`] of its failures in a row. Half, so that the others get their turn before the failed one does: one that
/// a receiver cannot digest does not hold up the rest.
pub async fn deliver_loop<O: Outbox>(
    outbox: Arc<O>,
    sinks: Vec<Arc<dyn Sink>>,
    wake: watch::Receiver<()>,
    clock: impl Fn() -> DateTime<Utc> + Clone + Send + Sync + 'static,
    shutdown: CancellationToken,
) {
    let mut workers = JoinSet::new();
    for sink in sinks {
        let worker = Worker {
            outbox: Arc::clone(&outbox),
            sink,
            clock: clock.clone(),
            failures: 0,
            complained: false,
            unrecorded: BTreeSet::new(),
        };
        let (wake, shutdown) = (wake.clone(), shutdown.clone());
        workers.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = worker.run(wake) => {}
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "the delivery to an alert sink broke down");
        }
    }
}

/// Delivery to one sink.
struct Worker<O, C> {
    outbox: Arc<O>,
    sink: Arc<dyn Sink>,
    clock: C,
    /// In a row.
    failures: u32,
    /// Whether this row of failures was already told as one that needs a person.
    complained: bool,
    /// Delivered, and the outbox does not know it yet: not to be sent again by this process.
    unrecorded: BTreeSet<String>,
}

/// What comes after a pass.
enum Next {
    /// There may be more.
    More,
    /// Nothing is due.
    Idle,
    /// The sink or the outbox has trouble: being woken does not help.
    Rest(Duration),
}

impl<O: Outbox, C: Fn() -> DateTime<Utc>> Worker<O, C> {
    async fn run(mut self, mut wake: watch::Receiver<()>) {
        loop {
            let next = self.pass().await.unwrap_or_else(|error| {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(sink = self.sink.name(), %error, source, "notifications wait");
                Next::Rest(LOOK_AGAIN)
            });
            match next {
                Next::More => {}
                Next::Idle => tokio::select! {
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                    () = woken(&mut wake) => {}
                },
                Next::Rest(time) => tokio::time::sleep(time).await,
            }
        }
    }

    async fn pass(&mut self) -> Result<Next, OutboxError> {
        let batch = self.outbox.due(self.sink.name(), (self.clock)(), BATCH).await?;
        if batch.is_empty() {
            return Ok(Next::Idle);
        }
        for notification in &batch {
            if self.unrecorded.contains(&notification.id) {
                self.record(notification).await?;
                continue;
            }
            let told = match Message::from_queued(notification) {
                Ok(message) => self.sink.deliver(&message, (self.clock)()).await,
                Err(error) => Err(SinkError::new(FailureReason::Malformed, error.to_string())),
            };
            match told {
                Ok(()) => {
                    self.failures = 0;
                    self.complained = false;
                    self.unrecorded.insert(notification.id.clone());
                    self.record(notification).await?;
                }
                Err(error) if error.is_retryable() => {
                    return self.postpone(notification, &error).await.map(Next::Rest);
                }
                Err(error) => self.give_up(notification, &error).await?,
            }
        }
        Ok(Next::More)
    }

    async fn record(&mut self, notification: &Queued) -> Result<(), OutboxError> {
        self.outbox.delivered(notification, (self.clock)()).await?;
        self.unrecorded.remove(&notification.id);
        Ok(())
    }

    async fn postpone(&mut self, notification: &Queued, error: &SinkError) -> Result<Duration, OutboxError> {
        let later = back_off(notification.attempts);
        let rest = back_off(self.failures) / 2;
        self.failures = self.failures.saturating_add(1);
        if error.reason.needs_a_person() && !std::mem::replace(&mut self.complained, true) {
            tracing::error!(
                sink = self.sink.name(),
                reason = error.reason.as_str(),
                "an alert sink takes nothing, and nobody is told through it; look at its settings and at the receiver's: \
                 {error}"
            );
        }
        tracing::warn!(
            sink = self.sink.name(),
            site = %notification.site,
            id = notification.id,
            reason = error.reason.as_str(),
            attempt = notification.attempts + 1,
            retry_in_seconds = later.as_secs(),
            "a notification was not delivered: {error}"
        );
        let later = TimeDelta::from_std(later).unwrap_or(TimeDelta::MAX);
        let next = (self.clock)().checked_add_signed(later).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.outbox.postponed(notification, error, next).await?;
        Ok(rest)
    }

    async fn give_up(&self, notification: &Queued, error: &SinkError) -> Result<(), OutboxError> {
        tracing::error!(
            sink = self.sink.name(),
            site = %notification.site,
            id = notification.id,
            reason = error.reason.as_str(),
            "a notification is given up, nobody was told through this sink: {error}"
        );
        self.outbox.given_up(notification, error).await
    }
}

/// Ends when somebody queued something; never, when nobody can any more.
async fn woken(wake: &mut watch::Receiver<()>) {
    if wake.changed().await.is_err() {
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_from_ten_seconds_to_ten_minutes() {
        let seconds: Vec<u64> = (0..8).map(|failures| back_off(failures).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(back_off(31), LONGEST_BACK_OFF);
        assert_eq!(back_off(32), LONGEST_BACK_OFF);
        assert_eq!(back_off(u32::MAX), LONGEST_BACK_OFF);
    }
}
