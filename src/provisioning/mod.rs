//! The HTTP server that the managers fetch their provisioning files from.
//!
//! It serves what its [`Shelf`] holds and has no other source: no rendering, no file system, no decision about what
//! is released. A fetch is on record before the first byte of a file is sent, because the record is the proof that
//! a push arrived.

mod address;
mod authorization;
mod client;
mod desk;
mod digest;
mod door;
mod nonce;
mod settings;
mod shelf;

pub use door::serve;
pub use settings::{Limits, ServerSettings};
pub use shelf::{DigestCredentials, FetchMethod, FetchRecord, ServedFile, Shelf, ShelfError};
