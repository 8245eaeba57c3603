//! Handsets that change their places: within a site in a ring, and from one site to another. The manager's journal shows
//! who lost a registration: those that were approved, each once.

use n720_sim::{Deregistration, Device, Event, PinKnowledge, SessionEnd};
use serde_json::{Value, json};

use super::fills::{RECEPTION, STORE, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Ran, Site, alert, manager, registrations, steps};

/// Somebody approves what the site's plan is at the moment. There is none while somebody else is logged in, and that may
/// be the command that has just shown it.
async fn approve(lab: &Lab, site: &str) -> Ran {
    let status = lab.until(site, "a plan", |status| status["plan"]["hash"].is_string()).await;
    let hash = status["plan"]["hash"].as_str().unwrap();
    let words = ["--by", "anna", "--reason", "agreed by phone"];
    lab.n720d(&[&["approve", site, hash][..], &words[..]].concat()).await
}

fn is_blocked(status: &Value, step: (&str, u64)) -> bool {
    steps(status).contains(&(step.0, step.1, "blocked"))
}

fn step<'v>(status: &'v Value, action: &str) -> &'v Value {
    let steps = status["plan"]["steps"].as_array().unwrap();
    steps.iter().find(|step| step["action"] == action).unwrap()
}

/// Its user starts registration and types the PIN, which is asked for: the handset was registered before.
fn register_again(device: &Device, ipui: &str) {
    device.press_typing(ipui.parse().unwrap(), Some(PinKnowledge::Types("0000".to_owned()))).unwrap();
}

/// The slots that lost their handsets, with who that was, in order.
fn lost(device: &Device) -> Vec<(u8, String)> {
    let lost = device.deregistrations().into_iter();
    let mut lost: Vec<_> = lost.map(|(slot, ipui, _)| (slot, ipui.to_string())).collect();
    lost.sort();
    lost
}

