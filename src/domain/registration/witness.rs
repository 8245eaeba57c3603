//! What speaks for and against a handset being registered, and which of it is stronger: the table of witnesses.
//!
//! Each witness looks at one source and says what it shows of one handset in one slot, or nothing; none knows of the
//! others. The first in the table that speaks is believed. Those after it that cannot be true at the same time are
//! conflicts. What a claim makes of the verdict before is decided in `machine`.

use super::claim::Claim;
use super::reset;
use super::view::{Doubt, Occupant, View};
use crate::domain::evidence::{Source, Testimony};
use crate::domain::memory::Registration;
use crate::domain::observed::HandsetState;

/// A witness, asked about one handset in one slot.
type Witness = fn(&View<'_>) -> Option<Finding>;

/// The order of belief, strongest first: a page that names the handset before one that shows the slot alone, what was
/// seen now before what was reported earlier, and what is shown before what is missing.
const WITNESSES: [Witness; 8] = [
    // Shows the IPUI of the handset that is registered in the slot (n720.md section 4). It names handset and slot, and is
    // read last in a session, so that it outlives a handset that comes in while the other pages are read.
    editor_page_shows_it,
    // The same page of another slot. A handset is registered in one slot at most.
    editor_page_of_another_slot,
    // Names each IPUI that is reserved and registered in no slot; it names no slot (section 4, status page, part 6).
    pending_list,
    // The slot's editor page with another IPUI or none. It says who is in the slot, and nothing about where this handset
    // is or whether it is still reserved, which the pending list says.
    editor_page_shows_another,
    // A cell for each active account: registered, reserved, or nothing. It names the IPUI of neither (section 4), so that
    // it speaks of this handset only together with what was seen before.
    mobile_devices_page,
    // One bit a slot, at the last fetch: older than any page of this session, and without any IPUI (section 1).
    filled_slots,
    // A slot without an active account is on no page; disabling an account moves no handset (section 3).
    inactive_account,
    // A row leaves the pending list when its handset registers, but also when the reservation is taken back.
    pending_then_gone,
];

/// What a source showed, and what that says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) claim: Claim,
    pub(super) testimony: Testimony,
}

/// What came of asking all witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hearing {
    /// The strongest.
    pub(super) decisive: Finding,
    /// Weaker ones that cannot be true as well.
    pub(super) conflicts: Vec<Testimony>,
}

/// Hears all witnesses; `None`: nobody can tell anything.
///
/// What is older than what decides is no conflict: it was overtaken.
pub(super) fn hear(view: &View<'_>) -> Option<Hearing> {
    let mut found = WITNESSES.iter().filter_map(|witness| witness(view));
    let decisive = found.next()?;
    let against = |weaker: &Finding| {
        weaker.claim.contradicts(decisive.claim) && weaker.testimony.at >= decisive.testimony.at
    };
    let conflicts = found.filter(against).map(|weaker| weaker.testimony).collect();
    Some(Hearing { decisive, conflicts })
}

fn editor_page_shows_it(view: &View<'_>) -> Option<Finding> {
    let shown = view.own_editor()?;
    let evidence = format!("the editor page of slot {} shows it as registered", view.slot);
    (shown == Some(view.ipui)).then(|| seen(view, Source::EditorPage, Claim::Here, evidence))
}

fn editor_page_of_another_slot(view: &View<'_>) -> Option<Finding> {
    let other = view.elsewhere()?;
    let evidence = format!("registered in slot {other}, as the editor page there shows");
    Some(seen(view, Source::OtherEditorPage, Claim::Elsewhere, evidence))
}

fn pending_list(view: &View<'_>) -> Option<Finding> {
    if !view.is_listed() {
        return None;
    }
    let place =
        view.pending_elsewhere().map(|slot| format!(", in the place of slot {slot}")).unwrap_or_default();
    let evidence = format!("listed as pending on the status page{place}");
    Some(seen(view, Source::PendingList, Claim::Pending, evidence))
}

fn editor_page_shows_another(view: &View<'_>) -> Option<Finding> {
    let slot = view.slot;
    let (claim, whom) = match view.own_editor()? {
        Some(ipui) if ipui == view.ipui => return None,
        Some(other) => (Claim::Another, format!("another handset, {other}")),
        None => (Claim::Nobody, "no handset".to_owned()),
    };
    let evidence = format!("the editor page of slot {slot} shows {whom}");
    Some(seen(view, Source::EditorPage, claim, evidence))
}

fn mobile_devices_page(view: &View<'_>) -> Option<Finding> {
    let slot = view.slot;
    let (claim, what) = match view.shown()? {
        HandsetState::Registered => registered_cell(view, view.occupant()?),
        HandsetState::Pending if !view.is_listed() => {
            (Claim::Unreserved, format!("slot {slot} as reserved, and the status page not for this one"))
        }
        HandsetState::Pending if view.pending_elsewhere().is_some() => {
            (Claim::Unreserved, format!("slot {slot} as reserved, by its place for another handset"))
        }
        HandsetState::Pending => (Claim::Nobody, format!("slot {slot} as reserved")),
        HandsetState::None if view.is_listed() => {
            (Claim::Unreserved, format!("no handset and no reservation in slot {slot}"))
        }
        HandsetState::None => (
            Claim::Unreserved,
            format!("no handset and no reservation in slot {slot}, and the status page lists it nowhere"),
        ),
    };
    Some(seen(view, Source::MobileDevicesPage, claim, format!("the mobile devices page shows {what}")))
}

