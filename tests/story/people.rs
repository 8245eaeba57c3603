//! People at the web interface come first: nobody is thrown out, and the work goes on when they are gone.

use n720_sim::{Event, Fault};

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, alert, manager};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_logged_in_is_waited_for() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    let person = device.set_fault(Fault::PersonLoggedIn);
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;

    let status = lab.fires("acme", "session-busy").await;
    assert_eq!(alert(&status, "session-busy").unwrap()["severity"], "info", "at first it is only to know");
    assert_eq!(status["health"], "unreachable");
    assert!(device.snapshot().person, "the person is still there");
    assert_eq!(device.applied(), []);
    let take_over = |event: &Event| matches!(event, Event::LoginTried { take_over: true, .. });
    assert!(!device.journal().iter().any(|entry| take_over(&entry.event)));

    device.clear_fault(person);
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
    let status = lab.converged("acme").await;
    assert!(alert(&status, "session-busy").is_none());
    lab.hook
        .hears("the all-clear", |told| told.reason == "resolved" && told.alert("session-busy").is_some())
        .await;
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}
