//! n720d watches over the registration of handsets on Gigaset N720 DECT managers.
//!
//! The library behind the binary of the same name: `docs/ARCHITECTURE.md` is its map.

pub mod alerting;
pub mod api;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod device;
pub mod domain;
pub mod provisioning;
pub mod secrets;
pub mod store;
