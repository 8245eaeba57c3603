//! Nonces that the server need not remember: the time of making, sealed with a key that lives as long as the server.
//!
//! A nonce may be used more than once within its life. What that lets a listener repeat is a fetch of a file that they
//! have already seen going by in the clear.

use std::io;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::time::Instant;

/// How long a nonce is good for.
const LIFE: Duration = Duration::from_secs(300);

/// Bytes of the time in a nonce, and of the whole of it.
const TIME: usize = 8;
const WHOLE: usize = 24;

/// Makes nonces and knows its own again.
pub(super) struct NonceMint {
    key: [u8; 64],
    started: Instant,
}

impl NonceMint {
    /// A mint with a key of its own.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn new() -> io::Result<Self> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(|cause| io::Error::other(cause.to_string()))?;
        Ok(Self { key, started: Instant::now() })
    }

    /// A fresh nonce.
    pub(super) fn make(&self) -> String {
        let made = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).to_be_bytes();
        let seal = self.seal(&[b"nonce", &made]).finalize().into_bytes();
        made.iter().chain(seal.iter().take(WHOLE - TIME)).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether this nonce was made here and is still good.
    pub(super) fn is_good(&self, nonce: &str) -> bool {
        let Some(bytes) = hex_bytes(nonce).filter(|bytes| bytes.len() == WHOLE) else { return false };
        let (time, seal) = bytes.split_at(TIME);
        let genuine = self.seal(&[b"nonce", time]).verify_truncated_left(seal).is_ok();
        let Ok(time) = time.try_into() else { return false };
        let made = Duration::from_millis(u64::from_be_bytes(time));
        genuine && self.started.elapsed().checked_sub(made).is_some_and(|age| age <= LIFE)
    }

    /// Compares in a time that tells nothing of where two texts differ.
    pub(super) fn same(&self, a: &str, b: &str) -> bool {
        let b = self.seal(&[b"same", b.as_bytes()]).finalize().into_bytes();
        self.seal(&[b"same", a.as_bytes()]).verify_slice(&b).is_ok()
    }

    fn seal(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut seal = <Hmac<Sha256> as KeyInit>::new(&self.key.into());
        parts.iter().for_each(|part| seal.update(part));
        seal
    }
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    digits.map(|digits| {
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_nonce_is_good_for_five_minutes() {
        let mint = NonceMint::new().unwrap();
        let nonce = mint.make();
        assert_eq!(nonce.len(), 48);
        assert!(mint.is_good(&nonce));
        tokio::time::advance(LIFE).await;
        assert!(mint.is_good(&nonce));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!mint.is_good(&nonce));
        assert!(mint.is_good(&mint.make()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_nonce_made_up_or_changed_is_not_good() {
        let mint = NonceMint::new().unwrap();
        let nonce = mint.make();
        for at in [0, 15, 16, 47] {
            let other = if &nonce[at..=at] == "0" { "1" } else { "0" };
            let mut changed = nonce.clone();
            changed.replace_range(at..=at, other);
            assert!(!mint.is_good(&changed), "{changed}");
        }
        for bad in ["", "0", "zz", &nonce[..46], &format!("{nonce}00"), &"0".repeat(48)] {
            assert!(!mint.is_good(bad), "{bad}");
        }
        assert!(!NonceMint::new().unwrap().is_good(&nonce), "another server's key");
    }

    #[tokio::test]
    async fn comparing_tells_equal_from_different() {
        let mint = NonceMint::new().unwrap();
        assert!(mint.same("abc", "abc"));
        assert!(!mint.same("abc", "abd"));
        assert!(!mint.same("abc", "abcd"));
        assert!(mint.same("", ""));
    }
}
