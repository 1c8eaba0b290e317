//! How each engine words what WhatsApp refuses, and what the stand-in itself refuses.

use serde_json::{Value, json};
use wagroups::domain::id::GroupId;
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::waha::webhook::WahaEngine;

use super::{Scene, people, person, scene, scene_of};
use crate::waha_server::Options;

fn unknown() -> GroupId {
    "120363999999999999@g.us".parse().expect("an id")
}

async fn others(scene: &Scene) -> GroupId {
    let id = scene.group().await;
    scene.act(scene.bob.id(), Operation::Leave(id.clone())).await;
    id
}

#[tokio::test]
async fn gows_hands_on_whatsapps_codes() {
    let scene = scene(WahaEngine::Gows).await;
    let (unknown, others, own) = (unknown(), others(&scene).await, scene.group().await);
    let subject = json!({ "subject": "Crew" });
    let rename =
        async |id: &GroupId| scene.put("bob", &format!("/{id}/subject"), subject.clone()).await;
    scene.get("bob", &format!("/{unknown}")).await.threw("2 UNKNOWN: that group does not exist");
    let not_in = "2 UNKNOWN: you're not participating in that group";
    scene.get("bob", &format!("/{others}/participants/v2")).await.threw(not_in);
    scene.get("bob", &format!("/{others}/invite-code")).await.threw(not_in);
    let iq = "2 UNKNOWN: info query returned status";
    rename(&unknown).await.threw(&format!("{iq} 404: item-not-found"));
    rename(&others).await.threw(&format!("{iq} 403: forbidden"));
    let lock = json!({ "adminsOnly": true });
    let path = format!("/{own}/settings/security/info-admin-only");
    scene.put("bob", &path, lock.clone()).await.threw(&format!("{iq} 403: forbidden"));
    let exception = scene.put("bob", &path, lock).await.exception();
    assert_eq!((&exception["code"], &exception["metadata"]), (&json!(2), &json!({})));
    let code = "2 UNKNOWN: you don't have the permission to get the group's invite link";
    scene.post("bob", &format!("/{own}/invite-code/revoke"), Value::Null).await.threw(code);

    let link = scene.get("alice", &format!("/{own}/invite-code")).await.text;
    let same = scene.post("alice", &format!("/{own}/invite-code/revoke"), Value::Null).await;
    assert_eq!(same.text, link, "it revokes nothing");
    scene.act(scene.alice.id(), Operation::RevokeInvite(own.clone())).await;
    let join = async |code: &str| scene.post("bob", "/join", json!({ "code": code })).await;
    join(&link).await.threw("2 UNKNOWN: that group invite link has been revoked");
    let invalid = "2 UNKNOWN: that group invite link is not valid";
    join("AAAAAAAAAAAAAAAAAAAAAA").await.threw(invalid);
    join(&format!("{link}?mode=gi_t")).await.threw(invalid);
    scene.server.assert_polite();
}

#[tokio::test]
async fn noweb_throws_booms() {
    let scene = scene(WahaEngine::Noweb).await;
    let (unknown, others, own) = (unknown(), others(&scene).await, scene.group().await);
    for id in [&unknown, &others] {
        let missing = format!("Group with id '{id}' not found");
        scene.get("bob", &format!("/{id}")).await.threw(&missing);
        scene.get("bob", &format!("/{id}/participants/v2")).await.threw(&missing);
    }
    let v1 = scene.get("bob", &format!("/{unknown}/participants")).await.exception();
    assert_eq!(v1["name"], json!("TypeError"));
    let v1 = scene.get("bob", &format!("/{others}/participants")).await.exception();
    assert_eq!((&v1["message"], &v1["data"]), (&json!("forbidden"), &json!(403)));
    let revoked = scene.post("bob", &format!("/{own}/invite-code/revoke"), Value::Null).await;
    let boom = revoked.exception();
    assert_eq!((&boom["data"], &boom["isBoom"]), (&json!(401), &json!(true)));
    let promoted = scene.post("bob", &format!("/{own}/admin/promote"), people(&[person(1)])).await;
    assert_eq!(promoted.exception()["data"], json!(403));
    let code = json!({ "code": "AAAAAAAAAAAAAAAAAAAAAA" });
    let joined = scene.post("bob", "/join", code).await.exception();
    assert_eq!((&joined["message"], &joined["data"]), (&json!("not-acceptable"), &json!(406)));
}

#[tokio::test]
async fn webjs_fails_with_success() {
    let scene = scene(WahaEngine::Webjs).await;
    let (unknown, own) = (unknown(), scene.group().await);
    scene.get("bob", &format!("/{unknown}")).await.nothing();
    let threw = scene.get("bob", &format!("/{unknown}/participants")).await.exception();
    assert_eq!(threw["name"], json!("TypeError"));
    let lock = json!({ "adminsOnly": true });
    let path = format!("/{own}/settings/security/info-admin-only");
    scene.put("bob", &path, lock.clone()).await.bare("false");
    scene.put("alice", &path, lock).await.bare("true");
    scene.put("bob", &format!("/{own}/subject"), json!({ "subject": "Crew" })).await.bare("false");
    scene.get("bob", &format!("/{own}/invite-code")).await.nothing();
    scene.post("bob", &format!("/{own}/admin/promote"), people(&[person(1)])).await.threw("b");
    let unlisted =
        scene.post("alice", &format!("/{own}/admin/promote"), people(&[person(9)])).await;
    assert_eq!(unlisted.json(200), json!({ "status": 200 }));
    let closed = json!({ "membersCanAddNewMember": false });
    let path = format!("/{own}/settings/security/member-add-mode");
    scene.put("alice", &path, closed).await.bare("true");
    scene
        .post("bob", &format!("/{own}/participants/add"), people(&[person(2)]))
        .await
        .bare("AddParticipantsError: You have no admin rights to add a participant to a group");
    let blank = json!({ "name": " ", "participants": [] });
    let made = scene.post("alice", "", blank).await;
    let text = "CreateGroupError: An unknown error occupied while creating a group";
    assert_eq!((made.status, &*made.text), (201, text));
}

