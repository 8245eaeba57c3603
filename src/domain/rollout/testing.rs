//! For the tests of this folder: a small fleet with files, verdicts and marks, and the cycles of its sites.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Begun, Moved, Rollout, RolloutRules, Sight, Stage, Standing, begin, mark, registered};
use crate::domain::alert::{Alert, AlertKind, AlertState, Severity};
use crate::domain::clearance::RolloutHold;
use crate::domain::desired::{DesiredSite, DesiredSlot, Mode};
use crate::domain::ids::SiteName;
use crate::domain::memory::{Registration, SiteMemory, SlotRecord};
use crate::domain::plan::{Action, Disposition, Impact, Step};
use crate::domain::status::{GenerationStatus, Health, PlanStatus, SiteStatus, WindowStatus};
use crate::domain::world::{at, ipui, present, site, slot};

pub(super) const INTERVAL: Duration = Duration::from_secs(60);

pub(super) fn name(number: u8) -> SiteName {
    format!("s{number:02}").parse().unwrap()
}

/// A site with handsets in its slots from 1 on.
pub(super) fn file(number: u8, handsets: u8) -> DesiredSite {
    let slots = (1..=handsets).map(|place| (slot(place), present(&format!("10{place:02}"), Some(place))));
    DesiredSite { name: name(number), slots: slots.collect(), ..site() }
}

/// All handsets of a file registered.
pub(super) fn filled(file: &DesiredSite) -> SiteMemory {
    let listed = file.slots.iter().filter_map(|(&slot, listed)| Some((slot, listed.ipui()?)));
    let slots = listed.map(|(slot, ipui)| (slot, SlotRecord::new(ipui, Registration::Registered, at(-999))));
    SiteMemory { slots: slots.collect(), ..SiteMemory::default() }
}

/// A fleet, and what is known of it.
pub(super) struct Fleet {
    pub(super) files: BTreeMap<SiteName, DesiredSite>,
    pub(super) memories: BTreeMap<SiteName, SiteMemory>,
    pub(super) accepted: BTreeMap<SiteName, String>,
    pub(super) unreached: BTreeSet<SiteName>,
    pub(super) rollout: Option<Rollout>,
    pub(super) rules: RolloutRules,
    pub(super) told: Vec<String>,
    pub(super) now: i64,
}

impl Fleet {
    /// So many sites with so many handsets each, all registered, under watch for long.
    pub(super) fn of(sites: u8, handsets: u8) -> Self {
        let files: BTreeMap<_, _> =
            (1..=sites).map(|number| (name(number), file(number, handsets))).collect();
        let memories = files.iter().map(|(name, file)| (name.clone(), filled(file))).collect();
        let accepted = files.iter().map(|(name, file)| (name.clone(), mark(file))).collect();
        let rules = RolloutRules { fleet_wide: 4, canary: 2, ..RolloutRules::default() };
        let (unreached, rollout, told) = (BTreeSet::new(), None, Vec::new());
        Self { files, memories, accepted, unreached, rollout, rules, told, now: 0 }
    }

    /// Edits a site's file.
    pub(super) fn edit(&mut self, number: u8, change: impl FnOnce(&mut DesiredSite)) {
        change(self.files.get_mut(&name(number)).unwrap());
    }

    /// Changes the display name at these sites: it costs nobody.
    pub(super) fn rename(&mut self, numbers: impl IntoIterator<Item = u8>, to: &str) {
        for number in numbers {
            self.edit(number, |file| {
                if let Some(DesiredSlot::Present(slot)) = file.slots.get_mut(&slot(1)) {
                    slot.display_name = Some(to.into());
                }
            });
        }
    }

    /// Lists other handsets at these sites.
    pub(super) fn spoil(&mut self, numbers: impl IntoIterator<Item = u8>) {
        for number in numbers {
            self.edit(number, |file| {
                for (place, listed) in (100..).zip(file.slots.values_mut()) {
                    if let DesiredSlot::Present(slot) = listed {
                        slot.ipui = Some(ipui(place));
                    }
                }
            });
        }
    }

    /// Takes the files in force, at a start or a reload.
    pub(super) fn load(&mut self) {
        self.now += 1;
        let standings: Vec<Standing<'_>> = self
            .files
            .values()
            .map(|desired| Standing {
                desired,
                accepted: self.accepted.get(&desired.name).cloned(),
                registered: registered(&self.memories.entry(desired.name.clone()).or_default().slots),
                reached: !self.unreached.contains(&desired.name),
            })
            .collect();
        let all: usize = standings.iter().map(|one| one.registered.len()).sum();
        let all = u32::try_from(all).unwrap();
        let Begun { rollout, accepted, told } =
            begin(self.rollout.take(), &standings, all, &self.rules, at(self.now));
        self.rollout = rollout;
        self.accepted.extend(accepted);
        self.told.extend(told);
        self.forget_what_is_not_listed();
    }

