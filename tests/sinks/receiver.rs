//! A web server for sinks to post to: takes everything down and answers as it is told. Ends when dropped.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}")).to_str().unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// How the receiver answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    /// With the request in its body, as receivers do that want to be helpful.
    Echo(u16),
    RedirectTo(&'static str),
    /// With this `Retry-After`.
    Later(u16, &'static str),
    Endless,
    Never,
}

struct Inner {
    arrived: Mutex<Vec<Arrived>>,
    script: Mutex<VecDeque<Answer>>,
    then: Answer,
}

/// The server.
pub(crate) struct Receiver {
    address: SocketAddr,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Answers by a script, then with 204.
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::answering(script, Answer::Status(204)).await
    }

    /// Always answers so.
    pub(crate) async fn always(answer: Answer) -> Self {
        Self::answering([], answer).await
    }

    async fn answering(script: impl IntoIterator<Item = Answer>, then: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Mutex::new(script.into_iter().collect());
        let inner = Arc::new(Inner { arrived: Mutex::default(), script, then });
        let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inner, server }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// With a token in its path and another in its query.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks/t0ken?key=qu3ry", self.address)
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.inner.arrived.lock().unwrap().clone()
    }

    /// What was posted to it.
    pub(crate) fn posted(&self) -> Vec<Arrived> {
        self.arrived().into_iter().filter(|one| one.method == Method::POST).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn take(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let arrived = Arrived { method, path: uri.to_string(), headers, body };
    inner.arrived.lock().unwrap().push(arrived.clone());
    let answer = inner.script.lock().unwrap().pop_front().unwrap_or(inner.then);
    match answer {
        Answer::Status(status) => (StatusCode::from_u16(status).unwrap(), "so be it").into_response(),
        Answer::Echo(status) => {
            (StatusCode::from_u16(status).unwrap(), format!("{arrived:?}")).into_response()
        }
        Answer::RedirectTo(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Answer::Later(status, when) => {
            (StatusCode::from_u16(status).unwrap(), [(header::RETRY_AFTER, when)]).into_response()
        }
        Answer::Endless => {
            let chunks =
                futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1024])));
            axum::body::Body::from_stream(chunks).into_response()
        }
        Answer::Never => std::future::pending().await,
    }
}
