//! What others ask over HTTP: managers for their files, monitoring for health and metrics.

use n720_sim::Event;

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Settings, alert_kinds, digest_answer, manager, request, secrets};

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_gets_health_metrics_and_statuses() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4").account(1, "1013", "Reception").start().await.unwrap();
    lab.site("acme", &two_handsets(&device).with(|site| site.mode = "observe"));
    let daemon = lab.start().await;
    lab.fires("acme", "drift").await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(lab.get(path).await.status, 200, "{path}");
    }
    let metrics = lab.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.headers["content-type"].contains("openmetrics")
            || metrics.headers["content-type"].contains("text/plain")
    );
    for line in metrics.body.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("n720d_"), "{line}");
        assert!(!line.contains(RECEPTION) && !line.contains("slot="), "no label per handset: {line}");
    }
    assert!(metrics.body.contains("site=\"acme\""));
    let sites = lab.get("/api/v1/sites").await;
    assert_eq!(sites.json()["sites"].as_array().unwrap().len(), 1);
    assert_eq!(lab.get("/api/v1/sites/acme").await.json()["site"], "acme");
    assert_eq!(lab.get("/api/v1/sites/nobody").await.status, 404);
    assert_eq!(request(lab.api, "POST", "/api/v1/sites", &[]).await.unwrap().status, 405);
    assert_eq!(
        request(lab.api, "POST", "/control/reload", &[]).await.unwrap().status,
        404,
        "only on the socket"
    );
    let foreign = request(lab.api, "GET", "/api/v1/sites", &[("Host", "evil.example.net")]).await.unwrap();
    assert_eq!(foreign.status, 403, "a name that somebody pointed here");
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_served_to_whoever_shows_the_mac_id_and_nothing_else_is() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4")
        .account(9, "9", "Nine")
        .handset(handset(RECEPTION))
        .handset(handset(WORKSHOP))
        .start()
        .await
        .unwrap();
    lab.site(
        "acme",
        &two_handsets(&device).with(|site| site.digest = Some("mac_id_tail = 'env:MAC_ID_TAIL'")),
    );
    let daemon = lab.start().await;
    lab.until("acme", "the fetch", |status| status["generation"]["fetched"].is_string()).await;
    let asked = device.wait_event("a fetch with credentials", BOUND, |event| {
        matches!(event, Event::Fetched { status: 200, user: Some(user), .. } if user == "7C2F80CA21E4")
    });
    asked.await.unwrap();

    let url = lab.n720d(&["url", "acme"]).await.out;
    let path = url.trim().splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
    let path = path.split('?').next().unwrap().to_owned();
    lab.never(path.split('/').nth(2).unwrap());
    let send = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        request(lab.provisioning, method, path, headers).await.unwrap()
    };
    let refused = send("GET", &path, &[]).await;
    assert_eq!(refused.status, 401);
    let challenge = refused.headers["www-authenticate"].clone();
    assert!(challenge.starts_with("Digest "), "{challenge}");
    let wrong = digest_answer(&challenge, "7C2F80CA21E4", "AAAA", "GET", &path);
    assert_eq!(send("GET", &path, &[("Authorization", &wrong)]).await.status, 401);
    for method in ["GET", "HEAD"] {
        let challenge = send(method, &path, &[]).await.headers["www-authenticate"].clone();
        let right = digest_answer(&challenge, "7C2F80CA21E4", secrets::TAIL, method, &path);
        let file = send(method, &path, &[("Authorization", &right)]).await;
        assert_eq!(file.status, 200, "{method}");
        assert_eq!(file.body.is_empty(), method == "HEAD");
        assert!(file.headers["content-length"].parse::<usize>().unwrap() > 500);
        if method == "GET" {
            assert!(
                file.body.contains("<MAC_ADDRESS value=\"7C2F80CA21E4\"/>")
                    && file.body.contains(secrets::SIP)
            );
        }
    }
    for missing in
        ["/", "/p/", "/p/wrong-token/7C2F80CA21E4.xml", &path.replace("21E4", "21E5"), "/../../etc/passwd"]
    {
        assert_eq!(send("GET", missing, &[]).await.status, 404, "{missing}");
    }
    assert!([404, 405].contains(&send("PUT", &path, &[]).await.status));
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

/// A network that is not allowed gets 403, and the site learns that its manager cannot fetch.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_not_allowed_gets_nothing() {
    let lab = Lab::with(Settings { allow: "['10.0.0.0/8']", ..Settings::default() }).await;
    let device =
        manager("7C2F80CA21E4").account(9, "9", "Nine").handset(handset(RECEPTION)).start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    let status = lab.fires("acme", "push-failed").await;
    assert!(!alert_kinds(&status).contains(&"drift"), "{status:#}");
    device
        .wait_event("the refusal", BOUND, |event| matches!(event, Event::Fetched { status: 403, .. }))
        .await
        .unwrap();
    assert_eq!(device.applied(), []);
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}
