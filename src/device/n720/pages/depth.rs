//! Measures how deep and how large a tree a page would make, before one is built.
//!
//! The tree builder's work grows with the square of the nesting depth, and an unclosed `<b>` is repeated in every
//! block that follows it. So both are bounded here, by a model of the open elements that never counts fewer than
//! the builder keeps (within a small factor) and does not stumble over the omitted end tags of tables and lists.

/// How deep elements may nest: what browsers allow too.
pub(super) const MOST_NESTED: usize = 512;

/// How many elements and pieces of text a page may make. A page with 100 accounts makes some 10,000.
pub(super) const MOST_ELEMENTS: usize = 100_000;

/// A tree that would be too deep or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// More than [`MOST_NESTED`].
    Depth,
    /// More than [`MOST_ELEMENTS`].
    Elements,
}

const VOID: [&str; 18] = [
    "area", "base", "basefont", "bgsound", "br", "col", "colgroup", "embed", "frame", "hr", "image", "img",
    "input", "link", "meta", "param", "source", "wbr",
];
/// Their end tags are implied, and none of them nests in its like without another element between.
const IMPLIED: [&str; 6] = ["p", "option", "optgroup", "html", "head", "body"];
const FORMATTING: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
const SECTIONS: [&str; 3] = ["tbody", "thead", "tfoot"];
const CELLS: [&str; 2] = ["td", "th"];
/// An end tag of another element is looked for no further than these.
const BARRIERS: [&str; 7] = ["table", "td", "th", "caption", "object", "marquee", "applet"];
/// The end tag of an element that is not listed here does not reach across one that is.
const SPECIAL: [&str; 36] = [
    "address",
    "applet",
    "article",
    "aside",
    "blockquote",
    "button",
    "caption",
    "center",
    "dd",
    "details",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "li",
    "main",
    "marquee",
    "menu",
    "nav",
    "object",
    "ol",
    "pre",
    "section",
    "select",
    "ul",
];

/// The open elements of a page, as far as depth needs them.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    open: Vec<String>,
    /// Open formatting elements; `None` marks a cell, which shuts in what was opened inside it.
    formatting: Vec<Option<String>>,
    elements: usize,
}

impl Gauge {
    /// A start tag, its name in lower case.
    pub(super) fn open(&mut self, name: &str) -> Result<(), Excess> {
        self.text()?;
        if VOID.contains(&name) || IMPLIED.contains(&name) {
            return self.check();
        }
        if FORMATTING.contains(&name) {
            self.formatting.push(Some(name.to_owned()));
            return self.check();
        }
        if CELLS.contains(&name) {
            self.close_to(&CELLS, &["table"]);
            self.formatting.push(None);
        } else if name == "tr" {
            self.close_to(&["tr"], &["table"]);
        } else if SECTIONS.contains(&name) {
            self.close_to(&SECTIONS, &["table"]);
        } else if name == "li" {
            self.close_sibling(&["li"]);
        } else if name == "dd" || name == "dt" {
            self.close_sibling(&["dd", "dt"]);
        }
        self.open.push(name.to_owned());
        self.check()
    }

    /// An end tag, its name in lower case.
    pub(super) fn close(&mut self, name: &str) {
        if FORMATTING.contains(&name) {
            let shut_in = self.formatting.iter().rposition(Option::is_none).map_or(0, |marker| marker + 1);
            if let Some(at) = self.formatting.iter().rposition(|open| open.as_deref() == Some(name))
                && at >= shut_in
            {
                self.formatting.remove(at);
            }
        } else if name == "table" {
            self.close_to(&["table"], &[]);
        } else if name == "form" {
            // The form's end tag takes the form out and leaves open what was opened inside it.
            if let Some(at) = self.open.iter().rposition(|open| open == "form") {
                self.open.remove(at);
            }
        } else if CELLS.contains(&name) || SECTIONS.contains(&name) || name == "tr" {
            self.close_to(&[name], &["table"]);
        } else if SPECIAL.contains(&name) {
            self.close_to(&[name], &BARRIERS);
        } else {
            let across: Vec<&str> =
                SPECIAL.iter().chain(&BARRIERS).chain(&["tr"]).chain(&SECTIONS).copied().collect();
            self.close_to(&[name], &across);
        }
    }

    /// A piece of text; open formatting elements are repeated around it where a block ended.
    pub(super) fn text(&mut self) -> Result<(), Excess> {
        let repeated = self.formatting.iter().rev().take_while(|open| open.is_some()).count();
        self.elements = self.elements.saturating_add(repeated + 1);
        self.check()
    }

