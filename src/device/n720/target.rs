//! What is asked of the driver: which manager, and what to read there.

use std::collections::BTreeSet;

use crate::domain::ids::{SiteName, SlotNumber};
use crate::domain::secret::Secret;

/// A DECT manager and how to reach it. Which MAC it has is reported, and compared elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The site it belongs to, for logs.
    pub site: SiteName,
    /// Its address or name, without a port.
    pub host: String,
    /// The TCP port of its web interface, usually 80.
    pub port: u16,
    /// The password of its web interface.
    pub password: Secret,
    /// The UDP port of its SIP stack, usually 5060.
    pub sip_port: u16,
}

impl Target {
    /// The host as it stands in a URL or before a port: an IPv6 address in brackets.
    pub(super) fn host_in_url(&self) -> String {
        if self.host.contains(':') && !self.host.starts_with('[') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }
}

/// What an observation reads beside the status page and the mobile devices page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whose editor pages.
    pub editors: Editors,
    /// Whether to read the configuration file URL.
    pub config_url: bool,
}

/// Which editor pages are read: each costs a POST and three pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Editors {
    /// None.
    None,
    /// Those of these slots.
    Slots(BTreeSet<SlotNumber>),
    /// Those of every slot that the mobile devices page shows to have a registered handset.
    AllRegistered,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_bracketed_and_the_password_is_masked() {
        let mut target = Target {
            site: "acme".parse().unwrap(),
            host: "::1".into(),
            port: 80,
            password: Secret::new("hunter2"),
            sip_port: 5060,
        };
        assert_eq!(target.host_in_url(), "[::1]");
        assert!(!format!("{target:?}").contains("hunter2"));
        target.host = "n720.example".into();
        assert_eq!(target.host_in_url(), "n720.example");
    }
}
