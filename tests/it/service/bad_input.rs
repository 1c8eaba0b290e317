//! What is refused: with its reason, all bad fields at once, and without any effect.

use tonic::{Code, Status};
use wagroups::pb;

use super::on_each_database;
use crate::harness::service::{Service, reason, violated_fields};

on_each_database!(
    every_bad_field_is_named_at_once,
    unknown_sessions_and_groups_are_not_found,
    each_kind_of_bad_token_has_its_reason,
    page_tokens_belong_to_their_arguments,
    a_message_that_is_too_large_is_refused,
    unknown_methods_have_a_reason,
    refusals_of_whatsapp_are_failed_preconditions,
);

async fn nothing_changed(service: &Service, events: usize) {
    assert_eq!(service.log("default").await.len(), events);
}

async fn every_bad_field_is_named_at_once(service: Service) {
    let request = pb::CreateGroupRequest {
        session: "no spaces!".into(),
        request_id: "not-a-uuid".into(),
        subject: "  ".into(),
        description: "x".repeat(2049),
        participant_ids: vec![
            "4915100000001".into(),
            "abc".into(),
            "+49 151 00000001".into(),
            "12@g.us".into(),
        ],
        settings: None,
    };
    let status = service.groups().create_group(request).await.expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status), "INVALID_REQUEST");
    let mut fields = violated_fields(&status);
    fields.sort();
    assert_eq!(
        fields,
        [
            "description",
            "participant_ids[1]",
            "participant_ids[2]",
            "participant_ids[3]",
            "request_id",
            "session",
            "subject",
        ]
    );

    let empty = pb::AddParticipantsRequest {
        session: "default".into(),
        group_id: "123".into(),
        participant_ids: Vec::new(),
        ..Default::default()
    };
    let status = service.groups().add_participants(empty).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["group_id", "participant_ids"]);

    let list = pb::ListGroupsRequest {
        session: "default".into(),
        page_size: -1,
        view: 99,
        order_by: 99,
        filter: Some(pb::GroupFilter {
            member_id: "?".into(),
            my_roles: vec![pb::Role::Left.into()],
            changed_after_sequence_exclusive: -1,
            ..Default::default()
        }),
        min_sequence: -5,
        ..Default::default()
    };
    let status = service.groups().list_groups(list).await.expect_err("refused");
    assert_eq!(violated_fields(&status).len(), 7, "{:?}", violated_fields(&status));
    nothing_changed(&service, 0).await;
}

async fn unknown_sessions_and_groups_are_not_found(service: Service) {
    let request = pb::GetGroupRequest {
        session: "nobody".into(),
        group_id: "120363000000000001@g.us".into(),
        ..Default::default()
    };
    let status = service.groups().get_group(request.clone()).await.expect_err("refused");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "SESSION_NOT_FOUND"));
    let request = pb::GetGroupRequest { session: "default".into(), ..request };
    let status = service.groups().get_group(request).await.expect_err("refused");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "GROUP_NOT_FOUND"));
    let watch =
        pb::WatchGroupEventsRequest { sessions: vec!["nobody".into()], ..Default::default() };
    let status = service.groups().watch_group_events(watch).await.expect_err("refused");
    assert_eq!(reason(&status), "SESSION_NOT_FOUND");
    nothing_changed(&service, 0).await;
}

async fn watch_error(service: &Service, start: pb::watch_group_events_request::Start) -> Status {
    let request = pb::WatchGroupEventsRequest { start: Some(start), ..Default::default() };
    match service.groups().watch_group_events(request).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.expect_err("refused"),
    }
}

