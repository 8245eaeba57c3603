//! One request, one answer: who may ask, what is asked for, what is recorded, what goes out.
//!
//! No sockets and no time limits here. Nothing logged or answered shows a token, a password or a file.

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::response::Builder;
use axum::http::{Method, Response, StatusCode, header};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::address::Address;
use super::client::{self, N720Agent};
use super::digest::{DigestGate, Verdict};
use super::settings::ServerSettings;
use super::shelf::{FetchMethod, FetchRecord, ServedFile, Shelf, ShelfError};

/// Answers requests out of a shelf.
pub(super) struct Desk<S> {
    shelf: Arc<S>,
    settings: watch::Receiver<ServerSettings>,
    gate: DigestGate,
}

impl<S: Shelf> Desk<S> {
    /// A desk before this shelf.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn new(shelf: Arc<S>, settings: watch::Receiver<ServerSettings>) -> io::Result<Self> {
        Ok(Self { shelf, settings, gate: DigestGate::new()? })
    }

    /// Answers a request, and has the answer counted.
    pub(super) async fn answer(&self, peer: IpAddr, request: &Parts) -> Response<Body> {
        let answer = self.decide(peer, request).await;
        self.shelf.answered(answer.status().as_u16());
        answer
    }

    /// What is not there, under a wrong token or for a wrong MAC, gets one and the same answer.
    async fn decide(&self, peer: IpAddr, request: &Parts) -> Response<Body> {
        let peer = peer.to_canonical();
        if !self.settings.borrow().allows(peer) {
            info!(%peer, "provisioning request refused: source not in [provisioning] allow");
            return plain(StatusCode::FORBIDDEN);
        }
        let method = match request.method {
            Method::GET => FetchMethod::Get,
            Method::HEAD => FetchMethod::Head,
            _ => {
                return sent(
                    start(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, "GET, HEAD"),
                    Body::empty(),
                );
            }
        };
        let Some(address) = Address::of_path(request.uri.path()) else {
            return plain(StatusCode::NOT_FOUND);
        };
        let file = match self.shelf.lookup(&address.token, address.mac).await {
            Ok(Some(file)) => file,
            Ok(None) => {
                info!(%peer, path = ?address, "provisioning request for what is not there");
                return plain(StatusCode::NOT_FOUND);
            }
            Err(cause) => return unavailable(&cause),
        };
        match self.refusal(peer, method, &address, request, &file) {
            None => self.hand_out(peer, method, &address, request, file).await,
            Some(refusal) => refusal,
        }
    }

    /// What a client is told that has not shown the credentials which the site wants, if it wants any.
    fn refusal(
        &self,
        peer: IpAddr,
        method: FetchMethod,
        address: &Address,
        request: &Parts,
        file: &ServedFile,
    ) -> Option<Response<Body>> {
        let credentials = file.digest.as_ref()?;
        let verdict = self.gate.check(method.as_str(), address, &request.headers, credentials);
        match verdict {
            Verdict::Authentic => return None,
            Verdict::NoneShown | Verdict::Stale => {}
            Verdict::Wrong => warn!(site = %file.site, %peer, "provisioning request with wrong credentials"),
        }
        let challenge = self.gate.challenge(verdict == Verdict::Stale);
        let refusal = start(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, challenge);
        Some(sent(refusal, Body::from("Unauthorized\n")))
    }

    /// Puts the fetch on record, then sends the file.
    async fn hand_out(
        &self,
        peer: IpAddr,
        method: FetchMethod,
        address: &Address,
        request: &Parts,
        file: ServedFile,
    ) -> Response<Body> {
        let fetch = fetch_record(peer, method, address, request, &file);
        let (site, version, by_manager) = (fetch.site.clone(), fetch.version.clone(), fetch.by_manager);
        if let Err(cause) = self.shelf.record(fetch).await {
            return unavailable(&cause);
        }
        info!(%site, %peer, %version, method = method.as_str(), by_manager, "provisioning file served");
        let head = start(StatusCode::OK)
            .header(header::CONTENT_TYPE, "application/xml")
            .header(header::CONTENT_LENGTH, file.body.len());
        // hyper sends no body in answer to HEAD; the head is that of the GET.
        sent(head, Body::from(file.body))
    }
}

/// What is recorded of a request for a file.
fn fetch_record(
    peer: IpAddr,
    method: FetchMethod,
    address: &Address,
    request: &Parts,
    file: &ServedFile,
) -> FetchRecord {
    let user_agent = request.headers.get(header::USER_AGENT).map(|value| client::printable(value.as_bytes()));
    let agent = user_agent.as_deref().and_then(N720Agent::of);
    let named_mac = agent.as_ref().and_then(|agent| agent.mac);
    let from_its_host = file.manager_host.is_some_and(|host| host.to_canonical() == peer);
    let by_manager = method == FetchMethod::Get
        && (agent.is_some() || from_its_host)
        && named_mac.is_none_or(|mac| mac == address.mac);
    FetchRecord {
        site: file.site.clone(),
        release: file.release,
        version: file.version.clone(),
        peer,
        method,
        status: StatusCode::OK.as_u16(),
        by_manager,
        firmware: agent.and_then(|agent| agent.firmware).filter(|_| by_manager),
        filled: client::filled_slots(request.uri.query(), address.piece.as_deref()).filter(|_| by_manager),
        user_agent,
    }
}

/// The shelf did not answer; the client is told to come back, the log why.
fn unavailable(cause: &ShelfError) -> Response<Body> {
    let mut reason = cause.to_string();
    let mut source = cause.source();
    while let Some(deeper) = source {
        // Writing to a String does not fail.
        let _ = write!(reason, ": {deeper}");
        source = deeper.source();
    }
    error!(%reason, "provisioning request not served");
    plain(StatusCode::SERVICE_UNAVAILABLE)
}

/// An answer that says its status and nothing else.
fn plain(status: StatusCode) -> Response<Body> {
    sent(start(status), Body::from(format!("{}\n", status.canonical_reason().unwrap_or_default())))
}

/// What every answer begins with: none may be kept by anybody on the way.
fn start(status: StatusCode) -> Builder {
    Response::builder()
        .status(status)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
}

fn sent(head: Builder, body: Body) -> Response<Body> {
    head.body(body).unwrap_or_else(|_| {
        let mut failed = Response::new(Body::empty());
        *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}

#[cfg(test)]
mod tests;
