//! Mails to a real server, exim: what lies in the mailbox in the end, and what comes of each way to fail.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use n720d::alerting::{
    EmailSettings, MailSecurity, Message, Sink, SinkKind, SinkSettings, SiteFacts, Subject, text,
};
use n720d::domain::alert::{Alert, AlertKind, AlertState};
use n720d::domain::notification::Reason;
use n720d::domain::secret::Secret;

use crate::exim::{Exim, HOST, PASSWORD, Setup, Tls, USER, authority};
use crate::mailbox::Mail;
use crate::support::{alert, at, drift, handset, message, site, storm};

pub(crate) const PATIENT: Duration = Duration::from_secs(120);

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

/// What lies in the mailboxes after these deliveries to a single recipient, in their order.
async fn mails(messages: &[Message]) -> Option<Vec<Mail>> {
    let exim = Exim::start(Tls::Starttls).await?;
    let sink = sink(settings(&exim, MailSecurity::StartTls), PATIENT);
    for message in messages {
        sink.deliver(message, at(9)).await.unwrap();
    }
    let mails = exim.mails("noc@example.net", messages.len()).await;
    assert_eq!(mails.len(), messages.len());
    Some(mails)
}

/// Two handsets are lost, and a difference is over.
fn lost() -> Message {
    let handsets = vec![
        handset(2, Some("1014"), Some("Jürgen Groß <Empfang>")),
        handset(7, Some("1015"), Some("Łódź & Söhne")),
    ];
    let lost = Alert {
        summary: "2 handsets were lost: Größe & Maß".into(),
        handsets,
        ..alert(AlertKind::HandsetLost, AlertState::Firing)
    };
    message(Reason::Changed, vec![lost, alert(AlertKind::Drift, AlertState::Resolved)])
}

