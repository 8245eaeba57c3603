//! Every way in which a page can be spoiled, with handsets that are still to come and with handsets that are in: none
//! leads to a verdict, a file or a session left open.

use n720_sim::{Device, DeviceBuilder, Fault};

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Settings, eventually, manager, registrations};

const STATUS: &str = "/status_device.html";
const DEVICES: &str = "/mobile_devices.html";

fn spoilt() -> Vec<Fault> {
    let mac = "7C2F80CA9999".parse().unwrap();
    vec![
        Fault::Empty,
        Fault::Garbled { one_in: 40 },
        Fault::Redirect { to: "http://192.0.2.1/status_device.html".to_owned() },
        Fault::Redirect { to: "/login.html".to_owned() },
        Fault::WrongEtag { shown: "/login.html".to_owned() },
        Fault::Status { status: 503, retry_after_s: Some(1) },
        Fault::Status { status: 404, retry_after_s: None },
        Fault::Cut { after: 0, declared: false },
        Fault::Cut { after: 60_000, declared: false },
        Fault::Cut { after: 60_000, declared: true },
        Fault::Reset { after: 30_000 },
        Fault::Hang { after: 30_000 },
        Fault::WrongMac { mac },
    ]
}

/// Two readings with each fault on each page; what is known must stay what it was.
async fn nothing_follows(lab: &Lab, device: &Device, known: &str) {
    for page in [STATUS, DEVICES] {
        for fault in spoilt() {
            // The page of the handsets does not say whose it is.
            let is_seen = page == STATUS || !matches!(fault, Fault::WrongMac { .. });
            let what = format!("{fault:?} on {page}");
            let id = device.set_fault(fault.on(page));
            for _ in 0..2 {
                lab.n720d(&["poll", "acme"]).await;
            }
            device.clear_fault(id);
            let status = lab.status("acme").await;
            assert_eq!(registrations(&status).into_values().collect::<Vec<_>>(), [known, known], "{what}");
            assert_eq!(device.applied().len(), 1, "{what}");
            let blind = ["unknown", "unreachable", "blocked"].contains(&status["health"].as_str().unwrap());
            assert!(blind || !is_seen, "taken for a good reading: {what}: {status:#}");
        }
    }
    lab.n720d(&["poll", "acme"]).await;
    left_in_order(device);
}

fn two_to_come() -> DeviceBuilder {
    manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP))
}

#[tokio::test(flavor = "multi_thread")]
async fn spoilt_pages_change_no_verdict() {
    let settings = || Settings { interval: "1h", interval_open: "1h", timeout: "1s", ..Settings::default() };
    let all_in = async {
        let (lab, device) = (Lab::with(settings()).await, two_to_come().start().await.unwrap());
        lab.site("acme", &two_handsets(&device));
        let daemon = lab.start().await;
        device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
        for ipui in [RECEPTION, WORKSHOP] {
            device.press(ipui.parse().unwrap()).unwrap();
        }
        lab.converged("acme").await;
        nothing_follows(&lab, &device, "registered").await;
        // On a busy machine a page that is not spoilt can be late, too.
        eventually("a good reading", async || {
            lab.n720d(&["poll", "acme"]).await;
            (lab.status("acme").await["health"] == "converged").then_some(())
        })
        .await;
        assert_eq!(daemon.terminate().await.0, 0);
    };
    let to_come = async {
        let (lab, device) = (Lab::with(settings()).await, two_to_come().start().await.unwrap());
        lab.site("acme", &two_handsets(&device));
        let daemon = lab.start().await;
        let pending =
            |status: &serde_json::Value| registrations(status).into_values().all(|one| one == "pending");
        lab.until("acme", "both to be pending", pending).await;
        nothing_follows(&lab, &device, "pending").await;
        // A status page that is whole and lacks its last rows contradicts the other page: that proves nothing either.
        let id = device.set_fault(Fault::HidePending);
        for _ in 0..2 {
            lab.n720d(&["poll", "acme"]).await;
        }
        let status = lab.status("acme").await;
        assert!(registrations(&status).into_values().all(|one| one != "registered"), "{status:#}");
        device.clear_fault(id);
        assert_eq!(daemon.terminate().await.0, 0);
    };
    tokio::join!(all_in, to_come);
}
