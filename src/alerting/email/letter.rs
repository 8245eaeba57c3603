//! A message as a mail: headers to sort and thread by, and the text twice, for every mail program. No server.

use std::time::SystemTime;

use chrono::DateTime;
use lettre::address::Address;
use lettre::error::Error;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use crate::alerting::message::{Message, Subject};
use crate::alerting::text;

/// A mail, ready to be handed to a server.
pub(super) struct Letter {
    /// Who sends it.
    pub(super) sender: Address,
    /// Who gets it, in the order of the settings.
    pub(super) recipients: Vec<Address>,
    /// Head and body. All of it is ASCII, and no line is longer than SMTP lets pass.
    pub(super) bytes: Vec<u8>,
}

impl Letter {
    /// Writes it. The same message makes the same mail, to the byte: a mailbox that gets it twice can tell.
    ///
    /// # Errors
    /// None that can happen: sender and recipients are there.
    pub(super) fn write(message: &Message, from: &Mailbox, to: &[Mailbox]) -> Result<Self, Error> {
        let domain = from.email.domain();
        let thread = format!("<{}@{domain}>", thread(&message.subject));
        let mail = to.iter().cloned().fold(lettre::Message::builder().from(from.clone()), MessageBuilder::to);
        let mail = mail
            .subject(text::title(message))
            // The header has no form for what lies before the epoch, where a clock without a battery may be.
            .date(SystemTime::from(message.at.max(DateTime::UNIX_EPOCH)))
            .message_id(Some(format!("<{}@{domain}>", message.id)))
            .in_reply_to(thread.clone())
            .references(thread)
            // Nobody's absence note is to answer it: the first for most servers, the second for Exchange.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"))
            .raw_header(header("X-N720d-Site", message.subject.site().as_str()))
            .raw_header(header("X-N720d-Reason", message.reason.as_str()))
            .raw_header(header("X-N720d-Severity", message.severity().as_str()));
        let parts = MultiPart::alternative()
            .boundary(format!("n720d-{}", message.id))
            .singlepart(SinglePart::plain(text::plain(message)))
            .singlepart(SinglePart::html(text::html(message)));
        let mail = mail.multipart(parts)?;
        Ok(Self {
            sender: from.email.clone(),
            recipients: to.iter().map(|mailbox| mailbox.email.clone()).collect(),
            bytes: mail.formatted(),
        })
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The first part of the id that all mails about one thing answer to. A mail with this id was never sent: it only holds
/// them together, whichever of them a mailbox has.
fn thread(subject: &Subject) -> String {
    let mut hash = Sha256::new();
    let kind = match subject {
        Subject::Site(_) => "site",
        Subject::Several { storm: false, .. } => "several",
        Subject::Several { storm: true, .. } => "storm",
    };
    for part in [kind, &subject.words()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hex: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("n720d-thread-{hex}")
}
