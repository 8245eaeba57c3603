//! The command sink: a program of the operator's, run once a message, with the JSON of the webhook on its standard input. No
//! shell: nothing of a message is ever part of a command line.
//!
//! The program runs as n720d does, in the same confinement. Under the shipped unit that means: it sees neither `/home` nor
//! devices (no serial modem), writes nowhere but to `/tmp` and `/var/lib/n720d`, cannot become another user (no `sudo`, no
//! set-uid `sendmail`), makes no memory both writable and executable (no JIT: Node.js, Java, .NET), and reaches private networks
//! only. What it needs beyond that goes into a drop-in; the unit names the settings.

mod process;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt};

use self::process::{Ended, How};
use super::body::Body;
use super::message::Message;
use super::settings::CommandSettings;
use super::sink::{FailureReason, Sink, SinkError};
use super::text;

/// What a program ends with that asks for another try: `EX_TEMPFAIL` of `sysexits.h`.
const ASKS_FOR_PATIENCE: i32 = 75;

/// What a program gets of our environment, and what instead where we have it not ourselves.
const PASSED_ON: [(&str, &str); 2] =
    [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8")];

/// Runs a program.
pub struct Command {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, OsString)>,
    timeout: Duration,
}

impl Command {
    /// A command sink; see [`CommandSettings`]. Runs nothing yet.
    pub fn new(name: impl Into<String>, settings: CommandSettings, timeout: Duration) -> Self {
        let CommandSettings { program, arguments } = settings;
        let of_ours =
            |(key, else_): (&'static str, &str)| (key, std::env::var_os(key).unwrap_or_else(|| else_.into()));
        let environment = PASSED_ON.into_iter().map(of_ours).collect();
        Self { name: name.into(), program, arguments, environment, timeout }
    }

    async fn run(&self, message: &Message) -> Result<(), SinkError> {
        let mut body = Body::of(message).to_json().map_err(|error| {
            SinkError::new(FailureReason::Malformed, format!("no JSON can be made of it: {error}"))
        })?;
        // What reads by the line, as shells do, takes a last line without an end for none.
        body.push('\n');
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir("/")
            .env_clear()
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .envs(told(message));
        let ended = process::run(&mut command, body.as_bytes(), self.timeout).await;
        ended.map_err(|error| self.not_run(&error)).and_then(|ended| self.judge(&ended))
    }

    fn judge(&self, ended: &Ended) -> Result<(), SinkError> {
        let (reason, what) = match ended.how {
            How::Exited(0) => return Ok(()),
            How::Exited(ASKS_FOR_PATIENCE) => {
                (FailureReason::RateLimited, format!("asks for another try (exit {ASKS_FOR_PATIENCE})"))
            }
            How::Exited(code) => (FailureReason::Server, format!("failed with exit {code}")),
            How::Signalled(signal) => (FailureReason::Server, format!("was ended by signal {signal}")),
            How::TimedOut => {
                let within = self.timeout;
                (FailureReason::Timeout, format!("was still running after {within:?} and was ended"))
            }
        };
        let said = if ended.said.is_empty() { String::new() } else { format!(": {}", ended.said) };
        // Whatever it ends with, it had the message, and may have passed it on before.
        let text = format!("{} {what}{said}", self.program.display());
        Err(SinkError::new(reason, text).in_doubt(true))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "there are very many, and all others pass")]
    fn not_run(&self, error: &io::Error) -> SinkError {
        let (reason, hint) = match error.kind() {
            io::ErrorKind::NotFound => (
                FailureReason::Rejected,
                "; neither it nor the interpreter in its first line may be missing, or below /home, which the shipped \
                 unit hides",
            ),
            io::ErrorKind::PermissionDenied => {
                (FailureReason::Rejected, "; the user n720d runs as must be allowed to execute it")
            }
            // Of what else can go wrong, all but this passes: too many processes, no memory, the file just being written.
            _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                (FailureReason::Rejected, "; a script begins with a line like #!/bin/sh")
            }
            _ => (FailureReason::Server, ""),
        };
        SinkError::new(reason, format!("cannot run {}: {error}{hint}", self.program.display()))
    }
}

impl Sink for Command {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        _now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        self.run(message).boxed()
    }

    fn names_each(&self) -> bool {
        true
    }
}

/// What a program that reads no JSON has to go by.
fn told(message: &Message) -> [(&'static str, String); 5] {
    [
        ("N720D_REASON", message.reason.as_str().to_owned()),
        ("N720D_SITE", message.subject.site().to_string()),
        ("N720D_SEVERITY", message.severity().to_string()),
        ("N720D_TITLE", text::title(message)),
        ("N720D_MESSAGE_ID", message.id.clone()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let settings = CommandSettings { program: "/usr/local/lib/page".into(), arguments: Vec::new() };
        Command::new("pager", settings, Duration::from_secs(10))
    }

    #[test]
    fn every_end_is_told_apart() {
        for (how, reason, words) in [
            (How::Exited(75), FailureReason::RateLimited, "asks for another try (exit 75): busy"),
            (How::Exited(1), FailureReason::Server, "failed with exit 1: busy"),
            (How::Exited(127), FailureReason::Server, "failed with exit 127: busy"),
            (How::Signalled(9), FailureReason::Server, "was ended by signal 9: busy"),
            (How::TimedOut, FailureReason::Timeout, "was still running after 10s and was ended: busy"),
        ] {
            let error = command().judge(&Ended { how, said: "busy".into() }).unwrap_err();
            assert_eq!(error, SinkError::new(reason, format!("/usr/local/lib/page {words}")).in_doubt(true));
            assert!(error.is_retryable() && !reason.needs_a_person());
        }
        assert_eq!(command().judge(&Ended { how: How::Exited(0), said: "busy".into() }), Ok(()));
        let silent = Ended { how: How::Exited(2), said: String::new() };
        assert_eq!(command().judge(&silent).unwrap_err().text, "/usr/local/lib/page failed with exit 2");
    }

    #[test]
    fn what_cannot_be_run_needs_a_person_unless_it_passes() {
        for (errno, needs_a_person) in [
            (rustix::io::Errno::NOENT, true),
            (rustix::io::Errno::ACCESS, true),
            (rustix::io::Errno::NOEXEC, true),
            (rustix::io::Errno::AGAIN, false),
            (rustix::io::Errno::NOMEM, false),
            (rustix::io::Errno::TXTBSY, false),
        ] {
            let error = command().not_run(&errno.into());
            assert_eq!(error.reason.needs_a_person(), needs_a_person, "{error}");
            assert!(!error.may_have_been_taken, "{error}");
            assert!(
                error.is_retryable() && error.text.starts_with("cannot run /usr/local/lib/page: "),
                "{error}"
            );
        }
    }
}
