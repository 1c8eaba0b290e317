//! What is published.

use base64::Engine as _;
use prost::Message as _;
use wagroups::config::NatsPayload;
use wagroups::pb;
use wagroups::pb::watch_group_events_request::Start;

use super::nats::Nats;
use super::{both, make_groups, relaying, until_published};
use crate::harness::service::Service;
use crate::harness::trace::{OTHER_TRACEPARENT, TRACEPARENT, TRACESTATE, traced};

async fn every_event_is_in_the_stream_once_and_in_order(service: Service, nats: Nats) {
    make_groups(&service, 3).await;
    let group_id = service.group_id("Team", &["4915100000001"]).await;
    let rename = pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group_id.clone(),
        subject: "Crew".into(),
        ..Default::default()
    };
    service.groups().set_group_subject(rename).await.expect("renamed");
    let relay = until_published(&service).await;
    let (logged, published) = both(&service, &nats, "default").await;
    assert_eq!(published, logged);
    assert_eq!(relay.published_count, i64::try_from(logged.len()).expect("a few"));
    assert_eq!((relay.lost_count, relay.replay_count), (0, 0));
    assert!(relay.target.contains("stream WAGROUPS") && relay.oldest_waiting_time.is_none());

    let last = nats.messages().await.pop().expect("a message");
    let event = service.log("default").await.pop().expect("an event");
    assert_eq!(pb::GroupEvent::decode(last.payload.clone()).expect("an event"), event);
    assert_eq!(last.subject, "wagroups.events.default.updated");
    assert_eq!(last.sequence(), event.sequence);
    for (name, value) in [
        ("Nats-Msg-Id", event.id.as_str()),
        ("Nats-Expected-Stream", "WAGROUPS"),
        ("ce-specversion", "1.0"),
        ("ce-id", &event.id),
        ("ce-source", "/wagroups/sessions/default"),
        ("ce-type", "wagroups.v1.updated"),
        ("ce-subject", &group_id),
        ("Content-Type", "application/protobuf"),
    ] {
        assert_eq!(last.header(name), value, "{name}");
    }
    let time: jiff::Timestamp = last.header("ce-time").parse().expect("a time");
    let recorded = event.record_time.expect("a time");
    assert_eq!(time.as_second(), recorded.seconds);

    for name in ["traceparent", "tracestate", "ce-traceparent", "ce-tracestate"] {
        assert_eq!(last.header(name), "", "{name}: its call came with none");
    }

    // The token of a message is one of a watch.
    let token = last.header("Wagroups-Token");
    let token = base64::engine::general_purpose::STANDARD.decode(token).expect("base64");
    make_groups(&service, 1).await;
    let request = pb::WatchGroupEventsRequest {
        start: Some(Start::ResumeToken(token.into())),
        ..Default::default()
    };
    let mut watch =
        service.groups().watch_group_events(request).await.expect("a watch").into_inner();
    let next = loop {
        let message = watch.message().await.expect("no error").expect("a message");
        if let Some(first) = message.events.first() {
            break pb::GroupEvent::decode(first.clone()).expect("an event");
        }
    };
    assert_eq!(next.sequence, event.sequence + 1);
}

async fn a_message_has_the_trace_of_the_call_that_caused_its_event(service: Service, nats: Nats) {
    for (traceparent, tracestate) in [(TRACEPARENT, TRACESTATE), (OTHER_TRACEPARENT, "")] {
        let create = pb::CreateGroupRequest {
            session: "default".into(),
            subject: "Team".into(),
            ..Default::default()
        };
        let create = traced(create, traceparent, tracestate);
        service.groups().create_group(create).await.expect("made");
        until_published(&service).await;
        let message = nats.messages().await.pop().expect("a message");
        for (name, value) in [
            ("traceparent", traceparent),
            ("tracestate", tracestate),
            ("ce-traceparent", traceparent),
            ("ce-tracestate", tracestate),
        ] {
            assert_eq!(message.header(name), value, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_a_message_has_the_trace_of_the_call_that_caused_its_event() {
    let Some(nats) = Nats::start().await else { return };
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    a_message_has_the_trace_of_the_call_that_caused_its_event(service, nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_a_message_has_the_trace_of_the_call_that_caused_its_event() {
    let Some(nats) = Nats::start().await else { return };
    let Some(service) = Service::on_postgres_with(relaying(&nats.url())).await else { return };
    a_message_has_the_trace_of_the_call_that_caused_its_event(service, nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_every_event_is_in_the_stream_once_and_in_order() {
    let Some(nats) = Nats::start().await else { return };
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    every_event_is_in_the_stream_once_and_in_order(service, nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_every_event_is_in_the_stream_once_and_in_order() {
    let Some(nats) = Nats::start().await else { return };
    let Some(service) = Service::on_postgres_with(relaying(&nats.url())).await else { return };
    every_event_is_in_the_stream_once_and_in_order(service, nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_json_where_the_settings_say_so() {
    let Some(nats) = Nats::start().await else { return };
    let url = nats.url();
    let service = Service::on_sqlite_with(|settings| {
        settings.nats.url = url;
        settings.nats.payload = NatsPayload::Json;
        settings.nats.subject_prefix = "acme.whatsapp".to_owned();
    })
    .await;
    service.create_session("shop.eu").await;
    let request = pb::CreateGroupRequest {
        session: "shop.eu".into(),
        subject: "Team".into(),
        participant_ids: vec!["4915100000001".into()],
        ..Default::default()
    };
    service.groups().create_group(request).await.expect("a group");
    until_published(&service).await;
    let message = nats.messages().await.pop().expect("a message");
    assert_eq!(message.subject, "acme.whatsapp.shop%2Eeu.joined");
    assert_eq!(message.header("Content-Type"), "application/json");
    let event: serde_json::Value = serde_json::from_slice(&message.payload).expect("JSON");
    assert_eq!(event["session"], "shop.eu");
    assert_eq!(event["joined"]["group"]["subject"], "Team");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_begins_now_leaves_out_what_was_before() {
    let Some(nats) = Nats::start().await else { return };
    let mut service = Service::on_sqlite().await;
    make_groups(&service, 2).await;
    let url = nats.url();
    service
        .restart_working_with(|settings| {
            settings.nats.url = url;
            settings.nats.start = "now".to_owned();
        })
        .await;
    until_published(&service).await;
    make_groups(&service, 1).await;
    until_published(&service).await;
    let (logged, published) = both(&service, &nats, "default").await;
    assert_eq!(published, logged[2..]);
}
