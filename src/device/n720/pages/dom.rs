//! Walking a page's tree: elements by id and class, the text of a cell as people see it, the rows of its tables.
//!
//! Knows no particular page.

use std::collections::BTreeMap;

use scraper::{ElementRef, Html};

/// Every element, in document order.
pub(super) fn elements(html: &Html) -> impl Iterator<Item = ElementRef<'_>> {
    html.tree.root().descendants().filter_map(ElementRef::wrap)
}

/// Every element inside this one, in document order.
pub(super) fn inside<'a>(element: ElementRef<'a>) -> impl Iterator<Item = ElementRef<'a>> {
    element.descendants().skip(1).filter_map(ElementRef::wrap)
}

/// The first element with this id.
pub(super) fn by_id<'a>(html: &'a Html, id: &str) -> Option<ElementRef<'a>> {
    elements(html).find(|element| element.value().id() == Some(id))
}

/// The first element with each id: for readers that look many of them up.
pub(super) fn by_ids(html: &Html) -> BTreeMap<&str, ElementRef<'_>> {
    let mut found = BTreeMap::new();
    for element in elements(html) {
        if let Some(id) = element.value().id() {
            found.entry(id).or_insert(element);
        }
    }
    found
}

/// Whether an element is named so.
pub(super) fn is(element: ElementRef<'_>, name: &str) -> bool {
    element.value().name() == name
}

/// Whether an element has this class.
pub(super) fn has_class(element: ElementRef<'_>, class: &str) -> bool {
    element.value().classes().any(|found| found == class)
}

/// Whether an element or one inside it has this class.
pub(super) fn shows_class(element: ElementRef<'_>, class: &str) -> bool {
    has_class(element, class) || inside(element).any(|inner| has_class(inner, class))
}

/// The nearest element of this name around an element.
pub(super) fn around<'a>(element: ElementRef<'a>, name: &str) -> Option<ElementRef<'a>> {
    element.ancestors().filter_map(ElementRef::wrap).find(|outer| is(*outer, name))
}

/// The text of an element: every run of white space, non-breaking too, is one blank, none at the ends.
pub(super) fn text(element: ElementRef<'_>) -> String {
    words(&element.text().collect::<Vec<_>>().concat())
}

/// The text of an element without what stands inside those that `leave_out` names.
pub(super) fn text_without(element: ElementRef<'_>, leave_out: impl Fn(ElementRef<'_>) -> bool) -> String {
    let mut found = String::new();
    for node in element.descendants() {
        let Some(piece) = node.value().as_text() else { continue };
        let hidden = node
            .ancestors()
            .filter_map(ElementRef::wrap)
            .take_while(|outer| outer.id() != element.id())
            .any(&leave_out);
        if !hidden {
            found.push_str(piece);
        }
    }
    words(&found)
}

/// White space made single, and control characters with it: what a page shows ends on terminals, which obey them.
pub(super) fn words(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control() || c == '\u{a0}' || c == '\u{feff}')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The rows that hold no other rows, in document order.
pub(super) fn rows(html: &Html) -> Vec<ElementRef<'_>> {
    elements(html).filter(|row| is(*row, "tr") && !inside(*row).any(|inner| is(inner, "tr"))).collect()
}

/// The cells of a row.
pub(super) fn cells(row: ElementRef<'_>) -> Vec<ElementRef<'_>> {
    row.children().filter_map(ElementRef::wrap).filter(|cell| is(*cell, "td") || is(*cell, "th")).collect()
}

/// Whether a text is what a page shows for *nothing*: a dash of any length, or no text at all.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | ' '))
}

/// The slot index in an id like `pn12`, if the id is this prefix and a number from 0 to 99.
pub(super) fn index_in(id: &str, prefix: &str) -> Option<u8> {
    let digits = id.strip_prefix(prefix)?;
    let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Every place in a text where five hex pairs stand apart by single blanks, colons or dashes, as an IPUI does; six pairs
/// (a MAC address) are not such a place.
pub(super) fn hex_fives(text: &str) -> Vec<String> {
    let pair = |word: &str| word.len() == 2 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let text = words(text);
    let parts: Vec<&str> =
        text.split([' ', ':', '-', '\u{2011}', ',', ';', '(', ')', '"', '\'', '=', '<', '>']).collect();
    parts
        .chunk_by(|a, b| pair(a) == pair(b))
        .filter(|run| run.len() == 5 && run.iter().all(|word| pair(word)))
        .map(|run| run.join(" "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_people_see() {
        let html = Html::parse_document("<p id=p> a&nbsp;&amp;\n <b>b<i>c</i></b> ");
        let p = by_id(&html, "p").unwrap();
        assert_eq!(text(p), "a & bc");
        assert_eq!(text_without(p, |inner| is(inner, "i")), "a & b");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_text() {
        let html = Html::parse_document("<p id=p>Base\u{1b}]0;x\u{7}\u{9b}31m\u{7f}1\0\r</p>");
        assert_eq!(text(by_id(&html, "p").unwrap()), "Base ]0;x 31m 1");
    }

    #[test]
    fn the_first_element_with_an_id_counts() {
        let html = Html::parse_document("<p id=a>1<p id=b>2<p id=a>3<p>4");
        let ids = by_ids(&html);
        assert_eq!(ids.keys().copied().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(ids.get("a").copied(), by_id(&html, "a"));
    }

    #[test]
    fn rows_are_those_without_rows_inside() {
        let html =
            Html::parse_document("<table><tr><td><table><tr id=a><td>1<td>2</table><tr id=b><th>3</table>");
        let ids: Vec<_> = rows(&html).iter().filter_map(|row| row.value().id()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(cells(rows(&html)[0]).len(), 2);
    }

    #[test]
    fn an_index_is_a_plain_number_below_a_hundred() {
        assert_eq!(index_in("pn7", "pn"), Some(7));
        assert_eq!(index_in("dssn99", "dssn"), Some(99));
        for id in ["pn", "pn100", "pn-1", "pnx", "pn1x", "qn1"] {
            assert_eq!(index_in(id, "pn"), None, "{id}");
        }
    }

    #[test]
    fn five_hex_pairs_are_found_and_six_are_not() {
        assert_eq!(hex_fives("x 02 B6\u{a0}EC  8A A5, 02:9e:74:a5:99"), ["02 B6 EC 8A A5", "02 9e 74 a5 99"]);
        assert!(hex_fives("7C 2F 80 CA 21 E4 1234567890 7C:2F:80:CA:21:E4").is_empty());
    }

    #[test]
    fn dashes_of_any_length_show_nothing() {
        assert!(["", "-", "\u{2014}", "\u{2013} -"].iter().all(|text| is_blank(text)));
        assert!(!is_blank("- x"));
    }
}
