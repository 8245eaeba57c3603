//! Every sink against a real receiver of its kind: what arrives, and what comes of each way to fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

mod certificates;
mod command;
mod contract;
mod email;
mod email_trouble;
mod exim;
mod mailbox;
mod peers;
mod support;
#[path = "../support/wait.rs"]
mod wait;
mod webhook;
