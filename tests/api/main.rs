//! The API from outside: raw HTTP over loopback, and the control socket through its client. What both are made from is here.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod attention;
mod port;
mod socket;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use n720d::api::{ApiState, Board, Metrics};
use n720d::domain::desired::Mode;
use n720d::domain::handoff::Sheet;
use n720d::domain::history::HistoryEntry;
use n720d::domain::ids::SiteName;
use n720d::domain::ledger::{Statistics, WindowLedger};
use n720d::domain::status::{GenerationStatus, Health, PlanStatus, SiteStatus, WindowStatus};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn site(name: &str) -> SiteName {
    name.parse().unwrap()
}

fn status(name: &str, health: Health) -> SiteStatus {
    SiteStatus {
        site: site(name),
        description: String::new(),
        labels: BTreeMap::new(),
        health,
        reason: "as the site file says".into(),
        mode: Mode::Manage,
        observed_at: Some(at(100).fixed_offset()),
        firmware: None,
        clock_skew_seconds: None,
        generation: GenerationStatus::default(),
        window: WindowStatus::default(),
        pause: None,
        slots: Vec::new(),
        alerts: Vec::new(),
        plan: PlanStatus::default(),
        password_change: None,
    }
}

fn entry(site_name: &str, what: &str) -> (SiteName, HistoryEntry) {
    let entry = HistoryEntry { at: at(5), who: "n720d".into(), what: what.into(), outcome: "done".into() };
    (site(site_name), entry)
}

/// Two sites, three entries of history.
fn state(alive: &Arc<AtomicBool>, keeps: &Arc<AtomicBool>) -> ApiState {
    let board = Board::default();
    board.publish(Arc::new(status("acme", Health::Converged)));
    board.publish(Arc::new(status("beta", Health::Blocked)));
    let (alive, keeps) = (Arc::clone(alive), Arc::clone(keeps));
    ApiState {
        metrics: Arc::new(Metrics::new(board.clone(), "1.2.3")),
        board,
        history: Arc::new(|site, limit| {
            Box::pin(async move {
                if limit == 77 {
                    return Err("cannot read the history in /s/n720d.db".to_owned());
                }
                let mut all =
                    vec![entry("beta", "release"), entry("acme", "fetch"), entry("acme", "release")];
                // What is known of a site whose file is gone is told only when it is asked for.
                all.extend(site.iter().map(|_| entry("removed", "release")));
                let asked = all.into_iter().filter(|(name, _)| site.as_ref().is_none_or(|site| site == name));
                Ok(asked.take(limit).collect())
            })
        }),
        windows: Arc::new(|site, limit| Box::pin(async move { windows_of(&site, limit) })),
        handoff: Arc::new(|site| Box::pin(async move { sheet_of(&site) })),
        alerts: Arc::new(|ended| Box::pin(async move { Ok(attention::alerts(ended)) })),
        sent: Arc::new(|limit| Box::pin(async move { attention::sent(limit) })),
        silences: Arc::new(attention::silences),
        alive: Arc::new(move || alive.load(Ordering::Relaxed)),
        keeps: Arc::new(move || keeps.load(Ordering::Relaxed)),
        ready: Arc::new(|| true),
    }
}

/// A sheet of acme; the file of beta has errors, and what is stored of gone cannot be read.
fn sheet_of(site: &SiteName) -> Result<Option<Sheet>, String> {
    match site.as_str() {
        "acme" => Ok(Some(Sheet {
            site: site.clone(),
            description: "ACME".into(),
            at: at(5).fixed_offset(),
            observed_at: None,
            window: WindowStatus::default(),
            listed: 0,
            handsets: Vec::new(),
            notes: vec!["the DECT manager has not been read yet".into()],
        })),
        "beta" => Ok(None),
        _ => Err("cannot load the memory of a site in /s/n720d.db".into()),
    }
}

/// A ledger that shows in its statistics what was asked for; that of gone cannot be read, that of nobody is empty.
fn windows_of(site: &SiteName, limit: usize) -> Result<WindowLedger, String> {
    if site.as_str() == "gone" {
        return Err("cannot read the window ledger of a site in /s/n720d.db".into());
    }
    let windows = if site.as_str() == "nobody" { 0 } else { limit };
    let statistics = Statistics { windows, ..Statistics::default() };
    Ok(WindowLedger { site: site.clone(), windows: Vec::new(), statistics })
}
