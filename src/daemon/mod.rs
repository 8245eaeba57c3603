//! Ties everything together: start and stop, one task a site, one cycle at a time, and what all of them share.
//!
//! No parsing, no rendering, no judging: those are `device`'s and `domain`'s.

mod adopt;
mod approvals;
mod assemble;
mod attention;
mod break_off;
mod clearance;
mod clock;
mod context;
mod control;
mod cycle;
mod delivery;
mod executor;
mod fleet;
mod fleet_alerts;
mod heartbeat;
mod ledger;
mod neighbours;
mod pauses;
mod reload;
mod rest;
mod retry;
mod rollout;
mod rotation;
mod run;
mod sheets;
mod shelf;
mod single;
mod sink_health;
mod sinks;
mod site_task;
mod systemd;

pub use adopt::read_all;
pub use assemble::StartError;
pub use attention::{alerts_left_behind, mark_left_behind, sent_as_kept, silences_left_behind, test_alone};
pub use break_off::BrokenOff;
pub use clock::now;
pub use context::own_url;
pub use retry::retry_push_alone;
pub use rollout::whole;
pub use run::run;
pub use single::{
    Applied, Look, LookError, Standing, Told, apply, look, observe, patience, standing, watched_until,
};

/// An error with its causes, each said once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
