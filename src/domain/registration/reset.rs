//! What a manager looks like that was reset to factory settings: no page says so.

use crate::domain::memory::{Registration, SiteMemory, SlotRecord};
use crate::domain::observed::Observation;

/// From so many handsets on, their vanishing all at once is one event and not several.
const SEVERAL: usize = 2;

/// Whether the manager shows no account and no reservation at all, though several handsets were registered. `memory` is
/// that before the observation. With a single one, somebody may as well have disabled its account.
pub(super) fn is_likely(memory: &SiteMemory, observation: &Observation) -> bool {
    let nobody_pending = observation.pending.known().is_some_and(Vec::is_empty);
    let no_account = observation.slots.known().is_some_and(|slots| slots.is_empty());
    let filled_since = memory.filled.as_ref().is_some_and(|list| {
        let is_news = memory.observation.as_ref().is_none_or(|last| list.at > last.at);
        is_news && !list.filled.is_empty()
    });
    nobody_pending && no_account && !filled_since && count(memory, Registration::Registered) >= SEVERAL
}

/// Whether several handsets were pending and none is any more.
pub(super) fn emptied_the_list(memory: &SiteMemory, observation: &Observation) -> bool {
    observation.pending.known().is_some_and(Vec::is_empty) && count(memory, Registration::Pending) >= SEVERAL
}

fn count(memory: &SiteMemory, registration: Registration) -> usize {
    memory.slots.values().filter(|record: &&SlotRecord| record.registration == registration).count()
}
