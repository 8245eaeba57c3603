//! Splits markup into tags, text and comments the way a browser does, in one pass and without a tree.
//!
//! What stands inside `<script>` and its like is one piece of raw text, so markup within a script's strings is never
//! taken for markup of the page. Knows nothing of any page.

/// One piece of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text between tags, entities as written.
    Text(&'a str),
    /// A start tag; `raw` is the whole of it.
    Open { name: &'a str, raw: &'a str },
    /// An end tag; `raw` is the whole of it.
    Close { name: &'a str, raw: &'a str },
    /// The text inside an element whose content is not markup.
    Raw { name: &'a str, text: &'a str },
    /// A comment, a doctype, a processing instruction.
    Comment,
    /// A tag, comment or script that the text ended in.
    Broken,
}

/// Elements whose content is text up to their own end tag.
const RAW: [&str; 9] =
    ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript"];

/// The tokens of a text, in order. Never panics, and reads each byte a bounded number of times.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    raw: Option<&'a str>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, raw: None }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn end(&mut self) -> Token<'a> {
        self.at = self.text.len();
        Token::Broken
    }

    fn raw_text(&mut self, name: &'a str) -> Option<Token<'a>> {
        let rest = self.rest();
        let Some(length) = raw_length(rest, name) else { return Some(self.end()) };
        self.at += length;
        (length > 0).then(|| Token::Raw { name, text: rest.get(..length).unwrap_or("") })
    }

    fn markup(&mut self) -> Token<'a> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        match bytes.get(1) {
            Some(b'!') if rest.starts_with("<!--") => match comment_length(rest) {
                Some(length) => self.take(length, |_| Token::Comment),
                None => self.end(),
            },
            Some(b'!' | b'?') => self.bogus(rest),
            Some(b'/') if bytes.get(2).is_some_and(u8::is_ascii_alphabetic) => self.tag(rest, 2),
            Some(b'/') => self.bogus(rest),
            Some(letter) if letter.is_ascii_alphabetic() => self.tag(rest, 1),
            _ => self.take(1, Token::Text),
        }
    }

    fn bogus(&mut self, rest: &'a str) -> Token<'a> {
        match rest.find('>') {
            Some(end) => self.take(end + 1, |_| Token::Comment),
            None => self.end(),
        }
    }

    fn tag(&mut self, rest: &'a str, name_at: usize) -> Token<'a> {
        let name_end = rest
            .bytes()
            .skip(name_at)
            .position(|b| b.is_ascii_whitespace() || b == b'/' || b == b'>')
            .map_or(rest.len(), |length| name_at + length);
        let Some(length) = tag_length(rest.as_bytes(), name_end) else { return self.end() };
        let name = rest.get(name_at..name_end).unwrap_or("");
        let raw = rest.get(..length).unwrap_or("");
        self.at += length;
        if name_at == 2 {
            return Token::Close { name, raw };
        }
        if RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
            self.raw = Some(name);
        }
        Token::Open { name, raw }
    }

    fn take(&mut self, length: usize, make: impl Fn(&'a str) -> Token<'a>) -> Token<'a> {
        let piece = self.rest().get(..length).unwrap_or("");
        self.at += length;
        make(piece)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(token) = self.raw.take().and_then(|name| self.raw_text(name)) {
            return Some(token);
        }
        let rest = self.rest();
        match rest.find('<') {
            _ if rest.is_empty() => None,
            Some(0) => Some(self.markup()),
            Some(text) => Some(self.take(text, Token::Text)),
            None => Some(self.take(rest.len(), Token::Text)),
        }
    }
}

/// How long the raw text of an element is: up to `</name` that ends in white space, `/` or `>`.
fn raw_length(rest: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + rest.get(from..)?.find("</")?;
        let after = rest.as_bytes().get(at + 2..)?;
        let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>');
        if after.len() > name.len()
            && after.iter().zip(name.bytes()).all(|(a, b)| a.eq_ignore_ascii_case(&b))
            && after.get(name.len()).is_some_and(ends)
        {
            return Some(at);
        }
        from = at + 2;
    }
}

/// How long a comment is, from `<!--` to its end.
fn comment_length(rest: &str) -> Option<usize> {
    if rest.starts_with("<!-->") {
        return Some(5);
    }
    if rest.starts_with("<!--->") {
        return Some(6);
    }
    let mut from = 4;
    loop {
        from += rest.get(from..)?.find("--")? + 2;
        let after = rest.get(from..)?;
        if after.starts_with('>') {
            return Some(from + 1);
        }
        if after.starts_with("!>") {
            return Some(from + 2);
        }
        // The second dash may be the first of the two that end it.
        from -= 1;
    }
}

/// Where a tag ends: behind the first `>` outside an attribute's quotes.
fn tag_length(tag: &[u8], name_end: usize) -> Option<usize> {
    let mut at = name_end;
    loop {
        at = skip(tag, at, |b| b.is_ascii_whitespace() || b == b'/');
        if *tag.get(at)? == b'>' {
            return Some(at + 1);
        }
        at = attribute(tag, at).end;
    }
}

