//! `n720-sim`: simulated DECT managers from a scenario file, for demos and for tests from outside.
//!
//! Nothing but the command line; the devices are in the library.

use clap::Parser;
use n720_sim::control::{Control, listing};
use n720_sim::{Scenario, SimError};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// Simulates Gigaset N720 DECT managers.
///
/// Starts every device of a scenario file, prints one line of JSON for each on standard output
/// ({"device", "mac", "url", "sip"}), then one for the control port ({"control"}), then {"ready": true}; and
/// runs until its time is over, somebody posts to /stop on the control port, or it is interrupted. It never
/// runs for ever.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLE)]
struct Arguments {
    /// The scenario: a TOML file with one [[device]] or more.
    scenario: String,
    /// Where the control port listens (HTTP and JSON, loopback only); port 0 is any free port.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// How long to run, like 90, 90s, 5m or 1h.
    #[arg(long = "for", value_name = "TIME", default_value = "120s", value_parser = time)]
    time: Duration,
}

const EXAMPLE: &str = r#"A scenario:
  [timing]                    # seconds; what is missing is as on the real device
  settle_s = 5                # until a changed reservation acts (real: 180)
  [[device]]
  name = "praxis"
  mac = "7C2F80CA21E4"
  web = "127.0.10.1:8080"     # the web interface; the password is "admin" unless set
  [[device.account]]
  slot = 1
  user = "1013"
  [[device.handset]]
  ipui = "02 B6 EC 8A A5"
  arrives_after_window_s = 3  # after the window opened; without it: on demand

Orders on the control port:
  curl -s $CONTROL/state
  curl -s "$CONTROL/journal?device=praxis&since=0"
  curl -s $CONTROL/arrive -d '{"device": "praxis", "ipui": "02 B6 EC 8A A5"}'
  curl -s $CONTROL/fault  -d '{"device": "praxis", "kind": "person_logged_in", "for_ms": 20000}'

README.md beside the source lists all keys, orders and faults."#;

/// A number of seconds, or with one of the letters s, m, h.
fn time(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, text.chars().last()),
        None => (text, None),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a time like 90s, 5m or 1h".to_owned())?;
    let factor = match unit {
        Some('h') => 3600,
        Some('m') => 60,
        Some(_) | None => 1,
    };
    let seconds = number.checked_mul(factor).filter(|seconds| (1..=86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "expected a time from 1s to 24h".to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the lines on standard output are what this program is for")]
async fn run(arguments: Arguments) -> Result<(), SimError> {
    let devices = Scenario::read(&arguments.scenario)?.start().await?;
    for device in &devices {
        println!("{}", listing(device));
    }
    let control = Control::start(arguments.control, devices).await?;
    println!("{}", serde_json::json!({ "control": format!("http://{}", control.addr()) }));
    println!("{}", serde_json::json!({ "ready": true }));
    tokio::select! {
        () = control.stopped() => {}
        () = tokio::time::sleep(arguments.time) => {}
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a program that cannot start says why, once")]
fn complain(error: &SimError) {
    match std::error::Error::source(error) {
        Some(source) => eprintln!("n720-sim: {error}: {source}"),
        None => eprintln!("n720-sim: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_bounds() {
        assert_eq!(time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(time("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(time("1h"), Ok(Duration::from_secs(3600)));
        for text in ["", "s", "0", "25h", "x", "-1s", "99999999999999999999h", "18446744073709551615h"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_arguments_are_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_example_in_the_help_is_a_scenario() {
        let toml = EXAMPLE.split_once("A scenario:\n").unwrap().1.split_once("\n\n").unwrap().0;
        Scenario::parse("help", toml).unwrap();
    }
}
