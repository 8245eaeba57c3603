//! What deregisters is done with an approval, to exactly those who were approved, once; and an approval of anything else than
//! the present plan is refused with what has changed.

use n720_sim::{Device, DeviceBuilder, Event, Fault, SessionEnd};
use serde_json::Value;

use super::fills::{RECEPTION, STORE, WORKSHOP, handset, two_handsets};
use crate::support::{
    BOUND, Lab, Ran, Site, alert, between_readings, eventually, forgetful, manager, registrations, steps,
};

/// Two phones that work, and a third one that is still in its box.
fn filled() -> DeviceBuilder {
    manager("7C2F80CA21E4")
        .account(1, "1013", "Reception")
        .account(2, "1014", "Workshop")
        .registered(1, handset(RECEPTION))
        .registered(2, handset(WORKSHOP))
        .handset(handset(STORE))
}

/// The phone of the reception is to be replaced.
fn replaced(device: &Device) -> Site {
    Site::of(device).slot(1, STORE, "1013", "Reception").slot(2, WORKSHOP, "1014", "Workshop")
}

/// The phone of the workshop is to be deregistered.
fn cleared(device: &Device) -> Site {
    Site::of(device).slot(1, RECEPTION, "1013", "Reception").absent(2)
}

/// The hash of the plan that waits for an approval, when all else was carried out.
async fn reviewed(lab: &Lab) -> String {
    let status = lab
        .until("acme", "nothing but what needs an approval", |status| {
            let steps = steps(status);
            status["generation"]["verified"].is_string()
                && !steps.is_empty()
                && steps.iter().all(|(_, slot, state)| *slot > 0 && *state == "blocked")
        })
        .await;
    assert!(alert(&status, "plan-needs-approval").is_some(), "{status:#}");
    status["plan"]["hash"].as_str().unwrap().to_owned()
}

async fn approve(lab: &Lab, hash: &str, by: &str) -> Ran {
    lab.n720d(&["approve", "acme", hash, "--by", by, "--reason", "agreed by phone"]).await
}

fn state(status: &Value) -> Option<&str> {
    status["plan"]["approval"]["state"].as_str()
}

/// Who has lost a registration: slot and handset.
fn lost(device: &Device) -> Vec<(u8, String)> {
    device.deregistrations().into_iter().map(|(slot, ipui, _)| (slot, ipui.to_string())).collect()
}

/// The new phone comes in, and everything is as the site file says.
async fn new_phone_comes_in(lab: &Lab, device: &Device) {
    device
        .wait_until("the window", BOUND, |seen| seen.window_open && seen.unsettled.is_empty())
        .await
        .unwrap();
    device.press(STORE.parse().unwrap()).unwrap();
    let status = lab.converged("acme").await;
    assert_eq!(registrations(&status).into_values().collect::<Vec<_>>(), ["registered", "registered"]);
}

