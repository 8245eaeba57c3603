//! The provisioning server over real TCP: raw requests, odd ones too, and clients that do not behave.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop where it stands")]

mod answers;
mod authentication;
mod connections;
mod support;
