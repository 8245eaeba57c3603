//! Which trouble at a site only follows from other trouble there, so that one message tells both. A table; who is told is
//! `alerting`'s part.

use super::alert::{Alert, AlertKind, AlertState};

/// The kinds that, while they hold at a site, explain an alert of this kind there.
///
/// Nothing explains what rests on clocks and on what was last seen: a window that closes with handsets missing has to be
/// mended whether or not the manager answers. Nor is what a person has to write into a file explained by a manager.
pub fn explained_by(kind: AlertKind) -> &'static [AlertKind] {
    use AlertKind as K;
    match kind {
        K::WindowClosing
        | K::WindowExpiredUnfilled
        | K::HandsetLost
        | K::SecretMissing
        | K::PauseForgotten
        | K::PasswordNotStored
        | K::Unreachable => &[],
        // Of the fleet as a whole, which no site's trouble explains.
        K::SiteFileInvalid | K::RolloutStopped | K::SinkFailing | K::Test => &[],
        // What is known of these is what was read before, of this manager or of another one at its address.
        K::Drift
        | K::ForeignReservation
        | K::ClockSkew
        | K::FirmwareTooOld
        | K::PageNotUnderstood
        | K::WindowExposed => &[K::Unreachable, K::WrongDevice],
        K::PlanNeedsApproval | K::PushIneffective | K::PushFailed => &[K::Unreachable],
        K::LoginRefused | K::SessionBusy | K::WrongDevice => &[K::Unreachable],
        // Why nothing was read is told already.
        K::ObservationStale => &[
            K::Unreachable,
            K::WrongDevice,
            K::LoginRefused,
            K::SessionBusy,
            K::SecretMissing,
            K::PageNotUnderstood,
        ],
    }
}

/// The alert that explains this one: of all alerts of the same site the first that holds, whether or not somebody has
/// taken or silenced it. One that has ended is explained by nothing, for its end is news.
pub fn inhibitor<'a>(alert: &Alert, of_site: impl IntoIterator<Item = &'a Alert>) -> Option<&'a Alert> {
    if alert.state == AlertState::Resolved {
        return None;
    }
    let sources = explained_by(alert.kind);
    of_site.into_iter().find(|other| other.state != AlertState::Resolved && sources.contains(&other.kind))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::alert::Severity;

    fn alert(kind: AlertKind, state: AlertState) -> Alert {
        Alert {
            id: format!("acme/{kind}"),
            kind,
            severity: Severity::Warning,
            summary: String::new(),
            phase: String::new(),
            since: DateTime::UNIX_EPOCH,
            state,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
            unwatched: false,
        }
    }

    #[test]
    fn a_site_that_cannot_be_reached_explains_all_but_what_has_to_be_mended_anyhow() {
        use AlertKind::*;
        let stands = [
            WindowClosing,
            WindowExpiredUnfilled,
            HandsetLost,
            SecretMissing,
            PauseForgotten,
            PasswordNotStored,
            SiteFileInvalid,
            Unreachable,
            RolloutStopped,
            SinkFailing,
            Test,
        ];
        for kind in AlertKind::ALL {
            assert_eq!(explained_by(kind).contains(&Unreachable), !stands.contains(&kind), "{kind}");
        }
    }

    #[test]
    fn what_each_other_source_explains() {
        use AlertKind::*;
        let explained = |source| {
            let kinds = AlertKind::ALL.into_iter().filter(|kind| explained_by(*kind).contains(&source));
            kinds.collect::<Vec<_>>()
        };
        assert_eq!(
            explained(WrongDevice),
            [
                Drift,
                PageNotUnderstood,
                FirmwareTooOld,
                ClockSkew,
                ForeignReservation,
                WindowExposed,
                ObservationStale
            ]
        );
        for source in [LoginRefused, SessionBusy, SecretMissing, PageNotUnderstood] {
            assert_eq!(explained(source), [ObservationStale], "{source}");
        }
        let others = AlertKind::ALL.into_iter().filter(|kind| {
            !matches!(
                kind,
                Unreachable | WrongDevice | LoginRefused | SessionBusy | SecretMissing | PageNotUnderstood
            )
        });
        for source in others {
            assert_eq!(explained(source), [], "{source}");
        }
    }

    /// If two kinds explained each other, both could hold and neither be told.
    #[test]
    fn nothing_explains_itself_in_the_end() {
        fn reaches(from: AlertKind, wanted: AlertKind) -> bool {
            explained_by(from).iter().any(|source| *source == wanted || reaches(*source, wanted))
        }
        for kind in AlertKind::ALL {
            assert!(!reaches(kind, kind), "{kind}");
        }
    }

    #[test]
    fn a_source_explains_while_it_holds_also_when_somebody_has_taken_or_silenced_it() {
        let drift = alert(AlertKind::Drift, AlertState::Firing);
        for (state, explains) in [
            (AlertState::Firing, true),
            (AlertState::Acknowledged, true),
            (AlertState::Silenced, true),
            (AlertState::Resolved, false),
        ] {
            let of_site = [drift.clone(), alert(AlertKind::Unreachable, state)];
            let found = inhibitor(&drift, &of_site).map(|alert| alert.kind);
            assert_eq!(found, explains.then_some(AlertKind::Unreachable), "{state:?}");
        }
    }

    #[test]
    fn an_end_is_explained_by_nothing_and_neither_is_the_source() {
        let unreachable = alert(AlertKind::Unreachable, AlertState::Firing);
        let ended = alert(AlertKind::Drift, AlertState::Resolved);
        let of_site = [unreachable.clone(), ended.clone()];
        assert_eq!(inhibitor(&ended, &of_site), None);
        assert_eq!(inhibitor(&unreachable, &of_site), None);
    }
}
