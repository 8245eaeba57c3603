//! Why a mail was not taken, in words: the server's own where it said something, ours where a certificate or a setting is
//! wrong. No password and nothing made of one passes here, not even in what a server says.

use std::error::Error as _;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use lettre::address::Address;
use lettre::transport::smtp::Error;

use super::conversation::{Connecting, Server, Step};
use crate::alerting::sink::{FailureReason, SinkError};
use crate::alerting::tls;
use crate::domain::secret::{MASK, Secret};

/// Of what a server answers, in characters.
const LONGEST_ANSWER: usize = 300;
/// What is told with every failure to connect: the shipped unit drops such packets, which looks like a dead server.
const NOT_PRIVATE: &str = "a mail server outside private networks needs a drop-in of the shipped unit: \
                           `systemctl edit n720d`, [Service], IPAddressAllow=ADDRESS";

/// What went wrong, and how far it had come.
pub(super) struct Problem {
    pub(super) step: Step,
    pub(super) trouble: Trouble,
}

/// What can go wrong.
pub(super) enum Trouble {
    /// The server said no, or there is no talking to it.
    Smtp(Error),
    /// Time was up.
    TimedOut,
}

impl Problem {
    /// In words, with the reason that decides what comes of it.
    pub(super) fn explain(
        &self,
        server: &Server,
        within: Duration,
        confidential: &Confidential,
    ) -> SinkError {
        let (reason, text) = self.words(server, within, confidential);
        let hint = match (&self.step, reason) {
            (Step::Greeting, FailureReason::Connection | FailureReason::Timeout) => {
                format!("; {NOT_PRIVATE}")
            }
            (Step::Recipient(_), _) => ": none of the recipients was told".to_owned(),
            (Step::Content, FailureReason::Timeout) => {
                "; it may have taken the mail: the next one carries the same Message-ID".to_owned()
            }
            _ => String::new(),
        };
        SinkError::new(reason, format!("{text}{hint}")).in_doubt(self.leaves_doubt())
    }

    /// Whether the server may have the mail and think that it took it. With a code it says that it did not.
    fn leaves_doubt(&self) -> bool {
        match &self.trouble {
            Trouble::TimedOut => self.step == Step::Content,
            Trouble::Smtp(error) => self.step == Step::Content && error.status().is_none(),
        }
    }

    /// In words, of a recipient without whom the mail was sent.
    pub(super) fn passed_over(
        &self,
        server: &Server,
        within: Duration,
        confidential: &Confidential,
    ) -> String {
        let (_, text) = self.words(server, within, confidential);
        format!("{text}: the other recipients were told")
    }

    fn words(
        &self,
        server: &Server,
        within: Duration,
        confidential: &Confidential,
    ) -> (FailureReason, String) {
        let Server { host, port, .. } = server;
        match &self.trouble {
            Trouble::TimedOut => {
                let text = format!("{host}:{port} did not answer within {within:?} {}", self.step.doing());
                (FailureReason::Timeout, text)
            }
            Trouble::Smtp(error) => match error.status() {
                Some(code) => self.refused(host, u16::from(code), &said(error, confidential)),
                None => self.broken(server, error, confidential),
            },
        }
    }

    /// The server answered with a code.
    fn refused(&self, host: &str, code: u16, said: &str) -> (FailureReason, String) {
        let reason = match (code, &self.step) {
            (400..=499, _) if asks_for_patience(code, said) => FailureReason::RateLimited,
            (400..=499, _) => FailureReason::Server,
            // 530: it wants a login, and for a reason of its own says so no earlier than at this step.
            (530, _) | (_, Step::Login) => FailureReason::Auth,
            (_, Step::StartTls) => FailureReason::Untrusted,
            _ => FailureReason::Rejected,
        };
        let text = match &self.step {
            Step::Recipient(recipient) => {
                format!("{host} refused recipient {recipient} ({code} {said})")
            }
            Step::Greeting | Step::StartTls | Step::Login | Step::Sender(_) | Step::Data | Step::Content => {
                format!("{host} answered {code} {}: {said}", self.step.doing())
            }
        };
        (reason, text)
    }

    /// The conversation broke off, or did not come about.
    fn broken(&self, server: &Server, error: &Error, confidential: &Confidential) -> (FailureReason, String) {
        let Server { host, port, .. } = server;
        if let Some(error) = tls::among_causes(error) {
            return untrusted(server, error);
        }
        if error.is_timeout() {
            return (FailureReason::Timeout, format!("no connection to {host}:{port} in time"));
        }
        match (&self.step, error.is_client()) {
            (Step::StartTls, true) => {
                let text = format!(
                    "{host}:{port} offers no STARTTLS, so nothing was said to it; security = \"tls\" is for servers \
                     that begin with TLS (as a rule on port 465), \"none\" for those that have none"
                );
                (FailureReason::Untrusted, text)
            }
            (Step::Login, true) => {
                let clear = match server.connecting {
                    Connecting::InClear => ", as most do not without TLS",
                    Connecting::ThenTls(_) | Connecting::OverTls(_) => "",
                };
                let text = format!("{host}:{port} takes no user and password (AUTH PLAIN or LOGIN){clear}");
                (FailureReason::Auth, text)
            }
            // The mail is on its way, and whether it was taken nobody knows.
            (Step::Content, _) => {
                let said = said(error, confidential);
                let text = format!("{host}:{port} broke off {}: {said}", self.step.doing());
                (FailureReason::Timeout, text)
            }
            _ => {
                let said = said(error, confidential);
                let text = format!("no conversation with {host}:{port} {}: {said}", self.step.doing());
                (FailureReason::Connection, text)
            }
        }
    }
}

