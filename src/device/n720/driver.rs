//! The driver: what all sessions share — one HTTP client, the tracker that outlives a vanished caller, and one turn per
//! manager at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::task::TaskTracker;

use super::http::Server;
use super::session::Session;
use super::target::Target;
use super::{check_sync, login};
use crate::domain::observed::ContactFailure;
use crate::domain::release::TriggerOutcome;

/// A driver that cannot be made: the HTTP client refused its settings.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The TLS library refused its settings; it is needed to build the client, though the device speaks plain HTTP.
    #[error("cannot set up the HTTP client for the managers (TLS)")]
    Tls(#[source] rustls::Error),
    /// The HTTP client refused its settings.
    #[error("cannot set up the HTTP client for the managers")]
    Client(#[source] reqwest::Error),
}

/// How patiently a download that was asked for through the web interface is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at its state.
    pub look_every: Duration,
    /// When its outcome is given up as unknown.
    pub give_up_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { look_every: Duration::from_millis(700), give_up_after: Duration::from_secs(120) }
    }
}

/// By host and port: whose turn it is. Grows with the managers ever met, a hundred bytes each.
type Turns = BTreeMap<(String, u16), Arc<Semaphore>>;

/// Drives any number of managers. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Driver {
    client: reqwest::Client,
    timeout: Duration,
    pace: Pace,
    tracker: TaskTracker,
    /// One turn per manager, by address: the device has one session, and a log-out that is still under way comes first.
    turns: Arc<Mutex<Turns>>,
}

impl Driver {
    /// A driver that gives each request this long in all, and at most 5 s of it to connect.
    pub fn new(timeout: Duration) -> Result<Self, DriverError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(5)))
            .http1_title_case_headers()
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .user_agent(concat!("n720d/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(no_tls().map_err(DriverError::Tls)?)
            .build()
            .map_err(DriverError::Client)?;
        Ok(Self {
            client,
            timeout,
            pace: Pace::default(),
            tracker: TaskTracker::new(),
            turns: Arc::default(),
        })
    }

    /// The same driver with another patience for downloads.
    pub fn with_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Logs in. Waits until an earlier session of ours with this manager has logged out.
    ///
    /// The login runs to its end even if this call is cancelled, and is then logged out.
    pub async fn open(&self, target: &Target) -> Result<Session, ContactFailure> {
        let server = self.server(target)?;
        let turn = self.turn(target);
        let (tracker, pace, target) = (self.tracker.clone(), self.pace, target.clone());
        let (mut done, opened) = oneshot::channel();
        self.tracker.spawn(async move {
            let turn: Option<OwnedSemaphorePermit> = tokio::select! {
                turn = turn.acquire_owned() => turn.ok(),
                () = done.closed() => return,
            };
            let outcome = login::log_in(&server, &target).await;
            let session = outcome.map(|key| Session::new(server, key, target, turn, tracker, pace));
            // A caller that is gone gets nothing; the session is dropped here and logs itself out.
            drop(done.send(session));
        });
        opened.await.unwrap_or_else(|_| {
            Err(ContactFailure::Unreachable(
                "the login was broken off: the daemon is stopping, or a bug".to_owned(),
            ))
        })
    }

    /// Tells a manager by SIP to look for a new provisioning file: NOTIFY with `Event: check-sync` to `user`.
    pub async fn check_sync(&self, target: &Target, user: &str) -> TriggerOutcome {
        check_sync::notify(target, user).await
    }

    /// Waits until every login and log-out under way is done, for a shutdown. The caller bounds it, and closes or drops
    /// its sessions before. Sessions can still be opened afterwards.
    pub async fn drained(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn server(&self, target: &Target) -> Result<Server, ContactFailure> {
        let host = target.host_in_url();
        let no_host = || ContactFailure::Unreachable(format!("{host:?} is no host name or address"));
        let base: reqwest::Url = format!("http://{host}:{}/", target.port).parse().map_err(|_| no_host())?;
        let plain = base.path() == "/"
            && base.username().is_empty()
            && base.query().is_none()
            && base.fragment().is_none();
        if !plain || base.port_or_known_default() != Some(target.port) {
            return Err(no_host());
        }
        Ok(Server { client: self.client.clone(), base, timeout: self.timeout })
    }

    fn turn(&self, target: &Target) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (target.host.to_ascii_lowercase(), target.port);
        Arc::clone(turns.entry(key).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

/// A TLS configuration that trusts nobody: managers are spoken to in plain HTTP, and building a client needs one.
pub(super) fn no_tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;

    fn target(host: &str) -> Target {
        Target {
            site: "acme".parse().unwrap(),
            host: host.into(),
            port: 80,
            password: Secret::new("x"),
            sip_port: 5060,
        }
    }

    #[test]
    fn a_host_is_a_host_and_nothing_else() {
        let driver = Driver::new(Duration::from_secs(1)).unwrap();
        for host in ["127.0.0.1", "n720.example", "::1", "[::1]"] {
            assert!(driver.server(&target(host)).is_ok(), "{host}");
        }
        for host in ["", "a/b", "user@host", "a b", "host?x", "host#x", "h:1"] {
            assert!(driver.server(&target(host)).is_err(), "{host}");
        }
    }
}