    fn check(&self) -> Result<(), Excess> {
        if self.open.len() + self.formatting.len() > MOST_NESTED {
            return Err(Excess::Depth);
        }
        if self.elements > MOST_ELEMENTS { Err(Excess::Elements) } else { Ok(()) }
    }

    /// Closes the innermost open element of these names with all inside it, unless a barrier stands before it.
    fn close_to(&mut self, names: &[&str], barriers: &[&str]) {
        for at in (0..self.open.len()).rev() {
            let Some(open) = self.open.get(at) else { return };
            if names.contains(&open.as_str()) {
                return self.truncate(at);
            }
            if barriers.contains(&open.as_str()) {
                return;
            }
        }
    }

    /// Closes an open list item that a new one follows.
    fn close_sibling(&mut self, names: &[&str]) {
        for at in (0..self.open.len()).rev() {
            let Some(open) = self.open.get(at).map(String::as_str) else { return };
            if names.contains(&open) {
                return self.truncate(at);
            }
            if open != "div" && open != "address" && (SPECIAL.contains(&open) || BARRIERS.contains(&open)) {
                return;
            }
        }
    }

    fn truncate(&mut self, at: usize) {
        let cells = self.open.iter().skip(at).filter(|open| CELLS.contains(&open.as_str())).count();
        for _ in 0..cells {
            if let Some(marker) = self.formatting.iter().rposition(Option::is_none) {
                self.formatting.truncate(marker);
            }
        }
        self.open.truncate(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tags: impl IntoIterator<Item = &'static str>) -> Result<usize, Excess> {
        let mut gauge = Gauge::default();
        for tag in tags {
            match tag.strip_prefix('/') {
                Some(name) => gauge.close(name),
                None => gauge.open(tag)?,
            }
        }
        Ok(gauge.open.len() + gauge.formatting.len())
    }

    fn repeat(unit: &'static [&'static str], times: usize) -> impl Iterator<Item = &'static str> {
        (0..times).flat_map(move |_| unit.iter().copied())
    }

    #[test]
    fn omitted_end_tags_of_tables_and_lists_do_not_nest() {
        assert_eq!(
            run(["table"].into_iter().chain(repeat(&["tr", "td", "div", "td", "b", "p"], 2000))),
            Ok(5)
        );
        assert_eq!(run(["ul"].into_iter().chain(repeat(&["li", "span", "/span"], 2000))), Ok(2));
        assert_eq!(run(repeat(&["br", "input", "p", "option"], 2000)), Ok(0));
        assert_eq!(run(repeat(&["dl", "dt", "dd", "/dl"], 2000)), Ok(0));
    }

    #[test]
    fn what_nests_is_counted() {
        assert_eq!(run(repeat(&["div"], MOST_NESTED)), Ok(MOST_NESTED));
        for unit in [&["div"][..], &["x-a"], &["li", "dd"], &["table", "tr", "td"], &["ul", "li"], &["form"]]
        {
            assert_eq!(run(repeat(unit, MOST_NESTED + 1)), Err(Excess::Depth), "{unit:?}");
        }
    }

    #[test]
    fn end_tags_that_a_browser_ignores_close_nothing() {
        assert_eq!(run(repeat(&["span", "div", "/span"], MOST_NESTED)), Err(Excess::Depth));
        assert_eq!(run(repeat(&["div", "table", "td", "/div"], MOST_NESTED)), Err(Excess::Depth));
        assert_eq!(run(repeat(&["div", "/nothing"], MOST_NESTED + 1)), Err(Excess::Depth));
        assert_eq!(run(repeat(&["form", "div", "/form"], MOST_NESTED + 1)), Err(Excess::Depth));
    }

    #[test]
    fn repeated_formatting_is_paid_for() {
        assert!(run(repeat(&["b"], MOST_NESTED + 1)).is_err());
        let many = repeat(&["b"], 400).chain(repeat(&["p"], 1000));
        assert_eq!(run(many), Err(Excess::Elements));
    }

    #[test]
    fn a_page_of_a_hundred_accounts_is_small() {
        let row: &[&str] = &[
            "tr", "td", "/td", "td", "div", "/div", "/td", "td", "p", "/p", "/td", "td", "a", "img", "/a",
            "/td", "/tr",
        ];
        let mut gauge = Gauge::default();
        gauge.open("table").unwrap();
        for tag in (0..200).flat_map(|_| row.iter()) {
            match tag.strip_prefix('/') {
                Some(name) => gauge.close(name),
                None => gauge.open(tag).unwrap(),
            }
        }
        assert!(gauge.elements < MOST_ELEMENTS / 20, "{}", gauge.elements);
    }
}