fn logged_out(device: &Device) {
    assert_eq!(device.snapshot().session, None, "a session is still open");
    for entry in device.journal() {
        if let Event::SessionClosed { how, .. } = entry.event {
            assert_eq!(how, SessionEnd::LoggedOut);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_plan_costs_exactly_that_phone_its_registration_once() {
    let lab = Lab::new().await;
    let device = filled().start().await.unwrap();
    lab.site("acme", &replaced(&device));
    let daemon = lab.start().await;
    let hash = reviewed(&lab).await;
    for (wrong, why) in [("0123456789ab", "no plan 0123456789ab"), ("soon", "the hash of a plan")] {
        let refused = approve(&lab, wrong, "anna").await;
        assert!(refused.code == 1 && refused.err.contains(why), "{refused:?}");
    }
    let nameless = approve(&lab, &hash, "an\u{7}na").await;
    assert!(nameless.code == 1 && nameless.err.contains("name"), "{nameless:?}");
    let long = lab.n720d(&["approve", "acme", &hash, "--valid", "8d"]).await;
    assert!(long.code == 1 && long.err.contains("at most 7d"), "{long:?}");
    assert_eq!((device.applied().len(), lost(&device)), (1, vec![]), "the rest went ahead");

    let approved = approve(&lab, &format!(" {} ", hash.to_uppercase()), "anna").await;
    assert!(approved.code == 0 && approved.out.contains("approved by anna, and released"), "{approved:?}");
    assert_eq!(state(&lab.status("acme").await), Some("used"));
    let again = approve(&lab, &hash, "ben").await;
    assert!(again.code == 0 && again.out.contains("approved by anna, and released"), "{again:?}");
    new_phone_comes_in(&lab, &device).await;
    let status = lab.status("acme").await;
    assert!(alert(&status, "plan-needs-approval").is_none() && status["plan"]["approval"].is_null());
    let over = approve(&lab, &hash, "anna").await;
    assert!(over.code == 0 && over.out.contains("nothing is left to do"), "{over:?}");

    let history = lab.n720d(&["history", "acme"]).await.out;
    for told in
        ["user anna", &format!("approved plan {hash} until "), "agreed by phone", "; approved by anna"]
    {
        assert!(history.contains(told), "{told}: {history}");
    }
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(lost(&device), [(1, RECEPTION.to_owned())]);
    assert_eq!(device.applied().len(), 2);
    logged_out(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_what_has_changed_is_refused_with_the_difference() {
    let lab = Lab::new().await;
    let device = filled().start().await.unwrap();
    lab.site("acme", &replaced(&device));
    let daemon = lab.start().await;
    let first = reviewed(&lab).await;

    // The site file asks for another phone.
    let other = Site::of(&device)
        .slot(1, "02 00 00 00 77", "1013", "Reception")
        .slot(2, WORKSHOP, "1014", "Workshop");
    lab.site("acme", &other);
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    let second = lab
        .until("acme", "another plan", |status| {
            status["plan"]["hash"].as_str().is_some_and(|hash| hash != first)
        })
        .await;
    let second = second["plan"]["hash"].as_str().unwrap().to_owned();
    let refused = approve(&lab, &first, "anna").await;
    assert!(
        refused.code == 1 && refused.err.contains(&format!("the present plan is {second}")),
        "{refused:?}"
    );
    let lines: Vec<&str> = refused.out.lines().collect();
    assert!(
        lines.iter().any(|line| line.starts_with("- replace slot 1") && line.contains(STORE)),
        "{refused:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("+ replace slot 1") && line.contains("00 77")),
        "{refused:?}"
    );

    // Somebody takes the phone out by hand: nobody is left to be deregistered.
    between_readings(&device).await;
    device.deregister(1).unwrap();
    let refused = lab.n720d(&["approve", "acme", &second, "--by", "anna", "--json"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    let answer = refused.json();
    assert_eq!(answer["outcome"], "refused");
    let gone = answer["difference"]["gone"].as_array().unwrap();
    assert!(gone.iter().any(|line| line.as_str().unwrap().contains(RECEPTION)), "{answer:#}");
    assert!(!lab.n720d(&["history", "acme"]).await.out.contains("user anna"), "nothing was approved");
    assert_eq!(daemon.terminate().await.0, 0);
    let others: Vec<_> = lost(&device).into_iter().filter(|(slot, _)| *slot != 1).collect();
    assert_eq!(others, []);
    logged_out(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_is_not_used_in_time_ends_and_the_history_says_so_once() {
    let lab = Lab::new().await;
    let device = filled().start().await.unwrap();
    let observed = |mode| replaced(&device).with(|site| (site.mode, site.enrol) = (mode, mode == "manage"));
    lab.site("acme", &observed("observe"));
    let daemon = lab.start().await;
    let status = lab.until("acme", "a plan", |status| status["plan"]["hash"].is_string()).await;
    let hash = status["plan"]["hash"].as_str().unwrap().to_owned();
    let approved = lab.n720d(&["approve", "acme", &hash, "--by", "anna", "--valid", "12s"]).await;
    assert!(approved.code == 0 && approved.out.contains("it holds until"), "{approved:?}");
    assert!(approved.out.contains("mode = observe"), "how the step stands: {approved:?}");
    assert_eq!(state(&lab.status("acme").await), Some("holds"));
    let shown = lab.n720d(&["status", "acme"]).await.out;
    assert!(shown.contains(&format!("holds: plan {hash} by anna, until")), "{shown}");

    lab.until("acme", "its end", |status| state(status) == Some("expired")).await;
    lab.site("acme", &observed("manage"));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    lab.fires("acme", "plan-needs-approval").await;
    lab.readings("acme", 2).await;
    let history = lab.n720d(&["history", "acme"]).await.out;
    assert_eq!(history.matches("has expired").count(), 1, "{history}");
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(lost(&device), []);
    logged_out(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_have_to_approve_one_is_not_enough_twice() {
    let lab = Lab::new().await;
    let device = filled().start().await.unwrap();
    let text = cleared(&device).text().replace("[site]\n", "[site]\napproval = 'second-person'\n");
    lab.site_text("acme", &text);
    let daemon = lab.start().await;
    let hash = reviewed(&lab).await;
    let first = approve(&lab, &hash, "anna").await;
    assert!(first.code == 2 && first.out.contains("a second person has to approve"), "{first:?}");
    assert_eq!(state(&lab.status("acme").await), Some("waiting-for-second-person"));
    let same = approve(&lab, &hash, " Anna ").await;
    assert!(same.code == 1 && same.err.contains("somebody else has to approve it"), "{same:?}");
    let alone = lab.n720d(&["apply", "acme", "--approve", &hash, "--by", "ANNA"]).await;
    assert_eq!(alone.code, 1, "{alone:?}");
    assert_eq!(lost(&device), []);

    let second = approve(&lab, &hash, "ben").await;
    assert!(second.code == 0 && second.out.contains("approved by anna and ben, and released"), "{second:?}");
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(lost(&device), [(2, WORKSHOP.to_owned())]);
    logged_out(&device);
}

/// The release is made, and the manager was not told yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_approval_and_fetch_deregisters_nobody_twice() {
    let lab = Lab::new().await;
    let device = forgetful(filled()).start().await.unwrap();
    lab.site("acme", &replaced(&device));
    let daemon = lab.start().await;
    let hash = reviewed(&lab).await;
    let deaf = device.set_fault(Fault::Hang { after: 0 }.on("/settings_management_miscellaneous.html"));
    let asking = lab.begin(&["approve", "acme", &hash, "--by", "anna"], &[]);
    eventually("the release", async || {
        let history = lab.get("/api/v1/sites/acme/history").await;
        history.body.contains("; approved by anna").then_some(())
    })
    .await;
    daemon.kill_logged_in(&[&device]).await;
    drop(asking);
    assert_eq!(lost(&device), []);
    device.clear_fault(deaf);
    let daemon = lab.start().await;
    lab.until("acme", "the same end", |status| status["generation"]["fetched"].is_string()).await;
    new_phone_comes_in(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(lost(&device), [(1, RECEPTION.to_owned())]);
    assert_eq!(device.applied().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_apply_does_it_by_itself() {
    let lab = Lab::new().await;
    let device = filled().start().await.unwrap();
    lab.site("acme", &cleared(&device));
    let planned = lab.n720d(&["plan", "acme", "--json"]).await;
    assert_eq!(planned.code, 2, "{planned:?}");
    // The hash is one of this state directory, which the first cycle makes.
    assert_eq!(lab.n720d(&["apply", "acme"]).await.code, 2);
    let planned = lab.n720d(&["plan", "acme", "--json"]).await.json();
    let hash = planned["sites"][0]["plan"]["hash"].as_str().unwrap();

    let alone = lab.n720d(&["approve", "acme", hash]).await;
    assert!(
        alone.code == 1 && alone.err.contains(&format!("`n720d apply acme --approve {hash}`")),
        "{alone:?}"
    );
    let wrong = lab.n720d(&["apply", "acme", "--approve", "0123456789ab"]).await;
    assert!(wrong.code == 1 && wrong.err.contains(&format!("the present plan is {hash}")), "{wrong:?}");
    assert_eq!(lost(&device), []);
    let done = lab.n720d(&["apply", "acme", "--approve", hash, "--by", "anna"]).await;
    assert!(done.code == 0 && done.out.contains("acme: converged"), "{done:?}");
    let history = lab.n720d(&["history", "acme"]).await.out;
    assert!(history.contains("user anna"), "{history}");
    assert_eq!(lost(&device), [(2, WORKSHOP.to_owned())]);
    logged_out(&device);
}

/// Everybody keeps their phone where nothing is to be replaced: there is nothing to approve.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_hits_nobody_needs_no_approval() {
    let lab = Lab::new().await;
    let device = filled().start().await.unwrap();
    let site = two_handsets(&device).with(|site| (site.mode, site.enrol) = ("observe", false));
    lab.site("acme", &site.slot(3, STORE, "1015", "Store"));
    let daemon = lab.start().await;
    let status = lab.until("acme", "a plan", |status| status["plan"]["hash"].is_string()).await;
    let hash = status["plan"]["hash"].as_str().unwrap();
    let answer = lab.n720d(&["approve", "acme", hash, "--json"]).await;
    assert_eq!((answer.code, &answer.json()["outcome"]), (0, &Value::from("not-needed")));
    assert!(answer.json()["status"]["plan"]["approval"].is_null());
    assert_eq!(daemon.terminate().await.0, 0);
}
