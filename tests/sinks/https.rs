//! Receivers with certificates: whom a sink believes, and in what words it says that it does not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use n720d::alerting::{FailureReason, HttpTarget, SinkError};
use n720d::domain::secret::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::certificates::{Authority, Issued};
use crate::support::{at, drift};
use crate::wait::eventually;
use crate::webhook::{PATIENT, native, webhook};

/// A web server with TLS that answers 204. Ends when dropped.
pub(crate) struct Secured {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Secured {
    pub(crate) async fn start(issued: &Issued) -> Self {
        let config = Arc::new(config(issued));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let server = tokio::spawn(serve(listener, config, Arc::clone(&arrived)));
        Self { address, arrived, server }
    }

    /// Its URL where it is called `host`, with a token in it.
    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/hooks/t0ken", self.address.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn arrived(&self) -> Vec<String> {
        self.arrived.lock().unwrap().clone()
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn config(issued: &Issued) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()
}

async fn serve(listener: TcpListener, config: Arc<ServerConfig>, arrived: Arc<Mutex<Vec<String>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (config, arrived) = (Arc::clone(&config), Arc::clone(&arrived));
        // An error is a client that did not believe us.
        let request = tokio::task::spawn_blocking(move || answer(stream, config)).await.unwrap().ok();
        arrived.lock().unwrap().extend(request);
    }
}

/// Reads until it has what looks like a whole request with a body of JSON, and answers.
fn answer(mut stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<String> {
    let mut connection = ServerConnection::new(config).unwrap();
    let mut tls = rustls::Stream::new(&mut connection, &mut stream);
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"}") {
        let length = tls.read(&mut piece)?;
        request.extend_from_slice(&piece[..length]);
        if length == 0 {
            break;
        }
    }
    tls.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")?;
    connection.send_close_notify();
    connection.complete_io(&mut stream)?;
    Ok(String::from_utf8_lossy(&request).into_owned())
}

/// Tells a receiver with this certificate, which is called `host`, trusting `trusted` beside the system's authorities.
async fn told(issued: &Issued, host: &str, trusted: Option<&Authority>) -> Result<String, SinkError> {
    let server = Secured::start(issued).await;
    let authorities = trusted.map(Authority::pem);
    let target = HttpTarget { url: Secret::new(server.url(host)), headers: Vec::new(), authorities };
    webhook(native(target, None), PATIENT).deliver(&drift(), at(0)).await?;
    Ok(eventually("the request to be written down", async || server.arrived().pop()).await)
}

async fn refused(issued: &Issued, host: &str, trusted: Option<&Authority>) -> String {
    let error = told(issued, host, trusted).await.unwrap_err();
    assert_eq!((error.reason, error.is_retryable()), (FailureReason::Untrusted, true), "{error}");
    for part in ["https:", "t0ken", "IPAddressAllow"] {
        assert!(!format!("{error} {error:?}").contains(part), "{error:?}");
    }
    error.text
}

#[tokio::test]
async fn a_receiver_of_a_named_authority_is_told() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let arrived = told(&authority.issue(host), host, Some(&authority)).await.unwrap();
        assert!(arrived.starts_with("POST /hooks/t0ken HTTP/1.1\r\n"), "{arrived}");
    }
}

#[tokio::test]
async fn one_of_an_authority_that_nobody_named_is_not() {
    let (named, other) = (Authority::new(), Authority::new());
    for trusted in [None, Some(&named)] {
        let text = refused(&other.issue("localhost"), "localhost", trusted).await;
        assert!(
            text.contains("issued by nobody whom this machine trusts") && text.contains("ca_file"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn one_with_a_certificate_for_another_name_is_not() {
    let authority = Authority::new();
    for (name, host) in [("pager.example.net", "localhost"), ("localhost", "127.0.0.1")] {
        let text = refused(&authority.issue(name), host, Some(&authority)).await;
        assert!(
            text.starts_with(&format!("the receiver's certificate is for {name}, not for the host in url")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn one_with_a_certificate_that_is_over_is_not() {
    let authority = Authority::new();
    let text = refused(&authority.issue_expired("localhost"), "localhost", Some(&authority)).await;
    assert_eq!(text, "the receiver's certificate has expired");
}

#[tokio::test]
async fn one_that_speaks_no_tls_is_not() {
    let receiver = crate::receiver::Receiver::start([]).await;
    let url = Secret::new(format!("https://{}/hooks/t0ken", receiver.address()));
    let target = HttpTarget { url, headers: Vec::new(), authorities: None };
    let error = webhook(native(target, None), PATIENT).deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!(error.reason, FailureReason::Untrusted, "{error}");
    assert_eq!(error.text, "the receiver does not speak TLS; its url begins with http:// then");
}
