//! The provisioning file of an N720: from what it is to say ([`ReleaseContent`]) to the bytes that the manager
//! downloads. Pure: same content, same bytes; no clock, no I/O, no decision about what to say.
#![deny(clippy::disallowed_methods)]

mod compose;
mod error;
mod line;
mod password;
mod value;

pub use error::{Place, RenderError};
pub use password::{PasswordError, render_password};

use self::line::Line;
use crate::domain::content::ReleaseContent;
use crate::domain::ids::Mac;
use crate::domain::release::Version;

/// The profile name in every file; the device takes at most 20 characters.
const PROFILE_NAME: &str = "N720";

/// Whether passwords are written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As `********`: for eyes. Such a file must never be served.
    Mask,
    /// As they are: for the device.
    Reveal,
}

/// Writes the provisioning file: complete, well-formed XML in ISO-8859-1 that mentions what is in `content` and
/// nothing else, because what a file does not mention stays as it is on the device.
///
/// # Errors
/// Every finding at once, in the order of the file: values that the device cannot hold or that its parser, which is
/// not a strict XML parser, may misread; a window without any reservation (it would block registration by hand).
pub fn render(
    content: &ReleaseContent,
    version: &Version,
    secrets: Secrets,
) -> Result<Vec<u8>, Vec<RenderError>> {
    let mut lines = vec![format!("<PROFILE_NAME class=\"string\" value=\"{PROFILE_NAME}\"/>")];
    lines.extend(compose::lines(content, secrets)?.iter().map(Line::to_string));
    Ok(file(content.mac, version, &lines))
}

/// A whole file for this manager, with these lines in it.
fn file(mac: Mac, version: &Version, lines: &[String]) -> Vec<u8> {
    let mut text = String::with_capacity(512 + 128 * lines.len());
    text.push_str(concat!(
        r#"<?xml version="1.0" encoding="ISO-8859-1"?>"#,
        "\n",
        r#"<ProviderFrame xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" "#,
        r#"xsi:noNamespaceSchemaLocation="N720_general.xsd">"#,
        "\n  <Provider>\n",
    ));
    text.push_str(&format!("    <MAC_ADDRESS value=\"{mac}\"/>\n"));
    text.push_str(&format!("    <VERSION value=\"{version}\"/>\n"));
    for line in lines {
        text.push_str(&format!("    {line}\n"));
    }
    text.push_str("  </Provider>\n</ProviderFrame>\n");
    value::latin1(&text)
}

#[cfg(test)]
mod lockout_tests;
#[cfg(test)]
mod tests;
