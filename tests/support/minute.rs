//! Whole minutes of the wall clock, which managers open their windows at, and times out of records.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// The next whole minute is reached within this, with time for what happens then.
pub(crate) const OVER_A_MINUTE: Duration = Duration::from_secs(240);

/// So long before a window a story must begin for n720d to write it in good time, also on a busy machine.
const AHEAD: TimeDelta = TimeDelta::seconds(40);

/// A whole minute that is soon to come: the same for all stories of a run that ask in time, so that they wait for it
/// together.
pub(crate) fn coming_minute() -> DateTime<Utc> {
    static FIRST: OnceLock<DateTime<Utc>> = OnceLock::new();
    let earliest = Utc::now() + AHEAD;
    let next = || (earliest + TimeDelta::minutes(1)).duration_trunc(TimeDelta::minutes(1)).unwrap();
    let first = *FIRST.get_or_init(next);
    if first >= earliest { first } else { next() }
}

/// A time as records have it, RFC 3339.
pub(crate) fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("{error}: {text:?}")).to_utc()
}
