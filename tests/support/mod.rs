//! What the whole-story tests stand on: a laboratory with simulated managers, the real binary and a receiver of
//! webhooks. Nothing here knows what a test wants to show; nothing reaches into n720d's library.

mod binary;
mod files;
mod http;
mod lab;
mod look;
mod minute;
mod receiver;
mod wait;

pub(crate) use binary::{Daemon, Ran};
pub(crate) use files::{Settings, Site};
pub(crate) use http::{Answer, digest_answer, request};
pub(crate) use lab::{Lab, between_readings, forgetful, manager, while_logged_in};
pub(crate) use look::{alert, alert_kinds, registrations, steps, warnings};
pub(crate) use minute::{OVER_A_MINUTE, coming_minute, time};
pub(crate) use receiver::{Receiver, Told};
pub(crate) use wait::{BOUND, eventually};

/// Secrets that every laboratory uses. None of them may ever be seen in an output.
pub(crate) mod secrets {
    /// Of the web interface of every manager.
    pub(crate) const WEB: &str = "PlantedWeb7391";
    /// Of every SIP account.
    pub(crate) const SIP: &str = "planted-sip-5520-secret";
    /// What webhooks are signed with.
    pub(crate) const WEBHOOK: &str = "planted-webhook-8815-key";
    /// The tail of every manager's MAC-ID.
    pub(crate) const TAIL: &str = "Q7Z9";
}
