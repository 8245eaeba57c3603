//! SIP `check-sync`: one NOTIFY over UDP that tells a manager to look for a new provisioning file.
//!
//! Repeated as SIP over UDP is (500 ms, doubling to 4 s) within a bound; the device answers 200 (n720.md, section 1).

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{Instant, timeout_at};

use super::target::Target;
use crate::domain::release::TriggerOutcome;

/// RFC 3261's T1 and T2, and how long an answer is waited for in all.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const IN_ALL: Duration = Duration::from_secs(8);

/// Sends the NOTIFY and waits for its final answer.
pub(super) async fn notify(target: &Target, user: &str) -> TriggerOutcome {
    let (socket, peer) = match connect(target).await {
        Ok(connected) => connected,
        Err(error) => return TriggerOutcome::Failed(format!("no way to {} by UDP: {error}", target.host)),
    };
    let local = socket.local_addr().map_or_else(|_| "0.0.0.0:0".to_owned(), |address| address.to_string());
    let Some(token) = token() else {
        return TriggerOutcome::Failed("the system gives no random numbers".to_owned());
    };
    let request = request(target, user, &local, &token);
    tracing::debug!(site = %target.site, %peer, "check-sync");
    exchange(&socket, &request, &token).await
}

async fn connect(target: &Target) -> std::io::Result<(UdpSocket, SocketAddr)> {
    let host = target.host.trim_start_matches('[').trim_end_matches(']');
    let peer = lookup_host((host, target.sip_port))
        .await?
        .next()
        .ok_or_else(|| std::io::Error::new(ErrorKind::NotFound, "the name has no address"))?;
    let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(peer).await?;
    Ok((socket, peer))
}

async fn exchange(socket: &UdpSocket, request: &str, token: &str) -> TriggerOutcome {
    let began = Instant::now();
    let end = began + IN_ALL;
    let mut wait = T1;
    let mut refused = None;
    let mut buffer = vec![0; 4096];
    while Instant::now() < end {
        if let Err(error) = socket.send(request.as_bytes()).await {
            refused = Some(error);
        }
        let until = (Instant::now() + wait).min(end);
        wait = (wait * 2).min(T2);
        while let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await {
            match received {
                Ok(length) => {
                    let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
                    if let Some(outcome) = answer(&text, token) {
                        return outcome;
                    }
                }
                // The host says that nobody listens there; a device that restarts says so for a moment.
                Err(error) => {
                    refused = Some(error);
                    tokio::time::sleep_until(until).await;
                    break;
                }
            }
        }
    }
    match refused {
        Some(error) => {
            TriggerOutcome::Failed(format!("check-sync was not taken: {error}; look at the SIP port"))
        }
        None => TriggerOutcome::Unknown(format!("check-sync was not answered within {} s", IN_ALL.as_secs())),
    }
}

/// What an answer means; `None` if it is provisional, or not an answer to ours.
fn answer(text: &str, token: &str) -> Option<TriggerOutcome> {
    let mut lines = text.lines();
    let mut first = lines.next()?.splitn(3, ' ');
    let version = first.next()?;
    let status: u16 = first.next()?.trim().parse().ok()?;
    let reason: String =
        first.next().unwrap_or("").trim().chars().filter(|c| !c.is_control()).take(60).collect();
    let ours = lines.take_while(|line| !line.trim().is_empty()).any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            let name = name.trim();
            (name.eq_ignore_ascii_case("call-id") || name.eq_ignore_ascii_case("i"))
                && value.trim().starts_with(token)
        })
    });
    if !ours || !version.eq_ignore_ascii_case("SIP/2.0") {
        return None;
    }
    match status {
        200..=299 => Some(TriggerOutcome::Accepted),
        300..=699 => Some(TriggerOutcome::Failed(format!(
            "check-sync was answered {status} {reason}; use the web trigger, or look at who answers on the SIP port"
        ))),
        _ => None,
    }
}

