//! A page's form as a browser would submit it: the markup's fields and those that scripts write, in order.
//!
//! A handler applies a field only if it is in the POST, so the whole set is sent, with what is not meant to change
//! exactly as shown (n720.md, section 4, "Forms").

use std::collections::BTreeSet;

use scraper::ElementRef;

use super::script::UNREAD;
use super::{Page, Refusal, dom};

/// Why a form cannot be submitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The page cannot be read.
    #[error(transparent)]
    Page(#[from] Refusal),
    /// There is no form, or it has no fields.
    #[error("the page has no form with fields")]
    NoForm,
    /// A script computes a field.
    #[error("a field of the form is computed by a script, so that its value is not known")]
    Computed,
    /// Text fields of one name with different values: which one a browser would show is not known.
    #[error("the field {0} is there twice, with different values")]
    Ambiguous(String),
}

/// The fields of a form, ready to be submitted.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(String, String)>,
}

impl std::fmt::Debug for Form {
    /// Shows names alone: values hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads a page's `form[name=gigaset]`, or its only form.
    pub fn read(text: &str) -> Result<Self, FormError> {
        let page = Page::read(text)?;
        let controls = controls(&page);
        if controls.iter().any(|control| dom::is(*control, UNREAD)) {
            return Err(FormError::Computed);
        }
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut texts: BTreeSet<String> = BTreeSet::new();
        for control in controls {
            for (name, value) in submitted(control) {
                let is_text = !matches!(kind(control).as_str(), "checkbox" | "select");
                if is_text && !texts.insert(name.clone()) {
                    if fields.contains(&(name.clone(), value)) {
                        continue;
                    }
                    return Err(FormError::Ambiguous(name));
                }
                fields.push((name, value));
            }
        }
        if fields.is_empty() { Err(FormError::NoForm) } else { Ok(Self { fields }) }
    }

    /// The value of a field, if it would be submitted.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Sets a field, in its place if the form has it, else at the end.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.fields.iter_mut().find(|(found, _)| found == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Sets every flag that says *this password was typed anew* to 0: a placeholder is shown, and must not be stored.
    pub fn keep_passwords(&mut self) {
        for (_, value) in self.fields.iter_mut().filter(|(name, _)| name.ends_with("_changed")) {
            "0".clone_into(value);
        }
    }

    /// The fields in order.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }
}

/// The form's controls. A form whose markup a table tears apart keeps none inside it, so with a single form on the page
/// every control is its own.
fn controls(page: &Page) -> Vec<ElementRef<'_>> {
    let is_control = |element: &ElementRef<'_>| {
        ["input", "select", "textarea", UNREAD].iter().any(|name| dom::is(*element, name))
    };
    let forms: Vec<_> = dom::elements(&page.html).filter(|element| dom::is(*element, "form")).collect();
    match forms.as_slice() {
        [] => Vec::new(),
        [_] => dom::elements(&page.html).filter(is_control).collect(),
        _ => forms
            .iter()
            .filter(|form| form.value().attr("name") == Some("gigaset"))
            .flat_map(|form| dom::inside(*form).filter(is_control))
            .collect(),
    }
}

fn kind(control: ElementRef<'_>) -> String {
    if dom::is(control, "input") {
        control.value().attr("type").unwrap_or("text").trim().to_ascii_lowercase()
    } else {
        control.value().name().to_owned()
    }
}

/// What a control adds to the submission.
fn submitted(control: ElementRef<'_>) -> Vec<(String, String)> {
    let attr = |name| control.value().attr(name);
    let Some(name) = attr("name").filter(|name| !name.is_empty() && attr("disabled").is_none()) else {
        return Vec::new();
    };
    let field = |value: &str| vec![(name.to_owned(), value.to_owned())];
    match kind(control).as_str() {
        "submit" | "button" | "reset" | "image" | "file" => Vec::new(),
        "checkbox" | "radio" if attr("checked").is_none() => Vec::new(),
        "checkbox" | "radio" => field(attr("value").unwrap_or("on")),
        "textarea" => field(&control.text().collect::<String>()),
        "select" => chosen(control).into_iter().map(|value| (name.to_owned(), value)).collect(),
        _ => field(attr("value").unwrap_or("")),
    }
}

