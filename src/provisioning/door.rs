//! Connections: how many, how long, how much. What is answered is the desk's business.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::desk::Desk;
use super::settings::{Limits, ServerSettings};
use super::shelf::Shelf;

/// Headers of a request; a manager sends fewer than ten.
const MAX_HEADERS: usize = 64;

/// Before accepting is tried again after it failed, as it does when the process is out of file descriptors.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(200);

/// Serves released files on `listener` until `shutdown`, then lets answers under way end within [`Limits::grace`].
///
/// Each connection carries one request: managers ask once a day, and a connection that is not kept cannot be hoarded.
///
/// # Errors
/// The system has no random bytes to start with. Nothing that a client does ends the server.
pub async fn serve<S: Shelf>(
    listener: TcpListener,
    settings: watch::Receiver<ServerSettings>,
    shelf: Arc<S>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let desk = Arc::new(Desk::new(shelf, settings.clone())?);
    let doors = Doors::new(&settings.borrow().limits);
    let guests = TaskTracker::new();
    while let Some((stream, peer)) = unless(&shutdown, accepted(&listener)).await {
        let (allowed, limits) = {
            let settings = settings.borrow();
            (settings.allows(peer.ip()), settings.limits.clone())
        };
        match unless(&shutdown, doors.admit(peer.ip(), allowed)).await {
            None => break,
            Some(None) => {
                debug!(peer = %peer.ip(), "connection closed: too many from this source, or from those not allowed")
            }
            Some(Some(room)) => {
                let visit = visit(stream, peer, Arc::clone(&desk), limits, shutdown.clone());
                guests.spawn(async move {
                    visit.await;
                    drop(room);
                });
            }
        }
    }
    drop(listener);
    guests.close();
    guests.wait().await;
    Ok(())
}

/// The next connection, however often accepting fails before.
async fn accepted(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(cause) => {
                warn!(%cause, "provisioning server: a connection could not be accepted");
                sleep(AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

/// What the future gives, or `None` if the server is told to stop before.
async fn unless<T>(shutdown: &CancellationToken, future: impl Future<Output = T>) -> Option<T> {
    shutdown.run_until_cancelled(future).await
}

/// Room for connections. Sources that are not allowed have their own, so that they cannot keep managers out, and no
/// single source gets much of either.
struct Doors {
    allowed: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    per_source: usize,
    sources: Arc<Sources>,
}

/// How many connections each address has; none is not listed.
type Sources = Mutex<BTreeMap<IpAddr, usize>>;

/// Room that one connection takes up; free again when dropped.
struct Room {
    _seat: Seat,
    _permit: OwnedSemaphorePermit,
}

/// One of the connections that an address may have.
struct Seat {
    source: IpAddr,
    sources: Arc<Sources>,
}

impl Seat {
    fn take(sources: &Arc<Sources>, source: IpAddr, most: usize) -> Option<Self> {
        let mut taken = sources.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(&source).copied().unwrap_or_default();
        if count >= most {
            return None;
        }
        taken.insert(source, count + 1);
        Some(Self { source, sources: Arc::clone(sources) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(taken.remove(&self.source)),
        }
    }
}

impl Doors {
    fn new(limits: &Limits) -> Self {
        Self {
            allowed: Arc::new(Semaphore::new(limits.connections)),
            strangers: Arc::new(Semaphore::new(limits.strangers)),
            per_source: limits.per_source,
            sources: Arc::default(),
        }
    }

    /// Room for one more: an allowed source waits for it, another one is turned away, and so is one that has many.
    async fn admit(&self, source: IpAddr, allowed: bool) -> Option<Room> {
        let seat = Seat::take(&self.sources, source.to_canonical(), self.per_source)?;
        let permit = if allowed {
            Arc::clone(&self.allowed).acquire_owned().await.ok()?
        } else {
            Arc::clone(&self.strangers).try_acquire_owned().ok()?
        };
        Some(Room { _seat: seat, _permit: permit })
    }
}

/// One connection, from its first byte to its end within the limits.
async fn visit<S: Shelf>(
    stream: TcpStream,
    peer: SocketAddr,
    desk: Arc<Desk<S>>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let desk = Arc::clone(&desk);
        async move {
            let (head, _body) = request.into_parts();
            Ok::<_, Infallible>(desk.answer(peer.ip(), &head).await)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes.max(8192))
            .max_headers(MAX_HEADERS)
            // A client may close its sending side after the request and still wants its answer.
            .half_close(true)
            .keep_alive(false)
            // As servers have always written them, for clients that compare names letter by letter.
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), service)
    );
    let whole = async {
        if let Some(ended) = unless(&shutdown, connection.as_mut()).await {
            return ended;
        }
        connection.as_mut().graceful_shutdown();
        timeout(limits.grace, connection.as_mut()).await.unwrap_or(Ok(()))
    };
    match timeout(limits.total_time, whole).await {
        Ok(Ok(())) => {}
        // The cause names what was wrong with the request's form, never its path.
        Ok(Err(cause)) => debug!(peer = %peer.ip(), %cause, "provisioning connection ended early"),
        Err(_) => debug!(peer = %peer.ip(), "provisioning connection ended: out of time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_left_leaves_no_trace() {
        let sources = Arc::new(Sources::default());
        let [one, other]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let first = Seat::take(&sources, one, 2);
        let second = Seat::take(&sources, one, 2);
        assert!(first.is_some() && second.is_some());
        assert!(Seat::take(&sources, one, 2).is_none());
        assert!(Seat::take(&sources, other, 2).is_some(), "and is gone again");
        drop(first);
        assert!(Seat::take(&sources, one, 2).is_some());
        drop(second);
        assert!(sources.lock().unwrap().is_empty());
    }
}
