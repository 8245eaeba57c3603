//! Why a request got no answer, in words that hold nothing of its URL.

use std::error::Error;

use crate::alerting::sink::{FailureReason, SinkError};
use crate::alerting::tls;

/// What is told with every failure to connect: the shipped unit drops such packets, which looks like a dead receiver.
const NOT_PRIVATE: &str = "a receiver outside private networks needs a drop-in of the shipped unit: `systemctl edit n720d`, \
                           [Service], IPAddressAllow=ADDRESS";

/// Puts an error into words, with its causes and without the URL.
pub(super) fn not_sent(error: &reqwest::Error) -> SinkError {
    if let Some(error) = tls::among_causes(error) {
        return SinkError::new(FailureReason::Untrusted, words(error));
    }
    let reason = if error.is_timeout() { FailureReason::Timeout } else { FailureReason::Connection };
    // Of the error itself only the causes are told: its own text ends with the URL.
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.dedup();
    // A connection that does not come about in time counts as a time-out too.
    let is_sent = !(error.is_connect() || error.is_builder());
    let what = match (is_sent, error.is_timeout()) {
        (true, true) => "no answer in time",
        (true, false) => "a connection that broke before the answer",
        (false, true) => "no connection in time",
        (false, false) => "no connection",
    };
    // What stands before the last says no more than that there is no connection.
    let causes = if is_sent { causes.join(": ") } else { causes.pop().unwrap_or_default() };
    let text = if causes.is_empty() { what.to_owned() } else { format!("{what}: {causes}") };
    SinkError::new(reason, format!("{text}; {NOT_PRIVATE}")).in_doubt(is_sent)
}

/// Nothing of the URL, so not its host either.
#[expect(clippy::wildcard_enum_match_arm, reason = "what the library may add has its own words")]
fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(fault) => {
            format!("the receiver's certificate {}", tls::certificate("the host in url", fault))
        }
        rustls::Error::InvalidMessage(_) => {
            "the receiver does not speak TLS; its url begins with http:// then".to_owned()
        }
        error => format!("no TLS with the receiver: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn what_tls_has_against_a_receiver_is_said_without_its_url() {
        let of_certificate = |fault| words(&rustls::Error::InvalidCertificate(fault));
        let unknown = of_certificate(CertificateError::UnknownIssuer);
        assert!(unknown.starts_with("the receiver's certificate was issued by nobody"), "{unknown}");
        let other = of_certificate(CertificateError::NotValidForName);
        assert!(other.starts_with("the receiver's certificate is not for the host in url;"), "{other}");
        assert!(words(&rustls::Error::DecryptError).starts_with("no TLS with the receiver: "));
    }
}
