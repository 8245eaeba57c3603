//! The row of the contract's table for mails, with exim as the receiver.

use futures_util::future::{FutureExt, LocalBoxFuture};
use n720d::alerting::{EmailSettings, MailSecurity, Message, SinkKind};
use n720d::domain::secret::Secret;

use crate::certificates::Authority;
use crate::contract::{Candidate, PLANTED, Peer, Trouble};
use crate::email::settings;
use crate::exim::{Exim, HOST, Setup, Tls, USER};
use crate::log::Log;
use crate::receiver::{Receiver, nobody};

const TO: &str = "noc@example.net";

impl Peer for Exim {
    fn taken<'a>(&'a self, sent: &'a [Message], _log: &'a Log) -> LocalBoxFuture<'a, Vec<String>> {
        async {
            let mails = self.mails(TO, sent.len()).await;
            let text = |mail: &crate::mailbox::Mail| {
                [mail.header("Message-ID"), mail.header("Subject"), mail.part("text/plain")].join("\n")
            };
            mails.iter().map(text).collect()
        }
        .boxed_local()
    }
}

pub(crate) fn well() -> LocalBoxFuture<'static, Option<Candidate>> {
    async {
        let exim = Exim::start(Tls::Starttls).await?;
        let kind = SinkKind::Email(settings(&exim, MailSecurity::StartTls));
        Some(Candidate { kind, peer: Box::new(exim) })
    }
    .boxed_local()
}

pub(crate) fn ill(trouble: Trouble) -> LocalBoxFuture<'static, Option<Candidate>> {
    async move {
        match trouble {
            Trouble::Refused => {
                let exim = Exim::start(Tls::Starttls).await?;
                let port = nobody().await.port();
                Some(at(EmailSettings { port, ..settings(&exim, MailSecurity::StartTls) }, exim))
            }
            // It waits for a request, and we for a greeting.
            Trouble::Silent => {
                let exim = Exim::start(Tls::Starttls).await?;
                let receiver = Receiver::start([]).await;
                let port = receiver.address().port();
                Some(at(EmailSettings { port, ..settings(&exim, MailSecurity::StartTls) }, receiver))
            }
            Trouble::Broken => to("full@example.net").await,
            Trouble::Busy => to("later@example.net").await,
            Trouble::Rejected => to("nobody@example.net").await,
            Trouble::Auth => {
                let exim = Exim::start(Tls::Starttls).await?;
                let login = Some((USER.to_owned(), Secret::new(format!("{PLANTED}-password"))));
                Some(at(EmailSettings { login, ..settings(&exim, MailSecurity::StartTls) }, exim))
            }
            Trouble::Untrusted => {
                let certificate = Authority::new().issue(HOST);
                let exim = Exim::set_up(&Setup { certificate, ..Setup::default() }).await?;
                Some(at(settings(&exim, MailSecurity::StartTls), exim))
            }
            // Mail servers do not point elsewhere.
            Trouble::Redirected => None,
        }
    }
    .boxed_local()
}

fn at(settings: EmailSettings, peer: impl Peer + 'static) -> Candidate {
    Candidate { kind: SinkKind::Email(settings), peer: Box::new(peer) }
}

/// A recipient whom exim does not take mails for, see there.
async fn to(recipient: &str) -> Option<Candidate> {
    let exim = Exim::start(Tls::Starttls).await?;
    let to = vec![recipient.to_owned()];
    Some(at(EmailSettings { to, ..settings(&exim, MailSecurity::StartTls) }, exim))
}
