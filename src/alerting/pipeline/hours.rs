//! The hours of routes at one moment, each looked up once for all sites of a time zone: reading a schedule costs more than
//! all else in a run.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::domain::maintenance::MaintenanceStanding;
use crate::domain::routing::Route;

/// What was looked up, by the route's place in the configuration and the name of the zone.
pub(super) struct Hours {
    now: DateTime<Utc>,
    standing: BTreeMap<(usize, &'static str), MaintenanceStanding>,
    opened: BTreeMap<(usize, &'static str, DateTime<Utc>), DateTime<Utc>>,
}

impl Hours {
    pub(super) fn at(now: DateTime<Utc>) -> Self {
        Self { now, standing: BTreeMap::new(), opened: BTreeMap::new() }
    }

    /// How the hours of this route stand for a site in this zone; `None`: it has none, and is open always.
    pub(super) fn standing(&mut self, place: usize, route: &Route, zone: Tz) -> Option<MaintenanceStanding> {
        let hours = route.hours.as_ref()?;
        let now = self.now;
        let look_up = || hours.standing(zone, now);
        Some(*self.standing.entry((place, zone.name())).or_insert_with(look_up))
    }

    /// The first moment at or after `since` in the hours of this route.
    pub(super) fn first_open(
        &mut self,
        place: usize,
        route: &Route,
        zone: Tz,
        since: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let Some(hours) = &route.hours else { return since };
        let look_up = || match hours.standing(zone, since) {
            MaintenanceStanding::Open { .. } => since,
            MaintenanceStanding::Closed { next } => next.unwrap_or(since),
        };
        *self.opened.entry((place, zone.name(), since)).or_insert_with(look_up)
    }
}
