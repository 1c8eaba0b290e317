//! Where a session stands: what its server says, in the order in which it was said.

use serde_json::{Value, json};
use wagroups::pb;
use wagroups::pb::SessionStatus as Status;
use wagroups::pb::create_session_request::Config;

use super::{GROUP, SECRET, SESSION, Scene};
use crate::harness::service::{PATIENCE, Service, reason, violated_fields};
use crate::webhook::sender::{members, status};
use crate::webhook::told_on_each_database;

told_on_each_database!(
    the_first_webhook_makes_it_work_and_says_who_it_is,
    its_servers_word_moves_it,
    what_comes_late_moves_nothing,
    what_it_was_told_outlives_the_service,
    news_that_moved_nothing_still_keeps_older_news_out_after_a_restart,
    that_its_server_starts_keeps_older_news_out_after_a_restart,
    stopped_it_refuses_webhooks_and_started_it_takes_them_again,
    messages_say_nothing_of_it,
    a_watcher_sees_it_move,
    it_cannot_have_a_server_that_the_settings_lack,
);

fn joins(time: i64) -> Value {
    members(GROUP, "join", &["5@lid"], time)
}

async fn the_first_webhook_makes_it_work_and_says_who_it_is(service: Service) {
    let mut scene = Scene::on(service).await;
    let session = scene.session().await;
    assert_eq!(session.status(), Status::Starting);
    assert_eq!(session.status_reason, "waits for the first webhook of its WAHA server");
    assert_eq!(session.engine(), pb::Engine::Waha);
    assert!(session.desired_running && session.account.is_none());

    scene.tell_new("group.v2.participants", joins).await;
    let session = scene.session().await;
    assert_eq!((session.status(), session.status_reason.as_str()), (Status::Working, ""));
    let account = session.account.expect("an account");
    assert_eq!(account.id, "1@lid");
    assert_eq!(account.lid, "1@lid");
    assert_eq!(account.phone_number_id, "4915100000001@c.us");
    assert_eq!(account.push_name, "Bot");
    assert_eq!(session.sequence, 1);
}

async fn its_servers_word_moves_it(service: Service) {
    let mut scene = Scene::on(service).await;
    let words = [
        ("STARTING", Status::Starting, "the WAHA server is connecting"),
        ("SCAN_QR_CODE", Status::ScanQrCode, "waits at the WAHA server"),
        ("WORKING", Status::Working, ""),
        ("FAILED", Status::Failed, "failed at the WAHA server"),
        ("PASSKEY_REQUIRED", Status::ScanQrCode, "passkey"),
        ("STOPPED", Status::Failed, "stopped at the WAHA server"),
        ("PASSKEY_CONFIRMATION_REQUIRED", Status::ScanQrCode, "passkey"),
        ("HIBERNATING", Status::Starting, "HIBERNATING"),
        ("WORKING", Status::Working, ""),
    ];
    for (word, wanted, cause) in words {
        let body = scene.event("session.status", |_| status(word));
        scene.tell(&body).await;
        let session = scene.session().await;
        assert_eq!(session.status(), wanted, "{word}");
        assert!(session.status_reason.contains(cause), "{word}: {}", session.status_reason);
        assert!(!cause.is_empty() || session.status_reason.is_empty(), "{word}");
        let time = session.status_time.expect("a time");
        let millis = time.seconds * 1000 + i64::from(time.nanos) / 1_000_000;
        assert_eq!(json!(millis), body["timestamp"], "{word}: it is so since its server said it");
        assert!(session.desired_running, "{word}: its server does not decide that");
    }
    for word in ["FAILED", "SCAN_QR_CODE", "STOPPED", "STARTING"] {
        scene.tell_new("session.status", |_| status(word)).await;
        scene.tell_new("group.v2.participants", joins).await;
        assert_eq!(scene.session().await.status(), Status::Working, "news of groups after {word}");
    }
}

