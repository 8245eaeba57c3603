//! A site under n720d's care: the cycle of the daemon, with a stand-in for its store and without a device.
//!
//! What a cycle reads comes in as an argument, and every cycle is also a restart.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use n720d::domain::approval::{Approval, Grant};
use n720d::domain::desired::{DesiredSite, Trigger};
use n720d::domain::fingerprint::SiteKey;
use n720d::domain::ids::{Ipui, SlotNumber};
use n720d::domain::memory::SiteMemory;
use n720d::domain::neighbours::{Directory, Elsewhere, Neighbours};
use n720d::domain::observed::{ContactFailure, HandsetState, Observation};
use n720d::domain::plan::{Orders, Plan};
use n720d::domain::release::TriggerOutcome;
use n720d::domain::secret::SecretBook;
use n720d::domain::settings::Pace;
use n720d::domain::strays;
use n720d::domain::turn::{Turn, TurnInput, turn};

use crate::keep::Keep;
use crate::site;

/// What comes of telling the manager to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It fetches at once.
    Fetches,
    /// It says that it does, and is not seen to.
    DoesNot,
}

/// A site with everything that is known of it.
pub(crate) struct Care {
    pub(crate) desired: DesiredSite,
    pub(crate) keep: Keep,
    /// What other sites' files list.
    pub(crate) directory: Directory,
    /// Which handsets other sites' managers were last seen to hold.
    pub(crate) elsewhere: BTreeMap<Ipui, Elsewhere>,
    /// What the last cycle planned.
    plan: Option<Plan>,
    pace: Pace,
    secrets: SecretBook,
    key: SiteKey,
}

impl Care {
    /// Of a site of which nothing is known yet.
    ///
    /// # Errors
    /// All findings, when the file is refused.
    pub(crate) fn new(site_file: &str) -> Result<Self, String> {
        let (desired, pace) = site::load(site_file)?;
        let (secrets, key) = (SecretBook::default(), SiteKey::new([7; 32]));
        Ok(Self {
            desired,
            keep: Keep::default(),
            directory: Directory::default(),
            elsewhere: BTreeMap::new(),
            plan: None,
            pace,
            secrets,
            key,
        })
    }

    /// From here on the site file says this.
    pub(crate) fn reload(&mut self, site_file: &str) {
        self.desired = site::load(site_file).unwrap().0;
    }

    /// Of a manager that was met empty a day before `at`, and took what the planner had to release for it then. Its clock
    /// was so far ahead.
    pub(crate) fn release_given(&mut self, at: DateTime<Utc>, ahead: TimeDelta, verified: bool) {
        let (mac, tz) = (self.desired.manager.mac, self.desired.time_zone);
        let first_contact = Some((at - TimeDelta::days(1), mac));
        self.keep = Keep::of(SiteMemory { first_contact, ..SiteMemory::default() });
        let met = site::bare(mac, tz, ahead, at);
        let release = self.turn(Ok(&met), self.keep.memory(), at).plan.orders.release.unwrap();
        self.keep.release(&release, at);
        self.keep.triggered(TriggerOutcome::Done, at);
        self.keep.fetched(at);
        self.keep.progress().verified_at = verified.then(|| at + TimeDelta::seconds(200));
    }

    /// The slots whose editor page a cycle asks for that has seen this much of the manager; an audit asks for those of
    /// all registered handsets.
    pub(crate) fn asks_for(&self, seen: &Observation, audit: bool) -> BTreeSet<SlotNumber> {
        let mut asked = self.turn(Ok(seen), self.keep.memory(), seen.at).unread;
        if audit {
            let slots = seen.slots.known().into_iter().flatten();
            asked.extend(slots.filter(|(_, s)| s.handset == HandsetState::Registered).map(|(slot, _)| *slot));
        }
        asked
    }

    /// A cycle: takes a turn, keeps it, and carries its orders out.
    pub(crate) fn cycle(
        &mut self,
        contact: Result<&Observation, &ContactFailure>,
        now: DateTime<Utc>,
        told: Told,
    ) -> Turn {
        let turn = self.turn(contact, self.keep.memory(), now);
        self.keep.keep(&turn);
        self.plan = Some(turn.plan.clone());
        self.execute(&turn.plan.orders, now, told);
        turn
    }

    /// Somebody approves what the last cycle planned.
    pub(crate) fn approve(&mut self, now: DateTime<Utc>) {
        let Plan { hash, terms, .. } = self.plan.clone().unwrap();
        let grants = vec![Grant { by: "anna".to_owned(), at: now, reason: "agreed by phone".to_owned() }];
        let expires_at = now + TimeDelta::hours(24);
        self.keep.approve(Approval { hash, terms, grants, expires_at, used: None, lapsed: false });
    }

    fn turn(
        &self,
        contact: Result<&Observation, &ContactFailure>,
        memory: SiteMemory,
        now: DateTime<Utc>,
    ) -> Turn {
        let neighbours = self.ask_neighbours(&memory, contact.ok());
        let input = TurnInput {
            desired: &self.desired,
            secrets: &self.secrets,
            key: &self.key,
            pace: &self.pace,
            own_url: None,
            neighbours: &neighbours,
            clearance: &n720d::domain::clearance::Clearance::default(),
            contact,
            now,
        };
        turn(&input, memory)
    }

    /// What a cycle over this reading asks about other sites; only one of the site's own manager counts.
    fn ask_neighbours(&self, memory: &SiteMemory, seen: Option<&Observation>) -> Neighbours {
        let seen = seen.filter(|seen| seen.mac.known() == Some(&self.desired.manager.mac));
        let questions = strays::questions(&self.desired, memory, seen);
        let held = self.elsewhere.iter().filter(|(ipui, _)| questions.missing.contains(ipui));
        let held = held.map(|(ipui, place)| (*ipui, place.clone())).collect();
        Neighbours::answer(&questions, &self.directory, held)
    }

    fn execute(&mut self, orders: &Orders, now: DateTime<Utc>, told: Told) {
        if let Some(release) = &orders.release {
            self.keep.release(release, now);
        }
        let Some(way) = orders.trigger else { return };
        let taken = match way {
            Trigger::Web => TriggerOutcome::Done,
            Trigger::CheckSync => TriggerOutcome::Accepted,
            Trigger::None => return,
        };
        match told {
            Told::Fetches => {
                self.keep.triggered(taken, now);
                self.keep.fetched(now);
            }
            Told::DoesNot => self.keep.triggered(taken, now),
        }
    }
}
