//! `/mobile_devices_editor.html`: the IPUI of the handset that is registered in one slot.

use std::collections::BTreeSet;

use super::{Page, dom};
use crate::domain::ids::{Ipui, SlotNumber};

/// The IPUI on the editor page of a slot. `None` only if the page is proven to be an editor page and holds no IPUI at all.
pub fn read(text: &str, slot: SlotNumber) -> Result<Option<Ipui>, String> {
    let page = Page::read(text).map_err(|refusal| refusal.to_string())?;
    recognise(&page, slot)?;
    let mut found: BTreeSet<Ipui> = BTreeSet::new();
    for shown in shown_texts(&page) {
        // All zeros are no handset.
        found.extend(dom::hex_fives(&shown).iter().filter_map(|five| five.parse::<Ipui>().ok()));
    }
    // A string that is an IPUI and nothing else may be what a script fills in; one in a comment or in markup is not.
    let in_script = page.scripts.split(['"', '\'', '`']).any(|literal| {
        dom::hex_fives(literal)
            .first()
            .is_some_and(|five| dom::words(literal).len() == five.len() && five.parse::<Ipui>().is_ok())
    });
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => {
            Err(format!("the editor page of slot {slot} shows two IPUIs, {one} and {other}"))
        }
        (Some(one), None) => Ok(Some(one)),
        (None, _) if in_script => Err(format!(
            "the editor page of slot {slot} holds an IPUI only within a script, where it was not understood"
        )),
        (None, _) => Ok(None),
    }
}

/// What a person reads on the page, piece by piece: the values of fields, the cells, and text wherever it stands.
fn shown_texts(page: &Page) -> Vec<String> {
    let mut texts: Vec<String> =
        page.html.tree.values().filter_map(|node| node.as_text().map(|text| text.to_string())).collect();
    for element in dom::elements(&page.html) {
        if dom::is(element, "input") {
            texts.extend(element.value().attr("value").map(str::to_owned));
        }
        // A cell's text may be cut up by inner elements.
        if dom::is(element, "td") && !dom::inside(element).any(|inner| dom::is(inner, "td")) {
            texts.push(dom::text(element));
        }
    }
    texts
}

/// An editor page has the form that all pages have, and none of what the list of mobile devices has; where it says which
/// account it edits, it is this one.
fn recognise(page: &Page, slot: SlotNumber) -> Result<(), String> {
    let form = dom::elements(&page.html).any(|element| dom::is(element, "form"));
    let list = page.has_field("radio_regist_pin")
        || dom::elements(&page.html).any(|element| dom::has_class(element, "td_mobile_devices_status"));
    if !form || list {
        return Err(format!("asked for the editor page of slot {slot}, another page came"));
    }
    let other = dom::elements(&page.html)
        .filter(|field| field.value().attr("name") == Some("used_account"))
        .filter_map(|field| field.value().attr("value"))
        .filter_map(|value| value.trim().parse::<u32>().ok())
        .find(|index| *index != u32::from(slot.index()));
    match other {
        Some(index) => Err(format!("asked for the editor page of slot {slot}, that of index {index} came")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> SlotNumber {
        SlotNumber::new(3).unwrap()
    }

    fn editor(inner: &str) -> Result<Option<Ipui>, String> {
        read(&format!("<html><body><form name=gigaset action=''>{inner}</form></body></html>"), slot())
    }

    #[test]
    fn the_handset_is_read_from_a_cell_or_a_written_field() {
        let ipui: Ipui = "02 B6 EC 8A A5".parse().unwrap();
        for inner in [
            "<table><tr><td>DECT user id<td>\n 02&nbsp;B6 EC 8A A5 ",
            "<script>writeEditfield('<input type=\"text\" name=\"ipui\" value=\"02 b6 ec 8a a5\" disabled>', 1)</script>",
            "<input type=hidden name=used_account value=2><p>02 B6 EC 8A A5</p>",
        ] {
            assert_eq!(editor(inner), Ok(Some(ipui)), "{inner}");
        }
    }

    #[test]
    fn no_handset_is_said_only_of_an_editor_page_without_any() {
        assert_eq!(
            editor("<table><tr><td>DECT user id<td>&mdash;</table><input name=user value=0123456789>"),
            Ok(None)
        );
        assert_eq!(editor("<td>00 00 00 00 00"), Ok(None));
        assert_eq!(
            editor("<script>// example: 02 3C 4D 5E 6F\nvar a = '<td>02 3C 4D 5E 6F</td>';</script>"),
            Ok(None)
        );
        for inner in [
            "<input type=radio name=radio_regist_pin value=1>",
            "<input type=hidden name=used_account value=3>",
            "<p>02 B6 EC 8A A5</p><p>02 9E 74 A5 99</p>",
            "<script>var ipui = '02 B6 EC 8A A5';</script>",
            "<input type=hidden name=loginajax>",
        ] {
            assert!(editor(inner).is_err(), "{inner}");
        }
        assert!(read("<html><body>02 B6 EC 8A A5</body></html>", slot()).is_err(), "no form");
        assert!(read("<html><body><form>", slot()).is_err(), "not whole");
    }
}
