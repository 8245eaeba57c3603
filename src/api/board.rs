//! The board: the present status of every site, published by the daemon, read by whoever asks. Nothing is copied.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::domain::ids::SiteName;
use crate::domain::status::{SiteStatus, WholeFleet};

/// The present status of every site, in the order of their names, and of the fleet as a whole. Clones show the same board.
#[derive(Debug, Clone, Default)]
pub struct Board {
    sites: Arc<RwLock<BTreeMap<SiteName, Arc<SiteStatus>>>>,
    fleet: Arc<RwLock<Arc<WholeFleet>>>,
}

/// The board at one moment. Serialises as [`crate::domain::status::FleetStatus`] does.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    sites: Vec<Arc<SiteStatus>>,
    fleet: Arc<WholeFleet>,
}

impl Board {
    /// Puts a status up in place of the site's last one.
    pub fn publish(&self, status: Arc<SiteStatus>) {
        let site = status.site.clone();
        self.sites.write().unwrap_or_else(PoisonError::into_inner).insert(site, status);
    }

    /// Takes a site down whose file is gone.
    pub fn remove(&self, site: &SiteName) {
        self.sites.write().unwrap_or_else(PoisonError::into_inner).remove(site);
    }

    /// The status of one site.
    pub fn get(&self, site: &SiteName) -> Option<Arc<SiteStatus>> {
        self.sites.read().unwrap_or_else(PoisonError::into_inner).get(site).cloned()
    }

    /// Puts up what concerns all sites.
    pub fn publish_fleet(&self, fleet: Arc<WholeFleet>) {
        *self.fleet.write().unwrap_or_else(PoisonError::into_inner) = fleet;
    }

    /// Puts up in place of what is up what these make of it; `None`: it stays. What is put up meanwhile is not lost.
    pub fn revise(
        &self,
        site: impl Fn(&SiteStatus) -> Option<SiteStatus>,
        fleet: impl Fn(&WholeFleet) -> Option<WholeFleet>,
    ) {
        for status in self.sites.write().unwrap_or_else(PoisonError::into_inner).values_mut() {
            if let Some(revised) = site(status) {
                *status = Arc::new(revised);
            }
        }
        let mut whole = self.fleet.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(revised) = fleet(&whole) {
            *whole = Arc::new(revised);
        }
    }

    /// All of them, as they stand.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            sites: self.sites.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect(),
            fleet: Arc::clone(&self.fleet.read().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl Snapshot {
    /// The statuses, in the order of the sites' names.
    pub fn sites(&self) -> impl Iterator<Item = &SiteStatus> {
        self.sites.iter().map(Arc::as_ref)
    }

    /// The fleet as a whole.
    pub fn fleet(&self) -> &WholeFleet {
        &self.fleet
    }
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Sites<'a>(&'a Snapshot);
        impl Serialize for Sites<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.sites())
            }
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("sites", &Sites(self))?;
        map.serialize_entry("fleet", self.fleet())?;
        map.end()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::desired::Mode;
    use crate::domain::status::{
        FleetStatus, GenerationStatus, Health, PlanStatus, RolloutState, RolloutStatus, WindowStatus,
    };

    /// A status with nothing in it.
    pub(crate) fn status(site: &str, health: Health) -> SiteStatus {
        SiteStatus {
            site: site.parse().unwrap(),
            description: String::new(),
            labels: BTreeMap::new(),
            health,
            reason: "as the site file says".to_owned(),
            mode: Mode::Observe,
            observed_at: None,
            firmware: None,
            clock_skew_seconds: None,
            generation: GenerationStatus::default(),
            window: WindowStatus::default(),
            pause: None,
            slots: Vec::new(),
            alerts: Vec::new(),
            plan: PlanStatus::default(),
            password_change: None,
        }
    }

    #[test]
    fn the_last_status_of_each_site_is_shown_in_the_order_of_names() {
        let board = Board::default();
        board.publish(Arc::new(status("b", Health::Waiting)));
        board.publish(Arc::new(status("a", Health::Unknown)));
        board.publish(Arc::new(status("b", Health::Converged)));
        let snapshot = board.snapshot();
        let seen: Vec<_> = snapshot.sites().map(|status| (status.site.as_str(), status.health)).collect();
        assert_eq!(seen, [("a", Health::Unknown), ("b", Health::Converged)]);
        board.remove(&"a".parse().unwrap());
        assert_eq!(board.snapshot().sites().count(), 1);
        assert_eq!(snapshot.sites().count(), 2, "a snapshot does not change");
    }

    #[test]
    fn what_did_not_change_is_not_copied() {
        let board = Board::default();
        let published = Arc::new(status("a", Health::Converged));
        board.publish(published.clone());
        assert!(Arc::ptr_eq(&published, &board.get(&published.site).unwrap()));
    }

    #[test]
    fn what_is_up_is_revised_and_what_nobody_changes_is_not_copied() {
        let board = Board::default();
        let left = Arc::new(status("a", Health::Converged));
        board.publish(left.clone());
        board.publish(Arc::new(status("b", Health::Converged)));
        let blocked = |status: &SiteStatus| {
            (status.site.as_str() == "b").then(|| SiteStatus { health: Health::Blocked, ..status.clone() })
        };
        board.revise(blocked, |_| None);
        assert!(Arc::ptr_eq(&left, &board.get(&left.site).unwrap()));
        assert_eq!(board.get(&"b".parse().unwrap()).unwrap().health, Health::Blocked);
    }

    #[test]
    fn a_snapshot_is_written_as_a_fleet_status_is() {
        let board = Board::default();
        board.publish(Arc::new(status("a", Health::Converged)));
        board.publish(Arc::new(status("b", Health::Blocked)));
        let rollout = RolloutStatus {
            id: 3,
            since: chrono::DateTime::UNIX_EPOCH,
            state: RolloutState::GoingOn,
            sites: 40,
            canaries: vec!["a".parse().unwrap()],
            waiting: 2,
            reason: None,
        };
        let whole = WholeFleet { rollout: Some(rollout), ..WholeFleet::default() };
        board.publish_fleet(Arc::new(whole.clone()));
        let sites = board.snapshot().sites().cloned().collect();
        let fleet = FleetStatus { sites, fleet: Some(whole) };
        assert_eq!(serde_json::to_value(board.snapshot()).unwrap(), serde_json::to_value(&fleet).unwrap());
    }
}
