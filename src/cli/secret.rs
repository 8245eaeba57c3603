//! `n720d secret set`: a secret from standard input into the keyring. It is never shown by us.

use std::io::{IsTerminal, Read};

use super::args::SecretSetArgs;
use super::{CliError, Exit, output};
use crate::domain::secret::Secret;
use crate::secrets::{KeyringError, store_in_keyring};

/// The most that is read.
const LARGEST: u64 = 64 * 1024;

/// Why a secret was not stored.
#[derive(Debug, thiserror::Error)]
enum SetError {
    #[error("the secret cannot be read from standard input")]
    Unreadable(#[source] std::io::Error),
    #[error("standard input is empty: give the secret on it, as in `n720d secret set NAME < FILE`")]
    Empty,
    #[error("standard input is more than 64 KiB")]
    TooLong,
    #[error("the secret has more than one line")]
    SeveralLines,
    #[error("keyring:{name} cannot be stored")]
    Keyring {
        name: String,
        #[source]
        source: KeyringError,
    },
}

/// Runs the command.
pub(super) fn set(args: &SecretSetArgs) -> Result<Exit, CliError> {
    let secret = asked(&format!("keyring:{}", args.name))?;
    store_in_keyring(&args.name, &secret)
        .map_err(|source| SetError::Keyring { name: args.name.clone(), source })
        .map_err(|error| CliError::Other(error.into()))?;
    output::line(format_args!("stored as keyring:{}", args.name))?;
    output::complaint(format_args!(
        "n720d: commands of this user see it; the shipped unit does not (KeyringMode=private, PrivateUsers=yes): for the \
         daemon put it into /etc/n720d/credentials/{0} and write credential:{0}",
        args.name.replace('/', "-")
    ));
    Ok(Exit::Fine)
}

/// A secret from standard input, for `what`.
///
/// # Errors
/// When there is none, or more than one line.
pub(super) fn asked(what: &str) -> Result<Secret, CliError> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        output::complaint(format_args!(
            "secret for {what} (one line, then Ctrl-D; it is shown as you type):"
        ));
    }
    taken(stdin.lock()).map_err(|error| CliError::Other(error.into()))
}

/// The whole input as a secret, less one newline at its end.
fn taken(input: impl Read) -> Result<Secret, SetError> {
    let mut text = String::new();
    input.take(LARGEST + 1).read_to_string(&mut text).map_err(SetError::Unreadable)?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if text.len() as u64 > LARGEST {
        Err(SetError::TooLong)
    } else if line.is_empty() {
        Err(SetError::Empty)
    } else if line.contains('\n') {
        Err(SetError::SeveralLines)
    } else {
        Ok(Secret::new(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_is_not_part_of_the_secret() {
        for input in ["hunter2", "hunter2\n", "hunter2\r\n"] {
            assert_eq!(taken(input.as_bytes()).unwrap().expose(), "hunter2", "{input:?}");
        }
        assert_eq!(taken(" a b \n".as_bytes()).unwrap().expose(), " a b ");
    }

    #[test]
    fn what_is_no_secret_is_refused_unshown() {
        for (input, says) in
            [("", "empty"), ("\n", "empty"), ("hunter2\nx\n", "one line"), ("hunter2\n\n", "one line")]
        {
            let text = taken(input.as_bytes()).unwrap_err().to_string();
            assert!(text.contains(says) && !text.contains("hunter2"), "{text}");
        }
        let long = "x".repeat(64 * 1024 + 1);
        assert!(matches!(taken(long.as_bytes()), Err(SetError::TooLong)));
        assert!(matches!(taken(&b"\xff"[..]), Err(SetError::Unreadable(_))));
    }
}
