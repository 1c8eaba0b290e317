//! Refusals that belong to single RPCs.

use tonic::Status;
use wagroups::pb;
use wagroups::pb::act_request::Action;
use wagroups::pb::inject_fault_request::Fault;
use wagroups::pb::join_group_request::Invite;
use wagroups::pb::relay_service_client::RelayServiceClient;

use super::calls::{PERSON, Target, call, group_of, holds};
use super::{Table, act, clear, inject, number_of, shared};
use crate::harness::service::{Service, eventually};

async fn join(service: &Service, session: &str, invite: Invite) -> Result<(), Status> {
    let request = pb::JoinGroupRequest {
        session: session.into(),
        invite: Some(invite),
        ..Default::default()
    };
    service.groups().join_group(request).await.map(drop)
}

async fn join_info(service: &Service, session: &str, invite: Invite) -> Result<(), Status> {
    use pb::get_join_info_request::Invite as Info;
    let invite = match invite {
        Invite::InviteCode(code) => Info::InviteCode(code),
        Invite::PrivateInvite(invite) => Info::PrivateInvite(invite),
    };
    let request = pb::GetJoinInfoRequest { session: session.into(), invite: Some(invite) };
    service.groups().get_join_info(request).await.map(drop)
}

async fn code_of(service: &Service, group: &str) -> Invite {
    let request = pb::GetWorldGroupRequest { group_id: group.into(), ..Default::default() };
    let group = service.simulator().get_world_group(request).await.expect("a group").into_inner();
    Invite::InviteCode(group.invite_code)
}

pub async fn invites(service: &Service, table: &mut Table) {
    let unknown = || Invite::InviteCode("AAAAAAAAAAAAAAAAAAAAAA".into());
    table.check("JoinGroup, unknown", "INVITE_INVALID", join(service, "other", unknown()).await);
    table.check(
        "GetJoinInfo, unknown",
        "INVITE_INVALID",
        join_info(service, "other", unknown()).await,
    );
    let nothing = pb::JoinGroupRequest { session: "other".into(), ..Default::default() };
    let missing = service.groups().join_group(nothing).await;
    table.check("JoinGroup without an invite", "INVALID_REQUEST", missing);

    let group = shared(service).await;
    let owner = number_of(service, "default").await;
    let code = code_of(service, &group).await;
    table.check(
        "JoinGroup, a member",
        "ALREADY_MEMBER",
        join(service, "guest", code.clone()).await,
    );
    act(service, &owner, &group, Action::RevokeInvite(pb::RevokeInviteAction {}), false)
        .await
        .expect("revoked");
    table.check("JoinGroup, revoked", "INVITE_REVOKED", join(service, "other", code.clone()).await);
    table.check("GetJoinInfo, revoked", "INVITE_REVOKED", join_info(service, "other", code).await);

    let participant_ids = vec![number_of(service, "guest").await];
    let remove = Action::RemoveParticipants(pb::RemoveParticipantsAction { participant_ids });
    act(service, &owner, &group, remove, false).await.expect("removed");
    let code = code_of(service, &group).await;
    table.check(
        "JoinGroup, removed",
        "RECENTLY_REMOVED",
        join(service, "guest", code.clone()).await,
    );
    table.check(
        "GetJoinInfo, removed",
        "RECENTLY_REMOVED",
        join_info(service, "guest", code).await,
    );

    let private = |seconds: i64| {
        Invite::PrivateInvite(pb::PrivateInvite {
            code: "BBBBBBBBBBBBBBBB".into(),
            expire_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            group_id: group.clone(),
            inviter: owner.clone(),
        })
    };
    let later = 4_000_000_000;
    for (seconds, wanted) in [(1, "INVITE_EXPIRED"), (later, "INVITE_INVALID")] {
        let answer = join(service, "other", private(seconds)).await;
        table.check(&format!("JoinGroup by a private invite until {seconds}"), wanted, answer);
        let answer = join_info(service, "other", private(seconds)).await;
        table.check(&format!("GetJoinInfo by a private invite until {seconds}"), wanted, answer);
    }
    let suspend = Action::Suspend(pb::SuspendAction { suspended: Some(true) });
    act(service, &owner, &group, suspend, false).await.expect("suspended");
    let code = code_of(service, &group).await;
    table.check("JoinGroup, suspended", "GROUP_LOCKED", join(service, "other", code).await);
}

