//! How far a push has come, in the words the planner needs: is a fetch due, must it settle, may something new follow.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::desired::Trigger;
use super::observed::Observation;
use super::release::{Progress, Release, TriggerOutcome};

/// The first wait after a trigger that came to nothing, in seconds; it doubles with each further attempt.
const FIRST_RETRY_SECONDS: i64 = 30;
/// The longest wait between two triggers.
const LONGEST_RETRY_SECONDS: i64 = 3_600;
/// How long a manager that took a trigger well is given to fetch: it may be busy on the phone.
const FETCH_GRACE_SECONDS: i64 = 120;

/// How far the last release has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    /// There is no release.
    None,
    /// The manager has not fetched it. It may be told to (again) from then on; `None`: at once.
    Unfetched {
        /// Not before this.
        retry_at: Option<DateTime<Utc>>,
    },
    /// Fetched; the device may still be working on it.
    Settling {
        /// When it has had its time.
        until: DateTime<Utc>,
    },
    /// It has had its time, and the manager has not been read since.
    ToBeRead,
    /// It has had its time, and the manager has been read since; or its outcome is known.
    Settled,
}

/// Where the last release stands. `observed_at`: when this cycle's reading began.
pub(super) fn state(
    release: Option<&Release>,
    settle: Duration,
    observed_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Push {
    let Some(progress) = release.map(|release| &release.progress) else {
        return Push::None;
    };
    let marked = progress.verified_at.is_some() || progress.ineffective_at.is_some();
    match settled_at(progress, settle) {
        Some(until) if now < until => Push::Settling { until },
        Some(_) if marked => Push::Settled,
        Some(_) if progress.fetched_at.is_none() => Push::Unfetched { retry_at: retry_at(progress) },
        Some(until) if observed_at.is_none_or(|at| at < until) => Push::ToBeRead,
        Some(_) => Push::Settled,
        None if marked => Push::Settled,
        None => Push::Unfetched { retry_at: retry_at(progress) },
    }
}

/// When the device has had its time: counted from the fetch, or from a trigger that reported "done" without a fetch
/// having been seen. `None`: nothing has begun to settle.
pub(super) fn settled_at(progress: &Progress, settle: Duration) -> Option<DateTime<Utc>> {
    let done = || progress.triggered_at.filter(|_| progress.trigger == Some(TriggerOutcome::Done));
    let settle = TimeDelta::from_std(settle).unwrap_or(TimeDelta::MAX);
    progress.fetched_at.or_else(done)?.checked_add_signed(settle)
}

/// How the manager is to be told. Its web button does nothing while it has no active account (state 104), so such a
/// manager is told by `check-sync`.
pub(super) fn way(wanted: Trigger, release: Option<&Release>, observation: &Observation) -> Option<Trigger> {
    let no_line = release.is_some_and(|release| release.progress.trigger == Some(TriggerOutcome::NoLine))
        || observation.slots.known().is_some_and(|slots| slots.is_empty());
    match wanted {
        Trigger::Web if no_line => Some(Trigger::CheckSync),
        Trigger::Web | Trigger::CheckSync => Some(wanted),
        Trigger::None => None,
    }
}

fn retry_at(progress: &Progress) -> Option<DateTime<Utc>> {
    let after = |seconds: i64| progress.triggered_at.map(|at| at + TimeDelta::seconds(seconds));
    let back_off = LONGEST_RETRY_SECONDS
        .min(FIRST_RETRY_SECONDS.saturating_mul(1 << progress.attempts.saturating_sub(1).min(16)));
    match &progress.trigger {
        // The next way is another one, or the next cycle is wait enough.
        Some(TriggerOutcome::NoLine | TriggerOutcome::Busy(_)) => None,
        Some(TriggerOutcome::Done | TriggerOutcome::Accepted) => after(back_off.max(FETCH_GRACE_SECONDS)),
        // Without an outcome the daemon went down in between: the outcome is as unknown.
        Some(TriggerOutcome::Failed(_) | TriggerOutcome::Unknown(_)) | None => after(back_off),
    }
}
