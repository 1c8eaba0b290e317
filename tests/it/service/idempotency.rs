//! Request ids: at most once towards WhatsApp, the first answer for every repetition.

use wagroups::pb;

use super::on_each_database;
use crate::harness::service::{Service, reason, violated_fields};

on_each_database!(
    a_repetition_gets_the_first_answer,
    a_repetition_after_a_restart_gets_the_first_answer,
    repetitions_at_the_same_time_act_once,
    another_body_under_the_same_id_is_refused,
    a_refusal_is_repeated_too,
    an_id_counts_within_its_session_and_rpc,
);

const ID: &str = "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11";

fn create(subject: &str) -> pb::CreateGroupRequest {
    pb::CreateGroupRequest {
        session: "default".into(),
        request_id: ID.into(),
        subject: subject.into(),
        participant_ids: vec!["4915100000001".into(), "4915100000404".into()],
        ..Default::default()
    }
}

async fn a_repetition_gets_the_first_answer(service: Service) {
    let first = service.groups().create_group(create("Team")).await.expect("made").into_inner();
    let again = service.groups().create_group(create("Team")).await.expect("repeated").into_inner();
    assert_eq!(first, again);
    let log = service.log("default").await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].request_id, ID);
}

async fn a_repetition_after_a_restart_gets_the_first_answer(mut service: Service) {
    let first = service.groups().create_group(create("Team")).await.expect("made").into_inner();
    service.restart().await;
    let again = service.groups().create_group(create("Team")).await.expect("repeated").into_inner();
    assert_eq!(first, again);
    assert_eq!(service.log("default").await.len(), 1);
}

async fn repetitions_at_the_same_time_act_once(service: Service) {
    let calls = (0..8).map(|_| {
        let mut groups = service.groups();
        async move { groups.create_group(create("Team")).await.expect("answered").into_inner() }
    });
    let answers = futures::future::join_all(calls).await;
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(service.log("default").await.len(), 1);
}

async fn another_body_under_the_same_id_is_refused(service: Service) {
    service.groups().create_group(create("Team")).await.expect("made");
    let status = service.groups().create_group(create("Crew")).await.expect_err("refused");
    assert_eq!(reason(&status), "REQUEST_ID_REUSED");
    assert_eq!(violated_fields(&status), ["request_id"]);
    assert_eq!(service.log("default").await.len(), 1);
}

async fn a_refusal_is_repeated_too(service: Service) {
    service.create_session("second").await;
    let id = service.group_id("Team", &["4915100000001"]).await;
    let request = pb::SetGroupSubjectRequest {
        session: "second".into(),
        group_id: id.clone(),
        request_id: ID.into(),
        subject: "Mine".into(),
    };
    let first =
        service.groups().set_group_subject(request.clone()).await.expect_err("not a member");
    assert_eq!(reason(&first), "NOT_GROUP_MEMBER");
    // Once the cause is gone, the id still stands for its first answer.
    let account = service
        .sessions()
        .get_session(pb::GetSessionRequest { session: "second".into() })
        .await
        .expect("the session")
        .into_inner()
        .session
        .and_then(|session| session.account)
        .expect("an account");
    let add = pb::AddParticipantsRequest {
        session: "default".into(),
        group_id: id,
        participant_ids: vec![account.phone_number_id],
        ..Default::default()
    };
    service.groups().add_participants(add).await.expect("added");
    let again = service.groups().set_group_subject(request).await.expect_err("the first answer");
    assert_eq!(reason(&again), "NOT_GROUP_MEMBER");
}

async fn an_id_counts_within_its_session_and_rpc(service: Service) {
    let made = service.groups().create_group(create("Team")).await.expect("made").into_inner();
    let request = pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: made.group.expect("a group").id,
        request_id: ID.into(),
        subject: "Crew".into(),
    };
    let renamed =
        service.groups().set_group_subject(request).await.expect("another rpc").into_inner();
    assert!(renamed.changed);
}
