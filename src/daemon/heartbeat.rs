//! Shows that a task lives: it says by when it will say so again. The supervisor feeds systemd's watchdog only while
//! no task is overdue.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The sign of life of one task.
#[derive(Debug, Clone)]
pub(super) struct Heartbeat(Arc<Mutex<Option<Instant>>>);

impl Heartbeat {
    /// One that expects nothing yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    /// The task will be heard of by then.
    pub(super) fn expect_by(&self, deadline: Instant) {
        self.set(Some(deadline));
    }

    /// The task has ended on purpose.
    pub(super) fn retire(&self) {
        self.set(None);
    }

    /// Whether the task should have been heard of.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|deadline| deadline < now)
    }

    fn set(&self, deadline: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_is_overdue_only_past_its_own_deadline() {
        let heart = Heartbeat::new();
        assert!(!heart.is_overdue(Instant::now()));
        heart.expect_by(Instant::now() + Duration::from_secs(10));
        assert!(!heart.is_overdue(Instant::now() + Duration::from_secs(10)));
        assert!(heart.is_overdue(Instant::now() + Duration::from_secs(11)));
        heart.retire();
        assert!(!heart.is_overdue(Instant::now() + Duration::from_secs(11)));
    }
}
