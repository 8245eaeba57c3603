//! Statistics over the windows of a site: how many of the handsets that were waited for came in, and how long it took.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{LedgerState, is_late, whole_seconds};
use crate::domain::ids::SlotNumber;
use crate::domain::memory::Window;

/// Over all windows of a site. A handset that a window left out and the next one was opened for again is counted once;
/// one that came in and was lost afterwards is counted again when it is waited for again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Statistics {
    /// Windows that opened, and that the manager had fetched.
    pub windows: usize,
    /// Handsets that windows were opened for.
    pub expected: usize,
    /// Those that came in.
    pub came_in: usize,
    /// Those that came in while the first window that was opened for them was open.
    pub in_first_window: usize,
    /// Those of which it is known to within an hour how long it took; the seconds below are theirs.
    pub timed: usize,
    /// Half of them took no longer; `None`: nothing is timed.
    pub median_seconds: Option<u64>,
    /// Nine of ten took no longer.
    pub p90_seconds: Option<u64>,
    /// The longest.
    pub longest_seconds: Option<u64>,
}

/// Over these windows, oldest first, each with its state.
pub(super) fn statistics(windows: &[Window], states: &[LedgerState]) -> Statistics {
    let mut count = Statistics::default();
    // Who is waited for, and how many windows were open for them.
    let mut waiting: BTreeMap<SlotNumber, u32> = BTreeMap::new();
    let mut times: Vec<TimeDelta> = Vec::new();
    for (window, state) in windows.iter().zip(states).filter(|(_, state)| **state != LedgerState::Scheduled) {
        let given = window.release.as_ref().is_none_or(|release| release.fetched_at.is_some());
        count.windows += usize::from(given);
        // One that nobody fetched, or that gave way to another, was nobody's chance.
        let chance = match state {
            LedgerState::Open | LedgerState::Always | LedgerState::Closed => u32::from(given),
            LedgerState::Scheduled | LedgerState::Replaced => 0,
        };
        for number in &window.missing_at_start {
            *waiting.entry(*number).or_default() += chance;
        }
        for (number, arrival) in &window.arrivals {
            let chances = waiting.remove(number).unwrap_or(chance);
            times.extend(arrival.timed());
            count.came_in += 1;
            count.in_first_window += usize::from(chances <= 1 && is_late(window, arrival) != Some(true));
        }
        if let (LedgerState::Closed, Some(missing)) = (state, &window.missing_at_end) {
            // Neither came in nor missing at the end: it is not listed any more, or was in before the window opened.
            waiting.retain(|number, _| missing.contains(number) || !window.missing_at_start.contains(number));
        }
    }
    count.expected = count.came_in + waiting.len();
    times.sort_unstable();
    let seconds = |percent| percentile(&times, percent).map(whole_seconds);
    Statistics {
        timed: times.len(),
        median_seconds: seconds(50),
        p90_seconds: seconds(90),
        longest_seconds: seconds(100),
        ..count
    }
}

/// The least of the sorted values that so many percent do not exceed (nearest rank).
fn percentile(sorted: &[TimeDelta], percent: usize) -> Option<TimeDelta> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}
