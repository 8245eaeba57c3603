//! A message as plain text: what mails carry for those who read no HTML, what a program is handed, and what is read in a
//! terminal. Only the layout stands here.

use super::content::{Block, Content, content};
use super::handsets::Batch;
use crate::alerting::message::Message;

/// Where what is said of a word begins.
const COLUMN: usize = 10;

/// The whole text. Lines end in a line feed, and none is of anybody else's making: what comes from names, notes and devices
/// cannot begin or end one. It says where and what by words alone.
pub fn plain(message: &Message) -> String {
    let Content { title, blocks } = content(message);
    let mut text = format!("{title}\n\n");
    let mut parted = true;
    for block in &blocks {
        let lines = lines(block);
        if parts(block) && !parted {
            text.push('\n');
        }
        for line in &lines {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        // What stands under a head of its own is parted from what follows.
        parted = match block {
            Block::Steps(_) | Block::List(..) | Block::Handsets(_) => {
                text.push('\n');
                true
            }
            Block::Head { .. } => true,
            Block::Fact(..) | Block::Commands(..) | Block::Note(_) => false,
        };
    }
    text
}

/// Whether an empty line stands in front of it.
fn parts(block: &Block) -> bool {
    match block {
        Block::Fact(..) => false,
        Block::Head { .. }
        | Block::Commands(..)
        | Block::Steps(_)
        | Block::List(..)
        | Block::Handsets(_)
        | Block::Note(_) => true,
    }
}

fn lines(block: &Block) -> Vec<String> {
    match block {
        Block::Head { mark, text } => match mark.word() {
            Some(word) => vec![format!("{word}: {text}")],
            None => vec![text.clone()],
        },
        Block::Fact(word, text) => vec![fact(word, text)],
        Block::Commands(word, commands) => {
            let words = std::iter::once(*word).chain(std::iter::repeat(""));
            commands.iter().zip(words).map(|(command, word)| fact(word, command)).collect()
        }
        Block::Steps(steps) => {
            let steps = steps.iter().enumerate().map(|(index, step)| format!("  {}. {step}", index + 1));
            std::iter::once("What to do".to_owned()).chain(steps).collect()
        }
        Block::List(head, lines) => {
            std::iter::once(head.clone()).chain(lines.iter().map(|line| format!("  {line}"))).collect()
        }
        Block::Handsets(batches) => {
            std::iter::once("Handsets".to_owned()).chain(batches.iter().flat_map(batch)).collect()
        }
        Block::Note(text) => vec![text.clone()],
    }
}

fn fact(word: &str, text: &str) -> String {
    format!("{word:COLUMN$}{text}")
}

/// Who they are, and then what they do.
fn batch(batch: &Batch) -> Vec<String> {
    let rows = batch.rows.iter().map(|row| format!("  {}", row.line()));
    let what = format!("    do      {}", batch.instruction);
    let pin = batch.pin.as_ref().map(|pin| format!("    PIN     {pin}"));
    let until = batch.until.as_ref().map(|until| format!("    until   {until}"));
    rows.chain([what]).chain(pin).chain(until).collect()
}