/// One attribute of a tag, as byte ranges.
struct Attribute {
    name: std::ops::Range<usize>,
    value: std::ops::Range<usize>,
    end: usize,
}

fn skip(tag: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    tag.iter().skip(from).position(|b| !wanted(*b)).map_or(tag.len(), |length| from + length)
}

fn attribute(tag: &[u8], from: usize) -> Attribute {
    // A name may begin with `=`: browsers take it as part of the name.
    let name_end = skip(tag, from + 1, |b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>' | b'='));
    let name = from..name_end;
    let equals = skip(tag, name_end, |b| b.is_ascii_whitespace());
    if tag.get(equals) != Some(&b'=') {
        return Attribute { name, value: name_end..name_end, end: equals };
    }
    let start = skip(tag, equals + 1, |b| b.is_ascii_whitespace());
    match tag.get(start) {
        Some(&quote @ (b'"' | b'\'')) => {
            let end = skip(tag, start + 1, |b| b != quote);
            Attribute { name, value: start + 1..end, end: (end + 1).min(tag.len()) }
        }
        _ => {
            let end = skip(tag, start, |b| !b.is_ascii_whitespace() && b != b'>');
            Attribute { name, value: start..end, end }
        }
    }
}

/// The attributes of a start tag: name in lower case, and where its value stands in `raw`.
pub(super) fn attributes(raw: &str) -> Vec<(String, std::ops::Range<usize>)> {
    let tag = raw.as_bytes();
    let mut found = Vec::new();
    let mut at = skip(tag, 1, |b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>'));
    loop {
        at = skip(tag, at, |b| b.is_ascii_whitespace() || b == b'/');
        if tag.get(at).is_none_or(|b| *b == b'>') {
            return found;
        }
        let next = attribute(tag, at);
        at = next.end;
        found.push((raw.get(next.name).unwrap_or("").to_ascii_lowercase(), next.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        Tokens::new(text).map(|token| format!("{token:?}")).collect()
    }

    #[test]
    fn tags_text_and_comments_come_apart() {
        let found: Vec<_> = Tokens::new("<!-- <p> --><!DOCTYPE html><P a='>'>x</P >y").collect();
        assert_eq!(
            found,
            [
                Token::Comment,
                Token::Comment,
                Token::Open { name: "P", raw: "<P a='>'>" },
                Token::Text("x"),
                Token::Close { name: "P", raw: "</P >" },
                Token::Text("y"),
            ]
        );
    }

    #[test]
    fn markup_inside_a_script_is_text() {
        let found: Vec<_> = Tokens::new("<SCRIPT>a('<td></scriptx>')</script >b").collect();
        assert_eq!(found[1], Token::Raw { name: "SCRIPT", text: "a('<td></scriptx>')" });
        assert_eq!(found[3], Token::Text("b"));
    }

    #[test]
    fn what_the_text_ends_in_is_broken() {
        for text in ["<td class", "<td class='x>", "<!-- x", "<script>var a", "</html", "<!x"] {
            assert_eq!(Tokens::new(text).last(), Some(Token::Broken), "{text}");
        }
    }

    #[test]
    fn comments_end_as_in_a_browser() {
        for (text, rest) in [
            ("<!-->a", "a"),
            ("<!--->a", "a"),
            ("<!-- x --->a", "a"),
            ("<!-- > -- > --!>a", "a"),
            ("<!-- <!-- -->a-->", "a-->"),
        ] {
            assert_eq!(Tokens::new(text).nth(1), Some(Token::Text(rest)), "{text}");
        }
    }

    #[test]
    fn a_lone_angle_is_text() {
        assert_eq!(
            names("a < b <3 <"),
            ["Text(\"a \")", "Text(\"<\")", "Text(\" b \")", "Text(\"<\")", "Text(\"3 \")", "Text(\"<\")"]
        );
    }

    #[test]
    fn attributes_in_every_quoting() {
        let raw = r#"<input Type=text value="a>b" name='n' checked disabled = x/>"#;
        let found: Vec<_> =
            attributes(raw).into_iter().map(|(name, value)| (name, raw[value].to_owned())).collect();
        let expected =
            [("type", "text"), ("value", "a>b"), ("name", "n"), ("checked", ""), ("disabled", "x/")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_split_without_loss(text in "[<>/!a-c =\"'\\-é]{0,60}") {
            let length: usize = Tokens::new(&text).map(|token| match token {
                Token::Text(piece) | Token::Raw { text: piece, .. } => piece.len(),
                Token::Open { raw, .. } | Token::Close { raw, .. } => raw.len(),
                Token::Comment | Token::Broken => 0,
            }).sum();
            proptest::prop_assert!(length <= text.len());
        }
    }
}