impl From<(Address, Error)> for Problem {
    /// Of a recipient that the server refused.
    fn from((recipient, error): (Address, Error)) -> Self {
        Self { step: Step::Recipient(recipient), trouble: Trouble::Smtp(error) }
    }
}

impl Step {
    fn doing(&self) -> String {
        match self {
            Self::Greeting => "when we connected".to_owned(),
            Self::StartTls => "to STARTTLS".to_owned(),
            Self::Login => "to our login".to_owned(),
            Self::Sender(sender) => format!("to sender {sender}"),
            Self::Recipient(recipient) => format!("to recipient {recipient}"),
            Self::Data => "when the mail was announced".to_owned(),
            Self::Content => "when it had the mail".to_owned(),
        }
    }
}

/// Whether a server asks to come back later, rather than having trouble of its own: a mailbox that is busy, a sender that
/// it has not seen before (greylisting, which answers 450 or 451), too much at once (RFC 3463, 4.7.x: by policy).
fn asks_for_patience(code: u16, said: &str) -> bool {
    matches!(code, 450 | 452) || said.starts_with("4.7.") || said.to_ascii_lowercase().contains("greylist")
}

/// The innermost words, in one line: those of the server if it has said any.
fn said(error: &Error, confidential: &Confidential) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = cause.to_string();
        source = cause.source();
    }
    in_a_line(&words, confidential)
}

/// Masked before anything else: a password with two blanks in it, or half of one at the end, would not be known any more.
fn in_a_line(words: &str, confidential: &Confidential) -> String {
    let words = confidential.mask(words);
    let line = words.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty());
    line.collect::<Vec<_>>().join(" ").chars().take(LONGEST_ANSWER).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what the library may add has its own words")]
fn untrusted(server: &Server, error: &rustls::Error) -> (FailureReason, String) {
    let Server { host, port, .. } = server;
    let text = match error {
        rustls::Error::InvalidCertificate(error) => {
            format!("the certificate of {host}:{port} {}", tls::certificate(host, error))
        }
        rustls::Error::InvalidMessage(_) => format!(
            "{host}:{port} does not begin with TLS; security = \"starttls\" is for servers that change to it \
             (as a rule on ports 587 and 25)"
        ),
        error => format!("no TLS with {host}:{port}: {error}"),
    };
    (FailureReason::Untrusted, text)
}

/// What must not be shown: the password, and what a login makes of it on the wire.
pub(super) struct Confidential(Vec<Secret>);

impl Confidential {
    /// Of this user and password.
    pub(super) fn of(login: Option<&(String, Secret)>) -> Self {
        let Some((user, password)) = login else { return Self(Vec::new()) };
        let password = password.expose();
        let plain = format!("\0{user}\0{password}");
        // The longest first, so that no rest of one is left where another has been masked.
        let shapes = [
            STANDARD.encode(&plain),
            STANDARD_NO_PAD.encode(&plain),
            STANDARD.encode(password),
            STANDARD_NO_PAD.encode(password),
            password.to_owned(),
        ];
        Self(shapes.into_iter().filter(|shape| !shape.is_empty()).map(Secret::new).collect())
    }

    /// The text without it.
    fn mask(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), MASK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_asks_for_patience_is_told_from_one_in_trouble() {
        for (code, said) in [
            (450, "mailbox busy"),
            (451, "Greylisted, come back in 5 minutes"),
            (451, "4.7.1 Please try again later"),
            (452, "4.5.3 too many recipients"),
            (421, "4.7.0 too many connections"),
        ] {
            assert!(asks_for_patience(code, said), "{code} {said}");
        }
        for (code, said) in
            [(421, "shutting down"), (451, "local error in processing"), (454, "TLS not available")]
        {
            assert!(!asks_for_patience(code, said), "{code} {said}");
        }
    }

    #[test]
    fn a_password_is_masked_before_blanks_are_joined_and_the_end_is_cut_off() {
        let login = ("n720d".to_owned(), Secret::new("hunter  2"));
        let confidential = Confidential::of(Some(&login));
        assert_eq!(in_a_line("hunter  2\r\nis  wrong", &confidential), format!("{MASK} is wrong"));
        let long = "x".repeat(LONGEST_ANSWER - 6);
        let said = in_a_line(&format!("{long} hunter  2"), &confidential);
        assert!(!said.contains("hunt"), "{said}");
    }

    #[test]
    fn no_shape_of_a_password_is_shown() {
        let login = ("n720d".to_owned(), Secret::new("hunter2"));
        let confidential = Confidential::of(Some(&login));
        let plain = STANDARD.encode("\0n720d\0hunter2");
        let said = format!(
            "535 {plain} {} {} hunter2 wrong",
            plain.trim_end_matches('='),
            STANDARD.encode("hunter2")
        );
        let masked = confidential.mask(&said);
        assert_eq!(masked, format!("535 {MASK} {MASK} {MASK} {MASK} wrong"));
        assert_eq!(Confidential::of(None).mask(&said), said);
        let nothing = ("n720d".to_owned(), Secret::new(""));
        assert_eq!(Confidential::of(Some(&nothing)).mask("wrong"), "wrong");
    }
}