pub async fn groups(service: &Service, table: &mut Table) {
    // Full, and one who asks to join.
    let people: Vec<String> = (1000..2022).map(|n| format!("49153{n:07}")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let full = group_of(service, "default", &people).await;
    let walk_in = || Action::WalkIn(pb::WalkInAction {});
    act(service, PERSON, &full, walk_in(), false).await.expect("the last place");
    let code = code_of(service, &full).await;
    table.check("JoinGroup, full", "GROUP_FULL", join(service, "other", code).await);
    let one_more = act(service, "+491512000009", &full, walk_in(), false).await;
    table.check("Act, full", "GROUP_FULL", one_more);

    let group = group_of(service, "default", &[]).await;
    let target = || Target::new("default", &group);
    let picture = call(service, "GetGroupPicture", &target()).await;
    table.check("GetGroupPicture without one", "PICTURE_NOT_FOUND", picture);
    for rpc in ["ApproveJoinRequests", "RejectJoinRequests"] {
        let nobody = call(service, rpc, &target()).await;
        table.check(&format!("{rpc} of nobody"), "JOIN_REQUEST_NOT_FOUND", nobody);
    }
    let stale = pb::SetGroupDescriptionRequest {
        session: "default".into(),
        group_id: group.clone(),
        description: Some("x".into()),
        expected_description_id: "of another time".into(),
        ..Default::default()
    };
    let stale = service.groups().set_group_description(stale).await;
    table.check("SetGroupDescription, stale", "DESCRIPTION_CONFLICT", stale);

    for (code, rpc, wanted) in
        [(406, "SetGroupSubject", "SUBJECT_REJECTED"), (406, "SetGroupPicture", "PICTURE_REJECTED")]
    {
        let refuse = Fault::Refuse(pb::RefuseFault { code, text: String::new() });
        inject(service, "default", &[rpc], refuse).await;
        table.check(&format!("{rpc} with {code}"), wanted, call(service, rpc, &target()).await);
        clear(service).await;
    }
    let source = |source| pb::SetGroupPictureRequest {
        session: "default".into(),
        group_id: group.clone(),
        source: Some(source),
        ..Default::default()
    };
    use pb::set_group_picture_request::Source;
    let text = service.groups().set_group_picture(source(Source::Data("no picture".into()))).await;
    table.check("SetGroupPicture of a text", "INVALID_PICTURE", text);
    let local = Source::Url("http://127.0.0.1:1/a.png".into());
    let local = service.groups().set_group_picture(source(local)).await;
    table.check("SetGroupPicture from a local address", "PICTURE_FETCH_FAILED", local);
    let ftp = service.groups().set_group_picture(source(Source::Url("ftp://a/b".into()))).await;
    table.check("SetGroupPicture from no web address", "INVALID_REQUEST", ftp);

    // A session with many groups, of which the list lacks most.
    service.create_session("many").await;
    for _ in 0..12 {
        group_of(service, "many", &[]).await;
    }
    let empty =
        pb::SnapshotFault { defect: pb::SnapshotDefect::Empty.into(), ..Default::default() };
    let request = pb::InjectFaultRequest {
        session: "many".into(),
        uses: -1,
        fault: Some(Fault::Snapshot(empty)),
        ..Default::default()
    };
    service.simulator().inject_fault(request).await.expect("a fault");
    let request = pb::RefreshGroupsRequest { session: "many".into(), ..Default::default() };
    let refused = service.groups().refresh_groups(request).await;
    table.check("RefreshGroups with an empty list", "SNAPSHOT_REFUSED", refused);
    clear(service).await;
    let unknown = pb::RefreshGroupsRequest {
        session: "many".into(),
        group_ids: vec!["120363999999999999@g.us".into()],
        ..Default::default()
    };
    let unknown = service.groups().refresh_groups(unknown).await;
    table.check("RefreshGroups of an unknown group", "GROUP_NOT_FOUND", unknown);
}

pub async fn requests(service: &Service, table: &mut Table) {
    let group = group_of(service, "default", &[]).await;
    let first = Target::new("default", &group);
    call(service, "SetGroupSubject", &first).await.expect("the first call");
    let other = pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group.clone(),
        request_id: first.request_id.clone(),
        subject: "Something else".into(),
    };
    let reused = service.groups().set_group_subject(other).await;
    table.check("SetGroupSubject under a used id", "REQUEST_ID_REUSED", reused);

    let list = |page_token: &str, descending: bool| pb::ListGroupsRequest {
        session: "default".into(),
        page_size: 1,
        page_token: page_token.into(),
        descending,
        ..Default::default()
    };
    let bad = service.groups().list_groups(list("not a token", false)).await;
    table.check("ListGroups with a bad token", "INVALID_PAGE_TOKEN", bad);
    let page = service.groups().list_groups(list("", false)).await.expect("a page").into_inner();
    let other = service.groups().list_groups(list(&page.next_page_token, true)).await;
    table.check("ListGroups with another list's token", "PAGE_TOKEN_MISMATCH", other);
    let later = pb::CountGroupsRequest {
        session: "guest".into(),
        min_sequence: 1_000_000,
        ..Default::default()
    };
    let later = service.groups().count_groups(later).await;
    table.check("CountGroups at a later sequence", "SEQUENCE_NOT_REACHED", later);
    let large = pb::CreateGroupRequest {
        session: "default".into(),
        subject: "x".into(),
        description: "x".repeat(13 << 20),
        ..Default::default()
    };
    let large = service.groups().create_group(large).await;
    table.check("CreateGroup with 13 MiB", "MESSAGE_TOO_LARGE", large);
    let mut client = tonic::client::Grpc::new(service.channel.clone());
    client.ready().await.expect("a connection");
    let path = http::uri::PathAndQuery::from_static("/wagroups.v1.GroupsService/NoSuchMethod");
    let codec = tonic_prost::ProstCodec::<pb::GetSessionRequest, pb::GetSessionResponse>::default();
    let request = tonic::Request::new(pb::GetSessionRequest::default());
    let unknown = client.unary(request, path, codec).await;
    table.check("NoSuchMethod", "METHOD_NOT_FOUND", unknown);
}

