//! Handsets that were registered and are not any more: each is told with its likely cause, and nobody is thrown out to
//! mend it.

use n720_sim::{Device, DeviceBuilder, Keep};
use serde_json::{Value, json};

use super::fills::handset;
use crate::support::{Lab, Settings, Site, alert_kinds, manager, registrations, while_logged_in};

/// The handset of a slot of one of the sites.
fn ipui(site: u8, slot: u8) -> String {
    format!("02 {site:02X} 00 00 {slot:02X}")
}

/// Three slots, all with their handsets registered.
fn filled(site: u8) -> DeviceBuilder {
    let names = [(1, "1013", "Reception"), (2, "1014", "Workshop"), (3, "1015", "Store")];
    names.into_iter().fold(manager(&format!("7C2F800000{site:02X}")), |builder, (slot, user, name)| {
        builder.account(slot, user, name).registered(slot, handset(&ipui(site, slot)))
    })
}

fn site_of(site: u8, device: &Device) -> Site {
    let file = Site::of(device).slot(1, &ipui(site, 1), "1013", "Reception");
    let file = file.slot(2, &ipui(site, 2), "1014", "Workshop").slot(3, &ipui(site, 3), "1015", "Store");
    file.with(|site| site.window = None)
}

/// Number and cause of each lost slot in the status.
fn causes(status: &Value) -> Vec<(u64, &str)> {
    let slots = status["slots"].as_array().unwrap().iter();
    let lost = slots.filter(|slot| slot["registration"] == "lost");
    lost.map(|slot| (slot["number"].as_u64().unwrap(), slot["cause"].as_str().unwrap())).collect()
}

/// Waits until these slots are lost for these causes, and somebody was told in words.
async fn is_told(lab: &Lab, name: &str, lost: &[(u64, &str)], words: &str) -> Value {
    let status = lab.until(name, &format!("the loss at {name}"), |status| causes(status) == lost).await;
    let alert = lab.hook.tells(&format!("{name}/handset-lost"), &[words]).await;
    assert_eq!((&alert["severity"], &alert["state"]), (&json!("critical"), &json!("firing")), "{alert:#}");
    let named: Vec<_> = alert["handsets"].as_array().unwrap().iter().map(|one| &one["number"]).collect();
    assert_eq!(named, lost.iter().map(|(slot, _)| slot).collect::<Vec<_>>(), "{alert:#}");
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_handset_is_told_with_its_likely_cause() {
    // That two handsets changed places between two readings, only their editor pages show.
    let lab = Lab::with(Settings { audit: "*/4 * * * * *", ..Settings::default() }).await;
    let names = ["by-hand", "swapped", "reserved", "moved", "replaced", "reset", "exchanged"];
    let mut devices = Vec::new();
    for (number, name) in (1..).zip(names) {
        let device = filled(number).start().await.unwrap();
        lab.site(name, &site_of(number, &device));
        devices.push(device);
    }
    let [by_hand, swapped, reserved, moved, replaced, reset, exchanged] = devices.as_slice() else {
        panic!()
    };
    let daemon = lab.start().await;
    for name in names {
        lab.converged(name).await;
    }
    while_logged_in(by_hand, || by_hand.deregister(2)).await.unwrap();
    while_logged_in(swapped, || swapped.swap_by_hand(1, 2)).await.unwrap();
    while_logged_in(reserved, || {
        assert_eq!(reserved.add_account("7777", "By hand").unwrap(), 4);
        reserved.reserve(2, None).unwrap();
        reserved.reserve(4, Some(ipui(3, 2).parse().unwrap())).unwrap();
    })
    .await;
    let there =
        while_logged_in(moved, || moved.add_account_with("7777", "By hand", &handset(&ipui(4, 2)))).await;
    assert_eq!(there.unwrap(), 4);
    while_logged_in(replaced, || {
        replaced.deregister(2).unwrap();
        replaced.register_by_hand(2, &handset("02 05 00 00 99")).unwrap();
    })
    .await;
    reset.factory_reset(&Keep::ALL);
    exchanged.replace("7C2F80FFFFFF".parse().unwrap(), &Keep::ALL);

    tokio::join!(
        is_told(&lab, "by-hand", &[(2, "deregistered-by-hand")], "deregistered by hand"),
        is_told(&lab, "swapped", &[(1, "swapped"), (2, "swapped")], "swapped with the handset of slot 2"),
        is_told(&lab, "reserved", &[(2, "reserved-for-another-slot")], "reserved for slot 4 instead"),
        is_told(&lab, "moved", &[(2, "registered-in-another-slot")], "registered in slot 4"),
        is_told(&lab, "replaced", &[(2, "replaced")], "replaced by handset 02 05 00 00 99"),
        is_told(
            &lab,
            "reset",
            &[(1, "factory-reset"), (2, "factory-reset"), (3, "factory-reset")],
            "reset to factory settings"
        ),
        async {
            let status = lab.fires("exchanged", "wrong-device").await;
            let mut kinds = alert_kinds(&status);
            // Six short intervals after the last reading of the one that is gone.
            kinds.retain(|kind| *kind != "observation-stale");
            assert_eq!(kinds, ["wrong-device"], "of the one that is gone nothing is known");
            assert!(registrations(&status).values().all(|one| *one == "registered"), "{status:#}");
            assert_eq!(status["health"], "blocked");
        },
    );
    assert_eq!(daemon.terminate().await.0, 0);
    for (device, by_hand) in [(by_hand, 1), (swapped, 2), (reserved, 1), (moved, 1), (replaced, 1)] {
        assert_eq!(device.deregistrations().len(), by_hand, "{}: those by hand", device.name());
        assert_eq!(device.snapshot().session, None);
    }
    for device in [by_hand, swapped, moved, replaced, exchanged] {
        assert_eq!(device.applied(), [], "{}: nothing is put back over somebody's head", device.name());
    }
}
