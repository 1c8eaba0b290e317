//! The key of a session's webhooks: replaced, removed, kept, and never told.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};
use wagroups::pb;
use wagroups::pb::create_session_request::Config;

use super::{GROUP, SECRET, SESSION, Scene};
use crate::harness::service::{PATIENCE, Service, violated_fields};
use crate::webhook::sender::members;
use crate::webhook::told_on_each_database;

told_on_each_database!(
    a_new_secret_counts_at_once_and_none_closes_the_door,
    other_settings_leave_the_secret_as_it_is,
    no_answer_holds_the_secret,
    a_bad_secret_is_refused,
);

const NEW: &str = "what they agreed upon later";

fn joins(time: i64) -> Value {
    members(GROUP, "join", &["5@lid"], time)
}

async fn update(
    scene: &Scene,
    paths: &[&str],
    config: Option<pb::WahaConfig>,
) -> Result<pb::UpdateSessionResponse, tonic::Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = pb::UpdateSessionRequest {
        session: SESSION.into(),
        update_mask: Some(prost_types::FieldMask { paths }),
        config: config.map(pb::update_session_request::Config::Waha),
        ..Default::default()
    };
    Ok(scene.service.sessions().update_session(request).await?.into_inner())
}

fn secret(secret: &str) -> pb::WahaConfig {
    pb::WahaConfig { webhook_secret: secret.into(), ..Default::default() }
}

/// Whether the session says that it has one.
fn has_secret(session: &pb::Session) -> bool {
    // The type of its settings has a name that is taken by a module of the crate's.
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let descriptor = contract.get_message_by_name("wagroups.v1.Session").expect("a message");
    let session = DynamicMessage::decode(descriptor, session.encode_to_vec().as_slice());
    let session = json!(session.expect("the same wire format"));
    session["waha"]["hasWebhookSecret"] == json!(true)
}

async fn a_new_secret_counts_at_once_and_none_closes_the_door(service: Service) {
    let mut scene = Scene::on(service).await;
    assert!(has_secret(&scene.session().await));
    scene.tell_new("group.v2.participants", joins).await;
    let late = scene.sender.with_secret(NEW);
    let body = scene.event("group.v2.participants", joins);
    assert_eq!(scene.said(&late, &body).await, (401, "WRONG_SIGNATURE".into()));

    let path = &["waha.webhook_secret"];
    assert!(update(&scene, path, Some(secret(NEW))).await.expect("updated").changed);
    assert!(!update(&scene, path, Some(secret(NEW))).await.expect("updated").changed);
    assert_eq!(scene.said(&scene.sender, &body).await, (401, "WRONG_SIGNATURE".into()));
    assert_eq!(scene.said(&late, &body).await, (200, "accepted".into()));
    scene.restart().await;
    let late = scene.sender.with_secret(NEW);
    let body = scene.event("group.v2.participants", joins);
    assert_eq!(scene.said(&scene.sender, &body).await, (401, "WRONG_SIGNATURE".into()));
    assert_eq!(scene.said(&late, &body).await, (200, "accepted".into()));

    for (how, none) in [("empty", Some(secret(""))), ("absent", None)] {
        assert!(update(&scene, path, none).await.expect("updated").changed, "{how}");
        assert!(!has_secret(&scene.session().await), "{how}");
        scene.restart().await;
        let unsigned = scene.sender.post_with(SESSION, "{}", &[]).await.expect("an answer");
        assert_eq!(unsigned.said(), (401, "NOT_SIGNED"), "{how}");
        for sender in [&scene.sender, &scene.sender.with_secret(NEW), &scene.sender.with_secret("")]
        {
            assert_eq!(scene.said(sender, &body).await, (401, "WRONG_SIGNATURE".into()), "{how}");
        }
        assert!(update(&scene, path, Some(secret(SECRET))).await.expect("updated").changed);
        assert!(has_secret(&scene.session().await), "{how}");
        scene.tell_new("group.v2.participants", joins).await;
    }
}

