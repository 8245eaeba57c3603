//! Breaking off a command at a terminal: whatever it was doing to a manager, it logs out first. The daemon has its own
//! way to leave, in `run`.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::device::n720::Driver;

/// Does the work, unless somebody breaks it off with Ctrl-C or SIGTERM. Then it is dropped, its session with the
/// manager is logged out, and there is no value. A second signal does not wait for the log-out.
pub(super) async fn unless_broken_off<T>(driver: &Driver, work: impl Future<Output = T>) -> Option<T> {
    let Ok(mut signals) = Signals::new() else { return Some(work.await) };
    tokio::select! {
        done = work => return Some(done),
        () = signals.next() => {}
    }
    tokio::select! {
        () = driver.drained() => {}
        () = signals.next() => {}
    }
    None
}

/// What people and service managers break a command off with.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_is_left_alone_is_done() {
        let driver = Driver::new(Duration::from_secs(1)).unwrap();
        assert_eq!(unless_broken_off(&driver, async { 7 }).await, Some(7));
    }
}
