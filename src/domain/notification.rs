//! Why sinks are told. What they were told is [`super::told`]; the decision is `alerting`'s.

use serde::{Deserialize, Serialize};

/// Why a notification is sent. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Something fires of which the sink knows nothing.
    First,
    /// What fires is not what the sink was told.
    Changed,
    /// It still fires, and the repeat interval has passed.
    Repeat,
    /// Nothing fires any more.
    Resolved,
}

impl Reason {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Changed => "changed",
            Self::Repeat => "repeat",
            Self::Resolved => "resolved",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_the_words_of_the_interface() {
        for reason in [Reason::First, Reason::Changed, Reason::Repeat, Reason::Resolved] {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.as_str()));
        }
    }
}
