//! WAHA's other routes: asked of the server that carries the session, and of no other session or server.

use bytes::Bytes;
use serde_json::{Value, json};
use wagroups::config::{RestShape, Settings};
use wagroups::pb;
use wagroups::pb::create_session_request::Config;

use super::scene::Scene;
use crate::harness::service::http_client;
use crate::harness::trace::{TRACEPARENT, TRACESTATE};
use crate::rest::client::{Answer, Rest};
use crate::rest::listening;
use crate::service::keys::key;
use crate::waha_server::{Fault, Options};

const PANEL_KEY: &str = "wag_panel";

fn paths(settings: &mut Settings) {
    listening(settings);
    settings.rest.shape = RestShape::Gows;
}

/// A session `shop` that is called `remote-shop` at its server.
pub async fn renamed(scene: &Scene) {
    scene.server().add_session("remote-shop").await;
    let config = pb::WahaConfig {
        server: "waha-00".to_owned(),
        remote_session: "remote-shop".to_owned(),
        ..Default::default()
    };
    let request = pb::CreateSessionRequest {
        session: "shop".into(),
        config: Some(Config::Waha(config)),
        ..Default::default()
    };
    scene.service.sessions().create_session(request).await.expect("a session");
    scene.until("shop", pb::SessionStatus::Working).await;
}

async fn scene() -> (Scene, Rest) {
    let scene = Scene::with(vec![Options::default()], paths).await;
    renamed(&scene).await;
    let rest = Rest::new(&scene.service);
    (scene, rest)
}

async fn send(rest: &Rest, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    rest.send_to(method, path, body).await
}

