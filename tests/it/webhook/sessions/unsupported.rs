//! What such a session can do, and what it cannot: each RPC is one or the other.

use std::collections::BTreeSet;

use prost::Message;
use prost_reflect::DescriptorPool;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wagroups::pb;
use wagroups::pb::watch_group_events_request::Start;

use super::{GROUP, SESSION, Scene};
use crate::harness::service::{PATIENCE, Service, reason};
use crate::service::refusals::calls::{
    CHANGES, LIVE_READS, PERSON, READS, Target, call, operation,
};
use crate::webhook::sender::{members, status};
use crate::webhook::told_on_each_database;

told_on_each_database!(
    whatever_would_have_to_be_asked_of_whatsapp_is_unsupported,
    whatever_is_known_can_be_read,
);

/// Unsupported RPCs that `call` does not know, and those that it calls with `refresh`, without.
const OTHERS: [&str; 9] = [
    "CreateGroup",
    "JoinGroup",
    "GetJoinInfo",
    "RefreshGroups",
    "GetGroupPicture",
    "ListJoinRequests",
    "GetInviteCode",
    "LogoutSession",
    "RequestPairingCode",
];

/// Reads that `call` does not know.
const LISTS: [&str; 4] = ["ListGroups", "CountGroups", "ListGroupEvents", "WatchGroupEvents"];

async fn call_other(service: &Service, rpc: &str) -> Result<(), Status> {
    let (mut groups, mut sessions) = (service.groups(), service.sessions());
    let (session, group_id) = (SESSION.to_owned(), GROUP.to_owned());
    let code = "AbCdEfGhIjKlMnOpQrStUv".to_owned();
    match rpc {
        "CreateGroup" => {
            let participant_ids = vec![PERSON.to_owned()];
            let subject = "Another".to_owned();
            let request =
                pb::CreateGroupRequest { session, subject, participant_ids, ..Default::default() };
            groups.create_group(request).await.map(drop)
        }
        "JoinGroup" => {
            let invite = Some(pb::join_group_request::Invite::InviteCode(code));
            let request = pb::JoinGroupRequest { session, invite, ..Default::default() };
            groups.join_group(request).await.map(drop)
        }
        "GetJoinInfo" => {
            let invite = Some(pb::get_join_info_request::Invite::InviteCode(code));
            groups.get_join_info(pb::GetJoinInfoRequest { session, invite }).await.map(drop)
        }
        "RefreshGroups" => {
            let request = pb::RefreshGroupsRequest { session, ..Default::default() };
            groups.refresh_groups(request).await.map(drop)
        }
        "GetGroupPicture" => {
            let request = pb::GetGroupPictureRequest { session, group_id, ..Default::default() };
            groups.get_group_picture(request).await.map(drop)
        }
        "ListJoinRequests" => {
            let request = pb::ListJoinRequestsRequest { session, group_id, ..Default::default() };
            groups.list_join_requests(request).await.map(drop)
        }
        "GetInviteCode" => {
            let request = pb::GetInviteCodeRequest { session, group_id, ..Default::default() };
            groups.get_invite_code(request).await.map(drop)
        }
        "LogoutSession" => {
            sessions.logout_session(pb::LogoutSessionRequest { session }).await.map(drop)
        }
        "RequestPairingCode" => {
            let phone_number = PERSON.to_owned();
            let request = pb::RequestPairingCodeRequest { session, phone_number };
            sessions.request_pairing_code(request).await.map(drop)
        }
        other => panic!("no such call: {other}"),
    }
}

/// We are an admin of the group, so that nothing but the engine stands in the way.
async fn told(service: Service) -> Scene {
    let mut scene = Scene::on(service).await;
    scene
        .tell_new("group.v2.join", |time| {
            let people = json!([
                { "id": "1@lid", "pn": null, "role": "superadmin" },
                { "id": "2@lid", "pn": null, "role": "participant" },
            ]);
            json!({
                "timestamp": time, "_data": {},
                "group": { "id": GROUP, "subject": "Team", "description": "Of ours", "participants": people },
            })
        })
        .await;
    scene
}

/// What is wrong with a refusal, if anything.
fn check(wrong: &mut Vec<String>, what: &str, operation: &str, answer: Result<(), Status>) {
    let Err(status) = answer else {
        wrong.push(format!("{what} was not refused"));
        return;
    };
    let got = (status.code(), reason(&status));
    if got != (Code::Unimplemented, "UNSUPPORTED_BY_ENGINE".into()) {
        wrong.push(format!("{what}: {got:?}: {}", status.message()));
        return;
    }
    let details = status.get_error_details();
    let metadata = &details.error_info().expect("an ErrorInfo").metadata;
    let told = |name: &str| metadata.get(name).map(String::as_str).unwrap_or_default();
    if (told("engine"), told("operation")) != ("waha", operation) {
        wrong.push(format!("{what}: {metadata:?} instead of engine waha, operation {operation}"));
    }
}

