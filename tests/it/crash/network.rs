//! A network to PostgreSQL that breaks: at each byte of the one statement that commits, and all the time.

use std::time::Duration;

use wagroups::pb;

use super::checker;
use super::load::Load;
use crate::harness::process::{Process, TestStore};
use crate::harness::proxy::{Exchange, Place, Proxy, Way, Within, borders};
use crate::harness::service::Service;

/// Set by `make crash`, which cuts at every byte and breaks connections for longer.
const ROUNDS: &str = "WAGROUPS_CRASH_ROUNDS";

fn is_thorough() -> bool {
    std::env::var_os(ROUNDS).is_some()
}

/// All subjects are as long as one another, and so are their statements.
fn request(group_id: &str, round: usize) -> pb::SetGroupSubjectRequest {
    pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group_id.into(),
        request_id: format!("00000000-0000-4000-8000-{round:012}"),
        subject: subject(round),
    }
}

fn subject(round: usize) -> String {
    format!("Cut number {round:06}")
}

/// The places to cut at: after each byte, or around the borders of messages.
fn places(exchange: &Exchange) -> Vec<Place> {
    let mut places = Vec::new();
    for (way, bytes) in [(Way::ToServer, &exchange.sent), (Way::ToClient, &exchange.received)] {
        let borders = borders(bytes);
        assert_eq!(borders.last(), Some(&bytes.len()), "whole messages");
        for (message, border) in borders.windows(2).enumerate() {
            let after = if is_thorough() { border[1] - border[0] } else { 2 };
            let within = (0..after).map(Within::After).chain([Within::BeforeEnd(1)]);
            places.extend(within.map(|within| Place { way, message, within }));
        }
        let message = borders.len() - 2;
        places.push(Place { way, message, within: Within::BeforeEnd(0) });
    }
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_cut_at_any_byte_is_answered_as_it_was_written() {
    let Some((service, proxy)) = Service::behind_proxy().await else { return };
    let id = service.group_id("Before", &[]).await;
    // The first time the statement is prepared.
    service.groups().set_group_subject(request(&id, 0)).await.expect("changed");
    proxy.watch_for(subject(1).as_bytes(), None);
    let first = service.groups().set_group_subject(request(&id, 1)).await.expect("changed");
    let mut sequence = first.into_inner().sequence;
    let (exchange, _) = proxy.watched();
    assert!(!exchange.sent.is_empty() && !exchange.received.is_empty());

    let places = places(&exchange);
    for (round, place) in (2..).zip(&places) {
        proxy.watch_for(subject(round).as_bytes(), Some(*place));
        let answer = service.groups().set_group_subject(request(&id, round)).await;
        let (_, was_cut) = proxy.watched();
        let what = format!("{place:?}");
        let answer = answer.unwrap_or_else(|status| panic!("{what}: {status:?}")).into_inner();
        assert!(was_cut, "{what}: the statement was cut there");
        assert!(answer.changed, "{what}: the call itself has changed it");
        sequence += 1;
        assert_eq!(answer.sequence, sequence, "{what}: the next event is its own");
        let again = service.groups().set_group_subject(request(&id, round)).await;
        let again = again.unwrap_or_else(|status| panic!("{what}: {status:?}")).into_inner();
        assert_eq!((again.changed, again.sequence), (true, sequence), "{what}: the first answer");
    }

    let log = service.log("default").await;
    for (expected, event) in (1..).zip(&log) {
        assert_eq!(event.sequence, expected, "no gap, nothing twice");
    }
    for round in 0..places.len() + 2 {
        let request_id = request(&id, round).request_id;
        let events = log.iter().filter(|event| event.request_id == request_id).count();
        assert_eq!(events, 1, "round {round} is in the log once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_keeps_breaking_loses_nothing_and_ends_nothing() {
    let Some(store) = TestStore::postgres().await else { return };
    let proxy = Proxy::before(&store.url()).await;
    let settings = [("WAGROUPS_DATABASE__URL", proxy.url())];
    let mut process = Process::start_with(&store, &settings).await;
    let load = Load::begin(&process, 4).await;
    let seeds: u64 = if is_thorough() { 10 } else { 1 };
    for seed in 1..=seeds {
        load.wait_for_answers(10).await;
        let flapping = proxy.flap(seed, 40, Duration::from_millis(200));
        load.wait_for_answers(60).await;
        flapping.abort();
    }
    load.wait_for_answers(20).await;
    assert!(process.is_running(), "a bad network does not end the process");
    let history = load.end().await;
    checker::check(process, store, history).await;
}
