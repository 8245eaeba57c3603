//! The device's web server: listening, taking turns, and putting answers on the wire as faults demand.
//!
//! What is answered is decided in [`crate::web`].

use crate::config::Framing;
use crate::device::Shared;
use crate::error::SimError;
use crate::fault::{Fault, Strike};
use crate::http::{self, Response};
use crate::web::{self, Answer};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// A web address that stays ours while nothing listens on it.
#[derive(Debug)]
pub(crate) struct Site {
    addr: SocketAddr,
    _holder: TcpSocket,
    /// Listens from the start, so that nobody who knows the address is ever refused by mistake.
    first: Option<TcpListener>,
}

impl Site {
    /// Takes an address; port 0 is any free port.
    ///
    /// # Errors
    /// [`SimError::Bind`] if it cannot be had.
    pub(crate) fn bind(addr: SocketAddr) -> Result<Self, SimError> {
        let bind = || {
            let holder = socket(addr)?;
            let mut site = Self { addr: holder.local_addr()?, _holder: holder, first: None };
            site.first = Some(site.listen()?);
            Ok(site)
        };
        bind().map_err(|source| SimError::Bind { what: "web", addr, source })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn listen(&self) -> io::Result<TcpListener> {
        socket(self.addr)?.listen(64)
    }
}

/// A bound socket that does not listen: connections are refused.
fn socket(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// Serves until it is dropped; while the device refuses connections, nothing listens.
pub(crate) async fn serve(shared: Arc<Shared>, mut site: Site) {
    let mut changes = shared.changes();
    let mut talks = JoinSet::new();
    let mut listener = site.first.take();
    loop {
        changes.borrow_and_update();
        if shared.peek(|state, _| state.refusing()) {
            listener = None;
            talks.abort_all();
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = listener.take().or_else(|| site.listen().ok()) else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        tokio::select! {
            accepted = open.accept() => if let Ok((stream, peer)) = accepted {
                talks.spawn(talk(Arc::clone(&shared), stream, peer));
            },
            changed = changes.changed() => if changed.is_err() { return },
            Some(_) = talks.join_next() => {}
        }
        listener = Some(open);
    }
}

/// One connection: one request, one answer.
async fn talk(shared: Arc<Shared>, mut stream: TcpStream, peer: SocketAddr) {
    let patience = shared.peek(|state, _| state.config.timing.patience);
    let Ok(Some(request)) = tokio::time::timeout(patience, http::read_request(&mut stream)).await else {
        return;
    };
    let _turn = shared.turn.lock().await;
    let Answer { response, strike } = shared.with(|state, at| web::answer(state, &request, peer, at));
    let Some(response) = response else { return };
    let (framing, http10) = shared.peek(|state, _| (state.config.wire.framing, state.config.wire.http10));
    // A client that went away is its own business.
    let _gone = deliver(&mut stream, &shared, &response, &strike, framing, http10).await;
}

/// Puts the answer on the wire, as well as the faults let it.
async fn deliver(
    stream: &mut TcpStream,
    shared: &Shared,
    response: &Response,
    strike: &Strike,
    mut framing: Framing,
    http10: bool,
) -> io::Result<()> {
    if !strike.delay.is_zero() {
        tokio::time::sleep(strike.delay).await;
    }
    if let Some(cut) = strike.cut {
        framing = if cut.declared { Framing::Length } else { Framing::UntilClose };
    }
    let mut bytes = http::head(response, framing, http10);
    let head = bytes.len();
    bytes.extend(http::framed(&response.body, framing, http10));
    if let Some(cut) = strike.cut {
        bytes.truncate(head + cut.after);
    }
    if let Some(after) = strike.reset.or(strike.hang) {
        bytes.truncate(after);
    }
    write(stream, &bytes, strike).await?;
    if strike.reset.is_some() {
        return stream.set_zero_linger();
    }
    if strike.hang.is_some() {
        return hang(stream, shared).await;
    }
    stream.shutdown().await
}

async fn write(stream: &mut TcpStream, bytes: &[u8], strike: &Strike) -> io::Result<()> {
    let Some((portion, pause)) = strike.drip else { return stream.write_all(bytes).await };
    for part in bytes.chunks(portion) {
        stream.write_all(part).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// Says nothing until the client gives up or the fault is over.
async fn hang(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let mut changes = shared.changes();
    let is_hanging = |fault: &Fault| matches!(fault, Fault::Hang { .. }).then_some(());
    let mut rest = [0; 64];
    loop {
        tokio::select! {
            read = stream.read(&mut rest) => if read? == 0 { return Ok(()) },
            changed = changes.changed() => {
                let over = shared.peek(|state, _| state.faults.find(is_hanging).is_none());
                if over || changed.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
