//! The client of the control socket, for the commands. It prints nothing and decides nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::attention::{
    AcknowledgeAnswer, AcknowledgeRequest, AlertList, EndSilenceRequest, SentPage, SilenceAnswer,
    SilenceLine, SilenceList, SilenceRequest, TestAnswer, TestRequest, WithdrawRequest,
};
use super::control::CONTROL_SOCKET;
use super::pauses::{PauseAnswer, PauseRequest, ResumeAnswer, ResumeRequest};
use super::wire::{
    ApplyRequest, ApproveAnswer, ApproveRequest, HistoryPage, PollRequest, Refusal, ReloadReport,
    RetryPushRequest, RotateRequest, ShowPasswordRequest, ShownPassword,
};
use crate::domain::handoff::Sheet;
use crate::domain::ids::SiteName;
use crate::domain::ledger::WindowLedger;
use crate::domain::secret::Secret;
use crate::domain::status::{FleetStatus, SiteStatus};

/// For what the daemon answers out of its memory or store.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// For a cycle, or a reload with its look-up of every secret.
const CYCLE_TIMEOUT: Duration = Duration::from_secs(300);

/// For a cycle with a push and its settle time.
const APPLY_TIMEOUT: Duration = Duration::from_secs(1800);

/// A connection to the running daemon.
#[derive(Debug, Clone)]
pub struct ControlClient {
    client: Client,
    socket: PathBuf,
}