/// The chosen options of a select: the marked ones; of a drop-down the last marked one, else the first.
fn chosen(select: ElementRef<'_>) -> Vec<String> {
    let options: Vec<_> = dom::inside(select)
        .filter(|option| dom::is(*option, "option") && option.value().attr("disabled").is_none())
        .collect();
    let value = |option: &ElementRef<'_>| {
        option.value().attr("value").map_or_else(|| dom::text(*option), str::to_owned)
    };
    let mut marked = options.iter().filter(|option| option.value().attr("selected").is_some());
    if select.value().attr("multiple").is_some() {
        return marked.map(value).collect();
    }
    marked.next_back().or_else(|| options.first()).map(value).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(inner: &str) -> Result<Form, FormError> {
        Form::read(&format!(
            "<html><body><form name='gigaset' action=''><table><tr><td>{inner}</table></form></body></html>"
        ))
    }

    fn pairs(inner: &str) -> Vec<(String, String)> {
        form(inner).unwrap().fields().to_vec()
    }

    fn expect(inner: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(pairs(inner), expected, "{inner}");
    }

    #[test]
    fn every_kind_of_field_is_read_as_a_browser_submits_it() {
        expect(
            "<input type=hidden name=action value='3'><input name=t value='a&amp;b'>",
            &[("action", "3"), ("t", "a&b")],
        );
        expect(
            "<input type=radio name=r value=0><input type=radio name=r value=1 checked=\"checked\">",
            &[("r", "1")],
        );
        expect("<input type=radio name=r value=0><input name=x>", &[("x", "")]);
        expect("<input type=checkbox name=c checked><input type=checkbox name=d value=1>", &[("c", "on")]);
        expect("<select name=s><option value=1>a<option value=2 selected>b</select>", &[("s", "2")]);
        expect("<select name=s><option disabled>x<option>first<option value=2>b</select>", &[("s", "first")]);
        expect(
            "<select multiple name=s><option selected>x<option selected>y</select>",
            &[("s", "x"), ("s", "y")],
        );
        expect(
            "<textarea name=a>x <b>&lt;</textarea><input type=submit name=go><input name=n disabled><input>",
            &[("a", "x <b><")],
        );
    }

    #[test]
    fn fields_that_scripts_write_stand_in_their_place() {
        expect(
            "<input type=hidden name=a value=1><script>writeEditfield('<input type=\"text\" value=\"x\\'&quot;\" \
             name=\"configfile_url\" onkeypress=\"f(\\'a\\')\">', 'edit_186');</script><input type=hidden name=z value=2>",
            &[("a", "1"), ("configfile_url", "x'\""), ("z", "2")],
        );
    }

    #[test]
    fn a_form_that_is_not_fully_known_is_refused() {
        assert_eq!(
            form("<script>document.write('<input name=\"a\" value=\"' + v + '\">')</script>"),
            Err(FormError::Computed)
        );
        assert_eq!(
            form("<input name=a value=1><input name=a value=2>"),
            Err(FormError::Ambiguous("a".into()))
        );
        assert_eq!(form("<p>nothing"), Err(FormError::NoForm));
        assert_eq!(Form::read("<html><body><input name=a></body></html>"), Err(FormError::NoForm));
        assert_eq!(Form::read("<html><body><form><input name=a>"), Err(FormError::Page(Refusal::NotWhole)));
    }

    #[test]
    fn of_several_forms_the_one_named_gigaset_is_read() {
        let text = "<html><body><form name=search><input name=q></form><form name=gigaset><input name=a value=1></form></body></html>";
        assert_eq!(Form::read(text).unwrap().fields(), [("a".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn setting_changes_one_field_and_keeps_the_order() {
        let mut form =
            form("<input name=a value=1><input name=b value=2><input name=password_changed value=1>")
                .unwrap();
        form.set("a", "9");
        form.set("c", "3");
        form.keep_passwords();
        let fields: Vec<_> = form.fields().iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["a=9", "b=2", "password_changed=0", "c=3"]);
        assert!(!format!("{form:?}").contains('9'), "values do not show in Debug");
    }
}
