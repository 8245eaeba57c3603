//! The control socket: over it the commands ask the running daemon for statuses, and to poll, reload, approve, apply,
//! pause, change web passwords, and say something of alerts.
//!
//! Who may connect is a matter of the file's mode, 0600: the daemon's user and root.

use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::attention::{
    AcknowledgeAnswer, AcknowledgeRequest, EndSilenceRequest, SilenceAnswer, SilenceLine, SilenceRequest,
    TestAnswer, TestRequest, WithdrawRequest,
};
use super::pauses::{PauseAnswer, PauseRequest, ResumeAnswer, ResumeRequest};
use super::routes::{ApiState, json, out_of_patience, router};
use super::wire::{
    ApplyRequest, ApproveAnswer, ApproveRequest, PollRequest, Refusal, RefusalKind, ReloadReport,
    RetryPushRequest, RotateRequest, ShowPasswordRequest, ShownPassword,
};
use crate::domain::ids::SiteName;
use crate::domain::status::SiteStatus;

/// Name of the control socket in the state directory.
pub const CONTROL_SOCKET: &str = "control.sock";

/// The longest path that the kernel takes for a socket: 108 bytes with the zero at its end.
const PATH_LIMIT: usize = 107;

/// What a command can ask of the daemon.
pub trait Control: Send + Sync + 'static {
    /// Reads a manager at once, within the limits that hold for every reading; answers with the status after it.
    fn poll(
        &self,
        site: SiteName,
        retry_login: bool,
    ) -> impl Future<Output = Result<SiteStatus, Refusal>> + Send;

    /// Has what was pushed in vain released again from the next cycle on, on the word of the person named.
    fn retry_push(&self, site: SiteName, by: String) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Reloads everything or nothing; answers when that is decided.
    fn reload(&self) -> impl Future<Output = Result<ReloadReport, Refusal>> + Send;

    /// Runs a cycle that carries its plan out; answers with the status after it.
    fn apply(&self, site: SiteName) -> impl Future<Output = Result<SiteStatus, Refusal>> + Send;

    /// Approves a plan, if it is still the present one; answers when what may be carried out by it has been.
    fn approve(&self, request: ApproveRequest)
    -> impl Future<Output = Result<ApproveAnswer, Refusal>> + Send;

    /// Pauses changes at a site, or at all; answers when nothing new is begun any more.
    fn pause(&self, request: PauseRequest) -> impl Future<Output = Result<PauseAnswer, Refusal>> + Send;

    /// Ends a pause.
    fn resume(&self, request: ResumeRequest) -> impl Future<Output = Result<ResumeAnswer, Refusal>> + Send;

    /// Takes an alert on somebody's word.
    fn acknowledge(
        &self,
        request: AcknowledgeRequest,
    ) -> impl Future<Output = Result<AcknowledgeAnswer, Refusal>> + Send;

    /// Gives an alert back.
    fn withdraw(
        &self,
        request: WithdrawRequest,
    ) -> impl Future<Output = Result<AcknowledgeAnswer, Refusal>> + Send;

    /// Has nobody told of some alerts for a while.
    fn silence(&self, request: SilenceRequest)
    -> impl Future<Output = Result<SilenceAnswer, Refusal>> + Send;

    /// Ends a silence; answers with what it was.
    fn end_silence(
        &self,
        request: EndSilenceRequest,
    ) -> impl Future<Output = Result<SilenceLine, Refusal>> + Send;

    /// Sends a message to a sink that says that it is a test; answers when the sink has taken it.
    fn test_sink(&self, request: TestRequest) -> impl Future<Output = Result<TestAnswer, Refusal>> + Send;

    /// Begins or calls off a change of a web password; answers with the status after a cycle.
    fn rotate(&self, request: RotateRequest) -> impl Future<Output = Result<SiteStatus, Refusal>> + Send;

    /// Gives away the web password that n720d alone knows, and keeps who asked for it.
    fn show_password(
        &self,
        request: ShowPasswordRequest,
    ) -> impl Future<Output = Result<ShownPassword, Refusal>> + Send;
}

