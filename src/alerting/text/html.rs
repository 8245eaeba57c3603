//! A message as an HTML document, as mail clients show it: tables, styles at the elements, no script, nothing from elsewhere.
//! Colours only repeat what the words say. Only the layout stands here.

use super::clean::escape;
use super::content::{Block, Content, Mark, content};
use super::handsets::{Batch, Row};
use crate::alerting::message::Message;
use crate::domain::alert::Severity;

const BODY: &str =
    "margin:0;padding:16px;background:#ffffff;color:#1a1a1a;font:15px/1.45 Arial,Helvetica,sans-serif";
const TABLE: &str = "border-collapse:collapse;margin:0 0 12px 0";
const CELL: &str = "border:1px solid #b0b0b0;padding:4px 8px;text-align:left;vertical-align:top";
const WORD: &str = "padding:1px 12px 1px 0;vertical-align:top;color:#555555;white-space:nowrap";
const TEXT: &str = "padding:1px 0;vertical-align:top";
const CODE: &str = "font-family:Menlo,Consolas,monospace;font-size:14px;background:#f2f2f2;padding:0 3px";

/// The whole document. Every text in it is escaped.
pub fn html(message: &Message) -> String {
    let Content { title, blocks } = content(message);
    let title = escape(&title);
    let mut body = format!("<h1 style=\"font-size:19px;margin:0 0 12px 0\">{title}</h1>\n");
    let mut in_facts = false;
    for block in &blocks {
        let is_fact = matches!(block, Block::Fact(..) | Block::Commands(..));
        if is_fact != in_facts {
            body.push_str(&if is_fact { open() } else { "</table>\n".to_owned() });
            in_facts = is_fact;
        }
        body.push_str(&render(block));
    }
    if in_facts {
        body.push_str("</table>\n");
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n</head>\n<body style=\"{BODY}\">\n{body}</body>\n</html>\n"
    )
}

fn open() -> String {
    format!("<table role=\"presentation\" style=\"{TABLE}\">\n")
}

fn render(block: &Block) -> String {
    match block {
        Block::Head { mark, text } => {
            let word = mark.word().map(|word| format!("{word}: ")).unwrap_or_default();
            format!(
                "<h2 style=\"font-size:16px;margin:16px 0 6px 0;padding:3px 0 3px 8px;border-left:5px solid {}\">{word}{}</h2>\n",
                colour(*mark),
                rich(text)
            )
        }
        Block::Fact(word, text) => fact(word, &rich(text)),
        Block::Commands(word, commands) => {
            let commands: Vec<String> = commands.iter().map(|command| code(&escape(command))).collect();
            fact(word, &commands.join("<br>"))
        }
        Block::Steps(steps) => {
            let steps: Vec<String> = steps.iter().map(|step| format!("<li>{}</li>\n", rich(step))).collect();
            let (head, steps) = (part("What to do"), steps.concat());
            format!("{head}<ol style=\"margin:0 0 12px 0;padding-left:24px\">\n{steps}</ol>\n")
        }
        Block::List(head, lines) => {
            let lines: Vec<String> = lines.iter().map(|line| format!("<li>{}</li>\n", rich(line))).collect();
            let (head, lines) = (part(head), lines.concat());
            format!("{head}<ul style=\"margin:0 0 12px 0;padding-left:24px\">\n{lines}</ul>\n")
        }
        Block::Handsets(batches) => handsets(batches),
        Block::Note(text) => format!("<p style=\"margin:12px 0;color:#555555\">{}</p>\n", rich(text)),
    }
}

fn colour(mark: Mark) -> &'static str {
    match mark {
        Mark::Holding(Severity::Critical) => "#b00020",
        Mark::Holding(Severity::Warning) => "#c77700",
        Mark::Holding(Severity::Info) => "#2a5db0",
        Mark::Over => "#2e7d32",
        Mark::Plain => "#b0b0b0",
    }
}

fn part(head: &str) -> String {
    format!("<p style=\"margin:12px 0 2px 0;font-weight:bold\">{}</p>\n", escape(head))
}

fn fact(word: &str, text: &str) -> String {
    format!("<tr><td style=\"{WORD}\">{word}</td><td style=\"{TEXT}\">{text}</td></tr>\n")
}

/// Escaped, with what stands between two backticks as code.
fn rich(text: &str) -> String {
    let text = escape(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text;
    }
    let parts = parts.into_iter().enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { code(part) } else { part.to_owned() }).collect()
}

fn code(text: &str) -> String {
    format!("<code style=\"{CODE}\">{text}</code>")
}

/// The hand-off sheet: whose handsets, and in a row below them what these users do.
fn handsets(batches: &[Batch]) -> String {
    let head: Vec<String> = ["Slot", "Name", "Number", "IPUI", "State"]
        .iter()
        .map(|text| format!("<th style=\"{CELL};background:#f2f2f2\">{text}</th>"))
        .collect();
    let body: Vec<String> = batches.iter().map(batch).collect();
    let (title, head, body) = (part("Handsets"), head.concat(), body.concat());
    format!("{title}<table style=\"{TABLE}\">\n<tr>{head}</tr>\n{body}</table>\n")
}

fn batch(batch: &Batch) -> String {
    let rows: Vec<String> = batch.rows.iter().map(row).collect();
    let pin = batch.pin.as_ref().map(|pin| format!("<br>PIN: <strong>{}</strong>", escape(pin)));
    let until = batch.until.as_ref().map(|until| format!("<br>Until: <strong>{}</strong>", escape(until)));
    format!(
        "{}<tr><td colspan=\"5\" style=\"{CELL};padding-left:24px\">Do: {}{}{}</td></tr>\n",
        rows.concat(),
        rich(&batch.instruction),
        pin.unwrap_or_default(),
        until.unwrap_or_default()
    )
}

fn row(row: &Row) -> String {
    let cells = [row.slot.as_str(), &row.name, &row.number, &row.ipui, row.state];
    let cells = cells.map(|text| format!("<td style=\"{CELL}\">{}</td>", escape(text)));
    format!("<tr>{}</tr>\n", cells.concat())
}
