//! Judgement from outside: told stories with what must follow from them (`tests/fixtures/judgement/<case>/case.toml`,
//! found by name), every clock change of several zones, and random stories of a second, dumb model of the device.
#![expect(clippy::unwrap_used, reason = "a broken helper or fixture is a failed test")]

mod care;
mod case;
mod clocks;
mod device;
mod history;
mod keep;
mod model;
mod outcome;
mod site;
mod stories;
