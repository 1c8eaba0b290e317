//! API keys, as WAHA takes and refuses them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use wagroups::config::{ApiKey, Settings};
use wagroups::pb;

use super::client::{Answer, Rest};
use super::listening;
use super::routes::ROUTES;
use crate::harness::service::Service;

const ALL: &str = "wag_all";
const SHOP: &str = "wag_shop";
const GROUP: &str = "120363000000000001@g.us";

async fn service() -> Service {
    let service = Service::on_sqlite_with(|settings: &mut Settings| {
        listening(settings);
        let key = |name: &str, key: &str, pattern: &str| ApiKey {
            name: name.into(),
            sha256: hex::encode(Sha256::digest(key)).parse().expect("a digest"),
            sessions: vec![pattern.parse().expect("a pattern")],
            role: None,
        };
        settings.auth.keys = vec![key("all", ALL, "*"), key("shop", SHOP, "shop-*")];
    });
    let service = service.await;
    for session in ["default", "shop-1"] {
        let message = pb::CreateSessionRequest { session: session.into(), ..Default::default() };
        let mut request = Request::new(message);
        let value: MetadataValue<_> = format!("Bearer {ALL}").parse().expect("a header");
        request.metadata_mut().insert("authorization", value);
        match service.sessions().create_session(request).await {
            Err(status) if status.code() != Code::AlreadyExists => panic!("{status:?}"),
            _ => {}
        }
    }
    service
}

#[track_caller]
fn is_401(answer: &Answer) {
    assert_eq!(answer.said(), (401, "UNAUTHENTICATED"), "{answer:?}");
    assert_eq!(answer.json(), json!({ "message": "Unauthorized", "statusCode": 401 }));
}

#[track_caller]
fn is_403(answer: &Answer) {
    assert_eq!(answer.said(), (403, "PERMISSION_DENIED"), "{answer:?}");
    assert_eq!(answer.json(), json!({ "message": "Forbidden", "statusCode": 403 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_is_served_without_a_key_or_with_a_wrong_one() {
    let service = service().await;
    let rest = Rest::new(&service);
    for route in &ROUTES {
        is_401(&route.over_rest(&rest, "default", GROUP).await);
        is_401(&route.over_rest(&rest.with_header("x-api-key", "wag"), "shop-1", GROUP).await);
        is_401(&route.over_rest(&rest.with_header("x-api-key", ""), "nobody", GROUP).await);
    }
    is_401(&rest.get("?x-api-key=wrong").await);
    is_401(&rest.get("?X-API-KEY=wag_all").await);
    is_401(&rest.with_header("x-api-key", "WAG_ALL").get("").await);
    // Whether or not there is such a path.
    for (method, path) in
        [("GET", "/api/default/nothing"), ("PATCH", "/api/default/groups"), ("GET", "/x")]
    {
        is_401(&rest.send_to(method, path, "").await);
        let known = rest.with_header("x-api-key", ALL).send_to(method, path, "").await;
        assert_eq!(known.said(), (404, "METHOD_NOT_FOUND"), "{method} {path}");
    }
    is_401(&rest.send_to("GET", "/api/sessions", "").await);
    is_401(&rest.send_to("GET", "/api/sessions/default", "").await);
    is_401(&rest.get("/events").await);
    is_401(&rest.get(&format!("/{GROUP}/events")).await);
    // Before a body is looked at.
    is_401(&rest.send("POST", "", "{").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_taken_from_the_header_and_else_from_the_query() {
    let service = service().await;
    let rest = Rest::new(&service);
    assert_eq!(rest.with_header("X-Api-Key", ALL).get("").await.ok(), json!([]));
    let bearer = rest.with_header("authorization", &format!("Bearer {ALL}"));
    assert_eq!(bearer.get("").await.ok(), json!([]));
    assert_eq!(rest.get(&format!("?x-api-key={ALL}")).await.ok(), json!([]));
    assert_eq!(rest.get(&format!("?limit=5&x-api-key={ALL}")).await.ok(), json!([]));
    let body = json!({ "name": "Team", "participants": [] });
    assert_eq!(rest.post(&format!("?x-api-key={ALL}"), body).await.status, 201);
    // The header wins.
    is_401(&rest.with_header("x-api-key", "wrong").get(&format!("?x-api-key={ALL}")).await);
}

/// WAHA behind a proxy with a password, as its dashboard is: browsers send both headers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_counts_beside_a_password_that_is_meant_for_a_proxy() {
    let service = service().await;
    let rest = Rest::new(&service).with_header("authorization", "Basic dXNlcjpwYXNz");
    assert_eq!(rest.with_header("x-api-key", ALL).get("").await.ok(), json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_sees_its_sessions_and_does_not_learn_of_others() {
    let service = service().await;
    let rest = Rest::new(&service).with_header("x-api-key", SHOP);
    for route in &ROUTES {
        for session in ["default", "never-made"] {
            is_403(&route.over_rest(&rest, session, GROUP).await);
        }
        let own = route.over_rest(&rest, "shop-1", GROUP).await;
        assert!(![401, 403].contains(&own.status), "{} {}: {own:?}", route.method, route.path);
        let own = route.over_rest(&rest, "shop-unknown", GROUP).await;
        assert_eq!(own.said(), (422, "SESSION_NOT_FOUND"), "{} {}", route.method, route.path);
    }
    is_403(&rest.send_to("GET", "/api/sessions/default", "").await);
    is_403(&rest.send_to("GET", "/api/sessions/never-made", "").await);
    is_403(&rest.of_session("default").get("/events").await);
    is_403(&rest.of_session("default").get(&format!("/{GROUP}/events")).await);
    let names = |listed: Value| -> Vec<Value> {
        listed.as_array().expect("a list").iter().map(|session| session["name"].clone()).collect()
    };
    let own = rest.send_to("GET", "/api/sessions?all=true", "").await.ok();
    assert_eq!(names(own), [json!("shop-1")]);
    let all = Rest::new(&service).with_header("x-api-key", ALL);
    let known = all.send_to("GET", "/api/sessions", "").await.ok();
    assert_eq!(names(known), [json!("default"), json!("shop-1")]);
    assert_eq!(all.of_session("default").get("").await.ok(), json!([]));
}

/// As in WAHA, where the guard stands before the pipes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_session_is_refused_before_the_request_is_looked_at() {
    let service = service().await;
    let rest = Rest::new(&service).with_header("x-api-key", SHOP);
    let answers = [
        rest.get("?limit=x").await,
        rest.post("", Value::Null).await,
        rest.get("/x").await,
        rest.put(&format!("/{GROUP}/picture"), json!({})).await,
    ];
    let wrong: Vec<_> = answers.iter().filter(|answer| answer.status != 403).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
