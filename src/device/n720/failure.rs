//! What can go wrong between us and a manager's web server, in words for people. Holds no secret, and no URL beyond a path.

use std::error::Error;
use std::time::Duration;

/// A request that got no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportFailure {
    /// No TCP connection: refused, or no way there.
    #[error("no connection: {0}")]
    Connect(String),
    /// No TCP connection, and nobody who refuses one, within the time given to connect.
    #[error("no connection: nobody answered in time at its address")]
    ConnectTimeout,
    /// No whole answer within the time that one request is given.
    #[error("no whole answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The connection broke, or what came is no HTTP. `got` counts the bytes of the body that had come.
    #[error("the connection broke after {got} bytes of the body: {cause}")]
    Broken {
        /// Bytes of the body that had come.
        got: usize,
        /// What the HTTP client says.
        cause: String,
    },
    /// The body is larger than any page of the device.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The body is compressed, which was not asked for; it is not unpacked.
    #[error("the body is encoded as {0:?}, which was not asked for")]
    Encoded(String),
}

impl TransportFailure {
    /// Sorts an error of the HTTP client.
    pub(super) fn of(error: reqwest::Error, timeout: Duration, got: usize) -> Self {
        let error = error.without_url();
        let mut causes = vec![error.to_string()];
        let mut source = error.source();
        while let Some(inner) = source {
            causes.push(inner.to_string());
            source = inner.source();
        }
        let cause = causes.join(": ");
        if error.is_connect() && error.is_timeout() {
            Self::ConnectTimeout
        } else if error.is_connect() {
            // What stands before the last says no more than that there is none.
            let last = causes.pop().unwrap_or_default();
            Self::Connect(without_number(&last).to_owned())
        } else if error.is_timeout() {
            Self::Timeout(timeout)
        } else {
            Self::Broken { got, cause }
        }
    }

    /// Whether asking again at once can help: the device drops and refuses connections while it works.
    pub(super) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Broken { .. } | Self::Connect(_) => true,
            Self::ConnectTimeout | Self::Timeout(_) | Self::TooLarge(_) | Self::Encoded(_) => false,
        }
    }
}

/// `Connection refused`, without the ` (os error 111)` that is the same again.
fn without_number(cause: &str) -> &str {
    cause.split_once(" (os error ").map_or(cause, |(words, _)| words)
}

/// A page that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageFailure {
    /// No usable answer.
    #[error(transparent)]
    Transport(#[from] TransportFailure),
    /// The device sent us to its login page, or served it.
    #[error(
        "session lost: the login page came in its place; somebody else may have logged in, or the device restarted"
    )]
    SessionLost,
    /// An answer that is neither a page nor a redirect.
    #[error("the device answered status {0}{hint}", hint = if *.0 == 503 { " (busy)" } else { "" })]
    Status(u16),
    /// A redirect to where this request does not lead.
    #[error("wrong redirect: to {0}")]
    Redirect(String),
    /// The `ETag` names another page.
    #[error("wrong page: the device says that it served {0}")]
    WrongPage(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_at_once_is_tried_again_and_silence_is_not() {
        assert!(TransportFailure::Broken { got: 3, cause: "reset".into() }.is_worth_another_try());
        assert!(TransportFailure::Connect("refused".into()).is_worth_another_try());
        for failure in [
            TransportFailure::ConnectTimeout,
            TransportFailure::Timeout(Duration::from_secs(20)),
            TransportFailure::TooLarge(1),
            TransportFailure::Encoded("gzip".into()),
        ] {
            assert!(!failure.is_worth_another_try(), "{failure}");
        }
    }

    #[test]
    fn the_number_of_an_error_is_left_out() {
        assert_eq!(without_number("Connection refused (os error 111)"), "Connection refused");
        assert_eq!(without_number("unexpected eof"), "unexpected eof");
    }

    #[test]
    fn a_busy_device_is_named_so() {
        assert_eq!(PageFailure::Status(503).to_string(), "the device answered status 503 (busy)");
        assert_eq!(PageFailure::Status(404).to_string(), "the device answered status 404");
    }
}
