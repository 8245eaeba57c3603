//! `/mobile_devices.html`: the active accounts by slot, whether each has a handset, and the registration PIN.
//!
//! Two rows an account. The DECT cell is the one right behind the cell that holds `div#pn<i>`: an em dash alone does not
//! tell the column, and e-mail and mailbox columns are optional. One cell that is not understood makes the whole page
//! unreadable, because a slot that is left out would look like a slot without an account.

use std::collections::BTreeMap;

use scraper::ElementRef;

use super::{Page, dom, pin};
use crate::domain::desired::Pin;
use crate::domain::ids::SlotNumber;
use crate::domain::observed::{HandsetState, ObservedSlot, Reading, SipState};

/// Characters of a text that are kept; the device itself takes fewer.
const MOST_CHARACTERS: usize = 128;

/// What the page shows; each part stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MobileDevices {
    /// The active accounts. An empty map is said only of a page that is proven to be this one.
    pub slots: Reading<BTreeMap<SlotNumber, ObservedSlot>>,
    /// The registration PIN.
    pub registration_pin: Reading<Pin>,
}

impl MobileDevices {
    /// Nothing of the page, for this reason.
    pub fn unreadable(reason: &str) -> Self {
        Self {
            slots: Reading::Unreadable(reason.to_owned()),
            registration_pin: Reading::Unreadable(reason.to_owned()),
        }
    }
}

/// Reads the page.
pub fn read(text: &str) -> MobileDevices {
    match recognised(text) {
        Ok(page) => MobileDevices {
            slots: accounts(&page).map_or_else(Reading::Unreadable, Reading::Known),
            registration_pin: pin::read(&page).map_or_else(Reading::Unreadable, Reading::Known),
        },
        Err(reason) => MobileDevices::unreadable(&reason),
    }
}

fn recognised(text: &str) -> Result<Page, String> {
    let page = Page::read(text).map_err(|refusal| refusal.to_string())?;
    if page.has_field("password") {
        return Err("a form that asks for a password came in its place: the session is lost".to_owned());
    }
    Ok(page)
}

fn accounts(page: &Page) -> Result<BTreeMap<SlotNumber, ObservedSlot>, String> {
    let mut slots = BTreeMap::new();
    for row in dom::rows(&page.html) {
        if let Some((slot, seen)) = account(page, row)?
            && slots.insert(slot, seen).is_some()
        {
            return Err(format!("two rows claim slot {slot}"));
        }
    }
    if slots.is_empty() {
        prove_empty(page)?;
    }
    no_orphans(page, &slots)?;
    Ok(slots)
}

/// The account of a row, if the row is the first of an account's two.
fn account(page: &Page, row: ElementRef<'_>) -> Result<Option<(SlotNumber, ObservedSlot)>, String> {
    let cells = dom::cells(row);
    let numbered = cells.first().and_then(|cell| number(&dom::text(*cell)));
    let indexes: Vec<u8> = dom::inside(row)
        .filter_map(|element| {
            let id = element.value().id()?;
            dom::index_in(id, "pn").or_else(|| dom::index_in(id, "un"))
        })
        .collect();
    let Some(&index) = indexes.first() else {
        let second = dom::inside(row).any(|inner| inner.value().id().is_some_and(|id| id.starts_with("dn")));
        return match numbered.filter(|_| !second) {
            Some(number) => {
                Err(format!("row {number}. has neither div#un nor div#pn, by which a slot is known"))
            }
            None => Ok(None),
        };
    };
    let slot = SlotNumber::from_index(index).ok_or_else(|| format!("index {index} is no slot"))?;
    if indexes.iter().any(|other| *other != index) {
        return Err(format!("the row of slot {slot} holds ids of another slot"));
    }
    let shown = cells.first().map(|cell| dom::text(*cell)).unwrap_or_default();
    if shown.trim_end_matches('.').trim_end() != slot.to_string() {
        return Err(format!("the row with the ids of slot {slot} is not numbered {slot}."));
    }
    let place = cells.iter().position(|cell| holds(*cell, &format!("pn{index}")));
    let (Some(sip), Some(dect)) =
        (place.and_then(|at| cells.get(at)), place.and_then(|at| cells.get(at + 1)))
    else {
        return Err(format!("slot {slot}: no DECT cell follows the cell with div#pn{index}"));
    };
    let named = |prefix: &str| by_name(page, prefix, index);
    let handset = handset(*dect, index).map_err(|found| format!("slot {slot}: {found}"))?;
    let registered = handset == HandsetState::Registered;
    let seen = ObservedSlot {
        user_id: named("un"),
        display_name: named("dn"),
        provider: named("pn"),
        sip: sip_state(*sip, index).map_err(|found| format!("slot {slot}: {found}"))?,
        handset,
        model: named("dssn").filter(|_| registered),
        software: named("dssv").filter(|_| registered),
    };
    Ok(Some((slot, seen)))
}

