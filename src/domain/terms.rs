//! The terms of a plan: what an approval is bound to, a line each, in words that a person can compare.
//!
//! Every difference between site file and manager is a line, with what the file asks for behind it as a fingerprint;
//! those that need approval also say who is in the slot. What comes and goes by itself is no term: the hour, a push that
//! settles, a registration window, a handset that came in where it is wanted.

use std::collections::BTreeMap;

use super::approval::ALSO;
use super::desired::DesiredSite;
use super::drift::DriftItem;
use super::ids::SlotNumber;
use super::plan::Action;
use super::release::Generation;
use super::sighting::{Holder, Sighting};

/// The terms of a plan that mends these differences, where `wanted` are the parts of what the site file asks for.
/// `shrunken` says that the site file lists far fewer slots than before.
pub(super) fn of(
    desired: &DesiredSite,
    items: &[DriftItem],
    sighting: &Sighting<'_>,
    wanted: &BTreeMap<String, Generation>,
    shrunken: Option<&str>,
) -> Vec<String> {
    let mut lines = vec![head(desired)];
    lines.extend(shrunken.map(|what| format!("{ALSO}{what}")));
    for item in items {
        let what = item.action.as_str();
        let place = item.slot.map(|slot| format!(" slot {slot}")).unwrap_or_default();
        let asked = asked_for(item, desired, wanted);
        lines.push(if item.needs_approval() {
            format!("{what}{place}: {}{asked}", seen(item, sighting))
        } else {
            format!("{ALSO}{what}{place}{asked}")
        });
    }
    lines
}

/// Whose plan it is.
pub(super) fn head(desired: &DesiredSite) -> String {
    format!("site {}, DECT manager {}", desired.name, desired.manager.mac)
}

/// What the site file asks for, told apart from everything else that it might.
fn asked_for(item: &DriftItem, desired: &DesiredSite, wanted: &BTreeMap<String, Generation>) -> String {
    let handset = match item.action {
        Action::Reserve | Action::Replace => item.slot.and_then(|slot| desired.slots.get(&slot)?.ipui()),
        Action::Enrol
        | Action::ConfigureProvider
        | Action::SetPin
        | Action::ConfigureAccount
        | Action::Deregister
        | Action::OpenWindow
        | Action::ReopenWindow
        | Action::CloseWindow
        | Action::Fetch
        | Action::FollowFile => None,
    };
    if let Some(ipui) = handset {
        return format!("; {ipui} is wanted");
    }
    let marks: Vec<&str> =
        item.parts.iter().filter_map(|part| wanted.get(part)).map(|Generation(mark)| mark.as_str()).collect();
    if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(" ")) }
}

/// Who is hit, as far as the pages tell.
fn seen(item: &DriftItem, sighting: &Sighting<'_>) -> String {
    let others = item.hits.iter().map(|hit| hit.slot).filter(|slot| Some(*slot) != item.slot);
    let slots: Vec<SlotNumber> = item.slot.into_iter().chain(others).collect();
    let told: Vec<String> = slots.into_iter().map(|slot| in_slot(slot, sighting)).collect();
    told.join(", ")
}

fn in_slot(slot: SlotNumber, sighting: &Sighting<'_>) -> String {
    let account = sighting.account(slot).map_or_else(
        || "no active account".to_owned(),
        |account| format!("user {}", account.user_id.as_deref().unwrap_or("none")),
    );
    let holder = match sighting.holder(slot) {
        Holder::Nobody => "no handset".to_owned(),
        Holder::Reserved(Some(ipui)) => format!("a reservation for {ipui}"),
        Holder::Reserved(None) => "a reservation".to_owned(),
        Holder::Registered(ipui) => format!("the registered handset {ipui}"),
        Holder::NotRead | Holder::Unreadable | Holder::Hidden => "a registered handset".to_owned(),
    };
    format!("slot {slot} has {account} and {holder}")
}
