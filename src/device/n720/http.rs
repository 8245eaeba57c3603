//! One request to a manager's web server and its answer: bounded in time and size, nothing followed, nothing unpacked.
//!
//! Knows HTTP, not pages. The cookie is the caller's to keep.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, ETAG, HeaderMap, LOCATION, SET_COOKIE,
};

use super::failure::TransportFailure;
use super::form::Watched;
use super::pages::decode::decode;
use crate::domain::secret::Secret;

/// The largest body that is taken in. The largest page of the device is the status page with at most 270 kB.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// How long to wait before a broken GET is tried once more.
const BEFORE_RETRY: Duration = Duration::from_millis(300);

/// The web server of one manager.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) client: reqwest::Client,
    /// `http://host:port/`.
    pub(super) base: reqwest::Url,
    pub(super) timeout: Duration,
}

/// An answer with its body taken in.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) key: Option<Secret>,
    pub(super) body: String,
}

impl Server {
    /// GETs a path; once more if the connection breaks or is refused.
    pub(super) async fn get(&self, path: &str, key: Option<&Secret>) -> Result<Answer, TransportFailure> {
        match self.send(self.client.get(self.url(path)), key).await {
            Err(failure) if failure.is_worth_another_try() => {
                tokio::time::sleep(BEFORE_RETRY).await;
                self.send(self.client.get(self.url(path)), key).await
            }
            done => done,
        }
    }

    /// POSTs a form. Never repeated: its outcome is read back instead.
    pub(super) async fn post(
        &self,
        path: &str,
        fields: &[(String, String)],
        key: Option<&Secret>,
    ) -> Result<Answer, TransportFailure> {
        self.send(self.client.post(self.url(path)).form(fields), key).await
    }

    /// POSTs a form without a session, and also tells whether the form was handed to the connection: if not, the
    /// device cannot have got it.
    pub(super) async fn post_watched(
        &self,
        path: &str,
        fields: &[(String, String)],
    ) -> (Result<Answer, TransportFailure>, bool) {
        let (client, request) = self.client.post(self.url(path)).form(fields).build_split();
        let mut request = match request {
            Ok(request) => request,
            Err(error) => return (Err(TransportFailure::of(error, self.timeout, 0)), false),
        };
        let form = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
        let (body, sent) = Watched::new(form);
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let answer = self.send(reqwest::RequestBuilder::from_parts(client, request), None).await;
        (answer, sent.load(Ordering::Acquire))
    }

    /// Where a `Location` leads: the path, if it is on this host; the whole of it, if it is not.
    pub(super) fn target_of(&self, location: &str) -> Result<String, String> {
        let url = self.base.join(location.trim()).map_err(|_| "what is no address".to_owned())?;
        let here = url.scheme() == self.base.scheme() && url.host_str() == self.base.host_str();
        if here {
            Ok(url.path().to_owned())
        } else {
            Err(format!("{}://{}", url.scheme(), url.host_str().unwrap_or("?")))
        }
    }

    fn url(&self, path: &str) -> reqwest::Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        key: Option<&Secret>,
    ) -> Result<Answer, TransportFailure> {
        let mut request = request.header(CONNECTION, "close");
        if let Some(key) = key {
            request = request.header(COOKIE, format!("key={}", key.expose()));
        }
        let mut response =
            request.send().await.map_err(|error| TransportFailure::of(error, self.timeout, 0))?;
        let headers = response.headers();
        if let Some(encoding) = text_of(headers, CONTENT_ENCODING.as_str())
            && !encoding.eq_ignore_ascii_case("identity")
        {
            return Err(TransportFailure::Encoded(encoding.chars().take(40).collect()));
        }
        let content_type = text_of(headers, CONTENT_TYPE.as_str());
        let mut answer = Answer {
            status: response.status().as_u16(),
            location: text_of(headers, LOCATION.as_str()),
            etag: text_of(headers, ETAG.as_str()),
            key: session_key(headers),
            body: String::new(),
        };
        let body = self.body(&mut response).await;
        match body {
            Ok(bytes) => answer.body = decode(&bytes, content_type.as_deref()),
            // A redirect says all in its head; what breaks behind it does not matter.
            Err(_) if (300..400).contains(&answer.status) => {}
            Err(failure) => return Err(failure),
        }
        Ok(answer)
    }

    async fn body(&self, response: &mut reqwest::Response) -> Result<Vec<u8>, TransportFailure> {
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(piece)) if bytes.len() + piece.len() > MOST_BYTES => {
                    return Err(TransportFailure::TooLarge(MOST_BYTES));
                }
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => return Ok(bytes),
                Err(error) => return Err(TransportFailure::of(error, self.timeout, bytes.len())),
            }
        }
    }
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    // Some of it ends in messages, and those on terminals, which obey control characters.
    let value = String::from_utf8_lossy(headers.get(name)?.as_bytes()).replace(char::is_control, "");
    let value = value.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// The session key among the cookies set: `key=…`, wherever in the header it stands. An empty one is none.
fn session_key(headers: &HeaderMap) -> Option<Secret> {
    let cookies: Vec<String> = headers
        .get_all(SET_COOKIE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    cookies
        .iter()
        .flat_map(|cookie| cookie.split(';'))
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("key"))
        .map(|(_, value)| value.trim().trim_matches('"'))
        .rfind(|value| !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic() && b != b','))
        .map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, reqwest::header::HeaderValue::from_static(cookie));
        }
        headers
    }

    #[test]
    fn the_key_is_found_wherever_it_stands() {
        for cookies in [
            &["key=12345678; path=/"][..],
            &["path=/; HttpOnly; Key=\"12345678\""],
            &["lang=1", "key=12345678"],
            &["key=; path=/", "key = 12345678"],
        ] {
            let found = session_key(&headers(cookies));
            assert_eq!(found.as_ref().map(Secret::expose), Some("12345678"), "{cookies:?}");
        }
        for cookies in [&[][..], &["key=; path=/"], &["monkey=1"], &["key"], &["key=a b"]] {
            assert_eq!(session_key(&headers(cookies)), None, "{cookies:?}");
        }
    }

    #[test]
    fn a_header_holds_nothing_that_a_terminal_obeys() {
        let mut headers = HeaderMap::new();
        let value = reqwest::header::HeaderValue::from_bytes("/x\u{9b}31m.html\t ".as_bytes()).unwrap();
        headers.insert(ETAG, value);
        assert_eq!(text_of(&headers, "etag").as_deref(), Some("/x31m.html"));
        assert_eq!(text_of(&headers, "location"), None);
    }

    #[test]
    fn a_location_leads_to_a_path_of_this_host_or_nowhere() {
        let server = Server {
            client: reqwest::Client::builder()
                .tls_backend_preconfigured(crate::device::n720::driver::no_tls().unwrap())
                .build()
                .unwrap(),
            base: "http://192.168.1.5:8080/".parse().unwrap(),
            timeout: Duration::from_secs(1),
        };
        for location in [
            "/login.html",
            "login.html",
            "http://192.168.1.5/login.html",
            "HTTP://192.168.1.5:8080/login.html?x",
            "//192.168.1.5/login.html",
        ] {
            assert_eq!(server.target_of(location).as_deref(), Ok("/login.html"), "{location}");
        }
        for location in [
            "http://192.168.1.6/login.html",
            "https://192.168.1.5/login.html",
            "//evil/login.html",
            "http://",
        ] {
            assert!(server.target_of(location).is_err(), "{location}");
        }
    }
}
