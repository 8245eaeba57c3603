//! Judgement from outside: recorded stories with their expected verdicts (`tests/fixtures/judgement/<case>/case.toml`,
//! found by name), every clock change of several zones, and random stories of a second, dumb model of the device.
#![expect(clippy::unwrap_used, reason = "a broken helper or fixture is a failed test")]

mod case;
mod clocks;
mod model;
mod site;
mod stories;
