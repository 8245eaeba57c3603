//! The demo's voice: lines with the time since the start, explanations folded to the width of a page, what commands
//! printed as they printed it. No colours, so that it reads the same in a file.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Instant;

/// Columns of a page.
const WIDTH: usize = 118;
/// Columns in front of what is said: the time, the site, who says it.
const MARGIN: usize = 32;

/// Tells the story on standard output.
pub(crate) struct Teller {
    began: Instant,
    explained: BTreeSet<String>,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), explained: BTreeSet::new() }
    }

    /// Opens a chapter.
    pub(crate) fn heading(&self, text: &str) {
        print(&format!("\n{text}\n{}", "=".repeat(text.chars().count())));
    }

    /// A paragraph.
    pub(crate) fn say(&self, text: &str) {
        fold(text, WIDTH).iter().for_each(|line| print(line));
    }

    /// Something happened at a site; `who` says so.
    pub(crate) fn event(&self, site: &str, who: &str, text: &str) {
        let head = format!("{:5.1} s  {site:<9}{who:<14}", self.began.elapsed().as_secs_f64());
        self.hang(&head, text);
    }

    /// Goes on with what happened.
    pub(crate) fn more(&self, text: &str) {
        self.hang("", text);
    }

    /// Explains something, the first time it comes up.
    pub(crate) fn explain(&mut self, topic: &str, text: &str) {
        if self.explained.insert(topic.to_owned()) {
            self.hang("", &format!("[{text}]"));
        }
    }

    /// A command and what it printed.
    pub(crate) fn transcript(&self, command: &str, output: &str) {
        print(&format!("\n$ {command}"));
        print(output.trim_end());
    }

    fn hang(&self, head: &str, text: &str) {
        let mut head = format!("{head:<MARGIN$}");
        for line in fold(text, WIDTH - MARGIN) {
            print(&format!("{head}{line}"));
            head = " ".repeat(MARGIN);
        }
    }
}

/// Whoever listens may have gone; the story is told to its end all the same, because its end is the exit code.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Breaks a text at blanks into lines of at most so many characters, where its words allow it.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_folded_at_blanks_and_long_words_stay_whole() {
        assert_eq!(fold("one two three", 7), ["one two", "three"]);
        assert_eq!(fold("immeasurable x", 5), ["immeasurable", "x"]);
        assert!(fold(" ", 5).is_empty());
    }
}
