//! Why a request got no answer, in words that hold nothing of its URL.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use crate::alerting::sink::{FailureReason, SinkError};

/// What is told with every failure to connect: the shipped unit drops such packets, which looks like a dead receiver.
const NOT_PRIVATE: &str = "a receiver outside private networks needs a drop-in of the shipped unit: `systemctl edit n720d`, \
                           [Service], IPAddressAllow=ADDRESS";

/// Puts an error into words, with its causes and without the URL.
pub(super) fn not_sent(error: &reqwest::Error) -> SinkError {
    if let Some(tls) = tls(error) {
        return SinkError::new(FailureReason::Untrusted, tls_words(tls));
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
    let what = if error.is_timeout() { "no answer in time" } else { "no connection, or one that broke" };
    let causes = causes.join(": ");
    let text = if causes.is_empty() { what.to_owned() } else { format!("{what}: {causes}") };
    SinkError::new(reason, format!("{text}; {NOT_PRIVATE}"))
}

/// The TLS error among the causes. An I/O error that wraps one does not name it as its cause.
fn tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut source = error.source();
    while let Some(cause) = source {
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = wrapped.and_then(|inner| inner.downcast_ref()).or_else(|| cause.downcast_ref());
        if found.is_some() {
            return found;
        }
        source = cause.source();
    }
    None
}

fn tls_words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(fault) = error else {
        return format!("no TLS connection: {error}");
    };
    let what = if *fault == CertificateError::UnknownIssuer {
        "is signed by nobody who is trusted here; if it is one of your own, name its authority in ca_file"
            .to_owned()
    } else if is_of_another_name(fault) {
        "is for another host name than the one in url".to_owned()
    } else if is_expired(fault) {
        "has expired".to_owned()
    } else {
        format!("cannot be trusted: {fault}")
    };
    format!("the receiver's certificate {what}")
}

fn is_of_another_name(fault: &CertificateError) -> bool {
    matches!(fault, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })
}

fn is_expired(fault: &CertificateError) -> bool {
    matches!(fault, CertificateError::Expired | CertificateError::ExpiredContext { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_words() {
        let words = |fault| tls_words(&rustls::Error::InvalidCertificate(fault));
        assert!(words(CertificateError::UnknownIssuer).contains("name its authority in ca_file"));
        assert!(words(CertificateError::NotValidForName).contains("another host name"));
        assert!(words(CertificateError::Expired).ends_with("has expired"));
        let other = words(CertificateError::Revoked);
        assert!(other.starts_with("the receiver's certificate cannot be trusted: "), "{other}");
        assert!(tls_words(&rustls::Error::DecryptError).starts_with("no TLS connection: "));
    }
}
