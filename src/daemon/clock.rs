//! The one place that reads the clock. Everything else takes the time as an argument.

use chrono::{DateTime, Utc};

/// The time.
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
