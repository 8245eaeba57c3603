//! The sinks that are told over HTTP: `webhook`, `alertmanager` and `ntfy`, and what they have in common: where to, which
//! headers, whom to trust. Connects to nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::report::{Located, Place, quoted};
use super::super::tree::Section;
use super::super::{secret_ref, value};
use super::file;
use crate::domain::secret::SecretRef;

/// Headers that belong to the request itself or to Standard Webhooks.
const OURS: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "te",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// What is in the name of a header whose value lets somebody in.
const OF_SECRETS: [&str; 6] = ["auth", "token", "key", "secret", "password", "cookie"];

const NOT_SHOWN: &str = "something else (not shown: it may hold a token)";

/// Where HTTP requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// An absolute URL, or where one is kept. It may hold a token, so it masks itself.
    pub url: SecretRef,
    /// Added to every request.
    pub headers: Vec<(String, SecretRef)>,
    /// Certificates in PEM to trust beside the system's.
    pub authorities: Option<Vec<u8>>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where to.
    pub target: HttpConfig,
    /// What the body is signed with.
    pub secret: Option<SecretRef>,
    /// What it looks like.
    pub body: BodyConfig,
    /// Where it stands.
    pub places: WebhookPlaces,
}

/// Where the keys stand of which only the making of the webhook shows whether they can be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookPlaces {
    /// Of `secret`; without one, where it would stand.
    pub secret: Place,
    /// Of `template`; without one, where it would stand.
    pub template: Place,
    /// Of `url`, for what concerns the whole.
    pub url: Place,
}

/// What the body of a webhook looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyConfig {
    /// Our own JSON.
    Native,
    /// For Slack, Mattermost and Rocket.Chat.
    Slack,
    /// For workflows of Microsoft Teams.
    Teams,
    /// The operator's own.
    Template {
        /// The template's source, which can be compiled.
        source: String,
        /// What the request says that the body is.
        content_type: String,
    },
}

/// An Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertmanagerConfig {
    /// Its base URL.
    pub target: HttpConfig,
    /// Labels that every alert gets besides ours.
    pub labels: BTreeMap<String, String>,
}

/// An ntfy server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NtfyConfig {
    /// Its base URL.
    pub target: HttpConfig,
    /// The topic, or where it is kept: whoever knows it may read it.
    pub topic: SecretRef,
    /// An access token.
    pub token: Option<SecretRef>,
}

/// Reads a webhook's own keys; what is wrong is in the report.
pub(super) fn webhook(section: &Section<'_>) -> Option<WebhookConfig> {
    section.require("url", "the URL to post to, like https://hooks.example.net/n720");
    let secret = secret_ref::read(section, "secret").map(|secret| secret.value);
    let target = target(section, value::webhook_url, false);
    let body = body(section);
    let [secret_at, template_at, url] = ["secret", "template", "url"].map(|key| section.place_of(key));
    let places = WebhookPlaces { secret: secret_at, template: template_at, url };
    Some(WebhookConfig { target: target?, secret, body: body?, places })
}

/// Reads an Alertmanager's own keys; what is wrong is in the report.
pub(super) fn alertmanager(section: &Section<'_>) -> Option<AlertmanagerConfig> {
    section.require("url", "the base URL of Alertmanager, like http://127.0.0.1:9093");
    let target = target(section, alertmanager_url, false);
    let mut labels = BTreeMap::new();
    for (name, text) in section.map("labels") {
        if let Some(expected) = label_fault(name) {
            section.report.error(&text.place, format!("a label {}", quoted(name)), expected);
        } else {
            labels.insert(name.to_owned(), text.value.to_owned());
        }
    }
    Some(AlertmanagerConfig { target: target?, labels })
}

/// Reads an ntfy server's own keys; what is wrong is in the report.
pub(super) fn ntfy(section: &Section<'_>) -> Option<NtfyConfig> {
    section.require("url", "the base URL of the ntfy server, like https://ntfy.sh");
    section.require("topic", "the topic to publish to");
    let report = section.report;
    let topic =
        section.string("topic").and_then(|text| secret_ref::or_literal(report, text, topic, TOPIC_NOT_SHOWN));
    let token = secret_ref::read(section, "token").map(|token| token.value);
    let target = target(section, base_url, token.is_some());
    if let Some(target) = target.as_ref().filter(|_| token.is_some())
        && target.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
    {
        let expected = "either a token or a header Authorization";
        report.error(&section.place_of("token"), "a token beside a header Authorization", expected);
    }
    Some(NtfyConfig { target: target?, topic: topic?.value, token })
}

const TOPIC_NOT_SHOWN: &str = "something else (not shown: whoever knows the topic may read it)";

fn topic(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=64).contains(&text.len()) && text.chars().all(legal) {
        Ok(text.to_owned())
    } else {
        Err("a topic: 1 to 64 of A-Z a-z 0-9 _ -".to_owned())
    }
}

/// `carries_secret`: whether every request holds one beside the headers.
fn target(
    section: &Section<'_>,
    check: fn(&str) -> Result<String, String>,
    carries_secret: bool,
) -> Option<HttpConfig> {
    let report = section.report;
    let text = section.string("url");
    let written = text.as_ref().map(|text| text.value.to_owned()).unwrap_or_default();
    let url = text.and_then(|text| secret_ref::or_literal(report, text, check, NOT_SHOWN));
    let headers = headers(section);
    let authorities = file::authorities(section);
    let secret = carries_secret || headers.iter().any(|header| header.is_secret);
    if let Some(url) = &url {
        in_clear(section, url, &written, secret);
    }
    let headers = headers.into_iter().map(|header| (header.name, header.value)).collect();
    Some(HttpConfig { url: url?.value, headers, authorities })
}

