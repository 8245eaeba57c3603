//! Bytes of a body to text. Knows charsets, not pages.

use encoding_rs::{Encoding, UTF_8};

/// Decodes a body: by its byte order mark, else as UTF-8 if it is that, else by the charset that the `Content-Type`
/// header or the page's own `<meta>` names, else as UTF-8 with replacement characters. NULs are dropped.
pub fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    let mut text = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => {
            encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default()).0.into_owned()
        }
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => named(bytes, content_type).decode_without_bom_handling(bytes).0.into_owned(),
        },
    };
    text.retain(|c| c != '\0');
    text
}

fn named(bytes: &[u8], content_type: Option<&str>) -> &'static Encoding {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    content_type
        .and_then(charset)
        .or_else(|| charset(&String::from_utf8_lossy(head)))
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .unwrap_or(UTF_8)
}

/// The label behind `charset=`.
fn charset(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (_, after) = lower.split_once("charset")?;
    let label = after.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let end = label
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | ':'))
        .unwrap_or(label.len());
    label.get(..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_charset_is_read_as_it_says() {
        let utf16: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("Gerät".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let table: [(&[u8], Option<&str>, &str); 8] = [
            ("Gerät".as_bytes(), None, "Gerät"),
            (b"\xef\xbb\xbfGer\xc3\xa4t", Some("text/html; charset=iso-8859-1"), "Gerät"),
            (b"Ger\xe4t", Some("text/html; charset=\"ISO-8859-1\""), "Gerät"),
            (b"<meta charset=latin1>Ger\xe4t", None, "<meta charset=latin1>Gerät"),
            (b"Ger\xe4t", Some("text/html; charset=utf-8"), "Ger\u{fffd}t"),
            (b"Ger\xe4t", Some("text/html; charset=nonsense"), "Ger\u{fffd}t"),
            (b"Ge\0r\0", None, "Ger"),
            (&utf16, None, "Gerät"),
        ];
        for (bytes, header, expected) in table {
            assert_eq!(decode(bytes, header), expected, "{bytes:?} {header:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_decode(bytes: Vec<u8>, header: Option<String>) {
            proptest::prop_assert!(!decode(&bytes, header.as_deref()).contains('\0'));
        }
    }
}
