//! What can be set at the provisioning server. No parsing of files here: `config` makes these values.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

/// Settings of the provisioning server. They may be exchanged while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerSettings {
    /// Source networks that are answered; everybody else gets 403. Empty: nobody is answered.
    pub allow: Vec<IpNet>,
    /// What one client may take up. The numbers of connections count from the start of the server on.
    pub limits: Limits,
}

impl ServerSettings {
    /// Whether requests from this address are answered. An IPv4 address that comes mapped into IPv6, as on a
    /// listener for both, counts as IPv4.
    pub fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.allow.iter().any(|net| net.contains(&peer))
    }
}

/// What clients may take up. The defaults suit managers, which ask for one small file a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time from allowed sources; more wait to be accepted.
    pub connections: usize,
    /// Connections at a time from one address, so that one host cannot take all; more are closed at once. Several
    /// managers may share an address behind a NAT.
    pub per_source: usize,
    /// Connections at a time from other sources, each waiting for its 403; more are closed at once.
    pub strangers: usize,
    /// Bytes of a request's head, at least 8192.
    pub head_bytes: usize,
    /// Until the head of the request is there.
    pub head_time: Duration,
    /// For the whole connection.
    pub total_time: Duration,
    /// For answers under way when the server is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            per_source: 64,
            strangers: 32,
            head_bytes: 16 * 1024,
            head_time: Duration::from_secs(10),
            total_time: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowing(nets: &[&str]) -> ServerSettings {
        let allow = nets.iter().map(|net| net.parse().unwrap()).collect();
        ServerSettings { allow, limits: Limits::default() }
    }

    #[test]
    fn only_listed_networks_are_allowed() {
        let settings = allowing(&["10.0.0.0/8", "fd00::/8"]);
        for (peer, allowed) in [
            ("10.20.0.2", true),
            ("11.0.0.1", false),
            ("fd00::7", true),
            ("fe80::1", false),
            ("::ffff:10.20.0.2", true),
            ("::ffff:192.0.2.1", false),
        ] {
            assert_eq!(settings.allows(peer.parse().unwrap()), allowed, "{peer}");
        }
    }

    #[test]
    fn an_empty_list_allows_nobody() {
        assert!(!allowing(&[]).allows("127.0.0.1".parse().unwrap()));
    }
}
