//! Enrolment: setting where the manager fetches its provisioning file from, and keeping everything else on that page.
//!
//! The page also starts and plans firmware updates, by its hidden `action`: that keeps the value shown, and a page that
//! is not understood in full is not posted.

use super::failure::PageFailure;
use super::observe::{CONFIG_URL, FIRMWARE_UPDATE, on_a_thread};
use super::pages::forms::Form;
use super::session::Session;

/// The longest configuration file URL that the device takes, in bytes.
const LONGEST_URL: usize = 255;

/// Why a manager was not enrolled. The URL is in none of these: its path is what keeps strangers from the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// The URL is not one that the device can keep.
    #[error("the configuration file URL cannot be set: {0}")]
    Url(&'static str),
    /// The page could not be had; nothing was posted.
    #[error("{FIRMWARE_UPDATE} could not be read, nothing was changed")]
    Page(#[source] PageFailure),
    /// The page came and was not understood; nothing was posted.
    #[error("{FIRMWARE_UPDATE} was not understood, nothing was changed: {0}")]
    NotUnderstood(String),
    /// It was posted, and could not be read back: whether it is set is not known.
    #[error("the configuration file URL was posted, but not seen to be kept: {0}")]
    Unverified(String),
    /// It was posted, and the page shows something else.
    #[error("the configuration file URL was posted, but {FIRMWARE_UPDATE} shows another one")]
    NotKept,
}

impl Session {
    /// Makes the manager fetch its file from `url` (at most 255 bytes). Does nothing if it does so already.
    pub async fn enrol(&mut self, url: &str) -> Result<(), EnrolError> {
        check(url)?;
        let text = self.page(FIRMWARE_UPDATE).await.map_err(EnrolError::Page)?;
        let mut form = read(text).await.map_err(EnrolError::NotUnderstood)?;
        if form.get(CONFIG_URL) == Some(url) {
            return Ok(());
        }
        form.set(CONFIG_URL, url);
        form.keep_passwords();
        // Whatever the POST came to, the page itself says what is set.
        let posted = self.submit(FIRMWARE_UPDATE, form.fields(), FIRMWARE_UPDATE).await;
        let unverified = |reason: String| match &posted {
            Ok(_) => EnrolError::Unverified(reason),
            Err(failure) => EnrolError::Unverified(format!("{failure}; then {reason}")),
        };
        let text = self.page(FIRMWARE_UPDATE).await.map_err(|failure| unverified(failure.to_string()))?;
        let kept = read(text).await.map_err(unverified)?;
        if kept.get(CONFIG_URL) == Some(url) { Ok(()) } else { Err(EnrolError::NotKept) }
    }
}

fn check(url: &str) -> Result<(), EnrolError> {
    let has_host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    if url.len() > LONGEST_URL {
        Err(EnrolError::Url("it is longer than 255 bytes"))
    } else if has_host.is_none_or(str::is_empty) {
        Err(EnrolError::Url("it does not begin with http:// or https:// and a host"))
    } else if !url.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'\\')) {
        Err(EnrolError::Url("it holds a character that the device cannot keep"))
    } else {
        Ok(())
    }
}

/// The page's form, if it is the one that sets the URL.
async fn read(text: String) -> Result<Form, String> {
    on_a_thread(text, |text| {
        let form = Form::read(text).map_err(|error| error.to_string())?;
        for name in [CONFIG_URL, "action"] {
            if form.get(name).is_none() {
                return Err(format!("it has no field {name}"));
            }
        }
        Ok(form)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_must_be_one_that_the_device_keeps() {
        assert_eq!(check("http://192.168.1.9:8080/p/abc/%MACD.xml"), Ok(()));
        let long = format!("http://h/{}", "x".repeat(LONGEST_URL));
        for url in ["", "http://", "ftp://h/x", "http://h/a b", "http://h/\"", "http://h/ä", &long] {
            assert!(matches!(check(url), Err(EnrolError::Url(_))), "{url}");
        }
    }
}
