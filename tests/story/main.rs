//! The whole story with the real binary: simulated managers, real files, real signals, a real receiver of webhooks.
//! One module a theme. Nothing here knows how n720d is made; what is asserted is what people and scripts rely on.
//!
//! Tests begin in the order of their names: those that wait for a whole minute (`calendar`, `clocks`) are among the first,
//! so that they wait for the same one.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop where it stands")]

#[path = "../support/mod.rs"]
mod support;

mod adoption;
mod alerts;
mod alerts_killed;
mod approvals;
mod attention;
mod breaker;
mod broken_files;
mod by_hand;
mod calendar;
mod clocks;
mod closing;
mod commands;
mod deregisters;
mod drift;
mod faults;
mod fills;
mod hosts;
mod losses;
mod misreadings;
mod moves;
mod neighbours;
mod odd_days;
mod pauses;
mod people;
mod provisioning;
mod restarts;
mod rollouts;
mod rotation;
mod secrets;
mod sheets;
mod signals;
mod windows;
