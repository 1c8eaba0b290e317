//! The promises of WatchGroupEvents.

use std::collections::BTreeMap;

use prost::Message;
use wagroups::pb;
use wagroups::pb::watch_group_events_request::Start;

use super::on_each_database;
use crate::harness::service::{PATIENCE, Service, reason};

on_each_database!(
    a_watch_begins_with_a_token_and_gets_what_follows,
    resuming_at_every_position_skips_nothing_and_repeats_nothing,
    a_watch_resumes_after_a_restart,
    the_initial_state_and_what_follows_have_no_gap,
    filters_leave_out_and_never_reorder,
    a_filtered_watch_gets_fresh_tokens,
    an_end_is_announced_with_a_last_token,
    a_deadline_ends_the_watch_with_a_token,
    earliest_and_start_time_begin_where_they_say,
);

type Stream = tonic::Streaming<pb::WatchGroupEventsResponse>;

async fn watch(service: &Service, request: pb::WatchGroupEventsRequest) -> Stream {
    service.groups().watch_group_events(request).await.expect("a watch").into_inner()
}

async fn next(stream: &mut Stream) -> pb::WatchGroupEventsResponse {
    let item = tokio::time::timeout(PATIENCE, stream.message()).await.expect("in time");
    item.expect("no error").expect("an item")
}

/// Exactly this many events, and the last token.
async fn take(stream: &mut Stream, count: usize) -> (Vec<pb::GroupEvent>, bytes::Bytes) {
    let (events, token) = take_at_least(stream, count).await;
    assert_eq!(events.len(), count);
    (events, token)
}

/// Events until there are this many, and the last token. A response may bring several.
async fn take_at_least(stream: &mut Stream, count: usize) -> (Vec<pb::GroupEvent>, bytes::Bytes) {
    let mut events = Vec::new();
    let mut token = bytes::Bytes::new();
    while events.len() < count {
        let response = next(stream).await;
        events.extend(
            response
                .events
                .iter()
                .map(|bytes| pb::GroupEvent::decode(bytes.clone()).expect("an event")),
        );
        token = response.resume_token;
    }
    (events, token)
}

fn sequences(events: &[pb::GroupEvent]) -> Vec<i64> {
    events.iter().map(|event| event.sequence).collect()
}

async fn a_watch_begins_with_a_token_and_gets_what_follows(service: Service) {
    service.create_group("Before", &[]).await;
    let mut stream = watch(&service, Default::default()).await;
    let first = next(&mut stream).await;
    assert!(first.progress.expect("progress").caught_up);
    assert!(!first.resume_token.is_empty());
    let created = service.create_group("After", &["4915100000001"]).await;
    let (events, _) = take(&mut stream, 1).await;
    assert_eq!(events[0].sequence, created.sequence);
    assert_eq!(events[0].origin(), pb::Origin::Api);
    assert_eq!(events, service.log("default").await[1..]);
}

async fn resuming_at_every_position_skips_nothing_and_repeats_nothing(service: Service) {
    for n in 0..10 {
        service.create_group(&format!("Group {n}"), &[]).await;
    }
    let mut stream = watch(
        &service,
        pb::WatchGroupEventsRequest {
            start: Some(Start::Earliest(pb::Earliest {})),
            ..Default::default()
        },
    )
    .await;
    let first = next(&mut stream).await.resume_token;
    let (all, last) = take(&mut stream, 10).await;
    assert_eq!(sequences(&all), (1..=10).collect::<Vec<i64>>());
    let mut tokens = vec![first];
    // One token for each position: that of a watch which ends there.
    for n in 1..10_usize {
        let id = all[n - 1].group_id.clone();
        let request = pb::WatchGroupEventsRequest {
            start: Some(Start::ResumeToken(tokens[n - 1].clone())),
            group_ids: vec![id],
            ..Default::default()
        };
        let mut stream = watch(&service, request).await;
        next(&mut stream).await;
        let (events, token) = take(&mut stream, 1).await;
        assert_eq!(sequences(&events), [i64::try_from(n).expect("small")]);
        tokens.push(if token == last { tokens[n - 1].clone() } else { token });
    }
    for token in tokens {
        let request = pb::WatchGroupEventsRequest {
            start: Some(Start::ResumeToken(token.clone())),
            ..Default::default()
        };
        let mut stream = watch(&service, request).await;
        next(&mut stream).await;
        let position = u64::from_be_bytes(token[8..16].try_into().expect("a position"));
        let rest = usize::try_from(10 - position).expect("small");
        if rest > 0 {
            let (events, end) = take(&mut stream, rest).await;
            assert_eq!(end, last);
            let first = i64::try_from(position).expect("small") + 1;
            assert_eq!(sequences(&events), (first..=10).collect::<Vec<i64>>());
        }
    }
}

async fn a_watch_resumes_after_a_restart(mut service: Service) {
    service.create_group("One", &[]).await;
    let mut stream = watch(
        &service,
        pb::WatchGroupEventsRequest {
            start: Some(Start::Earliest(pb::Earliest {})),
            ..Default::default()
        },
    )
    .await;
    next(&mut stream).await;
    let (_, token) = take(&mut stream, 1).await;
    service.create_group("Two", &[]).await;
    drop(stream);
    service.restart().await;
    service.create_group("Three", &[]).await;
    let request = pb::WatchGroupEventsRequest {
        start: Some(Start::ResumeToken(token)),
        ..Default::default()
    };
    let mut stream = watch(&service, request).await;
    next(&mut stream).await;
    let (events, _) = take(&mut stream, 2).await;
    assert_eq!(sequences(&events), [2, 3]);
}

