//! Devices that n720d can drive.

pub mod n720;
