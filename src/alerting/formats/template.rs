//! The operator's own body: a template that is given what [`Body`] has, and texts. It cannot read files, and it ends: what it
//! does and what it writes are bounded.

use std::io::{self, Write};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::sample::samples;
use crate::alerting::body::Body;
use crate::alerting::http::Content;
use crate::alerting::message::Message;
use crate::alerting::text;

/// Steps of a template's program; some million are enough for the longest message.
const FUEL: u64 = 10_000_000;
/// Bytes that a template may write: 2 kB for each alert of the longest message.
const LARGEST: usize = 4 * 1024 * 1024;
/// Characters of `brief`.
const BRIEF: usize = 500;
/// Told with every value that is not there: labels differ from site to site.
const MISSING: &str = "what may be missing needs a default, as in {{ labels.customer | default(\"\") }}";
/// What the template is called in its environment, where there is no other.
const NAME: &str = "template";

/// A template that can be used.
pub(in crate::alerting) struct Template {
    environment: Environment<'static>,
    kind: HeaderValue,
    is_json: bool,
}

/// Why a template cannot be used, or made nothing of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// It is wrong, or asks for what there is not.
    #[error("{}{cause}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    Wrong {
        /// Where, from 1; `None`: nowhere in particular.
        line: Option<usize>,
        /// What is wrong there.
        cause: String,
    },
    /// It did not come to an end.
    #[error("it does not come to an end within {FUEL} steps")]
    Endless,
    /// It wrote too much.
    #[error("it makes more than {LARGEST} bytes")]
    TooLarge,
    /// It is to make JSON and made something else.
    #[error(
        "what it makes is not JSON, in line {line} of that: {cause}; values are quoted already, so write {{{{ title }}}}, not \"{{{{ title }}}}\""
    )]
    NotJson {
        /// Where in what it made, from 1.
        line: usize,
        /// What is wrong there.
        cause: String,
    },
    /// What it is to be sent as is not the name of a kind of content.
    #[error("its content_type cannot be sent; write it like application/json")]
    ContentType,
}

impl Template {
    /// Compiles a template, and tries it on messages of every shape, so that what is wrong with it is known before there is
    /// something to tell.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(source: String, content_type: &str) -> Result<Self, TemplateProblem> {
        let kind = HeaderValue::from_str(content_type).map_err(|_| TemplateProblem::ContentType)?;
        let escape = escape(content_type);
        let is_json = escape == AutoEscape::Json;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // So that an error names the expression. What else is gathered is shown nowhere.
        environment.set_debug(true);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.add_template_owned(NAME, source).map_err(|error| wrong(&error))?;
        let template = Self { environment, kind, is_json };
        for sample in samples() {
            template.content(&sample)?;
        }
        Ok(template)
    }

    /// What it makes of a message.
    ///
    /// # Errors
    /// It makes nothing of it, or nothing that may be sent.
    pub(super) fn content(&self, message: &Message) -> Result<Content, TemplateProblem> {
        let template = self.environment.get_template(NAME).map_err(|error| wrong(&error))?;
        let context = minijinja::Value::from(Serde(context(message)?));
        let mut output = Bounded::default();
        match template.render_captured_to(context, &mut output).map(drop) {
            Err(_) if output.is_full => return Err(TemplateProblem::TooLarge),
            Err(error) => return Err(wrong(&error)),
            Ok(()) => {}
        }
        let body = String::from_utf8(output.written).map_err(|error| other(&error))?;
        if self.is_json
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body)
        {
            return Err(TemplateProblem::NotJson { line: error.line(), cause: error.to_string() });
        }
        Ok(Content { kind: self.kind.clone(), body })
    }
}

/// How values are written: so that they cannot break out of what is around them.
fn escape(content_type: &str) -> AutoEscape {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || kind.ends_with("+json") {
        AutoEscape::Json
    } else if kind == "text/html" || kind == "application/xml" || kind == "text/xml" || kind.ends_with("+xml")
    {
        AutoEscape::Html
    } else {
        AutoEscape::None
    }
}

