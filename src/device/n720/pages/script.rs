//! The markup that a page's scripts write: form fields that stand in no markup of the page itself.
//!
//! Reads `writeEditfield('<input …>', …)`, `document.write("…")` and their like: calls whose first argument is a string
//! literal, or literals joined by `+`. No script is run; what stands in its comments is not called.

/// Stands for a field that a script writes in a way that could not be read; a form that holds one is refused.
pub(super) const UNREAD: &str = "x-unread-field";

const FIELDS: [&str; 5] = ["<input", "<select", "<option", "<textarea", "</select"];

/// The form fields that a script writes, as markup, in order.
pub(super) fn written_fields(script: &str) -> String {
    let script = without_comments(script);
    let mut markup = String::new();
    let mut rest = script.as_str();
    while let Some(argument) = next_call(&mut rest) {
        let (text, complete) = literals(argument, &mut rest);
        let start = text.trim_start().to_ascii_lowercase();
        if FIELDS.iter().any(|field| start.starts_with(field)) {
            if complete {
                markup.push_str(&text);
            } else {
                markup.push_str(&format!("<{UNREAD}></{UNREAD}>"));
            }
        }
    }
    markup
}

/// The script with a blank in the place of each comment. A string ends with its line at the latest, so that a quote in
/// a regular expression spoils no more than its own line.
fn without_comments(script: &str) -> String {
    let mut kept = String::with_capacity(script.len());
    let mut quote = None;
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let comment = match quote {
            None if rest.starts_with("//") => Some(rest.find(['\n', '\r']).unwrap_or(rest.len())),
            None if rest.starts_with("/*") => {
                Some(rest.find("*/").map_or(rest.len(), |end| end + "*/".len()))
            }
            Some(_) | None => None,
        };
        let end = comment.unwrap_or_else(|| {
            let escaped = rest.chars().nth(1).filter(|_| c == '\\' && quote.is_some());
            c.len_utf8() + escaped.map_or(0, char::len_utf8)
        });
        let (taken, after) = rest.split_at(end);
        if comment.is_some() {
            kept.push(' ');
        } else {
            kept.push_str(taken);
            quote = match quote {
                Some(open) if c == open || matches!(c, '\n' | '\r') => None,
                None if matches!(c, '\'' | '"') => Some(c),
                quote => quote,
            };
        }
        rest = after;
    }
    kept
}

/// The arguments of the next call of `document.write`, `document.writeln` or `writeEditfield`, if there is one.
fn next_call<'a>(rest: &mut &'a str) -> Option<&'a str> {
    loop {
        let at = rest.find("write")?;
        let (before, after) = rest.split_at(at);
        let after = after.get("write".len()..)?;
        *rest = after;
        let called = match after.strip_prefix("Editfield") {
            Some(after) => Some(after),
            None if before.ends_with("document.") => Some(after.strip_prefix("ln").unwrap_or(after)),
            None => None,
        };
        if let Some(argument) = called.and_then(|text| text.trim_start().strip_prefix('(')) {
            return Some(argument);
        }
    }
}

/// The string literals that an argument begins with, joined, and whether the argument is nothing but them. Leaves
/// `rest` behind what was read.
fn literals<'a>(argument: &'a str, rest: &mut &'a str) -> (String, bool) {
    let mut text = String::new();
    let mut after = argument.trim_start();
    loop {
        let Some((literal, behind)) = literal(after) else { return (text, false) };
        text.push_str(&literal);
        *rest = behind;
        after = behind.trim_start();
        if after.starts_with([',', ')']) {
            return (text, true);
        }
        match after.strip_prefix('+') {
            Some(more) => after = more.trim_start(),
            None => return (text, false),
        }
    }
}

/// One string literal, unescaped, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((value, text.get(at + 1..)?)),
            '\n' | '\r' => return None,
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                'x' => value.push(code(&mut chars, 2)?),
                'u' => value.push(code(&mut chars, 4)?),
                '\n' => {}
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

fn code(chars: &mut impl Iterator<Item = (usize, char)>, digits: usize) -> Option<char> {
    let value = (0..digits).try_fold(0, |value, _| Some(value * 16 + chars.next()?.1.to_digit(16)?))?;
    char::from_u32(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_out_of_the_calls_that_write_them() {
        let script = r#"
            writeEditfield('<input type="text" value="a&amp;b \'c\'" name="x" onkeypress="f(\'y\')">', 'edit_186');
            document.write( "<input type=\"password\" name='p' value='\x41\u0042\/'>" );
            document.writeln('<input ' + 'name="q"' + " value='1'>");"#;
        assert_eq!(
            written_fields(script),
            "<input type=\"text\" value=\"a&amp;b 'c'\" name=\"x\" onkeypress=\"f('y')\">\
             <input type=\"password\" name='p' value='AB/'><input name=\"q\" value='1'>"
        );
    }

    #[test]
    fn what_is_no_field_is_not_written() {
        let script =
            "document.write('<td>02 B6 EC 8A A5</td>'); function writeEditfield(s, c) { document.write(s) }";
        assert_eq!(written_fields(script), "");
    }

    #[test]
    fn what_stands_in_a_comment_is_not_written() {
        let script = r#"
            // writeEditfield('<input name="a">', 1);
            /* it's writeEditfield('<input name="b">', 1);
               writeEditfield('<input name="c">', 1); */
            var url = 'http://10.1.0.5/*'; writeEditfield('<input value="http://x//y" name="d">', 1); // '
            var re = /['"]/;
            writeEditfield('<input value="it\'s // /* no comment" name="e">', 1);
            /* never closed: writeEditfield('<input name="f">', 1);"#;
        assert_eq!(
            written_fields(script),
            "<input value=\"http://x//y\" name=\"d\"><input value=\"it's // /* no comment\" name=\"e\">"
        );
    }

    #[test]
    fn a_field_that_needs_the_script_to_run_is_marked() {
        for script in [
            "document.write('<input name=\"x\" value=\"' + value + '\">')",
            "writeEditfield('<input name=\"x\" value=\"' + f('y') + '\">', 1)",
            "writeEditfield('<input name=\"x\"' || y)",
        ] {
            assert!(written_fields(script).contains(UNREAD), "{script}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_script_is_read_without_panic(script in "(document\\.write\\(|writeEditfield\\(|['\"\\\\+<input ux4é\\n),/*]){0,30}") {
            let _ = written_fields(&script);
        }
    }
}
