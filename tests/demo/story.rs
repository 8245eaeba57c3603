//! The story: what is started, what must happen in which bounds, and what is shown at the end.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::hook::Hook;
use crate::program::{Daemon, Program};
use crate::proof;
use crate::scene::{DENTIST, HOOK_SECRET, HOTEL, SCHOOL, SIP_PASSWORD, Scene, WEB_PASSWORD};
use crate::teller::Teller;
use crate::watcher::{Stage, Watcher};

const BRIEFLY: Duration = Duration::from_secs(120);
const A_WINDOW: Duration = Duration::from_secs(240);

/// Tells it from beginning to end.
pub(crate) async fn tell(teller: &mut Teller, folder: &Path) -> Result<(), Failure> {
    let (hook, hook_url) = Hook::start(HOOK_SECRET.1).await?;
    let scene = Scene::set(folder, &hook_url).await?;
    let secrets = [WEB_PASSWORD, SIP_PASSWORD, HOOK_SECRET];
    let program =
        Program::find(&scene.config, secrets.map(|(name, value)| (name, value.to_owned())).to_vec())?;

    introduce(teller);
    before_the_daemon(teller, &program).await?;
    teller.heading("The daemon runs (n720d run): what it, its webhooks and the simulated world say");
    let mut daemon = program.daemon(&folder.join("n720d.log"))?;
    let mut watcher = Watcher::new(&scene, hook)?;
    act(&mut watcher, &mut Stage { scene: &scene, daemon: &mut daemon, teller }).await?;
    show(teller, &program).await?;
    end(teller, &scene, daemon).await
}

fn introduce(teller: &Teller) {
    teller.heading("n720d on three simulated N720s");
    teller.say(
        "An operator has shipped handsets and written down which belongs to which slot. n720d opens the registration \
         window on each N720, watches the handsets come in, and calls for help by name when some do not.",
    );
    teller.say("- dentist: a virgin N720, three new handsets. It just fills.");
    teller.say("- hotel: one phone works already, four are to come. Two miss the window.");
    teller.say("- school: two phones work already. When n720d comes, a person is logged in.");
    teller.say(
        "Times are scaled: the device settles in 3 s instead of 180 s, windows last 40 s and 90 s instead of a day.",
    );
}

/// What an operator does first: check the files, look at the plan.
async fn before_the_daemon(teller: &Teller, program: &Program) -> Result<(), Failure> {
    teller.heading("First: are the files right, and what would it do?");
    teller.transcript("n720d check", &program.command("check", 0).await?);
    teller.transcript(
        "n720d plan dentist     # reads, never writes; exit 2: there is a plan",
        &program.command("plan dentist", 2).await?,
    );
    Ok(())
}

async fn act(watcher: &mut Watcher, stage: &mut Stage<'_>) -> Result<(), Failure> {
    let busy = |w: &Watcher| w.alerts(SCHOOL, "session-busy").next().is_some();
    watcher.until(stage, "the alert that a person is logged in at the school", BRIEFLY, busy).await?;
    stage.teller.explain("person", "n720d has only asked, and was told 2: it waits; now the person is done");
    stage.scene.managers[SCHOOL].clear_faults();

    let filled = |w: &Watcher| w.health(DENTIST) == "converged";
    watcher.until(stage, "the dentist's three handsets registered", A_WINDOW, filled).await?;

    let missed = |w: &Watcher| {
        let mut told = w.alerts(HOTEL, "window-expired-unfilled");
        told.any(|alert| missing(alert) == ["Housekeeping", "Night porter"])
    };
    watcher
        .until(stage, "the alert that names the two missing handsets of the hotel", A_WINDOW, missed)
        .await?;
    stage.teller.explain(
        "reopen",
        "the site file says reopen = 1, so the window opens again for those two by itself",
    );

    let reopened = |w: &Watcher| w.sites.get(HOTEL).is_some_and(|status| status["window"]["reopened"] == 1);
    watcher.until(stage, "the hotel's window opened again", BRIEFLY, reopened).await?;
    let filled = |w: &Watcher| w.health(HOTEL) == "converged";
    watcher.until(stage, "the hotel's last two handsets registered", A_WINDOW, filled).await?;
    let resolved =
        |w: &Watcher| w.alerts(HOTEL, "window-expired-unfilled").any(|alert| alert["state"] == "resolved");
    watcher.until(stage, "the webhook that the hotel's alert is resolved", BRIEFLY, resolved).await?;

    let school = |w: &Watcher| {
        let over = w.alerts(SCHOOL, "session-busy").any(|alert| alert["state"] == "resolved");
        over && w.health(SCHOOL) == "converged"
    };
    watcher.until(stage, "the school's handset registered and its alert resolved", A_WINDOW, school).await
}

/// The names in an alert.
fn missing(alert: &Value) -> Vec<&str> {
    let handsets = alert["handsets"].as_array().into_iter().flatten();
    handsets.filter_map(|handset| handset["display_name"].as_str()).collect()
}

async fn show(teller: &Teller, program: &Program) -> Result<(), Failure> {
    teller.heading("Afterwards");
    teller.transcript(
        "n720d status          # exit 0: nothing needs a person",
        &program.command("status", 0).await?,
    );
    teller.transcript("n720d status hotel", &program.command("status hotel", 0).await?);
    teller.transcript("n720d history hotel --limit 8", &program.command("history hotel --limit 8", 0).await?);
    Ok(())
}

async fn end(teller: &Teller, scene: &Scene, daemon: Daemon) -> Result<(), Failure> {
    daemon.stop().await?;
    teller.heading("The daemon has stopped (SIGTERM, exit 0). What the N720s wrote down themselves");
    for (site, device) in &scene.managers {
        teller.say(&proof::sentence(site, device)?);
    }
    teller.say("Nobody was deregistered, nobody thrown out, no session left open.");
    Ok(())
}
