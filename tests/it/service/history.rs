//! Events tell what was before, and with which key a change was asked for.

use prost::Message as _;
use wagroups::pb;
use wagroups::pb::group_event::Body;

use super::keys::{ALL, with_key, with_keys};
use super::on_each_database;
use crate::harness::service::Service;

const ANN: &str = "+4915120000001";
const BEN: &str = "+4915120000002";

on_each_database!(
    members_come_and_go_with_their_role_before,
    a_group_that_is_left_is_told_as_it_was,
    a_deleted_session_is_told_as_it_was,
);

macro_rules! change {
    ($service:ident, $method:ident: $request:ident, $group_id:ident, $people:expr) => {{
        let request = pb::$request {
            session: "default".into(),
            group_id: $group_id.clone(),
            participant_ids: $people.iter().map(|id| (*id).to_owned()).collect(),
            ..Default::default()
        };
        $service.groups().$method(request).await.expect("changed")
    }};
}

async fn members_come_and_go_with_their_role_before(service: Service) {
    let group_id = service.group_id("Team", &[]).await;
    change!(service, add_participants: AddParticipantsRequest, group_id, [ANN, BEN]);
    change!(service, promote_participants: PromoteParticipantsRequest, group_id, [ANN]);
    change!(service, remove_participants: RemoveParticipantsRequest, group_id, [ANN, BEN]);
    let log = service.log("default").await;
    let changes = log.iter().filter_map(|event| match event.body.as_ref()? {
        Body::ParticipantsChanged(changed) => {
            let now: Vec<_> = changed.participants.iter().map(pb::Participant::role).collect();
            let before: Vec<_> = changed.previous_roles().collect();
            Some((changed.action(), now, before))
        }
        _ => None,
    });
    let changes: Vec<_> = changes.collect();
    use pb::{ParticipantAction as Action, Role};
    let [(join, joined, none), (promote, promoted, member), (leave, left, before)] = &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert_eq!((join, joined.len(), none.len()), (&Action::Join, 2, 0));
    assert_eq!((promote, &promoted[..]), (&Action::Promote, &[Role::Admin][..]));
    assert_eq!(member[..], [Role::Participant]);
    assert_eq!((leave, &left[..]), (&Action::Leave, &[Role::Left; 2][..]));
    let mut before = before.clone();
    before.sort();
    assert_eq!(before, [Role::Participant, Role::Admin]);
}

async fn a_group_that_is_left_is_told_as_it_was(service: Service) {
    let group_id = service.group_id("Team", &[ANN, BEN]).await;
    let leave = pb::LeaveGroupRequest {
        session: "default".into(),
        group_id: group_id.clone(),
        ..Default::default()
    };
    service.groups().leave_group(leave).await.expect("left");
    let log = service.log("default").await;
    let Some(Body::Left(left)) = log.last().and_then(|event| event.body.as_ref()) else {
        panic!("{log:?}")
    };
    let group = left.group.as_ref().expect("the group as it was");
    assert_eq!((group.id.as_str(), group.subject.as_str()), (group_id.as_str(), "Team"));
    assert_eq!((group.member_count, group.my_role()), (3, pb::Role::Superadmin));
    assert!(group.participants.is_empty());
}

async fn a_deleted_session_is_told_as_it_was(service: Service) {
    let mut sessions = service.sessions();
    let create = pb::CreateSessionRequest {
        session: "shop".into(),
        metadata: [("team".to_owned(), "sales".to_owned())].into(),
        ..Default::default()
    };
    let made = sessions.create_session(create).await.expect("a session").into_inner();
    let made = made.session.expect("a session");
    let get = pb::GetSessionRequest { session: "shop".into() };
    let read = sessions.get_session(get).await.expect("a session").into_inner();
    let account = read.session.and_then(|session| session.account).expect("an account");
    let delete = pb::DeleteSessionRequest { session: "shop".into() };
    sessions.delete_session(delete).await.expect("deleted");
    let watch = pb::WatchGroupEventsRequest {
        start: Some(pb::watch_group_events_request::Start::Earliest(pb::Earliest {})),
        types: vec![pb::EventType::SessionDeleted.into()],
        ..Default::default()
    };
    let mut watch = service.groups().watch_group_events(watch).await.expect("a watch").into_inner();
    let event = loop {
        let step = watch.message().await.expect("a step").expect("more");
        if let Some(event) = step.events.first() {
            break pb::GroupEvent::decode(event.clone()).expect("an event");
        }
    };
    let Some(Body::SessionDeleted(deleted)) = event.body else { panic!("{event:?}") };
    assert_eq!(deleted.metadata, made.metadata);
    assert_eq!(deleted.create_time, made.create_time);
    assert_eq!(deleted.account, Some(account));
}

/// With the call's own answer and with its echo; also what a deletion does, step by step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_names_the_key_whose_call_caused_it() {
    let service = Service::on_sqlite_with(with_keys).await;
    let default = pb::CreateSessionRequest { session: "default".into(), ..Default::default() };
    let _ = service.sessions().create_session(with_key(ALL, default)).await;
    let create = pb::CreateGroupRequest {
        session: "default".into(),
        subject: "Team".into(),
        participant_ids: vec![ANN.into()],
        ..Default::default()
    };
    let mut groups = service.groups();
    let made = groups.create_group(with_key(ALL, create)).await.expect("a group").into_inner();
    let group_id = made.group.expect("a group").id;
    let act = pb::ActRequest {
        actor: ANN.into(),
        group_id: group_id.clone(),
        force: true,
        action: Some(pb::act_request::Action::ChangeSubject(pb::ChangeSubjectAction {
            subject: "Ann's".into(),
        })),
    };
    service.simulator().act(with_key(ALL, act)).await.expect("renamed by another");
    let delete =
        pb::DeleteGroupRequest { session: "default".into(), group_id, ..Default::default() };
    let deleted = groups.delete_group(with_key(ALL, delete)).await.expect("deleted").into_inner();
    let list = pb::ListGroupEventsRequest {
        session: "default".into(),
        min_sequence: deleted.sequence,
        ..Default::default()
    };
    let page = groups.list_group_events(with_key(ALL, list)).await.expect("events").into_inner();
    let events = page.events.iter().map(|event| pb::GroupEvent::decode(event.clone()));
    let events: Vec<_> = events.map(|event| event.expect("an event")).collect();
    let api = events.iter().filter(|event| event.origin() == pb::Origin::Api);
    assert!(api.clone().count() >= 3, "{events:?}");
    for event in api {
        assert_eq!(event.key_name, "all", "{event:?}");
    }
    let others: Vec<_> =
        events.iter().filter(|event| event.origin() == pb::Origin::Engine).collect();
    assert_eq!(others.len(), 1, "{events:?}");
    assert_eq!(others[0].key_name, "");
}
