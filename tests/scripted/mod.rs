//! A device that answers by script, for tests of the driver: it holds to nothing that the script does not say, and keeps
//! what it was asked. It is no simulator: it has no state but its log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use n720d::device::n720::Target;
use n720d::domain::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const PASSWORD: &str = "Planted7Password";
pub(crate) const KEY: &str = "55667788";
pub(crate) const STATUS: &str = include_str!("../fixtures/pages/status-two-pending/page.html");
pub(crate) const MOBILE: &str = include_str!("../fixtures/pages/mobile-three-with-a-gap/page.html");
pub(crate) const EDITOR: &str = include_str!("../fixtures/pages/editor-registered/page.html");
pub(crate) const LOGIN: &str = include_str!("../fixtures/pages/login-german/page.html");
pub(crate) const FIRMWARE: &str = include_str!("../fixtures/pages/form-firmware-update/page.html");
pub(crate) const MISCELLANEOUS: &str = include_str!("../fixtures/pages/form-miscellaneous/page.html");

/// One request as the device saw it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
}

/// What the device does with a request.
pub(crate) enum Act {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Sends these bytes and then nothing more.
    Hang(Vec<u8>),
    /// Sends these bytes, then one byte every 20 ms.
    Drip(Vec<u8>),
}

pub(crate) type Log = Arc<Mutex<Vec<Request>>>;

pub(crate) struct Device {
    pub(crate) target: Target,
    pub(crate) log: Log,
}

impl Device {
    /// A device that answers by `script`; its second argument counts the earlier requests of this method and path.
    pub(crate) async fn start(script: impl Fn(&Request, usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Log::default();
        let (seen, script) = (Arc::clone(&log), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                tokio::spawn(serve(stream, seen, script));
            }
        });
        let target = Target {
            site: "acme".parse().unwrap(),
            host: "127.0.0.1".into(),
            port,
            password: Secret::new(PASSWORD),
            sip_port: 5060,
        };
        Self { target, log }
    }

    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|request| request.is(method, path)).count()
    }

    pub(crate) fn posted(&self, path: &str) -> Vec<String> {
        self.log
            .lock()
            .unwrap()
            .iter()
            .filter(|request| request.is("POST", path))
            .map(|request| request.body.clone())
            .collect()
    }

    pub(crate) fn is_logged_out(&self) {
        let log = self.log.lock().unwrap();
        let out = log.iter().filter(|request| request.is("GET", "/logout.html")).collect::<Vec<_>>();
        assert!(!out.is_empty(), "no log-out among {log:#?}");
        assert!(out.iter().all(|request| request.head.contains(&format!("key={KEY}"))), "{out:#?}");
    }
}

async fn serve(mut stream: TcpStream, log: Log, script: Arc<impl Fn(&Request, usize) -> Act>) {
    let Some(request) = receive(&mut stream).await else { return };
    let earlier = {
        let mut log = log.lock().unwrap();
        let earlier = log.iter().filter(|other| other.is(&request.method, &request.path)).count();
        log.push(request.clone());
        earlier
    };
    match script(&request, earlier) {
        Act::Send(bytes) => {
            // The driver may have gone; that is its right.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Reset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            stream.set_zero_linger().unwrap();
        }
        Act::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            // Until the driver closes the connection.
            let _ = stream.read(&mut [0; 1]).await;
        }
        Act::Drip(bytes) => {
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn receive(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&piece[..length]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(|value| value.trim().parse().unwrap())
        })
        .unwrap_or(0);
    while bytes.len() < head_end + length {
        let mut piece = [0; 4096];
        let more = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&piece[..more]);
    }
    let mut words = head.split(' ');
    Some(Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        body: String::from_utf8_lossy(&bytes[head_end..]).into_owned(),
        head,
    })
}

pub(crate) fn page(path: &str, text: &str) -> Act {
    Act::Send(
        format!(
            "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nETag: {path}\r\nConnection: close\r\n\r\n{text}"
        )
        .into_bytes(),
    )
}

pub(crate) fn redirect(to: &str) -> Act {
    Act::Send(format!("HTTP/1.1 303 See Other\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

pub(crate) fn logged_in() -> Act {
    let head = format!(
        "HTTP/1.1 303 See Other\r\nSet-Cookie: key={KEY}; path=/\r\nLocation: http://127.0.0.1/backup_advice.html\r\nContent-Length: 0\r\n\r\n"
    );
    Act::Send(head.into_bytes())
}

/// What a device in good order answers.
pub(crate) fn well(request: &Request) -> Act {
    let key = request.head.to_ascii_lowercase().contains(&format!("cookie: key={KEY}"));
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/login.html") => page("/login.html", LOGIN),
        ("POST", "/login.html") => logged_in(),
        _ if !key => redirect("/login.html"),
        ("GET", "/logout.html") => page("/logout.html", "<html><body></body></html>"),
        ("GET", "/status_device.html") => page("\"/status_device.html\"", STATUS),
        ("GET", "/mobile_devices.html") => page("/mobile_devices.html", MOBILE),
        ("POST", "/mobile_devices.html") => redirect("mobile_devices_editor.html"),
        ("GET", "/mobile_devices_editor.html") => page("/mobile_devices_editor.html", EDITOR),
        ("GET", "/firmware_update.html") => page("/firmware_update.html", FIRMWARE),
        ("GET", "/settings_management_miscellaneous.html") => {
            page("/settings_management_miscellaneous.html", MISCELLANEOUS)
        }
        ("POST", "/settings_management_miscellaneous.html") => redirect("/profile_update.html"),
        ("GET" | "POST", "/profile_update.html") => {
            page("/profile_update.html", "<html><body></body></html>")
        }
        _ => Act::Send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()),
    }
}

/// A device in good order but for the requests that `odd` answers.
pub(crate) async fn but(odd: impl Fn(&Request, usize) -> Option<Act> + Send + Sync + 'static) -> Device {
    Device::start(move |request, earlier| odd(request, earlier).unwrap_or_else(|| well(request))).await
}

/// A device in good order but for its status page.
pub(crate) async fn but_status(act: impl Fn() -> Act + Send + Sync + 'static) -> Device {
    but(move |request, _| request.is("GET", "/status_device.html").then(&act)).await
}