/// What the server was asked, as it repeats it.
fn asked(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_is_asked_under_the_sessions_name_there() {
    let (scene, rest) = scene().await;
    let message = json!({ "chatId": "4915120000001@c.us", "text": "Hi \u{1f600}", "session": "shop", "big": 12345678901234567890_u64 });
    let sent = asked(&send(&rest, "POST", "/api/sendText?x=1", &message).await, 201);
    let mut wanted = message.clone();
    wanted["session"] = json!("remote-shop");
    assert_eq!((&sent["path"], &sent["body"]), (&json!("/api/sendText"), &wanted));
    assert_eq!(sent["query"], json!([["x", "1"]]));

    let contact = asked(
        &send(&rest, "GET", "/api/contacts?contactId=a%26b&session=shop", &Value::Null).await,
        200,
    );
    assert_eq!(contact["query"], json!([["contactId", "a&b"], ["session", "remote-shop"]]));

    let read = "/api/shop/chats/120363000000000001%40g.us/messages?limit=5&downloadMedia=false";
    let read = asked(&send(&rest, "GET", read, &Value::Null).await, 200);
    assert_eq!(read["path"], json!("/api/remote-shop/chats/120363000000000001@g.us/messages"));
    assert_eq!(read["query"], json!([["limit", "5"], ["downloadMedia", "false"]]));

    let sticker = json!({ "chatId": "1@c.us", "session": "shop" });
    let sent = asked(&send(&rest, "POST", "/api/sendSticker", &sticker).await, 201);
    assert_eq!(sent["body"]["session"], json!("remote-shop"));
    for (method, path) in [
        ("GET", "/api/shop/contacts/1@c.us"),
        ("POST", "/api/shop/calls/reject"),
        ("GET", "/api/shop/new-message-id"),
        ("GET", "/api/sessions/shop/timelock"),
        ("GET", "/api/sessions/shop/capping"),
    ] {
        let status = if method == "POST" { 201 } else { 200 };
        let told = asked(&send(&rest, method, path, &Value::Null).await, status);
        assert_eq!(told["path"], json!(path.replace("shop", "remote-shop")), "{method} {path}");
    }

    // Hidden ids are answered here, of those that the session has learned.
    let before = scene.asked("GET", "/lids");
    assert!(rest.send_to("GET", "/api/shop/lids", "").await.ok().is_array());
    assert_eq!(scene.asked("GET", "/lids"), before);

    // In the body of a route that has its session in the path, everything is left as it is.
    let edit = json!({ "text": "shop", "session": "other" });
    let edited = "/api/shop/chats/1@c.us/messages/true_1@c.us_3EB0";
    let edited = asked(&send(&rest, "PUT", edited, &edit).await, 200);
    assert_eq!(edited["path"], json!("/api/remote-shop/chats/1@c.us/messages/true_1@c.us_3EB0"));
    assert_eq!(edited["body"], edit);
    // Refusals are the server's, too.
    let refused = send(&rest, "GET", "/api/shop/chats?limit=0", &Value::Null).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("limit must not be less than 1"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_header_goes_further_than_it_must() {
    let (_scene, rest) = scene().await;
    let rest = rest
        .with_header("x-api-key", "ours")
        .with_header("authorization", "Basic secret")
        .with_header("cookie", "session=secret")
        .with_header("x-forwarded-for", "203.0.113.7")
        .with_header("accept", "application/json");
    let answer =
        send(&rest, "GET", "/api/shop/chats?X-API-KEY=ours&x-api-key=ours", &Value::Null).await;
    let told = asked(&answer, 200);
    let mut names: Vec<&str> =
        told["headers"].as_object().expect("headers").keys().map(String::as_str).collect();
    names.retain(|name| *name != "host");
    assert_eq!(names, ["accept", "user-agent", "x-api-key"], "{told}");
    assert_eq!(told["headers"]["x-api-key"], json!("stand-in"));
    assert_eq!(told["query"], json!([]));
    let traced = rest.with_header("traceparent", TRACEPARENT).with_header("tracestate", TRACESTATE);
    let told = asked(&send(&traced, "GET", "/api/shop/chats", &Value::Null).await, 200);
    assert_eq!(told["headers"]["traceparent"], json!(TRACEPARENT));
    assert_eq!(told["headers"]["tracestate"], json!(TRACESTATE));
    for name in ["set-cookie", "x-powered-by", "traceparent"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert!(!answer.text.contains("secret") && !answer.text.contains("ours"), "{answer:?}");
    assert!(answer.header("content-security-policy").contains("sandbox"), "{answer:?}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_the_server_as_a_whole_is_reached() {
    let (scene, rest) = scene().await;
    let before = scene.server().requests().len();
    for (method, path) in [
        ("GET", "/api/keys"),
        ("POST", "/api/keys"),
        ("GET", "/api/apps?session=shop"),
        ("GET", "/api/server/environment"),
        ("POST", "/api/server/stop"),
        ("PUT", "/api/sessions/shop"),
        ("DELETE", "/api/sessions/shop"),
        ("GET", "/api/files/shop/a.jpg"),
        ("GET", "/api/shop/chats/a/b/c"),
        ("GET", "/api/shop/anything"),
    ] {
        assert_eq!(send(&rest, method, path, &Value::Null).await.status, 404, "{method} {path}");
    }
    let text = json!({ "text": "Hi" });
    for (method, path, body) in [
        ("GET", "/api/shop/chats/..%2F..%2Fkeys/messages", Value::Null),
        ("GET", "/api/shop/chats/a%5Cb/messages", Value::Null),
        ("GET", "/api/shop/chats/a%252fb/messages", Value::Null),
        ("GET", "/api/shop%2Fgroups/chats", Value::Null),
        ("GET", "/api/contacts/all", Value::Null),
        ("GET", "/api/contacts/all?session=shop&session=other", Value::Null),
        ("GET", "/api/contacts/all?session=shop&session[]=other", Value::Null),
        ("POST", "/api/sendText", text),
        ("POST", "/api/sendText", json!(["shop"])),
        ("POST", "/api/sendText", json!({ "session": ["shop"] })),
    ] {
        let refused = send(&rest, method, path, &body).await;
        assert_eq!(refused.said(), (400, "INVALID_REQUEST"), "{method} {path} {body}");
    }
    let twice = r#"{"session":"shop","\u0073ession":"other","text":"Hi"}"#;
    assert_eq!(rest.send_to("POST", "/api/sendText", twice).await.said(), (400, "INVALID_REQUEST"));
    let others = scene.server().requests().into_iter().skip(before);
    let is_ours =
        |path: &str| path.starts_with("/api/remote-shop/groups") || path.starts_with("/api/se");
    let stray: Vec<_> = others.filter(|request| !is_ours(&request.path)).collect();
    assert!(stray.is_empty(), "{stray:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_reaches_its_own_sessions_alone() {
    let scene = Scene::with(vec![Options::default()], |settings| {
        paths(settings);
        settings.auth.keys = vec![key("panel", PANEL_KEY, "panel-*")];
    })
    .await;
    let rest = Rest::new(&scene.service).with_header("x-api-key", PANEL_KEY);
    for (method, path, body) in [
        ("GET", "/api/shop/chats", Value::Null),
        ("GET", "/api/contacts/all?session=shop", Value::Null),
        ("POST", "/api/sendText", json!({ "session": "shop", "text": "Hi" })),
    ] {
        let refused = send(&rest, method, path, &body).await;
        assert_eq!(refused.said(), (403, "PERMISSION_DENIED"), "{path}");
        let stranger = send(&Rest::new(&scene.service), method, path, &body).await;
        assert_eq!(stranger.said(), (401, "UNAUTHENTICATED"), "{path}");
        // One that it may use, and that there is not.
        let body = match body.clone() {
            Value::Object(mut fields) => {
                fields.insert("session".to_owned(), json!("panel-1"));
                Value::Object(fields)
            }
            other => other,
        };
        let missing = send(&rest, method, &path.replace("shop", "panel-1"), &body).await;
        assert_eq!(missing.said(), (422, "SESSION_NOT_FOUND"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_without_a_server_says_so_and_a_setting_closes_the_way() {
    let (mut scene, rest) = scene().await;
    let simulated = send(&rest, "GET", "/api/default/chats", &Value::Null).await;
    assert_eq!(simulated.said(), (501, "UNSUPPORTED_BY_ENGINE"));
    let stop = pb::StopSessionRequest { session: "shop".into() };
    scene.service.sessions().stop_session(stop).await.expect("stopped");
    let stopped = send(&rest, "GET", "/api/shop/chats", &Value::Null).await;
    assert_eq!(stopped.said(), (422, "SESSION_NOT_WORKING"));

    scene.service.restart_with(|settings| settings.waha.pass_through = false).await;
    let rest = Rest::new(&scene.service);
    let closed = send(&rest, "GET", "/api/shop/chats", &Value::Null).await;
    assert_eq!(closed.said(), (404, "METHOD_NOT_FOUND"));
    let document = rest.send_to("GET", "/openapi.json", "").await.ok();
    assert!(document["paths"].get("/api/sendText").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_go_through_within_their_bounds() {
    let scene = Scene::with(vec![Options::default()], |settings| {
        paths(settings);
        settings.rest.max_body_bytes = "1MiB".parse().expect("a size");
    })
    .await;
    renamed(&scene).await;
    let rest = Rest::new(&scene.service);
    let film = "x".repeat(700 << 10);
    let body = json!({ "session": "shop", "file": { "data": film } });
    let sent = asked(&send(&rest, "POST", "/api/sendFile", &body).await, 201);
    assert_eq!(sent["body"]["file"]["data"], json!(film));
    assert_eq!(sent["body"]["session"], json!("remote-shop"));
    let in_path = json!({ "text": film });
    let sent = asked(&send(&rest, "POST", "/api/shop/chats/overview", &in_path).await, 201);
    assert_eq!(sent["body"], in_path);

    let large = json!({ "session": "shop", "file": { "data": film.repeat(2) } });
    let refused = send(&rest, "POST", "/api/sendFile", &large).await;
    assert_eq!(refused.said(), (413, "MESSAGE_TOO_LARGE"));
    let refused = send(&rest, "POST", "/api/shop/chats/overview", &large).await;
    assert_eq!(refused.said(), (413, "MESSAGE_TOO_LARGE"));

    // Forms name their session, too.
    let form = http_client().post(format!("{}/api/sendText", scene.service.rest_url()));
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let form = form.body(Bytes::from_static(b"session=shop&chatId=1%40c.us&text=A+b"));
    let response = form.send().await.expect("an answer");
    let told: Value = serde_json::from_str(&response.text().await.expect("text")).expect("JSON");
    let wanted = json!({ "session": "remote-shop", "chatId": "1@c.us", "text": "A b" });
    assert_eq!(told["body"], wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_up_leaves_a_change_open_and_a_read_undone() {
    let (scene, rest) = scene().await;
    let text = json!({ "session": "shop", "text": "Hi" });
    scene.server().fail_next(("POST", "/api/sendText"), Fault::CloseAfterApplying);
    let open = send(&rest, "POST", "/api/sendText", &text).await;
    assert_eq!(open.said(), (504, "OUTCOME_UNKNOWN"));
    scene.server().fail_next(("GET", "/api/remote-shop/chats"), Fault::CloseBeforeApplying);
    let undone = send(&rest, "GET", "/api/shop/chats", &Value::Null).await;
    assert_eq!(undone.said(), (500, "ENGINE_UNAVAILABLE"));
}