/// What is sent in clear although it should not be.
fn in_clear(section: &Section<'_>, url: &Located<SecretRef>, written: &str, secret: bool) {
    let Some(rest) = written.strip_prefix("http://") else { return };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if (secret || !user.is_empty()) && !is_here(host) {
        let expected = "https://: whoever is on the way can read what lets n720d in";
        section.report.warn(&url.place, "http://, with a password or token", expected);
    }
    if section.has("ca_file") {
        let expected = "https://: without, no certificate is looked at";
        section.report.warn(&url.place, "http://, with a ca_file", expected);
    }
}

/// Whether a host, perhaps with a port, is this machine.
fn is_here(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.split(']').next());
    let address = address.unwrap_or_else(|| host.split(':').next().unwrap_or_default());
    address == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

struct Header {
    name: String,
    value: SecretRef,
    /// Whether it lets somebody in, as far as can be told.
    is_secret: bool,
}

fn headers(section: &Section<'_>) -> Vec<Header> {
    let report = section.report;
    let mut headers: Vec<Header> = Vec::new();
    for (name, text) in section.map("headers") {
        let place = text.place.clone();
        let like_a_secret = OF_SECRETS.iter().any(|part| name.to_ascii_lowercase().contains(part));
        let literal = secret_ref::is_literal(text.value);
        let value = secret_ref::or_literal(report, text, header_value, NOT_SHOWN);
        if let Some(expected) = header_fault(name, &headers) {
            report.error(&place, format!("a header {}", quoted(name)), expected);
            continue;
        }
        if value.is_some() && literal && like_a_secret {
            report.note_secret();
            report.warn(&place, "a secret in the file itself", secret_ref::NOTATION);
        }
        let is_secret = like_a_secret || !literal;
        headers.extend(value.map(|value| Header { name: name.to_owned(), value: value.value, is_secret }));
    }
    headers
}

fn header_fault(name: &str, so_far: &[Header]) -> Option<&'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(legal) {
        Some("the name of an HTTP header, like X-Token")
    } else if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
        Some("a header that n720d does not set itself")
    } else if so_far.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
        Some("a header named once")
    } else {
        None
    }
}

fn header_value(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.trim() == text && text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("the value of an HTTP header: printable ASCII, no blanks around it".to_owned())
    }
}

fn body(section: &Section<'_>) -> Option<BodyConfig> {
    let words = [("native", BodyWord::Native), ("slack", BodyWord::Slack), ("teams", BodyWord::Teams)];
    let format = section.word("format", &words);
    let source = file::template(section);
    let content_type = section.string("content_type");
    let report = section.report;
    let content_type = content_type.and_then(|text| report.checked(text, media_type));
    if section.has("template") && section.has("format") {
        let expected = "either a format or a template of your own";
        report.error(&section.place_of("template"), "a template beside a format", expected);
        return None;
    }
    if section.has("content_type") && !section.has("template") {
        let expected = "a template too: what the formats are is known";
        report.error(&section.place_of("content_type"), "a content_type without a template", expected);
    }
    if section.has("template") {
        let json = || "application/json".to_owned();
        let content_type = content_type.map_or_else(json, |content_type| content_type.value);
        return Some(BodyConfig::Template { source: source?, content_type });
    }
    Some(match format.map_or(BodyWord::Native, |format| format.value) {
        BodyWord::Native => BodyConfig::Native,
        BodyWord::Slack => BodyConfig::Slack,
        BodyWord::Teams => BodyConfig::Teams,
    })
}

#[derive(Clone, Copy)]
enum BodyWord {
    Native,
    Slack,
    Teams,
}

fn media_type(text: &str) -> Result<String, String> {
    let is_type = text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    if is_type && text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && text.trim() == text {
        Ok(text.to_owned())
    } else {
        Err("a media type, like application/json or text/plain; charset=utf-8".to_owned())
    }
}

/// A URL that paths are put behind.
fn base_url(text: &str) -> Result<String, String> {
    if text.contains(['?', '#']) {
        return Err("a base URL, without ? and #".to_owned());
    }
    value::webhook_url(text)
}

fn alertmanager_url(text: &str) -> Result<String, String> {
    if text.trim_end_matches('/').ends_with("/alerts") || text.contains("/api/v") {
        return Err("the base URL of Alertmanager, without /api/v2/alerts".to_owned());
    }
    base_url(text)
}

/// Labels that every alert has from us.
const OUR_LABELS: [&str; 4] = ["alertname", "site", "severity", "n720d_id"];

/// The notation of Prometheus. Names with `__` in front are its own.
fn label_fault(name: &str) -> Option<&'static str> {
    if OUR_LABELS.contains(&name) {
        return Some(
            "a label other than alertname, site, severity and n720d_id, which are set for every alert",
        );
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (!begins || !name.chars().all(legal) || name.starts_with("__"))
        .then_some("the name of a label: A-Z a-z 0-9 _, not beginning with a digit or with __")
}
