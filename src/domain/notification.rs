//! Notifications: what was decided to be told, to which sink, and what each sink was last told. Plain data between
//! the decision (`alerting`) and the store, and the pure decision itself. No delivery here.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::alert::{Alert, AlertState};
use super::ids::SiteName;

/// Why a notification is sent. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Something fires of which the sink knows nothing.
    First,
    /// What fires is not what the sink was told.
    Changed,
    /// It still fires, and the repeat interval has passed.
    Repeat,
    /// Nothing fires any more.
    Resolved,
}

impl Reason {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Changed => "changed",
            Self::Repeat => "repeat",
            Self::Resolved => "resolved",
        }
    }
}

/// The last decision for one sink about one site, whether it is delivered yet or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Over what was told, so that the same is not told again.
    pub digest: String,
    /// Ids of the alerts that fired.
    pub firing: BTreeSet<String>,
    /// When it was decided.
    pub at: DateTime<Utc>,
}

/// A notification that was decided on and is to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// The `webhook-id`: the same on every retry, unique for ever.
    pub id: String,
    /// Name of the sink.
    pub sink: String,
    /// The site it is about.
    pub site: SiteName,
    /// Why it is sent.
    pub reason: Reason,
    /// The webhook body of the interface, JSON.
    pub body: String,
    /// What the ledger says from here on.
    pub ledger: LedgerEntry,
}

/// A notification that waits for its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The `webhook-id`: the same on every retry.
    pub id: String,
    /// Name of the sink.
    pub sink: String,
    /// The site it is about.
    pub site: SiteName,
    /// Why it is sent.
    pub reason: Reason,
    /// The webhook body of the interface, JSON.
    pub body: String,
    /// How often its delivery was tried and failed.
    pub attempts: u32,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
}

/// Whether a sink is to be told about a site, and why, given what it was last told.
///
/// `alerts` are all alerts of the site, resolved ones included. Silenced alerts are neither told nor forgotten; an
/// acknowledged one is told of but causes no repetition. A ledger entry that lies further in the future than the
/// repeat interval (the clock was set back) counts as due, so that a jump of the clock cannot mute a site.
pub fn decide(
    ledger: Option<&LedgerEntry>,
    alerts: &[Alert],
    repeat: Duration,
    now: DateTime<Utc>,
) -> Option<Reason> {
    let told = ledger.filter(|entry| !entry.firing.is_empty());
    let quiet = !alerts.iter().any(is_told_firing);
    let some_end = ledger.is_some_and(|entry| alerts.iter().any(|alert| is_unannounced(alert, entry)));
    match told {
        None => (!quiet).then_some(Reason::First),
        Some(_) if quiet && some_end && !keeps_silenced(told, alerts) => Some(Reason::Resolved),
        Some(_) if some_end => Some(Reason::Changed),
        Some(_) if quiet => None,
        Some(entry) if entry.digest != digest(alerts) => Some(Reason::Changed),
        Some(entry) => repeat_is_due(entry, alerts, repeat, now).then_some(Reason::Repeat),
    }
}

/// What the ledger says once a sink is told of `alerts`: silenced alerts that it knew of stay known, so that their
/// end is announced.
pub fn ledger_after(ledger: Option<&LedgerEntry>, alerts: &[Alert], now: DateTime<Utc>) -> LedgerEntry {
    let known = |id: &str| ledger.is_some_and(|entry| entry.firing.contains(id));
    let firing = alerts
        .iter()
        .filter(|alert| is_told_firing(alert) || (alert.state == AlertState::Silenced && known(&alert.id)))
        .map(|alert| alert.id.clone())
        .collect();
    LedgerEntry { digest: digest(alerts), firing, at: now }
}

