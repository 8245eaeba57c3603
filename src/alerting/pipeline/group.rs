//! The stage that puts together what is told in one message, and keeps back what is still being gathered.

use super::{Batch, Scene};

/// Gives every alert its group; leaves out the groups that wait.
pub(super) fn group<'a>(_scene: &Scene<'a>, batch: Batch<'a>) -> Batch<'a> {
    batch
}
