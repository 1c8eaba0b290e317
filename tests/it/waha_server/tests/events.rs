//! What listeners are told, and how the engines differ in it.

use axum::routing::post;
use axum::{Router, body::Bytes, extract::State};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use wagroups::domain::group::{AddressingMode, GroupSettings};
use wagroups::domain::id::GroupId;
use wagroups::domain::setting::Setting;
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::waha::webhook::WahaEngine;

use super::{Scene, Socket, person, scene};
use crate::webhook::sender::sign;

async fn set(scene: &Scene, id: &GroupId, setting: Setting) {
    scene.act(scene.alice.id(), Operation::ChangeSettings(id.clone(), vec![setting])).await;
}

/// What Bob is told until somebody calls the group "End"; only the group's events.
async fn bobs_events(engine: WahaEngine, act: impl AsyncFnOnce(&Scene, GroupId)) -> Vec<Value> {
    let scene = scene(engine).await;
    let mut socket = Socket::open(&scene.server, "session=bob&x-api-key=stand-in").await;
    let id = scene.group().await;
    act(&scene, id.clone()).await;
    // Of this group everyone is told by every engine.
    scene
        .act(
            person(1),
            Operation::Create {
                subject: "End".into(),
                description: String::new(),
                participants: vec![scene.bob.id()],
                settings: GroupSettings::default(),
                addressing_mode: AddressingMode::Lid,
            },
        )
        .await;
    let mut events = Vec::new();
    loop {
        let event = socket.event().await;
        let group = &event["payload"]["group"];
        if group["subject"] == json!("End") {
            scene.server.assert_polite();
            return events;
        }
        if group["id"] == json!(id) {
            events.push(event);
        }
    }
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == json!(name)).collect()
}

#[tokio::test]
async fn who_joins_is_told_the_group_with_each_engines_flaws() {
    for engine in WahaEngine::ALL {
        let events = bobs_events(engine, async |_, _| {}).await;
        let joins = named(&events, "group.v2.join");
        assert_eq!(joins.len(), 1, "{engine:?}");
        let payload = &joins[0]["payload"];
        let can_write = engine == WahaEngine::Wpp;
        assert_eq!(payload["group"]["membersCanSendMessages"], json!(can_write), "{engine:?}");
        assert_eq!(payload["group"]["participants"].as_array().map(Vec::len), Some(3));
        let timestamp = payload["timestamp"].as_i64().expect("a time");
        let in_ms = matches!(engine, WahaEngine::Gows | WahaEngine::Noweb);
        assert_eq!(timestamp > 100_000_000_000, in_ms, "{engine:?}");
        assert_eq!(joins[0]["engine"], json!(engine.as_str()));
        assert!(joins[0]["me"]["id"].as_str().expect("me").ends_with("@c.us"));
        assert!(joins[0]["id"].as_str().expect("an id").starts_with("evt_"));
        let invite = payload["group"].get("invite");
        let wanted = if engine == WahaEngine::Wpp { Some(&Value::Null) } else { None };
        assert_eq!(invite, wanted, "{engine:?}: Bob is no admin");
    }
}

#[tokio::test]
async fn changes_are_told_as_far_as_the_engine_tells_them() {
    for engine in WahaEngine::ALL {
        let events = bobs_events(engine, async |scene, id| {
            scene.act(person(1), Operation::SetSubject(id.clone(), "Crew".into())).await;
            set(scene, &id, Setting::MessagesAdminOnly(true)).await;
            set(scene, &id, Setting::InfoAdminOnly(true)).await;
            scene.act(scene.alice.id(), Operation::RevokeInvite(id)).await;
        })
        .await;
        let updates = named(&events, "group.v2.update");
        let told: Vec<&Value> = updates.iter().map(|event| &event["payload"]["group"]).collect();
        match engine {
            WahaEngine::Gows => {
                assert_eq!(told.len(), 3, "of the lock nobody hears");
                assert_eq!(told[0]["subject"], json!("Crew"));
                assert_eq!(told[1]["membersCanSendMessages"], json!(false), "right");
                assert!(told[2]["invite"].as_str().expect("a link").starts_with("https://"));
            }
            WahaEngine::Noweb => {
                assert_eq!(told.len(), 4);
                assert_eq!(told[1]["membersCanSendMessages"], json!(true), "wrong");
                assert_eq!(updates[2]["payload"]["_data"]["restrict"], json!(true));
            }
            WahaEngine::Webjs => {
                assert_eq!(told.len(), 4);
                assert!(told.iter().all(|group| group["participants"] == json!([])));
                assert_eq!(told[3]["subject"], json!("Crew"));
            }
            WahaEngine::Wpp => assert_eq!(told.len(), 1, "only texts"),
        }
    }
}

