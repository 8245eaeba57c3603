//! Stand-in.
use super::message::Message;
pub(crate) fn title(message: &Message) -> String {
    format!("{} {}", message.subject.words(), message.entries[0].alert.summary)
}
pub(crate) fn plain(message: &Message) -> String {
    message.entries.iter().map(|e| format!("{}\n", e.alert.summary)).collect()
}
pub(crate) fn html(message: &Message) -> String {
    format!("<html>{}</html>", plain(message))
}
