//! Runs the delivery of notifications with the sinks in force, and follows a reload.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock;
use super::context::Context;
use super::ledger::StoreLedger;
use crate::alerting::{self, Known, Sources};

/// Delivers until told to stop.
pub(super) async fn deliver(context: Arc<Context>, known: Known, stop: CancellationToken) {
    let mut in_force = context.in_force.clone();
    let (changes, current) = watch::channel(Arc::clone(&in_force.borrow_and_update().alerting));
    let sources = Sources {
        desk: Arc::clone(&context.desk),
        attention: context.attention.subscribe(),
        alerting: current,
    };
    let ledger = Arc::new(StoreLedger::new(Arc::clone(&context)));
    let follow = async {
        while in_force.changed().await.is_ok() {
            changes.send_replace(Arc::clone(&in_force.borrow_and_update().alerting));
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = alerting::dispatch(sources, known, ledger, clock::now, stop) => {}
        () = follow => {}
    }
}
