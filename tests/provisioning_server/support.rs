//! A server on a loopback port with a shelf in memory, and a client that sends bytes as they are given.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use n720d::domain::ids::Mac;
use n720d::provisioning::{
    DigestCredentials, FetchRecord, Limits, ServedFile, ServerSettings, Shelf, ShelfError, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "s3cretT0ken";
pub(crate) const PATH: &str = "/p/s3cretT0ken/7C2F80CA21E4.xml";
pub(crate) const BODY: &[u8] = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><B\xFCro/>";

/// No exchange takes so long; longer than every limit of the server.
pub(crate) const BOUND: Duration = Duration::from_secs(120);

/// One site's file; looking up and recording can be made to fail or to wait.
pub(crate) struct MemoryShelf {
    file: ServedFile,
    pub(crate) records: Mutex<Vec<FetchRecord>>,
    pub(crate) lookups: AtomicUsize,
    pub(crate) cannot_look_up: AtomicBool,
    pub(crate) cannot_record: AtomicBool,
    /// A permit for each record that may become durable.
    pub(crate) durable: Semaphore,
    /// A permit for each record that was begun.
    pub(crate) begun: Semaphore,
}

impl Shelf for MemoryShelf {
    async fn lookup(&self, token: &str, mac: Mac) -> Result<Option<ServedFile>, ShelfError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        if self.cannot_look_up.load(Ordering::SeqCst) {
            return Err(ShelfError::Lookup { mac, cause: io::Error::other("disk gone").into() });
        }
        let here = token == TOKEN && mac.to_string() == "7C2F80CA21E4";
        Ok(here.then(|| self.file.clone()))
    }

    async fn record(&self, fetch: FetchRecord) -> Result<(), ShelfError> {
        self.begun.add_permits(1);
        self.durable.acquire().await.unwrap().forget();
        if self.cannot_record.load(Ordering::SeqCst) {
            let cause = io::Error::other("disk full").into();
            return Err(ShelfError::Record { site: fetch.site, version: fetch.version, cause });
        }
        self.records.lock().unwrap().push(fetch);
        Ok(())
    }

    fn answered(&self, _status: u16) {}
}

/// A running server. It stops with the test's runtime, or by [`Running::stop`].
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shelf: Arc<MemoryShelf>,
    pub(crate) settings: watch::Sender<ServerSettings>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<io::Result<()>>,
}

/// What a test asks of its server.
pub(crate) struct Setup {
    pub(crate) body: Bytes,
    pub(crate) digest: Option<DigestCredentials>,
    pub(crate) limits: Limits,
    /// Records that become durable at once; more wait for [`MemoryShelf::durable`].
    pub(crate) durable: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self { body: Bytes::from_static(BODY), digest: None, limits: Limits::default(), durable: 1000 }
    }
}

pub(crate) fn settings(allow: &[&str], limits: Limits) -> ServerSettings {
    ServerSettings { allow: allow.iter().map(|net| net.parse().unwrap()).collect(), limits }
}

/// Starts a server that allows 127.0.0.1 and nobody else.
pub(crate) async fn start(setup: Setup) -> Running {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let file = ServedFile {
        site: "acme-berlin".parse().unwrap(),
        release: 7,
        version: "2811121640".parse().unwrap(),
        body: setup.body,
        manager_host: None,
        digest: setup.digest,
    };
    let shelf = Arc::new(MemoryShelf {
        file,
        records: Mutex::default(),
        lookups: AtomicUsize::new(0),
        cannot_look_up: AtomicBool::new(false),
        cannot_record: AtomicBool::new(false),
        durable: Semaphore::new(setup.durable),
        begun: Semaphore::new(0),
    });
    let (settings, changes) = watch::channel(settings(&["127.0.0.1/32"], setup.limits));
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, changes, Arc::clone(&shelf), shutdown.clone()));
    Running { address, shelf, settings, shutdown, task }
}

impl Running {
    /// Connects from 127.0.0.1.
    pub(crate) async fn connect(&self) -> TcpStream {
        self.connect_from("127.0.0.1").await
    }

    pub(crate) async fn connect_from(&self, source: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        let source: IpAddr = source.parse().unwrap();
        socket.bind(SocketAddr::new(source, 0)).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads the answer to its end.
    pub(crate) async fn exchange(&self, request: &str) -> Answer {
        self.exchange_from("127.0.0.1", request).await
    }

    pub(crate) async fn exchange_from(&self, source: &str, request: &str) -> Answer {
        let mut stream = self.connect_from(source).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::read(&mut stream).await
    }

    /// `GET` as the device sends it.
    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.exchange(&get(target)).await
    }

    /// How many fetches are on record.
    pub(crate) fn recorded(&self) -> usize {
        self.shelf.records.lock().unwrap().len()
    }

    /// Tells the server to stop and waits until it has.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(BOUND, self.task).await.unwrap().unwrap().unwrap();
    }
}

pub(crate) fn get(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: 10.1.0.5:8720\r\nUser-Agent: Gigaset N720 DM PRO/70.108.00.000.000;7C2F80CA21E4\r\n\
         Accept: application/octet-stream, */*\r\n\r\n"
    )
}

/// An answer as it came: status, headers, body. An empty answer has status 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads to the end of the connection, also if that is a reset.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer is the end of it as well; what came before has been kept.
        let _ = timeout(BOUND, stream.read_to_end(&mut bytes)).await.expect("the server ends the connection");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).map_or(0, |code| code.parse().unwrap());
        let headers = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Self { status, headers, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The same without the date, which is the only part that may differ between two answers of one kind.
    pub(crate) fn undated(mut self) -> Self {
        self.headers.remove("Date");
        self
    }
}