    /// A cycle over a new file forgets verdicts on what it does not list.
    fn forget_what_is_not_listed(&mut self) {
        for (name, file) in &self.files {
            let memory = self.memories.get_mut(name).unwrap();
            memory.slots.retain(|slot, record| {
                file.slots.get(slot).is_some_and(|listed| listed.ipui() == Some(record.ipui))
            });
        }
    }

    /// What is in memory is lost, what is kept comes back.
    pub(super) fn restart(&mut self) {
        let kept = serde_json::to_string(&self.rollout).unwrap();
        self.rollout = serde_json::from_str(&kept).unwrap();
    }

    pub(super) fn hold(&self, number: u8) -> Option<RolloutHold> {
        self.rollout.as_ref()?.hold(&name(number))
    }

    /// Who may follow.
    pub(super) fn free(&self) -> Vec<SiteName> {
        let free =
            |site: &&SiteName| self.rollout.as_ref().is_none_or(|rollout| rollout.hold(site).is_none());
        self.files.keys().filter(free).cloned().collect()
    }

    pub(super) fn stage(&self) -> &Stage {
        &self.rollout.as_ref().unwrap().stage
    }

    /// The present canaries.
    pub(super) fn canaries(&self) -> Vec<&str> {
        match self.stage() {
            Stage::Canary { trials, .. } => trials.keys().map(SiteName::as_str).collect(),
            Stage::GoingOn | Stage::Stopped { .. } | Stage::Done => Vec::new(),
        }
    }

    /// A cycle of a site that came to this.
    pub(super) fn cycle(&mut self, number: u8, look: impl FnOnce(&mut Scene)) -> Moved {
        self.now += 1;
        let file = &self.files[&name(number)];
        let mut scene = Scene {
            read: true,
            paused: false,
            held: self.rollout.as_ref().is_some_and(|rollout| rollout.hold(&name(number)).is_some()),
            mark: mark(file),
            status: status(number),
            memory: self.memories[&name(number)].clone(),
            now: at(self.now),
        };
        look(&mut scene);
        let sight = Sight {
            mark: &scene.mark,
            held: scene.held,
            paused: scene.paused,
            read: scene.read,
            status: &scene.status,
            memory: &scene.memory,
            interval: INTERVAL,
            now: scene.now,
        };
        let Some(rollout) = &mut self.rollout else { return Moved::No };
        let moved = rollout.saw(&sight);
        if let Moved::On(told) = &moved {
            self.told.extend(told.clone());
            self.accepted.extend(rollout.accepted());
        }
        moved
    }

    /// A cycle that leaves nothing to do.
    pub(super) fn follows(&mut self, number: u8) -> Moved {
        self.cycle(number, |_| {})
    }
}

/// What a cycle came to.
pub(super) struct Scene {
    pub(super) read: bool,
    pub(super) paused: bool,
    pub(super) held: bool,
    pub(super) mark: String,
    pub(super) status: SiteStatus,
    pub(super) memory: SiteMemory,
    pub(super) now: DateTime<Utc>,
}

impl Scene {
    /// A step in its plan.
    pub(super) fn step(&mut self, action: Action, disposition: Disposition) {
        self.status.plan.steps.push(Step {
            action,
            slot: Some(slot(1)),
            impact: Impact::Interrupts,
            disposition,
            who: Vec::new(),
            hits: Vec::new(),
            relocation: None,
            why: String::new(),
            cause: None,
        });
    }

    /// A step that is blocked, and the alert that says so since then.
    pub(super) fn blocked(&mut self, kind: AlertKind, since: DateTime<Utc>) {
        self.step(Action::Reserve, Disposition::Blocked { reason: "so".into(), alert: kind });
        self.alert(kind, since);
    }

    pub(super) fn alert(&mut self, kind: AlertKind, since: DateTime<Utc>) {
        self.status.alerts.push(Alert {
            id: format!("{}/{kind}", self.status.site),
            kind,
            severity: Severity::Warning,
            summary: "it is so".into(),
            phase: String::new(),
            since,
            state: AlertState::Firing,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
            unwatched: false,
        });
    }
}

fn status(number: u8) -> SiteStatus {
    SiteStatus {
        site: name(number),
        description: String::new(),
        labels: BTreeMap::new(),
        health: Health::Converged,
        reason: String::new(),
        mode: Mode::Manage,
        observed_at: None,
        firmware: None,
        clock_skew_seconds: None,
        generation: GenerationStatus::default(),
        window: WindowStatus::default(),
        slots: Vec::new(),
        alerts: Vec::new(),
        plan: PlanStatus::default(),
        pause: None,
        password_change: None,
    }
}
