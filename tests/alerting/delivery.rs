//! The delivery loop on the paused clock: side by side, in order, again after a failure, at least once.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use n720d::alerting::{FailureReason, Sink, deliver_loop};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::log::Log;
use crate::support::{Act, MemoryOutbox, ScriptedSink, at, queued};

const DOWN: Act = Act::Fail(FailureReason::Connection);

/// A running delivery.
struct Running {
    wake: watch::Sender<()>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(outbox: &Arc<MemoryOutbox>, sinks: &[Arc<ScriptedSink>]) -> Self {
        let (wake, woken) = watch::channel(());
        let shutdown = CancellationToken::new();
        let sinks = sinks.iter().map(|sink| Arc::clone(sink) as Arc<dyn Sink>).collect();
        let delivery = deliver_loop(Arc::clone(outbox), sinks, woken, clock(), shutdown.clone());
        Self { wake, shutdown, task: tokio::spawn(delivery) }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// The test's clock as a wall clock.
fn clock() -> impl Fn() -> DateTime<Utc> + Clone + Send + Sync + 'static {
    let start = tokio::time::Instant::now();
    move || at(0) + TimeDelta::from_std(start.elapsed()).unwrap()
}

fn seconds(sink: &ScriptedSink) -> Vec<i64> {
    sink.attempts.lock().unwrap().iter().map(|(_, time)| (*time - at(0)).num_seconds()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_delivered_in_order() {
    let outbox = MemoryOutbox::with((0..120).map(|n| queued(&format!("n{n}"), "a")).collect());
    let sink = ScriptedSink::new("a", []);
    let running = Running::start(&outbox, &[Arc::clone(&sink)]);
    let shelf = outbox.until(|shelf| shelf.delivered.len() == 120).await;
    assert_eq!(shelf.delivered, (0..120).map(|n| format!("n{n}")).collect::<Vec<_>>());
    assert_eq!(sink.ids(), shelf.delivered, "each of them once");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_holds_up_no_other() {
    let outbox = MemoryOutbox::with(vec![queued("slow", "a"), queued("quick", "b")]);
    let sinks = [ScriptedSink::new("a", [Act::Hang]), ScriptedSink::new("b", [])];
    let running = Running::start(&outbox, &sinks);
    let shelf = outbox.until(|shelf| !shelf.delivered.is_empty()).await;
    assert_eq!(shelf.delivered, ["quick"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_later_and_later_up_to_ten_minutes() {
    let outbox = MemoryOutbox::with(vec![queued("n", "a")]);
    let sink = ScriptedSink::new("a", [DOWN; 8]);
    let running = Running::start(&outbox, &[Arc::clone(&sink)]);
    outbox.until(|shelf| shelf.delivered == ["n"]).await;
    running.stop().await;
    let times = seconds(&sink);
    let waits: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [10, 20, 40, 80, 160, 320, 600, 600];
    assert_eq!(waits.len(), expected.len());
    for (wait, least) in waits.iter().zip(expected) {
        assert!((least..=least + 10).contains(wait), "{waits:?}");
    }
    assert!(sink.ids().iter().all(|id| id == "n"), "the id stays the same");
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_we_made_wrong_is_given_up_and_the_next_one_goes() {
    let outbox = MemoryOutbox::with(vec![queued("bad", "a"), queued("good", "a")]);
    let sink = ScriptedSink::new("a", [Act::Fail(FailureReason::Malformed)]);
    let running = Running::start(&outbox, &[Arc::clone(&sink)]);
    let shelf = outbox.until(|shelf| shelf.waiting.is_empty()).await;
    assert_eq!(shelf.given_up, [("bad".to_owned(), "scripted: malformed".to_owned())]);
    assert_eq!(shelf.delivered, ["good"]);
    assert_eq!(seconds(&sink), [0, 0], "without a rest between them");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_refuses_for_a_while_is_told_in_the_end() {
    for reason in [FailureReason::Auth, FailureReason::Rejected, FailureReason::Redirected] {
        let outbox = MemoryOutbox::with(vec![queued("n", "a")]);
        let sink = ScriptedSink::new("a", [Act::Fail(reason); 3]);
        let running = Running::start(&outbox, &[Arc::clone(&sink)]);
        let shelf = outbox.until(|shelf| shelf.delivered == ["n"]).await;
        assert_eq!((sink.ids().len(), shelf.given_up.len()), (4, 0), "{reason}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_needs_a_person_is_told_loudly_once_per_row_of_failures() {
    let outbox = MemoryOutbox::with(vec![queued("1", "a")]);
    let refused = Act::Fail(FailureReason::Auth);
    let sink = ScriptedSink::new("a", [DOWN, refused, refused, DOWN, refused, Act::Take, refused]);
    let log = Log::default();
    let _here = tracing::subscriber::set_default(log.subscriber());
    let running = Running::start(&outbox, &[Arc::clone(&sink)]);
    let errors = || log.text().lines().filter(|line| line.contains("\"ERROR\"")).count();
    outbox.until(|shelf| shelf.waiting.is_empty()).await;
    assert_eq!((errors(), sink.ids().len()), (1, 6), "{}", log.text());
    outbox.0.send_modify(|shelf| shelf.waiting.push((queued("2", "a"), at(0))));
    outbox.until(|shelf| shelf.waiting.is_empty()).await;
    assert_eq!((errors(), sink.ids().len()), (2, 8), "{}", log.text());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_a_receiver_cannot_digest_does_not_hold_up_the_rest() {
    let outbox = MemoryOutbox::with(vec![queued("poison", "a"), queued("1", "a"), queued("2", "a")]);
    let sink = ScriptedSink::poisoned("a", [], ["poison"]);
    let running = Running::start(&outbox, &[Arc::clone(&sink)]);
    let shelf = outbox.until(|shelf| shelf.delivered.len() == 2).await;
    assert_eq!(shelf.delivered, ["1", "2"]);
    assert!(*seconds(&sink).last().unwrap() < 10, "{:?}", sink.attempts);
    outbox.until(|shelf| shelf.waiting[0].0.attempts == 5).await;
    running.wake.send_replace(());
    let late = queued("late", "a");
    outbox.0.send_modify(|shelf| shelf.waiting.push((late, at(0))));
    outbox.until(|shelf| shelf.delivered.contains(&"late".to_owned())).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn being_woken_delivers_at_once() {
    let outbox = MemoryOutbox::with(vec![queued("first", "a")]);
    let sink = ScriptedSink::new("a", []);
    let running = Running::start(&outbox, &[Arc::clone(&sink)]);
    outbox.until(|shelf| shelf.delivered.len() == 1).await;
    outbox.0.send_modify(|shelf| shelf.waiting.push((queued("second", "a"), at(0))));
    running.wake.send_replace(());
    outbox.until(|shelf| shelf.delivered.len() == 2).await;
    assert_eq!(seconds(&sink), [0, 0]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_anybody_to_wake_it_the_loop_still_looks() {
    let outbox = MemoryOutbox::with(vec![]);
    let sink = ScriptedSink::new("a", []);
    let Running { wake, shutdown, task } = Running::start(&outbox, &[Arc::clone(&sink)]);
    drop(wake);
    tokio::task::yield_now().await;
    outbox.0.send_modify(|shelf| shelf.waiting.push((queued("n", "a"), at(0))));
    outbox.until(|shelf| shelf.delivered == ["n"]).await;
    assert!(*seconds(&sink).last().unwrap() <= 10);
    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_and_could_not_be_recorded_is_not_sent_again() {
    let outbox = MemoryOutbox::with(vec![queued("n", "a")]);
    outbox.0.send_modify(|shelf| shelf.full = 3);
    let sink = ScriptedSink::new("a", []);
    let running = Running::start(&outbox, &[Arc::clone(&sink)]);
    outbox.until(|shelf| shelf.delivered == ["n"]).await;
    assert_eq!(sink.ids(), ["n"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_cannot_be_read_is_read_again() {
    let outbox = MemoryOutbox::with(vec![queued("n", "a")]);
    outbox.0.send_modify(|shelf| shelf.unreadable = 2);
    let sink = ScriptedSink::new("a", []);
    let running = Running::start(&outbox, &[Arc::clone(&sink)]);
    outbox.until(|shelf| shelf.delivered == ["n"]).await;
    assert_eq!(seconds(&sink), [20]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_delivery_loses_nothing() {
    let outbox = MemoryOutbox::with(vec![queued("n", "a")]);
    let hanging = ScriptedSink::new("a", [Act::Hang]);
    let running = Running::start(&outbox, &[Arc::clone(&hanging)]);
    while hanging.ids().is_empty() {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    assert_eq!(outbox.waiting()["a"].id, "n");

    let after = ScriptedSink::new("a", []);
    let running = Running::start(&outbox, &[Arc::clone(&after)]);
    outbox.until(|shelf| shelf.delivered == ["n"]).await;
    assert_eq!(after.ids(), ["n"], "after the restart, with the same id");
    running.stop().await;
}
