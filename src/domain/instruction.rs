//! What the user of a handset must do so that it registers: one sentence to read out on the phone. Where the handset
//! stands and how it gets in are arguments; they are found out in [`super::handoff`].
//!
//! The PIN appears in it in clear, because it is what the user has to type; it guards a registration window and is no
//! secret of n720d's. A PIN that the device made by itself is not known here and must be read off its web page.

use chrono::{DateTime, FixedOffset};

use super::desired::Pin;
use super::ids::SlotNumber;
use super::memory::Registration;
use super::neighbours::Home;
use super::wording::clock;

/// How a handset gets in: where the registration window stands for it. Times are those of a clock that is right, in the
/// site's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// It is let in, until then; `None`: without an end.
    Open {
        /// The end of the window.
        until: Option<DateTime<FixedOffset>>,
    },
    /// The window opens by itself.
    Scheduled {
        /// When it opens, where that is known.
        from: Option<DateTime<FixedOffset>>,
        /// Its end.
        until: Option<DateTime<FixedOffset>>,
    },
    /// The window lies in a release that the DECT manager has not fetched.
    Unfetched {
        /// Its end.
        until: Option<DateTime<FixedOffset>>,
    },
    /// The window is open, and this handset is not reserved on the DECT manager yet.
    Unreserved {
        /// The end of the window.
        until: Option<DateTime<FixedOffset>>,
    },
    /// No window is open, and n720d is about to open one.
    Opens {
        /// When, where that is known.
        at: Option<DateTime<FixedOffset>>,
    },
    /// The window has closed, and n720d does not open it again.
    Closed,
    /// No window is known.
    Missing,
}

impl Entrance {
    /// Until when the handset is let in; `None`: without an end, or not at all as yet.
    pub fn until(self) -> Option<DateTime<FixedOffset>> {
        match self {
            Self::Open { until }
            | Self::Scheduled { until, .. }
            | Self::Unfetched { until }
            | Self::Unreserved { until } => until,
            Self::Opens { .. } | Self::Closed | Self::Missing => None,
        }
    }

    /// What has to come first, before anything can be done on the handset.
    fn first(self) -> Option<String> {
        match self {
            Self::Open { .. } => None,
            Self::Scheduled { from: Some(from), .. } => {
                Some(format!("wait until the registration window opens at {}", clock(from)))
            }
            Self::Scheduled { from: None, .. } => Some("wait until the registration window opens".to_owned()),
            Self::Unfetched { .. } => {
                Some("wait until the DECT manager has fetched the registration window".to_owned())
            }
            Self::Unreserved { .. } => {
                Some("wait until the DECT manager has this handset reserved for its slot".to_owned())
            }
            Self::Opens { at: Some(at) } => {
                Some(format!("the registration window is closed; wait until n720d opens it at {}", clock(at)))
            }
            Self::Opens { at: None } => {
                Some("the registration window is closed; wait until n720d opens it".to_owned())
            }
            Self::Closed => {
                Some("the registration window is closed and must be opened again first".to_owned())
            }
            Self::Missing => Some("no registration window is open, and one must be opened first".to_owned()),
        }
    }
}

/// The sentence for one handset.
///
/// With PIN 0000 only a handset fresh from the factory registers by itself; one that was registered anywhere before
/// asks, and `0000` has to be typed; any other PIN always has to be typed (Gigaset's wiki). Which of the two a
/// handset is cannot be seen from outside, so the sentence names both. One that lost its registration does not come
/// back by itself, whatever the PIN (the same, on swapping).
pub fn instruction(registration: Registration, pin: Option<Pin>, entrance: Entrance) -> String {
    let what = match registration {
        Registration::Registered => return "nothing to do: the handset is registered".to_owned(),
        Registration::Lost => format!("register by hand: {}", by_hand(pin)),
        Registration::Unknown => format!("if it is not registered: {}", register(pin)),
        Registration::Reserved | Registration::Pending | Registration::Expired => register(pin),
    };
    let first = entrance.first().map(|first| format!("{first}; then ")).unwrap_or_default();
    let before = entrance.until().map(|until| format!("; do so before {}", clock(until))).unwrap_or_default();
    format!("{first}{what}{before}")
}

/// The sentence for a handset that a plan deregisters and that is wanted in this slot: it does not come back by itself,
/// and asks for the PIN even if that is 0000, for it was registered before (n720.md section 3).
pub fn afterwards(pin: Option<Pin>, slot: SlotNumber, user: Option<&str>) -> String {
    let number = user.map(|user| format!(", number {user}")).unwrap_or_default();
    format!(
        "register by hand while the registration window is open: {}; it then has slot {slot}{number}",
        by_hand(pin)
    )
}

/// The same for one that is wanted at another site, whose window and PIN are not known here.
pub fn afterwards_at(home: &Home) -> String {
    let Home { site, slot } = home;
    format!(
        "register by hand at site {site}, once slot {slot} is reserved for it there: see `n720d handoff {site}`"
    )
}

/// What has to be typed when the handset asks; `None`: it is not known here.
pub fn typed(pin: Option<Pin>) -> Option<String> {
    match pin {
        Some(Pin::Fixed(digits)) => Some(digits.iter().map(u8::to_string).collect()),
        Some(Pin::Random) | None => None,
    }
}

