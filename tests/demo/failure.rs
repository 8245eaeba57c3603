//! Why the demo ends with an error: one sentence that says what did not happen, or what could not be done.
//!
//! No recovery: the demo either shows the whole story or says where it broke.

use std::path::PathBuf;
use std::time::Duration;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The program under demonstration is not there.
    #[error("there is no n720d beside this demo ({}): build both with `make demo`", .0.display())]
    NoBinary(PathBuf),
    /// Something was waited for in vain.
    #[error("did not happen within {} s: {what}", within.as_secs())]
    TimedOut {
        /// What.
        what: String,
        /// How long.
        within: Duration,
    },
    /// A command answered with an exit code that the story does not expect.
    #[error("`n720d {command}` ended with {code}, not {expected}:\n{output}")]
    Exit {
        /// Its arguments.
        command: String,
        /// The code it ended with; `None`: killed.
        code: Code,
        /// The code expected.
        expected: i32,
        /// What it printed.
        output: String,
    },
    /// The daemon is gone in the middle of the story.
    #[error("the daemon ended by itself with {0}")]
    DaemonGone(Code),
    /// The story did not end as it must.
    #[error("{0}")]
    Wrong(String),
    /// Something that the demo itself needs was refused.
    #[error("cannot {what}")]
    Demo {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) Option<i32>);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(code) => write!(f, "exit code {code}"),
            None => f.write_str("a signal"),
        }
    }
}

/// Names what the demo was about to do when an error came.
pub(crate) trait Doing<T> {
    /// `cannot {what}: {error}`.
    fn doing(self, what: &'static str) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Doing<T> for Result<T, E> {
    fn doing(self, what: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Demo { what, source: error.into() })
    }
}

impl Failure {
    /// With all causes, in one line.
    pub(crate) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        text
    }
}
