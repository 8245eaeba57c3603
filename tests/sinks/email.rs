//! Mails to a real server, exim: what lies in the mailbox in the end, and what comes of each way to fail.

use std::sync::Arc;
use std::time::Duration;

use n720d::alerting::{EmailSettings, MailSecurity, Sink, SinkKind, SinkSettings};
use n720d::domain::secret::Secret;

use crate::exim::{Exim, HOST, PASSWORD, Setup, Tls, USER, authority};
use crate::support::{at, drift};

pub(crate) const PATIENT: Duration = Duration::from_secs(30);

pub(crate) fn settings(exim: &Exim, security: MailSecurity) -> EmailSettings {
    EmailSettings {
        server: HOST.into(),
        port: exim.port,
        security,
        login: None,
        from: "n720d <n720d@example.net>".into(),
        to: vec!["noc@example.net".into()],
        authorities: Some(authority().pem()),
    }
}

pub(crate) fn sink(settings: EmailSettings, timeout: Duration) -> Arc<dyn Sink> {
    SinkSettings { name: "mail".into(), timeout, repeat: None, kind: SinkKind::Email(settings) }
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_mail_arrives_over_every_kind_of_connection() {
    for (tls, security) in [
        (Tls::No, MailSecurity::None),
        (Tls::Starttls, MailSecurity::StartTls),
        (Tls::AtOnce, MailSecurity::Tls),
    ] {
        let Some(exim) = Exim::start(tls).await else { return };
        sink(settings(&exim, security), PATIENT).deliver(&drift(), at(0)).await.unwrap();
        let [mail] = exim.mails("noc@example.net", 1).await.try_into().unwrap();
        let over_tls = mail.header("Received").contains("TLS");
        assert_eq!(over_tls, security != MailSecurity::None, "{}", mail.raw);
        assert_eq!(mail.header("Message-ID"), "<msg_1@example.net>");
    }
}

#[tokio::test]
async fn users_log_in_by_each_mechanism() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let Some(exim) = Exim::set_up(&Setup { mechanism, ..Setup::default() }).await else { return };
        let login = Some((USER.to_owned(), Secret::new(PASSWORD)));
        let to = vec!["inner@example.net".to_owned()];
        let settings = EmailSettings { login, to, ..settings(&exim, MailSecurity::StartTls) };
        sink(settings, PATIENT).deliver(&drift(), at(0)).await.unwrap();
        assert_eq!(exim.mails("inner@example.net", 1).await.len(), 1);
        assert!(exim.log().contains("A=the_one:n720d"), "{}", exim.log());
    }
}