/// What a template can use. All that an alert can have is there, if only as null, so that asking for it is no error.
fn context(message: &Message) -> Result<Value, TemplateProblem> {
    let mut context = serde_json::to_value(Body::of(message)).map_err(|error| other(&error))?;
    context["text"] = json!(text::plain(message));
    context["brief"] = json!(text::brief(message, BRIEF));
    for alert in context["alerts"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        for (key, absent) in [
            ("phase", json!("")),
            ("resolved_at", Value::Null),
            ("acknowledged", Value::Null),
            ("readings", json!([])),
            ("unwatched", json!(false)),
        ] {
            alert.entry(key).or_insert(absent);
        }
    }
    Ok(context)
}

fn wrong(error: &minijinja::Error) -> TemplateProblem {
    if error.kind() == ErrorKind::OutOfFuel {
        return TemplateProblem::Endless;
    }
    let (kind, detail) = (error.kind(), error.detail().unwrap_or_default());
    let what = match (kind, detail) {
        (_, "") => kind.to_string(),
        (ErrorKind::UndefinedError, _) => detail.to_owned(),
        _ => format!("{kind}: {detail}"),
    };
    let is_missing = kind == ErrorKind::UndefinedError || detail.contains("is undefined");
    let cause = if is_missing { format!("{what}; {MISSING}") } else { what };
    TemplateProblem::Wrong { line: error.line(), cause }
}

fn other(error: &dyn std::error::Error) -> TemplateProblem {
    TemplateProblem::Wrong { line: None, cause: error.to_string() }
}