/// Why there is no control socket. The daemon can do without: `status` then tells what was stored.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The kernel takes no such path.
    #[error(
        "cannot listen on {}: {} bytes are too long for a socket, {PATH_LIMIT} are the limit; set a shorter state_dir",
        path.display(), path.as_os_str().len()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// Somebody listens there.
    #[error("cannot listen on {}: another process does", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// The socket, listening. Its file goes when it is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    file: SocketFile,
}

impl ControlSocket {
    /// Listens on `path`, in place of the file that a dead daemon left. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        if path.as_os_str().len() > PATH_LIMIT {
            return Err(SocketError::TooLong { path: path.to_owned() });
        }
        let fail = |operation| move |source| SocketError::File { operation, path: path.to_owned(), source };
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(SocketError::InUse { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // What is no socket refuses connections too, and is not ours to remove.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && is_socket(path) => {
                std::fs::remove_file(path).map_err(fail("remove the dead socket"))?;
            }
            Err(error) => return Err(fail("look at")(error)),
        }
        let listener = UnixListener::bind(path).map_err(fail("listen on"))?;
        let file = SocketFile(path.to_owned());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(fail("change the mode of"))?;
        Ok(Self { listener, file })
    }

    /// Serves the reading routes and `POST /control/…` until told to stop.
    ///
    /// # Errors
    /// None at present: connections that fail are dropped.
    pub async fn serve(
        self,
        state: ApiState,
        control: Arc<impl Control>,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        let Self { listener, file: _file } = self;
        let router = router(state).merge(control_router(control));
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
        tokio::select! {
            result = serving => result,
            () = out_of_patience(&shutdown) => Ok(()),
        }
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Removes the socket's file when the daemon leaves.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // One that stays behind is replaced by the next daemon.
        drop(std::fs::remove_file(&self.0));
    }
}

fn control_router<C: Control>(control: Arc<C>) -> Router {
    Router::new()
        .route("/control/poll", post(poll::<C>))
        .route("/control/retry-push", post(retry_push::<C>))
        .route("/control/reload", post(reload::<C>))
        .route("/control/apply", post(apply::<C>))
        .route("/control/approve", post(approve::<C>))
        .route("/control/pause", post(pause::<C>))
        .route("/control/resume", post(resume::<C>))
        .route("/control/acknowledge", post(acknowledge::<C>))
        .route("/control/withdraw", post(withdraw::<C>))
        .route("/control/silence", post(silence::<C>))
        .route("/control/end-silence", post(end_silence::<C>))
        .route("/control/test-sink", post(test_sink::<C>))
        .route("/control/rotate-password", post(rotate::<C>))
        .route("/control/show-password", post(show_password::<C>))
        .with_state(control)
}

async fn poll<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<PollRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(PollRequest { site, retry_login }) => answer(control.poll(site, retry_login).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn retry_push<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<RetryPushRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(RetryPushRequest { site, by }) => answer(control.retry_push(site, by).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn reload<C: Control>(State(control): State<Arc<C>>) -> Response {
    answer(control.reload().await)
}

async fn apply<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<ApplyRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(ApplyRequest { site }) => answer(control.apply(site).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn approve<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<ApproveRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.approve(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn rotate<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<RotateRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.rotate(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn pause<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<PauseRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.pause(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn resume<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<ResumeRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.resume(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn acknowledge<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<AcknowledgeRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.acknowledge(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn withdraw<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<WithdrawRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.withdraw(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn silence<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<SilenceRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.silence(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn end_silence<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<EndSilenceRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.end_silence(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn test_sink<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<TestRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.test_sink(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn show_password<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<ShowPasswordRequest>, JsonRejection>,
) -> Response {
    match understood(request) {
        Ok(request) => answer(control.show_password(request).await),
        Err(refusal) => refusal.into_response(),
    }
}

fn understood<T>(request: Result<Json<T>, JsonRejection>) -> Result<T, Refusal> {
    request
        .map(|Json(request)| request)
        .map_err(|error| Refusal::new(RefusalKind::BadRequest, error.body_text()))
}

fn answer<T: serde::Serialize>(outcome: Result<T, Refusal>) -> Response {
    match outcome {
        Ok(value) => json(&value),
        Err(refusal) => refusal.into_response(),
    }
}
