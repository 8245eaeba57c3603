//! The one way to wait: for a value, with a bound. Nowhere else does a test sleep.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// No wait takes so long unless something is broken, however busy the machine is.
pub(crate) const BOUND: Duration = Duration::from_secs(180);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(60);

/// Looks until there is a value.
///
/// # Panics
/// When there is none within [`BOUND`]; `what` says what was waited for.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + BOUND;
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(LOOK_EVERY).await;
    }
}
