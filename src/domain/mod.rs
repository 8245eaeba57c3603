//! The core: what is wanted, what was seen, what follows. Values in, values out.
//!
//! No clock, no I/O, no `async`, no HTML, no TOML, and nothing of ours from outside this folder: the tests hold that.
#![deny(clippy::disallowed_methods)]

pub mod adoption;
pub mod alert;
pub mod approval;
pub mod assess;
pub mod attention;
mod breaker;
pub mod budget;
pub mod clearance;
pub mod compose;
pub mod conditions;
pub mod content;
pub mod desired;
pub mod device_clock;
pub mod device_text;
pub mod drift;
pub mod evidence;
pub mod fingerprint;
mod foreign;
pub mod gaps;
pub mod handoff;
pub mod history;
pub mod ids;
pub mod inhibition;
pub mod instruction;
pub mod ledger;
pub mod loss;
pub mod maintenance;
pub mod memory;
pub mod neighbours;
pub mod notification;
pub mod observed;
mod opening;
mod permit;
mod pin;
pub mod plan;
pub mod planner;
pub mod policy;
mod push;
pub mod registration;
pub mod release;
pub mod rhythm;
pub mod rollout;
pub mod rotation;
pub mod routing;
pub mod schedule;
pub mod secret;
pub mod settings;
pub mod shown;
mod shrunken;
mod sighting;
pub mod status;
pub mod strays;
mod target;
mod terms;
pub mod told;
pub mod turn;
pub mod verify;
pub mod version;
pub mod window;
pub mod wording;
#[cfg(test)]
mod world;
