//! The Gigaset N720 DECT manager.

pub mod pages;
pub mod provisioning;
