//! What the user of a handset must do so that it registers: one sentence to read out on the phone. No judgement here.
//!
//! The PIN appears in it in clear, because it is what the user has to type; it guards a registration window and is no
//! secret of n720d's. A PIN that the device made by itself is not known here and must be read off its web page.

use super::alert::HandsetNote;
use super::desired::{DesiredSite, Pin};
use super::ids::SlotNumber;
use super::memory::{Registration, SiteMemory};
use super::status::WindowState;

/// The sentence for one handset.
///
/// With PIN 0000 only a handset fresh from the factory registers by itself; one that was registered anywhere before
/// asks, and `0000` has to be typed; any other PIN always has to be typed (Gigaset's wiki). Which of the two a
/// handset is cannot be seen from outside, so the sentence names both.
pub fn instruction(registration: Registration, pin: Option<Pin>, window: WindowState) -> String {
    match registration {
        Registration::Registered => return "nothing to do: the handset is registered".to_owned(),
        Registration::Lost => return lost(pin, window),
        Registration::Unknown | Registration::Reserved | Registration::Pending | Registration::Expired => {}
    }
    match window {
        WindowState::Open | WindowState::Always => register(pin),
        WindowState::Scheduled => {
            format!("wait until the registration window opens; then: {}", register(pin))
        }
        WindowState::Closed | WindowState::None => {
            format!(
                "the registration window is closed and must be opened again first; then: {}",
                register(pin)
            )
        }
    }
}

fn register(pin: Option<Pin>) -> String {
    match pin {
        Some(Pin::ZEROS) => {
            "switch the handset on; fresh from the factory it registers by itself; if it was used \
                             before, start registration on the handset and type the PIN 0000"
                .to_owned()
        }
        Some(Pin::Fixed(digits)) => {
            let pin: String = digits.iter().map(u8::to_string).collect();
            format!("start registration on the handset and type the PIN {pin}")
        }
        Some(Pin::Random) | None => {
            "start registration on the handset and type the PIN that the manager's web \
                                     page for mobile devices shows"
                .to_owned()
        }
    }
}

/// A handset that lost its registration does not come back by itself, whatever the PIN (Gigaset's wiki, on swapping).
fn lost(pin: Option<Pin>, window: WindowState) -> String {
    let pin = match pin {
        Some(Pin::Fixed(digits)) => {
            format!("type the PIN {}", digits.iter().map(u8::to_string).collect::<String>())
        }
        Some(Pin::Random) | None => {
            "type the PIN that the manager's web page for mobile devices shows".to_owned()
        }
    };
    let by_hand = format!("register by hand: start registration on the handset and {pin}");
    match window {
        WindowState::Open | WindowState::Always => by_hand,
        WindowState::Scheduled => format!("wait until the registration window opens; then {by_hand}"),
        WindowState::Closed | WindowState::None => {
            format!("the registration window is closed and must be opened again first; then {by_hand}")
        }
    }
}

/// The note about one listed slot: who it is, and what its user must do by the last verdict and the window.
pub fn note(
    desired: &DesiredSite,
    memory: &SiteMemory,
    window: WindowState,
    number: SlotNumber,
) -> HandsetNote {
    let pin = desired.registration.as_ref().and_then(|policy| policy.pin);
    let registration = memory.slots.get(&number).map_or(Registration::Unknown, |record| record.registration);
    let slot = desired.slots.get(&number);
    HandsetNote {
        number,
        ipui: slot.and_then(|slot| slot.ipui()),
        user: slot.and_then(|slot| slot.user()).map(str::to_owned),
        display_name: slot.and_then(|slot| slot.display_name()).map(str::to_owned),
        instruction: instruction(registration, pin, window),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN_1234: Pin = Pin::Fixed([1, 2, 3, 4]);

    #[test]
    fn with_pin_zeros_both_kinds_of_handset_are_told_what_to_do() {
        insta::assert_snapshot!(
            instruction(Registration::Pending, Some(Pin::ZEROS), WindowState::Open),
            @"switch the handset on; fresh from the factory it registers by itself; if it was used before, start registration on the handset and type the PIN 0000"
        );
    }

    #[test]
    fn another_pin_has_to_be_typed_always() {
        insta::assert_snapshot!(
            instruction(Registration::Reserved, Some(PIN_1234), WindowState::Always),
            @"start registration on the handset and type the PIN 1234"
        );
    }

    #[test]
    fn a_pin_that_we_do_not_know_is_read_off_the_web_page() {
        for pin in [Some(Pin::Random), None] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(
                    instruction(Registration::Pending, pin, WindowState::Open),
                    @"start registration on the handset and type the PIN that the manager's web page for mobile devices shows"
                );
            }
        }
    }

    #[test]
    fn behind_a_closed_window_the_user_alone_can_do_nothing() {
        for window in [WindowState::Closed, WindowState::None] {
            for registration in [Registration::Expired, Registration::Reserved, Registration::Lost] {
                let text = instruction(registration, Some(PIN_1234), window);
                assert!(text.starts_with("the registration window is closed"), "{text}");
                assert!(text.ends_with("type the PIN 1234"), "{text}");
            }
        }
        let text = instruction(Registration::Reserved, Some(PIN_1234), WindowState::Scheduled);
        assert!(text.starts_with("wait until the registration window opens"), "{text}");
    }

    #[test]
    fn a_lost_handset_is_registered_by_hand_even_with_pin_zeros() {
        insta::assert_snapshot!(
            instruction(Registration::Lost, Some(Pin::ZEROS), WindowState::Open),
            @"register by hand: start registration on the handset and type the PIN 0000"
        );
    }

    #[test]
    fn a_registered_handset_needs_nothing() {
        assert!(
            instruction(Registration::Registered, Some(Pin::ZEROS), WindowState::Closed)
                .starts_with("nothing")
        );
    }
}
