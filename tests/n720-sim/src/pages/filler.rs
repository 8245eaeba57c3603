//! Inline scripts by the hundred kilobytes, as the heads of the real pages have them.
//!
//! They hold what tempts a careless reader: table rows in strings, identities in comments, half-open tags.

use std::fmt::Write as _;
use std::sync::OnceLock;

/// More than any page needs.
const STOCK: usize = 280_000;

/// Script of exactly this many bytes (as far as the stock goes), ending with a line.
pub(crate) fn script(bytes: usize) -> String {
    static ALL: OnceLock<String> = OnceLock::new();
    let all = ALL.get_or_init(stock);
    let bytes = bytes.min(all.len());
    let whole = all.get(..bytes).and_then(|part| part.rfind('\n')).map_or(0, |at| at + 1);
    let mut text = all.get(..whole).unwrap_or_default().to_owned();
    // The last line is a comment that fills up what is left.
    let left = bytes - whole;
    if left >= 4 {
        let _ = write!(text, "//{}\r\n", "-".repeat(left - 4));
    }
    text
}

fn stock() -> String {
    let mut text = String::with_capacity(STOCK + 1000);
    text += "function writeEditfield(html, style) { document.write(html); }\r\n\
             function writeButton(html) { document.write(html); }\r\n\
             function init() { if (document.forms['gigaset']) { loaded = 1; } }\r\n\
             var row = '<tr><td colspan=\"2\" class=\"colspan\"><h4 class=\"first\">' + title + '</h4></td></tr>';\r\n\
             // example: 02 3C 4D 5E 6F\r\n\
             var box = \"<div id='un\" + i + \"'>\" + name[i] + '<\\/div>';\r\n";
    let mut line = 0;
    while text.len() < STOCK {
        let _ = match line % 5 {
            0 => write!(text, "var text_{line} = \"Message number {line}: the value is not valid\";\r\n"),
            1 => write!(
                text,
                "function check_{line}(field) {{ if (field.value.length > {}) {{ return false; }} return true; }}\r\n",
                line % 74
            ),
            2 => write!(text, "help[{line}] = '<p>' + text_{} + '<\\/p>';\r\n", line - 2),
            3 => write!(
                text,
                "\tif (i < {line} && document.getElementById('cell_{line}')) show('cell_{line}', 1);\r\n"
            ),
            _ => write!(
                text,
                "tones[{line}] = new Array(0x{line:04X}, 0x{:04X}, 0x{:04X});\r\n",
                line * 3,
                line * 7
            ),
        };
        line += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_met_to_a_few_bytes() {
        for bytes in [0, 3, 4, 100, 5000, 250_000] {
            let made = script(bytes).len();
            assert!(made <= bytes && bytes - made < 4, "{bytes} asked, {made} made");
        }
    }

    #[test]
    fn the_scripts_end_no_script() {
        assert!(!stock().contains("</script"));
        assert!(stock().is_ascii());
    }
}
