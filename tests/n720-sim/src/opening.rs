//! The openings of the registration window: the journal's record of when it opened and closed, and who waits for one.
//!
//! Whether the window is open at a moment is decided in [`crate::window`].

use crate::clock::Moment;
use crate::handset::Arrival;
use crate::journal::{Event, Journal};
use crate::window::{Start, Window};
use std::time::Duration;

/// Every opening there has been.
#[derive(Debug, Default)]
pub(crate) struct Openings {
    /// When each of them began; the first is opening number 1.
    since: Vec<Duration>,
    /// What the one that is under way began with.
    current: Option<Start>,
    /// The window as it was noted last.
    noted: Window,
}

impl Openings {
    /// Whether the window is open.
    pub(crate) fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// Notes what is kept of the window, and openings and closings. Another end of the same window is no other
    /// opening; another start is.
    pub(crate) fn follow(
        &mut self,
        window: &Window,
        start: Option<Start>,
        at: Moment,
        journal: &mut Journal,
    ) {
        if self.noted != *window {
            self.noted = window.clone();
            let Window { timestamp, duration_s } = window.clone();
            journal.write(at, Event::WindowSet { timestamp, duration_s });
        }
        if self.current == start {
            return;
        }
        if self.current.take().is_some() {
            journal.write(at, Event::WindowClosed {});
        }
        if start.is_some() {
            self.current = start;
            self.since.push(at.up);
            let nth = u32::try_from(self.since.len()).unwrap_or(u32::MAX);
            journal.write(at, Event::WindowOpened { nth });
        }
    }

    /// When it is time, if that is known already.
    pub(crate) fn due(&self, arrival: Arrival) -> Option<Duration> {
        match arrival {
            Arrival::OnDemand => None,
            Arrival::AfterStart(delay) => Some(delay),
            Arrival::AfterWindowOpens { nth, delay } => {
                let index = usize::try_from(nth).ok()?.checked_sub(1)?;
                self.since.get(index).map(|since| *since + delay)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;

    /// Follows a window that began at these moments, one a second, and tells what the journal says.
    fn told(starts: &[Option<&str>]) -> Vec<Event> {
        let (mut openings, mut journal) = (Openings::default(), Journal::default());
        for (up_s, start) in (1..).zip(starts) {
            let start = start.map(|utc| Start::At(utc.parse().unwrap()));
            openings.follow(&Window::default(), start, moment(up_s, "2026-01-01T00:00:00Z"), &mut journal);
        }
        journal.since(0).into_iter().map(|entry| entry.event).collect()
    }

    const EIGHT: Option<&str> = Some("2026-01-01T08:00:00Z");
    const NINE: Option<&str> = Some("2026-01-01T09:00:00Z");

    #[test]
    fn an_opening_lasts_until_it_is_over() {
        let opened = |nth| Event::WindowOpened { nth };
        assert_eq!(told(&[None, EIGHT, EIGHT, None, None]), [opened(1), Event::WindowClosed {}]);
    }

    #[test]
    fn another_start_is_another_opening() {
        let opened = |nth| Event::WindowOpened { nth };
        assert_eq!(told(&[EIGHT, NINE]), [opened(1), Event::WindowClosed {}, opened(2)]);
    }

    #[test]
    fn what_is_kept_of_the_window_is_noted_when_it_changes() {
        let (mut openings, mut journal) = (Openings::default(), Journal::default());
        let window = Window { timestamp: Some("0101260800".to_owned()), duration_s: Some(60) };
        for kept in [&window, &window, &Window::default()] {
            openings.follow(kept, None, moment(1, "2026-01-01T00:00:00Z"), &mut journal);
        }
        let set =
            |window: Window| Event::WindowSet { timestamp: window.timestamp, duration_s: window.duration_s };
        let told: Vec<_> = journal.since(0).into_iter().map(|entry| entry.event).collect();
        assert_eq!(told, [set(window), set(Window::default())]);
    }

    #[test]
    fn who_waits_for_an_opening_waits_from_its_beginning_also_when_it_is_over() {
        let (mut openings, mut journal) = (Openings::default(), Journal::default());
        let delay = Duration::from_secs(10);
        let second = Arrival::AfterWindowOpens { nth: 2, delay };
        for (up_s, start) in [(1, Some(Start::Always)), (2, None), (3, Some(Start::Always))] {
            assert_eq!(openings.due(second), None);
            openings.follow(&Window::default(), start, moment(up_s, "2026-01-01T00:00:00Z"), &mut journal);
        }
        assert_eq!(openings.due(second), Some(Duration::from_secs(13)));
        openings.follow(&Window::default(), None, moment(4, "2026-01-01T00:00:00Z"), &mut journal);
        assert_eq!(openings.due(second), Some(Duration::from_secs(13)));
        assert_eq!(openings.due(Arrival::AfterWindowOpens { nth: 0, delay }), None);
        assert_eq!(openings.due(Arrival::AfterWindowOpens { nth: 3, delay }), None);
    }
}
