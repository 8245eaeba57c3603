//! What an answer means, and how much of it may be shown. Pure.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset};
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{StatusCode, Url};

use crate::alerting::sink::{FailureReason, SinkError};
use crate::domain::secret::Secret;

/// So much of an answer is shown, in characters.
const EXCERPT: usize = 200;
/// Shorter parts of a secret are in many a text that does not repeat it.
const TELLING: usize = 4;
/// No receiver can silence us for longer.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// What must not be seen in an error: the parts of everything secret, in lower case.
pub(super) struct Private(Vec<String>);

impl Private {
    /// Of a receiver at `url`, whose host alone is no secret.
    pub(super) fn new<'a>(url: &Url, secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let (user, password) = (url.username(), url.password().unwrap_or_default());
        let mut texts: Vec<String> = secrets.into_iter().map(|secret| secret.expose().to_owned()).collect();
        for written in [url.path(), url.query().unwrap_or_default(), user, password] {
            texts.extend([written.to_owned(), decoded(written)]);
        }
        if !(user.is_empty() && password.is_empty()) {
            texts.push(STANDARD.encode(format!("{}:{}", decoded(user), decoded(password))));
        }
        Self(texts.iter().flat_map(|text| parts(text)).map(|part| part.to_lowercase()).collect())
    }

    /// Whether a text repeats any of it.
    fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().any(|part| text.contains(part))
    }
}

/// A part of a URL without its percent signs.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = byte.and_then(|_| behind.get(2..)).unwrap_or(behind);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What remains of a text however it is escaped: its longer runs of letters and digits; all of it where it has none.
fn parts(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !c.is_alphanumeric()).filter(|run| run.len() >= TELLING);
    let runs: Vec<String> = runs.map(str::to_owned).collect();
    let whole = text.trim_matches('/');
    if runs.is_empty() && !whole.is_empty() { vec![whole.to_owned()] } else { runs }
}

/// What becomes of a request that was answered so.
pub(super) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    answer: &[u8],
    private: &Private,
) -> Result<(), SinkError> {
    let reason = match status.as_u16() {
        200..=299 => return Ok(()),
        300..=399 => FailureReason::Redirected,
        401 | 403 => FailureReason::Auth,
        408 => FailureReason::Timeout,
        425 | 429 => FailureReason::RateLimited,
        500..=599 => FailureReason::Server,
        _ => FailureReason::Rejected,
    };
    let text = match (reason, excerpt(answer, private)) {
        (FailureReason::Redirected, _) => {
            format!(
                "the receiver answered {status}; redirects are not followed, so put its right address in url"
            )
        }
        (_, Some(excerpt)) if status.is_client_error() => {
            format!("the receiver answered {status}: {excerpt}")
        }
        _ => format!("the receiver answered {status}"),
    };
    // Who refuses has not taken it. Only a proxy does not know: what is behind it may have, and said nothing in time.
    let error = SinkError::new(reason, text).in_doubt(is_late(status));
    Err(error.asking_for(retry_after(status, headers)))
}

/// Whether a proxy has waited in vain for what is behind it; 524 is Cloudflare's.
fn is_late(status: StatusCode) -> bool {
    matches!(status.as_u16(), 504 | 524)
}

/// For how long the receiver asks to be left alone, in seconds or until a time (RFC 9110, 10.2.3). The time is taken by the
/// clock of the receiver, for ours may differ from it.
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if ![StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status) {
        return None;
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(RETRY_AFTER).filter(|asked| !asked.is_empty())?;
    let asked = if asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is not a number then has more digits than one can have.
        Duration::from_secs(asked.parse().unwrap_or(u64::MAX))
    } else {
        (date(asked)? - date(text(DATE)?)?).to_std().unwrap_or_default()
    };
    Some(asked.min(LONGEST_REST))
}

/// A date of HTTP, in the one form that may be sent.
fn date(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc2822(text).ok()
}

