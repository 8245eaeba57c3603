//! What the body of a webhook looks like: our own JSON, or what a chat or the operator wants. Nothing is sent here.

mod sample;
mod slack;
mod teams;
mod template;

use super::body::Body;
use super::http::Content;
use super::message::Message;
use super::settings::WebhookFormat;
use super::sink::{FailureReason, SinkError};
use super::text;
use template::Template;

pub use template::TemplateProblem;

/// A format, ready to be used.
pub(super) enum Format {
    /// Our own JSON.
    Native,
    /// For Slack.
    Slack,
    /// For Microsoft Teams.
    Teams,
    /// The operator's own.
    Template(Box<Template>),
}

impl Format {
    /// From the settings.
    ///
    /// # Errors
    /// A template that cannot be used.
    pub(super) fn new(settings: WebhookFormat) -> Result<Self, TemplateProblem> {
        match settings {
            WebhookFormat::Native => Ok(Self::Native),
            WebhookFormat::Slack => Ok(Self::Slack),
            WebhookFormat::Teams => Ok(Self::Teams),
            WebhookFormat::Template { source, content_type } => {
                Template::new(source, &content_type).map(Box::new).map(Self::Template)
            }
        }
    }

    /// Whether programs read each alert by its name in it.
    pub(super) fn names_each(&self) -> bool {
        match self {
            Self::Native | Self::Template(_) => true,
            Self::Slack | Self::Teams => false,
        }
    }

    /// What is to be posted of a message.
    ///
    /// # Errors
    /// A message of which this cannot be made, which no other try changes.
    pub(super) fn content(&self, message: &Message) -> Result<Content, SinkError> {
        match self {
            Self::Native => Body::of(message).to_json().map(Content::json).map_err(|error| {
                SinkError::new(FailureReason::Malformed, format!("no JSON can be made of it: {error}"))
            }),
            Self::Slack => Ok(Content::json(slack::payload(message).to_string())),
            Self::Teams => Ok(Content::json(teams::payload(message).to_string())),
            Self::Template(template) => template.content(message).map_err(|problem| {
                SinkError::new(
                    FailureReason::Malformed,
                    format!("the template of this sink failed: {problem}"),
                )
            }),
        }
    }
}

/// The text of a message without its title, for where that stands apart.
fn untitled(message: &Message) -> String {
    let (title, plain) = (text::title(message), text::plain(message));
    plain.strip_prefix(&title).unwrap_or(&plain).trim_start_matches('\n').to_owned()
}

/// The lines of a text in pieces of at most `most`, as `measure` counts them; lines that are longer are cut.
fn pieces(text: &str, most: usize, measure: impl Fn(char) -> usize) -> Vec<String> {
    let length = |text: &str| text.chars().map(&measure).sum::<usize>();
    let mut pieces: Vec<String> = Vec::new();
    let mut room = 0;
    for line in text.lines() {
        let line = fitting(line, most, &measure);
        let needed = length(&line) + measure('\n');
        match pieces.last_mut().filter(|_| needed <= room) {
            Some(piece) => {
                piece.push('\n');
                piece.push_str(&line);
                room -= needed;
            }
            None => {
                room = most.saturating_sub(length(&line));
                pieces.push(line);
            }
        }
    }
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

/// As much of a text as fits, with an ellipsis where something is cut off.
fn fitting(text: &str, most: usize, measure: impl Fn(char) -> usize) -> String {
    if text.chars().map(&measure).sum::<usize>() <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(measure('…'));
    let fits = |c: &char| {
        let needed = measure(*c);
        let fits = needed <= room;
        room = if fits { room - needed } else { 0 };
        fits
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::testing::{alert, message};
    use crate::domain::alert::{AlertKind, AlertState};
    use crate::domain::notification::Reason;

    #[test]
    fn a_text_whose_title_stands_apart_begins_behind_it() {
        let message = message(Reason::First, [alert("acme", AlertKind::Drift, AlertState::Firing)]);
        let untitled = untitled(&message);
        assert_eq!(format!("{}\n\n{untitled}", text::title(&message)), text::plain(&message));
    }

    #[test]
    fn text_is_cut_at_lines_into_pieces_that_are_full() {
        let one = |_| 1;
        assert_eq!(pieces("aa\nbb\n\ncc\n", 5, one), ["aa\nbb", "\ncc"]);
        assert_eq!(pieces("aaaaaaa\nb", 5, one), ["aaaa…", "b"]);
        assert_eq!(pieces("\n\n", 5, one), [""; 0]);
    }

    #[test]
    fn what_is_cut_off_is_seen() {
        assert_eq!(fitting("abcde", 5, |_| 1), "abcde");
        assert_eq!(fitting("abcdef", 5, |_| 1), "abcd…");
        assert_eq!(fitting("äöü", 5, char::len_utf8), "ä…");
        assert_eq!(fitting("äb", 2, char::len_utf8), "…");
    }
}
