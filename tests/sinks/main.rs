//! Every sink against a real receiver of its kind: what arrives, and what comes of each way to fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

mod contract;
mod peers;
mod support;
mod webhook;