/// The beginning of an answer in one line, unless there is a secret in it: receivers like to repeat what they refuse. What is
/// searched is more than what is shown, so that a secret at the edge is found.
fn excerpt(answer: &[u8], private: &Private) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    if private.is_in(&text) {
        return None;
    }
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let line = text.chars().map(visible).collect::<String>();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        None => Some(line).filter(|line| !line.is_empty()),
        Some((end, _)) => line.get(..end).map(|start| format!("{start}…")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private() -> Private {
        let url =
            "https://ops:pa55word@hooks.example.net/services/T0KEN/qu%2Fx?key=q%75ery&v=1".parse().unwrap();
        Private::new(&url, [&Secret::new("Bearer tk_AgQdq7"), &Secret::new("a b")])
    }

    #[test]
    fn every_status_but_success_is_worth_another_try() {
        let rows = [
            (200, None),
            (202, None),
            (299, None),
            (301, Some(FailureReason::Redirected)),
            (307, Some(FailureReason::Redirected)),
            (400, Some(FailureReason::Rejected)),
            (401, Some(FailureReason::Auth)),
            (403, Some(FailureReason::Auth)),
            (404, Some(FailureReason::Rejected)),
            (408, Some(FailureReason::Timeout)),
            (410, Some(FailureReason::Rejected)),
            (425, Some(FailureReason::RateLimited)),
            (429, Some(FailureReason::RateLimited)),
            (500, Some(FailureReason::Server)),
            (502, Some(FailureReason::Server)),
            (503, Some(FailureReason::Server)),
            (504, Some(FailureReason::Server)),
            (524, Some(FailureReason::Server)),
            (599, Some(FailureReason::Server)),
        ];
        for (status, expected) in rows {
            let outcome = judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), b"", &private());
            assert!(outcome.as_ref().err().is_none_or(SinkError::is_retryable), "{status}");
            let in_doubt = [504, 524].contains(&status);
            assert!(
                outcome.as_ref().err().is_none_or(|error| error.may_have_been_taken == in_doubt),
                "{status}"
            );
            assert_eq!(outcome.err().map(|error| error.reason), expected, "{status}");
        }
    }

    #[test]
    fn what_a_receiver_refuses_with_is_told_in_one_line() {
        let told = |status, answer: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            judge(status, &HeaderMap::new(), answer.as_bytes(), &private()).unwrap_err().text
        };
        assert_eq!(
            told(404, "\r\n no\tsuch \u{1b}[31m hook\n"),
            "the receiver answered 404 Not Found: no such [31m hook"
        );
        assert_eq!(told(404, " \n"), "the receiver answered 404 Not Found");
        assert_eq!(told(500, "stack trace"), "the receiver answered 500 Internal Server Error");
        assert!(!told(302, "moved to the other hook").contains("hook"));
        let long = told(400, &"ä".repeat(500));
        assert!(
            long.ends_with(&format!("{}…", "ä".repeat(200))) && !long.contains(&"ä".repeat(201)),
            "{long}"
        );
    }

    #[test]
    fn an_answer_that_repeats_a_secret_is_not_told() {
        let basic = STANDARD.encode("ops:pa55word");
        for secret in [
            "T0KEN",
            "t0ken",
            "PA55word",
            "q%75ery",
            "query",
            "services",
            "tk_AgQdq7",
            "AgQdq7",
            "[a b]",
            &basic,
            &format!("{}T0KEN", "x".repeat(1000)),
        ] {
            let answer = format!("cannot post to {secret}, sorry");
            let text = judge(StatusCode::BAD_REQUEST, &HeaderMap::new(), answer.as_bytes(), &private())
                .unwrap_err()
                .text;
            assert_eq!(text, "the receiver answered 400 Bad Request", "{secret}");
        }
        let harmless =
            judge(StatusCode::BAD_REQUEST, &HeaderMap::new(), b"hooks.example.net is closed", &private())
                .unwrap_err();
        assert!(harmless.text.ends_with("hooks.example.net is closed"), "{harmless}");
    }

    #[test]
    fn a_receiver_may_ask_for_patience_but_not_for_ever() {
        let now = "Sun, 22 Nov 2026 14:30:00 GMT";
        let asked = |status: u16, retry_after: &str, date: Option<&str>| {
            let given = [(RETRY_AFTER, Some(retry_after)), (DATE, date)].into_iter();
            let given = given.filter_map(|(name, value)| Some((name, value?.parse().unwrap())));
            let headers: HeaderMap = given.collect();
            let status = StatusCode::from_u16(status).unwrap();
            let error = judge(status, &headers, b"", &private()).unwrap_err();
            error.retry_after.map(|asked| asked.as_secs())
        };
        for (retry_after, expected) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("3600", Some(3600)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sun, 22 Nov 2026 14:31:30 GMT", Some(90)),
            ("Mon, 22 Nov 2027 14:30:00 GMT", Some(3600)),
            ("Sun, 22 Nov 2026 14:29:00 GMT", Some(0)),
        ] {
            assert_eq!(asked(429, retry_after, Some(now)), expected, "{retry_after:?}");
            assert_eq!(asked(503, retry_after, Some(now)), expected, "{retry_after:?}");
        }
        assert_eq!(asked(429, "7", None), Some(7));
        assert_eq!(asked(429, "Sun, 22 Nov 2026 14:31:30 GMT", None), None, "by which clock?");
        assert_eq!(asked(429, "Sun, 22 Nov 2026 14:31:30 GMT", Some("now")), None);
        for status in [301, 401, 408, 425, 500, 502, 504] {
            assert_eq!(asked(status, "7", None), None, "{status}");
        }
    }
}