fn request(target: &Target, user: &str, local: &str, token: &str) -> String {
    let (host, port, user) = (target.host_in_url(), target.sip_port, escaped(user));
    let to = if user.is_empty() { format!("sip:{host}:{port}") } else { format!("sip:{user}@{host}:{port}") };
    [
        format!("NOTIFY {to} SIP/2.0"),
        format!("Via: SIP/2.0/UDP {local};branch=z9hG4bK{token};rport"),
        "Max-Forwards: 70".to_owned(),
        format!("From: <sip:n720d@{local}>;tag={token}"),
        format!("To: <{to}>"),
        format!("Call-ID: {token}@n720d"),
        "CSeq: 1 NOTIFY".to_owned(),
        format!("Contact: <sip:n720d@{local}>"),
        "Event: check-sync".to_owned(),
        "Subscription-State: terminated".to_owned(),
        concat!("User-Agent: n720d/", env!("CARGO_PKG_VERSION")).to_owned(),
        "Content-Length: 0".to_owned(),
        String::new(),
        String::new(),
    ]
    .join("\r\n")
}

/// A user part with everything escaped that could end it.
fn escaped(user: &str) -> String {
    user.bytes()
        .map(|b| match b {
            b'0'..=b'9'
            | b'a'..=b'z'
            | b'A'..=b'Z'
            | b'-'
            | b'_'
            | b'.'
            | b'!'
            | b'~'
            | b'*'
            | b'+'
            | b'=' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Sixteen hex digits that tell this NOTIFY from every other.
fn token() -> Option<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;

    fn target(sip_port: u16) -> Target {
        Target {
            site: "acme".parse().unwrap(),
            host: "127.0.0.1".into(),
            port: 80,
            password: Secret::new("hunter2"),
            sip_port,
        }
    }

    /// A phone that ignores the first `deaf` requests and then answers each with these lines.
    async fn phone(deaf: usize, answers: &'static [&'static str]) -> (u16, tokio::task::JoinHandle<String>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            for _ in 0..deaf {
                socket.recv_from(&mut buffer).await.unwrap();
            }
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            let request = String::from_utf8(buffer[..length].to_vec()).unwrap();
            let id = request.lines().find(|line| line.starts_with("Call-ID")).unwrap();
            for first in answers {
                socket.send_to(format!("{first}\r\n{id}\r\n\r\n").as_bytes(), peer).await.unwrap();
            }
            request
        });
        (port, task)
    }

    #[tokio::test]
    async fn a_phone_that_answers_two_hundred_has_accepted() {
        let (port, phone) = phone(1, &["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]).await;
        assert_eq!(notify(&target(port), "1013").await, TriggerOutcome::Accepted);
        let request = phone.await.unwrap();
        assert!(request.starts_with(&format!("NOTIFY sip:1013@127.0.0.1:{port} SIP/2.0\r\n")), "{request}");
        assert!(
            request.contains("\r\nEvent: check-sync\r\n") && request.ends_with("Content-Length: 0\r\n\r\n"),
            "{request}"
        );
        assert!(!request.contains("hunter2"));
    }

    #[tokio::test]
    async fn a_phone_that_does_not_take_it_is_a_failure() {
        let (port, phone) = phone(0, &["SIP/2.0 481 Subscription Does Not Exist"]).await;
        let outcome = notify(&target(port), "1013").await;
        assert!(matches!(&outcome, TriggerOutcome::Failed(reason) if reason.contains("481")), "{outcome:?}");
        phone.await.unwrap();
    }

    #[test]
    fn answers_to_others_and_nonsense_are_no_answer() {
        for text in [
            "",
            "SIP/2.0",
            "HTTP/1.1 200 OK\r\nCall-ID: t",
            "SIP/2.0 200 OK\r\nCall-ID: other\r\n\r\n",
            "SIP/2.0 200 OK\r\n\r\nCall-ID: t",
            "SIP/2.0 180 x\r\nCall-ID: t",
        ] {
            assert_eq!(answer(text, "t"), None, "{text:?}");
        }
        assert_eq!(
            answer("sip/2.0 202 Accepted\r\ni : t@n720d\r\n\r\n", "t"),
            Some(TriggerOutcome::Accepted)
        );
    }

    #[test]
    fn a_user_cannot_break_out_of_the_request() {
        assert_eq!(escaped("10 13@x\r\nEvil: 1"), "10%2013%40x%0D%0AEvil%3A%201");
        assert!(request(&target(5060), "", "l", "t").starts_with("NOTIFY sip:127.0.0.1:5060 SIP/2.0\r\n"));
    }
}
