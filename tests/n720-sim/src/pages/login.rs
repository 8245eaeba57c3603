//! The login page with its number, and the page after logging out.

use super::{Frame, escape};
use crate::language::{LANGUAGES, words};
use crate::state::State;

/// The login page; `error` is the code of the login before, 0 for none.
pub(crate) fn page(state: &State, error: u16) -> String {
    let words = words(state.language);
    let options: String = LANGUAGES
        .iter()
        .map(|(code, name)| {
            let selected = if *code == state.language { " selected" } else { "" };
            format!("<option value=\"{code}\"{selected}>{name}</option>\r\n")
        })
        .collect();
    let body = format!(
        "<table><tr><td>{language}<td><select name=\"language\" onchange=\"switchLanguage()\">\r\n{options}</select></td></tr>\r\n\
         <tr><td>{password}</td><td><script type=\"text/javascript\">writeEditfield('<input type=\"password\" maxlength=\"20\" \
         class=\"edit_186\" value=\"\" name=\"password\" id=\"password\">', 'edit_186');</script></td></tr></table>\r\n\
         <input type=\"hidden\" name=\"loginajax\" value=\"0\">\r\n\
         <input type=\"submit\" value=\"{login}\">",
        language = escape(words.language),
        password = escape(words.password),
        login = words.login,
    );
    let script = format!("var error = {error};\r\nvar language_old = {};\r\n", state.language);
    Frame { path: "/login.html", title: words.login, size: 55_000, script: &script, body: &body }.draw(state)
}

/// What a person sees who has logged out.
pub(crate) fn goodbye(state: &State) -> String {
    let words = words(state.language);
    let body = format!("<p>{}<p><a href=\"/login.html\">{}</a>\r\n", escape(words.goodbye), words.login);
    Frame { path: "/logout.html", title: words.goodbye, size: 45_000, script: "", body: &body }.draw(state)
}