async fn refuses_all(scene: &Scene, state: &str, wrong: &mut Vec<String>) {
    for rpc in CHANGES.iter().chain(&LIVE_READS).chain(&["DeleteGroup"]) {
        // A deletion is a job of several operations, of which this is the one that it needs most.
        let operation = if *rpc == "DeleteGroup" { "RemoveParticipants" } else { operation(rpc) };
        let answer = call(&scene.service, rpc, &Target::new(SESSION, GROUP)).await;
        check(wrong, &format!("{rpc} while {state}"), operation, answer);
    }
    for rpc in OTHERS {
        let operation = if rpc == "RefreshGroups" { "FetchAll" } else { rpc };
        let answer = call_other(&scene.service, rpc).await;
        check(wrong, &format!("{rpc} while {state}"), operation, answer);
    }
    let one = pb::RefreshGroupsRequest {
        session: SESSION.into(),
        group_ids: vec![GROUP.into()],
        ..Default::default()
    };
    let answer = scene.service.groups().refresh_groups(one).await.map(drop);
    check(wrong, &format!("RefreshGroups of one while {state}"), "FetchGroup", answer);
}

async fn whatever_would_have_to_be_asked_of_whatsapp_is_unsupported(service: Service) {
    let mut scene = told(service).await;
    let (log, group) = (scene.service.log(SESSION).await, scene.group(GROUP).await);
    assert_eq!(group.my_role(), pb::Role::Superadmin);
    let mut wrong = Vec::new();
    refuses_all(&scene, "WORKING", &mut wrong).await;
    for word in ["SCAN_QR_CODE", "FAILED", "STARTING"] {
        scene.tell_new("session.status", |_| status(word)).await;
        refuses_all(&scene, word, &mut wrong).await;
    }
    scene.stop().await;
    refuses_all(&scene, "STOPPED", &mut wrong).await;
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(scene.service.log(SESSION).await, log);
    assert_eq!(scene.group(GROUP).await, group);
}

async fn whatever_is_known_can_be_read(service: Service) {
    let mut scene = told(service).await;
    scene.tell_new("group.v2.participants", |time| members(GROUP, "join", &["3@lid"], time)).await;
    for rpc in READS {
        let answer = call(&scene.service, rpc, &Target::new(SESSION, GROUP)).await;
        assert!(answer.is_ok(), "{rpc}: {answer:?}");
    }
    let mut groups = scene.service.groups();
    let list = pb::ListGroupsRequest { session: SESSION.into(), ..Default::default() };
    let list = groups.list_groups(list).await.expect("a list").into_inner();
    assert_eq!((list.groups.len(), list.as_of_sequence), (1, 2));
    let group = pb::Group::decode(list.groups[0].clone()).expect("a group");
    assert_eq!((group.subject.as_str(), group.member_count), ("Team", 3));
    let count = pb::CountGroupsRequest { session: SESSION.into(), ..Default::default() };
    assert_eq!(groups.count_groups(count).await.expect("a count").into_inner().count, 1);
    let log = scene.service.log(SESSION).await;
    assert_eq!(log.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2]);

    let watch = pb::WatchGroupEventsRequest {
        sessions: vec![SESSION.into()],
        start: Some(Start::Earliest(pb::Earliest {})),
        ..Default::default()
    };
    let mut watch = groups.watch_group_events(watch).await.expect("a watch").into_inner();
    scene.tell_new("group.v2.participants", |time| members(GROUP, "leave", &["3@lid"], time)).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let next = tokio::time::timeout(PATIENCE, watch.message()).await.expect("in time");
        let events = next.expect("no error").expect("a response").events;
        seen.extend(events.into_iter().map(|event| pb::GroupEvent::decode(event).expect("one")));
    }
    assert_eq!(seen, scene.service.log(SESSION).await, "what was told, and what is told meanwhile");
}

#[test]
fn each_rpc_of_groups_is_read_or_refused() {
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let service = contract.get_service_by_name("wagroups.v1.GroupsService").expect("a service");
    let all: BTreeSet<String> = service.methods().map(|rpc| rpc.name().to_owned()).collect();
    let tried = CHANGES.iter().chain(&LIVE_READS).chain(&READS).chain(&LISTS).chain(&OTHERS);
    let tried: BTreeSet<&str> = tried.copied().chain(["DeleteGroup"]).collect();
    let never: Vec<_> = all.iter().filter(|rpc| !tried.contains(rpc.as_str())).collect();
    assert!(never.is_empty(), "{never:?}");
}
