//! The one file that says anything about the web password, and nothing else; or nothing at all, to take its place.
//!
//! It is a function of its own, with a password for an argument: [`super::ReleaseContent`] has no place for one, so that
//! no release made from a site file can lock anybody out.

use super::{file, line};
use crate::domain::ids::Mac;
use crate::domain::release::Version;
use crate::domain::rotation::LONGEST_PASSWORD;
use crate::domain::secret::Secret;

/// The web password. (n720.md, section 2)
const WEB_PASSWORD: &str = "BS_CUSTOM.WebUIPassword";

/// A web password that the device does not take. Nothing of it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the new web password is not of 1 to {LONGEST_PASSWORD} letters and digits")]
pub struct PasswordError;

/// Writes the provisioning file that sets this web password and mentions nothing else, or, with `None`, one that
/// mentions nothing.
///
/// # Errors
/// When the device would not take the password: it passes such a line over, silently.
pub fn render_password(
    mac: Mac,
    version: &Version,
    password: Option<&Secret>,
) -> Result<Vec<u8>, PasswordError> {
    let Some(password) = password.map(Secret::expose) else { return Ok(file(mac, version, &[])) };
    let fits = (1..=LONGEST_PASSWORD).contains(&password.len())
        && password.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !fits {
        return Err(PasswordError);
    }
    Ok(file(mac, version, &[line::string(WEB_PASSWORD.to_owned(), password).to_string()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(password: Option<&str>) -> Result<String, PasswordError> {
        let version = "2811121640".parse().unwrap();
        render_password("7C2F80CA21E4".parse().unwrap(), &version, password.map(Secret::new).as_ref())
            .map(|file| String::from_utf8(file).unwrap())
    }

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n\
        <ProviderFrame xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"N720_general.xsd\">\n  \
        <Provider>\n    <MAC_ADDRESS value=\"7C2F80CA21E4\"/>\n    <VERSION value=\"2811121640\"/>\n";
    const TAIL: &str = "  </Provider>\n</ProviderFrame>\n";

    #[test]
    fn it_sets_the_password_and_mentions_nothing_else() {
        let symbol =
            "    <SYMB_ITEM ID=\"BS_CUSTOM.WebUIPassword\" class=\"symb_item\" value='\"abcXYZ0189\"'/>\n";
        assert_eq!(rendered(Some("abcXYZ0189")).unwrap(), format!("{HEAD}{symbol}{TAIL}"));
        assert_eq!(rendered(None).unwrap(), format!("{HEAD}{TAIL}"));
    }

    #[test]
    fn what_the_device_passes_over_is_refused_unshown() {
        for password in ["", "a-b", "pass word", "Käse", "abcdefghijklmnopqrstu"] {
            let error = rendered(Some(password)).unwrap_err().to_string();
            assert!(password.is_empty() || !error.contains(password), "{error}");
        }
        assert!(rendered(Some("abcdefghijklmnopqrst")).is_ok());
    }
}
