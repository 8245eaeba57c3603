//! SIP over UDP, as far as the device needs it here: NOTIFY with `Event: check-sync` makes it fetch.
//!
//! No registration, no calls, no authentication: anonymous NOTIFY is accepted by default.

use crate::device::Shared;
use crate::http::parse_headers;
use crate::journal::{Event, Trigger};
use crate::state::Power;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// Answers datagrams until it is dropped.
pub(crate) async fn serve(shared: Arc<Shared>, socket: UdpSocket) {
    let mut buffer = vec![0; 4096];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(request) = Request::parse(&String::from_utf8_lossy(&buffer[..length])) else { continue };
        if let Some(status) = take(&shared, &request) {
            // The sender repeats itself if this is lost.
            let _lost = socket.send_to(request.answer(status).as_bytes(), peer).await;
        }
    }
}

/// Acts on a request; nothing is said while the device is down.
fn take(shared: &Shared, request: &Request) -> Option<u16> {
    shared.with(|state, at| {
        if matches!(state.power, Power::Down { .. }) {
            return None;
        }
        let event = request.header("event", "o").unwrap_or_default().to_owned();
        let answer = match (request.method.as_str(), event.as_str()) {
            // With `;reboot=` it is acknowledged and nothing comes of it.
            ("NOTIFY", event) if event.starts_with("check-sync") => 200,
            ("NOTIFY", _) => 489,
            ("OPTIONS", _) => 200,
            _ => 405,
        };
        state
            .journal
            .write(at, Event::Sip { method: request.method.clone(), package: event.clone(), answer });
        if request.method == "NOTIFY" && event == "check-sync" {
            // The reason for a refusal is in the journal; the sender is not told.
            let _refused = state.order_fetch(Trigger::CheckSync, at);
        }
        Some(answer)
    })
}

struct Request {
    method: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, _uri, version) = (words.next()?, words.next()?, words.next()?);
        if version != "SIP/2.0" {
            return None;
        }
        Some(Self {
            method: method.to_owned(),
            headers: parse_headers(lines.take_while(|line| !line.is_empty())),
        })
    }

    fn header(&self, name: &str, short: &str) -> Option<&str> {
        let named = |key: &str| key.eq_ignore_ascii_case(name) || key.eq_ignore_ascii_case(short);
        self.headers.iter().find(|(key, _)| named(key)).map(|(_, value)| value.as_str())
    }

    /// The answer carries the request's own marks back.
    fn answer(&self, status: u16) -> String {
        let reason = match status {
            200 => "OK",
            489 => "Bad Event",
            _ => "Method Not Allowed",
        };
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for (key, value) in &self.headers {
            match key.to_ascii_lowercase().as_str() {
                "via" | "v" | "from" | "f" | "call-id" | "i" | "cseq" => {
                    text += &format!("{key}: {value}\r\n")
                }
                "to" | "t" if value.contains(";tag=") => text += &format!("{key}: {value}\r\n"),
                "to" | "t" => text += &format!("{key}: {value};tag=n720\r\n"),
                _ => {}
            }
        }
        text + "Content-Length: 0\r\n\r\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTIFY: &str = "NOTIFY sip:n720@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bK1\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:n720@127.0.0.1>\r\nCall-ID: x@y\r\nCSeq: 1 NOTIFY\r\no: check-sync\r\n\
        Content-Length: 0\r\n\r\n";

    #[test]
    fn an_answer_carries_the_marks_of_its_request() {
        let request = Request::parse(NOTIFY).unwrap();
        assert_eq!(request.header("event", "o"), Some("check-sync"));
        let answer = request.answer(200);
        assert!(answer.starts_with("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bK1\r\n"));
        assert!(answer.contains("To: <sip:n720@127.0.0.1>;tag=n720\r\n"));
        assert!(answer.contains("Call-ID: x@y\r\nCSeq: 1 NOTIFY\r\n"));
    }

    #[test]
    fn what_is_not_sip_is_none() {
        assert!(Request::parse("GET / HTTP/1.1\r\n\r\n").is_none());
        assert!(Request::parse("").is_none());
    }
}
