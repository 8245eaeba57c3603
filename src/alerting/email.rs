//! The mail sink: one SMTP transaction a message, for all its recipients, over a connection of its own. No queue, no retry:
//! a mail server has the one, our caller the other.
//!
//! [`letter`] writes the mail, [`conversation`] hands it over, [`failure`] puts into words why that did not work.

mod conversation;
mod failure;
mod letter;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt};
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use self::conversation::{Connecting, Server};
use self::failure::Confidential;
use self::letter::Letter;
use super::message::Message;
use super::settings::{EmailSettings, MailSecurity};
use super::sink::{FailureReason, Sink, SinkBuildError, SinkError};

/// Sends mails.
pub struct Email {
    name: String,
    timeout: Duration,
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    confidential: Confidential,
}

impl Email {
    /// A mail sink; see [`EmailSettings`]. Connects to nothing yet.
    ///
    /// # Errors
    /// An address that is none, or certificates that cannot be read; see [`SinkBuildError`].
    pub fn new(
        name: impl Into<String>,
        settings: &EmailSettings,
        timeout: Duration,
    ) -> Result<Self, SinkBuildError> {
        let name = name.into();
        let mailbox = |text: &String| mailbox(&name, text);
        let from = mailbox(&settings.from)?;
        let to = settings.to.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
        let connecting = match settings.security {
            MailSecurity::None => Connecting::InClear,
            MailSecurity::StartTls => Connecting::ThenTls(tls(&name, settings)?),
            MailSecurity::Tls => Connecting::OverTls(tls(&name, settings)?),
        };
        let login = settings.login.as_ref();
        let server = Server {
            host: settings.server.clone(),
            port: settings.port,
            connecting,
            login: login.map(|(user, password)| Credentials::new(user.clone(), password.expose().to_owned())),
        };
        let confidential = Confidential::of(login);
        Ok(Self { name, timeout, server, from, to, confidential })
    }

    async fn send(&self, message: &Message) -> Result<(), SinkError> {
        let letter = Letter::write(message, &self.from, &self.to).map_err(|error| {
            SinkError::new(FailureReason::Malformed, format!("no mail can be made of it: {error}"))
        })?;
        let handed_over = self.server.hand_over(&letter, self.timeout).await;
        let passed_over =
            handed_over.map_err(|problem| problem.explain(&self.server, self.timeout, &self.confidential))?;
        for problem in passed_over {
            let text = problem.passed_over(&self.server, self.timeout, &self.confidential);
            tracing::error!(sink = %self.name, "{text}");
        }
        Ok(())
    }
}

impl Sink for Email {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        _now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        self.send(message).boxed()
    }
}

/// Only of ASCII: what goes beyond needs an extension that many mail servers have not, and would fail when it matters.
fn mailbox(sink: &str, text: &str) -> Result<Mailbox, SinkBuildError> {
    let refused =
        |why: String| SinkBuildError::Address { sink: sink.to_owned(), address: text.to_owned(), why };
    let mailbox: Mailbox =
        text.parse().map_err(|error: lettre::address::AddressError| refused(error.to_string()))?;
    if AsRef::<str>::as_ref(&mailbox.email).is_ascii() {
        Ok(mailbox)
    } else {
        Err(refused(
            "an address is of ASCII; a domain with umlauts has a form that begins with xn--".to_owned(),
        ))
    }
}

fn tls(sink: &str, settings: &EmailSettings) -> Result<TlsParameters, SinkBuildError> {
    let refused = |why: String| SinkBuildError::Authorities { sink: sink.to_owned(), why };
    let mut builder = TlsParameters::builder(settings.server.clone());
    if let Some(pem) = &settings.authorities {
        if CertificateDer::pem_slice_iter(pem).filter(Result::is_ok).count() == 0 {
            return Err(refused("there is no certificate in PEM in it".to_owned()));
        }
        let certificates = Certificate::from_pem(pem).map_err(|error| refused(error.to_string()))?;
        builder = builder.add_root_certificate(certificates);
    }
    builder.build().map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;

    fn settings() -> EmailSettings {
        EmailSettings {
            server: "mail.example.net".into(),
            port: 587,
            security: MailSecurity::StartTls,
            login: Some(("n720d".into(), Secret::new("hunter2"))),
            from: "n720d <n720d@example.net>".into(),
            to: vec!["noc@example.net".into(), "Frau Müller <mueller@example.net>".into()],
            authorities: None,
        }
    }

    fn refused(settings: &EmailSettings) -> Option<String> {
        Email::new("mail", settings, Duration::from_secs(1)).err().map(|error| error.to_string())
    }

    #[test]
    fn addresses_are_read_with_and_without_names() {
        let email = Email::new("mail", &settings(), Duration::from_secs(1)).unwrap();
        assert_eq!(email.from.email.to_string(), "n720d@example.net");
        assert_eq!(email.to[1].name.as_deref(), Some("Frau Müller"));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for odd in ["noc", "noc@", "noc@example.net, pager@example.net", "", "nöc@example.net"] {
            let text = refused(&EmailSettings { to: vec![odd.into()], ..settings() }).unwrap();
            assert!(text.starts_with(&format!("alert sink mail: {odd:?} is no mail address")), "{text}");
            assert!(refused(&EmailSettings { from: odd.into(), ..settings() }).is_some(), "{odd}");
        }
    }

    #[test]
    fn authorities_that_are_none_are_refused() {
        for odd in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let text = refused(&EmailSettings { authorities: Some(odd.into()), ..settings() }).unwrap();
            assert!(text.starts_with("alert sink mail: its ca_file cannot be used"), "{text}");
        }
        let unused =
            EmailSettings { security: MailSecurity::None, authorities: Some("no PEM".into()), ..settings() };
        assert_eq!(refused(&unused), None, "nothing is checked with them");
    }
}
