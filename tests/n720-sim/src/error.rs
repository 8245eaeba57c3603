//! What can go wrong while a simulated device is set up or driven.
//!
//! Faults that a device shows to its clients are no errors: they live in [`crate::fault`].

use std::fmt;
use std::net::SocketAddr;

/// Why the simulator could not do what it was asked.
#[derive(Debug)]
pub enum SimError {
    /// A text that should be a MAC, an IPUI, a slot or another value of ours is none.
    Invalid {
        /// What was expected, in words.
        expected: &'static str,
        /// The text that was found.
        found: String,
    },
    /// An address could not be bound.
    Bind {
        /// What was to listen there: `web`, `sip` or `control`.
        what: &'static str,
        /// The address as configured.
        addr: SocketAddr,
        /// The reason the system gave.
        source: std::io::Error,
    },
    /// A scenario file could not be read.
    Scenario {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// No device with this name runs here.
    UnknownDevice(String),
    /// No simulated handset with this IPUI belongs to the device.
    UnknownHandset(String),
    /// The device, in its present state, does not let a person do this.
    Refused(&'static str),
    /// A wait ended at its bound.
    TimedOut(&'static str),
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { expected, found } => write!(f, "expected {expected}, found {found:?}"),
            Self::Bind { what, addr, .. } => write!(f, "cannot bind the {what} address {addr}"),
            Self::Scenario { path, why } => write!(f, "scenario {path}: {why}"),
            Self::UnknownDevice(name) => write!(f, "no device is named {name:?}"),
            Self::UnknownHandset(ipui) => write!(f, "the device has no simulated handset {ipui}"),
            Self::Refused(why) => write!(f, "the device refuses: {why}"),
            Self::TimedOut(what) => write!(f, "waited in vain for {what}"),
        }
    }
}

impl std::error::Error for SimError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } => Some(source),
            Self::Invalid { .. }
            | Self::Scenario { .. }
            | Self::UnknownDevice(_)
            | Self::UnknownHandset(_)
            | Self::Refused(_)
            | Self::TimedOut(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn a_message_names_the_object_and_leaves_the_cause_to_its_source() {
        let error = SimError::Bind {
            what: "web",
            addr: "127.0.0.1:80".parse().unwrap(),
            source: std::io::Error::other("cause"),
        };
        assert_eq!(error.to_string(), "cannot bind the web address 127.0.0.1:80");
        assert_eq!(error.source().unwrap().to_string(), "cause");
        assert!(SimError::Refused("why").source().is_none());
    }
}
