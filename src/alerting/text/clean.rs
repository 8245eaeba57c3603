//! Texts of others made harmless for a line of ours: nothing in a name, a note or an answer of a device can end a line,
//! begin one, or turn round the order in which it is read. No layout here.

/// No line of a message is longer: what goes beyond is a name or an answer that nobody wrote for people.
const LONGEST: usize = 2_000;

/// The text in one line: blanks of all kinds are single ones, control characters and those that are not seen are gone.
pub(in crate::alerting) fn clean(text: &str) -> String {
    let spaced: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    let seen: String = spaced.chars().filter(|one| !is_unseen(*one)).collect();
    clip(&seen.split_whitespace().collect::<Vec<_>>().join(" "), LONGEST)
}

/// Marks that change the order of reading or take no room, so that two texts which differ look alike.
fn is_unseen(one: char) -> bool {
    matches!(one, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{FEFF}' | '\u{00AD}')
        || matches!(one, '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}')
}

/// At most so many characters, an ellipsis in place of what is cut off.
pub(super) fn clip(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept.truncate(kept.trim_end().len());
    if most > 0 {
        kept.push('…');
    }
    kept
}

/// As a word of a shell's command line.
pub(super) fn shell_word(text: &str) -> String {
    let text = clean(text);
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "._-/:@+=".contains(one);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// As text of an HTML element or attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_or_begins_a_line() {
        for odd in
            ["a\nb", "a\r\nb", "a\tb", "a\u{2028}b", "a\u{2029}b", "a\u{85}b", "a\u{0}b", " a \u{A0} b\u{B}"]
        {
            assert_eq!(clean(odd), "a b", "{odd:?}");
        }
        assert_eq!(clean("a\u{202E}b\u{2066}c\u{200B}\u{FEFF}"), "abc");
        assert_eq!(clean("Jürgen Groß, Łódź 日本"), "Jürgen Groß, Łódź 日本");
    }

    #[test]
    fn a_text_without_end_is_cut() {
        assert_eq!(clean(&"x".repeat(5_000)).chars().count(), LONGEST);
    }

    #[test]
    fn clipping_counts_characters_and_never_exceeds() {
        assert_eq!(clip("Büro", 4), "Büro");
        assert_eq!(clip("Büro 7", 4), "Bür…");
        assert_eq!(clip("Büro 7", 6), "Büro 7");
        assert_eq!(clip("Büro 77", 6), "Büro…", "no blank in front of the ellipsis");
        assert_eq!(clip("Büro", 1), "…");
        assert_eq!(clip("Büro", 0), "");
        assert_eq!(clip("", 0), "");
    }

    #[test]
    fn a_word_of_a_command_line_stays_one() {
        assert_eq!(shell_word("acme-berlin/drift/unlisted"), "acme-berlin/drift/unlisted");
        assert_eq!(shell_word("a/b/window 2"), "'a/b/window 2'");
        assert_eq!(shell_word("a'; rm -rf /\n'"), r"'a'\''; rm -rf / '\'''");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn no_markup_comes_through() {
        assert_eq!(escape(r#"<b a="1">&'"#), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
    }
}
