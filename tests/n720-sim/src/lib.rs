//! A simulated Gigaset N720 DECT manager, to test and to show software that talks to real ones.
//!
//! Written from the description of the device alone; it shares no code with any client of it. A [`Device`]
//! listens on loopback addresses like the real thing: web interface, SIP check-sync, and its own downloads of
//! the provisioning file. Around it live simulated [`Handset`]s. Each device keeps a journal of what happened.
//!
//! ```no_run
//! # async fn example() -> Result<(), n720_sim::SimError> {
//! use n720_sim::{DeviceBuilder, Fault, Handset, Timing};
//!
//! let device = DeviceBuilder::new("7C2F80CA21E4")?
//!     .account(1, "1013", "Reception")
//!     .handset(Handset::new("02 B6 EC 8A A5".parse()?))
//!     .timing(Timing::brisk())
//!     .start()
//!     .await?;
//! println!("open {} in a browser", device.url());
//! device.set_fault(Fault::PersonLoggedIn);
//! assert!(device.snapshot().person);
//! # Ok(())
//! # }
//! ```
//!
//! Everything stops when the last handle to a device is dropped.

mod access;
mod clock;
mod config;
pub mod control;
mod device;
mod error;
mod fault;
mod forms;
mod hand;
mod handset;
mod http;
mod ids;
mod journal;
mod language;
mod lot;
mod opening;
mod order;
mod pages;
mod people;
mod profile;
mod proof;
mod registration;
mod reset;
mod scenario;
mod server;
mod sip;
mod snapshot;
mod state;
mod web;
mod window;

pub use config::{DeviceBuilder, DeviceConfig, Framing, Timing, UserAgent, Wire};
pub use device::Device;
pub use error::SimError;
pub use fault::{Fault, FaultOrder};
pub use hand::AccountEdit;
pub use handset::{Arrival, Handset, PinKnowledge, PinRule, Refusal};
pub use ids::{Ipui, Mac};
pub use journal::{Author, Deregistration, Entry, Event, Ignored, Registration, SessionEnd, Trigger};
pub use order::{Done, Order};
pub use proof::WindowRecord;
pub use reset::Keep;
pub use scenario::Scenario;
pub use snapshot::{SlotSnapshot, Snapshot};
pub use window::Window;
