//! Every sink against a real receiver of its kind: what arrives, and what comes of each way to fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

mod alertmanager;
mod certificates;
mod command;
mod contract;
mod email;
mod email_trouble;
mod exim;
mod formats;
mod https;
mod journal;
#[path = "../support/log.rs"]
mod log;
mod mailbox;
mod ntfy;
mod over_http;
mod over_smtp;
mod over_stdin;
mod peers;
mod receiver;
mod support;
#[path = "../support/wait.rs"]
mod wait;
mod webhook;
