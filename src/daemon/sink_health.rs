//! How the sinks do, in memory: after a start nothing is known until each was tried. What is said of it is `domain`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::alerting::{Attempt, Stuck};
use crate::domain::conditions::fleet::SinkSight;

/// How all sinks do.
#[derive(Debug, Default)]
pub(super) struct SinkHealth(Mutex<BTreeMap<String, Health>>);

#[derive(Debug, Default)]
struct Health {
    last: Last,
    /// How many messages wait for it.
    waiting: usize,
    /// What of them it does not take, whatever becomes of the others.
    stuck: Option<Stuck>,
}

/// What the last attempt came to.
#[derive(Debug, Default)]
enum Last {
    #[default]
    Untried,
    Took,
    Failed {
        since: DateTime<Utc>,
        /// The same, by a clock that nobody sets.
        first: Instant,
        last: Instant,
        why: String,
    },
}

impl SinkHealth {
    /// Enters an attempt.
    pub(super) fn tried(&self, attempt: &Attempt<'_>) {
        let now = Instant::now();
        let mut all = self.all();
        let health = all.entry(attempt.sink.to_owned()).or_default();
        health.last = match (attempt.result, &health.last) {
            (Ok(()), _) => Last::Took,
            (Err(error), Last::Failed { since, first, .. }) => {
                Last::Failed { since: *since, first: *first, last: now, why: error.to_string() }
            }
            (Err(error), Last::Untried | Last::Took) => {
                Last::Failed { since: attempt.at, first: now, last: now, why: error.to_string() }
            }
        };
    }

    /// Enters how many messages wait for a sink, and what it does not take.
    pub(super) fn waits(&self, sink: &str, messages: usize, stuck: Option<&Stuck>) {
        let mut all = self.all();
        if !all.contains_key(sink) {
            all.insert(sink.to_owned(), Health::default());
        }
        if let Some(health) = all.get_mut(sink) {
            health.waiting = messages;
            if health.stuck.as_ref() != stuck {
                health.stuck = stuck.cloned();
            }
        }
    }

    /// A sink is not in force any more.
    pub(super) fn forget(&self, sink: &str) {
        self.all().remove(sink);
    }

    /// How these sinks do. One fails for long that has failed for `long` and is still wanted, or whose failures lie so far
    /// apart: a single one that nothing came after may have been chance. One that takes some things fails all the same over
    /// what it has not taken for `long`, and at once over what is given up.
    pub(super) fn sights(&self, sinks: &BTreeSet<String>, long: Duration) -> BTreeMap<String, SinkSight> {
        let (all, now) = (self.all(), Instant::now());
        let sight =
            |sink: &String| all.get(sink).map_or(SinkSight::Untried, |health| health.sight(now, long));
        sinks.iter().map(|sink| (sink.clone(), sight(sink))).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    fn sight(&self, now: Instant, long: Duration) -> SinkSight {
        let of_all = match &self.last {
            Last::Untried => SinkSight::Untried,
            Last::Took => SinkSight::Works,
            Last::Failed { since, first, last, why } => {
                let until = if self.waiting > 0 { now } else { *last };
                let for_long = until.saturating_duration_since(*first) >= long;
                SinkSight::Fails { since: *since, about: None, why: why.clone(), for_long }
            }
        };
        let Some(stuck) = &self.stuck else { return of_all };
        let for_long = stuck.is_given_up || now.saturating_duration_since(stuck.first) >= long;
        match of_all {
            SinkSight::Fails { for_long: true, .. } => of_all,
            SinkSight::Fails { .. } if !for_long => of_all,
            SinkSight::Untried | SinkSight::Works | SinkSight::Fails { .. } => SinkSight::Fails {
                since: stuck.since,
                about: Some(stuck.about.clone()),
                why: stuck.why.clone(),
                for_long,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::{FailureReason, SinkError};

    const LONG: Duration = Duration::from_secs(900);

    fn fails(health: &SinkHealth) {
        let error = SinkError::new(FailureReason::Connection, "no connection");
        health.tried(&Attempt { sink: "pager", result: Err(&error), at: DateTime::UNIX_EPOCH });
    }

    fn takes(health: &SinkHealth) {
        health.tried(&Attempt { sink: "pager", result: Ok(()), at: DateTime::UNIX_EPOCH });
    }

    fn sight(health: &SinkHealth) -> SinkSight {
        health.sights(&BTreeSet::from(["pager".to_owned()]), LONG)["pager"].clone()
    }

    fn is_for_long(health: &SinkHealth) -> bool {
        match sight(health) {
            SinkSight::Fails { for_long, .. } => for_long,
            SinkSight::Untried | SinkSight::Works => panic!("it fails"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_known_of_a_sink_before_it_was_tried() {
        let health = SinkHealth::default();
        assert_eq!(sight(&health), SinkSight::Untried);
        health.waits("pager", 3, None);
        assert_eq!(sight(&health), SinkSight::Untried);
        takes(&health);
        assert_eq!(sight(&health), SinkSight::Works);
    }

    #[tokio::test(start_paused = true)]
    async fn it_fails_for_long_from_the_first_failure_in_a_row_on() {
        let health = SinkHealth::default();
        health.waits("pager", 1, None);
        fails(&health);
        tokio::time::advance(LONG - Duration::from_secs(1)).await;
        fails(&health);
        assert!(!is_for_long(&health));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(is_for_long(&health));
        takes(&health);
        assert_eq!(sight(&health), SinkSight::Works);
        fails(&health);
        assert!(!is_for_long(&health), "another row");
    }

    fn stuck(is_given_up: bool) -> Stuck {
        Stuck {
            about: "acme".into(),
            since: DateTime::UNIX_EPOCH,
            first: Instant::now(),
            why: "400 Bad Request".into(),
            is_given_up,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_alone_is_not_taken_counts_while_others_pass() {
        let health = SinkHealth::default();
        let stuck = stuck(false);
        fails(&health);
        health.waits("pager", 1, Some(&stuck));
        takes(&health);
        assert!(!is_for_long(&health), "and it does not work either");
        tokio::time::advance(LONG).await;
        takes(&health);
        let expected = SinkSight::Fails {
            since: stuck.since,
            about: Some(stuck.about.clone()),
            why: stuck.why.clone(),
            for_long: true,
        };
        assert_eq!(sight(&health), expected);
        health.waits("pager", 0, None);
        assert_eq!(sight(&health), SinkSight::Works);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_counts_at_once() {
        let health = SinkHealth::default();
        fails(&health);
        assert!(!is_for_long(&health));
        health.waits("pager", 0, Some(&stuck(true)));
        assert!(is_for_long(&health));
        takes(&health);
        assert!(is_for_long(&health), "another message was taken");
        health.waits("pager", 0, None);
        assert_eq!(sight(&health), SinkSight::Works);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_takes_nothing_at_all_is_said_to() {
        let health = SinkHealth::default();
        fails(&health);
        health.waits("pager", 1, Some(&stuck(false)));
        tokio::time::advance(LONG).await;
        assert!(matches!(sight(&health), SinkSight::Fails { about: None, for_long: true, .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_that_nothing_came_after_is_not_for_long() {
        let health = SinkHealth::default();
        fails(&health);
        tokio::time::advance(LONG * 2).await;
        assert!(!is_for_long(&health));
        fails(&health);
        assert!(is_for_long(&health), "two that lie so far apart are");
    }
}
