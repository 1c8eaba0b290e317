//! The life of a session.

use wagroups::pb;

use super::on_each_database;
use crate::harness::service::{Service, reason, violated_fields};

on_each_database!(
    a_session_is_made_started_stopped_and_deleted,
    a_reused_name_continues_the_sequence,
    sessions_page_by_name_and_filter_by_status,
    bad_sessions_are_refused,
    a_stopped_session_hears_later_what_happened_meanwhile,
);

async fn get(service: &Service, name: &str) -> pb::Session {
    let request = pb::GetSessionRequest { session: name.into() };
    service
        .sessions()
        .get_session(request)
        .await
        .expect("the session")
        .into_inner()
        .session
        .expect("a session")
}

async fn a_session_is_made_started_stopped_and_deleted(service: Service) {
    let request = pb::CreateSessionRequest {
        session: "shop".into(),
        engine: pb::Engine::Simulator.into(),
        stopped: true,
        metadata: [("team".to_owned(), "sales".to_owned())].into(),
        ..Default::default()
    };
    let made = service.sessions().create_session(request.clone()).await.expect("made").into_inner();
    let made = made.session.expect("a session");
    assert_eq!(made.status(), pb::SessionStatus::Stopped);
    assert_eq!(made.metadata["team"], "sales");
    let again = service.sessions().create_session(request).await.expect_err("exists");
    assert_eq!(reason(&again), "SESSION_ALREADY_EXISTS");

    let name = || "shop".to_owned();
    let started =
        service.sessions().start_session(pb::StartSessionRequest { session: name() }).await;
    let started = started.expect("started").into_inner();
    assert!(started.changed);
    assert_eq!(get(&service, "shop").await.status(), pb::SessionStatus::Working);
    assert!(get(&service, "shop").await.account.is_some());
    let started =
        service.sessions().start_session(pb::StartSessionRequest { session: name() }).await;
    assert!(!started.expect("still started").into_inner().changed);

    let stopped = service.sessions().stop_session(pb::StopSessionRequest { session: name() }).await;
    assert!(stopped.expect("stopped").into_inner().changed);
    assert_eq!(get(&service, "shop").await.status(), pb::SessionStatus::Stopped);

    let deleted =
        service.sessions().delete_session(pb::DeleteSessionRequest { session: name() }).await;
    let deleted = deleted.expect("deleted").into_inner();
    assert_eq!(deleted.sequence, 1);
    let gone = service.sessions().get_session(pb::GetSessionRequest { session: name() }).await;
    assert_eq!(reason(&gone.expect_err("gone")), "SESSION_NOT_FOUND");
    let log = service.log("shop").await;
    assert_eq!(log.last().expect("an event").r#type(), pb::EventType::SessionDeleted);
}

async fn a_reused_name_continues_the_sequence(service: Service) {
    service.create_group("Team", &[]).await;
    let request = pb::DeleteSessionRequest { session: "default".into() };
    let deleted = service.sessions().delete_session(request).await.expect("deleted").into_inner();
    assert_eq!(deleted.sequence, 2);
    service.create_session("default").await;
    let created = service.create_group("Again", &[]).await;
    assert_eq!(created.sequence, 3);
    let sequences: Vec<i64> =
        service.log("default").await.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    let count = pb::CountGroupsRequest { session: "default".into(), ..Default::default() };
    assert_eq!(service.groups().count_groups(count).await.expect("a count").into_inner().count, 1);
}

async fn sessions_page_by_name_and_filter_by_status(service: Service) {
    for name in ["a", "b", "c"] {
        service.create_session(name).await;
    }
    service
        .sessions()
        .stop_session(pb::StopSessionRequest { session: "b".into() })
        .await
        .expect("stopped");
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListSessionsRequest { page_size: 2, page_token, ..Default::default() };
        let page = service.sessions().list_sessions(request).await.expect("a page").into_inner();
        names.extend(page.sessions.into_iter().map(|session| session.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c", "default"]);
    let request = pb::ListSessionsRequest {
        statuses: vec![pb::SessionStatus::Stopped.into()],
        ..Default::default()
    };
    let stopped =
        service.sessions().list_sessions(request).await.expect("a page").into_inner().sessions;
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].name, "b");
}

async fn bad_sessions_are_refused(service: Service) {
    let request = pb::CreateSessionRequest {
        session: "-bad-".into(),
        engine: 99,
        metadata: [(String::new(), "x".repeat(513))].into(),
        config: Some(pb::create_session_request::Config::Simulator(pb::SimulatorConfig {
            phone_number: "0151".into(),
        })),
        ..Default::default()
    };
    let status = service.sessions().create_session(request).await.expect_err("refused");
    let fields = violated_fields(&status);
    assert!(
        fields.contains(&"session".to_owned()) && fields.contains(&"engine".to_owned()),
        "{fields:?}"
    );
    assert!(fields.iter().any(|field| field.starts_with("metadata")), "{fields:?}");
    let native = pb::CreateSessionRequest {
        session: "native".into(),
        engine: pb::Engine::Native.into(),
        ..Default::default()
    };
    let status = service.sessions().create_session(native).await.expect_err("not in this version");
    assert_eq!(reason(&status), "UNSUPPORTED_BY_ENGINE");
}

async fn a_stopped_session_hears_later_what_happened_meanwhile(service: Service) {
    let id = service.group_id("Team", &["4915100000001"]).await;
    let stop = pb::StopSessionRequest { session: "default".into() };
    service.sessions().stop_session(stop).await.expect("stopped");
    let act = pb::ActRequest {
        actor: "4915100000001".into(),
        group_id: id.clone(),
        force: false,
        action: Some(pb::act_request::Action::ChangeSubject(pb::ChangeSubjectAction {
            subject: "Meanwhile".into(),
        })),
    };
    service.simulator().act(act).await.expect("the script acts");
    assert_eq!(service.get_group(&id, 0).await.expect("the group").subject, "Team");
    let start = pb::StartSessionRequest { session: "default".into() };
    service.sessions().start_session(start).await.expect("started");
    let group = service.get_group(&id, 2).await.expect("the group");
    assert_eq!(group.subject, "Meanwhile");
}
