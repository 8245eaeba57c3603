//! Limits over all sites together: how many handsets a run may deregister, and how many sites an hour may disturb. What has
//! been used of them is counted by the store, in the transaction that uses them.

use chrono::{DateTime, Utc};

use crate::domain::budget::percent;

/// Handsets that releases of ours may deregister over all sites in one run: a rollout, and in any case a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetBudget {
    /// In number.
    pub per_run: u32,
    /// In per cent of all handsets known to be registered, 0 to 100; never less than
    /// [`FleetBudget::PERCENT_ALLOWS_AT_LEAST`]. The smaller of both counts.
    pub per_run_percent: u8,
}

impl Default for FleetBudget {
    fn default() -> Self {
        Self { per_run: 50, per_run_percent: 5 }
    }
}

impl FleetBudget {
    /// A per cent of few handsets never comes to less: in a small fleet the budget of the site is what counts.
    pub const PERCENT_ALLOWS_AT_LEAST: u32 = 10;

    /// How many a run, where so many handsets are known to be registered in the fleet.
    pub fn of_run(self, registered: u32) -> u32 {
        let share = percent(registered, self.per_run_percent);
        self.per_run.min(share.max(Self::PERCENT_ALLOWS_AT_LEAST))
    }
}

/// The limits as they hold for a release at one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FleetLimits {
    /// So many sites may get a release that disturbs people within an hour; `None`: there is no limit.
    pub sites_per_hour: Option<u32>,
    /// So many handsets may be deregistered within a day, and by the run; `None`: there is no limit.
    pub handsets: Option<u32>,
    /// The rollout that the release belongs to.
    pub run: Option<i64>,
}

/// What the limits leave to one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// As many other sites as may be were disturbed within the hour; from then on there is room.
    pub crowded_until: Option<DateTime<Utc>>,
    /// So many handsets may still be deregistered; `None`: there is no limit.
    pub handsets_left: Option<u32>,
}

/// Why a release was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// The rate limit is reached.
    Crowded {
        /// When there is room again.
        until: DateTime<Utc>,
    },
    /// It would deregister more handsets than the budget of the fleet has left.
    OverBudget {
        /// So many it has.
        left: u32,
    },
}

impl Room {
    /// What stands in the way of a release that disturbs people or not, and deregisters so many handsets.
    pub fn refuses(&self, disturbs: bool, deregisters: u32) -> Option<NoRoom> {
        match (self.crowded_until, self.handsets_left) {
            (Some(until), _) if disturbs => Some(NoRoom::Crowded { until }),
            (_, Some(left)) if deregisters > left => Some(NoRoom::OverBudget { left }),
            _ => None,
        }
    }
}

impl std::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Crowded { until } => {
                let until = until.format("%H:%M:%S UTC");
                write!(
                    f,
                    "as many sites as rollout.per_hour lets were disturbed within the hour; it goes on at {until}"
                )
            }
            Self::OverBudget { left } => {
                write!(
                    f,
                    "it would deregister more handsets than the {left} that the budget of the fleet has left"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::world::at;

    #[test]
    fn the_smaller_of_number_and_per_cent_counts_and_a_few_are_always_allowed() {
        let budget = FleetBudget { per_run: 50, per_run_percent: 5 };
        let allowed = [0, 5, 200, 219, 220, 800, 1_000, 100_000].map(|registered| budget.of_run(registered));
        assert_eq!(allowed, [10, 10, 10, 10, 11, 40, 50, 50]);
        assert_eq!(FleetBudget { per_run: 3, per_run_percent: 100 }.of_run(1_000), 3, "a number is a number");
        assert_eq!(FleetBudget { per_run: 0, per_run_percent: 100 }.of_run(1_000), 0);
        assert_eq!(FleetBudget { per_run: u32::MAX, per_run_percent: 100 }.of_run(u32::MAX), u32::MAX);
    }

    #[test]
    fn what_disturbs_nobody_needs_no_room() {
        let room = Room { crowded_until: Some(at(9)), handsets_left: Some(1) };
        assert_eq!(room.refuses(false, 0), None);
        assert_eq!(room.refuses(true, 0), Some(NoRoom::Crowded { until: at(9) }));
        let room = Room { crowded_until: None, ..room };
        assert_eq!(room.refuses(true, 1), None);
        assert_eq!(room.refuses(true, 2), Some(NoRoom::OverBudget { left: 1 }));
        assert_eq!(Room { handsets_left: None, ..room }.refuses(true, 99), None);
    }
}
