//! The routes that only read: health, metrics, statuses, alerts, history, window ledgers and hand-off sheets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::attention::{AlertList, SentPage, SilenceList};
use super::board::Board;
use super::host::only_local_names;
use super::metrics::{self, Metrics};
use super::wire::{HistoryPage, Refusal, RefusalKind};
use crate::domain::handoff::Sheet;
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;
use crate::domain::ledger::{Statistics, WindowLedger};

/// Lines of history, windows or messages in an answer, unless `?limit=` says otherwise.
const HISTORY_LIMIT: usize = 100;

/// The most that `?limit=` can ask for.
const HISTORY_LIMIT_MAX: usize = 10_000;

/// How long answers under way may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(3);

/// Asks the store for history: of one site or of all, at most so many entries, newest first. The error is a text for
/// a person.
pub type HistorySource = Arc<
    dyn Fn(Option<SiteName>, usize) -> BoxFuture<'static, Result<Vec<(SiteName, HistoryEntry)>, String>>
        + Send
        + Sync,
>;

/// Asks the store for the window ledger of a site, at most so many windows, newest first; of one that it does not know,
/// an empty one. The error is a text for a person.
pub type WindowSource =
    Arc<dyn Fn(SiteName, usize) -> BoxFuture<'static, Result<WindowLedger, String>> + Send + Sync>;

/// Makes the hand-off sheet of a site on the board; `None`: its file cannot be used. The error is a text for a person.
pub type SheetSource =
    Arc<dyn Fn(SiteName) -> BoxFuture<'static, Result<Option<Sheet>, String>> + Send + Sync>;

/// Asks for the alerts of all sites; with `true` those too whose end some sink has yet to be told. The error is a text for
/// a person.
pub type AlertSource = Arc<dyn Fn(bool) -> BoxFuture<'static, Result<AlertList, String>> + Send + Sync>;

/// Asks the store for what was sent, at most so many messages, newest first. The error is a text for a person.
pub type SentSource = Arc<dyn Fn(usize) -> BoxFuture<'static, Result<SentPage, String>> + Send + Sync>;

/// Gives the silences that hold.
pub type SilenceSource = Arc<dyn Fn() -> SilenceList + Send + Sync>;

/// Answers yes or no at once.
pub type Probe = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the routes tell.
#[derive(Clone)]
pub struct ApiState {
    /// The statuses.
    pub board: Board,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The history.
    pub history: HistorySource,
    /// The window ledgers.
    pub windows: WindowSource,
    /// The hand-off sheets.
    pub handoff: SheetSource,
    /// The alerts.
    pub alerts: AlertSource,
    /// What was sent.
    pub sent: SentSource,
    /// The silences.
    pub silences: SilenceSource,
    /// Whether the daemon's supervisor lives: `/healthz`.
    pub alive: Probe,
    /// Whether what is seen can be kept, without which nothing is done and nobody is told: `/healthz`, too.
    pub keeps: Probe,
    /// Whether every site in force has a status: `/readyz`.
    pub ready: Probe,
}

/// The routes. See [`only_local_names`] for what has to go around them on TCP.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/api/v1/sites", get(sites))
        .route("/api/v1/sites/{site}", get(site))
        .route("/api/v1/sites/{site}/history", get(site_history))
        .route("/api/v1/sites/{site}/windows", get(windows))
        .route("/api/v1/sites/{site}/handoff", get(handoff))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/alerts/sent", get(sent))
        .route("/api/v1/silences", get(silences))
        .route("/api/v1/history", get(history))
        .fallback(nothing)
        .with_state(state)
}

/// Serves the routes on TCP until told to stop.
///
/// # Errors
/// When the listener's address cannot be found out.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let bound: IpAddr = listener.local_addr()?.ip();
    let router = only_local_names(router(state), bound);
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        result = serving => result,
        () = out_of_patience(&shutdown) => Ok(()),
    }
}

/// Ends some time after the server was told to stop, whatever its clients do.
pub(super) async fn out_of_patience(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

async fn index() -> &'static str {
    "n720d watches over the registration of handsets on Gigaset N720 DECT managers.\n\n\
     /api/v1/sites                  status of every site, JSON\n\
     /api/v1/sites/{site}           status of one site\n\
     /api/v1/sites/{site}/history   its history\n\
     /api/v1/sites/{site}/windows   its registration windows, who came in when, statistics\n\
     /api/v1/sites/{site}/handoff   whom to call, and what to tell them\n\
     /api/v1/alerts                 alerts of all, who has taken them, who was told; ?all=true: ends that are owed too\n\
     /api/v1/alerts/sent            what was sent to whom, ?limit=100\n\
     /api/v1/silences               silences that hold\n\
     /api/v1/history                history of all, ?limit=100\n\
     /metrics                       Prometheus\n\
     /healthz /readyz\n"
}

async fn healthz(State(state): State<ApiState>) -> Response {
    probe(match ((state.alive)(), (state.keeps)()) {
        (true, true) => Ok("ok\n"),
        (false, _) => Err("the supervisor does not answer\n"),
        (true, false) => Err(
            "nothing can be kept in the state directory, so nothing is done and nobody is told of anything new: see the log\n",
        ),
    })
}

async fn readyz(State(state): State<ApiState>) -> Response {
    probe(if (state.ready)() { Ok("ready\n") } else { Err("not every site has a status yet\n") })
}

fn probe(state: Result<&'static str, &'static str>) -> Response {
    let (status, text) = match state {
        Ok(text) => (StatusCode::OK, text),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
    };
    (status, [(CACHE_CONTROL, "no-store")], text).into_response()
}

