//! The notifications that wait for delivery, out of the store.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::context::Context;
use crate::alerting::{Outbox, OutboxError, SinkError};
use crate::api::DeliveryResult;
use crate::domain::notification::Queued;
use crate::store::{Store, StoreError};

/// The outbox of the daemon.
#[derive(Debug)]
pub(super) struct StoreOutbox {
    context: Arc<Context>,
}

impl StoreOutbox {
    /// Over this context's store.
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        let store = self.context.store.clone();
        tokio::task::spawn_blocking(move || operation(&store))
            .await
            .unwrap_or(Err(StoreError::Abandoned))
            .map_err(|error| OutboxError(Box::new(error)))
    }
}

impl Outbox for StoreOutbox {
    async fn due(&self, sink: &str, now: DateTime<Utc>, limit: usize) -> Result<Vec<Queued>, OutboxError> {
        let sink = sink.to_owned();
        self.run(move |store| store.due(&sink, now, limit)).await
    }

    async fn delivered(&self, notification: &Queued, at: DateTime<Utc>) -> Result<(), OutboxError> {
        self.context.metrics.notified(&notification.sink, DeliveryResult::Delivered);
        let id = notification.id.clone();
        self.run(move |store| store.delivered(&id, at)).await
    }

    async fn postponed(
        &self,
        notification: &Queued,
        error: &SinkError,
        next: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        self.context.metrics.notified(&notification.sink, DeliveryResult::Postponed);
        let (id, error) = (notification.id.clone(), error.to_string());
        self.run(move |store| store.postponed(&id, &error, next)).await
    }

    async fn given_up(&self, notification: &Queued, error: &SinkError) -> Result<(), OutboxError> {
        self.context.metrics.notified(&notification.sink, DeliveryResult::GivenUp);
        let (id, error, at) = (notification.id.clone(), error.to_string(), self.context.now());
        self.run(move |store| store.given_up(&id, &error, at)).await
    }
}