fn registered_cell(view: &View<'_>, occupant: Occupant) -> (Claim, String) {
    let slot = view.slot;
    match occupant {
        Occupant::Known(ipui) if ipui == view.ipui => {
            (Claim::Here, format!("slot {slot} as registered ever since its editor page showed this handset"))
        }
        Occupant::Known(other) => {
            (Claim::Another, format!("slot {slot} as registered, with another handset, {other}"))
        }
        Occupant::CameIn => (
            Claim::Here,
            format!("a handset in slot {slot}, which was reserved for this one (its IPUI not read)"),
        ),
        Occupant::NotTold(doubt) => {
            let which = match doubt {
                Doubt::NotSeenComing => String::new(),
                Doubt::ThereBefore => " that was there before this one could have come".to_owned(),
                Doubt::LooksDifferent => " of another type or software than before".to_owned(),
                Doubt::NotWatched(hours) => format!(" that nobody has looked at for {hours} h"),
            };
            let what = format!("a handset in slot {slot}{which}; only the editor page tells which it is");
            (Claim::Somebody, what)
        }
    }
}

/// `%SUBLIST` of a fetch that came after what is known of the slot.
fn filled_slots(view: &View<'_>) -> Option<Finding> {
    let (filled, previous, slot) = (view.memory.filled.as_ref()?, view.previous, view.slot);
    let list = "the manager's own list at its last fetch has";
    let was_registered = previous.registration == Registration::Registered;
    let is_news = match previous.pending_at {
        _ if was_registered => view.is_after_last_seen(filled),
        Some(listed_before) => filled.at > listed_before && filled.at > previous.seen_at,
        None => false,
    };
    if !is_news {
        return None;
    }
    let (claim, evidence) = match (filled.filled.contains(&slot), was_registered) {
        // Who is in it is known better already.
        (true, true) => return None,
        (true, false) if view.has_come_in() => {
            (Claim::Here, format!("no longer pending, and {list} a handset in slot {slot}"))
        }
        (true, false) => {
            (Claim::Somebody, format!("{list} a handset in slot {slot}, and does not tell which"))
        }
        (false, _) => (Claim::Nobody, format!("{list} nobody in slot {slot}")),
    };
    let testimony = Testimony { source: Source::FilledSlots, evidence, at: filled.at };
    Some(Finding { claim, testimony })
}

/// The mobile devices page lists active accounts only: of a slot that is not on it, it tells nothing. One that was seen
/// with a handset is taken to hold it still; one that never was is taken to be empty.
fn inactive_account(view: &View<'_>) -> Option<Finding> {
    if !view.is_off_the_page() || view.is_listed() || view.own_editor().is_some() {
        return None;
    }
    let page = format!("the mobile devices page shows no active account in slot {}", view.slot);
    let (claim, evidence) = if reset::is_likely(view.memory, view.observation) {
        (Claim::Unreserved, format!("{page} and in no other, and the status page lists nobody"))
    } else if !view.previous.may_hold_handset() {
        (Claim::Unreserved, format!("{page}, and the status page lists it nowhere"))
    } else if view.is_cleared_unseen() {
        (Claim::Nobody, format!("{page}, and the manager's own list at its last fetch has nobody in it"))
    } else {
        (Claim::Untold, format!("{page}, so that no page tells whether its handset is still registered"))
    };
    Some(seen(view, Source::InactiveAccount, claim, evidence))
}

/// The last resort, where no page shows the slot: it was pending in its slot while the device let handsets in, and is
/// not any more. An editor page that was asked for and did not come leaves the doubt standing, for a manager in such
/// trouble may just be starting; so does everybody's leaving the list at once, which is what a reset looks like, and so
/// does an absence, in which a handset may have come and gone.
fn pending_then_gone(view: &View<'_>) -> Option<Finding> {
    let previous = view.previous;
    let verified = view.memory.release.as_ref().is_some_and(|release| {
        release.progress.verified_at.is_some() && release.reserved.get(&view.slot) == Some(&view.ipui)
    });
    let came_in = previous.registration == Registration::Pending
        && view.has_left_the_list()
        && view.unwatched_hours().is_none()
        && verified
        && previous.waiting.window_open
        && view.lets_handsets_in()
        && view.has_come_in();
    let unseen = view.shown().is_none() && !view.editor_was_asked();
    let emptied = reset::emptied_the_list(view.memory, view.observation);
    let evidence =
        "no longer listed as pending on the status page, in an open window, after a verified release";
    (came_in && unseen && !emptied)
        .then(|| seen(view, Source::PendingThenGone, Claim::Here, evidence.to_owned()))
}

/// Something that this session's pages showed.
fn seen(view: &View<'_>, source: Source, claim: Claim, evidence: String) -> Finding {
    Finding { claim, testimony: Testimony { source, evidence, at: view.observation.at } }
}

#[cfg(test)]
mod tests;
