//! The Gigaset N720 DECT manager: the polite driver of its web interface, and the file that it is provisioned with.
//!
//! `n720.md` is what is known of the device. One session at a time, always logged out; nothing is concluded from a page
//! that is not proven to be the page asked for.

pub mod pages;
pub mod provisioning;

mod check_sync;
mod driver;
mod enrol;
mod failure;
mod form;
mod http;
mod login;
mod observe;
mod session;
mod target;
mod trigger;

pub use driver::{Driver, DriverError, Pace};
pub use enrol::EnrolError;
pub use failure::{PageFailure, TransportFailure};
pub use session::{RecordedPage, Session};
pub use target::{Ask, Editors, Target};
