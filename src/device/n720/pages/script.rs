//! The markup that a page's scripts write: form fields that stand in no markup of the page itself.
//!
//! Reads `writeEditfield('<input …>', …)`, `document.write("…")` and their like: calls whose first argument is a string
//! literal, or literals joined by `+`. No script is run.

/// Stands for a field that a script writes in a way that could not be read; a form that holds one is refused.
pub(super) const UNREAD: &str = "x-unread-field";

const FIELDS: [&str; 5] = ["<input", "<select", "<option", "<textarea", "</select"];

/// The form fields that a script writes, as markup, in order.
pub(super) fn written_fields(script: &str) -> String {
    let mut markup = String::new();
    let mut rest = script;
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
        fn any_script_is_read_without_panic(script in "(document\\.write\\(|writeEditfield\\(|['\"\\\\+<input ux4é\\n),]){0,30}") {
            let _ = written_fields(&script);
        }
    }
}