async fn what_comes_late_moves_nothing(service: Service) {
    let mut scene = Scene::on(service).await;
    let failed = scene.event("session.status", |_| status("FAILED"));
    let joined = scene.event("group.v2.participants", joins);
    let starting = scene.event("session.status", |_| status("STARTING"));
    let working = scene.event("session.status", |_| status("WORKING"));
    let stopped = scene.event("session.status", |_| status("STOPPED"));

    scene.tell(&working).await;
    for late in [&starting, &failed, &joined] {
        scene.tell(late).await;
        assert_eq!(scene.session().await.status(), Status::Working, "{late}");
    }
    scene.tell(&stopped).await;
    for late in [&working, &failed, &starting] {
        scene.tell(late).await;
        assert_eq!(scene.session().await.status(), Status::Failed, "{late}");
        assert_eq!(scene.session().await.status_reason, "stopped at the WAHA server");
    }
    let (code, answer) = scene.sender.post(SESSION, joined.to_string()).await;
    assert_eq!((code, &answer["outcome"]), (200, &json!("duplicate")));
    assert_eq!(scene.session().await.status(), Status::Failed, "repeated news is as old as it was");
}

async fn what_it_was_told_outlives_the_service(service: Service) {
    let mut scene = Scene::on(service).await;
    let late = scene.event("session.status", |_| status("SCAN_QR_CODE"));
    for word in ["WORKING", "FAILED", "SCAN_QR_CODE", "WORKING"] {
        scene.tell_new("session.status", |_| status(word)).await;
        let before = scene.session().await;
        scene.restart().await;
        assert_eq!(scene.session().await, before, "{word}");
        scene.tell(&late).await;
        assert_eq!(scene.session().await, before, "{word}, and what comes late");
    }
    // The secret as well, or this would not be taken.
    scene.tell_new("group.v2.participants", joins).await;
    let stopped = scene.stop().await.session.expect("a session");
    scene.restart().await;
    assert_eq!(scene.session().await, stopped);
    let body = scene.event("group.v2.participants", joins);
    assert_eq!(scene.said(&scene.sender, &body).await, (409, "SESSION_NOT_WORKING".into()));
}

async fn news_that_moved_nothing_still_keeps_older_news_out_after_a_restart(service: Service) {
    let mut scene = Scene::on(service).await;
    scene.tell_new("session.status", |_| status("WORKING")).await;
    let failed = scene.event("session.status", |_| status("FAILED"));
    // It worked again before the news of its failure arrived.
    scene.tell_new("group.v2.participants", joins).await;
    scene.restart().await;
    scene.tell(&failed).await;
    assert_eq!(scene.session().await.status(), Status::Working);
}

async fn that_its_server_starts_keeps_older_news_out_after_a_restart(service: Service) {
    let mut scene = Scene::on(service).await;
    let failed = scene.event("session.status", |_| status("FAILED"));
    scene.tell_new("session.status", |_| status("STARTING")).await;
    let before = scene.session().await;
    scene.restart().await;
    scene.tell(&failed).await;
    assert_eq!(scene.session().await, before);
}

async fn stopped_it_refuses_webhooks_and_started_it_takes_them_again(service: Service) {
    let mut scene = Scene::on(service).await;
    scene.tell_new("group.v2.participants", joins).await;
    let stopped = scene.stop().await;
    assert!(stopped.changed);
    assert_eq!(stopped.session.expect("a session").status(), Status::Stopped);
    assert!(!scene.stop().await.changed);
    let log = scene.service.log(SESSION).await;
    let leaves =
        scene.event("group.v2.participants", |time| members(GROUP, "leave", &["5@lid"], time));
    let works = scene.event("session.status", |_| status("WORKING"));
    for body in [&leaves, &works] {
        assert_eq!(scene.said(&scene.sender, body).await, (409, "SESSION_NOT_WORKING".into()));
    }
    assert_eq!(scene.session().await.status(), Status::Stopped);
    assert_eq!(scene.service.log(SESSION).await, log);
    assert_eq!(scene.group(GROUP).await.member_count, 1, "its groups stay readable");

    let started = scene.start().await;
    assert!(started.changed);
    let session = started.session.expect("a session");
    assert_eq!(session.status(), Status::Starting);
    assert_eq!(session.status_reason, "waits for the first webhook of its WAHA server");
    assert!(session.account.is_some(), "it is still the same account");
    // Sent again, as WAHA does.
    scene.tell(&leaves).await;
    assert_eq!(scene.session().await.status(), Status::Working);
    assert!(!scene.start().await.changed);
    assert_eq!(scene.service.log(SESSION).await.len(), log.len() + 1);

    let stopped = pb::CreateSessionRequest {
        session: "later".into(),
        stopped: true,
        config: Some(Config::Waha(pb::WahaConfig {
            webhook_secret: SECRET.into(),
            ..Default::default()
        })),
        ..Default::default()
    };
    scene.service.sessions().create_session(stopped).await.expect("a session");
    let answer = scene.sender.deliver("later", works.to_string()).await.expect("an answer");
    assert_eq!(answer.said(), (409, "SESSION_NOT_WORKING"), "made to be stopped");
}

