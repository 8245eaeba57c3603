//! Follows the daemon as a dashboard would (its API and its webhooks) and the simulated world (the devices' journals),
//! and tells what is new. Whatever is said about n720d here, n720d said itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use n720_sim::{Event, SessionEnd};
use serde_json::Value;

use crate::failure::{Doing, Failure};
use crate::hook::Hook;
use crate::program::Daemon;
use crate::scene::Scene;
use crate::teller::Teller;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);

/// The first time that a kind of line comes up, this is said about it.
const EXPLANATIONS: &[(&str, &str)] = &[
    ("enrol", "the N720 has no upload: it fetches its file itself, so it has to know from where"),
    (
        "release",
        "from here on this file is what the N720 may fetch: accounts, reservations, window, PIN; it is on disk before \
         the N720 is told",
    ),
    (
        "fetch",
        "told through its own web page or, where it has no account yet, by SIP check-sync, the N720 came for it",
    ),
    ("verify", "read back after the settle time: the pages show what the file asked for"),
    ("registration", "every verdict says on what grounds; a handset counts only on positive evidence"),
];

/// What is known of the story so far.
pub(crate) struct Watcher {
    client: reqwest::Client,
    api: String,
    hook: Hook,
    history: usize,
    journals: BTreeMap<&'static str, u64>,
    /// All notifications.
    pub(crate) notifications: Vec<Value>,
    /// The last status of each site.
    pub(crate) sites: BTreeMap<String, Value>,
}

impl Watcher {
    pub(crate) fn new(scene: &Scene, hook: Hook) -> Result<Self, Failure> {
        // The demo speaks plain HTTP; the client wants to know what it would do otherwise.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        Ok(Self {
            client: client.doing("make an HTTP client")?,
            api: scene.api.clone(),
            hook,
            history: 0,
            journals: BTreeMap::new(),
            notifications: Vec::new(),
            sites: BTreeMap::new(),
        })
    }

    /// Tells what happens until something has happened.
    ///
    /// # Errors
    /// [`Failure::TimedOut`] with `what`, or that the daemon is gone.
    pub(crate) async fn until(
        &mut self,
        stage: &mut Stage<'_>,
        what: &str,
        within: Duration,
        happened: impl Fn(&Self) -> bool,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + within;
        loop {
            self.look(stage).await?;
            if happened(self) {
                return Ok(());
            }
            stage.daemon.must_run()?;
            if Instant::now() >= deadline {
                return Err(Failure::TimedOut { what: what.to_owned(), within });
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// The health of a site in one word.
    pub(crate) fn health(&self, site: &str) -> &str {
        self.sites.get(site).and_then(|status| status["health"].as_str()).unwrap_or("unknown")
    }

    /// All that was notified about a kind of alert at a site, in order.
    pub(crate) fn alerts<'a>(&'a self, site: &str, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let of_site = self.notifications.iter().filter(move |body| body["site"] == site);
        let alerts = of_site.filter_map(|body| body["alerts"].as_array()).flatten();
        alerts.filter(move |alert| alert["kind"] == kind)
    }

    async fn look(&mut self, stage: &mut Stage<'_>) -> Result<(), Failure> {
        self.world(stage);
        // The daemon may not listen yet; that it lives is watched elsewhere.
        if let Some(page) = self.get("/api/v1/history?limit=10000").await {
            self.tell_history(stage.teller, &page);
        }
        for body in self.hook.after(self.notifications.len())? {
            tell_notification(stage.teller, &body);
            self.notifications.push(body);
        }
        if let Some(fleet) = self.get("/api/v1/sites").await {
            self.tell_health(stage.teller, &fleet);
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let answer = self.client.get(format!("{}{path}", self.api)).send().await.ok()?;
        serde_json::from_str(&answer.text().await.ok()?).ok()
    }

    /// Newest first is how it comes, oldest first is how it is told. Alerts are left to the webhook, which tells more.
    fn tell_history(&mut self, teller: &mut Teller, page: &Value) {
        let lines = page["history"].as_array().map(Vec::as_slice).unwrap_or_default();
        let new: Vec<Line<'_>> = lines.iter().rev().skip(self.history).map(Line::of).collect();
        self.history = lines.len();
        for run in new.chunk_by(Line::is_alike) {
            let [first, rest @ ..] = run else { continue };
            if ["alert", "notification"].contains(&first.what) {
                continue;
            }
            teller.event(first.site, first.what, first.outcome);
            if !rest.is_empty() {
                let slots: Vec<&str> = rest.iter().filter_map(Line::slot).collect();
                teller.more(&format!("and the same for slot {}", slots.join(", ")));
            }
            if let Some((topic, words)) = EXPLANATIONS.iter().find(|(topic, _)| *topic == first.what) {
                teller.explain(topic, words);
            }
        }
    }

    fn tell_health(&mut self, teller: &Teller, fleet: &Value) {
        for status in fleet["sites"].as_array().into_iter().flatten() {
            let text = |key: &str| status[key].as_str().unwrap_or_default();
            let site = text("site");
            if self.health(site) != text("health") {
                teller.event(site, "status", &format!("{}: {}", text("health"), text("reason")));
            }
            self.sites.insert(site.to_owned(), status.clone());
        }
    }

    /// What people do at the sites, and what the devices do by themselves.
    fn world(&mut self, stage: &Stage<'_>) {
        for (site, device) in &stage.scene.managers {
            let seen = self.journals.entry(site).or_default();
            for entry in device.journal_since(*seen) {
                *seen = entry.seq;
                if let Some(text) = world_event(stage.scene, &entry.event) {
                    stage.teller.event(site, "(world)", &text);
                }
            }
        }
    }
}

/// A line of history.
struct Line<'a> {
    site: &'a str,
    what: &'a str,
    outcome: &'a str,
}

impl<'a> Line<'a> {
    fn of(line: &'a Value) -> Self {
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        Self { site: text("site"), what: text("what"), outcome: text("outcome") }
    }

    /// The slot in `slot 4 (02 A1 00 10 04): pending -> registered: why`.
    fn slot(&self) -> Option<&'a str> {
        self.outcome.strip_prefix("slot ")?.split(' ').next()
    }

    /// The step in it, `pending -> registered`.
    fn step(&self) -> Option<&'a str> {
        self.slot()?;
        self.outcome.split(": ").nth(1)
    }

    /// Whether the other line tells the same step of another slot.
    fn is_alike(&self, other: &Self) -> bool {
        let step = |line: &Self| (line.what == "registration").then(|| line.step()).flatten();
        self.site == other.site && step(self).is_some() && step(self) == step(other)
    }
}

