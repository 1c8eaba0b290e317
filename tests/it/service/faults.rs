//! WhatsApp misbehaves: answers get lost, notifications come twice, late, in another order.

use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt;
use wagroups::pb;
use wagroups::pb::inject_fault_request::Fault;

use super::on_each_database;
use crate::harness::service::{Service, eventually, reason};

on_each_database!(
    a_lost_answer_is_an_unknown_outcome_and_the_echo_tells_the_truth,
    a_rate_limit_says_when_to_come_back_and_is_not_kept_as_the_answer,
    a_deadline_during_the_call_is_an_unknown_outcome,
    duplicated_and_reordered_notifications_change_nothing_twice,
    a_group_is_read_anew_on_request,
    a_group_known_in_parts_is_read_anew_by_itself,
);

const ID: &str = "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11";

async fn inject(service: &Service, uses: i32, fault: Fault) {
    let request = pb::InjectFaultRequest { fault: Some(fault), uses, ..Default::default() };
    service.simulator().inject_fault(request).await.expect("a fault");
}

fn rename(group_id: &str, subject: &str) -> pb::SetGroupSubjectRequest {
    pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group_id.into(),
        request_id: ID.into(),
        subject: subject.into(),
    }
}

async fn a_lost_answer_is_an_unknown_outcome_and_the_echo_tells_the_truth(service: Service) {
    let id = service.group_id("Team", &["4915100000001"]).await;
    let fault = pb::DropConnectionFault { point: pb::FaultPoint::AfterApply.into() };
    inject(&service, 1, Fault::DropConnection(fault)).await;
    let status = service.groups().set_group_subject(rename(&id, "Crew")).await.expect_err("lost");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"));
    let again =
        service.groups().set_group_subject(rename(&id, "Crew")).await.expect_err("known by then");
    assert_eq!(reason(&again), "OUTCOME_UNKNOWN", "the id is not used a second time");
    let log = eventually("the echo arrives", || async {
        let log = service.log("default").await;
        (log.len() == 2).then_some(log)
    })
    .await;
    assert_eq!(log[1].r#type(), pb::EventType::Updated);
    assert_eq!(service.get_group(&id, 2).await.expect("the group").subject, "Crew");
}

async fn a_rate_limit_says_when_to_come_back_and_is_not_kept_as_the_answer(service: Service) {
    let id = service.group_id("Team", &[]).await;
    let backoff = prost_types::Duration { seconds: 7, nanos: 0 };
    inject(&service, 1, Fault::RateLimit(pb::RateLimitFault { backoff: Some(backoff) })).await;
    let status =
        service.groups().set_group_subject(rename(&id, "Crew")).await.expect_err("limited");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "RATE_LIMITED")
    );
    let delay = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    assert_eq!(delay, Some(Duration::from_secs(7)));
    let again =
        service.groups().set_group_subject(rename(&id, "Crew")).await.expect("now").into_inner();
    assert!(again.changed);
}

async fn a_deadline_during_the_call_is_an_unknown_outcome(service: Service) {
    let id = service.group_id("Team", &[]).await;
    let latency =
        pb::LatencyFault { duration: Some(prost_types::Duration { seconds: 2, nanos: 0 }) };
    inject(&service, 1, Fault::Latency(latency)).await;
    let mut request = tonic::Request::new(rename(&id, "Crew"));
    request.metadata_mut().insert("grpc-timeout", "500m".parse().expect("a header"));
    let status = service.groups().set_group_subject(request).await.expect_err("too slow");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"));
    // The call goes on without its caller; a repetition attaches to it and gets its answer.
    let again =
        service.groups().set_group_subject(rename(&id, "Crew")).await.expect("done").into_inner();
    assert!(again.changed);
    assert_eq!(service.log("default").await.len(), 2);
}