async fn metrics(State(state): State<ApiState>) -> Response {
    match state.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => Refusal::new(RefusalKind::Failed, error.to_string()).into_response(),
    }
}

async fn sites(State(state): State<ApiState>) -> Response {
    json(&state.board.snapshot())
}

async fn site(State(state): State<ApiState>, Path(name): Path<String>) -> Response {
    match known(&state, &name) {
        Ok(name) => match state.board.get(&name) {
            Some(status) => json(status.as_ref()),
            None => Refusal::unknown_site(name.as_str()).into_response(),
        },
        Err(refusal) => refusal.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    #[serde(default)]
    all: bool,
}

async fn alerts(State(state): State<ApiState>, which: Result<Query<Which>, QueryRejection>) -> Response {
    let all = match which {
        Ok(Query(Which { all })) => all,
        Err(error) => return Refusal::new(RefusalKind::BadRequest, error.body_text()).into_response(),
    };
    read((state.alerts)(all).await)
}

async fn sent(State(state): State<ApiState>, page: PageQuery) -> Response {
    match limit_of(page) {
        Ok(limit) => read((state.sent)(limit).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn silences(State(state): State<ApiState>) -> Response {
    json(&(state.silences)())
}

/// What was read, or why it could not be.
fn read<T: Serialize>(outcome: Result<T, String>) -> Response {
    match outcome {
        Ok(value) => json(&value),
        Err(error) => Refusal::new(RefusalKind::Unavailable, error).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<usize>,
}

type PageQuery = Result<Query<Page>, QueryRejection>;

async fn history(State(state): State<ApiState>, page: PageQuery) -> Response {
    history_of(&state, None, page).await.unwrap_or_else(Refusal::into_response)
}

async fn site_history(State(state): State<ApiState>, Path(name): Path<String>, page: PageQuery) -> Response {
    match name.parse() {
        Ok(name) => history_of(&state, Some(name), page).await.unwrap_or_else(Refusal::into_response),
        Err(_) => Refusal::unknown_site(&name).into_response(),
    }
}

/// A site whose file is gone has a history all the same, and the fleet is always there.
async fn history_of(state: &ApiState, site: Option<SiteName>, page: PageQuery) -> Result<Response, Refusal> {
    let limit = limit_of(page)?;
    let unknown = site.clone().filter(|site| !site.is_of_fleet() && state.board.get(site).is_none());
    let entries = (state.history)(site, limit).await;
    let entries = entries.map_err(|error| Refusal::new(RefusalKind::Unavailable, error))?;
    match unknown {
        Some(site) if entries.is_empty() => Err(Refusal::unknown_site(site.as_str())),
        Some(_) | None => Ok(json(&HistoryPage::from(entries))),
    }
}

async fn windows(State(state): State<ApiState>, Path(name): Path<String>, page: PageQuery) -> Response {
    match name.parse() {
        Ok(name) => windows_of(&state, name, page).await.unwrap_or_else(Refusal::into_response),
        Err(_) => Refusal::unknown_site(&name).into_response(),
    }
}

/// A site whose file is gone has had windows all the same.
async fn windows_of(state: &ApiState, site: SiteName, page: PageQuery) -> Result<Response, Refusal> {
    let ledger = (state.windows)(site.clone(), limit_of(page)?).await;
    let ledger = ledger.map_err(|error| Refusal::new(RefusalKind::Unavailable, error))?;
    // The statistics are over all windows that opened, whatever the limit.
    let is_empty = ledger.windows.is_empty() && ledger.statistics == Statistics::default();
    if is_empty && state.board.get(&site).is_none() {
        return Err(Refusal::unknown_site(site.as_str()));
    }
    Ok(json(&ledger))
}

fn limit_of(page: PageQuery) -> Result<usize, Refusal> {
    let Query(page) = page.map_err(|error| Refusal::new(RefusalKind::BadRequest, error.body_text()))?;
    Ok(page.limit.unwrap_or(HISTORY_LIMIT).min(HISTORY_LIMIT_MAX))
}

async fn handoff(State(state): State<ApiState>, Path(name): Path<String>) -> Response {
    match known(&state, &name) {
        Ok(name) => handoff_of(&state, name).await.unwrap_or_else(Refusal::into_response),
        Err(refusal) => refusal.into_response(),
    }
}

async fn handoff_of(state: &ApiState, site: SiteName) -> Result<Response, Refusal> {
    let sheet = (state.handoff)(site.clone()).await;
    match sheet.map_err(|error| Refusal::new(RefusalKind::Unavailable, error))? {
        Some(sheet) => Ok(json(&sheet)),
        None => Err(Refusal::unusable_file(&site)),
    }
}

/// The name of a site that is on the board.
fn known(state: &ApiState, name: &str) -> Result<SiteName, Refusal> {
    let site = name.parse::<SiteName>().ok().filter(|site| state.board.get(site).is_some());
    site.ok_or_else(|| Refusal::unknown_site(name))
}

async fn nothing() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "there is no such page: see /")
}

/// Never cached: a status is of its moment.
pub(super) fn json<T: Serialize>(value: &T) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(value)).into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.kind {
            RefusalKind::NotFound => StatusCode::NOT_FOUND,
            RefusalKind::BadRequest => StatusCode::BAD_REQUEST,
            RefusalKind::ForeignHost => StatusCode::FORBIDDEN,
            RefusalKind::Refused => StatusCode::CONFLICT,
            RefusalKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, json(&self)).into_response()
    }
}
