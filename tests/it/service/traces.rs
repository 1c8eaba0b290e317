//! The trace of a caller, in the events that its calls cause.

use wagroups::pb;

use super::on_each_database;
use crate::harness::service::{Service, eventually};
use crate::harness::trace::{OTHER_TRACEPARENT, TRACEPARENT, TRACESTATE, trace_of, traced};

const ANNA: &str = "4915120000001@c.us";

on_each_database!(
    the_events_of_a_call_carry_its_trace_also_after_a_restart,
    a_trace_that_is_none_is_ignored,
    a_repetition_changes_nothing_of_the_trace_of_the_first_call,
    a_group_that_is_taken_apart_is_told_in_the_trace_of_who_asked_for_it,
    the_end_of_a_session_is_told_in_the_trace_of_who_asked_for_it,
    what_others_do_is_in_no_trace,
);

fn create(subject: &str) -> pb::CreateGroupRequest {
    pb::CreateGroupRequest {
        session: "default".into(),
        subject: subject.into(),
        participant_ids: vec![ANNA.into()],
        ..Default::default()
    }
}

fn rename(group_id: &str, subject: &str) -> pb::SetGroupSubjectRequest {
    pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group_id.into(),
        subject: subject.into(),
        ..Default::default()
    }
}

async fn the_events_of_a_call_carry_its_trace_also_after_a_restart(mut service: Service) {
    let made = service.groups().create_group(traced(create("Team"), TRACEPARENT, TRACESTATE)).await;
    let group_id = made.expect("made").into_inner().group.expect("a group").id;
    let untraced = service.groups().set_group_subject(rename(&group_id, "Crew")).await;
    untraced.expect("renamed");
    let other = traced(rename(&group_id, "Band"), OTHER_TRACEPARENT, "");
    service.groups().set_group_subject(other).await.expect("renamed");
    let wanted = [(TRACEPARENT, TRACESTATE), ("", ""), (OTHER_TRACEPARENT, "")];
    let log = service.log("default").await;
    assert_eq!(log.iter().map(trace_of).collect::<Vec<_>>(), wanted);
    service.restart().await;
    let log = service.log("default").await;
    assert_eq!(log.iter().map(trace_of).collect::<Vec<_>>(), wanted, "from the database");
}

async fn a_trace_that_is_none_is_ignored(service: Service) {
    for (traceparent, tracestate) in [
        ("nonsense", "a=1"),
        ("", "a=1"),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", ""),
    ] {
        let made = traced(create("Team"), traceparent, tracestate);
        service.groups().create_group(made).await.expect("a call like any other");
        let log = service.log("default").await;
        assert_eq!(trace_of(log.last().expect("an event")), ("", ""), "{traceparent}");
    }
    let made = traced(create("Team"), TRACEPARENT, "no state");
    service.groups().create_group(made).await.expect("made");
    let log = service.log("default").await;
    assert_eq!(trace_of(log.last().expect("an event")), (TRACEPARENT, ""));

    let mut twice = traced(create("Team"), TRACEPARENT, "");
    twice.metadata_mut().append("traceparent", OTHER_TRACEPARENT.parse().expect("a value"));
    service.groups().create_group(twice).await.expect("made");
    let log = service.log("default").await;
    assert_eq!(trace_of(log.last().expect("an event")), ("", ""), "nobody knows which");
}

async fn a_repetition_changes_nothing_of_the_trace_of_the_first_call(service: Service) {
    let request_id = "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d13".to_owned();
    let create = pb::CreateGroupRequest { request_id, ..create("Team") };
    for traceparent in [TRACEPARENT, OTHER_TRACEPARENT] {
        let made = traced(create.clone(), traceparent, "");
        service.groups().create_group(made).await.expect("made");
    }
    let log = service.log("default").await;
    assert_eq!(log.iter().map(trace_of).collect::<Vec<_>>(), [(TRACEPARENT, "")]);
}

async fn a_group_that_is_taken_apart_is_told_in_the_trace_of_who_asked_for_it(service: Service) {
    let group_id = service.group_id("Team", &[ANNA]).await;
    let delete =
        pb::DeleteGroupRequest { session: "default".into(), group_id, ..Default::default() };
    let ended = service.groups().delete_group(traced(delete, TRACEPARENT, TRACESTATE)).await;
    assert_eq!(ended.expect("deleted").into_inner().state(), pb::DeletionState::Completed);
    let log = service.log("default").await;
    let (made, caused) = log.split_first().expect("events");
    assert_eq!(trace_of(made), ("", ""));
    assert!(caused.len() > 1, "{caused:?}");
    for event in caused {
        assert_eq!(trace_of(event), (TRACEPARENT, TRACESTATE), "{event:?}");
    }
}

async fn the_end_of_a_session_is_told_in_the_trace_of_who_asked_for_it(service: Service) {
    let delete = pb::DeleteSessionRequest { session: "default".into() };
    let deleted = service.sessions().delete_session(traced(delete, TRACEPARENT, "")).await;
    deleted.expect("deleted");
    let log = service.log("default").await;
    assert_eq!(log.iter().map(trace_of).collect::<Vec<_>>(), [(TRACEPARENT, "")]);
}

/// An act by the simulator's own call, which is not a call of the session's.
async fn what_others_do_is_in_no_trace(service: Service) {
    let group_id = service.group_id("Team", &[ANNA]).await;
    let subject = pb::ChangeSubjectAction { subject: "Ours".into() };
    let act = pb::ActRequest {
        actor: ANNA.into(),
        group_id,
        action: Some(pb::act_request::Action::ChangeSubject(subject)),
        ..Default::default()
    };
    service.simulator().act(traced(act, TRACEPARENT, "")).await.expect("it happens");
    let log = eventually("it is told", || async {
        let log = service.log("default").await;
        (log.len() > 1).then_some(log)
    });
    assert_eq!(trace_of(log.await.last().expect("an event")), ("", ""));
}
