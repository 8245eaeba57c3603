//! Alerts from the condition to the receiver: what is decided, what is delivered, and that nothing is lost between.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

mod delivery;
mod dispatch_support;
#[path = "../support/log.rs"]
mod log;
mod look_again;
mod model;
mod property;
mod support;
mod thousands;
