//! The conversation with a mail server, step by step, so that it is known which step failed. Every step and all of them
//! together are bounded. What comes of an error is `failure`'s part.

use std::time::Duration;

use lettre::address::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::{Problem, Trouble};
use super::letter::Letter;

/// For the connection alone, within the time-out of the attempt.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// For leaving politely, after the outcome is known.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

/// A mail server.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) connecting: Connecting,
    pub(super) login: Option<Credentials>,
}

/// How a connection comes about.
pub(super) enum Connecting {
    /// In clear, and it stays so.
    InClear,
    /// In clear; TLS before anything is said, or no conversation at all.
    ThenTls(TlsParameters),
    /// TLS from the first byte.
    OverTls(TlsParameters),
}

/// How far a conversation came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Connecting, with TLS where that comes first, and being greeted.
    Greeting,
    /// Changing to TLS.
    StartTls,
    /// Logging in.
    Login,
    /// Naming the sender.
    Sender(Address),
    /// Naming a recipient.
    Recipient(Address),
    /// Asking to hand over the mail.
    Data,
    /// Handing over the mail, and waiting for the word that it is taken.
    Content,
}

impl Server {
    /// Hands a mail over, to all its recipients but those that the server refuses for good, which are handed back: they would
    /// keep the others from being told for as long as nobody mends the settings. A recipient that is refused for now
    /// ends the transaction before the mail itself, for the next try to reach all of them.
    ///
    /// Takes no longer than `within`, and a second for leaving.
    pub(super) async fn hand_over(&self, letter: &Letter, within: Duration) -> Result<Vec<Problem>, Problem> {
        let deadline = Instant::now() + within;
        let mut step = Step::Greeting;
        let connection = timeout_at(deadline, self.connect(within)).await;
        let mut connection = match connection {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(Problem { step, trouble: Trouble::Smtp(error) }),
            Err(_) => return Err(Problem { step, trouble: Trouble::TimedOut }),
        };
        match timeout_at(deadline, self.transact(&mut connection, letter, &mut step)).await {
            Ok(outcome) => {
                // After anything but an answer there is nobody left to take leave of, and after TLS that came to nothing
                // not even a connection. What comes of it changes nothing: the mail is taken, or it is not.
                if outcome.as_ref().err().is_none_or(|error| error.status().is_some()) {
                    timeout(FAREWELL_WITHIN, connection.abort()).await.ok();
                }
                let refused = outcome.map_err(|error| Problem { step, trouble: Trouble::Smtp(error) })?;
                Ok(refused.into_iter().map(Problem::from).collect())
            }
            Err(_) => Err(Problem { step, trouble: Trouble::TimedOut }),
        }
    }

    async fn connect(&self, within: Duration) -> Result<AsyncSmtpConnection, Error> {
        let tls = match &self.connecting {
            Connecting::InClear | Connecting::ThenTls(_) => None,
            Connecting::OverTls(tls) => Some(tls.clone()),
        };
        let address = (self.host.as_str(), self.port);
        let connect_within = CONNECT_WITHIN.min(within);
        AsyncSmtpConnection::connect_tokio1(address, Some(connect_within), &hello(), tls, None).await
    }

    async fn transact(
        &self,
        connection: &mut AsyncSmtpConnection,
        letter: &Letter,
        step: &mut Step,
    ) -> Result<Vec<(Address, Error)>, Error> {
        if let Connecting::ThenTls(tls) = &self.connecting {
            *step = Step::StartTls;
            connection.starttls(tls.clone(), &hello()).await?;
        }
        if let Some(login) = &self.login {
            *step = Step::Login;
            connection.auth(DEFAULT_MECHANISMS, login).await?;
        }
        *step = Step::Sender(letter.sender.clone());
        connection.command(Mail::new(Some(letter.sender.clone()), Vec::new())).await?;
        let mut refused = Vec::new();
        for recipient in &letter.recipients {
            *step = Step::Recipient(recipient.clone());
            match connection.command(Rcpt::new(recipient.clone(), Vec::new())).await {
                Ok(_) => {}
                Err(error) if error.is_permanent() => refused.push((recipient.clone(), error)),
                Err(error) => return Err(error),
            }
        }
        if refused.len() == letter.recipients.len()
            && let Some((recipient, error)) = refused.pop()
        {
            *step = Step::Recipient(recipient);
            return Err(error);
        }
        *step = Step::Data;
        connection.command(Data).await?;
        *step = Step::Content;
        connection.message(&letter.bytes).await?;
        Ok(refused)
    }
}

/// What we call ourselves: the machine's name.
fn hello() -> ClientId {
    ClientId::default()
}

type Error = lettre::transport::smtp::Error;
