//! The dispatch on the paused clock: side by side, in order, again after a failure, at least once, and always of what holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use n720d::alerting::{FailureReason, Known, SiteFacts};
use n720d::domain::alert::AlertState;
use n720d::domain::attention::{Attention, Matcher, Silence};

use crate::dispatch_support::{
    Act, Book, DOWN, REPEAT, Running, ScriptedSink, alert, alerting, begin, desk, put,
};
use crate::log::Log;

/// What was recorded, as it would be read after a restart.
fn known(book: &Book) -> Known {
    let mut known = Known::default();
    for delivery in &book.recorded {
        let ledger = known.ledger.entry(delivery.sink.clone()).or_default();
        ledger.retain(|alert, _| !delivery.ended.contains_key(alert));
        ledger.extend(delivery.told.clone());
    }
    for offer in &book.offers {
        let (sink, alert) = offer.split_once(": ").unwrap();
        let site = alert.split('/').next().unwrap().parse().unwrap();
        known.offers.entry(sink.to_owned()).or_default().insert(alert.to_owned(), site);
    }
    known
}

#[tokio::test(start_paused = true)]
async fn what_holds_is_told_in_order_and_once() {
    let names: Vec<String> = (0..120).map(|number| format!("site{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let sink = ScriptedSink::new("a", []);
    let running = Running::start(&desk(&names), &[Arc::clone(&sink)]);
    running.told(120).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(sink.abouts(), names, "each of them once");
    let book = running.stop().await;
    assert!(book.told().iter().all(|told| told.ends_with(": first")), "{:?}", book.told());
    assert_eq!(book.waiting["a"], 0);
    assert!(book.offers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_holds_up_no_other() {
    let sinks = [ScriptedSink::new("a", [Act::Hang]), ScriptedSink::new("b", [])];
    let running = Running::start(&desk(&["acme"]), &sinks);
    let book = running.told(1).await;
    assert_eq!(book.recorded[0].sink, "b");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_later_and_later_up_to_ten_minutes() {
    let sink = ScriptedSink::new("a", [DOWN; 8]);
    let running = Running::start(&desk(&["acme"]), &[Arc::clone(&sink)]);
    running.told(1).await;
    running.stop().await;
    let times = sink.seconds();
    let waits: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [10, 20, 40, 80, 160, 320, 600, 600];
    assert_eq!(waits.len(), expected.len());
    for (wait, least) in waits.iter().zip(expected) {
        assert!((least..=least + 10).contains(wait), "{waits:?}");
    }
    let ids = sink.ids();
    assert!(ids.iter().all(|id| *id == ids[0]), "the id stays the same: {ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_asks_for_patience_gets_it_and_then_everything() {
    let sink = ScriptedSink::new("a", [Act::Later(300), Act::Later(1)]);
    let running = Running::start(&desk(&["acme", "beta"]), &[Arc::clone(&sink)]);
    running.told(2).await;
    running.stop().await;
    let [0, second, third, _] = sink.seconds()[..] else { panic!("{:?}", sink.seconds()) };
    assert!((300..=310).contains(&second), "{second}");
    assert!((10..=20).contains(&(third - second)), "asking for less does not hasten us: {third}");
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_again_is_what_holds_by_then() {
    let sink = ScriptedSink::new("a", [DOWN; 3]);
    let desk = desk(&["acme", "beta"]);
    desk.put(&"beta".parse().unwrap(), &[]);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    running.until(|book| book.tried.len() == 1).await;
    put(&desk, "acme", AlertState::Resolved);
    put(&desk, "beta", AlertState::Firing);
    let book = running.told(1).await;
    assert_eq!(book.told(), ["beta: first"], "of acme nobody heard the beginning");
    tokio::time::sleep(Duration::from_secs(1200)).await;
    assert_eq!(running.stop().await.recorded.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_we_made_wrong_is_given_up_and_the_next_one_goes() {
    for act in [Act::Fail(FailureReason::Malformed), Act::Panic, Act::PanicAtOnce] {
        let sink = ScriptedSink::new("a", [act]);
        let running = Running::start(&desk(&["bad", "good"]), &[Arc::clone(&sink)]);
        let book = running.told(2).await;
        assert!(book.recorded[0].refused.is_some(), "{act:?}");
        assert_eq!((book.recorded[1].about.as_str(), &book.recorded[1].refused), ("good", &None));
        tokio::time::sleep(Duration::from_secs(1200)).await;
        assert_eq!(sink.seconds(), [0, 0], "without a rest between them, and not again");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_counts_as_known_to_nobody_and_is_told_when_it_changes() {
    let sink = ScriptedSink::new("a", [Act::Fail(FailureReason::Malformed), Act::Take]);
    let desk = desk(&["acme"]);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    let book = running.until(|book| matches!(book.stuck.get("a"), Some(Some(_)))).await;
    assert_eq!(book.recorded[0].told["acme/drift"].content.as_deref(), Some(""));
    let stuck = book.stuck["a"].clone().unwrap();
    assert!(stuck.is_given_up && stuck.about == "acme" && stuck.why.contains("scripted"), "{stuck:?}");
    let mut worse = alert("acme", AlertState::Firing);
    worse.phase = "under 2h".into();
    desk.put(&"acme".parse().unwrap(), &[worse]);
    running.told(2).await;
    assert_eq!(sink.ids().len(), 2);
    running.until(|book| book.stuck["a"].is_none()).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_told_to_what_replaces_the_sink_and_after_a_restart() {
    let desk = desk(&["acme"]);
    let running = Running::start(&desk, &[ScriptedSink::new("a", [Act::Fail(FailureReason::Malformed)])]);
    let before = running.told(1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mended = ScriptedSink::new("a", []);
    running.alerting.send_replace(alerting(&[Arc::clone(&mended)]));
    let book = running.told(2).await;
    assert_eq!((mended.ids().len(), &book.recorded[1].refused), (1, &None));
    running.stop().await;

    let after = ScriptedSink::new("a", []);
    let known = known(&before);
    let running = Running::start_with(&desk, &[Arc::clone(&after)], before, known);
    running.told(2).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_given_up_is_not_lost() {
    let desk = desk(&["acme"]);
    let sink = ScriptedSink::new("a", [Act::Take, Act::Fail(FailureReason::Malformed)]);
    let running = Running::start(&desk, &[sink]);
    running.told(1).await;
    put(&desk, "acme", AlertState::Resolved);
    let book = running.told(2).await;
    assert!(book.recorded[1].ended.is_empty() && book.recorded[1].told.contains_key("acme/drift"));
    running.alerting.send_replace(alerting(&[ScriptedSink::new("a", [])]));
    let book = running.told(3).await;
    assert!(book.recorded[2].ended.contains_key("acme/drift"));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_refuses_while_others_pass_is_known() {
    let sink = ScriptedSink::poisoned("a", [], ["bad"]);
    let desk = desk(&["bad", "one"]);
    let running = Running::start(&desk, &[sink]);
    let book = running.until(|book| book.tried.len() == 6).await;
    let stuck = book.stuck["a"].clone().unwrap();
    assert_eq!((stuck.about.as_str(), stuck.since, stuck.is_given_up), ("bad", begin(), false));
    put(&desk, "bad", AlertState::Resolved);
    running.until(|book| book.stuck["a"].is_none()).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_does_not_end_is_abandoned() {
    let sink = ScriptedSink::new("a", [Act::Hang]);
    let running = Running::start(&desk(&["acme"]), &[Arc::clone(&sink)]);
    running.told(1).await;
    let [0, again] = sink.seconds()[..] else { panic!("{:?}", sink.seconds()) };
    assert!((30..60).contains(&again), "{again}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_breaks_down_is_asked_again() {
    let book = Book { broken: 3, ..Book::default() };
    let sink = ScriptedSink::new("a", []);
    let running = Running::start_with(&desk(&["acme"]), &[Arc::clone(&sink)], book, Known::default());
    running.told(1).await;
    assert_eq!(sink.ids().len(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_to_a_sink_that_was_gone_is_nothing_to_one_of_its_name() {
    let slow = ScriptedSink::new("a", [Act::Slow(5)]);
    let running = Running::start(&desk(&["acme"]), &[Arc::clone(&slow)]);
    while slow.ids().is_empty() {
        tokio::task::yield_now().await;
    }
    running.alerting.send_replace(alerting(&[]));
    running.until(|book| !book.gone.is_empty()).await;
    let again = ScriptedSink::new("a", [Act::Slow(20)]);
    running.alerting.send_replace(alerting(&[Arc::clone(&again)]));
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(again.ids().len(), 1, "one at a time");
    running.told(1).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_refuses_for_a_while_is_told_in_the_end() {
    for reason in [FailureReason::Auth, FailureReason::Rejected, FailureReason::Redirected] {
        let sink = ScriptedSink::new("a", [Act::Fail(reason); 3]);
        let running = Running::start(&desk(&["acme"]), &[Arc::clone(&sink)]);
        let book = running.told(1).await;
        assert_eq!((sink.ids().len(), &book.recorded[0].refused), (4, &None), "{reason}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_needs_a_person_is_told_loudly_once_per_row_of_failures() {
    let refused = Act::Fail(FailureReason::Auth);
    let sink = ScriptedSink::new("a", [DOWN, refused, refused, DOWN, refused, Act::Take, refused]);
    let log = Log::default();
    let _here = tracing::subscriber::set_default(log.subscriber());
    let desk = desk(&["acme", "beta"]);
    desk.put(&"beta".parse().unwrap(), &[]);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    let errors = || log.text().lines().filter(|line| line.contains("\"ERROR\"")).count();
    running.told(1).await;
    assert_eq!((errors(), sink.ids().len()), (1, 6), "{}", log.text());
    put(&desk, "beta", AlertState::Firing);
    running.told(2).await;
    assert_eq!((errors(), sink.ids().len()), (2, 8), "{}", log.text());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_a_receiver_cannot_digest_does_not_hold_up_the_rest() {
    let sink = ScriptedSink::poisoned("a", [], ["bad"]);
    let desk = desk(&["bad", "one", "two", "zoo"]);
    desk.put(&"zoo".parse().unwrap(), &[]);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    let book = running.told(2).await;
    assert_eq!(book.told(), ["one: first", "two: first"]);
    assert!(*sink.seconds().last().unwrap() < 10, "{:?}", sink.seconds());
    running.until(|book| book.tried.iter().filter(|(_, took)| !took).count() == 6).await;
    put(&desk, "zoo", AlertState::Firing);
    let before = *sink.seconds().last().unwrap();
    running.told(3).await;
    assert!(*sink.seconds().last().unwrap() - before < 300, "{:?}", sink.seconds());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_works_again_is_told_all_that_waits_at_once() {
    let sink = ScriptedSink::new("a", [DOWN; 12]);
    let running = Running::start(&desk(&["one", "two", "three"]), &[Arc::clone(&sink)]);
    running.told(3).await;
    running.stop().await;
    let times = sink.seconds();
    let [first, .., last] = times[times.len() - 3..] else { panic!("{times:?}") };
    assert!(last - first <= 1, "{times:?}");
    for site in ["one", "two", "three"] {
        let tries = sink.abouts().iter().filter(|about| *about == site).count();
        assert!(tries >= 4, "none is left out: {:?}", sink.abouts());
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_told_at_once_and_what_comes_together_is_looked_at_together() {
    let sink = ScriptedSink::new("a", []);
    let desk = desk(&["acme", "beta"]);
    desk.put(&"beta".parse().unwrap(), &[]);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    running.told(1).await;
    put(&desk, "beta", AlertState::Firing);
    running.told(2).await;
    assert_eq!(sink.seconds(), [0, 0]);
    // It comes and goes within one look.
    put(&desk, "acme", AlertState::Resolved);
    put(&desk, "acme", AlertState::Firing);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(running.stop().await.recorded.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn from_the_first_word_to_the_last() {
    let sink = ScriptedSink::new("a", []);
    let desk = desk(&["acme"]);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    running.told(1).await;
    tokio::time::sleep(REPEAT + Duration::from_secs(10)).await;
    let mut worse = alert("acme", AlertState::Firing);
    worse.phase = "under 2h".into();
    desk.put(&"acme".parse().unwrap(), &[worse]);
    running.told(3).await;
    put(&desk, "acme", AlertState::Resolved);
    running.told(4).await;
    tokio::time::sleep(REPEAT * 2).await;
    let book = running.stop().await;
    let expected = ["acme: first", "acme: repeat", "acme: changed", "acme: resolved"];
    assert_eq!(book.told(), expected);
    assert!(known(&book).ledger["a"].is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_under_way_and_begins_nothing() {
    let sink = ScriptedSink::new("a", [Act::TakeAfter(5)]);
    let running = Running::start(&desk(&["acme", "beta"]), &[Arc::clone(&sink)]);
    while sink.ids().is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stopped = tokio::time::Instant::now();
    let book = running.stop().await;
    assert_eq!(book.told(), ["acme: first"], "it is recorded, so that nothing repeats it");
    assert_eq!(sink.abouts(), ["acme"]);
    assert!(stopped.elapsed() < Duration::from_secs(6), "{:?}", stopped.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_restart_repeats_nothing() {
    let desk = desk(&["acme"]);
    let running = Running::start(&desk, &[ScriptedSink::new("a", [])]);
    running.told(1).await;
    let book = running.stop().await;
    let sink = ScriptedSink::new("a", []);
    let known = known(&book);
    let running = Running::start_with(&desk, &[Arc::clone(&sink)], book, known);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(sink.ids().len(), 0);
    put(&desk, "acme", AlertState::Resolved);
    let book = running.told(2).await;
    assert_eq!(book.told(), ["acme: first", "acme: resolved"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_and_could_not_be_recorded_is_not_sent_again() {
    let sink = ScriptedSink::new("a", []);
    let book = Book { full: 4, ..Book::default() };
    let running = Running::start_with(&desk(&["acme", "beta"]), &[Arc::clone(&sink)], book, Known::default());
    running.until(|book| book.full == 0).await;
    assert_eq!(sink.abouts(), ["acme"], "and what waits behind it is not sent before it is recorded");
    running.told(2).await;
    assert_eq!(sink.abouts(), ["acme", "beta"]);
    assert!(sink.seconds()[1] >= 30, "{:?}", sink.seconds());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever_and_loses_nothing() {
    let desk = desk(&["acme"]);
    let hanging = ScriptedSink::new("a", [Act::Hang]);
    let running = Running::start(&desk, &[Arc::clone(&hanging)]);
    running.until(|book| !book.offers.is_empty()).await;
    while hanging.ids().is_empty() {
        tokio::task::yield_now().await;
    }
    let before = tokio::time::Instant::now();
    let book = running.stop().await;
    assert!((12..13).contains(&before.elapsed().as_secs()), "{:?}", before.elapsed());
    assert!(book.recorded.is_empty());

    let after = ScriptedSink::new("a", []);
    let known = known(&book);
    let running = Running::start_with(&desk, &[Arc::clone(&after)], book, known);
    running.told(1).await;
    assert_eq!(after.ids(), hanging.ids(), "after the restart, with the same id");
    assert!(running.stop().await.offers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_end_is_told_to_a_sink_that_may_have_heard_of_the_beginning() {
    // Killed with the message on its way.
    let desk = desk(&["acme"]);
    let hanging = ScriptedSink::new("a", [Act::Hang]);
    let running = Running::start(&desk, &[Arc::clone(&hanging)]);
    while hanging.ids().is_empty() {
        tokio::task::yield_now().await;
    }
    let book = running.stop().await;
    put(&desk, "acme", AlertState::Resolved);
    let known = known(&book);
    let running = Running::start_with(&desk, &[ScriptedSink::new("a", [])], book, known);
    assert_eq!(running.told(1).await.told(), ["acme: resolved"]);
    assert!(running.stop().await.offers.is_empty());

    // No answer in time, or one that leaves it open; the next try certainly does not arrive.
    for reason in [FailureReason::Timeout, FailureReason::Server, FailureReason::Connection] {
        put(&desk, "acme", AlertState::Firing);
        let sink = ScriptedSink::new("a", [Act::Doubt(reason), DOWN]);
        let running = Running::start(&desk, &[sink]);
        running.until(|book| book.tried.len() == 2).await;
        put(&desk, "acme", AlertState::Resolved);
        assert_eq!(running.told(1).await.told(), ["acme: resolved"], "{reason}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_what_a_receiver_refused_to_hear_is_not_told() {
    let sink = ScriptedSink::new("a", [Act::Fail(FailureReason::Server)]);
    let desk = desk(&["acme"]);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    let book = running.until(|book| book.tried.len() == 1).await;
    assert!(book.offers.is_empty());
    put(&desk, "acme", AlertState::Resolved);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(sink.ids().len(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_sink_keeps_its_back_off_over_a_reload_and_a_new_one_is_told_at_once() {
    let down = ScriptedSink::new("a", [DOWN; 6]);
    let running = Running::start(&desk(&["acme"]), &[Arc::clone(&down)]);
    running.until(|book| book.tried.len() == 4).await;
    let tries = down.seconds();
    let new = ScriptedSink::new("b", []);
    running.alerting.send_replace(alerting(&[Arc::clone(&down), Arc::clone(&new)]));
    let book = running.told(1).await;
    assert_eq!(book.recorded[0].sink, "b");
    assert_eq!(down.seconds(), tries, "it is not tried sooner than it would have been");
    running.told(2).await;
    assert!(down.seconds()[4] - tries[3] >= 80, "{:?}", down.seconds());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_was_changed_is_tried_at_once_and_one_that_is_gone_no_more() {
    let running = Running::start(
        &desk(&["acme"]),
        &[ScriptedSink::new("a", [DOWN; 9]), ScriptedSink::new("b", [DOWN; 9])],
    );
    running.until(|book| book.tried.len() == 8).await;
    let mended = ScriptedSink::new("a", []);
    let before = tokio::time::Instant::now();
    running.alerting.send_replace(alerting(&[Arc::clone(&mended)]));
    let book = running.told(1).await;
    assert!(before.elapsed() <= Duration::from_secs(1));
    assert_eq!((mended.ids().len(), book.gone), (1, vec!["b".to_owned()]));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let book = running.stop().await;
    assert_eq!(book.tried.iter().filter(|(sink, _)| sink == "b").count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_comes_back_is_told_of_everything_anew() {
    let running = Running::start(&desk(&["acme"]), &[ScriptedSink::new("a", [])]);
    running.told(1).await;
    running.alerting.send_replace(alerting(&[]));
    running.until(|book| !book.gone.is_empty()).await;
    running.alerting.send_replace(alerting(&[ScriptedSink::new("a", [])]));
    assert_eq!(running.told(2).await.told(), ["acme: first", "acme: first"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_silence_is_followed_at_once_and_over_at_its_end() {
    let sink = ScriptedSink::new("a", []);
    let desk = desk(&["acme"]);
    desk.put(&"acme".parse().unwrap(), &[]);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    let silence = Silence {
        id: 1,
        of: Matcher::default(),
        by: "anna".into(),
        reason: "works".into(),
        from: begin(),
        until: begin() + TimeDelta::minutes(30),
        ended: false,
    };
    let silences = vec![silence];
    running.attention.send_replace(Arc::new(Attention { silences, ..Attention::default() }));
    put(&desk, "acme", AlertState::Firing);
    running.told(1).await;
    let [second] = sink.seconds()[..] else { panic!("{:?}", sink.seconds()) };
    assert!((1800..=1801).contains(&second), "{second}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_a_site_that_is_not_in_force_only_ends_are_told() {
    let sink = ScriptedSink::new("a", []);
    let desk = desk(&["acme"]);
    put(&desk, "beta", AlertState::Firing);
    let running = Running::start(&desk, &[Arc::clone(&sink)]);
    running.told(1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(sink.abouts(), ["acme"]);
    let facts = |site: &str| SiteFacts { name: site.parse().unwrap(), ..SiteFacts::of_fleet() };
    desk.follow([facts("beta")]);
    running.told(2).await;
    tokio::time::sleep(REPEAT + Duration::from_secs(60)).await;
    assert_eq!(sink.abouts(), ["acme", "beta", "beta"], "what holds at the other is not repeated");
    put(&desk, "acme", AlertState::Resolved);
    running.told(4).await;
    assert_eq!(sink.abouts(), ["acme", "beta", "beta", "acme"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn how_many_messages_wait_is_known() {
    let sink = ScriptedSink::new("a", [DOWN, DOWN, DOWN]);
    let running = Running::start(&desk(&["one", "two", "three"]), &[Arc::clone(&sink)]);
    let book =
        running.until(|book| !book.tried.is_empty() && book.waiting == BTreeMap::from([("a".into(), 3)]));
    book.await;
    let book = running.told(3).await;
    assert_eq!(book.tried.iter().filter(|(_, took)| *took).count(), 3);
    running.until(|book| book.waiting["a"] == 0).await;
    running.stop().await;
}
