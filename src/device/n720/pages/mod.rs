//! The web interface's pages: text to values and notes.
//!
//! Pure: no clock, no I/O. Recognises by path, id, class and pattern, because all wording is translated (n720.md, section
//! 4). *Unreadable is not empty*: a page that is not whole or not recognised gives a reason, never an empty list.
#![deny(clippy::disallowed_methods)]

mod cut;
mod depth;
mod dom;
mod pin;
mod script;
mod tags;

pub mod decode;
pub mod editor;
pub mod forms;
pub mod login;
pub mod mobile_devices;
pub mod profile_update;
pub mod redact;
pub mod status;

pub use cut::Refusal;

use scraper::Html;

/// A whole page of the web interface that is not its login form, as a tree.
struct Page {
    html: Html,
    scripts: String,
}

impl Page {
    /// Reads a page that a session was needed for.
    fn read(text: &str) -> Result<Self, Refusal> {
        let page = Self::read_any(text)?;
        let login = dom::elements(&page.html).any(|field| field.value().attr("name") == Some("loginajax"));
        if login { Err(Refusal::LoginForm) } else { Ok(page) }
    }

    /// Reads a page that may be the login form.
    fn read_any(text: &str) -> Result<Self, Refusal> {
        let cut = cut::cut(text)?;
        if !cut.whole {
            return Err(Refusal::NotWhole);
        }
        Ok(Self { html: Html::parse_document(&cut.body), scripts: cut.scripts })
    }

    /// Whether a form field of this name is on the page.
    fn has_field(&self, name: &str) -> bool {
        dom::elements(&self.html).any(|field| field.value().attr("name") == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_must_be_whole_and_not_the_login_form() {
        assert_eq!(Page::read("<html><body>x").err(), Some(Refusal::NotWhole));
        assert_eq!(Page::read("").err(), Some(Refusal::NotWhole));
        let form = "<body><form><script>document.write('<input type=hidden name=\"loginajax\">')</script></form></html>";
        assert_eq!(Page::read(form).err(), Some(Refusal::LoginForm));
        assert!(Page::read_any(form).is_ok());
    }
}
