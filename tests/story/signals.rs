//! The end of the daemon: in the middle of whatever it does it logs out everywhere and leaves in time.

use std::time::Duration;

use n720_sim::{Event, Fault};

use super::fills::{RECEPTION, left_in_order};
use crate::support::{BOUND, Lab, Site, manager};

/// What systemd is promised.
const LEAVES_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn terminated_in_the_middle_of_a_reading_it_logs_out_and_leaves() {
    let lab = Lab::new().await;
    let slow = manager("7C2F80CA0001").account(1, "1013", "Reception").start().await.unwrap();
    let dripping = manager("7C2F80CA0002").account(1, "1", "One").start().await.unwrap();
    slow.set_fault(Fault::Slow { delay_ms: 1_500 });
    dripping.set_fault(Fault::Drip { bytes: 4_000, every_ms: 100 }.on("/status_device.html"));
    lab.site("slow", &Site::of(&slow).slot(1, RECEPTION, "1013", "Reception"));
    lab.site("dripping", &Site::of(&dripping));
    let daemon = lab.start().await;
    for device in [&slow, &dripping] {
        device
            .wait_event("a session", BOUND, |event| matches!(event, Event::SessionOpened { .. }))
            .await
            .unwrap();
    }
    let log = lab.path("daemon-1.log");
    let (code, took) = daemon.terminate().await;
    assert_eq!(code, 0);
    assert!(took < LEAVES_WITHIN, "{took:?}");
    for device in [&slow, &dripping] {
        device.wait_until("the end of the session", BOUND, |seen| seen.session.is_none()).await.unwrap();
        let closed =
            device.journal().into_iter().any(|entry| matches!(entry.event, Event::SessionClosed { .. }));
        assert!(closed, "{}", device.name());
        left_in_order(device);
    }
    let said = std::fs::read_to_string(log).unwrap();
    assert!(said.contains("stopping: logging out of every device") && said.contains("stopped"), "{said}");
    assert!(!lab.path("state/control.sock").exists(), "the socket goes with the daemon");
}

/// What the service manager is told, as its protocol has it.
#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_hears_of_start_state_reload_and_end() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA0001").account(1, "1", "One").start().await.unwrap();
    lab.site("acme", &Site::of(&device));
    let path = lab.path("notify.sock");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let hear = async |wanted: &str| {
        let heard = async {
            let mut buffer = vec![0; 4096];
            loop {
                let length = socket.recv(&mut buffer).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.contains(wanted) {
                    return text;
                }
            }
        };
        tokio::time::timeout(BOUND, heard).await.unwrap_or_else(|_| panic!("not told {wanted}"))
    };
    let daemon = lab.start_with(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    hear("READY=1").await;
    hear("STATUS=watching 1 site").await;
    daemon.hang_up();
    assert!(hear("RELOADING=1").await.contains("MONOTONIC_USEC="));
    hear("READY=1").await;
    let (code, stopping) = tokio::join!(daemon.terminate(), hear("STOPPING=1"));
    assert_eq!(code.0, 0);
    assert!(stopping.contains("STATUS=logging out of every device"), "{stopping}");
    left_in_order(&device);
}
