//! What TLS has against a receiver, in words. For every sink that speaks it; pure.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// The TLS error among the causes of `error`, if there is one.
pub(super) fn among_causes(error: &dyn Error) -> Option<&rustls::Error> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(found) = cause.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An I/O error passes over what it wraps when it is asked for its source.
        source = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    None
}

/// What is wrong with the certificate of `host`, as the end of a sentence about it.
#[expect(clippy::wildcard_enum_match_arm, reason = "what the library may add has its own words")]
pub(super) fn certificate(host: &str, error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "was issued by nobody whom this machine trusts; name the issuer's certificate as ca_file"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "does not have the signature of the issuer that it names; if that one has a new \
                                           certificate, ca_file needs it, too"
                .to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("is for {}, not for {host}; name the server as its certificate does", names(presented))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("is not for {host}; name the server as its certificate does")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; is this machine's clock right?".to_owned()
        }
        other => format!("cannot be used: {other}"),
    }
}

/// As `a, b and 3 more`: the names are those of whoever answers, and there may be many. The library writes them as
/// `DnsName("a")`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| name.split('"').nth(1).unwrap_or(name).replace(char::is_control, " ");
    let mut words: Vec<String> = presented.iter().take(3).map(plain).collect();
    if presented.len() > words.len() {
        words.push(format!("{} more", presented.len() - words.len()));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates_are_few_and_plain() {
        let presented =
            |names: &[&str]| names.iter().map(|name| format!("DnsName({name:?})")).collect::<Vec<_>>();
        assert_eq!(names(&presented(&["mail.example.net"])), "mail.example.net");
        assert_eq!(names(&presented(&["a", "b", "c", "d", "e"])), "a, b, c, 2 more");
        assert_eq!(names(&["odd".to_owned()]), "odd");
    }

    #[test]
    fn certificates_that_are_no_good_are_told_apart() {
        for (error, words) in [
            (CertificateError::UnknownIssuer, "ca_file"),
            (CertificateError::NotValidForName, "is not for mail.example.net"),
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "clock"),
            (CertificateError::BadSignature, "ca_file needs it, too"),
            (CertificateError::Revoked, "cannot be used"),
        ] {
            let text = certificate("mail.example.net", &error);
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn an_error_is_found_however_deep_it_is_wrapped() {
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let wrapped = io::Error::other(io::Error::other(expired.clone()));
        let outer = crate::alerting::sink::UrlProblem("no cause".to_owned());
        assert_eq!(among_causes(&Outer(wrapped)), Some(&expired));
        assert_eq!(among_causes(&outer), None);
    }

    /// Its cause is an I/O error.
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);
}
