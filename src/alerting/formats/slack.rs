//! A message for an incoming webhook of Slack: a fallback text and blocks, within the limits that Slack documents
//! (docs.slack.dev, "Blocks" and "Formatting message text"). Mattermost and Rocket.Chat show the text. Whatever a name or a
//! note says, nobody is mentioned.

use serde_json::{Value, json};

use super::{fitting, pieces, untitled};
use crate::alerting::message::Message;
use crate::alerting::text;

/// Characters in a header; Slack refuses more than 150.
const HEADER: usize = 150;
/// Characters in a section; Slack refuses more than 3000.
const SECTION: usize = 3000;
/// Sections in a message. Slack takes 50 blocks in all, but nobody reads that much in a chat.
const SECTIONS: usize = 8;
/// Characters in the fallback: Slack advises to stay below 4000.
const FALLBACK: usize = 3900;
/// Shown where something was left out.
const MORE: &str = "There is more than fits here: `n720d alerts` shows all of it.";
/// Takes no room, and ends a mention before it has begun.
const ZERO_WIDTH_SPACE: char = '\u{200B}';

/// The JSON of the request.
pub(super) fn payload(message: &Message) -> Value {
    let (title, text) = (unmentioned(&text::title(message)), unmentioned(&untitled(message)));
    let sections = pieces(&text, SECTION, escaped_length);
    let is_cut = sections.len() > SECTIONS || text.lines().any(|line| length(line) > SECTION);
    let header = json!({"type": "header", "text": {"type": "plain_text", "text": escaped(&title, HEADER)}});
    let mut blocks = vec![header];
    blocks.extend(sections.iter().take(SECTIONS).map(|text| section(text)));
    if is_cut {
        blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": MORE}]}));
    }
    json!({"text": escaped(&unmentioned(&text::plain(message)), FALLBACK), "blocks": blocks})
}

/// The text without mentions: Mattermost and Rocket.Chat wake everybody for a bare `@channel`, `@here` or `@all`. Only an
/// `@` behind a letter or digit stays as it is, as in mail addresses; behind a dot, a hyphen or a letter that is not ASCII
/// Mattermost may find a mention all the same.
fn unmentioned(text: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    let mut is_in_word = false;
    for c in text.chars() {
        broken.push(c);
        if c == '@' && !is_in_word {
            broken.push(ZERO_WIDTH_SPACE);
        }
        is_in_word = c.is_ascii_alphanumeric();
    }
    broken
}

/// `verbatim`: names of people and channels in it do not become mentions, addresses no links.
fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": escaped(text, SECTION), "verbatim": true}})
}

/// At most `most` characters of it in the end, the three control characters escaped.
fn escaped(text: &str, most: usize) -> String {
    let text = fitting(text, most, escaped_length);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn length(text: &str) -> usize {
    text.chars().map(escaped_length).sum()
}

fn escaped_length(c: char) -> usize {
    match c {
        '&' => "&amp;".len(),
        '<' | '>' => "&lt;".len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::message::Subject;
    use crate::alerting::testing::{alert, entry, message, site};
    use crate::domain::alert::{Alert, AlertKind, AlertState};
    use crate::domain::notification::Reason;

    fn lengths(blocks: &[Value]) -> Vec<usize> {
        blocks
            .iter()
            .filter_map(|block| block["text"]["text"].as_str())
            .map(|text| text.chars().count())
            .collect()
    }

    #[test]
    fn a_message_has_a_header_its_text_and_a_fallback() {
        let message = message(Reason::First, [alert("acme", AlertKind::Drift, AlertState::Firing)]);
        let payload = payload(&message);
        let [header, section] = payload["blocks"].as_array().unwrap().as_slice() else {
            panic!("two blocks: {payload}")
        };
        assert_eq!(header["type"], "header");
        assert_eq!(header["text"]["type"], "plain_text");
        assert_eq!(header["text"]["text"], text::title(&message));
        assert_eq!((&section["type"], &section["text"]["type"]), (&json!("section"), &json!("mrkdwn")));
        assert!(section["text"]["text"].as_str().unwrap().contains("drift happened"), "{payload}");
        let fallback = payload["text"].as_str().unwrap();
        assert!(
            fallback.starts_with(&text::title(&message)) && fallback.contains("drift happened"),
            "{payload}"
        );
    }

    #[test]
    fn control_characters_and_mentions_are_only_text() {
        let summary = "<!channel> <@U1> A & B <https://example.net|click>".to_owned();
        let one = Alert { summary, ..alert("acme", AlertKind::Drift, AlertState::Firing) };
        let payload = payload(&message(Reason::First, [one]));
        for text in [&payload["text"], &payload["blocks"][1]["text"]["text"]] {
            let text = text.as_str().unwrap();
            assert!(text.contains("&lt;!channel&gt; &lt;@\u{200B}U1&gt; A &amp; B &lt;https"), "{text}");
            assert!(!text.contains(['<', '>']), "{text}");
        }
        assert_eq!(payload["blocks"][1]["text"]["verbatim"], true);
    }

    #[test]
    fn words_that_would_wake_everybody_are_only_text() {
        let summary = "@channel, (@here) -@all .@everyone _@ann a.@bob @@all: x@all".to_owned();
        let one = Alert { summary, ..alert("acme", AlertKind::Drift, AlertState::Firing) };
        let labels = [("customer".to_owned(), "@all".to_owned())].into();
        let subject = Subject::Several { labels, storm: false };
        let payload = payload(&Message { subject, ..message(Reason::First, [one]) });
        let header = payload["blocks"][0]["text"]["text"].as_str().unwrap();
        assert!(header.contains("@\u{200B}all"), "{header:?}");
        for text in [&payload["text"], &payload["blocks"][1]["text"]["text"]] {
            let text = text.as_str().unwrap();
            let expected = "@~channel, (@~here) -@~all .@~everyone _@~ann a.@~bob @~@~all: x@all";
            assert!(text.contains(&expected.replace('~', "\u{200B}")), "{text:?}");
        }
        for address in ["noc@example.net", "Ann <ann.7@example.net>", "a 日本 + b"] {
            assert_eq!(unmentioned(address), address);
        }
        assert_eq!(
            unmentioned("कि@all"),
            "कि@\u{200B}all",
            "no letter to Mattermost, which splits words there"
        );
    }

    #[test]
    fn the_limits_hold_however_much_there_is_to_say() {
        for (count, letter) in [(1, '&'), (2, 'ä'), (2, '@'), (600, '<'), (600, 'x')] {
            let mut message = message(Reason::First, []);
            let entries = (0..count).map(|number| {
                let site = site(&format!("s{number}"));
                let one = alert(site.name.as_str(), AlertKind::Drift, AlertState::Firing);
                entry(&site, Alert { summary: letter.to_string().repeat(4000 / count + 200), ..one })
            });
            message.entries = entries.collect();
            let payload = payload(&message);
            let blocks = payload["blocks"].as_array().unwrap();
            assert!(blocks.len() <= 10, "{}", blocks.len());
            let lengths = lengths(blocks);
            assert!(
                lengths[0] <= HEADER && lengths.iter().all(|length| (1..=SECTION).contains(length)),
                "{lengths:?}"
            );
            assert!(payload["text"].as_str().unwrap().chars().count() <= FALLBACK);
            if count == 600 {
                assert_eq!(blocks.last().unwrap()["elements"][0]["text"], MORE);
            }
        }
    }
}
