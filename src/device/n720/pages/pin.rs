//! The registration PIN on `/mobile_devices.html`: which of the two radios is marked, and the digits that a person or a
//! file defined.
//!
//! The page comes at times without either radio marked (n720.md, section 4), and a redacted page has no digits: both
//! are unreadable, never a PIN.

use std::collections::BTreeSet;

use scraper::ElementRef;

use super::{Page, dom};
use crate::domain::desired::Pin;

const CHOICE: &str = "radio_regist_pin";
const DIGITS: &str = "user_defined_pin";

/// The PIN that is in force by this page, or why that cannot be told.
pub(super) fn read(page: &Page) -> Result<Pin, String> {
    let marked: BTreeSet<&str> =
        named(page, CHOICE).filter(|radio| radio.value().attr("checked").is_some()).map(value).collect();
    let mut marked = marked.into_iter();
    match (marked.next(), marked.next()) {
        (Some("1"), None) => Ok(Pin::Random),
        (Some("0"), None) => defined(page),
        (Some(_), _) => Err("which kind of PIN is marked was not understood".to_owned()),
        (None, _) => Err("neither kind of PIN is marked".to_owned()),
    }
}

fn defined(page: &Page) -> Result<Pin, String> {
    let shown: BTreeSet<&str> = named(page, DIGITS).map(value).collect();
    let mut shown = shown.into_iter();
    match (shown.next().and_then(digits), shown.next()) {
        (Some(digits), None) => Ok(Pin::Fixed(digits)),
        (Some(_) | None, _) => Err("a defined PIN is marked, and its four digits are not shown".to_owned()),
    }
}

fn digits(text: &str) -> Option<[u8; 4]> {
    let digits: [u8; 4] = text.as_bytes().try_into().ok()?;
    digits.iter().all(u8::is_ascii_digit).then(|| digits.map(|digit| digit - b'0'))
}

fn named<'a>(page: &'a Page, name: &'static str) -> impl Iterator<Item = ElementRef<'a>> {
    dom::elements(&page.html).filter(move |field| field.value().attr("name") == Some(name))
}

fn value(field: ElementRef<'_>) -> &str {
    field.value().attr("value").unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(random: &str, defined: &str, field: &str) -> Result<Pin, String> {
        let text = format!(
            "<html><body><form><input type=radio name=radio_regist_pin value=1 {random}>\
             <input type=radio name=radio_regist_pin value=0 {defined}>{field}</form></body></html>"
        );
        read(&Page::read(&text).unwrap())
    }

    fn written(digits: &str) -> String {
        format!(
            "<script>writeEditfield('<input type=\"text\" value=\"{digits}\" name=\"user_defined_pin\">', 1);</script>"
        )
    }

    #[test]
    fn the_marked_radio_says_which_pin_is_in_force() {
        assert_eq!(pin("checked", "", &written("1234")), Ok(Pin::Random), "the digits are of no account");
        assert_eq!(pin("checked=\"checked\"", "", ""), Ok(Pin::Random));
        assert_eq!(pin("", "checked", &written("0000")), Ok(Pin::ZEROS));
        assert_eq!(pin("", "checked", &written(" 0815 ")), Ok(Pin::Fixed([0, 8, 1, 5])));
        let markup = "<input name=user_defined_pin value=1234>";
        assert_eq!(pin("", "checked", markup), Ok(Pin::Fixed([1, 2, 3, 4])));
        let twice = format!("{markup}{}", written("1234"));
        assert_eq!(pin("", "checked", &twice), Ok(Pin::Fixed([1, 2, 3, 4])), "as markup and as script");
    }

    #[test]
    fn what_does_not_say_it_clearly_is_no_pin() {
        for (random, defined, field) in [
            ("", "", written("0000")),
            ("checked", "checked", written("0000")),
            ("", "checked", String::new()),
            ("", "checked", written("")),
            ("", "checked", written("123")),
            ("", "checked", written("12345")),
            ("", "checked", written("12a4")),
            ("", "checked", written("********")),
            ("", "checked", written("\u{661}\u{662}")),
            ("", "checked", written("0000") + &written("1234")),
            (
                "",
                "checked",
                "<script>writeEditfield('<input name=\"user_defined_pin\" value=\"' + p + '\">')</script>"
                    .into(),
            ),
        ] {
            assert!(pin(random, defined, &field).is_err(), "{random:?} {defined:?} {field}");
        }
        let without = Page::read("<html><body><form></form></body></html>").unwrap();
        assert!(read(&without).is_err());
        let unknown =
            "<html><body><form><input type=radio checked name=radio_regist_pin value=2></form></body></html>";
        assert!(read(&Page::read(unknown).unwrap()).is_err());
    }
}
