//! Lines of text with a meaning that a terminal may show in colour. Nothing is printed and nothing is decided here.
//!
//! Part of a text may come from a device: whatever a terminal would obey is taken out of it before colours are added.

use std::fmt;

use anstyle::{AnsiColor, Style};

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing in particular.
    Plain,
    /// It says what the lines below are about.
    Head,
    /// It is there, and goes.
    Goes,
    /// It comes.
    Comes,
    /// Somebody is interrupted.
    Interrupts,
    /// Somebody's handset is deregistered.
    Deregisters,
    /// It stands behind the rest.
    Faint,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Head => Style::new().bold(),
            Self::Goes => AnsiColor::Red.on_default(),
            Self::Comes => AnsiColor::Green.on_default(),
            Self::Interrupts => AnsiColor::Yellow.on_default(),
            Self::Deregisters => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// One line, in pieces. Shown with the escape sequences of its colours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line(Vec<(Tone, String)>);

impl Line {
    /// A line of one piece.
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self::default().and(tone, text)
    }

    /// The line with another piece at its end.
    pub(super) fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    /// The line moved to the right by so many blanks.
    pub(super) fn indented(mut self, by: usize) -> Self {
        self.0.insert(0, (Tone::Plain, " ".repeat(by)));
        self
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(tone, text)| {
            let style = tone.style();
            write!(f, "{}{}{}", style.render(), harmless(text), style.render_reset())
        })
    }
}

/// A text as it may stand in a line: what a terminal obeys, or what turns the direction of reading, becomes a blank.
pub(super) fn harmless(text: &str) -> String {
    text.replace(|c: char| c.is_control() || turns(c), " ")
}

/// Whether this turns the direction of reading, so that a name could show another number than it says.
pub(super) fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_coloured_by_what_it_means() {
        let line = Line::new(Tone::Plain, "a ").and(Tone::Deregisters, "b").indented(2);
        assert_eq!(line.to_string(), "  a \u{1b}[1m\u{1b}[31mb\u{1b}[0m");
    }

    #[test]
    fn without_colours_the_text_is_left() {
        let line = Line::new(Tone::Head, "a").and(Tone::Faint, " b").and(Tone::Comes, " c");
        assert_eq!(anstream::adapter::strip_str(&line.to_string()).to_string(), "a b c");
    }

    #[test]
    fn what_a_terminal_obeys_and_what_turns_the_text_becomes_a_blank() {
        let line = Line::new(Tone::Plain, "a\u{1b}[2Jb\r\n+ slot 9\u{9b}31m\t\u{202e}x\u{200f}");
        assert_eq!(line.to_string(), "a [2Jb  + slot 9 31m  x ");
    }
}
