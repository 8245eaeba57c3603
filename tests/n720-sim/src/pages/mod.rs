//! Drawing pages with the structure and the size of the real ones.
//!
//! This file has the frame all pages share and the pages that are plain forms; the others have a file each.
//! Drawing never changes the state.

pub(crate) mod filler;
pub(crate) mod login;
pub(crate) mod mobile_devices;
pub(crate) mod status;

use crate::forms::{Field, Form, Kind, PLACEHOLDER};
use crate::language::{Words, words};
use crate::state::State;
use std::fmt::Write as _;

/// A page before it is put together.
pub(crate) struct Frame<'a> {
    pub(crate) path: &'a str,
    pub(crate) title: &'a str,
    /// Bytes the page is to have; scripts in its head make up for what is missing.
    pub(crate) size: usize,
    /// More script for the head, before the filler.
    pub(crate) script: &'a str,
    pub(crate) body: &'a str,
}

impl Frame<'_> {
    /// Puts the page together: a comment before the doctype, quirks mode, scripts in the head, one form.
    pub(crate) fn draw(&self, state: &State) -> String {
        let mark =
            if state.config.byte_order_marks && self.path.len().is_multiple_of(2) { "\u{feff}" } else { "" };
        let opening = format!(
            "{mark}<!-- {path} (c) web interface -->\r\n\
             <!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\">\r\n\
             <html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n\
             <TITLE>{title}</TITLE>\r\n<link rel=stylesheet href=/styles.css type=text/css>\r\n\
             <script type=\"text/javascript\">\r\n<!--\r\n{script}",
            path = self.path,
            title = escape(self.title),
            script = self.script,
        );
        let middle = "//-->\r\n</script>\r\n</head>\r\n\
             <body onload=\"init()\" bgcolor=#ffffff>\r\n\
             <form name=\"gigaset\" method=\"post\" action=\"\" onsubmit=\"return false;\">\r\n";
        // The closing div too many is in the real pages.
        let closing = "\r\n</form></div>\r\n</body>\r\n</html>\r\n";
        let so_far = opening.len() + middle.len() + self.body.len() + closing.len();
        let filler = filler::script(self.size.saturating_sub(so_far));
        [&opening, filler.as_str(), middle, self.body, closing].concat()
    }
}

/// Text as the device escapes it; empty text is a blank that does not break.
pub(crate) fn escape(text: &str) -> String {
    if text.is_empty() {
        return "&nbsp;".to_owned();
    }
    escape_value(text)
}

/// Text inside of an attribute.
pub(crate) fn escape_value(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}

/// A page that is a form: radios, selects and hidden fields in the markup, text and passwords by script.
pub(crate) fn form(state: &State, form: &Form) -> String {
    let words = words(state.language);
    let mut body = String::from("<table cellspacing=0 cellpadding=0 class=\"content\">\r\n");
    for field in form.fields {
        draw_field(&mut body, field, state.settings.get(field.name), words);
    }
    body += "</table>\r\n";
    let _ = write!(
        body,
        "<script type=\"text/javascript\">writeButton('<input type=\"button\" value=\"{}\" onclick=\"save()\">');</script>",
        words.save
    );
    Frame { path: form.path, title: words.settings, size: 60_000, script: "", body: &body }.draw(state)
}

fn draw_field(body: &mut String, field: &Field, value: &str, words: &Words) {
    let name = field.name;
    // Writing to a string cannot fail; the results of `write!` say nothing here.
    let _ = match field.kind {
        Kind::Hidden(shown) => {
            write!(body, "<input type=\"hidden\" name=\"{name}\" id=\"{name}\" value=\"{shown}\">\r\n")
        }
        Kind::Text(limit) => write!(
            body,
            "<tr><td>{name}<td>\r\n<script type=\"text/javascript\">writeEditfield('<input type=\"text\" \
             maxlength=\"{limit}\" class=\"edit_186\" value=\"{}\" name=\"{name}\" id=\"{name}\" \
             onkeypress=\"return checkKey(event)\">', 'edit_186');</script></td></tr>\r\n",
            escape_value(value)
        ),
        Kind::Password(_) => {
            let shown = if value.is_empty() { "" } else { PLACEHOLDER };
            write!(
                body,
                "<tr><td>{name}<td>\r\n<script type=\"text/javascript\">writeEditfield('<input type=\"password\" \
                 maxlength=\"74\" class=\"edit_186\" value=\"{shown}\" name=\"{name}\" id=\"{name}\" \
                 onchange=\"passwordChanged()\">', 'edit_186');</script></td></tr>\r\n"
            )
        }
        Kind::Radio(values) => {
            let labels = [words.yes, words.no];
            let radios = values.iter().zip(labels).map(|(option, label)| {
                let checked = match (*option == value, *option) {
                    (false, _) => "",
                    (true, "1") => " checked",
                    (true, _) => " checked=\"checked\"",
                };
                format!("<input type=\"radio\" name=\"{name}\" value=\"{option}\"{checked}>{label}&nbsp;\r\n")
            });
            write!(body, "<tr><td>{name}</td><td>{}</td></tr>\r\n", radios.collect::<String>())
        }
        Kind::Select(values) => {
            let options = values.iter().map(|option| {
                let selected = if *option == value { " selected" } else { "" };
                format!("<option value=\"{option}\"{selected}>{name} {option}\r\n")
            });
            let options = options.collect::<String>();
            write!(
                body,
                "<tr><td>{name}</td><td><select name=\"{name}\" size=1>{options}</select></td></tr>\r\n"
            )
        }
    };
}

/// A page that asks for patience and polls.
pub(crate) fn waiting(state: &State, path: &str) -> String {
    let words = words(state.language);
    let body = format!(
        "<p>{}<p><input type=\"hidden\" name=\"profile_update_status\" value=\"0\">\r\n",
        escape(words.please_wait)
    );
    Frame { path, title: words.please_wait, size: 45_000, script: "", body: &body }.draw(state)
}

/// The binary backup of the settings, which nobody but the device can read.
pub(crate) fn backup(state: &State) -> Vec<u8> {
    let mut bytes = b"N720CFG\0".to_vec();
    bytes.extend(state.config.mac.to_string().bytes());
    bytes.extend((0..4096_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]));
    bytes
}
