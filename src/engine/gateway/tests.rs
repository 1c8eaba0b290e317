use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::port::engine::{EngineEvent, EngineEventSink, IngestOutcome};
use crate::domain::port::repository::StoreError;
use crate::domain::port::world::WorldStore;
use crate::engine::simulator::{self, SimulatorEngine};

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl WorldStore for Nothing {
    async fn load(&self) -> std::result::Result<Vec<(String, Bytes)>, StoreError> {
        Ok(Vec::new())
    }

    async fn save(&self, _: Vec<(String, Option<Bytes>)>) -> std::result::Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl EngineEventSink for Nothing {
    async fn ingest(
        &self,
        events: Vec<EngineEvent>,
    ) -> Vec<std::result::Result<IngestOutcome, Error>> {
        events.iter().map(|_| Ok(IngestOutcome::Accepted)).collect()
    }
}

impl Clock for Nothing {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let next = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        bytes.iter_mut().zip(next.iter().cycle()).for_each(|(byte, next)| *byte = *next);
    }
}

const PACE: Pace = Pace { calls_per_second: 2, burst: 3, max_in_flight: 2 };

async fn gateway(pace: Option<Pace>) -> Arc<Gateway> {
    let nothing = Arc::new(Nothing);
    let options = simulator::Options::default();
    let entropy = Arc::new(Counting::default());
    let (store, sink) = (nothing.clone(), nothing.clone());
    let engine = SimulatorEngine::open(store, sink, nothing, entropy.clone(), options).await;
    let options = Options {
        read_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(90),
        pace,
        tenure: None,
        rests: None,
    };
    Arc::new(Gateway::new(Arc::new(engine.unwrap()), entropy, options))
}

fn session(name: &str) -> SessionName {
    name.parse().unwrap()
}

fn unavailable() -> EngineError {
    EngineError::not_sent(Error::new(Reason::EngineUnavailable, "away"))
}

const READ: OperationName = OperationName::FetchGroup;
const WRITE: OperationName = OperationName::SetGroupSubject;

/// Sends a call that always fails so; returns how often it was sent and when it ended.
async fn failing(
    gateway: &Gateway,
    operation: OperationName,
    error: EngineError,
) -> (usize, EngineError) {
    let sent = AtomicUsize::new(0);
    let call = || {
        sent.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Err::<(), _>(error.clone()))
    };
    let failed = gateway.pass(&session("a"), operation, call).await.unwrap_err();
    (sent.load(Ordering::Relaxed), failed)
}

