//! Mails as they lie in a mailbox: taken apart again, so that it shows what a mail program would show.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One mail.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    /// As it lies there, to the byte.
    pub(crate) raw: String,
    head: Head,
    /// Its parts, each with its own head.
    parts: Vec<(Head, String)>,
}

/// Headers in their order, unfolded and decoded.
#[derive(Debug, Clone)]
struct Head(Vec<(String, String)>);

impl Mail {
    /// All mails of a mailbox, in order of arrival.
    pub(crate) fn all_of(mailbox: &str) -> Vec<Self> {
        let begins = |line: &str| line.starts_with("From ");
        let mut mails: Vec<String> = Vec::new();
        for line in mailbox.split_inclusive('\n') {
            match mails.last_mut() {
                _ if begins(line) => mails.push(String::new()),
                Some(mail) => mail.push_str(line),
                None => panic!("a mailbox begins with a mail: {line:?}"),
            }
        }
        mails.into_iter().map(Self::read).collect()
    }

    fn read(raw: String) -> Self {
        let (head, body) = split(&raw);
        let kind = head.get("Content-Type").unwrap_or_default();
        let boundary = kind.split_once("boundary=\"").and_then(|(_, rest)| rest.split_once('"'));
        let parts = match boundary {
            Some((boundary, _)) => {
                // The end of the line in front of a boundary belongs to the boundary.
                let body = format!("\n{body}");
                let (inner, _) = body.split_once(&format!("\n--{boundary}--")).unwrap();
                inner.split(&format!("\n--{boundary}\n")).skip(1).map(|part| part_of(split(part))).collect()
            }
            None => vec![part_of((head.clone(), body))],
        };
        Self { raw, head, parts }
    }

    /// A header, or nothing where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.get(name).unwrap_or_default()
    }

    /// The part of this type, decoded.
    pub(crate) fn part(&self, kind: &str) -> &str {
        let is_it = |head: &Head| head.get("Content-Type").is_some_and(|value| value.starts_with(kind));
        let part = self.parts.iter().find(|(head, _)| is_it(head));
        part.map(|(_, body)| body.as_str()).unwrap_or_else(|| panic!("no {kind} in {self:?}"))
    }

    /// The types of its parts, in order.
    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.parts.iter().map(|(head, _)| head.get("Content-Type").unwrap_or_default()).collect()
    }
}

impl Head {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn split(text: &str) -> (Head, String) {
    let (head, body) = text.split_once("\n\n").unwrap();
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let pairs =
        unfolded.lines().map(|line| line.split_once(':').unwrap_or_else(|| panic!("no header: {line}")));
    let head = pairs.map(|(name, value)| (name.to_owned(), words(value.trim()))).collect();
    (Head(head), body.to_owned())
}

fn part_of((head, body): (Head, String)) -> (Head, String) {
    let decoded = match head.get("Content-Transfer-Encoding").unwrap_or("7bit") {
        "7bit" => body,
        "quoted-printable" => utf8(quoted_printable(&body)),
        "base64" => utf8(STANDARD.decode(body.replace('\n', "")).unwrap()),
        other => panic!("nobody said {other} would be used"),
    };
    (head, decoded.replace("\r\n", "\n"))
}

/// Words of a header as `=?utf-8?b?…?=` (RFC 2047), those side by side without the blank between them.
fn words(value: &str) -> String {
    let mut words = String::new();
    let mut was_encoded = false;
    for word in value.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|rest| rest.strip_suffix("?="));
        if !(words.is_empty() || was_encoded && encoded.is_some()) {
            words.push(' ');
        }
        match encoded {
            Some(encoded) => words.push_str(&utf8(STANDARD.decode(encoded).unwrap())),
            None => words.push_str(word),
        }
        was_encoded = encoded.is_some();
    }
    words
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let text = text.replace("=\n", "");
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
