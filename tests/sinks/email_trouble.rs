//! What comes of each way in which a mail is not taken: by a real server, exim, and by scripted ones that misbehave.

use std::time::Duration;

use futures_util::future::join_all;
use n720d::alerting::{EmailSettings, FailureReason, MailSecurity, SinkError};
use n720d::domain::secret::Secret;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber;

use crate::email::{PATIENT, settings, sink};
use crate::exim::{Exim, HOST, PASSWORD, Setup, Tls, USER, authority};
use crate::log::Log;
use crate::support::{at, drift};

fn login(password: &str) -> (String, Secret) {
    (USER.to_owned(), Secret::new(password))
}

/// Tries once, and shows nothing of a password.
async fn failure(settings: EmailSettings, timeout: Duration) -> SinkError {
    let error = sink(settings, timeout).deliver(&drift(), at(0)).await.unwrap_err();
    let text = format!("{error} {error:?}");
    for secret in [PASSWORD, "aHVudGVyMi", "h%nter"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!error.text.contains(char::is_control), "{error:?}");
    error
}

#[track_caller]
fn is(error: &SinkError, reason: FailureReason, needs_a_person: bool, words: &[&str]) {
    assert_eq!((error.reason, error.reason.needs_a_person()), (reason, needs_a_person), "{error}");
    assert!(error.is_retryable(), "a server's settings can change: {error}");
    for word in words {
        assert!(error.text.contains(word), "{word}: {error}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_with_the_servers_words() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let Some(exim) = Exim::set_up(&Setup { mechanism, ..Setup::default() }).await else { return };
        let settings =
            EmailSettings { login: Some(login("h%nter")), ..settings(&exim, MailSecurity::StartTls) };
        let error = failure(settings, PATIENT).await;
        is(
            &error,
            FailureReason::Auth,
            true,
            &["localhost answered 535 to our login: Incorrect authentication data"],
        );
        assert!(exim.arrived("noc@example.net").is_empty());
    }
}

#[tokio::test]
async fn a_server_that_takes_no_logins_is_told() {
    let Some(exim) = Exim::start(Tls::No).await else { return };
    let settings = EmailSettings { login: Some(login(PASSWORD)), ..settings(&exim, MailSecurity::None) };
    let error = failure(settings, PATIENT).await;
    is(&error, FailureReason::Auth, true, &["takes no user and password", "as most do not without TLS"]);
}

#[tokio::test]
async fn certificate_trouble_is_put_into_words() {
    let named = |name: &str| Setup { certificate: authority().issue(name), ..Setup::default() };
    let expired = Setup { certificate: authority().issue_expired(HOST), ..Setup::default() };
    for (setup, authorities, words) in [
        (
            Setup::default(),
            None,
            "was issued by nobody whom this machine trusts; name the issuer's certificate as ca_file",
        ),
        (named("mail.example.net"), Some(authority().pem()), "is for mail.example.net, not for localhost"),
        (expired, Some(authority().pem()), "has expired"),
    ] {
        for (tls, security) in [(Tls::Starttls, MailSecurity::StartTls), (Tls::AtOnce, MailSecurity::Tls)] {
            let setup = Setup { tls, ..setup.clone() };
            let Some(exim) = Exim::set_up(&setup).await else { return };
            let settings = EmailSettings {
                authorities: authorities.clone(),
                login: Some(login(PASSWORD)),
                ..settings(&exim, security)
            };
            is(&failure(settings, PATIENT).await, FailureReason::Untrusted, true, &[words]);
            assert!(!exim.log().contains("A=the_one"), "nobody logged in: {}", exim.log());
        }
    }
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let Some(exim) = Exim::start(Tls::No).await else { return };
    let error = failure(settings(&exim, MailSecurity::StartTls), PATIENT).await;
    is(&error, FailureReason::Untrusted, true, &["offers no STARTTLS", "security = \"tls\""]);
    assert!(exim.arrived("noc@example.net").is_empty());
}

#[tokio::test]
async fn the_wrong_kind_of_tls_is_told() {
    let Some(exim) = Exim::start(Tls::Starttls).await else { return };
    let error = failure(settings(&exim, MailSecurity::Tls), PATIENT).await;
    is(&error, FailureReason::Untrusted, true, &["does not begin with TLS", "security = \"starttls\""]);
    let Some(exim) = Exim::start(Tls::AtOnce).await else { return };
    // The server waits for the client to begin, and the client for the server.
    let error = failure(settings(&exim, MailSecurity::StartTls), Duration::from_secs(2)).await;
    is(&error, FailureReason::Timeout, false, &["did not answer within 2s when we connected"]);
}

#[tokio::test]
async fn a_recipient_that_is_refused_for_good_is_named_and_the_others_are_told() {
    let Some(exim) = Exim::start(Tls::Starttls).await else { return };
    let to = ["noc@example.net", "nobody@example.net", "boss@example.net"].map(str::to_owned).to_vec();
    let log = Log::default();
    let sink = sink(EmailSettings { to, ..settings(&exim, MailSecurity::StartTls) }, PATIENT);
    sink.deliver(&drift(), at(0)).with_subscriber(log.subscriber()).await.unwrap();
    let words = "localhost refused recipient nobody@example.net (550 no such user here): the other recipients were told";
    assert!(log.text().contains(words) && log.text().contains("ERROR"), "{}", log.text());
    for recipient in ["noc@example.net", "boss@example.net"] {
        assert_eq!(exim.mails(recipient, 1).await.len(), 1, "{recipient}");
    }
}

#[tokio::test]
async fn nobody_is_told_where_all_are_refused_or_one_is_for_now() {
    let Some(exim) = Exim::start(Tls::Starttls).await else { return };
    for (refused, reason, words) in [
        (
            "nobody@example.net",
            FailureReason::Rejected,
            "(550 no such user here): none of the recipients was told",
        ),
        (
            "later@example.net",
            FailureReason::RateLimited,
            "come back in five minutes): none of the recipients",
        ),
    ] {
        let mut to = vec![refused.to_owned()];
        if reason == FailureReason::RateLimited {
            to.extend(["noc@example.net", "boss@example.net"].map(str::to_owned));
        }
        let error = failure(EmailSettings { to, ..settings(&exim, MailSecurity::StartTls) }, PATIENT).await;
        is(&error, reason, reason == FailureReason::Rejected, &[words]);
    }
    for recipient in ["noc@example.net", "boss@example.net"] {
        assert!(exim.arrived(recipient).is_empty());
    }
}

#[tokio::test]
async fn what_the_server_asks_or_refuses_is_told_apart() {
    let Some(exim) = Exim::start(Tls::Starttls).await else { return };
    for (recipient, reason, needs_a_person, words) in [
        ("later@example.net", FailureReason::RateLimited, false, "451 greylisted, come back in five minutes"),
        ("full@example.net", FailureReason::Server, false, "451 no room left on this server"),
        ("inner@example.net", FailureReason::Rejected, true, "550 relay not permitted"),
        (
            "picky@example.net",
            FailureReason::Rejected,
            true,
            "550 when it had the mail: this looks like spam",
        ),
    ] {
        let to = vec![recipient.to_owned()];
        let error = failure(EmailSettings { to, ..settings(&exim, MailSecurity::StartTls) }, PATIENT).await;
        is(&error, reason, needs_a_person, &[words]);
        assert!(exim.arrived(recipient).is_empty());
    }
}

/// What a scripted server does when its lines are used up.
#[derive(Debug, Clone, Copy)]
enum Then {
    Hang,
    Close,
}

/// A server that greets and answers with these lines in turn, whatever it hears. Ends when dropped.
struct Scripted {
    port: u16,
    server: JoinHandle<()>,
}

impl Scripted {
    async fn start(lines: &'static [&'static str], then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            converse(stream, lines, then).await.ok();
        });
        Self { port, server }
    }

    fn settings(&self) -> EmailSettings {
        EmailSettings {
            server: "127.0.0.1".into(),
            port: self.port,
            security: MailSecurity::None,
            login: None,
            from: "n720d@example.net".into(),
            to: vec!["noc@example.net".into()],
            authorities: None,
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn converse(stream: TcpStream, lines: &[&str], then: Then) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut heard = BufReader::new(reader).lines();
    for (number, line) in lines.iter().enumerate() {
        // The answer to the mail is due at its dot, any other at the end of a line; the greeting at once.
        let is_mail = number > 0 && lines[number - 1].starts_with("354");
        if number > 0 {
            let mut heard_last = heard.next_line().await?;
            while is_mail && heard_last.as_ref().is_some_and(|line| line != ".") {
                heard_last = heard.next_line().await?;
            }
            if heard_last.is_none() {
                return Ok(());
            }
        }
        writer.write_all(line.as_bytes()).await?;
    }
    match then {
        Then::Hang => while heard.next_line().await?.is_some() {},
        Then::Close => {}
    }
    Ok(())
}

const GREETING: &str = "220 mx ESMTP\r\n";
const HELLO: &str = "250-mx\r\n250 AUTH PLAIN\r\n";
const OK: &str = "250 ok\r\n";

#[tokio::test]
async fn a_server_that_stalls_at_any_step_is_a_time_out_that_names_the_step() {
    let all: &[&str] = &[GREETING, HELLO, OK, OK, "354 go on\r\n"];
    let steps = [
        "when we connected; a mail server outside private networks needs a drop-in",
        "when we connected",
        "to sender n720d@example.net",
        "to recipient noc@example.net",
        "when the mail was announced",
        "when it had the mail; it may have taken the mail: the next one carries the same Message-ID",
    ];
    // Side by side, because each takes its whole time, in which a busy machine has to come to the step.
    let stalls = steps.iter().enumerate().map(async |(heard, step)| {
        let server = Scripted::start(&all[..heard], Then::Hang).await;
        let error = failure(server.settings(), Duration::from_secs(3)).await;
        is(&error, FailureReason::Timeout, false, &["did not answer within 3s", step]);
        assert_eq!(error.may_have_been_taken, step.starts_with("when it had the mail"), "{error}");
    });
    join_all(stalls).await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_with_how_far_it_came() {
    let all: &[&str] = &[GREETING, HELLO, OK, OK, "354 go on\r\n"];
    for (heard, step) in
        ["when we connected", "when we connected", "to sender", "to recipient", "when the mail was announced"]
            .iter()
            .enumerate()
    {
        let server = Scripted::start(&all[..heard], Then::Close).await;
        let error = failure(server.settings(), PATIENT).await;
        is(&error, FailureReason::Connection, false, &["no conversation with 127.0.0.1", step]);
        assert!(!error.may_have_been_taken, "{error}");
    }
    let server = Scripted::start(&[GREETING, HELLO, OK, OK, "354 go on\r\n"], Then::Close).await;
    let error = failure(server.settings(), PATIENT).await;
    is(&error, FailureReason::Timeout, false, &["broke off", "it may have taken the mail"]);
    assert!(error.may_have_been_taken);
}

#[tokio::test]
async fn a_mail_that_was_taken_is_delivered_whatever_comes_of_leaving() {
    for then in [Then::Hang, Then::Close] {
        let server = Scripted::start(&[GREETING, HELLO, OK, OK, "354 go on\r\n", OK], then).await;
        sink(server.settings(), PATIENT).deliver(&drift(), at(0)).await.unwrap();
    }
}

#[tokio::test]
async fn odd_answers_are_trouble_and_nothing_worse() {
    let long: &'static str = Box::leak(format!("550 {}\r\n", "x".repeat(5000)).into_boxed_str());
    for lines in [
        &["garbage\r\n"] as &[&str],
        &["\r\n"],
        &[GREETING, "250-\r\n250- \r\n250 \t\r\n", OK, OK],
        &[GREETING, "250- \r\n250 x\r\n", "999 what\r\n"],
        &[GREETING, HELLO, "550\r\n"],
        &[GREETING, HELLO, long],
        &[GREETING, HELLO, "550-one\r\n550-two\u{1b}[31m\r\n550 three\r\n"],
        &[GREETING, HELLO, "\u{ff}\u{fe}\r\n"],
        &["421 too many connections\r\n"],
        &["554 not you\r\n"],
    ] {
        let server = Scripted::start(Box::leak(lines.to_vec().into_boxed_slice()), Then::Close).await;
        let error = failure(server.settings(), PATIENT).await;
        assert!(error.text.chars().count() < 600, "{error}");
    }
}

#[tokio::test]
async fn a_server_that_repeats_what_it_heard_shows_no_password() {
    let echo = "535 AG43MjBkAGh1bnRlcjIgJiBzM2NyZXQ= is wrong, n720d, and so is hunter2 & s3cret\r\n";
    let server =
        Scripted::start(Box::leak(vec![GREETING, HELLO, echo].into_boxed_slice()), Then::Close).await;
    let settings = EmailSettings { login: Some(login(PASSWORD)), ..server.settings() };
    let error = failure(settings, PATIENT).await;
    is(&error, FailureReason::Auth, true, &["535", "******** is wrong, n720d, and so is ********"]);
}

#[tokio::test]
async fn no_server_is_no_connection() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Scripted::start(&[], Then::Hang).await;
    let settings = EmailSettings { port: free.port(), ..server.settings() };
    let error = failure(settings, PATIENT).await;
    is(
        &error,
        FailureReason::Connection,
        false,
        &["no conversation with 127.0.0.1", "refused", "IPAddressAllow=ADDRESS"],
    );
    let settings = EmailSettings { server: "mail.invalid".into(), ..server.settings() };
    let error = failure(settings, PATIENT).await;
    is(&error, FailureReason::Connection, false, &["no conversation with mail.invalid"]);
}