async fn duplicated_and_reordered_notifications_change_nothing_twice(service: Service) {
    use pb::act_request::Action;
    let id = service.group_id("Team", &["4915100000001"]).await;
    inject(
        &service,
        50,
        Fault::DuplicateNotifications(pb::DuplicateNotificationsFault { count: 2 }),
    )
    .await;
    inject(&service, -1, Fault::ReorderNotifications(pb::ReorderNotificationsFault { window: 8 }))
        .await;
    for n in 0..8 {
        let action = match n % 4 {
            0 | 2 => {
                Action::ChangeSubject(pb::ChangeSubjectAction { subject: format!("Subject {n}") })
            }
            1 => Action::AddParticipants(pb::AddParticipantsAction {
                participant_ids: vec![format!("491510000010{n}")],
            }),
            _ => Action::ChangeDescription(pb::ChangeDescriptionAction {
                description: Some(format!("Text {n}")),
            }),
        };
        let request = pb::ActRequest {
            actor: "4915100000001".into(),
            group_id: id.clone(),
            force: true,
            action: Some(action),
        };
        service.simulator().act(request).await.expect("the script acts");
    }
    let request = pb::GetWorldGroupRequest { group_id: id.clone(), ..Default::default() };
    let truth = service.simulator().get_world_group(request).await.expect("the truth").into_inner();
    let truth = truth.group.expect("a group");
    eventually("the state is the truth", || async {
        let group = service.get_group(&id, 0).await.ok()?;
        let same = group.subject == truth.subject
            && group.description == truth.description
            && group.participants == truth.participants;
        same.then_some(())
    })
    .await;
    let replay =
        pb::ReplayNotificationsRequest { session: "default".into(), count: 100, reverse: true };
    let before = service.log("default").await;
    service.simulator().replay_notifications(replay).await.expect("replayed");
    assert_eq!(service.log("default").await, before, "what was dealt with is dealt with");
    assert!(before.len() <= 9, "at most one event for each change: {}", before.len());
}

async fn a_group_is_read_anew_on_request(service: Service) {
    let id = service.group_id("Team", &["4915100000001"]).await;
    inject(&service, 1, Fault::LoseNotifications(pb::LoseNotificationsFault {})).await;
    let request = pb::ActRequest {
        actor: "4915100000001".into(),
        group_id: id.clone(),
        force: false,
        action: Some(pb::act_request::Action::ChangeSubject(pb::ChangeSubjectAction {
            subject: "Unheard".into(),
        })),
    };
    service.simulator().act(request).await.expect("the script acts");
    let request = pb::GetGroupRequest {
        session: "default".into(),
        group_id: id.clone(),
        refresh: true,
        ..Default::default()
    };
    service.groups().get_group(request).await.expect("the group");
    assert_eq!(service.get_group(&id, 0).await.expect("the group").subject, "Unheard");
    let log = service.log("default").await;
    assert_eq!(log.last().expect("an event").origin(), pb::Origin::Reconciled);
}

async fn a_group_known_in_parts_is_read_anew_by_itself(service: Service) {
    service.create_session("second").await;
    let request = pb::GetSessionRequest { session: "second".into() };
    let second = service.sessions().get_session(request).await.expect("the session").into_inner();
    let account = second.session.and_then(|session| session.account).expect("an account");
    // That it was added is lost on it; the next it hears is a new subject.
    let lose = pb::InjectFaultRequest {
        session: "second".into(),
        fault: Some(Fault::LoseNotifications(pb::LoseNotificationsFault {})),
        uses: 1,
        ..Default::default()
    };
    service.simulator().inject_fault(lose).await.expect("a fault");
    let id = service.group_id("Team", &[&account.phone_number_id]).await;
    eventually("the loss is over", || async {
        let rename = pb::SetGroupSubjectRequest {
            session: "default".into(),
            group_id: id.clone(),
            subject: format!("Crew {}", service.log("default").await.len()),
            ..Default::default()
        };
        service.groups().set_group_subject(rename).await.expect("renamed");
        (!service.log("second").await.is_empty()).then_some(())
    })
    .await;
    let group = eventually("the group is known as a whole", || async {
        let request = pb::GetGroupRequest {
            session: "second".into(),
            group_id: id.clone(),
            ..Default::default()
        };
        let read = service.groups().get_group(request).await.ok()?.into_inner();
        let group = <pb::Group as prost::Message>::decode(read.group).expect("a group");
        (!group.partial).then_some(group)
    })
    .await;
    assert_eq!(group.participants.len(), 2);
    let log = service.log("second").await;
    assert_eq!(log[0].r#type(), pb::EventType::Joined);
    assert!(log.iter().any(|event| event.origin() == pb::Origin::Reconciled));
}