async fn other_settings_leave_the_secret_as_it_is(service: Service) {
    let mut scene = Scene::on(service).await;
    scene.tell_new("group.v2.participants", joins).await;
    let renamed = pb::WahaConfig { remote_session: "store".into(), ..Default::default() };
    let updated = update(&scene, &["waha"], Some(renamed)).await.expect("updated");
    assert!(updated.changed && has_secret(updated.session.as_ref().expect("a session")));
    let mut body = scene.event("group.v2.participants", joins);
    assert_eq!(scene.said(&scene.sender, &body).await, (422, "OTHER_SESSION".into()), "at once");
    body["session"] = json!("store");
    assert_eq!(scene.said(&scene.sender, &body).await, (200, "accepted".into()));

    // The whole at its defaults: its name is the same as here again.
    assert!(update(&scene, &["waha"], None).await.expect("updated").changed);
    assert!(has_secret(&scene.session().await));
    scene.tell_new("group.v2.participants", joins).await;
    assert!(!update(&scene, &["waha"], None).await.expect("updated").changed);

    // Both at once.
    let both = pb::WahaConfig { remote_session: "store".into(), ..secret(NEW) };
    assert!(update(&scene, &["waha"], Some(both)).await.expect("updated").changed);
    let mut body = scene.event("group.v2.participants", joins);
    body["session"] = json!("store");
    let new = scene.sender.with_secret(NEW);
    assert_eq!(scene.said(&new, &body).await, (200, "accepted".into()));
    let both = update(&scene, &["waha.webhook_secret", "waha"], Some(secret(SECRET)));
    assert!(both.await.expect("updated").changed);
    scene.tell_new("group.v2.participants", joins).await;
}

async fn no_answer_holds_the_secret(service: Service) {
    let mut scene = Scene::on(service).await;
    let mut answers: Vec<(&str, Vec<u8>)> = Vec::new();
    let create = pb::CreateSessionRequest {
        session: "another".into(),
        config: Some(Config::Waha(secret(SECRET))),
        ..Default::default()
    };
    let mut sessions = scene.service.sessions();
    let created = sessions.create_session(create.clone()).await.expect("created").into_inner();
    answers.push(("CreateSession", created.encode_to_vec()));
    let again = sessions.create_session(create).await.expect_err("it exists");
    answers.push(("CreateSession refused", again.details().to_vec()));
    let get = pb::GetSessionRequest { session: SESSION.into() };
    let got = sessions.get_session(get).await.expect("the session").into_inner();
    answers.push(("GetSession", got.encode_to_vec()));
    let all = pb::ListSessionsRequest::default();
    let listed = sessions.list_sessions(all).await.expect("all").into_inner();
    assert_eq!(listed.sessions.len(), 3);
    answers.push(("ListSessions", listed.encode_to_vec()));
    let watch = pb::WatchSessionRequest { session: SESSION.into() };
    let mut watch = sessions.watch_session(watch).await.expect("a watch").into_inner();
    let state = tokio::time::timeout(PATIENCE, watch.message()).await.expect("in time");
    let state = state.expect("no error").expect("a state");
    answers.push(("WatchSession", state.encode_to_vec()));
    for paths in [&["waha.webhook_secret"][..], &["waha"], &["waha", "waha.webhook_secret"]] {
        let updated = update(&scene, paths, Some(secret(SECRET))).await.expect("updated");
        answers.push(("UpdateSession", updated.encode_to_vec()));
    }
    answers.push(("StopSession", scene.stop().await.encode_to_vec()));
    answers.push(("StartSession", scene.start().await.encode_to_vec()));
    scene.tell_new("group.v2.participants", joins).await;
    for event in scene.service.log(SESSION).await {
        answers.push(("ListGroupEvents", event.encode_to_vec()));
    }
    let refused = scene.sender.post_with(SESSION, "{}", &[]).await.expect("an answer");
    answers.push(("a refused webhook", refused.body.to_string().into_bytes()));
    for (what, answer) in answers {
        let holds = answer.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes());
        assert!(!holds && !answer.is_empty(), "{what}");
    }
}

async fn a_bad_secret_is_refused(service: Service) {
    let mut scene = Scene::on(service).await;
    for bad in ["short", "1234567", "a line\nbreak", "a NUL\0 in it", &"x".repeat(513)] {
        for paths in [&["waha.webhook_secret"][..], &["waha"]] {
            let refused = update(&scene, paths, Some(secret(bad))).await.expect_err("a bad one");
            assert_eq!(violated_fields(&refused), ["waha.webhook_secret"], "{bad:?}");
            assert!(!refused.message().contains(bad), "{bad:?} is told nobody");
        }
        let create = pb::CreateSessionRequest {
            session: "bad".into(),
            config: Some(Config::Waha(secret(bad))),
            ..Default::default()
        };
        let refused = scene.service.sessions().create_session(create).await.expect_err("a bad one");
        assert_eq!(violated_fields(&refused), ["waha.webhook_secret"], "{bad:?}");
    }
    scene.tell_new("group.v2.participants", joins).await;
    let long = "ü".repeat(256);
    let path = &["waha.webhook_secret"];
    assert!(update(&scene, path, Some(secret(&long))).await.expect("512 bytes").changed);
    let body = scene.event("group.v2.participants", joins);
    let said = scene.said(&scene.sender.with_secret(&long), &body).await;
    assert_eq!(said, (200, "accepted".into()), "any bytes will do");
}
