//! The body of `/profile_update_ajax.js`: how far the download that the web interface was asked for has come.

/// `state;http status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// 0 wait, 88 done, 99 to 104 failures (n720.md, section 4).
    pub state: u16,
    /// The status that the provisioning server answered, if shown.
    pub http_status: Option<u16>,
}

/// Reads the body; `None` if it is something else.
pub fn read(text: &str) -> Option<Progress> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '"' | '\''));
    let mut parts = text.split(';').map(str::trim);
    let state = parts.next()?.parse().ok()?;
    let http_status = match parts.next() {
        None | Some("") => None,
        Some(status) => Some(status.parse().ok()?),
    };
    parts.all(str::is_empty).then_some(Progress { state, http_status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_with_any_white_space() {
        for (text, state, http_status) in [
            ("0;0", 0, Some(0)),
            (" 88 ; 200\r\n", 88, Some(200)),
            ("101;404;", 101, Some(404)),
            ("104", 104, None),
            ("\u{feff}99;", 99, None),
        ] {
            assert_eq!(read(text), Some(Progress { state, http_status }), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_not_a_state() {
        for text in ["", ";", "x;1", "88;x", "88;200;1", "<html>", "-1;0"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