#[tokio::test]
async fn who_leaves_and_who_is_moved_is_told() {
    for engine in WahaEngine::ALL {
        let events = bobs_events(engine, async |scene, id| {
            let someone = vec![person(1)];
            scene.act(scene.alice.id(), Operation::Promote(id.clone(), someone.clone())).await;
            scene.act(scene.alice.id(), Operation::Demote(id.clone(), someone)).await;
            scene.act(scene.alice.id(), Operation::Remove(id, vec![scene.bob.id()])).await;
        })
        .await;
        let moved = named(&events, "group.v2.participants");
        let said = |event: &Value| {
            let person = &event["payload"]["participants"][0];
            (event["payload"]["type"].clone(), person["role"].clone())
        };
        let said: Vec<_> = moved.iter().map(|event| said(event)).collect();
        let demoted = if engine == WahaEngine::Noweb { "admin" } else { "participant" };
        let moves = [("promote", "admin"), ("demote", demoted), ("leave", "left")];
        let moves = moves.map(|(action, role)| (json!(action), json!(role)));
        // Of Bob himself WPP tells nothing as of a member.
        let moves = if engine == WahaEngine::Wpp { &moves[..2] } else { &moves[..] };
        let is_told_of_joining = said.len() == 4;
        assert_eq!(&said[usize::from(is_told_of_joining)..], moves, "{engine:?}");
        let left = named(&events, "group.v2.leave").len();
        assert_eq!(left, usize::from(engine != WahaEngine::Gows), "{engine:?}: of hidden ids");
    }
}

#[tokio::test]
async fn requests_to_join_are_told_to_admins() {
    for engine in WahaEngine::ALL {
        let events = bobs_events(engine, async |scene, id| {
            let bob = vec![scene.bob.id()];
            scene.act(scene.alice.id(), Operation::Promote(id.clone(), bob)).await;
            scene.act(person(5), Operation::RequestToJoin(id.clone())).await;
            scene.act(person(5), Operation::CancelJoinRequest(id)).await;
        })
        .await;
        let requests = named(&events, "group.v2.participants.join-request");
        let actions: Vec<_> = requests.iter().map(|event| &event["payload"]["action"]).collect();
        let tells_all = matches!(engine, WahaEngine::Gows | WahaEngine::Noweb);
        let wanted: &[&str] = if tells_all { &["created", "revoked"] } else { &["created"] };
        assert_eq!(actions, wanted, "{engine:?}");
        let pn = requests[0]["payload"].get("requesterPn");
        assert_eq!(pn.is_some(), tells_all, "{engine:?}");
    }
}

#[tokio::test]
async fn a_websocket_hears_what_it_asked_for_and_a_wrong_key_closes_it() {
    let scene = scene(WahaEngine::Gows).await;
    let query = "session=alice&events=group.v2.update,session.status&x-api-key=stand-in";
    let mut socket = Socket::open(&scene.server, query).await;
    let id = scene.group().await;
    scene.act(person(1), Operation::SetSubject(id, "Crew".into())).await;
    let event = socket.event().await;
    assert_eq!((&event["event"], &event["session"]), (&json!("group.v2.update"), &json!("alice")));
    scene.server.set_status("alice", "FAILED").await;
    let event = socket.event().await;
    assert_eq!(event["payload"]["status"], json!("FAILED"));
    assert_eq!(event["payload"]["name"], json!("alice"));
    for query in ["session=alice", "x-api-key=wrong"] {
        let mut refused = Socket::connect(&scene.server, query).await;
        match refused.message().await {
            Some(Message::Close(Some(frame))) => {
                assert_eq!((u16::from(frame.code), &*frame.reason), (1008, "Unauthorized"));
            }
            other => panic!("not closed but {other:?}"),
        }
    }
}

/// Takes what is posted; the first post is refused.
async fn receiver() -> (String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
    type Posts = mpsc::UnboundedSender<(HeaderMap, Bytes)>;
    async fn take(State(posts): State<Posts>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let is_first = posts.strong_count() > 0 && headers.get("x-first").is_some();
        posts.send((headers, body)).expect("a test that listens");
        if is_first { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
    }
    let (posts, posted) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let router = Router::new().route("/hook", post(take)).with_state(posts);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, posted)
}

#[tokio::test]
async fn a_webhook_is_signed_repeated_and_has_the_id_of_the_websocket() {
    let scene = scene(WahaEngine::Gows).await;
    let (url, mut posted) = receiver().await;
    let config = json!({ "config": { "metadata": { "user.id": "7" }, "webhooks": [{
        "url": url, "events": ["group.v2.update"], "hmac": { "key": "secret" },
        "retries": { "policy": "constant", "delaySeconds": 0, "attempts": 2 },
        "customHeaders": [{ "name": "x-first", "value": "yes" }],
    }]}});
    let changed = scene.client.call("PUT", "/api/sessions/alice", config.clone()).await.json(200);
    assert_eq!(changed["config"], config["config"]);
    let mut socket = Socket::open(&scene.server, "events=group.v2.update&x-api-key=stand-in").await;
    let id = scene.group().await;
    scene.act(scene.alice.id(), Operation::SetSubject(id, "Crew".into())).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let event = socket.event().await;
        if event["session"] == json!("alice") {
            assert_eq!(event["metadata"], json!({ "user.id": "7" }));
            ids.push(event["id"].clone());
        }
    }
    let mut requests = Vec::new();
    for _ in 0..3 {
        let (headers, body) = posted.recv().await.expect("a post");
        let event: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(vec![event["id"].clone()], ids);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("x-webhook-hmac"), Some(&*sign("secret", &body)));
        assert_eq!(header("x-webhook-hmac-algorithm"), Some("sha512"));
        assert_eq!(header("user-agent"), Some("WAHA/2026.9.2"));
        assert_eq!(header("x-webhook-timestamp"), Some(&*event["timestamp"].to_string()));
        requests.push(header("x-webhook-request-id").map(str::to_owned));
    }
    requests.dedup();
    assert_eq!(requests.len(), 1, "one id for all tries");
    scene.server.assert_polite();
}