#[tokio::test]
async fn wpp_throws_errors_of_its_own() {
    let scene = scene(WahaEngine::Wpp).await;
    let (unknown, own) = (unknown(), scene.group().await);
    let threw = scene.get("bob", &format!("/{unknown}")).await.exception();
    assert_eq!((&threw["name"], &threw["code"]), (&json!("WPPError"), &json!("chat_not_found")));
    let promoted = scene.post("bob", &format!("/{own}/admin/promote"), people(&[person(1)])).await;
    assert_eq!(promoted.exception()["code"], json!("group_you_are_not_admin"));
    let code = scene.get("bob", "/join-info?code=AAAAAAAAAAAAAAAAAAAAAA").await;
    code.threw("Invalid Invite Code");
}

#[tokio::test]
async fn what_an_engine_or_a_version_cannot_is_said_so() {
    for engine in WahaEngine::ALL {
        let scene = scene(engine).await;
        let id = scene.group().await;
        let path = format!("/{id}/settings/security/member-share-history-mode");
        let share = json!({ "membersCanShareHistory": true });
        let (got, set) = (scene.get("alice", &path).await, scene.put("alice", &path, share).await);
        let can = (got.status, set.status);
        let wanted = match engine {
            WahaEngine::Gows => (200, 200),
            WahaEngine::Noweb => (501, 200),
            WahaEngine::Webjs | WahaEngine::Wpp => (501, 501),
        };
        assert_eq!(can, wanted, "{engine:?}");
        let path = format!("/api/alice/groups/{id}");
        let deleted = scene.client.call("DELETE", &path, Value::Null).await;
        let is_browser = matches!(engine, WahaEngine::Webjs | WahaEngine::Wpp);
        assert_eq!(deleted.status, if is_browser { 200 } else { 501 });
        assert!(scene.whatsapp.simulator().world_group(&id).await.expect("the world").is_some());
        let loud = std::panic::AssertUnwindSafe(|| scene.server.assert_never_deleted());
        assert!(std::panic::catch_unwind(loud).is_err());
    }
    let old = Options { version: "2025.10.1", ..Options::default() };
    let scene = scene_of(old).await;
    let id = scene.group().await;
    let path = format!("/{id}/participants/v2");
    let missing = scene.get("alice", &path).await.json(404);
    let message = format!("Cannot GET /api/alice/groups{path}");
    let wanted = json!({ "message": message, "error": "Not Found", "statusCode": 404 });
    assert_eq!(missing, wanted);
    assert_eq!(scene.post("alice", "/refresh", Value::Null).await.status, 201, "as every POST");
}

#[tokio::test]
async fn what_nobody_should_ask_is_noted() {
    let scene = scene(WahaEngine::Gows).await;
    let id = scene.group().await;
    let add = format!("/{id}/participants/add");
    let odd = [
        scene.post("alice", &add, json!({ "participants": [] })).await,
        scene.post("alice", &add, json!({ "participants": [{ "id": "+49 151 1" }] })).await,
        scene.post("alice", &add, json!({ "participants": [{ "id": "1@lid", "x": 1 }] })).await,
        scene.post("alice", &add, json!({})).await,
        scene.put("alice", "/team/subject", json!({ "subject": "Crew" })).await,
        scene.put("alice", &format!("/{id}/subject"), json!({ "name": "Crew" })).await,
        scene.put("alice", &format!("/{id}/subject"), json!({ "subject": 1 })).await,
        scene.put("alice", &format!("/{id}/picture"), json!({})).await,
        scene.get("alice", &format!("/{id}?exclude=participants")).await,
        scene.get("alice", "/join-info").await,
    ];
    for said in &odd {
        said.exception();
    }
    let violations = scene.server.violations.lock().expect("the violations").len();
    assert_eq!(violations, odd.len());
    let keyless = scene.client.http.get(format!("{}/api/sessions", scene.server.url()));
    let keyless = keyless.send().await.expect("an answer");
    assert_eq!(keyless.status(), 401);
    let loud = std::panic::AssertUnwindSafe(|| scene.server.assert_polite());
    assert!(std::panic::catch_unwind(loud).is_err());
    let requests = scene.server.requests();
    assert_eq!(requests.len(), odd.len() + 1);
    assert_eq!(requests[0].body, json!({ "participants": [] }));
    assert_eq!(requests[8].query, [("exclude".to_owned(), "participants".to_owned())]);
}
