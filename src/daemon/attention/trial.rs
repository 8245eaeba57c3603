//! The trial of a sink: one message that says that it is a test. It is told past routes, silences and what sinks know, and
//! nothing of it is kept but whether the sink took it.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::super::{chain, clock, reload};
use crate::alerting::pipeline::Group;
use crate::alerting::{Alerting, Attempt, Entry, Message, SiteFacts, Subject};
use crate::api::{Refusal, RefusalKind, TestAnswer, TestRequest};
use crate::config::Config;
use crate::domain::alert::{Alert, AlertKind, AlertState, Condition, Severity};
use crate::domain::attention::NotSaid;
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;
use crate::domain::told::hex;

/// Tries a sink of those in force, once, for as long as its time-out lets it. `tried` hears what it came to: that it took a
/// test is as good a proof that it works as any other message, and perhaps the only one for days.
///
/// # Errors
/// When there is no such sink, or it did not take the message.
pub(in super::super) async fn test(
    alerting: &Alerting,
    request: &TestRequest,
    now: DateTime<Utc>,
    tried: impl FnOnce(&Attempt<'_>),
) -> Result<TestAnswer, Refusal> {
    let by = NotSaid::name(&request.by).map_err(|why| super::refused(&why))?;
    let Some(sink) = alerting.sink(&request.sink) else {
        return Err(unknown(&request.sink, alerting.names()));
    };
    let message = message(&request.sink, &by, now);
    let began = Instant::now();
    tracing::info!(sink = %request.sink, %by, id = %message.id, "a sink is tried");
    let result = sink.deliver(&message, now).await;
    tried(&Attempt { sink: &request.sink, result: result.as_ref().copied(), at: now });
    result.map_err(|error| {
        let text = format!("the sink {} did not take it: {error}", request.sink);
        Refusal::new(RefusalKind::Failed, text)
    })?;
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(TestAnswer { sink: request.sink.clone(), id: message.id, milliseconds })
}

/// The same without the daemon: the one sink is made from the configuration. What is wrong with others does not matter.
///
/// # Errors
/// As for a sink in force, and when the sink cannot be made.
pub async fn test_alone(mut config: Config, request: &TestRequest) -> Result<TestAnswer, Refusal> {
    let sinks = &mut config.daemon.alerts.sinks;
    if !sinks.iter().any(|sink| sink.name == request.sink) {
        return Err(unknown(&request.sink, sinks.iter().map(|sink| sink.name.clone())));
    }
    sinks.retain(|sink| sink.name == request.sink);
    let built = tokio::task::spawn_blocking(move || reload::build(config)).await;
    let failed = |why: String| Refusal::new(RefusalKind::Failed, why);
    let in_force = built.map_err(|error| failed(chain(&error)))?.map_err(failed)?;
    test(&in_force.alerting, request, clock::now(), |_| ()).await
}

fn unknown(sink: &str, there: impl IntoIterator<Item = String>) -> Refusal {
    let there: Vec<String> = there.into_iter().collect();
    Refusal::new(RefusalKind::NotFound, format!("there is no sink {sink:?}; there are: {}", there.join(", ")))
}

fn message(sink: &str, by: &str, now: DateTime<Utc>) -> Message {
    let fleet = SiteName::of_fleet();
    let summary = format!(
        "this is a test: {by} tries the alert sink {sink}; it works, since you read this, and nobody has to do anything"
    );
    let condition = Condition::new(AlertKind::Test, Severity::Info, summary).on(sink);
    let alert = Alert {
        id: condition.id(&fleet),
        kind: condition.kind,
        severity: condition.severity,
        summary: condition.summary,
        phase: condition.phase,
        since: now.trunc_subsecs(0),
        state: AlertState::Firing,
        resolved_at: None,
        handsets: condition.handsets,
        readings: condition.readings,
        unwatched: false,
    };
    let facts = Arc::new(SiteFacts::of_fleet());
    let entry = Entry {
        site: Arc::clone(&facts),
        alert: Arc::new(alert),
        acknowledged: None,
        news: Some(Reason::First),
    };
    let mut hash = Sha256::new();
    hash.update(format!("{:?}\n", ("test", sink, by, now.timestamp_nanos_opt())));
    Message {
        id: format!("msg_{}", hex(hash)),
        reason: Reason::First,
        subject: Subject::Site(facts),
        group: Group::Site(fleet),
        entries: vec![entry],
        at: now,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::{BoxFuture, ready};

    use super::*;
    use crate::alerting::{FailureReason, Sink, SinkError};
    use crate::domain::routing::{Gathering, Routing};

    /// Keeps what it is told, or refuses it.
    struct Receiver {
        name: &'static str,
        fails: bool,
        told: Mutex<Vec<Message>>,
    }

    impl Sink for Receiver {
        fn name(&self) -> &str {
            self.name
        }

        fn deliver<'a>(
            &'a self,
            message: &'a Message,
            _now: DateTime<Utc>,
        ) -> BoxFuture<'a, Result<(), SinkError>> {
            self.told.lock().unwrap().push(message.clone());
            let error = SinkError::new(FailureReason::Timeout, "no answer within 10 s");
            ready(if self.fails { Err(error) } else { Ok(()) }).boxed()
        }
    }

    fn receiver(name: &'static str, fails: bool) -> Arc<Receiver> {
        Arc::new(Receiver { name, fails, told: Mutex::default() })
    }

    fn alerting(sinks: &[Arc<Receiver>]) -> Alerting {
        let sinks = sinks.iter().map(|sink| (Arc::clone(sink) as Arc<dyn Sink>, Duration::from_secs(1)));
        Alerting::with_sinks(sinks.collect(), Routing::default(), Gathering::default())
    }

    fn ask(sink: &str, by: &str) -> TestRequest {
        TestRequest { sink: sink.to_owned(), by: by.to_owned() }
    }

    #[tokio::test]
    async fn the_sink_that_is_meant_is_told_that_it_is_a_test_and_by_whom() {
        let (mail, pager) = (receiver("mail", false), receiver("pager", false));
        let alerting = alerting(&[Arc::clone(&mail), Arc::clone(&pager)]);
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(900);
        let answer = test(&alerting, &ask("mail", "anna"), now, |_| ()).await.unwrap();
        let told = mail.told.lock().unwrap().clone();
        assert_eq!((told.len(), pager.told.lock().unwrap().len()), (1, 0));
        let [entry] = told[0].entries.as_slice() else { panic!("{told:?}") };
        assert_eq!((answer.id.as_str(), told[0].reason), (told[0].id.as_str(), Reason::First));
        assert_eq!((entry.alert.kind, entry.alert.severity), (AlertKind::Test, Severity::Info));
        assert_eq!(entry.alert.id, "fleet/test/mail");
        assert_eq!(entry.alert.since, DateTime::UNIX_EPOCH, "whole seconds, as of every alert");
        assert!(entry.alert.summary.contains("anna tries the alert sink mail"), "{}", entry.alert.summary);
        let later = now + chrono::TimeDelta::seconds(1);
        let later = test(&alerting, &ask("mail", "anna"), later, |_| ()).await.unwrap();
        assert_ne!(later.id, answer.id, "a receiver takes every trial for a new one");
    }

    #[tokio::test]
    async fn why_it_did_not_work_is_told_and_which_sinks_there_are() {
        let alerting = alerting(&[receiver("mail", true), receiver("pager", false)]);
        let now = DateTime::UNIX_EPOCH;
        let mut said = None;
        let tried = |attempt: &Attempt<'_>| said = Some((attempt.sink.to_owned(), attempt.result.is_ok()));
        let failed = test(&alerting, &ask("mail", "anna"), now, tried).await.unwrap_err();
        assert_eq!(said, Some(("mail".to_owned(), false)));
        assert_eq!(
            (failed.kind, failed.to_string().as_str()),
            (RefusalKind::Failed, "the sink mail did not take it: no answer within 10 s")
        );
        let unknown =
            test(&alerting, &ask("fax", "anna"), now, |_| panic!("nothing was tried")).await.unwrap_err();
        assert_eq!(unknown.to_string(), "there is no sink \"fax\"; there are: mail, pager");
        let nobody = test(&alerting, &ask("pager", " "), now, |_| ()).await.unwrap_err();
        assert_eq!(nobody.kind, RefusalKind::BadRequest);
    }
}