/// The number in a cell like `12.`.
fn number(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('.')?.trim_end();
    (digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

fn holds(cell: ElementRef<'_>, id: &str) -> bool {
    cell.value().id() == Some(id) || dom::inside(cell).any(|inner| inner.value().id() == Some(id))
}

/// The text of the element with this id; a dash or nothing is `None`.
fn by_name(page: &Page, prefix: &str, index: u8) -> Option<String> {
    let text = dom::text(dom::by_id(&page.html, &format!("{prefix}{index}"))?);
    (!dom::is_blank(&text)).then(|| text.chars().take(MOST_CHARACTERS).collect())
}

fn sip_state(cell: ElementRef<'_>, index: u8) -> Result<SipState, String> {
    let provider = format!("pn{index}");
    let rest = dom::text_without(cell, |inner| inner.value().id() == Some(&provider));
    match (dom::shows_class(cell, "green_sip"), dom::shows_class(cell, "red_sip")) {
        (true, false) => Ok(SipState::Registered),
        (false, true) => Ok(SipState::Unregistered),
        (false, false) if dom::is_blank(&rest) => Ok(SipState::Unconfigured),
        (true, true) | (false, false) => {
            Err(format!("its SIP cell was not understood: {:?}", excerpt(&rest)))
        }
    }
}

fn handset(cell: ElementRef<'_>, index: u8) -> Result<HandsetState, String> {
    let name = format!("dssn{index}");
    let foreign = dom::inside(cell)
        .filter_map(|inner| inner.value().id())
        .any(|id| id.starts_with("dssn") && id != name);
    let registered = holds(cell, &name) || dom::shows_class(cell, "green_dect");
    let text = dom::text(cell);
    let odd = std::iter::once(cell).chain(dom::inside(cell)).any(|inner| {
        inner.value().classes().any(|class| class.ends_with("_dect") || class.ends_with("_sip"))
    });
    match (registered, text.as_str()) {
        _ if foreign => Err("its DECT cell holds the handset of another slot".to_owned()),
        (true, "IPUI") if !holds(cell, &name) => {
            Err("its DECT cell shows a handset and a reservation".to_owned())
        }
        (true, _) => Ok(HandsetState::Registered),
        (false, "IPUI") if !odd => Ok(HandsetState::Pending),
        (false, text) if dom::is_blank(text) && !odd => Ok(HandsetState::None),
        (false, text) => Err(format!("its DECT cell was not understood: {:?}", excerpt(text))),
    }
}

/// Without any account a sentence stands in the table's place, in any language: so the page is known by its PIN fields,
/// and by the absence of everything that belongs to an account.
fn prove_empty(page: &Page) -> Result<(), String> {
    if !page.has_field("radio_regist_pin") && !page.has_field("user_defined_pin") {
        return Err(
            "no account is on the page, and nothing that proves it to be the mobile devices page".to_owned()
        );
    }
    let trace = dom::elements(&page.html).find(|element| {
        let classes = ["td_mobile_devices_status", "green_sip", "red_sip", "green_dect"];
        classes.iter().any(|class| dom::has_class(*element, class))
            || (dom::is(*element, "td") && dom::text(*element) == "IPUI")
    });
    match trace {
        Some(_) => Err("the page shows accounts, but none in a shape that is known".to_owned()),
        None => Ok(()),
    }
}

/// Refuses ids of slots that no row was read for.
fn no_orphans(page: &Page, slots: &BTreeMap<SlotNumber, ObservedSlot>) -> Result<(), String> {
    let orphan = dom::elements(&page.html)
        .filter(|element| dom::is(*element, "div"))
        .filter_map(|element| element.value().id())
        .find_map(|id| {
            let index =
                ["un", "pn", "dn", "dssn", "dssv"].iter().find_map(|prefix| dom::index_in(id, prefix))?;
            SlotNumber::from_index(index).filter(|slot| !slots.contains_key(slot))
        });
    match orphan {
        Some(slot) => Err(format!("slot {slot} is on the page, but not in a row that is known")),
        None => Ok(()),
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}
