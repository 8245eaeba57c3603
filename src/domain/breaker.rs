//! The push breaker: what was released twice, fetched, and found without effect is not released a third time.
//!
//! It is judged part by part, so that a slot which the manager does not take makes no other slot's repair hopeless. Only
//! looks back: who is told, and what is released instead, is decided elsewhere.

use std::collections::BTreeMap;

use super::drift::{self, DriftItem};
use super::ids::Firmware;
use super::memory::SiteMemory;
use super::observed::Observation;
use super::release::{Generation, PastRelease};

/// How many fetched releases in a row have to miss a part before it is given up: every further one would write the
/// device's flash for nothing. (Provisioning Guide: each application of a file does)
pub(super) const PUSHES: usize = 2;

/// Whether what would mend this difference was pushed in vain: of its parts in the content to be released, `parts`, each
/// that the pages show to differ was given up, and every other was released as it is wanted already.
pub(super) fn is_hopeless(
    item: &DriftItem,
    parts: &BTreeMap<String, Generation>,
    memory: &SiteMemory,
    observation: Option<&Observation>,
) -> bool {
    let firmware = observation.and_then(|seen| seen.firmware.known());
    let released = drift::last_released(memory);
    let wanted: Vec<(&String, &Generation)> =
        item.parts.iter().filter_map(|part| parts.get_key_value(part)).collect();
    let is_amiss = |part: &String| item.amiss.contains_key(part);
    wanted.iter().any(|(part, _)| is_amiss(part))
        && wanted.iter().all(|&(part, content)| {
            if is_amiss(part) {
                is_given_up(part, content, memory, firmware)
            } else {
                released.and_then(|released| released.get(part)) == Some(content)
            }
        })
}

/// Whether the last releases that carried this part with this content were fetched and have missed it, [`PUSHES`] of
/// them, and none was seen in effect between.
///
/// Another content of the part ends the row, and so does an effect that came late. Releases without the part, and those
/// of which no page told, neither count nor end it. What another firmware did not take counts for nothing.
fn is_given_up(part: &str, content: &Generation, memory: &SiteMemory, firmware: Option<&Firmware>) -> bool {
    let last = memory.release.as_ref().map(PastRelease::from);
    let mut misses = 0;
    for past in last.iter().chain(&memory.past_releases) {
        match past.parts.get(part) {
            None => continue,
            Some(carried) if carried != content => break,
            Some(_) if past.verified => break,
            Some(_) => {}
        }
        let Some(missed) = &past.missed else { continue };
        let same_firmware = missed.firmware.is_none() || missed.firmware.as_ref() == firmware;
        match (missed.readings.contains_key(part), missed.unread.contains(part)) {
            (true, _) => misses += usize::from(same_firmware),
            (false, true) => {}
            (false, false) => break,
        }
    }
    misses >= PUSHES
}

#[cfg(test)]
mod tests;
