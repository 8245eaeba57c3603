//! The outbox as delivery sees it: notifications that wait, and what became of them. Kept by the store; this is only
//! the seam.

use std::error::Error;
use std::future::Future;

use chrono::{DateTime, Utc};

use super::sink::SinkError;
use crate::domain::notification::Queued;

/// Where notifications wait durably.
pub trait Outbox: Send + Sync + 'static {
    /// Up to `limit` notifications of this sink whose time has come, oldest first.
    fn due(
        &self,
        sink: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Queued>, OutboxError>> + Send;

    /// It was delivered. One that was superseded meanwhile is no error.
    fn delivered(
        &self,
        notification: &Queued,
        at: DateTime<Utc>,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// It was not, and is to be tried again at `next`, with `attempts` one higher.
    fn postponed(
        &self,
        notification: &Queued,
        error: &SinkError,
        next: DateTime<Utc>,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// It was not, and is not to be tried again.
    fn given_up(
        &self,
        notification: &Queued,
        error: &SinkError,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;
}

/// The outbox could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the outbox of notifications failed")]
pub struct OutboxError(#[source] pub Box<dyn Error + Send + Sync>);
