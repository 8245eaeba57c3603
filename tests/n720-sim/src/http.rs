//! HTTP/1.x as small devices speak it, by hand, because odd manners are the point.
//!
//! Serves both the devices' web interface and the control port; knows no page and no fault.

use crate::config::Framing;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Longest request head taken.
const HEAD_LIMIT: usize = 16 * 1024;
/// Longest request body taken.
const BODY_LIMIT: usize = 256 * 1024;

/// A request as it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A cookie by its name.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.header("cookie")?
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The body as a form.
    pub(crate) fn form(&self) -> Form {
        Form::parse(&String::from_utf8_lossy(&self.body))
    }

    /// The query as a form.
    pub(crate) fn arguments(&self) -> Form {
        Form::parse(&self.query)
    }
}

/// Fields of a form-urlencoded text, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads form-urlencoded text; a name without `=` has an empty value.
    pub(crate) fn parse(text: &str) -> Self {
        let fields = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            fields
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (unescape(key), unescape(value))
                })
                .collect(),
        )
    }

    /// The first field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let escaped =
            tail.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match (first, escaped) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one request; nothing if the client closed, talked nonsense or too much.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = find(&bytes, b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > HEAD_LIMIT || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut request = parse_head(&String::from_utf8_lossy(&bytes[..head_end]))?;
    request.body = bytes.split_off(head_end + 4);
    let length: usize =
        request.header("content-length").map_or(Some(0), |value| value.trim().parse().ok())?;
    if length > BODY_LIMIT {
        return None;
    }
    while request.body.len() < length {
        if stream.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    request.body.truncate(length);
    Some(request)
}

fn parse_head(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parse_headers(lines),
        body: Vec::new(),
    })
}

/// Lines of `name: value`; what has no colon is passed over.
pub(crate) fn parse_headers<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// Where `needle` begins in `haystack`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|part| part == needle)
}

/// An answer before it meets the wire.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// 200 with a page.
    pub(crate) fn page(html: impl Into<Vec<u8>>) -> Self {
        Self { body: html.into(), ..Self::new(200).with("Content-Type", "text/html; charset=utf-8") }
    }

    /// 200 with a line of text for a script.
    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self { body: text.into(), ..Self::new(200).with("Content-Type", "text/javascript") }
    }

    /// A JSON document.
    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        let body = format!("{value}\n").into_bytes();
        Self { body, ..Self::new(status).with("Content-Type", "application/json") }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Replaces or removes a header.
    pub(crate) fn set(&mut self, name: &'static str, value: Option<String>) {
        self.headers.retain(|(key, _)| *key != name);
        if let Some(value) = value {
            self.headers.push((name, value));
        }
    }
}

/// Status line and headers, with the announcements that go with the framing.
pub(crate) fn head(response: &Response, framing: Framing, http10: bool) -> Vec<u8> {
    let version = if http10 { "1.0" } else { "1.1" };
    let mut text = format!("HTTP/{version} {} {}\r\n", response.status, reason(response.status));
    for (name, value) in &response.headers {
        text += &format!("{name}: {value}\r\n");
    }
    match framing {
        Framing::Length => text += &format!("Content-Length: {}\r\n", response.body.len()),
        Framing::Chunked if !http10 => text += "Transfer-Encoding: chunked\r\n",
        Framing::Chunked | Framing::UntilClose => {}
    }
    text += "Connection: close\r\n\r\n";
    text.into_bytes()
}

/// The body as the framing puts it on the wire.
pub(crate) fn framed(body: &[u8], framing: Framing, http10: bool) -> Vec<u8> {
    if framing != Framing::Chunked || http10 {
        return body.to_vec();
    }
    let mut bytes = Vec::with_capacity(body.len() + body.len() / 100 + 16);
    for part in body.chunks(1460) {
        bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_posted_form_is_read_whole() {
        let mut wire: &[u8] = b"POST /login.html?x=1 HTTP/1.1\r\nHost: a\r\nCookie: a=b; key=12345678\r\n\
            Content-Length: 33\r\n\r\npassword=a%26b+c&language=1&empty=tail that is not ours";
        let request = read_request(&mut wire).await.unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/login.html"));
        assert_eq!(request.arguments().get("x"), Some("1"));
        assert_eq!(request.cookie("key"), Some("12345678"));
        let form = request.form();
        assert_eq!(form.get("password"), Some("a&b c"));
        assert_eq!(form.get("language"), Some("1"));
        assert_eq!(form.get("empty"), Some(""));
        assert_eq!(form.get("missing"), None);
    }

    #[tokio::test]
    async fn nonsense_and_half_requests_are_none() {
        for mut wire in [
            &b""[..],
            b"GET / HTTP/1.1\r\nHost",
            b"GET\r\n\r\n",
            b"GET / SPDY\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort",
            b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        ] {
            assert!(read_request(&mut wire).await.is_none());
        }
    }

    #[test]
    fn escapes_that_are_none_stay_as_they_are() {
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%zz%41"), "%zzA");
    }

    #[test]
    fn each_framing_announces_itself() {
        let mut response = Response::new(200);
        response.body = vec![b'x'; 3000];
        let text = |framing, http10| String::from_utf8(head(&response, framing, http10)).unwrap();
        assert!(text(Framing::Length, false).contains("Content-Length: 3000\r\n"));
        assert!(text(Framing::Chunked, false).contains("Transfer-Encoding: chunked\r\n"));
        assert!(!text(Framing::Chunked, true).contains("chunked"));
        assert!(!text(Framing::UntilClose, false).contains("Content-Length"));
        let chunked = framed(&response.body, Framing::Chunked, false);
        assert!(chunked.starts_with(b"5b4\r\nxxx") && chunked.ends_with(b"\r\n0\r\n\r\n"));
        assert_eq!(framed(&response.body, Framing::Chunked, true), response.body);
    }
}
