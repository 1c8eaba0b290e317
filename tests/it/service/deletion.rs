//! A group that is taken apart over the death of a process.

use std::time::Duration;

use wagroups::domain::clock::Timestamp;
use wagroups::domain::port::repository::{Deletion, DeletionStore};
use wagroups::pb;

use super::on_each_database;
use crate::harness::service::{Service, eventually, reason};

on_each_database!(
    a_deletion_that_finds_the_group_gone_answers_the_sequence_of_that,
    calls_with_one_id_about_a_group_that_is_not_held_get_one_answer,
    a_deletion_that_cannot_look_at_the_group_leaves_no_answer,
);

/// Of a group that nobody has ever heard of.
fn delete_unknown(request_id: &str) -> pb::DeleteGroupRequest {
    let request_id = request_id.to_owned();
    pb::DeleteGroupRequest { request_id, ..delete("120363000000000777@g.us") }
}

async fn calls_with_one_id_about_a_group_that_is_not_held_get_one_answer(service: Service) {
    for round in 0..8 {
        let request = delete_unknown(&format!("00000000-0000-4000-8000-{round:012}"));
        let calls = (0..16).map(|_| {
            let (mut groups, request) = (service.groups(), request.clone());
            tokio::spawn(async move { groups.delete_group(request).await })
        });
        for call in futures::future::join_all(calls).await {
            let refused = call.expect("no panic").expect_err("no such group");
            assert_eq!(reason(&refused), "GROUP_NOT_FOUND");
        }
        let again = service.groups().delete_group(request).await.expect_err("no such group");
        assert_eq!(reason(&again), "GROUP_NOT_FOUND");
    }
}

async fn a_deletion_that_cannot_look_at_the_group_leaves_no_answer(service: Service) {
    let database = sea_orm::Database::connect(service.database_url()).await.expect("a connection");
    let rename = async |from: &str, to: &str| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        sea_orm::ConnectionTrait::execute_unprepared(&database, &sql).await.expect("renamed");
    };
    let request = delete_unknown("2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d13");
    rename("groups", "elsewhere").await;
    service.groups().delete_group(request.clone()).await.expect_err("there is no table");
    rename("elsewhere", "groups").await;
    let again = service.groups().delete_group(request).await.expect_err("no such group");
    assert_eq!(reason(&again), "GROUP_NOT_FOUND");
}

fn delete(group_id: &str) -> pb::DeleteGroupRequest {
    pb::DeleteGroupRequest {
        session: "default".into(),
        group_id: group_id.into(),
        ..Default::default()
    }
}

/// The process died after WhatsApp had let us go and before it was written.
async fn a_deletion_that_finds_the_group_gone_answers_the_sequence_of_that(mut service: Service) {
    let id = service.group_id("Team", &[]).await;
    let get = pb::GetSessionRequest { session: "default".into() };
    let session = service.sessions().get_session(get).await.expect("a session").into_inner();
    let account = session.session.expect("a session").account.expect("an account");
    let stop = pb::StopSessionRequest { session: "default".into() };
    service.sessions().stop_session(stop).await.expect("stopped");
    let leave = pb::ActRequest {
        actor: account.phone_number_id,
        group_id: id.clone(),
        action: Some(pb::act_request::Action::Leave(pb::LeaveAction {})),
        ..Default::default()
    };
    service.simulator().act(leave).await.expect("it leaves at WhatsApp");
    let deletion = Deletion {
        session: "default".parse().expect("a name"),
        group_id: id.parse().expect("an id"),
        key_name: String::new(),
        request_id: None,
        trace: None,
        removed_count: 0,
        start_time: Timestamp::from_seconds(1),
    };
    service.repository().put_deletion(&deletion).await.expect("a deletion under way");
    service.restart_with(|_| ()).await;

    let mut groups = service.groups();
    let waiting = eventually("the call joins the job, which waits for the session", || {
        let (mut groups, mut request) = (groups.clone(), tonic::Request::new(delete(&id)));
        request.set_timeout(Duration::from_millis(500));
        async move {
            match groups.delete_group(request).await {
                Ok(answer) => Some(answer.into_inner()),
                // The job is not yet there.
                Err(status) if reason(&status) == "SESSION_NOT_WORKING" => None,
                Err(status) => panic!("{status:?}"),
            }
        }
    })
    .await;
    assert_eq!(waiting.state(), pb::DeletionState::Running);
    let id_of_call = id.clone();
    let call = tokio::spawn(async move { groups.delete_group(delete(&id_of_call)).await });
    let start = pb::StartSessionRequest { session: "default".into() };
    service.sessions().start_session(start).await.expect("started");

    let ended = call.await.expect("no panic").expect("an answer").into_inner();
    assert_eq!(ended.state(), pb::DeletionState::Completed);
    let log = service.log("default").await;
    let left = log.iter().rfind(|event| event.group_id == id).expect("it left");
    assert!(left.sequence > 1, "{left:?}");
    assert_eq!(ended.sequence, left.sequence, "the last event of the group");
}
