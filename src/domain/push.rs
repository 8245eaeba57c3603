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
    /// The manager has not fetched it.
    Unfetched {
        /// It may be told to (again) from then on; `None`: at once.
        retry_at: Option<DateTime<Utc>>,
        /// Until then it may be fetching, and the release is not to be replaced under its hands.
        busy_until: Option<DateTime<Utc>>,
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
        // Since it began to settle our clock was set back: it is over, as far as anybody can tell.
        Some(until) if is_later(until, settle, now) => {
            if marked || progress.fetched_at.is_some() {
                Push::Settled
            } else {
                unfetched(progress, now)
            }
        }
        Some(until) if now < until => Push::Settling { until },
        Some(_) if marked => Push::Settled,
        Some(_) if progress.fetched_at.is_none() => unfetched(progress, now),
        Some(until) if observed_at.is_none_or(|at| at < until) => Push::ToBeRead,
        Some(_) => Push::Settled,
        None if marked => Push::Settled,
        None => unfetched(progress, now),
    }
}

/// Whether what settles until then began later than now.
fn is_later(until: DateTime<Utc>, settle: Duration, now: DateTime<Utc>) -> bool {
    TimeDelta::from_std(settle).is_ok_and(|settle| until - settle > now)
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

fn unfetched(progress: &Progress, now: DateTime<Utc>) -> Push {
    // A trigger later than now was before our clock was set back, and is long past.
    let triggered_at = progress.triggered_at.filter(|at| *at <= now);
    let after = |seconds: i64| triggered_at.map(|at| at + TimeDelta::seconds(seconds));
    let back_off = LONGEST_RETRY_SECONDS
        .min(FIRST_RETRY_SECONDS.saturating_mul(1 << progress.attempts.saturating_sub(1).min(16)));
    match &progress.trigger {
        // The next way is another one: no need to wait, the first time.
        Some(TriggerOutcome::NoLine) if progress.attempts <= 1 => {
            Push::Unfetched { retry_at: None, busy_until: None }
        }
        Some(TriggerOutcome::NoLine | TriggerOutcome::Busy(_)) => {
            Push::Unfetched { retry_at: after(back_off), busy_until: None }
        }
        Some(TriggerOutcome::Done | TriggerOutcome::Accepted) => Push::Unfetched {
            retry_at: after(back_off.max(FETCH_GRACE_SECONDS)),
            busy_until: after(FETCH_GRACE_SECONDS),
        },
        Some(TriggerOutcome::Failed(_)) => Push::Unfetched { retry_at: after(back_off), busy_until: None },
        // Without an outcome the daemon went down in between: the outcome is as unknown.
        Some(TriggerOutcome::Unknown(_)) | None => Push::Unfetched {
            retry_at: after(back_off),
            busy_until: after(back_off.min(FETCH_GRACE_SECONDS)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::world::{SETTLE, World, at, present};
    use super::*;

    /// A release that was triggered at 0, with this outcome after so many attempts.
    fn triggered(outcome: Option<TriggerOutcome>, attempts: u32) -> Release {
        let mut world = World::new().want(1, present("1013", None));
        world.release();
        *world.progress() =
            Progress { attempts, triggered_at: Some(at(0)), trigger: outcome, ..Progress::default() };
        world.memory.release.unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for the value of an optional field")]
    fn failed() -> Option<TriggerOutcome> {
        Some(TriggerOutcome::Failed("100".into()))
    }

    #[test]
    fn a_trigger_that_came_to_nothing_is_repeated_ever_later() {
        let retry = |outcome, attempts| match state(
            Some(&triggered(outcome, attempts)),
            SETTLE,
            Some(at(500)),
            at(500),
        ) {
            Push::Unfetched { retry_at, .. } => {
                retry_at.map(|at| (at - super::super::world::at(0)).num_seconds())
            }
            other @ (Push::None | Push::Settling { .. } | Push::ToBeRead | Push::Settled) => {
                panic!("{other:?}")
            }
        };
        let doubling: Vec<_> = (1..=9).map(|attempts| retry(failed(), attempts).unwrap()).collect();
        assert_eq!(doubling, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
        assert_eq!(retry(failed(), u32::MAX), Some(3_600));
        assert_eq!(retry(Some(TriggerOutcome::Unknown("cut".into())), 2), Some(60));
        assert_eq!(retry(None, 1), Some(30), "the daemon went down before it learned the outcome");
        assert_eq!(retry(Some(TriggerOutcome::Accepted), 1), Some(120));
        assert_eq!(retry(Some(TriggerOutcome::Accepted), 5), Some(480));
        assert_eq!(retry(Some(TriggerOutcome::Done), 1), Some(120));
        assert_eq!(retry(Some(TriggerOutcome::Busy("103".into())), 1), Some(30));
        assert_eq!(retry(Some(TriggerOutcome::Busy("103".into())), 7), Some(1_920));
        assert_eq!(retry(Some(TriggerOutcome::NoLine), 1), None, "the next way is another one");
        assert_eq!(retry(Some(TriggerOutcome::NoLine), 2), Some(60));
    }

    #[test]
    fn what_is_being_fetched_is_not_replaced() {
        let busy = |outcome, attempts| match unfetched(&triggered(outcome, attempts).progress, at(20)) {
            Push::Unfetched { busy_until, .. } => busy_until,
            other @ (Push::None | Push::Settling { .. } | Push::ToBeRead | Push::Settled) => {
                panic!("{other:?}")
            }
        };
        assert_eq!(busy(Some(TriggerOutcome::Accepted), 9), Some(at(120)));
        assert_eq!(busy(Some(TriggerOutcome::Unknown("cut".into())), 1), Some(at(30)));
        assert_eq!(busy(None, 9), Some(at(120)));
        assert_eq!(busy(failed(), 9), None, "it is not fetching, however long the next try may wait");
    }

    #[test]
    fn it_settles_from_the_fetch_or_from_a_reported_end() {
        let at_seconds = |release: &Release, observed: i64, now: i64| {
            state(Some(release), SETTLE, Some(at(observed)), at(now))
        };
        let done = triggered(Some(TriggerOutcome::Done), 1);
        assert_eq!(at_seconds(&done, 170, 179), Push::Settling { until: at(180) });
        assert_eq!(at_seconds(&done, 180, 180), unfetched(&done.progress, at(180)));
        let mut fetched = triggered(failed(), 1);
        fetched.progress.fetched_at = Some(at(10));
        assert_eq!(at_seconds(&fetched, 189, 189), Push::Settling { until: at(190) });
        assert_eq!(at_seconds(&fetched, 189, 191), Push::ToBeRead);
        assert_eq!(state(Some(&fetched), SETTLE, None, at(191)), Push::ToBeRead);
        assert_eq!(at_seconds(&fetched, 190, 191), Push::Settled);
        assert_eq!(state(None, SETTLE, None, at(0)), Push::None);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_up_nothing() {
        let now = at(-86_400);
        let look = |release: &Release| state(Some(release), SETTLE, Some(now), now);
        let mut fetched = triggered(Some(TriggerOutcome::Done), 1);
        fetched.progress.fetched_at = Some(at(10));
        assert_eq!(look(&fetched), Push::Settled);
        for outcome in [TriggerOutcome::Done, TriggerOutcome::Accepted, TriggerOutcome::Failed("100".into())]
        {
            let at_once = Push::Unfetched { retry_at: None, busy_until: None };
            assert_eq!(look(&triggered(Some(outcome.clone()), 9)), at_once, "{outcome:?}");
        }
    }

    #[test]
    fn a_known_outcome_ends_a_push_that_nobody_saw_fetched() {
        let mut marked = triggered(Some(TriggerOutcome::Done), 1);
        marked.progress.ineffective_at = Some(at(200));
        assert_eq!(state(Some(&marked), SETTLE, Some(at(210)), at(210)), Push::Settled);
        assert_eq!(state(Some(&marked), SETTLE, Some(at(100)), at(100)), Push::Settling { until: at(180) });
    }
}