#[tokio::test(start_paused = true)]
async fn only_reads_are_sent_again_and_only_where_that_may_help() {
    let gateway = gateway(None).await;
    let refused = || EngineError::rejected(Error::new(Reason::NotGroupMember, "no"));
    let limited = || EngineError::rejected(Error::new(Reason::RateLimited, "slow down"));
    let for_long = || {
        let EngineError { outcome, error } = unavailable();
        EngineError { outcome, error: error.retry_after(Duration::from_secs(60)) }
    };
    let cases = [
        (READ, unavailable(), 3),
        (READ, for_long(), 1),
        (READ, EngineError::unknown("lost"), 3),
        (READ, refused(), 1),
        (READ, limited(), 1),
        (WRITE, unavailable(), 1),
        (WRITE, EngineError::unknown("lost"), 1),
        (WRITE, refused(), 1),
    ];
    for (operation, error, times) in cases {
        let (sent, failed) = failing(&gateway, operation, error.clone()).await;
        assert_eq!(sent, times, "{operation:?} {error}");
        assert_eq!(failed.error.reason(), error.error.reason());
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_works_at_last_is_an_answer() {
    let gateway = gateway(None).await;
    let sent = AtomicUsize::new(0);
    let call = || {
        let tries = sent.fetch_add(1, Ordering::Relaxed);
        std::future::ready(if tries < 2 { Err(unavailable()) } else { Ok(tries) })
    };
    assert_eq!(gateway.pass(&session("a"), READ, call).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline() {
    let gateway = gateway(None).await;
    let began = Instant::now();
    let never = || std::future::pending::<Result<()>>();
    let failed = gateway.pass(&session("a"), WRITE, never).await.unwrap_err();
    assert_eq!((failed.outcome, began.elapsed()), (Outcome::Unknown, Duration::from_secs(90)));

    let began = Instant::now();
    let failed = gateway.pass(&session("a"), READ, never).await.unwrap_err();
    assert_eq!(failed.outcome, Outcome::NotSent, "a read changes nothing");
    assert_eq!(failed.error.reason(), Reason::EngineUnavailable);
    let passed = began.elapsed();
    assert!(passed >= Duration::from_secs(90) && passed < Duration::from_secs(92), "three tries");
}

#[tokio::test(start_paused = true)]
async fn calls_go_out_at_their_pace_and_sessions_do_not_wait_for_each_other() {
    let gateway = gateway(Some(PACE)).await;
    let began = Instant::now();
    let mut at = Vec::new();
    for _ in 0..7 {
        gateway.pass(&session("a"), WRITE, || std::future::ready(Ok(()))).await.unwrap();
        at.push(began.elapsed().as_millis() / 100 * 100);
    }
    assert_eq!(at, [0, 0, 0, 500, 1000, 1500, 2000]);
    let before = Instant::now();
    gateway.pass(&session("b"), WRITE, || std::future::ready(Ok(()))).await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_refused_and_nothing_was_sent() {
    let gateway = gateway(Some(PACE)).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let hanging: Vec<_> = (0..2)
        .map(|_| {
            let (gateway, sent) = (gateway.clone(), sent.clone());
            tokio::spawn(async move {
                let call = || {
                    sent.fetch_add(1, Ordering::Relaxed);
                    std::future::pending::<Result<()>>()
                };
                gateway.pass(&session("a"), WRITE, call).await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let began = Instant::now();
    let sent_late = AtomicUsize::new(0);
    let late = || {
        sent_late.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(()))
    };
    let refused = gateway.pass(&session("a"), WRITE, late).await.unwrap_err();
    assert_eq!((refused.outcome, refused.error.reason()), (Outcome::NotSent, Reason::RateLimited));
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert_eq!((sent.load(Ordering::Relaxed), sent_late.load(Ordering::Relaxed)), (2, 0));
    // An aborted call gives its place back.
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
    tokio::task::yield_now().await;
    gateway.pass(&session("a"), WRITE, late).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_rate_limit_nothing_is_sent_until_the_rest_is_over() {
    let gateway = gateway(Some(PACE)).await;
    let rest = Duration::from_secs(7);
    let limited = Error::new(Reason::RateLimited, "slow down").retry_after(rest);
    failing(&gateway, WRITE, EngineError::rejected(limited)).await;
    for operation in [READ, WRITE] {
        let (sent, refused) = failing(&gateway, operation, unavailable()).await;
        assert_eq!((sent, refused.error.reason()), (0, Reason::RateLimited));
        assert_eq!(refused.error.retry_delay(), Some(rest));
        assert_eq!(refused.outcome, Outcome::NotSent);
    }
    let free = || std::future::ready(Ok(()));
    gateway.pass(&session("b"), WRITE, free).await.unwrap();
    tokio::time::advance(rest).await;
    gateway.pass(&session("a"), WRITE, free).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_list_of_all_groups_at_a_time() {
    let gateway = gateway(None).await;
    let running = Arc::new(Mutex::new((0, 0)));
    let lists = (0..3).map(|_| {
        let (gateway, running) = (gateway.clone(), running.clone());
        tokio::spawn(async move {
            let call = || async {
                {
                    let mut running = running.lock().unwrap();
                    running.0 += 1;
                    running.1 = running.0.max(running.1);
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                running.lock().unwrap().0 -= 1;
                Ok(())
            };
            gateway.pass(&session("a"), OperationName::FetchAll, call).await
        })
    });
    for list in lists.collect::<Vec<_>>() {
        list.await.unwrap().unwrap();
    }
    assert_eq!(running.lock().unwrap().1, 1);
}