async fn each_kind_of_bad_token_has_its_reason(service: Service) {
    use pb::watch_group_events_request::Start;
    service.create_group("Team", &[]).await;
    let mut stream = service
        .groups()
        .watch_group_events(pb::WatchGroupEventsRequest::default())
        .await
        .expect("a watch")
        .into_inner();
    let token = stream.message().await.expect("progress").expect("an item").resume_token;
    assert!(!token.is_empty() && token.len() <= 24);

    let malformed = watch_error(&service, Start::ResumeToken(token.slice(..token.len() - 1))).await;
    assert_eq!(
        (malformed.code(), reason(&malformed).as_str()),
        (Code::InvalidArgument, "INVALID_RESUME_TOKEN")
    );
    assert_eq!(violated_fields(&malformed), ["resume_token"]);
    let empty = watch_error(&service, Start::ResumeToken(Default::default())).await;
    assert_eq!(reason(&empty), "INVALID_RESUME_TOKEN");

    let change = |at: usize| {
        let mut bytes = token.to_vec();
        bytes[at] ^= 0xff;
        bytes
    };
    let foreign = watch_error(&service, Start::ResumeToken(change(1).into())).await;
    assert_eq!(
        (foreign.code(), reason(&foreign).as_str()),
        (Code::FailedPrecondition, "LOG_MISMATCH")
    );
    let diverged = watch_error(&service, Start::ResumeToken(change(23).into())).await;
    assert_eq!(
        (diverged.code(), reason(&diverged).as_str()),
        (Code::FailedPrecondition, "LOG_DIVERGED")
    );
    let mut ahead = token.to_vec();
    ahead[8..16].copy_from_slice(&1_000_000_u64.to_be_bytes());
    let ahead = watch_error(&service, Start::ResumeToken(ahead.into())).await;
    assert_eq!(reason(&ahead), "LOG_DIVERGED");

    let future = prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 };
    let future = watch_error(&service, Start::StartTime(future)).await;
    assert_eq!(
        (future.code(), reason(&future).as_str()),
        (Code::InvalidArgument, "START_TIME_IN_FUTURE")
    );
}

async fn page_tokens_belong_to_their_arguments(service: Service) {
    for subject in ["A", "B", "C"] {
        service.create_group(subject, &[]).await;
    }
    let list = |page_token: &str, descending: bool| pb::ListGroupsRequest {
        session: "default".into(),
        page_size: 1,
        page_token: page_token.into(),
        descending,
        ..Default::default()
    };
    let first = service.groups().list_groups(list("", false)).await.expect("a page").into_inner();
    let other = service
        .groups()
        .list_groups(list(&first.next_page_token, true))
        .await
        .expect_err("refused");
    assert_eq!(reason(&other), "PAGE_TOKEN_MISMATCH");
    let garbage = service.groups().list_groups(list("%%%", false)).await.expect_err("refused");
    assert_eq!(reason(&garbage), "INVALID_PAGE_TOKEN");
    assert_eq!(violated_fields(&garbage), ["page_token"]);
    let garbage = service.groups().list_groups(list("eyJ4Ijox", false)).await.expect_err("refused");
    assert_eq!(reason(&garbage), "INVALID_PAGE_TOKEN");
}

async fn a_message_that_is_too_large_is_refused(service: Service) {
    let request = pb::CreateGroupRequest {
        session: "default".into(),
        subject: "Team".into(),
        description: "x".repeat(13 << 20),
        ..Default::default()
    };
    let status = service.groups().create_group(request).await.expect_err("refused");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    nothing_changed(&service, 0).await;
}

async fn unknown_methods_have_a_reason(service: Service) {
    let mut client = tonic::client::Grpc::new(service.channel.clone());
    client.ready().await.expect("a connection");
    let path = http::uri::PathAndQuery::from_static("/wagroups.v1.GroupsService/NoSuchMethod");
    let codec = tonic_prost::ProstCodec::<pb::GetSessionRequest, pb::GetSessionResponse>::default();
    let request = tonic::Request::new(pb::GetSessionRequest::default());
    let status = client.unary(request, path, codec).await.expect_err("refused");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unimplemented, "METHOD_NOT_FOUND")
    );
}

async fn refusals_of_whatsapp_are_failed_preconditions(service: Service) {
    service.create_session("second").await;
    let request = pb::GetSessionRequest { session: "second".into() };
    let second = service.sessions().get_session(request).await.expect("the session").into_inner();
    let account = second.session.and_then(|session| session.account).expect("an account");
    let id = service.group_id("Team", &[&account.phone_number_id]).await;
    let kick = pb::RemoveParticipantsRequest {
        session: "second".into(),
        group_id: id.clone(),
        participant_ids: vec!["4915100000001".into()],
        ..Default::default()
    };
    let status = service.groups().remove_participants(kick).await.expect_err("refused");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "NOT_GROUP_ADMIN")
    );

    let stop = pb::StopSessionRequest { session: "second".into() };
    service.sessions().stop_session(stop).await.expect("stopped");
    let leave =
        pb::LeaveGroupRequest { session: "second".into(), group_id: id, ..Default::default() };
    let status = service.groups().leave_group(leave).await.expect_err("refused");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "SESSION_NOT_WORKING")
    );
}
