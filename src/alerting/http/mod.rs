//! What the sinks that speak HTTP have in common: one client a sink, its own headers and authorities, and requests whose
//! outcome is put into words without a secret. No proxy, no redirect, no retry. Nothing here knows what is sent.

mod answer;
mod failure;

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, RequestBuilder, Response, Url, redirect, retry};

use self::answer::{Private, judge};
use self::failure::not_sent;
use super::settings::HttpTarget;
use super::sink::{SinkBuildError, SinkError, UrlProblem};
use crate::domain::secret::Secret;

/// How much of an answer to a POST is read; its status is nearly all that counts.
const ANSWER_LIMIT: usize = 4 * 1024;
/// For the connection alone, and never all of the time-out of the attempt: what is late must be told apart.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Sends requests to one receiver.
pub(super) struct Http {
    client: reqwest::Client,
    base: Url,
    headers: HeaderMap,
    private: Private,
}

/// What is posted.
pub(super) struct Content {
    /// What it is said to be.
    pub(super) kind: HeaderValue,
    /// It.
    pub(super) body: String,
}

impl Content {
    /// JSON.
    pub(super) fn json(body: String) -> Self {
        Self { kind: HeaderValue::from_static("application/json"), body }
    }
}

impl Http {
    /// A client for `target`. Connects to nothing yet. `secrets` are those of the sink beside the target's own, which are to be
    /// seen in no error either.
    ///
    /// # Errors
    /// A URL, a header or certificates that cannot be used; see [`SinkBuildError`].
    pub(super) fn new<'a>(
        sink: &str,
        target: &'a HttpTarget,
        secrets: impl IntoIterator<Item = &'a Secret>,
        timeout: Duration,
    ) -> Result<Self, SinkBuildError> {
        let sink = || sink.to_owned();
        let base =
            parse(target.url.expose()).map_err(|source| SinkBuildError::Url { sink: sink(), source })?;
        let headers =
            headers(&target.headers).map_err(|header| SinkBuildError::Header { sink: sink(), header })?;
        let authorities = match &target.authorities {
            None => Vec::new(),
            Some(pem) => authorities(pem).map_err(|why| SinkBuildError::Authorities { sink: sink(), why })?,
        };
        let secrets = target.headers.iter().map(|(_, value)| value).chain(secrets);
        let private = Private::new(&base, secrets);
        let client = client(authorities, timeout);
        let client = client.map_err(|source| SinkBuildError::Client { sink: sink(), source })?;
        Ok(Self { client, base, headers, private })
    }

    /// The URL of the settings, as it is.
    pub(super) fn url(&self) -> Url {
        self.base.clone()
    }

    /// The URL of the settings as a base: behind its path comes `path`, in place of a slash at its end.
    pub(super) fn under(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// Posts it, with `headers` in place of those of the settings that have the same name.
    ///
    /// # Errors
    /// No connection, no answer, or any answer but success.
    pub(super) async fn post(&self, url: Url, headers: HeaderMap, content: Content) -> Result<(), SinkError> {
        let Content { kind, body } = content;
        let request = self.client.post(url).headers(self.headers.clone()).headers(headers);
        let request = request.header(CONTENT_TYPE, kind).body(body);
        let answer = send(request).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let (text, _) = read(answer, ANSWER_LIMIT).await;
        judge(status, &headers, &text, &self.private)
    }

    /// What is there, at most `limit` bytes of it; `None`: the receiver does not give it, or it is more.
    ///
    /// # Errors
    /// No connection or no answer.
    pub(super) async fn get(&self, url: Url, limit: usize) -> Result<Option<Vec<u8>>, SinkError> {
        let answer = send(self.client.get(url).headers(self.headers.clone())).await;
        let answer = answer.map_err(|error| error.in_doubt(false))?;
        let is_success = answer.status().is_success();
        let (body, is_whole) = read(answer, limit).await;
        Ok((is_success && is_whole).then_some(body))
    }
}

async fn send(request: RequestBuilder) -> Result<Response, SinkError> {
    request.send().await.map_err(|error| not_sent(&error))
}

