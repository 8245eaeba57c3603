//! `make demo`: n720d at its main job, on simulated N720s, from nothing to registered handsets.
//!
//! The real binary runs as a daemon with its embedded store in a temporary folder; three simulated managers, with
//! people and handsets around them, stand in for the hardware. The story has bounded waits: it ends with 0 when
//! everything happened, and says what did not otherwise. It has no features of its own.

mod failure;
mod hook;
mod program;
mod proof;
mod scene;
mod story;
mod teller;
mod watcher;

use std::process::ExitCode;

use crate::failure::{Doing, Failure};
use crate::teller::Teller;

#[tokio::main]
async fn main() -> ExitCode {
    let mut teller = Teller::new();
    let folder = match tempfile::Builder::new().prefix("n720d-demo-").tempdir().doing("make a folder") {
        Ok(folder) => folder,
        Err(failure) => return give_up(&teller, &failure),
    };
    match story::tell(&mut teller, folder.path()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let kept = folder.keep();
            let code = give_up(&teller, &failure);
            teller.say(&format!("Files, state and the daemon's log are kept in {}.", kept.display()));
            code
        }
    }
}

fn give_up(teller: &Teller, failure: &Failure) -> ExitCode {
    teller.heading("The demo failed");
    teller.say(&failure.in_full());
    ExitCode::FAILURE
}
