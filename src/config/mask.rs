//! The text of a site file with the secrets that it holds itself masked: for showing it. Lines stay where they are.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::secret_ref;

/// The keys under which a secret is named.
const KEYS: [&str; 3] = ["password", "mac_id_tail", "secret"];

/// The text with `***` in place of every secret, those in lines that are commented out too.
pub fn masked(text: &str) -> String {
    let mut spans = secrets(text, 0);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.trim_start().trim_start_matches(['#', ' ', '\t']);
        if line.trim_start().starts_with('#') {
            spans.extend(secrets(code, start + line.len() - code.len()));
        }
        start += line.len();
    }
    spans.sort_by_key(|span| std::cmp::Reverse(span.start));
    let mut text = text.to_owned();
    for span in spans {
        let ends = text.get(span.clone()).map_or(0, |secret| secret.matches('\n').count());
        text.replace_range(span, &format!("\"***\"{}", "\n".repeat(ends)));
    }
    text
}

/// Where the secrets of a text stand, which itself stands `at` bytes from the beginning.
fn secrets(text: &str, at: usize) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let (tree, _) = DeTable::parse_recoverable(text);
    in_table(tree.get_ref(), &mut spans);
    spans.into_iter().map(|span| span.start + at..span.end + at).collect()
}

fn in_table(table: &DeTable<'_>, spans: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let is_key = KEYS.contains(&key.get_ref().as_ref());
        if is_key && value.get_ref().as_str().is_some_and(secret_ref::is_literal) {
            spans.push(value.span());
        } else {
            in_value(value, spans);
        }
    }
}

fn in_value(value: &Spanned<DeValue<'_>>, spans: &mut Vec<Range<usize>>) {
    if let Some(table) = value.get_ref().as_table() {
        in_table(table, spans);
    }
    for item in value.get_ref().as_array().into_iter().flat_map(|array| array.iter()) {
        in_value(item, spans);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_references_shown() {
        let text = "[manager]\npassword = 'hunter2' # web\n[manager.digest]\nmac_id_tail = \"Q7Z9\"\n[[slot]]\nsip = { user \
                    = '1', password = \"hunter2\" }\n[[slot]]\nsip.password = 'env:A'\n#password = \"hunter2\"\n # sip = { \
                    password = 'hunter2' } # old\n# The password = what Karin says.\n[[slot]]\n[slot.sip]\npassword = \
                    \"\"\"\nhun\nter2\"\"\"\n# end\n";
        let masked = masked(text);
        assert_eq!(masked.lines().count(), text.lines().count());
        assert_eq!(masked.matches("\"***\"").count(), 6, "{masked}");
        for secret in ["hunter2", "ter2", "Q7Z9"] {
            assert!(!masked.contains(secret), "{masked}");
        }
        for kept in ["'env:A'", "# web\n", "# old\n", "what Karin says", "# end\n"] {
            assert!(masked.contains(kept), "{masked}");
        }
    }

    #[test]
    fn a_text_without_secrets_stays() {
        let text = include_str!("../../config/sites/acme-berlin.toml");
        assert_eq!(masked(text), text);
    }
}
