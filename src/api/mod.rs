//! What n720d tells over HTTP: JSON, metrics and health on a TCP port, read only; and the control socket, a Unix
//! socket in the state directory over which the commands talk to the daemon, with its client.
//!
//! No decisions and no state of its own: what is told is on the [`Board`] and in the [`Metrics`], what is asked of the
//! daemon goes through [`Control`].

mod attention;
mod board;
mod client;
mod control;
mod host;
mod metrics;
mod pauses;
mod routes;
mod wire;

pub use attention::{
    AcknowledgeAnswer, AcknowledgeRequest, AlertLine, AlertList, EndSilenceRequest, Hushed, SentMessage,
    SentPage, SilenceAnswer, SilenceLine, SilenceList, SilenceRequest, Taken, TestAnswer, TestRequest,
    ToldLine, WithdrawRequest,
};
pub use board::{Board, Snapshot};
pub use client::{ClientError, ControlClient};
pub use control::{CONTROL_SOCKET, Control, ControlSocket, SocketError};
pub use host::only_local_names;
pub use metrics::{DeliveryResult, Metrics};
pub use pauses::{PauseAnswer, PauseRequest, ResumeAnswer, ResumeRequest, StillPaused};
pub use routes::{
    AlertSource, ApiState, HistorySource, Probe, SentSource, SheetSource, SilenceSource, WindowSource,
    router, serve,
};
pub use wire::{
    ApplyRequest, ApproveAnswer, ApproveOutcome, ApproveRequest, HistoryLine, HistoryPage, PollRequest,
    Refusal, RefusalKind, ReloadReport, RetryPushRequest, RotateRequest, ShowPasswordRequest, ShownPassword,
};
