//! Breaking off a command at a terminal: whatever it was doing to a manager, it logs out first. The daemon has its own
//! way to leave, in `run`.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::device::n720::Driver;

/// How long the log-outs may take, a login that is under way included. As long as a stop of the daemon.
const LOG_OUT_WITHIN: Duration = Duration::from_secs(18);

/// What a command was broken off with. The manager was logged out of, or told so as far as it listened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenOff {
    /// SIGINT: Ctrl-C.
    #[error("broken off by Ctrl-C")]
    Interrupt,
    /// SIGTERM.
    #[error("broken off by SIGTERM")]
    Terminate,
    /// SIGHUP: the terminal is gone.
    #[error("broken off, the terminal is gone")]
    HangUp,
}

/// Does the work, unless somebody breaks it off; then it is dropped. Returns when every session is logged out of,
/// whatever came of the work: an error may have left one behind. A second signal does not wait for that.
pub(super) async fn unless_broken_off<T>(
    driver: &Driver,
    work: impl Future<Output = T>,
) -> Result<T, BrokenOff> {
    let mut signals = Signals::new();
    let outcome = tokio::select! {
        done = work => Ok(done),
        how = signals.next() => Err(how),
    };
    tokio::select! {
        drained = timeout(LOG_OUT_WITHIN, driver.drained()) => if drained.is_err() {
            tracing::warn!("a manager could not be logged out of in time; it ends the session after ten minutes");
        },
        _ = signals.next(), if outcome.is_err() => {}
    }
    outcome
}

/// What people and service managers break a command off with. A signal that cannot be caught does what it always does.
struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
}

impl Signals {
    fn new() -> Self {
        let of = |kind| signal(kind).ok();
        Self {
            interrupt: of(SignalKind::interrupt()),
            terminate: of(SignalKind::terminate()),
            hang_up: of(SignalKind::hangup()),
        }
    }

    async fn next(&mut self) -> BrokenOff {
        tokio::select! {
            () = came(self.interrupt.as_mut()) => BrokenOff::Interrupt,
            () = came(self.terminate.as_mut()) => BrokenOff::Terminate,
            () = came(self.hang_up.as_mut()) => BrokenOff::HangUp,
        }
    }
}

async fn came(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_is_left_alone_is_done() {
        let driver = Driver::new(Duration::from_secs(1)).unwrap();
        assert_eq!(unless_broken_off(&driver, async { 7 }).await, Ok(7));
    }
}