/// Reads the answer as far as the limit, so that a receiver can finish writing it, and says whether that was all. An answer
/// that breaks off is no failure: its status has come.
async fn read(mut answer: Response, limit: usize) -> (Vec<u8>, bool) {
    let mut read = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(None) => return (read, true),
            Err(_) => return (read, false),
            Ok(Some(chunk)) => {
                let room = limit - read.len();
                read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if chunk.len() > room {
                    return (read, false);
                }
            }
        }
    }
}

fn parse(text: &str) -> Result<Url, UrlProblem> {
    let url = Url::parse(text).map_err(|error| UrlProblem(error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(UrlProblem("it begins with neither http:// nor https://".to_owned())),
    }
}

/// The headers, or the name of the first that cannot be one.
fn headers(settings: &[(String, Secret)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in settings {
        let key = HeaderName::from_bytes(name.as_bytes());
        let (Ok(key), Ok(mut value)) = (key, HeaderValue::from_str(value.expose())) else {
            return Err(name.clone());
        };
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

/// The certificates, or why there are none.
fn authorities(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    let found = Certificate::from_pem_bundle(pem).map_err(|_| "it cannot be read as PEM".to_owned())?;
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}

fn client(authorities: Vec<Certificate>, timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // An error means that the process has a provider already, which serves as well.
    rustls::crypto::ring::default_provider().install_default().ok();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .timeout(timeout)
        .connect_timeout(CONNECT_WITHIN.min(timeout * 4 / 5))
        .pool_max_idle_per_host(0)
        .user_agent(concat!("n720d/", env!("CARGO_PKG_VERSION")));
    let builder = if authorities.is_empty() { builder } else { builder.tls_certs_merge(authorities) };
    builder.build()
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    fn built(url: &str, header: Option<(&str, &str)>, pem: Option<&str>) -> Result<Http, SinkBuildError> {
        let target = HttpTarget {
            url: Secret::new(url),
            headers: header.into_iter().map(|(name, value)| (name.into(), Secret::new(value))).collect(),
            authorities: pem.map(|pem| pem.as_bytes().to_vec()),
        };
        Http::new("hook", &target, [], Duration::from_secs(1))
    }

    fn refused(url: &str, header: Option<(&str, &str)>, pem: Option<&str>) -> String {
        let error = built(url, header, pem).err().unwrap();
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}: {error:?}")
    }

    #[test]
    fn a_url_that_cannot_be_one_is_refused_without_showing_it() {
        for url in ["t0ken", "ftp://hooks.example.net/t0ken", "http://", "https://hooks.example.net:x/t0ken"]
        {
            let text = refused(url, None, None);
            assert!(text.contains("alert sink hook: its url cannot be read"), "{text}");
            assert!(!text.contains("t0ken"), "{text}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_one_is_named_without_its_value() {
        for header in [("X Token", "t0ken"), ("X-Token", "t0ken\r\nX-Other: 1"), ("", "t0ken")] {
            let text = refused("http://192.0.2.1/", Some(header), None);
            assert!(text.contains(&format!("its header {:?} cannot be sent", header.0)), "{text}");
            assert!(!text.contains("t0ken"), "{text}");
        }
    }

    #[test]
    fn authorities_must_be_certificates() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "not a certificate"] {
            let text = refused("http://192.0.2.1/", None, Some(pem));
            assert!(text.contains("its ca_file cannot be used: there is no certificate in it"), "{text}");
        }
        let text = refused("http://192.0.2.1/", None, Some(broken));
        assert!(text.contains("cannot make an HTTP client"), "{text}");
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["a".into()]).unwrap().self_signed(&key).unwrap();
        assert!(built("http://192.0.2.1/", None, Some(&certificate.pem())).is_ok());
    }

    #[test]
    fn a_path_comes_behind_that_of_the_settings() {
        for (base, expected) in [
            ("http://a", "http://a/api/v2/alerts"),
            ("http://a/", "http://a/api/v2/alerts"),
            ("http://a/am", "http://a/am/api/v2/alerts"),
            ("http://u:p@a/am/?x=1", "http://u:p@a/am/api/v2/alerts?x=1"),
        ] {
            let http = built(base, None, None).ok().unwrap();
            assert_eq!(http.under("api/v2/alerts").as_str(), expected);
        }
    }
}