/// Where the story takes place and who tells it.
pub(crate) struct Stage<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) daemon: &'a mut Daemon,
    pub(crate) teller: &'a mut Teller,
}

fn tell_notification(teller: &mut Teller, body: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let site = text(&body["site"]);
    for alert in body["alerts"].as_array().into_iter().flatten() {
        let (kind, severity, state) = (text(&alert["kind"]), text(&alert["severity"]), text(&alert["state"]));
        if state == "resolved" {
            teller.event(&site, "WEBHOOK", &format!("{kind}: resolved"));
            continue;
        }
        let summary = text(&alert["summary"]);
        teller.event(&site, "WEBHOOK", &format!("{kind} ({severity}, {}): {summary}", text(&body["reason"])));
        let handsets = alert["handsets"].as_array().map(Vec::as_slice).unwrap_or_default();
        for alike in handsets.chunk_by(|one, next| one["instruction"] == next["instruction"]) {
            for handset in alike {
                let (user, name) = (text(&handset["user"]), text(&handset["display_name"]));
                let (number, ipui) = (&handset["number"], text(&handset["ipui"]));
                teller.more(&format!("- slot {number}: {user} {name}, IPUI {ipui}"));
            }
            let instruction = alike.first().map(|handset| text(&handset["instruction"]));
            teller.more(&format!("what to tell them: {}", instruction.unwrap_or_default()));
        }
    }
    let words = "the receiver has checked the signature of each of these: HMAC-SHA256 over id, time and body";
    teller.explain("webhook", words);
}

/// What of the world is worth a line: people and handsets, and the window by the device's own clock.
fn world_event(scene: &Scene, event: &Event) -> Option<String> {
    if let Event::HandsetArrived { ipui } = event {
        return Some(format!("somebody switches {} ({ipui}) on", scene.name(*ipui)));
    }
    if let Event::SessionClosed { how: SessionEnd::TakenOver, .. } = event {
        return Some("a session was taken over".to_owned());
    }
    let words = [
        (Event::PersonLoggedIn {}, "a person is logged in at the web interface; the N720 has room for one"),
        (Event::PersonLoggedOut {}, "the person logs out"),
        (Event::WindowClosed {}, "the registration window closes"),
        (Event::WindowOpened { nth: 1 }, "the registration window opens"),
        (Event::WindowOpened { nth: 2 }, "the registration window opens for the second time"),
    ];
    words.into_iter().find(|(one, _)| one == event).map(|(_, text)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_step_of_another_slot_is_alike() {
        let line = |site, what, outcome| Line { site, what, outcome };
        let first = line("a", "registration", "slot 1 (02 B6 EC 8A A5): reserved -> pending: listed");
        assert_eq!((first.slot(), first.step()), (Some("1"), Some("reserved -> pending")));
        assert!(first.is_alike(&line(
            "a",
            "registration",
            "slot 2 (02 9E 74 A5 99): reserved -> pending: listed"
        )));
        assert!(!first.is_alike(&line("b", "registration", first.outcome)));
        assert!(!first.is_alike(&line(
            "a",
            "registration",
            "slot 2 (02 9E 74 A5 99): pending -> registered: seen"
        )));
        assert!(!first.is_alike(&line("a", "verify", first.outcome)));
        assert!(!line("a", "verify", "done").is_alike(&line("a", "verify", "done")));
    }
}