/// Takes what a template writes as far as the limit.
#[derive(Default)]
struct Bounded {
    written: Vec<u8>,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written.len() + bytes.len() > LARGEST {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::testing::{alert, message};
    use crate::domain::alert::{Alert, AlertKind, AlertState};
    use crate::domain::notification::Reason;

    const JSON: &str = "application/json; charset=utf-8";

    fn told() -> Message {
        let summary = "a \"b\" </script>\n{{ title }}".to_owned();
        let drift = Alert { summary, ..alert("acme", AlertKind::Drift, AlertState::Firing) };
        message(Reason::First, [drift, alert("acme", AlertKind::Unreachable, AlertState::Resolved)])
    }

    fn made(source: &str, content_type: &str) -> String {
        Template::new(source.to_owned(), content_type).unwrap().content(&told()).unwrap().body
    }

    fn problem(source: &str, content_type: &str) -> TemplateProblem {
        Template::new(source.to_owned(), content_type).err().unwrap()
    }

    #[test]
    fn it_can_use_the_body_and_the_texts() {
        let source = "{{ version }} {{ reason }} {{ site }} {{ labels.customer }} {{ omitted }} \
                      {% for alert in alerts %}[{{ alert.site }} {{ alert.kind }} {{ alert.state }} {{ alert.phase }} \
                      {{- alert.resolved_at }} {{ alert.acknowledged }} {{ alert.readings }}]{% endfor %}";
        let expected = "1 first acme acme 0 [acme drift firing None None []][acme unreachable resolved \
                        1970-01-01T00:01:00Z None []]";
        let source = source.replace("labels.customer", "labels.customer|default('')");
        assert_eq!(made(&source, "text/plain"), expected);
        let message = told();
        assert_eq!(made("{{ title }}", "text/plain"), text::title(&message));
        assert_eq!(made("{{ text }}", "text/plain"), text::plain(&message));
        assert_eq!(made("{{ brief }}", "text/plain"), text::brief(&message, BRIEF));
    }

    #[test]
    fn values_in_json_are_quoted_by_themselves() {
        let source = r#"{"summary": {{ alerts[0].summary }}, "all": {{ labels }}, "none": {{ alerts[0].resolved_at }}}"#;
        let value: Value = serde_json::from_str(&made(source, JSON)).unwrap();
        assert_eq!(
            value,
            json!({"summary": "a \"b\" </script>\n{{ title }}", "all": {"customer": "acme"}, "none": null})
        );
    }

    #[test]
    fn values_in_html_are_escaped_and_in_text_they_are_not() {
        let source = "{{ alerts[0].summary }}";
        assert!(made(source, "text/html").starts_with("a &quot;b&quot; &lt;&#x2f;script&gt;"));
        assert!(made(source, "text/plain").starts_with("a \"b\" </script>"));
    }

    #[test]
    fn what_is_sent_says_what_it_is() {
        let template = Template::new("{{ title }}".into(), "text/plain; charset=utf-8").unwrap();
        assert_eq!(template.content(&told()).unwrap().kind, "text/plain; charset=utf-8");
        assert_eq!(problem("x", "text/\nplain"), TemplateProblem::ContentType);
    }

    #[test]
    fn what_is_wrong_is_known_at_once_and_with_its_line() {
        for (source, line, part) in [
            ("a\n{{ title", 2, "syntax error"),
            ("a\n\n{% for alert in alerts %}", 3, "syntax error"),
            ("\n{{ titel }}", 2, "undefined"),
            ("\n{% for alert in alerts %}\n{{ alert.sumary }}{% endfor %}", 3, "undefined"),
            ("{{ title|shout }}", 1, "unknown filter"),
            ("{{ open('/etc/passwd') }}", 1, "unknown function"),
            ("{{ alerts[0].handsets[0].pin }}", 1, "undefined"),
            ("{% for h in alerts[0].handsets %}{{ h.user|length }}{% endfor %}", 1, "length"),
            (
                "\n{% for alert in alerts if alert.state == 'resolved' %}{{ alert.x }}{% endfor %}",
                2,
                "undefined",
            ),
            (
                "{% for alert in alerts %}{% for handset in alert.handsets %}{{ handset.x }}{% endfor %}{% endfor %}",
                1,
                "undefined",
            ),
        ] {
            let text = problem(source, "text/plain").to_string();
            assert!(text.starts_with(&format!("line {line}: ")) && text.contains(part), "{source}: {text}");
        }
    }

    #[test]
    fn what_may_be_missing_is_named_with_what_to_do() {
        for (source, what) in [
            ("\n{{ labels.customer }}", "line 2: `labels.customer` is undefined"),
            ("{{ labels['cost centre'] }}", "line 1: `labels['cost centre']` is undefined"),
            ("{% if labels.customer == 'a' %}x{% endif %}", "line 1: `labels.customer` is undefined"),
            ("{% for a in alerts %}{{ a.labels.x }}{% endfor %}", "line 1: `a.labels` is undefined"),
            ("{{ titel|upper }}", "line 1: `titel` is undefined"),
            ("{{ alerts[0].handsets[1].user }}", "line 1: `alerts[0].handsets[1]` is undefined"),
            (
                "{{ labels.customer|length }}",
                "line 1: invalid operation: cannot calculate length of value of type undefined (`labels.customer` is undefined)",
            ),
        ] {
            assert_eq!(problem(source, "text/plain").to_string(), format!("{what}; {MISSING}"), "{source}");
        }
        let source = "{{ labels.customer | default(\"\") }}{{ labels.region | default(\"\") }}";
        assert_eq!(made(source, "text/plain"), "acme");
        assert!(!problem("{{ title|shout }}", "text/plain").to_string().contains(MISSING));
    }

    #[test]
    fn what_should_be_json_is_read_before_it_is_sent() {
        let text = problem("{\n\"title\": \"{{ title }}\"}", JSON).to_string();
        assert!(
            text.contains("not JSON, in line 2 of that") && text.contains("not \"{{ title }}\""),
            "{text}"
        );
        assert_eq!(made("not JSON", "text/plain"), "not JSON");
        assert!(matches!(problem("not JSON", "application/vnd.x+json"), TemplateProblem::NotJson { .. }));
    }

    #[test]
    fn it_ends_and_what_it_makes_is_bounded() {
        let endless = "{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}";
        assert_eq!(problem(endless, "text/plain"), TemplateProblem::Endless);
        let large = "{% for a in range(5000) %}{{ 'x' * 1000 }}{% endfor %}";
        assert_eq!(problem(large, "text/plain"), TemplateProblem::TooLarge);
    }
}
