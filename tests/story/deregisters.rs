//! No working handset is ever deregistered: what would do it is blocked and says whom it would hit, and what is safe at
//! the same site goes ahead.

use n720_sim::{Device, DeviceBuilder};
use serde_json::Value;

use super::fills::{handset, left_in_order};
use crate::support::{BOUND, Lab, Site, alert, manager, registrations, steps};

/// Handsets that work at the start, in slots 1 and 2, and one that is still to come, for slot 3.
struct Three {
    first: String,
    second: String,
    third: String,
}

impl Three {
    fn of(site: u8) -> Self {
        let ipui = |number| format!("02 {site:02X} 00 00 {number:02X}");
        Self { first: ipui(1), second: ipui(2), third: ipui(3) }
    }

    fn manager(&self, mac: &str) -> DeviceBuilder {
        manager(mac)
            .account(1, "1013", "Reception")
            .account(2, "1014", "Workshop")
            .registered(1, handset(&self.first))
            .registered(2, handset(&self.second))
            .handset(handset(&self.third))
    }

    /// A site with these two IPUIs in slots 1 and 2, and the third handset.
    fn site(&self, device: &Device, first: &str, second: &str) -> Site {
        Site::of(device).slot(1, first, "1013", "Reception").slot(2, second, "1014", "Workshop").slot(
            3,
            &self.third,
            "1015",
            "Store",
        )
    }
}

/// Waits until the third handset is in, and the rest is blocked and told.
async fn goes_ahead_without_the_others(
    lab: &Lab,
    site: &str,
    device: &Device,
    three: &Three,
    who: &str,
) -> Value {
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    device.press(three.third.parse().unwrap()).unwrap();
    let status = lab
        .until(site, "the third handset", |status| {
            registrations(status).get(&3) == Some(&"registered")
                && alert(status, "plan-needs-approval").is_some()
        })
        .await;
    assert_eq!(status["health"], "blocked", "{site}");
    let summary = alert(&status, "plan-needs-approval").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains(who), "{site}: {summary}");
    let registered = device.snapshot().registered();
    let text = |slot: u8| registered.get(&slot).map(ToString::to_string);
    assert_eq!([text(1), text(2)], [Some(three.first.clone()), Some(three.second.clone())], "{site}");
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_deregister_is_blocked_and_the_rest_goes_ahead() {
    let lab = Lab::new().await;
    let (swap, change, moved, absent) = (Three::of(1), Three::of(2), Three::of(3), Three::of(4));
    let start = async |three: &Three, mac| three.manager(mac).start().await.unwrap();
    let swapped = start(&swap, "7C2F80000001").await;
    let changed = start(&change, "7C2F80000002").await;
    let shifted = start(&moved, "7C2F80000003").await;
    let emptied = start(&absent, "7C2F80000004").await;
    lab.site("swap", &swap.site(&swapped, &swap.second, &swap.first));
    lab.site("change", &change.site(&changed, "02 02 00 00 99", &change.second));
    // The first handset is to move to slot 2; slot 1 keeps its account and has no reservation.
    lab.site("move", &moved.site(&shifted, "02 03 00 00 98", &moved.first));
    let file = Site::of(&emptied).slot(1, &absent.first, "1013", "Reception").absent(2);
    lab.site("absent", &file.slot(3, &absent.third, "1015", "Store"));
    let daemon = lab.start().await;

    let (swap_status, _, _, absent_status) = tokio::join!(
        goes_ahead_without_the_others(&lab, "swap", &swapped, &swap, "1013, 1014"),
        goes_ahead_without_the_others(&lab, "change", &changed, &change, "1013"),
        goes_ahead_without_the_others(&lab, "move", &shifted, &moved, "1013"),
        goes_ahead_without_the_others(&lab, "absent", &emptied, &absent, "1014"),
    );
    let blocked = |status: &Value| -> Vec<(String, u64)> {
        let blocked = steps(status).into_iter().filter(|(_, _, state)| *state == "blocked");
        blocked.map(|(action, slot, _)| (action.to_owned(), slot)).collect()
    };
    assert_eq!(blocked(&swap_status), [("replace".to_owned(), 1), ("replace".to_owned(), 2)]);
    assert!(blocked(&absent_status).contains(&("deregister".to_owned(), 2)), "{absent_status:#}");

    let apply = lab.n720d(&["apply", "swap"]).await;
    assert_eq!(apply.code, 2, "asked by name, it is blocked all the same: {apply:?}");
    assert_eq!(daemon.terminate().await.0, 0);
    for device in [&swapped, &changed, &shifted, &emptied] {
        assert_eq!(device.applied().len(), 1, "{}", device.name());
        left_in_order(device);
    }
}