async fn messages_say_nothing_of_it(service: Service) {
    let mut scene = Scene::on(service).await;
    let message = scene.event("message", |_| json!({ "body": "Hello" }));
    assert_eq!(scene.said(&scene.sender, &message).await, (200, "ignored".into()));
    let session = scene.session().await;
    assert_eq!((session.status(), session.account), (Status::Starting, None));
}

async fn a_watcher_sees_it_move(service: Service) {
    let mut scene = Scene::on(service).await;
    let watch = pb::WatchSessionRequest { session: SESSION.into() };
    let watch = scene.service.sessions().watch_session(watch).await.expect("a watch");
    let mut watch = watch.into_inner();
    let mut next = async || {
        let state = tokio::time::timeout(PATIENCE, watch.message()).await.expect("in time");
        let session = state.expect("no error").expect("a state").session.expect("a session");
        (session.status(), session.account.map(|account| account.id))
    };
    assert_eq!(next().await, (Status::Starting, None));
    scene.tell_new("session.status", |_| status("WORKING")).await;
    let me = Some("1@lid".to_owned());
    // Whose it is, and that it works, are two changes that may be seen as one.
    let mut seen = next().await;
    if seen.0 == Status::Starting {
        seen = next().await;
    }
    assert_eq!(seen, (Status::Working, me.clone()));
    scene.tell_new("session.status", |_| status("FAILED")).await;
    assert_eq!(next().await, (Status::Failed, me));
}

async fn it_cannot_have_a_server_that_the_settings_lack(service: Service) {
    let config = pb::WahaConfig {
        server: "main".into(),
        webhook_secret: SECRET.into(),
        ..Default::default()
    };
    let create = pb::CreateSessionRequest {
        session: "asked".into(),
        config: Some(Config::Waha(config.clone())),
        ..Default::default()
    };
    let refused = service.sessions().create_session(create).await.expect_err("no servers");
    assert_eq!(violated_fields(&refused), ["waha.server"]);
    let get = pb::GetSessionRequest { session: "asked".into() };
    let status = service.sessions().get_session(get).await.expect_err("none was made");
    assert_eq!(reason(&status), "SESSION_NOT_FOUND");

    // Nor can it get one later: it could not even be stopped any more.
    let mut scene = Scene::on(service).await;
    scene.tell_new("group.v2.participants", joins).await;
    let update = pb::UpdateSessionRequest {
        session: SESSION.into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["waha".into()] }),
        config: Some(pb::update_session_request::Config::Waha(config)),
        ..Default::default()
    };
    let refused = scene.service.sessions().update_session(update).await.expect_err("no servers");
    assert_eq!(violated_fields(&refused), ["waha.server"]);
    assert_eq!(scene.session().await.status(), Status::Working);

    let config = pb::WahaConfig { remote_session: "no name".into(), ..Default::default() };
    let create = pb::CreateSessionRequest {
        session: "asked".into(),
        config: Some(Config::Waha(config)),
        ..Default::default()
    };
    let refused = scene.service.sessions().create_session(create).await.expect_err("no name");
    assert_eq!(violated_fields(&refused), ["waha.remote_session"]);
}
