//! Messages as people read them, at night and without knowing DECT: what happened, since when, which handsets, whom to
//! call, what to press, and the command that shows more.
//!
//! `content` decides once what is said, in which order; [`plain()`] and [`html()`] only lay it out, and [`title()`] and
//! [`brief()`] say it in a line or two. Nothing of a message is believed to be harmless: names, notes and what a device
//! answered go through `clean` before they stand in a line. No clock, no I/O, no sink, and no secret: a message holds
//! none.
#![deny(clippy::disallowed_methods)]

mod advice;
mod brief;
mod clean;
mod content;
mod handsets;
mod headline;
mod html;
mod plain;
mod several;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod title;
mod words;

pub use brief::brief;
pub(in crate::alerting) use clean::clean;
pub use html::html;
pub use plain::plain;
pub use title::title;
