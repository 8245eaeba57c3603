//! A message for a workflow webhook of Microsoft Teams: a message with one adaptive card, as the workflow "Post to a channel
//! when a webhook request is received" takes it (learn.microsoft.com, "Create incoming webhooks with Workflows").

use serde_json::{Value, json};

use super::{fitting, untitled};
use crate::alerting::message::Message;
use crate::alerting::text;
use crate::domain::alert::Severity;

/// Bytes in the whole request, in UTF-8 and in UTF-16. Teams refuses more than about 28 kB, and says not in which.
const MOST: usize = 27_000;
/// The same in one line of text.
const LONGEST: usize = 4_000;
/// What parts two lines.
const COMMA: usize = 2;
/// Shown where something was left out.
const MORE: &str = "There is more than fits here: n720d alerts shows all of it.";

/// The JSON of the request.
pub(super) fn payload(message: &Message) -> Value {
    let mut body = vec![head(message)];
    let mut room = MOST.saturating_sub(size(&request(&body)) + size(&line_of(MORE)) + COMMA);
    for line in untitled(message).lines() {
        let line = line_of(&fitting(line, LONGEST, bytes));
        let needed = size(&line) + COMMA;
        if needed > room {
            body.push(line_of(MORE));
            break;
        }
        room -= needed;
        body.push(line);
    }
    request(&body)
}

fn request(body: &[Value]) -> Value {
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": card,
    });
    json!({"type": "message", "attachments": [attachment]})
}

/// The title in the colour of the message.
fn head(message: &Message) -> Value {
    let title =
        json!({"type": "TextRun", "text": text::title(message), "weight": "Bolder", "size": "Medium"});
    let title = json!({"type": "RichTextBlock", "inlines": [title]});
    json!({"type": "Container", "style": style(message), "bleed": true, "items": [title]})
}

/// One line. Rich text is shown as it is: in a `TextBlock`, stars and brackets would be taken for Markdown. People are
/// mentioned by entities beside the card alone, of which there are none, so `<at>` in a name is a text too.
fn line_of(text: &str) -> Value {
    json!({"type": "RichTextBlock", "spacing": "None", "inlines": [{"type": "TextRun", "text": text}]})
}

/// By the worst that holds; green when nothing does any more.
fn style(message: &Message) -> &'static str {
    let holding = message.entries.iter().filter(|entry| !entry.has_ended());
    match holding.map(|entry| entry.alert.severity).max() {
        Some(Severity::Critical) => "attention",
        Some(Severity::Warning) => "warning",
        Some(Severity::Info) => "accent",
        None if message.has_good_news() => "good",
        None => "default",
    }
}

/// What a value takes in JSON.
fn size(value: &Value) -> usize {
    value.to_string().chars().map(bytes).sum()
}

/// What a character takes, in the encoding in which it takes more.
fn bytes(c: char) -> usize {
    c.len_utf8().max(2 * c.len_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::testing::{alert, entry, message, site};
    use crate::domain::alert::{Alert, AlertKind, AlertState};
    use crate::domain::notification::Reason;

    fn card(message: &Message) -> Value {
        let payload = payload(message);
        assert_eq!(payload["type"], "message");
        let attachment = &payload["attachments"][0];
        assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
        assert!(attachment["contentUrl"].is_null());
        attachment["content"].clone()
    }

    fn lines(card: &Value) -> Vec<&str> {
        let body = card["body"].as_array().unwrap().iter().skip(1);
        body.map(|line| line["inlines"][0]["text"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_message_is_a_card_with_its_title_and_its_text() {
        let message = message(Reason::First, [alert("acme", AlertKind::Drift, AlertState::Firing)]);
        let card = card(&message);
        assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
        assert_eq!(card["body"][0]["items"][0]["inlines"][0]["text"], text::title(&message));
        assert_eq!(lines(&card).join("\n"), untitled(&message).trim_end_matches('\n'));
    }

    #[test]
    fn the_colour_tells_how_bad_it_is_and_green_that_it_is_over() {
        let style = |alerts: &[(Severity, AlertState)]| {
            let alerts = alerts.iter().map(|(severity, state)| Alert {
                severity: *severity,
                ..alert("acme", AlertKind::Drift, *state)
            });
            card(&message(Reason::Changed, alerts))["body"][0]["style"].clone()
        };
        assert_eq!(style(&[(Severity::Info, AlertState::Firing)]), "accent");
        assert_eq!(
            style(&[(Severity::Info, AlertState::Firing), (Severity::Critical, AlertState::Resolved)]),
            "accent"
        );
        assert_eq!(style(&[(Severity::Warning, AlertState::Acknowledged)]), "warning");
        assert_eq!(style(&[(Severity::Critical, AlertState::Firing)]), "attention");
        assert_eq!(style(&[(Severity::Critical, AlertState::Resolved)]), "good");
    }

    #[test]
    fn the_limit_holds_however_much_there_is_to_say() {
        for (count, letter) in [(1, '"'), (1, '\u{1}'), (600, 'ä'), (600, '☎'), (600, '😀'), (600, '\\')]
        {
            let mut message = message(Reason::First, []);
            let entries = (0..count).map(|number| {
                let site = site(&format!("s{number}"));
                let one = alert(site.name.as_str(), AlertKind::Drift, AlertState::Firing);
                entry(&site, Alert { summary: letter.to_string().repeat(30_000 / count), ..one })
            });
            message.entries = entries.collect();
            let text = payload(&message).to_string();
            let sizes = (text.len(), 2 * text.encode_utf16().count());
            assert!(sizes.0 <= MOST && sizes.1 <= MOST, "{letter:?}: {sizes:?}");
            if count == 600 {
                assert_eq!(lines(&card(&message)).last(), Some(&MORE));
            }
        }
    }
}
