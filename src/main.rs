//! The n720d binary.
fn main() {}
