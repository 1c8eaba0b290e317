//! What clients of WAHA ask first, and how they start and stop sessions.

use serde_json::{Value, json};

use super::client::{Answer, Rest};
use super::{listening, served_on_each_database};
use crate::harness::service::Service;
use crate::service::keys::{ALL, SHOP, with_keys};

served_on_each_database!(sessions_are_started_and_stopped_as_in_waha);

fn with_keys_and_paths(settings: &mut wagroups::config::Settings) {
    listening(settings);
    with_keys(settings);
}

async fn get(rest: &Rest, path: &str) -> Answer {
    rest.send_to("GET", path, "").await
}

async fn post(rest: &Rest, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    rest.send_to("POST", path, body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ping_needs_no_key_and_all_else_does() {
    let service = Service::on_sqlite_with(with_keys_and_paths).await;
    let stranger = Rest::new(&service);
    assert_eq!(get(&stranger, "/ping").await.ok(), json!({ "message": "pong" }));
    let others = [
        "/health",
        "/api/version",
        "/api/server/version",
        "/api/server/status",
        "/api/sessions/shop-1/me",
        "/api/shop-1/auth/qr",
        "/api/shop-1/lids",
    ];
    for path in others {
        assert_eq!(get(&stranger, path).await.said(), (401, "UNAUTHENTICATED"), "{path}");
    }
    // A key of some sessions may ask who answers, and not how the whole service is.
    let shop = stranger.with_header("x-api-key", SHOP);
    for path in ["/api/version", "/api/server/version", "/api/server/status"] {
        assert_eq!(get(&shop, path).await.status, 200, "{path}");
    }
    assert_eq!(get(&shop, "/health").await.said(), (403, "PERMISSION_DENIED"));
    assert_eq!(get(&stranger.with_header("x-api-key", ALL), "/health").await.status, 200);
    for path in ["/api/sessions/default/start", "/api/sessions/default/logout"] {
        assert_eq!(post(&shop, path, Value::Null).await.said(), (403, "PERMISSION_DENIED"));
    }
    let by_body = post(&shop, "/api/sessions/stop", json!({ "name": "default" })).await;
    assert_eq!(by_body.said(), (403, "PERMISSION_DENIED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_says_what_and_how_it_is() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    let version = get(&rest, "/api/server/version").await.ok();
    assert_eq!(version["version"], json!(env!("CARGO_PKG_VERSION")));
    assert_eq!(version["engine"], json!("wagroups"));
    assert_eq!(version["tier"], json!("CORE"));
    assert!(version["platform"].as_str().is_some_and(|text| text.contains('/')), "{version}");
    assert_eq!(version["worker"], json!({ "id": null }));
    assert_eq!(get(&rest, "/api/version").await.ok(), version);

    let earlier = get(&rest, "/api/server/status").await.ok();
    let later = get(&rest, "/api/server/status").await.ok();
    assert_eq!(earlier["startTimestamp"], later["startTimestamp"]);
    assert!(earlier["startTimestamp"].as_i64() > Some(1_700_000_000_000), "{earlier}");
    assert!(earlier["uptime"].as_i64() <= later["uptime"].as_i64(), "{earlier} {later}");

    let up = json!({ "status": "up" });
    let all = json!({ "database": up, "commits": up, "service": up });
    let wanted = json!({ "status": "ok", "info": all, "error": {}, "details": all });
    assert_eq!(get(&rest, "/health").await.ok(), wanted);
}

async fn sessions_are_started_and_stopped_as_in_waha(service: Service) {
    let rest = Rest::new(&service);
    let me = get(&rest, "/api/sessions/default/me").await.ok();
    assert!(me["id"].as_str().is_some_and(|id| id.ends_with("@c.us")), "{me}");
    assert_eq!(get(&rest, "/api/sessions/default").await.ok()["me"], me);

    let status = |answer: &Answer| {
        assert_eq!(answer.status, 201, "{answer:?}");
        let told = answer.json();
        assert_eq!(told["name"], json!("default"));
        assert!(told["config"].is_object(), "{told}");
        told["status"].as_str().expect("a status").to_owned()
    };
    let ask =
        async |what: &str| post(&rest, &format!("/api/sessions/default/{what}"), Value::Null).await;
    assert_eq!(status(&ask("stop").await), "STOPPED");
    assert_eq!(status(&ask("stop").await), "STOPPED");
    let stopped = get(&rest, "/api/sessions/default/me").await;
    assert_eq!(stopped.status, 404);
    let message = stopped.json()["message"].as_str().expect("a message").to_owned();
    assert!(message.starts_with("We didn't find a session with name 'default'."), "{message}");
    assert_eq!(status(&ask("start").await), "WORKING");
    assert_eq!(status(&ask("restart").await), "WORKING");
    assert_eq!(get(&rest, "/api/sessions/default/me").await.ok(), me);
    assert_eq!(status(&ask("logout").await), "SCAN_QR_CODE");

    // The addresses of before, with the name in the body.
    let named =
        async |what: &str, body: Value| post(&rest, &format!("/api/sessions/{what}"), body).await;
    let nothing = |answer: &Answer| {
        assert_eq!((answer.status, answer.text.as_str()), (201, ""), "{answer:?}");
    };
    assert_eq!(status(&named("start", json!({ "name": "default" })).await), "SCAN_QR_CODE");
    nothing(&named("stop", json!({ "name": "default" })).await);
    nothing(&named("logout", json!({ "name": "default" })).await);
    nothing(&named("stop", json!({ "name": "default", "logout": true })).await);
    assert_eq!(named("stop", json!({})).await.said(), (400, "INVALID_REQUEST"));
    let wrong = json!({ "name": "default", "logout": "perhaps" });
    assert_eq!(named("stop", wrong).await.said(), (400, "INVALID_REQUEST"));

    let not_found =
        json!({ "message": "Session not found", "error": "Not Found", "statusCode": 404 });
    for what in ["start", "stop", "restart", "logout"] {
        let unknown = post(&rest, &format!("/api/sessions/nobody/{what}"), Value::Null).await;
        assert_eq!(unknown.said(), (404, "SESSION_NOT_FOUND"));
        assert_eq!(unknown.json(), not_found);
    }
    assert_eq!(get(&rest, "/api/sessions/nobody/me").await.said(), (404, "SESSION_NOT_FOUND"));
}

/// What WAHA answers for a session that nobody has linked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_known_yet_is_nobody() {
    let service = Service::on_sqlite_with(listening).await;
    service.create_waha_session("told", "a secret of webhooks").await;
    let rest = Rest::new(&service);
    get(&rest, "/api/sessions/told/me").await.nothing();
    // It is told of WhatsApp, and can ask nothing of it.
    let unlinked = post(&rest, "/api/sessions/told/logout", Value::Null).await;
    assert_eq!(unlinked.said(), (501, "UNSUPPORTED_BY_ENGINE"));
}