fn register(pin: Option<Pin>) -> String {
    if pin == Some(Pin::ZEROS) {
        return format!(
            "switch the handset on; fresh from the factory it registers by itself; if it was used before, {}",
            by_hand(pin)
        );
    }
    by_hand(pin)
}

fn by_hand(pin: Option<Pin>) -> String {
    match typed(pin) {
        Some(pin) => format!("start registration on the handset and type the PIN {pin}"),
        None => "start registration on the handset and type the PIN that the manager's web page for mobile \
                 devices shows"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN_1234: Pin = Pin::Fixed([1, 2, 3, 4]);
    const ALWAYS: Entrance = Entrance::Open { until: None };
    const TYPE_1234: &str = "start registration on the handset and type the PIN 1234";

    fn at(text: &str) -> Option<DateTime<FixedOffset>> {
        DateTime::parse_from_rfc3339(text).ok()
    }

    fn end() -> Option<DateTime<FixedOffset>> {
        at("2026-11-24T04:00:00+01:00")
    }

    #[test]
    fn with_pin_zeros_both_kinds_of_handset_are_told_what_to_do() {
        insta::assert_snapshot!(
            instruction(Registration::Pending, Some(Pin::ZEROS), Entrance::Open { until: end() }),
            @"switch the handset on; fresh from the factory it registers by itself; if it was used before, start registration on the handset and type the PIN 0000; do so before 2026-11-24 04:00 +01:00"
        );
    }

    #[test]
    fn another_pin_has_to_be_typed_always() {
        assert_eq!(instruction(Registration::Reserved, Some(PIN_1234), ALWAYS), TYPE_1234);
        assert_eq!(typed(Some(Pin::Fixed([0, 0, 0, 1]))).as_deref(), Some("0001"));
    }

    #[test]
    fn a_pin_that_we_do_not_know_is_read_off_the_web_page() {
        for pin in [Some(Pin::Random), None] {
            assert_eq!(typed(pin), None);
            insta::allow_duplicates! {
                insta::assert_snapshot!(
                    instruction(Registration::Pending, pin, ALWAYS),
                    @"start registration on the handset and type the PIN that the manager's web page for mobile devices shows"
                );
            }
        }
    }

    #[test]
    fn what_has_to_come_first_is_said_first_and_the_end_last() {
        let opens = at("2026-11-23T08:00:00+01:00");
        for (entrance, first, until) in [
            (ALWAYS, None, None),
            (Entrance::Open { until: end() }, None, end()),
            (
                Entrance::Scheduled { from: opens, until: end() },
                Some("wait until the registration window opens at 2026-11-23 08:00 +01:00"),
                end(),
            ),
            (
                Entrance::Scheduled { from: None, until: None },
                Some("wait until the registration window opens"),
                None,
            ),
            (
                Entrance::Unfetched { until: end() },
                Some("wait until the DECT manager has fetched the registration window"),
                end(),
            ),
            (
                Entrance::Unreserved { until: None },
                Some("wait until the DECT manager has this handset reserved for its slot"),
                None,
            ),
            (
                Entrance::Opens { at: opens },
                Some(
                    "the registration window is closed; wait until n720d opens it at 2026-11-23 08:00 +01:00",
                ),
                None,
            ),
            (
                Entrance::Opens { at: None },
                Some("the registration window is closed; wait until n720d opens it"),
                None,
            ),
            (
                Entrance::Closed,
                Some("the registration window is closed and must be opened again first"),
                None,
            ),
            (Entrance::Missing, Some("no registration window is open, and one must be opened first"), None),
        ] {
            let first = first.map(|first| format!("{first}; then ")).unwrap_or_default();
            let last = until.map_or("", |_| "; do so before 2026-11-24 04:00 +01:00");
            for (registration, what) in [
                (Registration::Reserved, TYPE_1234.to_owned()),
                (Registration::Pending, TYPE_1234.to_owned()),
                (Registration::Expired, TYPE_1234.to_owned()),
                (Registration::Unknown, format!("if it is not registered: {TYPE_1234}")),
                (Registration::Lost, format!("register by hand: {TYPE_1234}")),
            ] {
                let text = instruction(registration, Some(PIN_1234), entrance);
                assert_eq!(text, format!("{first}{what}{last}"), "{registration:?} {entrance:?}");
            }
            assert_eq!(entrance.until(), until, "{entrance:?}");
        }
    }

    #[test]
    fn a_lost_handset_is_registered_by_hand_even_with_pin_zeros() {
        insta::assert_snapshot!(
            instruction(Registration::Lost, Some(Pin::ZEROS), ALWAYS),
            @"register by hand: start registration on the handset and type the PIN 0000"
        );
    }

    #[test]
    fn a_registered_handset_needs_nothing() {
        for entrance in [ALWAYS, Entrance::Closed, Entrance::Unfetched { until: end() }] {
            assert_eq!(
                instruction(Registration::Registered, Some(Pin::ZEROS), entrance),
                "nothing to do: the handset is registered"
            );
        }
    }
}