/// Identity of what fires: ids, severities, phases and handsets. Texts are left out, for they may carry times and
/// counts that change without anything having changed for the reader.
pub fn digest(alerts: &[Alert]) -> String {
    let mut firing: Vec<&Alert> = alerts.iter().filter(|alert| is_told_firing(alert)).collect();
    firing.sort_by(|a, b| a.id.cmp(&b.id));
    let mut hash = Sha256::new();
    for alert in firing {
        hash.update(format!("{:?}\n", (&alert.id, alert.severity, &alert.phase)));
        for handset in &alert.handsets {
            hash.update(format!("{:?}\n", (handset.number, handset.ipui)));
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether this alert is told of as something that holds.
pub fn is_told_firing(alert: &Alert) -> bool {
    match alert.state {
        AlertState::Firing | AlertState::Acknowledged => true,
        AlertState::Silenced | AlertState::Resolved => false,
    }
}

/// Whether this alert has ended and the sink with this ledger entry still believes that it holds.
pub fn is_unannounced(alert: &Alert, ledger: &LedgerEntry) -> bool {
    alert.state == AlertState::Resolved && ledger.firing.contains(&alert.id)
}

fn keeps_silenced(ledger: Option<&LedgerEntry>, alerts: &[Alert]) -> bool {
    ledger.is_some_and(|entry| {
        alerts.iter().any(|alert| alert.state == AlertState::Silenced && entry.firing.contains(&alert.id))
    })
}

fn repeat_is_due(entry: &LedgerEntry, alerts: &[Alert], repeat: Duration, now: DateTime<Utc>) -> bool {
    let repeat = TimeDelta::from_std(repeat).unwrap_or(TimeDelta::MAX);
    let since = now.signed_duration_since(entry.at);
    let wanted = alerts.iter().any(|alert| alert.state == AlertState::Firing);
    wanted && (since >= repeat || since <= -repeat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{AlertKind, HandsetNote, Severity};
    use crate::domain::ids::SlotNumber;
    use crate::domain::memory::Registration;

    const REPEAT: Duration = Duration::from_secs(4 * 3600);

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn alert(id: &str, state: AlertState) -> Alert {
        Alert {
            id: id.into(),
            kind: AlertKind::Drift,
            severity: Severity::Warning,
            summary: "differs".into(),
            phase: String::new(),
            since: at(0),
            state,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
        }
    }

    fn firing(id: &str) -> Alert {
        alert(id, AlertState::Firing)
    }

    fn resolved(id: &str) -> Alert {
        alert(id, AlertState::Resolved)
    }

    /// What the ledger says once these were told at minute 0.
    fn told(alerts: &[Alert]) -> LedgerEntry {
        ledger_after(None, alerts, at(0))
    }

    /// Case, ledger, alerts, minute since the ledger was written, decision.
    type Row = (&'static str, Option<LedgerEntry>, Vec<Alert>, i64, Option<Reason>);

    #[test]
    fn the_decision_table() {
        let a = || firing("a");
        let (acknowledged, silenced) =
            (alert("a", AlertState::Acknowledged), alert("a", AlertState::Silenced));
        let rows: Vec<Row> = vec![
            ("nothing, never told", None, vec![], 1, None),
            ("an end of which nobody knew the beginning", None, vec![resolved("a")], 1, None),
            ("the first", None, vec![a()], 1, Some(Reason::First)),
            ("silenced from the start", None, vec![silenced.clone()], 1, None),
            ("first again after an end", Some(told(&[])), vec![a()], 1, Some(Reason::First)),
            ("the same", Some(told(&[a()])), vec![a()], 239, None),
            ("the same for long", Some(told(&[a()])), vec![a()], 240, Some(Reason::Repeat)),
            ("acknowledged, for long", Some(told(&[a()])), vec![acknowledged.clone()], 999, None),
            (
                "acknowledged beside another",
                Some(told(&[a()])),
                vec![acknowledged, firing("b")],
                1,
                Some(Reason::Changed),
            ),
            ("one more", Some(told(&[a()])), vec![a(), firing("b")], 1, Some(Reason::Changed)),
            (
                "one ended, one holds",
                Some(told(&[a(), firing("b")])),
                vec![a(), resolved("b")],
                1,
                Some(Reason::Changed),
            ),
            ("the last ended", Some(told(&[a()])), vec![resolved("a")], 1, Some(Reason::Resolved)),
            ("the end was told already", Some(told(&[])), vec![resolved("a")], 1, None),
            ("an end beside what holds, told already", Some(told(&[a()])), vec![a(), resolved("b")], 1, None),
            ("silenced after it was told", Some(told(&[a()])), vec![silenced.clone()], 999, None),
            (
                "one ended, one silenced",
                Some(told(&[a(), firing("b")])),
                vec![silenced, resolved("b")],
                1,
                Some(Reason::Changed),
            ),
            ("the clock was set back a little", Some(told(&[a()])), vec![a()], -239, None),
            ("the clock was set back far", Some(told(&[a()])), vec![a()], -240, Some(Reason::Repeat)),
        ];
        for (case, ledger, alerts, minute, expected) in rows {
            assert_eq!(decide(ledger.as_ref(), &alerts, REPEAT, at(minute)), expected, "{case}");
        }
    }

    #[test]
    fn severity_phase_and_handsets_are_worth_another_message_and_texts_are_not() {
        let before = firing("a");
        let changed = |change: fn(&mut Alert)| {
            let mut alert = before.clone();
            change(&mut alert);
            decide(Some(&told(std::slice::from_ref(&before))), &[alert], REPEAT, at(1))
        };
        let handset = |number, ipui: &str| HandsetNote {
            number: SlotNumber::new(number).unwrap(),
            ipui: ipui.parse().ok(),
            user: None,
            display_name: None,
            registration: Registration::Pending,
            evidence: String::new(),
            evidence_at: None,
            instruction: String::new(),
            pin: None,
            until: None,
        };
        assert_eq!(changed(|alert| alert.summary = "differs since 5 min".into()), None);
        assert_eq!(changed(|alert| alert.since = at(5)), None);
        assert_eq!(changed(|alert| alert.severity = Severity::Critical), Some(Reason::Changed));
        assert_eq!(changed(|alert| alert.phase = "under 2 h".into()), Some(Reason::Changed));

        let with = |handsets| Alert { handsets, ..firing("a") };
        let one = with(vec![handset(1, "02 B6 EC 8A A5")]);
        assert_ne!(digest(&[firing("a")]), digest(std::slice::from_ref(&one)));
        assert_ne!(digest(std::slice::from_ref(&one)), digest(&[with(vec![handset(1, "02 9E 74 A5 99")])]));
        let mut reworded = one.clone();
        reworded.handsets[0].instruction = "switch it on".into();
        assert_eq!(digest(&[one]), digest(&[reworded]));
    }

    #[test]
    fn the_digest_knows_no_order_and_nothing_of_what_does_not_fire() {
        let (a, b) = (firing("a"), firing("b"));
        assert_eq!(digest(&[a.clone(), b.clone()]), digest(&[b, a.clone(), resolved("c")]));
        assert_ne!(digest(&[a]), digest(&[]));
    }

    #[test]
    fn a_silenced_alert_stays_in_the_ledger_so_that_its_end_is_told() {
        let before = told(&[firing("a"), firing("b")]);
        let silenced = alert("a", AlertState::Silenced);
        let after = ledger_after(Some(&before), &[silenced.clone(), resolved("b")], at(1));
        assert_eq!(after.firing, BTreeSet::from(["a".to_owned()]));
        assert_eq!(decide(Some(&after), &[resolved("a")], REPEAT, at(2)), Some(Reason::Resolved));
        let never_told = ledger_after(None, &[silenced], at(1));
        assert!(never_told.firing.is_empty());
    }

    #[test]
    fn a_silenced_alert_that_ends_beside_what_holds_is_a_change() {
        let before = told(&[firing("a"), firing("b")]);
        let silenced = alert("b", AlertState::Silenced);
        let while_silenced = ledger_after(Some(&before), &[firing("a"), silenced], at(1));
        let ended = [firing("a"), resolved("b")];
        assert_eq!(decide(Some(&while_silenced), &ended, REPEAT, at(2)), Some(Reason::Changed));
    }

    #[test]
    fn reasons_are_the_words_of_the_interface() {
        for reason in [Reason::First, Reason::Changed, Reason::Repeat, Reason::Resolved] {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.as_str()));
        }
    }
}
