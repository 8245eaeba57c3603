//! One run of a program: fed, listened to, and ended with its process group when its time is up. What its end means is the
//! caller's part.
//!
//! What a process has started belongs to its group unless it makes a session or group of its own (`setsid`, daemons, job
//! control). Such a process is not found again, which would take a control group: it runs on. Under systemd the stop of the
//! service ends it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Between asking a program to end and ending it.
const GRACE: Duration = Duration::from_secs(2);
/// For what a program has said before it ended, where something that it left behind still could say more; and for one that
/// was ended to be gone.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// Of what a program says last, in characters.
const LAST_WORDS: usize = 500;
/// That many bytes hold them in any case.
const KEPT: usize = 4 * LAST_WORDS;

/// How a run came to its end.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) how: How,
    /// The last that it wrote to standard error, in one line.
    pub(super) said: String,
}

/// The ways to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that is not ours.
    Signalled(i32),
    /// Its time was up.
    TimedOut,
}

/// Runs it with `input` on standard input; its standard output goes nowhere. It need not read, and may write without end.
///
/// Takes at most `within` and three seconds. Abandoned, it ends the program at once.
///
/// # Errors
/// The program cannot be started.
pub(super) async fn run(command: &mut Command, input: &[u8], within: Duration) -> io::Result<Ended> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let mut group = Group::of(&child);
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut last = LastWords::default();
    let status = {
        let mut aside = pin!(async { tokio::join!(feed(stdin, input), last.listen(stderr)) });
        let mut is_done = false;
        let mut end = pin!(end(&mut child, &group, within));
        let status = loop {
            tokio::select! {
                status = &mut end => break status,
                _ = &mut aside, if !is_done => is_done = true,
            }
        };
        if !is_done {
            timeout(AFTERWARDS, aside).await.ok();
        }
        status
    };
    group.is_over();
    let how = status?.map_or(How::TimedOut, how);
    Ok(Ended { how, said: last.into_line() })
}

/// Waits for the end, or brings it about; `None` if it had to.
async fn end(child: &mut Child, group: &Group, within: Duration) -> io::Result<Option<ExitStatus>> {
    if let Ok(status) = timeout(within, child.wait()).await {
        return status.map(Some);
    }
    group.signal(Signal::TERM);
    let ended = timeout(GRACE, child.wait()).await;
    // Also where the program itself has ended: what it has started may not have. As long as one of them lives, nobody else
    // gets their number.
    group.signal(Signal::KILL);
    if ended.is_err() {
        timeout(AFTERWARDS, child.wait()).await.ok();
    }
    Ok(None)
}

fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exited(code),
        (None, signal) => How::Signalled(signal.unwrap_or_default()),
    }
}

/// Gives all of it, or as much as is read: a program that knows enough from its environment need not read at all.
async fn feed(stdin: Option<impl AsyncWrite + Unpin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        stdin.write_all(input).await.ok();
        stdin.shutdown().await.ok();
    }
}

/// A program and what it has started and is still in its process group, which are ended together. Dropped before it is over,
/// it ends them.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // An error means that nobody is left.
            kill_process_group(group, signal).ok();
        }
    }

    fn is_over(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// The end of a stream of any length.
#[derive(Default)]
struct LastWords(Vec<u8>);

impl LastWords {
    async fn listen(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            self.0.extend(chunk.iter().take(read));
            let surplus = self.0.len().saturating_sub(KEPT);
            self.0.drain(..surplus);
        }
    }

    fn into_line(self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
        let line = words.collect::<Vec<_>>().join(" ");
        let surplus = line.chars().count().saturating_sub(LAST_WORDS);
        line.chars().skip(surplus).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(bytes: &[u8]) -> String {
        let mut last = LastWords::default();
        last.listen(Some(bytes)).await;
        assert!(last.0.len() <= KEPT);
        last.into_line()
    }

    #[tokio::test]
    async fn the_last_words_are_one_short_line() {
        assert_eq!(heard(b"").await, "");
        assert_eq!(heard(b"one\r\n\ttwo\x1b[31m\0three\n").await, "one two [31m three");
        let long = format!("{}{}", "x".repeat(100_000), "ä".repeat(LAST_WORDS));
        assert_eq!(heard(long.as_bytes()).await, "ä".repeat(LAST_WORDS));
        // Cut within a character, in front of what is kept.
        let odd = format!("{}x", "日".repeat(LAST_WORDS * 2));
        assert_eq!(heard(odd.as_bytes()).await.chars().count(), LAST_WORDS);
    }
}