#[tokio::test]
async fn the_head_is_to_sort_and_to_thread_by() {
    let Some(mails) = mails(&[lost()]).await else { return };
    let mail = &mails[0];
    for (name, value) in [
        ("From", "n720d <n720d@example.net>"),
        ("To", "noc@example.net"),
        ("Date", "Tue, 14 Nov 2023 22:13:20 +0000"),
        ("Message-ID", "<msg_1@example.net>"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("X-N720d-Site", "acme"),
        ("X-N720d-Reason", "changed"),
        ("X-N720d-Severity", "warning"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(mail.header(name), value, "{name}");
    }
    assert_eq!(mail.header("Subject"), text::title(&lost()));
    let thread = mail.header("References");
    assert!(thread.starts_with("<n720d-thread-") && thread.ends_with("@example.net>"), "{thread}");
    assert_eq!(mail.header("In-Reply-To"), thread);
}

#[tokio::test]
async fn the_text_arrives_twice_with_the_hand_off_sheet_as_a_table() {
    let Some(mails) = mails(&[lost()]).await else { return };
    let mail = &mails[0];
    assert!(mail.header("Content-Type").starts_with("multipart/alternative"), "{}", mail.raw);
    // The last one is what a mail program shows if it can.
    assert_eq!(mail.kinds(), ["text/plain; charset=utf-8", "text/html; charset=utf-8"]);
    let (plain, html) = (mail.part("text/plain"), mail.part("text/html"));
    assert_eq!((plain, html), (text::plain(&lost()).as_str(), text::html(&lost()).as_str()));
    for word in
        ["Größe & Maß", "Jürgen Groß <Empfang>", "Łódź & Söhne", "1014", "0815", "Frau Weber, +49 30 123456"]
    {
        assert!(plain.contains(word), "{word}: {plain}");
    }
    let mut tables = html.split("<table").skip(1).map(|rest| rest.split_once("</table>").unwrap().0);
    let table = tables.find(|table| table.contains("<th")).unwrap();
    for word in
        ["Jürgen Groß &lt;Empfang&gt;", "Łódź &amp; Söhne", "1014", "1015", "0815", "Register handset"]
    {
        assert!(table.contains(word), "{word}: {table}");
    }
}

#[tokio::test]
async fn what_would_not_pass_a_mail_server_passes() {
    let odd = Alert {
        summary: "ä".repeat(1_500),
        readings: vec![
            ".".into(),
            "From here".into(),
            "x".repeat(1_999),
            ".leading dot".into(),
            "=C3=84".into(),
        ],
        ..alert(AlertKind::Drift, AlertState::Firing)
    };
    let odd = message(Reason::First, vec![odd]);
    let Some(mails) = mails(std::slice::from_ref(&odd)).await else { return };
    let mail = &mails[0];
    assert_eq!(mail.part("text/plain"), text::plain(&odd));
    assert_eq!(mail.part("text/html"), text::html(&odd));
    assert!(mail.raw.is_ascii() && mail.raw.lines().all(|line| line.len() <= 998), "{}", mail.raw);
}

#[tokio::test]
async fn mails_about_one_thing_are_one_thread_and_those_about_another_are_not() {
    let other_site = || {
        let facts = Arc::new(SiteFacts { name: "other".parse().unwrap(), ..SiteFacts::clone(&site()) });
        Message { id: "msg_3".into(), subject: Subject::Site(facts), ..drift() }
    };
    let label = |storm| {
        let labels = [("customer".to_owned(), "acme".to_owned())].into();
        Message { id: format!("msg_{storm}"), subject: Subject::Several { labels, storm }, ..drift() }
    };
    let over = message(Reason::Resolved, vec![alert(AlertKind::HandsetLost, AlertState::Resolved)]);
    let over = Message { id: "msg_4".into(), ..over };
    let Some(mails) = mails(&[lost(), over, other_site(), label(false), label(true), storm(7)]).await else {
        return;
    };
    let threads: Vec<&str> = mails.iter().map(|mail| mail.header("References")).collect();
    assert_eq!(threads[0], threads[1], "an end belongs to its beginning");
    let different: BTreeSet<&str> = threads.iter().copied().collect();
    assert_eq!(different.len(), 5, "{threads:?}");
    let ids: BTreeSet<&str> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 6);
    let resolved = &mails[1];
    assert_eq!(resolved.header("X-N720d-Reason"), "resolved");
    assert!(resolved.header("Subject").contains("RESOLVED"), "{}", resolved.header("Subject"));
    let of_several = &mails[5];
    assert_eq!(of_several.header("X-N720d-Site"), "fleet");
}

#[tokio::test]
async fn a_mail_sent_again_is_the_same_to_the_byte() {
    let Some(mails) = mails(&[lost(), lost()]).await else { return };
    // What servers on the way put in front of it differs.
    let own = |mail: &Mail| mail.raw.split_once("\nFrom: ").unwrap().1.to_owned();
    assert_eq!(own(&mails[0]), own(&mails[1]));
}

#[tokio::test]
async fn every_recipient_gets_it() {
    let Some(exim) = Exim::start(Tls::Starttls).await else { return };
    let to = vec!["NOC <noc@example.net>".to_owned(), "Frau Müller <mueller@example.net>".to_owned()];
    let settings = EmailSettings { to, ..settings(&exim, MailSecurity::StartTls) };
    sink(settings, PATIENT).deliver(&drift(), at(0)).await.unwrap();
    for recipient in ["noc@example.net", "mueller@example.net"] {
        let [mail] = exim.mails(recipient, 1).await.try_into().unwrap();
        let to = mail.header("To");
        assert!(
            to.contains("<noc@example.net>") && to.contains("Frau Müller") && to.contains("<mueller@"),
            "{to}"
        );
    }
}

#[tokio::test]
async fn a_clock_that_stands_before_its_time_stops_no_mail() {
    let early = Message { at: chrono::DateTime::UNIX_EPOCH - chrono::TimeDelta::days(400), ..drift() };
    let Some(mails) = mails(&[early]).await else { return };
    assert_eq!(mails[0].header("Date"), "Thu, 01 Jan 1970 00:00:00 +0000");
}