/// Why the daemon did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is a socket, and it cannot be reached.
    #[error("cannot connect to {}: run this as the daemon's user or as root", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// Why it cannot.
        source: io::Error,
    },
    /// The HTTP client cannot be made.
    #[error("cannot set up the client of {}", socket.display())]
    Setup {
        /// The socket.
        socket: PathBuf,
        /// Why it cannot.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No whole answer came.
    #[error("cannot {operation} over {}", socket.display())]
    Transport {
        /// What was asked.
        operation: &'static str,
        /// The socket.
        socket: PathBuf,
        /// Why none came.
        source: reqwest::Error,
    },
    /// The daemon said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl ControlClient {
    /// Connects to the daemon that works on `state_dir`; `None` when none runs.
    ///
    /// # Errors
    /// When there is a socket that cannot be used, for instance by another user.
    pub fn connect(state_dir: &Path) -> Result<Option<Self>, ClientError> {
        let socket = state_dir.join(CONTROL_SOCKET);
        match std::os::unix::net::UnixStream::connect(&socket) {
            Ok(_) => Ok(Some(Self { client: client(&socket)?, socket })),
            Err(error)
                if matches!(
                    error.kind(),
                    // A path too long for a socket is invalid input: no daemon listens there either.
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput
                ) =>
            {
                Ok(None)
            }
            Err(source) => Err(ClientError::Connect { socket, source }),
        }
    }

    /// The status of every site.
    ///
    /// # Errors
    /// See [`ClientError`]; the same holds for the methods below.
    pub async fn status(&self) -> Result<FleetStatus, ClientError> {
        let operation = "ask for the status";
        self.send(operation, self.request(Method::GET, "/api/v1/sites", READ_TIMEOUT)).await
    }

    /// The status of one site.
    ///
    /// # Errors
    /// A site that the daemon does not know is a [`ClientError::Refused`].
    pub async fn site_status(&self, site: &SiteName) -> Result<SiteStatus, ClientError> {
        let path = format!("/api/v1/sites/{site}");
        self.send("ask for the status", self.request(Method::GET, &path, READ_TIMEOUT)).await
    }

    /// The history of one site or of all, newest first.
    ///
    /// # Errors
    /// As above.
    pub async fn history(&self, site: Option<&SiteName>, limit: usize) -> Result<HistoryPage, ClientError> {
        let path = match site {
            Some(site) => format!("/api/v1/sites/{site}/history?limit={limit}"),
            None => format!("/api/v1/history?limit={limit}"),
        };
        self.send("ask for the history", self.request(Method::GET, &path, READ_TIMEOUT)).await
    }

    /// The window ledger of one site, at most so many windows, newest first.
    ///
    /// # Errors
    /// As above.
    pub async fn windows(&self, site: &SiteName, limit: usize) -> Result<WindowLedger, ClientError> {
        let path = format!("/api/v1/sites/{site}/windows?limit={limit}");
        self.send("ask for the window ledger", self.request(Method::GET, &path, READ_TIMEOUT)).await
    }

    /// The hand-off sheet of one site.
    ///
    /// # Errors
    /// As above; a site whose file has errors is refused too.
    pub async fn handoff(&self, site: &SiteName) -> Result<Sheet, ClientError> {
        let path = format!("/api/v1/sites/{site}/handoff");
        self.send("ask for the hand-off sheet", self.request(Method::GET, &path, READ_TIMEOUT)).await
    }

    /// Has a manager read at once; the status after it.
    ///
    /// # Errors
    /// As above.
    pub async fn poll(&self, site: SiteName, retry_login: bool) -> Result<SiteStatus, ClientError> {
        let request = self.request(Method::POST, "/control/poll", CYCLE_TIMEOUT);
        self.send("have the manager read", request.json(&PollRequest { site, retry_login })).await
    }

    /// Has what was pushed in vain released again from the next cycle on, on the word of `by`.
    ///
    /// # Errors
    /// As above.
    pub async fn retry_push(&self, site: SiteName, by: String) -> Result<(), ClientError> {
        let request = self.request(Method::POST, "/control/retry-push", READ_TIMEOUT);
        self.send("have it released again", request.json(&RetryPushRequest { site, by })).await
    }

    /// Has the configuration reloaded, everything or nothing.
    ///
    /// # Errors
    /// As above.
    pub async fn reload(&self) -> Result<ReloadReport, ClientError> {
        self.send("reload", self.request(Method::POST, "/control/reload", CYCLE_TIMEOUT)).await
    }

    /// Has a plan carried out; the status after it.
    ///
    /// # Errors
    /// As above.
    pub async fn apply(&self, site: SiteName) -> Result<SiteStatus, ClientError> {
        let request = self.request(Method::POST, "/control/apply", APPLY_TIMEOUT);
        self.send("apply", request.json(&ApplyRequest { site })).await
    }

    /// Has a plan approved; what that came to, refusals of the plan among it.
    ///
    /// # Errors
    /// As above; a request that is not understood and a manager that cannot be read are [`ClientError::Refused`].
    pub async fn approve(&self, request: &ApproveRequest) -> Result<ApproveAnswer, ClientError> {
        let post = self.request(Method::POST, "/control/approve", APPLY_TIMEOUT);
        self.send("approve", post.json(request)).await
    }

    /// Has changes paused at a site, or at all.
    ///
    /// # Errors
    /// As above.
    pub async fn pause(&self, request: &PauseRequest) -> Result<PauseAnswer, ClientError> {
        let post = self.request(Method::POST, "/control/pause", READ_TIMEOUT);
        self.send("pause", post.json(request)).await
    }

    /// Has a pause ended.
    ///
    /// # Errors
    /// As above.
    pub async fn resume(&self, request: &ResumeRequest) -> Result<ResumeAnswer, ClientError> {
        let post = self.request(Method::POST, "/control/resume", READ_TIMEOUT);
        self.send("resume", post.json(request)).await
    }

    /// The alerts of all sites; with `ended`, those too whose end some sink has yet to be told.
    ///
    /// # Errors
    /// As above.
    pub async fn alerts(&self, ended: bool) -> Result<AlertList, ClientError> {
        let path = format!("/api/v1/alerts?all={ended}");
        self.send("ask for the alerts", self.request(Method::GET, &path, READ_TIMEOUT)).await
    }

    /// What was sent, at most so many messages, newest first.
    ///
    /// # Errors
    /// As above.
    pub async fn sent(&self, limit: usize) -> Result<SentPage, ClientError> {
        let path = format!("/api/v1/alerts/sent?limit={limit}");
        self.send("ask for what was sent", self.request(Method::GET, &path, READ_TIMEOUT)).await
    }

    /// The silences that hold.
    ///
    /// # Errors
    /// As above.
    pub async fn silences(&self) -> Result<SilenceList, ClientError> {
        let request = self.request(Method::GET, "/api/v1/silences", READ_TIMEOUT);
        self.send("ask for the silences", request).await
    }

    /// Takes an alert.
    ///
    /// # Errors
    /// As above; one that is not known or has ended is refused.
    pub async fn acknowledge(&self, request: &AcknowledgeRequest) -> Result<AcknowledgeAnswer, ClientError> {
        let post = self.request(Method::POST, "/control/acknowledge", READ_TIMEOUT);
        self.send("acknowledge", post.json(request)).await
    }

    /// Gives an alert back.
    ///
    /// # Errors
    /// As above; one that is not known is refused.
    pub async fn withdraw(&self, request: &WithdrawRequest) -> Result<AcknowledgeAnswer, ClientError> {
        let post = self.request(Method::POST, "/control/withdraw", READ_TIMEOUT);
        self.send("withdraw the acknowledgement", post.json(request)).await
    }

    /// Has nobody told of some alerts for a while.
    ///
    /// # Errors
    /// As above.
    pub async fn silence(&self, request: &SilenceRequest) -> Result<SilenceAnswer, ClientError> {
        let post = self.request(Method::POST, "/control/silence", READ_TIMEOUT);
        self.send("silence", post.json(request)).await
    }

    /// Has a silence ended; what it was.
    ///
    /// # Errors
    /// As above; one that does not hold is refused.
    pub async fn end_silence(&self, request: &EndSilenceRequest) -> Result<SilenceLine, ClientError> {
        let post = self.request(Method::POST, "/control/end-silence", READ_TIMEOUT);
        self.send("end the silence", post.json(request)).await
    }

    /// Has a sink tried.
    ///
    /// # Errors
    /// As above; a sink that is not known, or did not take the message, is refused.
    pub async fn test_sink(&self, request: &TestRequest) -> Result<TestAnswer, ClientError> {
        let post = self.request(Method::POST, "/control/test-sink", CYCLE_TIMEOUT);
        self.send("try the sink", post.json(request)).await
    }

    /// Has a change of a web password begun or called off; the status after it.
    ///
    /// # Errors
    /// As above; what cannot begin or be called off now is refused.
    pub async fn rotate(&self, request: &RotateRequest) -> Result<SiteStatus, ClientError> {
        let post = self.request(Method::POST, "/control/rotate-password", CYCLE_TIMEOUT);
        self.send("have the web password changed", post.json(request)).await
    }

    /// The web password that n720d alone knows.
    ///
    /// # Errors
    /// As above; where there is none, that is refused.
    pub async fn show_password(&self, request: &ShowPasswordRequest) -> Result<Secret, ClientError> {
        let post = self.request(Method::POST, "/control/show-password", READ_TIMEOUT);
        let shown: ShownPassword = self.send("ask for the web password", post.json(request)).await?;
        Ok(Secret::new(shown.password))
    }

    fn request(&self, method: Method, path: &str, timeout: Duration) -> RequestBuilder {
        self.client.request(method, format!("http://localhost{path}")).timeout(timeout)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<T, ClientError> {
        let lost = |source: reqwest::Error| ClientError::Transport {
            operation,
            socket: self.socket.clone(),
            source: source.without_url(),
        };
        let response = request.send().await.map_err(lost)?;
        if response.status().is_success() {
            response.json().await.map_err(lost)
        } else {
            Err(ClientError::Refused(response.json().await.map_err(lost)?))
        }
    }
}

/// A client that only ever uses the socket. It is given its own TLS settings, never used, because the library makes
/// some in any case and has no default provider here.
fn client(socket: &Path) -> Result<Client, ClientError> {
    let setup = |source| ClientError::Setup { socket: socket.to_owned(), source };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(Box::new(error)))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .unix_socket(socket)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| setup(Box::new(error)))
}
