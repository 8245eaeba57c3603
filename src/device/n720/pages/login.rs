//! The login page: the number that says why nobody can log in, and the language that must be posted back.

use super::{Page, Refusal, dom};

/// What the login page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginPage {
    /// `var error = N;`, if the page has it.
    pub error: Option<u16>,
    /// The language that the page marks selected; posting another switches the device's language and does not log in.
    pub language: Option<String>,
}

/// Reads the login page.
pub fn read(text: &str) -> Result<LoginPage, Refusal> {
    let page = Page::read_any(text)?;
    Ok(LoginPage { error: error_number(&page.scripts), language: language(&page) })
}

/// The value of `var error`, quoted or not.
fn error_number(scripts: &str) -> Option<u16> {
    let mut rest = scripts;
    loop {
        rest = rest.get(rest.find("error")?..)?;
        let (_, after) = rest.split_once("error")?;
        let before = scripts.get(..scripts.len() - rest.len())?;
        rest = after;
        let declared = before.trim_end().len() < before.len() && before.trim_end().ends_with("var");
        let value = after.trim_start().strip_prefix('=').filter(|value| !value.starts_with('='));
        if let (true, Some(value)) = (declared, value) {
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
            if let Some(number) = value.get(..end).and_then(|digits| digits.parse().ok()) {
                return Some(number);
            }
        }
    }
}

/// The marked option of the language select; the last one, as browsers do, and the only one even if it is not marked.
fn language(page: &Page) -> Option<String> {
    let select = dom::elements(&page.html)
        .find(|element| dom::is(*element, "select") && element.value().attr("name") == Some("language"))?;
    let options: Vec<_> = dom::inside(select).filter(|option| dom::is(*option, "option")).collect();
    let marked = options.iter().rev().find(|option| option.value().attr("selected").is_some());
    let only = options.first().filter(|_| options.len() == 1);
    let option = marked.or(only)?;
    Some(option.value().attr("value").map_or_else(|| dom::text(*option), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(script: &str, options: &str) -> LoginPage {
        let text = format!(
            "<html><head><script>{script}</script></head><body><form name=gigaset><select name='language'>{options}</select></form></body></html>"
        );
        read(&text).unwrap()
    }

    #[test]
    fn the_number_is_read_in_any_spelling() {
        for (script, number) in [
            ("var error = 2;", Some(2)),
            ("var error=161", Some(161)),
            ("var errors = 3; var error_x = 4; var\terror  =  '6' ;", Some(6)),
            ("if (error == 1) x(); var error\n= 0;", Some(0)),
            ("error = 2; var  error == 5;", None),
            ("var error = code;", None),
            ("", None),
        ] {
            assert_eq!(page(script, "").error, number, "{script}");
        }
    }

    #[test]
    fn the_language_is_the_marked_option() {
        for (options, language) in [
            ("<option value=1>English<option value='2' SELECTED>Deutsch<option value=17>Polski", Some("2")),
            ("<option selected value=\"9\">Français</option>", Some("9")),
            ("<option value=4>Español</option>", Some("4")),
            ("<option value=1>English<option value=2>Deutsch", None),
            ("", None),
        ] {
            assert_eq!(page("", options).language.as_deref(), language, "{options}");
        }
    }

    #[test]
    fn half_a_login_page_is_refused() {
        assert_eq!(
            read("<html><body><select name=language><option selected value=1>"),
            Err(Refusal::NotWhole)
        );
    }
}
