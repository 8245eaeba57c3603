//! A stand-in for the store: it keeps of a site what the real one keeps, and gives it back as after a restart.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use n720d::domain::alert::AlertState;
use n720d::domain::approval::Approval;
use n720d::domain::ids::SlotNumber;
use n720d::domain::memory::{Deregistration, SiteMemory, Window};
use n720d::domain::observed::FilledSlots;
use n720d::domain::plan::{NewRelease, WindowEntry};
use n720d::domain::release::{PastRelease, Progress, Release, ReleaseMark, TriggerOutcome};
use n720d::domain::turn::Turn;

/// What is kept of one site.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keep {
    memory: SiteMemory,
}

impl Keep {
    /// What is known at first.
    pub(crate) fn of(memory: SiteMemory) -> Self {
        Self { memory }
    }

    /// What is remembered, after a restart: everything has been through its JSON. Alerts that have ended are not: as
    /// far as this goes, everybody was told.
    pub(crate) fn memory(&self) -> SiteMemory {
        let mut memory = restarted(&self.memory);
        memory.alerts.retain(|alert| alert.state != AlertState::Resolved);
        memory
    }

    /// What the last cycle and the fetches since have left.
    pub(crate) fn last(&self) -> &SiteMemory {
        &self.memory
    }

    /// Keeps what a turn came to. Releases and what the manager says at its fetches are not the turn's to change, and
    /// the ledger of windows forgets none.
    pub(crate) fn keep(&mut self, turn: &Turn) {
        let before = std::mem::take(&mut self.memory);
        let kept: BTreeSet<u32> = turn.memory.windows.iter().map(|window| window.number).collect();
        let forgotten = before.windows.into_iter().filter(|window| !kept.contains(&window.number));
        let mut windows: Vec<Window> = forgotten.chain(turn.memory.windows.iter().cloned()).collect();
        windows.sort_by_key(|window| window.number);
        self.memory = SiteMemory {
            release: before.release,
            past_releases: before.past_releases,
            filled: before.filled,
            windows,
            ..turn.memory.clone()
        };
        for mark in &turn.marks {
            self.mark(mark);
        }
    }

    fn mark(&mut self, mark: &ReleaseMark) {
        let progress = self.progress();
        match mark {
            ReleaseMark::Verified { at, .. } => progress.verified_at = progress.verified_at.or(Some(*at)),
            ReleaseMark::Ineffective { at, missed, .. } => {
                progress.ineffective_at = progress.ineffective_at.or(Some(*at));
                progress.missed = Some((**missed).clone());
            }
        }
    }

    /// Makes a release; its window enters the ledger.
    pub(crate) fn release(&mut self, new: &NewRelease, at: DateTime<Utc>) {
        let last = self.memory.release.take();
        let id = last.as_ref().map_or(1, |last| last.id + 1);
        self.memory.past_releases.splice(0..0, last.as_ref().map(PastRelease::from));
        let window = new.window.as_ref().map(|entry| self.enter(entry));
        self.memory.release = Some(Release {
            id,
            generation: new.generation.clone(),
            content: new.content_id.clone(),
            version: new.version.clone(),
            parts: new.parts.clone(),
            reserved: new.reserved.clone(),
            window,
            approved: new.approved.keys().copied().collect(),
            released_at: at,
            progress: Progress::default(),
        });
        if let Some(approval) = self.memory.approval.as_mut().filter(|_| new.approval.is_some()) {
            approval.used = Some(id);
        }
        let gone = new.approved.iter();
        let gone = gone.map(|(&slot, &ipui)| Deregistration { at, release: id, slot, ipui });
        self.memory.deregistered.extend(gone);
    }

    /// Enters the approval of a plan.
    pub(crate) fn approve(&mut self, approval: Approval) {
        self.memory.approval = Some(approval);
    }

    /// Enters a window into the ledger, or changes its entry, and says under which number.
    fn enter(&mut self, entry: &WindowEntry) -> u32 {
        let ledger = &mut self.memory.windows;
        match entry {
            WindowEntry::Opens(window) => {
                let number = ledger.last().map_or(1, |last| last.number + 1);
                ledger.push(Window { number, ..window.clone() });
                number
            }
            WindowEntry::Ends(window) => {
                let kept = ledger.iter_mut().find(|kept| kept.number == window.number);
                kept.unwrap().clone_from(window);
                window.number
            }
        }
    }

    /// Notes that the manager was told to fetch, and what came of it.
    pub(crate) fn triggered(&mut self, outcome: TriggerOutcome, at: DateTime<Utc>) {
        let progress = self.progress();
        progress.attempts += 1;
        progress.triggered_at = Some(at);
        progress.trigger = Some(outcome);
    }

    /// Notes a fetch of the last release, if there is one.
    pub(crate) fn fetched(&mut self, at: DateTime<Utc>) {
        if let Some(release) = &mut self.memory.release {
            release.progress.fetched_at.get_or_insert(at);
        }
    }

    /// Notes what the manager said of its filled slots in a fetch.
    pub(crate) fn filled(&mut self, filled: BTreeSet<SlotNumber>, at: DateTime<Utc>) {
        self.memory.filled = Some(FilledSlots { at, filled });
    }

    /// How far the last release has come.
    pub(crate) fn progress(&mut self) -> &mut Progress {
        &mut self.memory.release.as_mut().unwrap().progress
    }
}

/// A memory as it comes back from the store. Every field is named, so that a new one cannot be forgotten.
fn restarted(memory: &SiteMemory) -> SiteMemory {
    let SiteMemory {
        first_contact,
        observation,
        filled,
        release,
        past_releases,
        baseline,
        baseline_parts,
        windows,
        slots,
        alerts,
        trouble,
        unreadable_cycles,
        clock,
        hindrance,
        refused_password,
        audited_at,
        shown,
        gaps,
        strays,
        approval,
        listed,
        deregistered,
        password_versions,
        rotation,
        rotated,
    } = memory;
    SiteMemory {
        first_contact: through_json(first_contact),
        observation: through_json(observation),
        filled: through_json(filled),
        release: release.as_ref().map(|release| Release {
            parts: through_json(&release.parts),
            reserved: through_json(&release.reserved),
            progress: through_json(&release.progress),
            ..release.clone()
        }),
        past_releases: past_releases.clone(),
        baseline: through_json(baseline),
        baseline_parts: through_json(baseline_parts),
        windows: through_json(windows),
        slots: through_json(slots),
        alerts: through_json(alerts),
        trouble: through_json(trouble),
        unreadable_cycles: *unreadable_cycles,
        clock: through_json(clock),
        hindrance: through_json(hindrance),
        refused_password: through_json(refused_password),
        audited_at: through_json(audited_at),
        shown: through_json(shown),
        gaps: through_json(gaps),
        password_versions: password_versions.clone(),
        rotation: rotation.clone(),
        rotated: rotated.clone(),
        strays: through_json(strays),
        approval: through_json(approval),
        listed: through_json(listed),
        deregistered: through_json(deregistered),
    }
}

fn through_json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}
