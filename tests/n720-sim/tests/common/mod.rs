//! What the tests of the simulator share: a plain HTTP client and a server for provisioning files.
//!
//! Hand-written and tiny, so that nothing helps a test more than a socket would.

#![expect(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop at the place")]

use n720_sim::{Device, Event};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Long enough for a loaded machine; no test waits for it in the good case.
pub const BOUND: Duration = Duration::from_secs(120);

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| *key == name)
            .map(|(_, v)| v)
    }
}

/// Sends bytes and reads until the connection ends.
pub async fn raw(addr: SocketAddr, request: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// One exchange.
pub async fn send(addr: SocketAddr, request: &str) -> Answer {
    let bytes = raw(addr, request).await.unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// A client of one device, with the cookie of its session.
#[derive(Clone, Debug)]
pub struct Client {
    pub addr: SocketAddr,
    pub key: Option<String>,
}

impl Client {
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, key: None }
    }

    /// Logged in with the password `admin` and language 1.
    pub async fn logged_in(addr: SocketAddr) -> Self {
        let mut client = Self::new(addr);
        let answer = client.login("admin", "1", "0").await;
        assert_eq!(answer.status, 303, "{}", answer.head);
        client
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.addr, &format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.addr, self.cookie())).await
    }

    pub async fn post(&self, path: &str, form: &str) -> Answer {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\n\r\n{form}",
            self.addr,
            self.cookie(),
            form.len()
        );
        send(self.addr, &request).await
    }

    pub async fn login(&mut self, password: &str, language: &str, ajax: &str) -> Answer {
        let form = format!("password={password}&language={language}&loginajax={ajax}");
        let answer = self.post("/login.html", &form).await;
        if let Some(cookie) = answer.header("Set-Cookie") {
            self.key = Some(cookie.split(['=', ';']).nth(1).unwrap().to_owned());
        }
        answer
    }

    fn cookie(&self) -> String {
        self.key.as_ref().map_or(String::new(), |key| format!("Cookie: key={key}\r\n"))
    }
}

/// The number a login page carries.
pub fn error_of(page: &str) -> u16 {
    let rest = page.split_once("var error = ").unwrap().1;
    rest.split_once(';').unwrap().0.parse().unwrap()
}

/// Answers every connection with what `answer` makes of the request's head.
pub struct FileServer {
    pub addr: SocketAddr,
    pub requests: Arc<Mutex<Vec<String>>>,
    file: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FileServer {
    /// Serves one file to everybody; it can be changed.
    pub async fn start(file: &str) -> Self {
        Self::answering(file, |_, file| {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{file}", file.len())
        })
        .await
    }

    /// Answers in its own way.
    pub async fn answering(file: &str, answer: impl Fn(&str, &str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let file = Arc::new(Mutex::new(file.to_owned()));
        let (log, served) = (Arc::clone(&requests), Arc::clone(&file));
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                        break;
                    }
                }
                let head = String::from_utf8(bytes).unwrap();
                let text = answer(&head, &served.lock().unwrap());
                log.lock().unwrap().push(head);
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        });
        Self { addr, requests, file, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/p/%MACD.xml", self.addr)
    }

    pub fn serve(&self, file: &str) {
        file.clone_into(&mut self.file.lock().unwrap());
    }
}

/// A provisioning file for the default device with these lines.
pub fn file(version: u64, lines: &[String]) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<ProviderFrame>\n<Provider>\n<MAC_ADDRESS value=\"{MAC}\"/>\n\
         <VERSION value=\"{version:010}\"/>\n<PROFILE_NAME class=\"string\" value=\"N720\"/>\n{}\n</Provider>\n</ProviderFrame>\n",
        lines.join("\n")
    )
}

/// The MAC of the default device.
pub const MAC: &str = "7C2F80CA21E4";

/// One line of a file.
pub fn item(symbol: &str, value: &str) -> String {
    format!("<SYMB_ITEM ID=\"{symbol}\" class=\"symb_item\" value='{value}'/>")
}

/// The line that reserves a slot index.
pub fn reserve(index: usize, ipui: &str) -> String {
    let bytes: Vec<String> = ipui.split(' ').map(|byte| format!("0x{byte}")).collect();
    item(&format!("BS_Accounts.astAccounts[{index}].aucHandsetCode[0]"), &bytes.join(","))
}

/// A window that is always open, and no PIN for handsets fresh from the factory.
pub fn open_for_all() -> Vec<String> {
    vec![
        item("BS_AE_Subscriber.ulIPUIRegistrationDuration", "0"),
        item("BS_CUSTOM.bit.UseRandomRegistrationPIN", "0"),
        item("BS_CUSTOM.aucKdsPin[0]", "0x00,0x00"),
    ]
}

/// Fetches and waits for what became of it; the answer is that event.
pub async fn fetch(device: &Device) -> Event {
    let seq = device.journal().last().map_or(0, |entry| entry.seq);
    device.fetch().unwrap();
    let over = |event: &Event| {
        matches!(event, Event::FileApplied { .. } | Event::FileIgnored { .. } | Event::FetchFailed { .. })
    };
    let entry = device.wait_event_since(seq, "the file", BOUND, over).await.unwrap();
    device.wait_until("the end", BOUND, |snapshot| !snapshot.fetching).await.unwrap();
    entry.event
}
