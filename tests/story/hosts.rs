//! The machine that n720d runs on: ports that are taken, a state directory that is in use, cannot be written or is full.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, eventually, manager};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_leaves_and_names_the_first() {
    let lab = Lab::new().await;
    let first = lab.start().await;
    let mut second = lab.start_with(&[]);
    assert_eq!(second.ended().await, 1);
    let said = second.log();
    assert!(said.contains("is in use by") && said.contains(&first.id().to_string()), "{said}");
    assert!(said.contains("stop that one first"), "{said}");
    assert_eq!(lab.n720d(&["status"]).await.code, 0, "the first is not disturbed");
    assert_eq!(first.terminate().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let lab = Lab::new().await;
    for (key, address) in [("api.listen", lab.api), ("provisioning.listen", lab.provisioning)] {
        let taken = TcpListener::bind(address).unwrap();
        let mut daemon = lab.start_with(&[]);
        assert_eq!(daemon.ended().await, 1, "{key}");
        let said = daemon.log();
        assert!(said.contains(&format!("cannot listen on {key} = {address}")), "{said}");
        drop(taken);
    }
    let daemon = lab.start().await;
    assert_eq!(daemon.terminate().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_that_cannot_be_written_is_no_start() {
    let lab = Lab::new().await;
    let text = std::fs::read_to_string(lab.config()).unwrap();
    let state = format!("state_dir = '{}'", lab.path("state").display());
    assert!(text.contains(&state));
    // Nobody, root neither, can make a folder there.
    std::fs::write(lab.config(), text.replace(&state, "state_dir = '/proc/n720d'")).unwrap();
    let mut daemon = lab.start_with(&[]);
    assert_eq!(daemon.ended().await, 1);
    let said = daemon.log();
    assert!(said.contains("cannot use the state directory /proc/n720d"), "{said}");
    std::fs::write(lab.config(), text).unwrap();
    if let Some(small) = SmallDisk::mount(&lab.path("state")) {
        small.remount("ro");
        let mut daemon = lab.start_with(&[]);
        assert_eq!(daemon.ended().await, 1);
        let said = daemon.log();
        assert!(said.contains("cannot use the state directory"), "{said}");
    }
}

/// While the disk is full nothing is done that would be forgotten; when there is room again, the work goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_work_and_not_the_daemon() {
    let lab = Lab::new().await;
    let Some(small) = SmallDisk::mount(&lab.path("state")) else { return };
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    small.fill();
    let kept_not = "nothing can be kept, so nothing is done";
    eventually("the trouble", async || daemon.log().contains(kept_not).then_some(())).await;
    assert_eq!(device.applied(), []);
    assert_eq!(lab.get("/healthz").await.status, 503, "somebody is to see it");
    assert_eq!(lab.get("/api/v1/sites").await.status, 200, "it lives");
    small.clear();
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
    lab.converged("acme").await;
    assert_eq!(lab.get("/healthz").await.status, 200);
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}

/// The state directory is gone, or spoilt, while the handsets work on: it is begun anew and nobody is disturbed.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_that_is_lost_disturbs_nobody() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);

    std::fs::remove_dir_all(lab.path("state")).unwrap();
    let daemon = lab.start().await;
    lab.converged("acme").await;
    let status = lab.readings("acme", 2).await;
    assert_eq!(status["health"], "converged");
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);

    let database = std::fs::read_dir(lab.path("state")).unwrap().map(|entry| entry.unwrap().path());
    let database = database.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    std::fs::write(&database, vec![0x5a; 20_000]).unwrap();
    let daemon = lab.start().await;
    assert!(daemon.log().contains("has been moved aside"), "{}", daemon.log());
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

/// A disk of one megabyte in memory; gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this process may not mount: then there is nothing to be shown.
    #[expect(clippy::print_stderr, reason = "a test that shows nothing must say so")]
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: no small disk can be mounted here");
        None
    }

    fn remount(&self, option: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(&self.0).status();
        assert!(done.unwrap().success());
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut size = 1 << 20;
        let mut number = 0;
        while size > 0 {
            if std::fs::write(self.0.join(format!("filler-{number}")), vec![0; size]).is_err() {
                size /= 2;
            }
            number += 1;
        }
    }

    fn clear(&self) {
        for entry in std::fs::read_dir(&self.0).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("filler") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A disk that stays mounted keeps the folder of the test; nothing else.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}
