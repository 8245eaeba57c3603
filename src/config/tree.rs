//! Text to a tree of TOML values, and typed getters over it that report what is not as it should be.
//!
//! A wrong type or an unknown key at one place hides nothing at another. Knows no key of ours.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::report::{Located, Place, Report, quoted};
use super::source::Source;
use crate::domain::ids::NotA;

/// Parses a file's text. After a syntax error the rest of the tree cannot be trusted, so there is none.
pub(super) fn parse<'s>(report: &Report<'s>) -> Option<Spanned<DeTable<'s>>> {
    let source: &'s Source = report.source;
    let (tree, errors) = DeTable::parse_recoverable(&source.text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        // The text itself is not shown: it may be a password with a quote too few.
        let (fault, expected) =
            error.message().split_once(", expected ").unwrap_or((error.message(), "TOML"));
        report.error(&report.place("", &span), format_args!("invalid TOML: {fault}"), expected);
    }
    errors.is_empty().then_some(tree)
}

/// A table and the path that leads to it.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) report: &'a Report<'a>,
    /// Where the table begins.
    pub(super) place: Place,
    /// `None` where the file has no such table: every key is missing.
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The table of the whole file.
    pub(super) fn root(report: &'a Report<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(report, report.place("", &(0..0)), Some(table))
    }

    fn new(report: &'a Report<'a>, place: Place, table: Option<&'a DeTable<'a>>) -> Self {
        Self { report, place, table, asked: RefCell::default() }
    }

    /// Reports every key that no getter was asked for: call it last.
    pub(super) fn finish(self) {
        let asked = self.asked.into_inner();
        for key in self
            .table
            .into_iter()
            .flat_map(DeTable::keys)
            .filter(|key| !asked.iter().any(|known| *known == key.get_ref()))
        {
            let name = key.get_ref();
            let place = self.report.place(join(&self.place.key, name), &key.span());
            let expected = match closest(name, asked.iter().copied()) {
                Some(known) => format!("one of the known keys; did you mean `{known}`?"),
                None => format!("one of: {}", asked.join(", ")),
            };
            self.report.error(&place, "an unknown key", expected);
        }
    }

    /// Whether the key is there, of whatever type.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Where a key's value stands; where it would, the table begins.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let path = join(&self.place.key, key);
        match self.value(key) {
            Some(value) => self.report.place(path, &value.span()),
            None => Place { key: path, ..self.place.clone() },
        }
    }

    /// Reports the key when it is not there.
    pub(super) fn require(&self, key: &'static str, expected: &str) {
        if !self.has(key) {
            self.report.error(&self.place_of(key), "nothing", expected);
        }
    }

    /// A text.
    pub(super) fn string(&self, key: &'static str) -> Option<Located<&'a str>> {
        self.typed(key, "a text", |value| value.as_str())
    }

    /// A text with its own notation.
    pub(super) fn parsed<T: std::str::FromStr<Err = NotA>>(&self, key: &'static str) -> Option<Located<T>> {
        let text = self.string(key)?;
        self.report.checked(text, |text| text.parse().map_err(|error: NotA| error.expected.to_owned()))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<Located<T>> {
        let text = self.string(key)?;
        self.report.checked(text, |text| {
            let known = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
            let all: Vec<String> = words.iter().map(|(word, _)| quoted(word)).collect();
            known.ok_or_else(|| match closest(text, words.iter().map(|(word, _)| *word)) {
                Some(word) => format!("{}; did you mean {word:?}?", all.join(" or ")),
                None => all.join(" or "),
            })
        })
    }

    /// A whole number within limits.
    pub(super) fn integer<T>(&self, key: &'static str, within: RangeInclusive<T>) -> Option<Located<T>>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let expected = format!("a whole number from {} to {}", within.start(), within.end());
        let digits = self.typed(key, &expected, DeValue::as_integer)?;
        let number = i64::from_str_radix(digits.value.as_str(), digits.value.radix()).ok();
        match number.and_then(|number| T::try_from(number).ok()).filter(|number| within.contains(number)) {
            Some(number) => Some(digits.with(number)),
            None => {
                self.report.error(&digits.place, digits.value, expected);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &'static str) -> Option<Located<bool>> {
        self.typed(key, "true or false", DeValue::as_bool)
    }

    /// A table inside this one. It has to be `finish`ed like its parent.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let table = self.typed(key, "a table", DeValue::as_table)?;
        Some(Self::new(self.report, table.place, Some(table.value)))
    }

    /// The same, and an empty table where there is none.
    pub(super) fn section_or_empty(&self, key: &'static str) -> Section<'a> {
        self.section(key).unwrap_or_else(|| Self::new(self.report, self.place_of(key), None))
    }

    /// Tables of one kind, `[[key]]`. Each goes by the number under `numbered`, or, where that is missing or none
    /// of theirs is asked for, by its position as `#1`.
    pub(super) fn sections(&self, key: &'static str, numbered: Option<&str>) -> Vec<Section<'a>> {
        let Some(array) = self.typed(key, "tables, each under [[…]]", DeValue::as_array) else {
            return Vec::new();
        };
        let path = &array.place.key;
        let mut sections = Vec::new();
        for (position, item) in (1..).zip(array.value.iter()) {
            let Some(table) = item.get_ref().as_table() else {
                let place = self.report.place(format!("{path}[#{position}]"), &item.span());
                self.report.error(&place, kind(item.get_ref()), "a table");
                continue;
            };
            let number = numbered.and_then(|number| table.get(number)?.get_ref().as_integer());
            let name = number.map_or_else(|| format!("{path}[#{position}]"), |n| format!("{path}[{n}]"));
            let place = self.report.place(name, &item.span());
            sections.push(Self::new(self.report, place, Some(table)));
        }
        sections
    }

    /// A list of texts.
    pub(super) fn strings(&self, key: &'static str) -> Option<Vec<Located<&'a str>>> {
        let array = self.typed(key, "a list of texts", DeValue::as_array)?;
        Some(self.texts_of(&array))
    }

    /// A table of texts with free keys, in the order of its keys.
    pub(super) fn map(&self, key: &'static str) -> Vec<(&'a str, Located<&'a str>)> {
        let Some(table) = self.typed(key, "a table of texts", DeValue::as_table) else { return Vec::new() };
        let mut pairs = Vec::new();
        for (name, value) in table.value {
            let place = self.report.place(join(&table.place.key, name.get_ref()), &value.span());
            match value.get_ref().as_str() {
                Some(text) => pairs.push((name.get_ref().as_ref(), Located { value: text, place })),
                None => self.report.error(&place, kind(value.get_ref()), "a text"),
            }
        }
        pairs
    }

    fn texts_of(&self, array: &Located<&'a DeArray<'a>>) -> Vec<Located<&'a str>> {
        let mut texts = Vec::new();
        for (position, item) in (1..).zip(array.value.iter()) {
            let place = self.report.place(format!("{}[#{position}]", array.place.key), &item.span());
            match item.get_ref().as_str() {
                Some(value) => texts.push(Located { value, place }),
                None => self.report.error(&place, kind(item.get_ref()), "a text"),
            }
        }
        texts
    }

    /// The value under a key as one type; another type is reported by its name alone, for it may be a secret.
    fn typed<T>(
        &self,
        key: &'static str,
        expected: &str,
        get: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Located<T>> {
        self.asked.borrow_mut().push(key);
        let value = self.value(key)?;
        let place = self.report.place(join(&self.place.key, key), &value.span());
        let got = get(value.get_ref());
        if got.is_none() {
            self.report.error(&place, kind(value.get_ref()), expected);
        }
        got.map(|value| Located { value, place })
    }

    /// The bytes a key's value takes, for tests of places.
    #[cfg(test)]
    fn span(&self, key: &str) -> Option<std::ops::Range<usize>> {
        self.value(key).map(Spanned::span)
    }

    fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What a value is, without what it says.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The known word that was probably meant.
pub(super) fn closest<'w>(found: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(found, word), word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What `read` reports about `text`.
    fn findings(text: &str, read: impl FnOnce(&Section<'_>)) -> Vec<String> {
        let source = Source::new(Path::new("x"), text.to_owned());
        let report = Report::new(&source);
        if let Some(tree) = parse(&report) {
            let owned = tree.into_inner();
            let root = Section::root(&report, &owned);
            read(&root);
            root.finish();
        }
        report.into_findings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_syntax_error_is_found_and_no_text_shown() {
        let lines = findings("a = \nb = 1\npassword = \"hunter2\nc = ]\n", |_| ());
        assert!(lines.len() >= 3, "{lines:?}");
        assert!(lines.iter().all(|line| line.contains("invalid TOML")), "{lines:?}");
        assert!(!lines.concat().contains("hunter2"), "{lines:?}");
        assert!(lines.first().unwrap().starts_with("x:1:"), "{lines:?}");
    }

    #[test]
    fn a_wrong_type_hides_nothing_else_and_shows_no_value() {
        let lines = findings("a = 1234\nb = 'x'\nc = 1.5\nd = {}\ne = [1, 'y']\n", |root| {
            assert!(root.string("a").is_none());
            assert!(root.integer("b", 1..=5_u8).is_none());
            assert!(root.boolean("c").is_none());
            assert!(root.strings("d").is_none());
            assert_eq!(root.strings("e").unwrap().len(), 1);
        });
        assert_eq!(
            lines,
            [
                "x:1:5: error: a: found a whole number, expected a text",
                "x:2:5: error: b: found a text, expected a whole number from 1 to 5",
                "x:3:5: error: c: found a decimal number, expected true or false",
                "x:4:5: error: d: found a table, expected a list of texts",
                "x:5:6: error: e[#1]: found a whole number, expected a text",
            ]
        );
    }

    #[test]
    fn unknown_keys_come_with_the_one_probably_meant() {
        let lines = findings("intervall = 1\n[poll]\nxyz = 1\n", |root| {
            root.string("interval");
            let poll = root.section("poll").unwrap();
            poll.string("jitter");
            poll.string("audit");
            poll.finish();
        });
        assert_eq!(
            lines,
            [
                "x:1:1: error: intervall: found an unknown key, expected one of the known keys; did you mean `interval`?",
                "x:3:1: error: poll.xyz: found an unknown key, expected one of: jitter, audit",
            ]
        );
    }

    #[test]
    fn numbers_keep_their_limits_in_every_notation() {
        let lines = findings("a = 0x10\nb = 300\nc = -1\nd = 99999999999999999999\ne = 1_0\n", |root| {
            assert_eq!(root.integer("a", 0..=16_u8).unwrap().value, 16);
            assert_eq!(root.integer("e", 0..=16_u8).unwrap().value, 10);
            for key in ["b", "c", "d"] {
                assert!(root.integer("b", 0..=255_u8).is_none(), "{key}");
                root.integer(key, 0..=255_u8);
            }
        });
        assert!(
            lines
                .iter()
                .any(|line| line == "x:3:5: error: c: found -1, expected a whole number from 0 to 255"),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.starts_with("x:4:5: error: d: found 99999999999999999999")));
    }

    #[test]
    fn sections_go_by_their_number_or_position() {
        let text = "[[slot]]\nnumber = 7\n[[slot]]\nname = 'x'\n";
        let lines = findings(text, |root| {
            let slots = root.sections("slot", Some("number"));
            let keys: Vec<&str> = slots.iter().map(|slot| slot.place.key.as_str()).collect();
            assert_eq!(keys, ["slot[7]", "slot[#2]"]);
            for slot in slots {
                slot.require("number", "a number");
                slot.integer("number", 1..=100_u8);
                slot.string("name");
                slot.finish();
            }
        });
        assert_eq!(lines, ["x:3:1: error: slot[#2].number: found nothing, expected a number"]);
    }

    #[test]
    fn words_are_matched_exactly() {
        let words = [("manage", 1), ("observe", 2)];
        let lines = findings("a = 'manage'\nb = 'Manage'\nc = 'zzz'\n", |root| {
            assert_eq!(root.word("a", &words).unwrap().value, 1);
            assert!(root.word("b", &words).is_none());
            assert!(root.word("c", &words).is_none());
        });
        assert_eq!(
            lines,
            [
                "x:2:5: error: b: found \"Manage\", expected \"manage\" or \"observe\"; did you mean \"manage\"?",
                "x:3:5: error: c: found \"zzz\", expected \"manage\" or \"observe\"",
            ]
        );
    }

    #[test]
    fn a_place_points_at_the_value() {
        let source = Source::new(Path::new("x"), "[t]\n  key = 'v'\n".to_owned());
        let report = Report::new(&source);
        let tree = parse(&report).unwrap().into_inner();
        let root = Section::root(&report, &tree);
        let table = root.section("t").unwrap();
        assert_eq!(table.span("key"), Some(12..15));
        assert_eq!(table.place_of("key"), Place { key: "t.key".to_owned(), line: 2, column: 9 });
        assert_eq!(table.place_of("gone"), Place { key: "t.gone".to_owned(), line: 1, column: 1 });
    }
}
