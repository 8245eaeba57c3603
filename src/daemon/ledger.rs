//! What sinks were told, into the store; and how they do, to whoever watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::context::Context;
use crate::alerting::{Attempt, Known, Ledger, LedgerError, Stuck};
use crate::domain::ids::SiteName;
use crate::domain::told::Delivery;
use crate::store::{Store, StoreError};

/// The ledger of the daemon.
#[derive(Debug)]
pub(super) struct StoreLedger {
    context: Arc<Context>,
}

impl StoreLedger {
    /// Over this context's store.
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn write(
        &self,
        operation: impl FnOnce(&Store) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), LedgerError> {
        self.context.store_of_all(operation).await.map_err(|error| LedgerError(Box::new(error)))
    }
}

/// What the store knows of what sinks know.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn stored(store: &Store) -> Result<Known, StoreError> {
    Ok(Known { ledger: store.notification_ledger()?, offers: store.offers()? })
}

impl Ledger for StoreLedger {
    async fn record(&self, delivery: &Delivery) -> Result<(), LedgerError> {
        let delivery = delivery.clone();
        self.write(move |store| store.record(&delivery)).await
    }

    async fn offer(&self, sink: &str, alerts: &BTreeMap<String, SiteName>) -> Result<(), LedgerError> {
        let (sink, alerts) = (sink.to_owned(), alerts.clone());
        self.write(move |store| store.offer(&sink, &alerts)).await
    }

    async fn withdraw(&self, sink: &str, alerts: &BTreeMap<String, SiteName>) -> Result<(), LedgerError> {
        let (sink, alerts) = (sink.to_owned(), alerts.clone());
        self.write(move |store| store.withdraw_offer(&sink, &alerts)).await
    }

    fn tried(&self, attempt: &Attempt<'_>) {
        self.context.tried(attempt);
    }

    fn waiting(&self, sink: &str, messages: usize, stuck: Option<&Stuck>) {
        self.context.metrics.notifications_wait(sink, messages);
        self.context.sinks.waits(sink, messages, stuck);
    }

    async fn gone(&self, sinks: &BTreeSet<String>, left: &BTreeSet<String>) -> Result<(), LedgerError> {
        for sink in sinks {
            self.context.metrics.sink_is_gone(sink);
            self.context.sinks.forget(sink);
        }
        let left = left.clone();
        self.write(move |store| store.forget_sinks(&left)).await
    }
}
