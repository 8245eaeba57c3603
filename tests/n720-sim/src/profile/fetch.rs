//! One download of the provisioning file over plain HTTP, with the device's manners.
//!
//! No redirects, no TLS, nothing kept between downloads. Knows nothing of what is in a file.

use super::Job;
use super::digest::Challenge;
use crate::http::{find, parse_headers};
use crate::lot::Lot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest answer taken.
const LIMIT: u64 = 1024 * 1024;

/// How a download ended.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Every request it took, the last one last.
    pub(super) gets: Vec<Get>,
}

/// One request of a download.
#[derive(Debug)]
pub(super) struct Get {
    pub(super) status: u16,
    pub(super) bytes: usize,
    /// The user it named, if it named one.
    pub(super) user: Option<String>,
}

/// Fetches the file: first without a user, then, if asked for Digest, with each user the device has.
///
/// # Errors
/// In words, if no HTTP answer was to be had.
pub(super) async fn download(job: &Job) -> Result<Download, String> {
    let target = Target::parse(&job.url)?;
    let mut lot = Lot::new(job.seed);
    let mut answer = get(job, &target, None).await?;
    let mut gets = vec![Get { status: answer.status, bytes: answer.body.len(), user: None }];
    for (user, password) in &job.logins {
        let asked = answer.header("www-authenticate").and_then(Challenge::parse);
        let Some(challenge) = asked.filter(|_| answer.status == 401) else { break };
        let authorization = challenge.answer(&target.path, user, password, &mut lot);
        answer = get(job, &target, Some(&authorization)).await?;
        gets.push(Get { status: answer.status, bytes: answer.body.len(), user: Some(user.clone()) });
    }
    Ok(Download { status: answer.status, body: answer.body, gets })
}

/// The parts of a URL; the path goes on the wire exactly as it is written.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").ok_or_else(|| format!("no plain http address: {url}"))?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| format!("no port: {port}"))?),
            None => (authority, 80),
        };
        Ok(Self { host: host.to_owned(), port, path: path.to_owned() })
    }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

async fn get(job: &Job, target: &Target, authorization: Option<&str>) -> Result<Reply, String> {
    let exchange = async {
        let mut stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
        stream.write_all(request(job, target, authorization).as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.take(LIMIT).read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    };
    let bytes = tokio::time::timeout(job.patience, exchange).await;
    let bytes = bytes.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
    reply(&bytes).ok_or_else(|| "the answer is not HTTP or not whole".to_owned())
}

fn request(job: &Job, target: &Target, authorization: Option<&str>) -> String {
    let version = if job.http10 { "1.0" } else { "1.1" };
    let host =
        if target.port == 80 { target.host.clone() } else { format!("{}:{}", target.host, target.port) };
    let mut text = format!(
        "GET {} HTTP/{version}\r\nHost: {host}\r\nUser-Agent: {}\r\nAccept: application/octet-stream, */*\r\n",
        target.path, job.user_agent
    );
    if let Some(value) = authorization {
        text += &format!("Authorization: {value}\r\n");
    }
    text + "Connection: close\r\n\r\n"
}

fn reply(bytes: &[u8]) -> Option<Reply> {
    let end = find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = words.next()?.parse().ok()?;
    let mut reply = Reply { status, headers: parse_headers(lines), body: bytes[end + 4..].to_vec() };
    if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        reply.body = unchunk(&reply.body)?;
    } else if let Some(length) = reply.header("content-length") {
        let length: usize = length.parse().ok()?;
        if reply.body.len() < length {
            return None;
        }
        reply.body.truncate(length);
    }
    Some(reply)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 2 + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_go_out_as_they_are() {
        let target = Target::parse("http://127.0.0.1:8080/70/1/../../p/x.xml").unwrap();
        assert_eq!((target.port, target.path.as_str()), (8080, "/70/1/../../p/x.xml"));
        assert_eq!(Target::parse("http://host").unwrap().path, "/");
        assert!(Target::parse("https://host/").is_err());
        assert!(Target::parse("http://host:x/").is_err());
    }

    #[test]
    fn answers_of_all_framings_are_read() {
        let body = |bytes: &[u8]| reply(bytes).map(|reply| (reply.status, reply.body));
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc"), Some((200, b"ab".to_vec())));
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(body(chunked), Some((200, b"abcd".to_vec())));
        assert_eq!(body(b"HTTP/1.0 404 Not Found\r\n\r\nrest"), Some((404, b"rest".to_vec())));
    }

    #[test]
    fn half_answers_are_none() {
        for bytes in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
            b"SSH-2.0-x\r\n\r\n",
        ] {
            assert!(reply(bytes).is_none());
        }
    }
}