async fn the_initial_state_and_what_follows_have_no_gap(service: Service) {
    for n in 0..5 {
        service.create_group(&format!("Group {n}"), &[]).await;
    }
    let request = pb::WatchGroupEventsRequest { send_initial_state: true, ..Default::default() };
    let mut stream = watch(&service, request).await;
    // Changes while the state is read.
    let writer = async {
        for n in 5..25 {
            service.create_group(&format!("Group {n}"), &[]).await;
        }
    };
    let reader = async {
        let mut mirror = BTreeMap::new();
        let mut ended = false;
        while !ended || mirror.len() < 25 {
            let response = next(&mut stream).await;
            for initial in response.initial_groups {
                assert!(!ended);
                let group = pb::Group::decode(initial.group).expect("a group");
                assert!(mirror.insert(group.id, group.subject).is_none(), "a group came twice");
            }
            for bytes in response.events {
                let event = pb::GroupEvent::decode(bytes).expect("an event");
                let Some(pb::group_event::Body::Joined(joined)) = event.body else {
                    panic!("not a joined event")
                };
                let group = joined.group.expect("a group");
                assert!(mirror.insert(group.id, group.subject).is_none(), "a group came twice");
            }
            assert!(
                ended || response.initial_state_end.is_some() || response.resume_token.is_empty()
            );
            ended |= response.initial_state_end.is_some();
        }
        mirror
    };
    let (mirror, ()) = tokio::join!(reader, writer);
    assert_eq!(mirror.len(), 25);
}

async fn filters_leave_out_and_never_reorder(service: Service) {
    service.create_session("second").await;
    let one = service.group_id("One", &[]).await;
    service.group_id("Two", &[]).await;
    for n in 0..3 {
        let request = pb::SetGroupSubjectRequest {
            session: "default".into(),
            group_id: one.clone(),
            subject: format!("One {n}"),
            ..Default::default()
        };
        service.groups().set_group_subject(request).await.expect("renamed");
    }
    let request = pb::WatchGroupEventsRequest {
        sessions: vec!["default".into()],
        group_ids: vec![one.clone()],
        types: vec![pb::EventType::Updated.into()],
        start: Some(Start::Earliest(pb::Earliest {})),
        ..Default::default()
    };
    let mut stream = watch(&service, request).await;
    next(&mut stream).await;
    let (events, _) = take(&mut stream, 3).await;
    assert_eq!(sequences(&events), [3, 4, 5]);
}

async fn a_filtered_watch_gets_fresh_tokens(service: Service) {
    service.create_session("second").await;
    let request = pb::WatchGroupEventsRequest {
        sessions: vec!["second".into()],
        progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..Default::default()
    };
    let mut stream = watch(&service, request).await;
    let before = next(&mut stream).await.resume_token;
    service.create_group("Elsewhere", &[]).await;
    // The first may have been on its way while the group was made.
    let moves_on = async {
        loop {
            let progress = next(&mut stream).await;
            assert!(progress.events.is_empty() && progress.progress.is_some());
            if progress.resume_token != before {
                break;
            }
        }
    };
    let moved = tokio::time::timeout(PATIENCE, moves_on).await;
    moved.expect("the token moves past what the filter leaves out");
}

async fn an_end_is_announced_with_a_last_token(mut service: Service) {
    let mut stream = watch(&service, Default::default()).await;
    next(&mut stream).await;
    let server = service.server.take().expect("a running service");
    let stop = server.stop();
    let read = async {
        let last = next(&mut stream).await;
        assert!(!last.resume_token.is_empty());
        let end = tokio::time::timeout(PATIENCE, stream.message()).await.expect("in time");
        end.expect_err("an end with a reason")
    };
    let (status, ()) = tokio::join!(read, stop);
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::Unavailable, "DRAINING"));
}

async fn a_deadline_ends_the_watch_with_a_token(service: Service) {
    let mut request = tonic::Request::new(pb::WatchGroupEventsRequest::default());
    request.metadata_mut().insert("grpc-timeout", "300m".parse().expect("a header"));
    let mut stream =
        service.groups().watch_group_events(request).await.expect("a watch").into_inner();
    next(&mut stream).await;
    let last = next(&mut stream).await;
    assert!(!last.resume_token.is_empty() && last.progress.is_none());
    let status = stream.message().await.expect_err("an end with a reason");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (tonic::Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
    );
}

async fn earliest_and_start_time_begin_where_they_say(service: Service) {
    for n in 0..3 {
        service.create_group(&format!("Group {n}"), &[]).await;
    }
    let log = service.log("default").await;
    let time = log[1].record_time.expect("a time");
    let request =
        pb::WatchGroupEventsRequest { start: Some(Start::StartTime(time)), ..Default::default() };
    let mut stream = watch(&service, request).await;
    next(&mut stream).await;
    let first = take_at_least(&mut stream, 1).await.0;
    let order = |time: &prost_types::Timestamp| (time.seconds, time.nanos);
    let recorded = first[0].record_time.expect("a time");
    assert!(first[0].sequence <= 2 && order(&recorded) >= order(&time));
    let before = prost_types::Timestamp { seconds: 1_000_000_000, nanos: 0 };
    let request =
        pb::WatchGroupEventsRequest { start: Some(Start::StartTime(before)), ..Default::default() };
    let mut stream = watch(&service, request).await;
    next(&mut stream).await;
    assert_eq!(take_at_least(&mut stream, 1).await.0[0].sequence, 1);
}