pub async fn sessions(service: &Service, table: &mut Table) {
    let again = pb::CreateSessionRequest { session: "default".into(), ..Default::default() };
    let again = service.sessions().create_session(again).await;
    table.check("CreateSession again", "SESSION_ALREADY_EXISTS", again);
    let bad = pb::UpdateSessionRequest { session: "default".into(), ..Default::default() };
    let bad = service.sessions().update_session(bad).await;
    table.check("UpdateSession of nothing", "INVALID_REQUEST", bad);
    let stale = pb::UpdateSessionRequest {
        session: "default".into(),
        set_metadata: [("a".to_owned(), "b".to_owned())].into(),
        expected_etag: "of before".into(),
        ..Default::default()
    };
    let stale = service.sessions().update_session(stale).await;
    table.check("UpdateSession, stale", "SESSION_CONFLICT", stale);
    macro_rules! unknown {
        ($($method:ident: $request:ident),+ $(,)?) => {
            $(let request = pb::$request { session: "nobody".into() };
            let answer = service.sessions().$method(request).await;
            table.check(stringify!($method), "SESSION_NOT_FOUND", answer);)+
        };
    }
    unknown!(
        get_session: GetSessionRequest,
        delete_session: DeleteSessionRequest,
        start_session: StartSessionRequest,
        stop_session: StopSessionRequest,
        logout_session: LogoutSessionRequest,
        watch_session: WatchSessionRequest,
    );
    let small = Service::on_sqlite_with(|settings| settings.sessions.max = 1).await;
    let one_more = pb::CreateSessionRequest { session: "more".into(), ..Default::default() };
    let one_more = small.sessions().create_session(one_more).await;
    table.check("CreateSession beyond the limit", "SESSION_LIMIT_REACHED", one_more);
}

pub async fn watches(service: &Service, table: &mut Table) {
    use pb::watch_group_events_request::Start;
    let watch = |start| pb::WatchGroupEventsRequest { start: Some(start), ..Default::default() };
    let bad = service.groups().watch_group_events(watch(Start::ResumeToken("x".into()))).await;
    table.check("WatchGroupEvents with a bad token", "INVALID_RESUME_TOKEN", bad);
    let future = prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 };
    let future = service.groups().watch_group_events(watch(Start::StartTime(future))).await;
    table.check("WatchGroupEvents from the future", "START_TIME_IN_FUTURE", future);
}

pub async fn simulator(service: &Service, table: &mut Table) {
    let nobody = pb::GetAccountRequest { id: "1@lid".into() };
    let nobody = service.simulator().get_account(nobody).await;
    table.check("GetAccount of nobody", "ACCOUNT_NOT_FOUND", nobody);
    let group = group_of(service, "default", &[PERSON]).await;
    eventually("the group is known", || holds(service, "default", &group)).await;
    let leave = || Action::Leave(pb::LeaveAction {});
    let stranger = act(service, "+491512000077", &group, leave(), false).await;
    table.check("Act by a stranger", "NOT_GROUP_MEMBER", stranger);
    let nowhere = act(service, PERSON, "120363999999999999@g.us", leave(), false).await;
    table.check("Act in an unknown group", "GROUP_NOT_FOUND", nowhere);
    let revoke = Action::RevokeInvite(pb::RevokeInviteAction {});
    let member = act(service, PERSON, &group, revoke, false).await;
    table.check("Act by a member", "NOT_GROUP_ADMIN", member);
    let cancel = Action::CancelJoinRequest(pb::CancelJoinRequestAction {});
    let nothing = act(service, PERSON, &group, cancel, false).await;
    table.check("Act without a request", "JOIN_REQUEST_NOT_FOUND", nothing);
    let nobody = act(service, "+491512000404", &group, leave(), false).await;
    table.check("Act by nobody", "NOT_ON_WHATSAPP", nobody);
    let link = pb::LinkDeviceRequest { session: "default".into() };
    let linked = service.simulator().link_device(link).await;
    table.check("LinkDevice of a linked session", "SESSION_NOT_WORKING", linked);
    let off = Service::on_sqlite_with(|settings| settings.simulator.enabled = false);
    let off = Box::pin(off).await;
    let request = pb::GetStatisticsRequest::default();
    let disabled = off.simulator().get_statistics(request).await;
    table.check("GetStatistics without a simulator", "SIMULATOR_DISABLED", disabled);
    let relay =
        RelayServiceClient::new(off.channel.clone()).get_relay(pb::GetRelayRequest {}).await;
    table.check("GetRelay without NATS", "RELAY_DISABLED", relay);
}
