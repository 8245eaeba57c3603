//! Configuration: text to validated values, with findings.
