//! Reading a provisioning file as leniently as the device does: no XML parser, only tags and quotes.
//!
//! Says what is written, not what it does.

/// What is of interest in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) mac: Option<String>,
    pub(super) version: Option<String>,
    pub(super) profile_name: Option<String>,
    /// Symbols and values, in the order of the file.
    pub(super) items: Vec<(String, String)>,
}

/// Reads a file; nothing if it is none, or not whole.
pub(super) fn parse(bytes: &[u8]) -> Option<File> {
    let text = without_comments(&decode(bytes));
    if !text.contains("<ProviderFrame") || !text.contains("</ProviderFrame>") {
        return None;
    }
    let mut file = File::default();
    let mut rest = text.as_str();
    while let Some((_, tag)) = rest.split_once('<') {
        let end = end_of_tag(tag);
        let (inside, after) = tag.split_at(end);
        rest = after;
        let value = || attribute(inside, "value");
        match inside.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default() {
            "MAC_ADDRESS" => file.mac = value(),
            "VERSION" => file.version = value(),
            "PROFILE_NAME" => file.profile_name = value(),
            "SYMB_ITEM" => file.items.extend(attribute(inside, "ID").zip(value())),
            _ => {}
        }
    }
    Some(file)
}

/// ISO-8859-1, unless the first line says UTF-8.
fn decode(bytes: &[u8]) -> String {
    let start: String = bytes.iter().take(100).map(|byte| char::from(*byte).to_ascii_lowercase()).collect();
    if start.contains("utf-8") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept += before;
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    kept + rest
}

/// Where the tag ends; a `>` between quotes does not count.
fn end_of_tag(tag: &str) -> usize {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match quote {
            None if c == '>' => return at,
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if open == c => quote = None,
            None | Some(_) => {}
        }
    }
    tag.len()
}

/// The value of an attribute, in either kind of quotes. Of entities only `&amp;` is known.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        let (before, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after.get(1..)?.split_once(quote)?;
        if before.split_whitespace().last() == Some(name) {
            return Some(value.replace("&amp;", "&"));
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(inside: &str) -> Vec<u8> {
        format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<ProviderFrame><Provider>{inside}</Provider></ProviderFrame>")
            .into_bytes()
    }

    #[test]
    fn the_head_and_the_items_are_read_in_both_kinds_of_quotes() {
        let file = parse(&frame(
            r#"<MAC_ADDRESS value="7C2F80CA21E4"/><VERSION value='2811121640'/>
            <PROFILE_NAME class="string" value="N720"/>
            <SYMB_ITEM ID="A[0]" class="symb_item" value='"1013"'/>
            <SYMB_ITEM value="0x02,0xB6" class="symb_item" ID="B"></SYMB_ITEM>"#,
        ))
        .unwrap();
        assert_eq!(file.mac.as_deref(), Some("7C2F80CA21E4"));
        assert_eq!(file.version.as_deref(), Some("2811121640"));
        assert_eq!(file.profile_name.as_deref(), Some("N720"));
        let items = [("A[0]".to_owned(), "\"1013\"".to_owned()), ("B".to_owned(), "0x02,0xB6".to_owned())];
        assert_eq!(file.items, items);
    }

    #[test]
    fn comments_hide_what_is_in_them() {
        let file =
            parse(&frame(r#"<!-- <SYMB_ITEM ID="A" value="1"/> --><SYMB_ITEM ID="B" value="2"/>"#)).unwrap();
        assert_eq!(file.items, [("B".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn only_the_ampersand_is_an_entity() {
        let file = parse(&frame(r#"<SYMB_ITEM ID="A" value="a&amp;b&quot;"/>"#)).unwrap();
        assert_eq!(file.items[0].1, "a&b&quot;");
    }

    #[test]
    fn a_sign_between_quotes_ends_no_tag() {
        let file =
            parse(&frame(r#"<SYMB_ITEM ID="A" value='"a>b"'/><SYMB_ITEM ID="B" value="1"/>"#)).unwrap();
        assert_eq!(file.items.len(), 2);
    }

    #[test]
    fn bytes_are_latin_one_unless_declared_otherwise() {
        let mut bytes = frame(r#"<SYMB_ITEM ID="A" value="?"/>"#);
        let at = bytes.iter().rposition(|byte| *byte == b'?').unwrap();
        bytes[at] = 0xE9;
        assert_eq!(parse(&bytes).unwrap().items[0].1, "é");
        let utf8 = String::from_utf8(frame(r#"<SYMB_ITEM ID="A" value="é"/>"#)).unwrap();
        assert_eq!(parse(utf8.replace("ISO-8859-1", "UTF-8").as_bytes()).unwrap().items[0].1, "é");
    }

    #[test]
    fn what_is_no_file_or_not_whole_is_none() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"<html><body>404</body></html>"), None);
        let whole = frame(r#"<SYMB_ITEM ID="A" value="1"/>"#);
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), None, "cut at {cut}");
        }
    }
}
