//! Stand-in.
use super::message::Message;
pub(crate) fn title(message: &Message) -> String {
    format!("{} {}", message.subject.words(), message.reason.as_str())
}
pub(crate) fn plain(message: &Message) -> String {
    let line = |entry: &super::message::Entry| {
        format!(
            "{} {:?} {}\n{}\n",
            entry.alert.id, entry.alert.state, entry.alert.severity, entry.alert.summary
        )
    };
    message.entries.iter().map(line).collect()
}
pub(crate) fn brief(message: &Message, most: usize) -> String {
    plain(message).chars().take(most).collect()
}
