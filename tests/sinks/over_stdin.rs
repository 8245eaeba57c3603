//! The row of the contract's table for programs that are run: a shell's script is the receiver.

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use n720d::alerting::{CommandSettings, Message, SinkKind};
use tempfile::TempDir;

use crate::contract::{Candidate, Peer, Trouble};
use crate::log::Log;

/// A folder with a file for every message, `0`, `1`, …
struct Folder(TempDir);

impl Peer for Folder {
    fn taken<'a>(&'a self, sent: &'a [Message], _log: &'a Log) -> LocalBoxFuture<'a, Vec<String>> {
        let read = |number: usize| std::fs::read_to_string(self.0.path().join(number.to_string())).unwrap();
        ready((0..sent.len()).map(read).collect()).boxed_local()
    }
}

pub(crate) fn well() -> LocalBoxFuture<'static, Option<Candidate>> {
    ready(Some(script("/bin/sh", r#"number=$(ls "$1" | wc -l); cat > "$1/$number""#))).boxed_local()
}

pub(crate) fn ill(trouble: Trouble) -> LocalBoxFuture<'static, Option<Candidate>> {
    let candidate = match trouble {
        Trouble::Silent => Some(script("/bin/sh", "exec sleep 600")),
        Trouble::Broken => Some(script("/bin/sh", "echo no modem >&2; exit 1")),
        Trouble::Busy => Some(script("/bin/sh", "echo line is busy >&2; exit 75")),
        Trouble::Rejected => Some(script("/nonexistent/page", "")),
        // There is nobody behind a program who could do that.
        Trouble::Refused | Trouble::Auth | Trouble::Redirected | Trouble::Untrusted => None,
    };
    ready(candidate).boxed_local()
}

fn script(program: &str, text: &str) -> Candidate {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["-c", text, "sh", folder.path().to_str().unwrap()].map(str::to_owned).to_vec();
    let kind = SinkKind::Command(CommandSettings { program: program.into(), arguments });
    Candidate { kind, peer: Box::new(Folder(folder)) }
}
