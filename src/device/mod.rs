//! Devices that n720d can drive. Imports `domain` alone.

pub mod n720;
