//! Cuts a page to what a reader needs: its body, without comments and scripts, but with the form fields that its scripts
//! write; and says whether the page came whole.
//!
//! Nearly all of a page's 70 to 270 kB is script in its head, which no tree is built of.

use super::depth::{Excess, Gauge, MOST_ELEMENTS, MOST_NESTED};
use super::script::{UNREAD, written_fields};
use super::tags::{Token, Tokens};

/// Why a page cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `</html>`: the page was cut off on its way.
    #[error("the page did not come whole: it has no end of document")]
    NotWhole,
    /// The login form came in its place.
    #[error("the login form came in its place: the session is lost")]
    LoginForm,
    /// Elements nest too deep.
    #[error("its elements nest deeper than {MOST_NESTED}")]
    TooDeep,
    /// It makes too many elements.
    #[error("it makes more than {MOST_ELEMENTS} elements and pieces of text")]
    TooLarge,
    /// Markup that no N720 page has and whose nesting follows other rules.
    #[error("it holds a <{0}>, which no page of an N720 has")]
    Foreign(String),
}

/// A page cut to what a reader needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// The body's markup, or all of it if there is no `<body>`.
    pub(super) body: String,
    /// The text of all scripts, head and body.
    pub(super) scripts: String,
    /// Whether the end of the document was seen.
    pub(super) whole: bool,
}

const FOREIGN: [&str; 5] = ["svg", "math", "template", "plaintext", "frameset"];
const WRITTEN: [&str; 5] = ["input", "select", "option", "textarea", UNREAD];

/// Cuts a page.
pub(super) fn cut(text: &str) -> Result<Cut, Refusal> {
    let mut cut = Cut { body: String::new(), scripts: String::new(), whole: false };
    let mut gauge = Gauge::default();
    let mut in_body = false;
    for token in Tokens::new(text) {
        match token {
            Token::Text(piece) => {
                gauge.text().map_err(too_much)?;
                cut.body.push_str(piece);
            }
            Token::Open { name, .. } if name.eq_ignore_ascii_case("body") => {
                if !in_body {
                    in_body = true;
                    cut.body.clear();
                    gauge = Gauge::default();
                }
            }
            Token::Open { name, raw } => open(name, raw, &mut cut.body, &mut gauge)?,
            Token::Close { name, raw } => {
                cut.whole |= name.eq_ignore_ascii_case("html");
                close(name, raw, &mut cut.body, &mut gauge);
            }
            Token::Raw { name, text } if name.eq_ignore_ascii_case("script") => {
                cut.scripts.push_str(text);
                cut.scripts.push('\n');
                // What a head's script writes is no part of the form that follows.
                write(&written_fields(text), &mut cut.body, &mut gauge)?;
            }
            Token::Raw { name, text } if name.eq_ignore_ascii_case("textarea") => cut.body.push_str(text),
            Token::Raw { .. } | Token::Comment | Token::Broken => {}
        }
    }
    Ok(cut)
}

fn open(name: &str, raw: &str, body: &mut String, gauge: &mut Gauge) -> Result<(), Refusal> {
    let name = name.to_ascii_lowercase();
    if FOREIGN.contains(&name.as_str()) {
        return Err(Refusal::Foreign(name));
    }
    if name != "textarea" && is_raw(&name) {
        return Ok(());
    }
    gauge.open(&name).map_err(too_much)?;
    body.push_str(raw);
    Ok(())
}

fn too_much(excess: Excess) -> Refusal {
    match excess {
        Excess::Depth => Refusal::TooDeep,
        Excess::Elements => Refusal::TooLarge,
    }
}

fn close(name: &str, raw: &str, body: &mut String, gauge: &mut Gauge) {
    let name = name.to_ascii_lowercase();
    if name == "textarea" || !(is_raw(&name) || name == "html" || name == "body") {
        gauge.close(&name);
        body.push_str(raw);
    }
}

/// Whether the tree gets none of an element: its content is no markup, and no reader wants it.
fn is_raw(name: &str) -> bool {
    ["script", "style", "title", "xmp", "iframe", "noembed", "noframes", "noscript"].contains(&name)
}

/// Puts what a script writes in the script's place; form fields only.
fn write(markup: &str, body: &mut String, gauge: &mut Gauge) -> Result<(), Refusal> {
    for token in Tokens::new(markup) {
        match token {
            Token::Open { name, raw } if WRITTEN.iter().any(|field| name.eq_ignore_ascii_case(field)) => {
                open(name, raw, body, gauge)?;
            }
            Token::Close { name, raw } if WRITTEN.iter().any(|field| name.eq_ignore_ascii_case(field)) => {
                close(name, raw, body, gauge);
            }
            Token::Raw { name, text } if name.eq_ignore_ascii_case("textarea") => body.push_str(text),
            Token::Text(text) => body.push_str(text),
            Token::Open { .. } | Token::Close { .. } | Token::Raw { .. } | Token::Comment | Token::Broken => {
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_to_its_body() {
        let page = "\u{feff}<!-- x --><!DOCTYPE html><html><head><title>T</title><script>var a = '<body>';</script></head>\
                    <BODY class=x><p>a<script>b('</td>')</script><!-- c -->d</body></html>\n";
        let found = cut(page).unwrap();
        assert_eq!(found.body, "<p>ad\n");
        assert_eq!(found.scripts, "var a = '<body>';\nb('</td>')\n");
        assert!(found.whole);
    }

    #[test]
    fn an_end_of_document_counts_only_as_a_tag() {
        for text in [
            "<body></html",
            "<body><script>'</html>'</script>",
            "<body><!-- </html> -->",
            "<body><a b='</html>",
        ] {
            assert!(!cut(text).unwrap().whole, "{text}");
        }
        assert!(cut("<body>x</HTML >").unwrap().whole);
    }

    #[test]
    fn fields_written_by_scripts_stand_where_they_are_written() {
        let page = "<body><form><input name=a><script>writeEditfield('<input name=\"b\"><td><script>', 1)</script><input name=c>";
        assert_eq!(cut(page).unwrap().body, "<form><input name=a><input name=\"b\"><input name=c>");
    }

    #[test]
    fn what_would_make_a_monstrous_tree_is_refused() {
        let deep = format!("<body>{}", "<div>".repeat(100_000));
        assert_eq!(cut(&deep), Err(Refusal::TooDeep));
        let wide = format!("<body>{}", "<br>".repeat(200_000));
        assert_eq!(cut(&wide), Err(Refusal::TooLarge));
        assert_eq!(cut("<body><SVG>"), Err(Refusal::Foreign("svg".into())));
        let flat = format!("<body><table>{}</html>", "<tr><td>x<td><div>y</div>".repeat(5_000));
        assert!(cut(&flat).unwrap().whole);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cut_without_panic(text in "(<body>|<table>|</?[tdrpba]{1,2}|<script>|</script>|</html>|<!--|-->|[<>\"' é]){0,60}") {
            let _ = cut(&text);
        }
    }
}
