//! The stage that leaves out what people have silenced, and what they have taken, where it would only be repeated.

use super::{Batch, Scene};
use crate::domain::alert::AlertState;
use crate::domain::notification::Reason;

/// Keeps what is neither silenced nor a mere repetition of what somebody has taken. When either runs out, the scene is
/// looked at again: see [`super::everything`].
pub(super) fn mute<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    batch.items.retain(|item| item.state != AlertState::Silenced);
    if scene.sink.forgets {
        return batch;
    }
    for item in &mut batch.items {
        if item.state == AlertState::Acknowledged && item.news == Some(Reason::Repeat) {
            item.news = None;
        }
    }
    batch
}
