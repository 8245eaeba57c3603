//! New passwords, out of the system's randomness.

use crate::domain::rotation;
use crate::domain::secret::Secret;

/// Random bytes to make a password from: one in 32 is of no use, and far more are left than it takes.
const BYTES: usize = 64;

/// The system gave no randomness.
#[derive(Debug, thiserror::Error)]
pub enum RandomError {
    /// It refused.
    #[error("cannot get random bytes for a new password")]
    System(#[source] getrandom::Error),
    /// It gave what cannot be random.
    #[error("cannot make a new password: the random bytes are of no use")]
    Useless,
}

/// A new web password, as long as the device keeps.
///
/// # Errors
/// When the system gives no randomness.
pub fn web_password() -> Result<Secret, RandomError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(RandomError::System)?;
    rotation::password_from(bytes).ok_or(RandomError::Useless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_password_is_another_one() {
        let all: std::collections::BTreeSet<String> =
            (0..100).map(|_| web_password().unwrap().expose().to_owned()).collect();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|password| password.len() == 20));
    }
}
