//! What somebody says of alerts, before it is kept: whether it is an acknowledgement or a silence at all.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::alert::{Alert, AlertState};
use super::super::wording::{self, LONGEST_LINE};
use super::{Acknowledgement, Matcher, Silence};

/// The longest time for which something is said in advance: longer ones are forgotten by those who said them.
pub const LONGEST_SAYING: Duration = Duration::from_secs(30 * 86_400);

/// What is neither an acknowledgement nor a silence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSaid {
    /// It would be over at once, or last too long.
    #[error("an acknowledgement for a time, and a silence, last from a second to 30d")]
    Length,
    /// Nobody says it.
    #[error("somebody has to say so: a name is missing")]
    Nobody,
    /// A name, a note or a reason that cannot be shown in a line.
    #[error("{what} is one line of at most {LONGEST_LINE} characters")]
    Text {
        /// Which of them.
        what: &'static str,
    },
    /// A silence without a reason.
    #[error("a silence needs a reason, for those who wonder later why nobody was told")]
    NoReason,
    /// A silence over everything that nobody meant.
    #[error("this silence would be over every alert: name sites, labels or kinds, or ask for all of them")]
    Everything,
    /// There is nothing left to take.
    #[error("{alert} has ended: there is nothing left to acknowledge")]
    Ended {
        /// The alert's id.
        alert: String,
    },
}

impl Acknowledgement {
    /// Of an alert as it holds now; without `length` until it ends.
    ///
    /// # Errors
    /// See [`NotSaid`].
    pub fn new(
        alert: &Alert,
        by: &str,
        note: &str,
        length: Option<Duration>,
        now: DateTime<Utc>,
    ) -> Result<Self, NotSaid> {
        if alert.state == AlertState::Resolved {
            return Err(NotSaid::Ended { alert: alert.id.clone() });
        }
        Ok(Self {
            alert: alert.id.clone(),
            since: alert.since,
            by: NotSaid::name(by)?,
            note: wording::in_a_line(note).ok_or(NotSaid::Text { what: "the note" })?,
            at: now,
            until: length.map(|length| end(length, now)).transpose()?,
        })
    }
}

impl Silence {
    /// From now on, without a number yet. One over every alert has to be asked for as such.
    ///
    /// # Errors
    /// See [`NotSaid`].
    pub fn new(
        of: Matcher,
        everything: bool,
        by: &str,
        reason: &str,
        length: Duration,
        now: DateTime<Utc>,
    ) -> Result<Self, NotSaid> {
        if of.is_everything() && !everything {
            return Err(NotSaid::Everything);
        }
        let by = NotSaid::name(by)?;
        let reason = wording::in_a_line(reason).ok_or(NotSaid::Text { what: "the reason" })?;
        if reason.is_empty() {
            return Err(NotSaid::NoReason);
        }
        Ok(Self { id: 0, of, by, reason, from: now, until: end(length, now)?, ended: false })
    }
}

impl NotSaid {
    /// The name of whoever says something of an alert.
    ///
    /// # Errors
    /// [`NotSaid::Nobody`], [`NotSaid::Text`].
    pub fn name(by: &str) -> Result<String, Self> {
        let name = wording::in_a_line(by).ok_or(Self::Text { what: "a name" })?;
        if name.is_empty() { Err(Self::Nobody) } else { Ok(name) }
    }
}

fn end(length: Duration, now: DateTime<Utc>) -> Result<DateTime<Utc>, NotSaid> {
    if length < Duration::from_secs(1) || length > LONGEST_SAYING {
        return Err(NotSaid::Length);
    }
    let length = TimeDelta::from_std(length).map_err(|_| NotSaid::Length)?;
    now.checked_add_signed(length).ok_or(NotSaid::Length)
}

#[cfg(test)]
mod tests {
    use super::super::super::alert::{AlertKind, Severity};
    use super::super::super::world::at;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn alert(state: AlertState) -> Alert {
        Alert {
            id: "acme/drift".into(),
            kind: AlertKind::Drift,
            severity: Severity::Warning,
            summary: "differs".into(),
            phase: String::new(),
            since: at(-60),
            state,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
            unwatched: false,
        }
    }

    #[test]
    fn an_acknowledgement_is_of_the_life_that_holds_and_ends_when_it_is_meant_to() {
        let firing = alert(AlertState::Firing);
        let given = Acknowledgement::new(&firing, " anna ", "on my way", Some(HOUR), at(0)).unwrap();
        assert_eq!((given.alert.as_str(), given.since, given.by.as_str()), ("acme/drift", at(-60), "anna"));
        assert_eq!((given.at, given.until), (at(0), Some(at(3_600))));
        let open = Acknowledgement::new(&firing, "anna", "", None, at(0)).unwrap();
        assert_eq!((open.until, open.note.as_str()), (None, ""));
        let ended = Acknowledgement::new(&alert(AlertState::Resolved), "anna", "", None, at(0));
        assert_eq!(
            ended.unwrap_err().to_string(),
            "acme/drift has ended: there is nothing left to acknowledge"
        );
    }

    #[test]
    fn a_silence_is_of_something_for_a_reason_and_has_an_end() {
        let drift = Matcher { kinds: [AlertKind::Drift].into(), ..Matcher::default() };
        let said = |of: &Matcher, everything, by: &str, reason: &str, length| {
            Silence::new(of.clone(), everything, by, reason, length, at(0))
        };
        let given = said(&drift, false, "anna", "cable works", HOUR).unwrap();
        assert_eq!((given.from, given.until, &given.of), (at(0), at(3_600), &drift));
        assert!(said(&Matcher::default(), true, "anna", "move", HOUR).is_ok());
        assert_eq!(said(&Matcher::default(), false, "anna", "move", HOUR), Err(NotSaid::Everything));
        assert_eq!(said(&drift, false, "anna", " ", HOUR), Err(NotSaid::NoReason));
        assert_eq!(said(&drift, false, " ", "move", HOUR), Err(NotSaid::Nobody));
        assert_eq!(said(&drift, false, "a\nb", "move", HOUR), Err(NotSaid::Text { what: "a name" }));
        assert_eq!(
            said(&drift, false, "anna", &"x".repeat(501), HOUR),
            Err(NotSaid::Text { what: "the reason" })
        );
    }

    #[test]
    fn nothing_is_said_for_no_time_or_for_ever() {
        for (length, fine) in [
            (Duration::from_millis(999), false),
            (Duration::from_secs(1), true),
            (LONGEST_SAYING, true),
            (LONGEST_SAYING + Duration::from_secs(1), false),
        ] {
            let given = Acknowledgement::new(&alert(AlertState::Firing), "anna", "", Some(length), at(0));
            assert_eq!(given.is_ok(), fine, "{length:?}");
        }
    }
}
