//! Where sessions stand, as it is told to those who ask; and what a logout leaves.

use serde_json::{Value, json};
use wagroups::pb;

use super::client::Rest;
use super::listening;
use super::socket::Socket;
use crate::harness::service::Service;
use crate::hooks::receiver::Receiver;
use crate::hooks::{posting, to};

async fn service() -> Service {
    Service::on_sqlite_with(|settings| {
        listening(settings);
        posting(settings);
    })
    .await
}

/// The status that a frame or a body tells.
fn told(event: &Value) -> &str {
    assert_eq!(event["event"], "session.status", "{event}");
    assert_eq!(event["session"], "default", "{event}");
    assert_eq!(event["payload"]["name"], "default", "{event}");
    assert!(event["id"].as_str().is_some_and(|id| id.starts_with("evt_")), "{event}");
    let status = event["payload"]["status"].as_str().expect("a status");
    let statuses = event["payload"]["statuses"].as_array().expect("statuses");
    let last = statuses.last().expect("the last one");
    assert_eq!(last["status"], status, "{event}");
    assert!(last["timestamp"].is_i64(), "{event}");
    // It is in no log.
    assert!(event["payload"]["_data"].is_null(), "{event}");
    status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sessions_status_is_told_to_those_who_want_it() {
    let service = service().await;
    let rest = Rest::new(&service);
    let mut named = Socket::open(&service, "session=default&events=session.status").await;
    let mut all = Socket::open(&service, "").await;
    let mut of_groups = Socket::open(&service, "events=group.v2.update,message").await;
    let mut of_another = Socket::open(&service, "session=shop").await;
    let (asking, silent) = (Receiver::start().await, Receiver::start().await);
    let passed_on_events = vec!["session.status".to_owned()];
    let request = pb::CreateWebhookRequest { passed_on_events, ..to(&asking) };
    service.create_webhook(request).await;
    service.create_webhook(to(&silent)).await;
    for socket in [&mut named, &mut all, &mut of_groups, &mut of_another] {
        socket.is_told_nothing().await;
    }
    for wish in ["stop", "start", "logout"] {
        let answer = rest.send_to("POST", &format!("/api/sessions/default/{wish}"), "").await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let expected = ["STOPPED", "STARTING", "WORKING", "STARTING", "SCAN_QR_CODE"];
    for socket in [&mut named, &mut all] {
        for (at, status) in expected.into_iter().enumerate() {
            let event = socket.event().await;
            assert_eq!(told(&event), status);
            // Nobody is linked in the end.
            assert_eq!(event["me"].is_null(), at == expected.len() - 1, "{event}");
        }
        socket.is_told_nothing().await;
    }
    for socket in [&mut of_groups, &mut of_another] {
        socket.is_told_nothing().await;
    }
    let posts = asking.until_taken(expected.len()).await;
    assert_eq!(posts.iter().map(|post| told(&post.body)).collect::<Vec<_>>(), expected);
    assert!(posts.iter().all(|post| post.headers.contains_key("x-webhook-hmac")));
    assert_eq!(silent.posts().len(), 0);
    assert!(service.log("default").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_unlinked_is_nobody_and_waits_to_be_linked_again() {
    let service = service().await;
    let rest = Rest::new(&service);
    let get = async |path: &str| rest.send_to("GET", path, "").await;
    let linked = get("/api/sessions/default").await.ok();
    assert!(linked["me"].is_object(), "{linked}");
    let answer = rest.send_to("POST", "/api/sessions/default/logout", "").await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        (&answer.json()["status"], &answer.json()["me"]),
        (&json!("SCAN_QR_CODE"), &Value::Null)
    );
    get("/api/sessions/default/me").await.nothing();
    let session = get("/api/sessions/default").await.ok();
    assert_eq!((&session["status"], &session["me"]), (&json!("SCAN_QR_CODE"), &Value::Null));
    let code = get("/api/default/auth/qr").await;
    assert_eq!((code.status, code.header("content-type")), (200, "image/png"));

    // Where it does not go on by itself, it is not said to wait.
    let unlink = pb::LogoutSessionRequest { session: "default".into() };
    service.sessions().logout_session(unlink).await.expect("unlinked");
    let session = get("/api/sessions/default").await.ok();
    assert_eq!((&session["status"], &session["me"]), (&json!("FAILED"), &Value::Null));
    let refused = get("/api/default/auth/qr").await;
    assert_eq!(refused.said(), (422, "SESSION_NOT_WORKING"));
    assert_eq!(refused.json()["status"], "FAILED");
    let stopped = rest.send_to("POST", "/api/sessions/default/stop", "").await;
    assert_eq!((stopped.status, &stopped.json()["status"]), (201, &json!("STOPPED")));
    // Unlinked while it shall not run, it stays so.
    let answer = rest.send_to("POST", "/api/sessions/default/logout", "").await;
    assert_eq!((answer.status, &answer.json()["status"]), (201, &json!("STOPPED")));
}
