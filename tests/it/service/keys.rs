//! API keys: closed where they are set, on every RPC, watch and token.

use sha2::{Digest, Sha256};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use wagroups::config::{ApiKey, Settings};
use wagroups::pb;
use wagroups::pb::watch_group_events_request::Start;

use crate::harness::service::{Service, reason};

pub const ALL: &str = "wag_all";
pub const SHOP: &str = "wag_shop";

pub fn key(name: &str, key: &str, pattern: &str) -> ApiKey {
    ApiKey {
        name: name.into(),
        sha256: hex::encode(Sha256::digest(key)).parse().expect("a digest"),
        sessions: vec![pattern.parse().expect("a pattern")],
        role: None,
    }
}

pub fn with_keys(settings: &mut Settings) {
    settings.auth.keys = vec![key("all", ALL, "*"), key("shop", SHOP, "shop-*")];
}

pub fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value: MetadataValue<_> = format!("Bearer {key}").parse().expect("a header");
    request.metadata_mut().insert("authorization", value);
    request
}

async fn service() -> Service {
    let service = Service::on_sqlite_with(with_keys).await;
    for name in ["default", "shop-1"] {
        let request = pb::CreateSessionRequest { session: name.into(), ..Default::default() };
        match service.sessions().create_session(with_key(ALL, request)).await {
            Err(status) if status.code() != Code::AlreadyExists => panic!("{status:?}"),
            _ => {}
        }
    }
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_or_with_a_wrong_one_nothing_is_served() {
    let service = service().await;
    let list = pb::ListSessionsRequest::default();
    let missing = service.sessions().list_sessions(list.clone()).await.expect_err("refused");
    assert_eq!(
        (missing.code(), reason(&missing).as_str()),
        (Code::Unauthenticated, "UNAUTHENTICATED")
    );
    let wrong =
        service.sessions().list_sessions(with_key("wag_wrong", list)).await.expect_err("refused");
    assert_eq!(reason(&wrong), "UNAUTHENTICATED");
    let watch = service.groups().watch_group_events(pb::WatchGroupEventsRequest::default()).await;
    assert_eq!(reason(&watch.expect_err("refused")), "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_an_open_door() {
    let service = service().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(service.channel.clone());
    for name in ["", "wagroups.v1.GroupsService"] {
        let request = tonic_health::pb::HealthCheckRequest { service: name.into() };
        let answer = health.check(request).await.expect("an answer").into_inner();
        assert_eq!(
            answer.status(),
            tonic_health::pb::health_check_response::ServingStatus::Serving
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_sees_its_sessions_and_nothing_else() {
    let service = service().await;
    let listed =
        service.sessions().list_sessions(with_key(SHOP, pb::ListSessionsRequest::default())).await;
    let names: Vec<_> =
        listed.expect("a list").into_inner().sessions.into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["shop-1"]);
    // Refused whether or not the session exists.
    for session in ["default", "never-made"] {
        let get = pb::GetSessionRequest { session: session.into() };
        let status =
            service.sessions().get_session(with_key(SHOP, get)).await.expect_err("refused");
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::PermissionDenied, "PERMISSION_DENIED")
        );
        let create = pb::CreateGroupRequest {
            session: session.into(),
            subject: "x".into(),
            ..Default::default()
        };
        let status =
            service.groups().create_group(with_key(SHOP, create)).await.expect_err("refused");
        assert_eq!(reason(&status), "PERMISSION_DENIED");
        let watch =
            pb::WatchGroupEventsRequest { sessions: vec![session.into()], ..Default::default() };
        let status =
            service.groups().watch_group_events(with_key(SHOP, watch)).await.expect_err("refused");
        assert_eq!(reason(&status), "PERMISSION_DENIED");
        let events = pb::ListGroupEventsRequest { session: session.into(), ..Default::default() };
        let status =
            service.groups().list_group_events(with_key(SHOP, events)).await.expect_err("refused");
        assert_eq!(reason(&status), "PERMISSION_DENIED");
    }
    for (key, session) in [(ALL, "default"), (SHOP, "shop-1")] {
        let request = pb::CreateGroupRequest {
            session: session.into(),
            subject: "Team".into(),
            ..Default::default()
        };
        service.groups().create_group(with_key(key, request)).await.expect("made");
    }
    // A token grants nothing: a watch from the beginning of the log shows the key's own sessions.
    let request = pb::WatchGroupEventsRequest {
        start: Some(Start::Earliest(pb::Earliest {})),
        ..Default::default()
    };
    let mut stream = service
        .groups()
        .watch_group_events(with_key(SHOP, request))
        .await
        .expect("a watch")
        .into_inner();
    stream.message().await.expect("no error").expect("progress");
    let events = stream.message().await.expect("no error").expect("events").events;
    assert_eq!(events.len(), 1);
    let event = <pb::GroupEvent as prost::Message>::decode(events[0].clone()).expect("an event");
    assert_eq!(event.session, "shop-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_needs_a_key_that_sees_all() {
    let service = service().await;
    let request = pb::ListWorldGroupsRequest::default();
    let status =
        service.simulator().list_world_groups(with_key(SHOP, request)).await.expect_err("refused");
    assert_eq!(reason(&status), "PERMISSION_DENIED");
    service
        .simulator()
        .list_world_groups(with_key(ALL, pb::ListWorldGroupsRequest::default()))
        .await
        .expect("served");
}
