//! Secrets: where they may come from, and that the search for them at the end of every story would find them.

use std::os::unix::fs::PermissionsExt;

use super::fills::{RECEPTION, handset, left_in_order, two_handsets};
use crate::support::{Lab, Site, alert, manager, secrets};

#[tokio::test(flavor = "multi_thread")]
async fn the_search_at_the_end_finds_what_was_planted() {
    let lab = Lab::new().await;
    assert_eq!(lab.leaks(), [""; 0]);
    lab.note("somebody said".to_owned(), format!("password={}", secrets::SIP));
    assert_eq!(lab.leaks(), [format!("{} in somebody said", secrets::SIP)]);
    lab.forget();
    let log = lab.path("pages/01_login.html");
    std::fs::create_dir(lab.path("pages")).unwrap();
    std::fs::write(&log, secrets::TAIL).unwrap();
    assert_eq!(lab.leaks(), [format!("{} in {}", secrets::TAIL, log.display())]);
    std::fs::remove_file(log).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_site_file_is_warned_about_and_never_shown() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4").start().await.unwrap();
    let site = Site::of(&device).slot(1, RECEPTION, "1013", "Reception");
    lab.site("acme", &site.clone().with(|site| site.password = secrets::WEB.to_owned()));
    let check = lab.n720d(&["check"]).await;
    assert_eq!(check.code, 0, "{check:?}");
    assert!(check.out.contains("a secret in the file itself"), "{}", check.out);
    // Errors beside it, and in it, do not show it either.
    lab.never("planted;with'quote");
    for password in ["planted;with'quote", "planted-web-password-far-too-long"] {
        lab.never(password);
        let text = site.text().replace("'file:../web.secret'", &format!("\"{password}\"\nwrong = 1"));
        lab.site_text("acme", &text);
        for arguments in [&["check"][..], &["check", "--json"], &["render", "acme"], &["plan"]] {
            let ran = lab.n720d(arguments).await;
            assert_eq!(ran.code, 78, "{arguments:?}: {ran:?}");
        }
    }
    lab.never("broken-line-secret");
    lab.site_text("acme", "[manager]\npassword = \"broken-line-secret\n");
    assert_eq!(lab.n720d(&["check"]).await.code, 78);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_file_that_others_can_read_is_refused() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4")
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION))
        .start()
        .await
        .unwrap();
    lab.site("acme", &two_handsets(&device).with(|site| site.mode = "observe"));
    let open = |mode| {
        std::fs::set_permissions(lab.path("web.secret"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(0o644);
    let daemon = lab.start().await;
    let status = lab.fires("acme", "secret-missing").await;
    let summary = alert(&status, "secret-missing").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("web.secret"), "{summary}");
    open(0o600);
    lab.n720d(&["poll", "acme"]).await;
    lab.until("acme", "a reading", |status| alert(status, "secret-missing").is_none()).await;
    assert_eq!(daemon.terminate().await.0, 0);
    for file in std::fs::read_dir(lab.path("state")).unwrap().map(Result::unwrap) {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is for nobody else: {mode:o}", file.path().display());
    }
    left_in_order(&device);
}
