//! `type = "email"`: the mail server and the addresses. Connects to nothing.

use std::net::IpAddr;

use lettre::message::Mailbox;

use super::super::report::Located;
use super::super::secret_ref;
use super::super::tree::Section;
use super::file;
use crate::domain::secret::SecretRef;

const SERVER: &str = "the host name or address of a mail server, without smtp:// and without a port";
const ADDRESS: &str = "one mail address, like noc@example.net or N720 <n720@example.net>";

/// A mail server, and from whom to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailConfig {
    /// Its host name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailProtection,
    /// Whom to log in as, with the password; `None`: not at all.
    pub login: Option<(String, SecretRef)>,
    /// The sender.
    pub from: String,
    /// The recipients, at least one.
    pub to: Vec<String>,
    /// Certificates in PEM to trust beside the system's.
    pub authorities: Option<Vec<u8>>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailProtection {
    /// It begins in clear and must change to TLS before anything is said.
    StartTls,
    /// It is TLS from its first byte.
    Tls,
    /// Not at all.
    None,
}

impl MailProtection {
    const WORDS: [(&str, Self); 3] = [("starttls", Self::StartTls), ("tls", Self::Tls), ("none", Self::None)];

    fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Reads the sink's own keys; what is wrong is in the report.
pub(super) fn read(section: &Section<'_>) -> Option<EmailConfig> {
    for (key, expected) in [("server", SERVER), ("from", ADDRESS), ("to", "a list of mail addresses")] {
        section.require(key, expected);
    }
    let report = section.report;
    let server = section.string("server").and_then(|text| report.checked(text, server));
    let security = section.word("security", &MailProtection::WORDS);
    let security = security.map_or(MailProtection::StartTls, |security| security.value);
    let port = section.integer("port", 1..=u16::MAX);
    let login = login(section);
    let from = section.string("from").and_then(|text| report.checked(text, address));
    let to = recipients(section);
    let authorities = file::authorities(section);
    doubts(section, security, port.as_ref());
    Some(EmailConfig {
        server: server?.value,
        port: port.map_or(security.port(), |port| port.value),
        security,
        login,
        from: from?.value,
        to: to?,
        authorities,
    })
}

/// What cannot be meant with this protection.
fn doubts(section: &Section<'_>, security: MailProtection, port: Option<&Located<u16>>) {
    let report = section.report;
    if security == MailProtection::None {
        if section.has("password") {
            let expected = "\"starttls\" or \"tls\": a password is not sent in clear";
            report.error(&section.place_of("security"), "\"none\", and a password", expected);
        }
        if section.has("ca_file") {
            let expected = "\"starttls\" or \"tls\": without, no certificate is looked at";
            report.warn(&section.place_of("security"), "\"none\", and a ca_file", expected);
        }
    }
    let usual = port.and_then(|port| match (port.value, security) {
        (465, MailProtection::StartTls) => Some((port, "465 with \"starttls\"", "security = \"tls\"")),
        (587, MailProtection::Tls) => Some((port, "587 with \"tls\"", "security = \"starttls\"")),
        _ => None,
    });
    if let Some((port, found, expected)) = usual {
        report.warn(&port.place, found, format_args!("{expected}, as servers have it on this port"));
    }
}

fn login(section: &Section<'_>) -> Option<(String, SecretRef)> {
    let user = section.string("user");
    let password = secret_ref::read(section, "password");
    if section.has("user") {
        section.require("password", "the password of this user, or no user");
    } else if section.has("password") {
        section.require("user", "whose password it is, or no password");
    }
    Some((user?.value.to_owned(), password?.value))
}

fn recipients(section: &Section<'_>) -> Option<Vec<String>> {
    let texts = section.strings("to")?;
    if texts.is_empty() {
        section.report.error(&section.place_of("to"), "an empty list", "at least one mail address");
        return None;
    }
    let checked = texts.into_iter().filter_map(|text| section.report.checked(text, address));
    Some(checked.map(|address| address.value).collect())
}

fn server(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_name = (1..=253).contains(&text.len()) && text.chars().all(legal) && !text.starts_with(['.', '-']);
    if is_name || text.parse::<IpAddr>().is_ok() { Ok(text.to_owned()) } else { Err(SERVER.to_owned()) }
}

/// One address, perhaps with a name. What stands behind it would be left out in silence, so there must be nothing. The
/// address is of ASCII: what goes beyond needs an extension that many mail servers have not.
fn address(text: &str) -> Result<String, String> {
    let bare = text.rsplit_once('<').map_or(Some(text), |(_, rest)| rest.strip_suffix('>'));
    let parsed: Option<Mailbox> = text.parse().ok();
    let is_all =
        parsed.zip(bare).is_some_and(|(parsed, bare)| parsed.email.to_string() == bare && bare.is_ascii());
    if is_all && !text.chars().any(char::is_control) { Ok(text.to_owned()) } else { Err(ADDRESS.to_owned()) }
}
