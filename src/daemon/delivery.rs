//! Runs the delivery of notifications with the sinks in force, and anew when a reload changed them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::clock;
use super::context::Context;
use super::outbox::StoreOutbox;
use crate::alerting;

/// Delivers until told to stop.
pub(super) async fn deliver(context: Arc<Context>, stop: CancellationToken) {
    let outbox = Arc::new(StoreOutbox::new(Arc::clone(&context)));
    let mut in_force = context.in_force.clone();
    while !stop.is_cancelled() {
        let (sinks, alerts) = {
            let current = in_force.borrow_and_update();
            (current.alerting.sinks(), current.config.daemon.alerts.clone())
        };
        let round = stop.child_token();
        let delivering = alerting::deliver_loop(
            Arc::clone(&outbox),
            sinks,
            context.outbox_wake.subscribe(),
            clock::now,
            round.clone(),
        );
        tokio::pin!(delivering);
        tokio::select! {
            () = &mut delivering => return,
            () = async {
                // Sinks that stayed the same are not disturbed: one that is down keeps its back-off.
                while in_force.changed().await.is_ok() {
                    if in_force.borrow_and_update().config.daemon.alerts != alerts {
                        return;
                    }
                }
                stop.cancelled().await;
            } => {}
        }
        round.cancel();
        delivering.await;
    }
}