fn all_logged_out(device: &Device) {
    for entry in device.journal() {
        if let Event::SessionClosed { how, .. } = entry.event {
            assert_eq!(how, SessionEnd::LoggedOut);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handset_moves_to_another_site_in_order_and_with_two_approvals() {
    let lab = Lab::new().await;
    let berlin = manager("7C2F80CA21E4")
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION))
        .account(2, "1014", "Workshop")
        .registered(2, handset(WORKSHOP))
        .start()
        .await
        .unwrap();
    let around = manager("7C2F80CA21E5").account(1, "2001", "Office").account(7, "2007", "Workshop");
    let hamburg = around.handset(handset(WORKSHOP)).start().await.unwrap();
    let old = Site::of(&berlin).slot(1, RECEPTION, "1013", "Reception").absent(2);
    lab.site("berlin", &old.with(|site| site.window = None));
    let office = Site::of(&hamburg).account(1, "2001", "Office");
    lab.site("hamburg", &office.clone().account(7, "2007", "Workshop"));
    let daemon = lab.start().await;
    lab.until("berlin", "the handset's name", |status| {
        is_blocked(status, ("deregister", 2)) && step(status, "deregister")["hits"][0]["ipui"] == WORKSHOP
    })
    .await;
    lab.converged("hamburg").await;

    // It is to move; each site says what it has to do with the other.
    lab.site("hamburg", &office.slot(7, WORKSHOP, "2007", "Workshop"));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    let there = lab.until("hamburg", "the arrival", |status| is_blocked(status, ("reserve", 7))).await;
    let from = json!({"kind": "from-site", "site": "berlin", "slot": 2});
    assert_eq!(step(&there, "reserve")["relocation"], from);
    let here = lab
        .until("berlin", "where it goes", |status| step(status, "deregister")["relocation"].is_object())
        .await;
    let to = json!({"kind": "to-site", "site": "hamburg", "slot": 7});
    assert_eq!(step(&here, "deregister")["relocation"], to);
    let plan = lab.n720d(&["plan", "berlin"]).await;
    for told in [
        "the handset of slot 2 moves to slot 7 of site hamburg",
        "Workshop (1014) in slot 2 loses its registration",
    ] {
        assert!(plan.out.contains(told), "{told}: {plan:?}");
    }

    // Approved at the new site, it waits for the old one.
    assert_eq!(approve(&lab, "hamburg").await.code, 0);
    let waits = lab
        .until("hamburg", "the old site", |status| steps(status).contains(&("reserve", 7, "deferred")))
        .await;
    let reason = step(&waits, "reserve")["reason"].as_str().unwrap();
    assert!(reason.starts_with("site berlin has to deregister handset"), "{reason}");
    assert_eq!(alert(&waits, "plan-needs-approval"), None, "nobody has to decide here any more");
    lab.readings("hamburg", 2).await;
    assert_eq!(hamburg.snapshot().pending, [], "it is not reserved while it is registered there");
    assert_eq!(berlin.deregistrations(), []);

    assert_eq!(approve(&lab, "berlin").await.code, 0);
    lab.converged("berlin").await;
    hamburg
        .wait_until("its reservation", BOUND, |seen| !seen.pending.is_empty() && seen.window_open)
        .await
        .unwrap();
    register_again(&hamburg, WORKSHOP);
    let status = lab.converged("hamburg").await;
    assert_eq!(registrations(&status).get(&7), Some(&"registered"));
    assert_eq!(daemon.terminate().await.0, 0);
    let gone = (2, WORKSHOP.parse().unwrap(), Deregistration::Zeroed);
    assert_eq!(berlin.deregistrations(), [gone], "once");
    all_logged_out(&berlin);
    left_in_order(&hamburg);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_of_three_is_shown_as_one_and_hits_each_once() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4")
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION))
        .account(2, "1014", "Workshop")
        .registered(2, handset(WORKSHOP))
        .account(3, "1015", "Store")
        .registered(3, handset(STORE))
        .start()
        .await
        .unwrap();
    lab.site("acme", &two_handsets(&device).slot(3, STORE, "1015", "Store"));
    let daemon = lab.start().await;
    lab.converged("acme").await;
    let ring = Site::of(&device).slot(1, STORE, "1013", "Reception").slot(2, RECEPTION, "1014", "Workshop");
    lab.site("acme", &ring.slot(3, WORKSHOP, "1015", "Store"));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    lab.until("acme", "all three", |status| (1..=3).all(|slot| is_blocked(status, ("replace", slot)))).await;

    let plan = lab.n720d(&["plan", "acme"]).await;
    assert_eq!(plan.code, 2, "{plan:?}");
    assert!(plan.out.contains("3 deregister (3 handsets)"), "{plan:?}");
    assert!(plan.out.contains("\n  slots 1, 2 and 3 change places in a ring\n"), "{plan:?}");
    assert_eq!(
        plan.out.matches("loses its registration; afterwards: register by hand").count(),
        3,
        "{plan:?}"
    );
    assert!(!plan.out.contains('\u{1b}'), "no colours into a pipe: {plan:?}");
    let coloured = lab.n720d(&["plan", "acme", "--color", "always"]).await;
    assert!(coloured.out.contains("\u{1b}[1m\u{1b}[31mReception (1013) in slot 1 loses"), "{coloured:?}");

    assert_eq!(approve(&lab, "acme").await.code, 0);
    device.wait_until("all three", BOUND, |seen| seen.pending.len() == 3 && seen.window_open).await.unwrap();
    [RECEPTION, WORKSHOP, STORE].iter().for_each(|ipui| register_again(&device, ipui));
    let status = lab.converged("acme").await;
    assert_eq!(registrations(&status).into_values().collect::<Vec<_>>(), ["registered"; 3]);
    assert_eq!(daemon.terminate().await.0, 0);
    let each_once = [(1, RECEPTION), (2, WORKSHOP), (3, STORE)].map(|(slot, ipui)| (slot, ipui.to_owned()));
    assert_eq!(lost(&device), each_once);
    all_logged_out(&device);
}
