//! Where webhooks may not go: sessions that take none, other paths, other methods, names that are none.

use serde_json::json;
use wagroups::pb;
use wagroups::pb::create_session_request::Config;

use super::raw::{exchange, head};
use super::{SECRET, SESSION, Scene, now};
use crate::webhook::sender::{event, event_id, members, sign};

/// Whoever has no secret learns nothing of which sessions there are: answers are the same to the letter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_take_no_webhooks_answer_like_those_that_do() {
    let mut scene = Scene::on_sqlite().await;
    let closed = pb::CreateSessionRequest {
        session: "closed".into(),
        config: Some(Config::Waha(pb::WahaConfig::default())),
        ..Default::default()
    };
    scene.service.sessions().create_session(closed).await.expect("a session");
    scene.service.create_waha_session("stopped", SECRET).await;
    let stop = pb::StopSessionRequest { session: "stopped".into() };
    scene.service.sessions().stop_session(stop).await.expect("stopped");
    scene.service.create_waha_session("deleted", SECRET).await;
    let delete = pb::DeleteSessionRequest { session: "deleted".into() };
    scene.service.sessions().delete_session(delete).await.expect("deleted");
    let stranger = scene.sender.with_secret("what a stranger knows");
    let mut told = Vec::new();
    for session in [SESSION, "no-such-session", "SHOP", "deleted", "default", "closed", "stopped"] {
        let joins = members(super::GROUP, "join", &["9@lid"], now());
        let number = scene.number();
        let body = event(session, &event_id(number), now(), "group.v2.participants", joins);
        let mut answer = stranger.deliver(session, body.to_string()).await.expect("an answer");
        scene.check(session, &answer, (401, "WRONG_SIGNATURE")).await;
        answer.headers.remove("date");
        told.push((answer.body.to_string(), format!("{:?}", answer.headers)));
        // And without a signature, before the body is read.
        let request = head("POST", &format!("/webhook/{session}"), &[("content-length", "10")]);
        scene.check(session, &exchange(&scene.url(), request).await, (401, "NOT_SIGNED")).await;
        // Who has the secret of a session that is stopped is told so; of others there is none to have.
        if session != SESSION {
            let wanted = match session {
                "stopped" => (409, "SESSION_NOT_WORKING"),
                _ => (401, "WRONG_SIGNATURE"),
            };
            let answer = scene.sender.deliver(session, body.to_string()).await.expect("an answer");
            scene.check(session, &answer, wanted).await;
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_another_session_or_account_are_refused() {
    let mut scene = Scene::on_sqlite().await;
    for other in ["Shop", "shop ", "", "other", &"x".repeat(100_000), "shop\u{0}"] {
        let mut body = scene.good();
        body["session"] = other.into();
        let answer = scene.post(body.to_string()).await;
        let what = format!("of the session {:?}", other.get(..10).unwrap_or(other));
        scene.check(&what, &answer, (422, "OTHER_SESSION")).await;
    }
    let strangers = [
        ("by number", json!({ "id": "4915100000002@c.us" })),
        ("by hidden id", json!({ "id": "4915100000002@c.us", "lid": "2@lid" })),
        ("by its device", json!({ "jid": "4915100000002:9@s.whatsapp.net" })),
    ];
    for (how, me) in strangers {
        for name in ["group.v2.participants", "session.status"] {
            let mut body = scene.good();
            body["event"] = name.into();
            body["payload"]["status"] = "FAILED".into();
            body["me"] = me.clone();
            let answer = scene.post(body.to_string()).await;
            let what = format!("a {name} of another account, {how}");
            scene.check(&what, &answer, (409, "ALREADY_LOGGED_IN")).await;
        }
    }
    let get = pb::GetSessionRequest { session: SESSION.into() };
    let session = scene.service.sessions().get_session(get).await.expect("it").into_inner();
    let session = session.session.expect("a session");
    assert_eq!(session.status(), pb::SessionStatus::Working);
    assert_eq!(session.account.expect("an account").id, "1@lid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_methods_and_paths_are_no_webhooks() {
    let mut scene = Scene::on_sqlite().await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "BREW"] {
        let request = head(method, "/webhook/shop", &[("connection", "close")]);
        let mut answer = exchange(&scene.url(), request).await;
        assert_eq!(answer.header("allow"), "POST", "{method}: {answer:?}");
        if method == "HEAD" {
            // Has no body by its nature.
            answer.body = json!({ "reason": "METHOD_NOT_ALLOWED" });
        }
        scene.check(method, &answer, (405, "METHOD_NOT_ALLOWED")).await;
    }
    let nowhere = (404, "NO_SUCH_PATH");
    let long = format!("/webhook/{}", "x".repeat(65));
    let longer = format!("/webhook/{}", "x".repeat(10_000));
    let paths = [
        ("/", nowhere),
        ("/webhook", nowhere),
        ("/webhook/", nowhere),
        ("/webhook/shop/", nowhere),
        ("/webhook/shop/events", nowhere),
        ("/Webhook/shop", nowhere),
        ("//webhook/shop", nowhere),
        ("/metrics", nowhere),
        ("/livez", nowhere),
        ("/api/shop/groups", nowhere),
        // Names that no session can have.
        ("/webhook/..", nowhere),
        ("/webhook/.", nowhere),
        ("/webhook/../webhook/shop", nowhere),
        ("/webhook/%2e%2e%2fwebhook%2fshop", nowhere),
        ("/webhook/shop%2F..", nowhere),
        ("/webhook/shop%00", nowhere),
        ("/webhook/%20shop", nowhere),
        ("/webhook/%zz", nowhere),
        ("/webhook/%", nowhere),
        ("/webhook/%f", nowhere),
        ("/webhook/%ff%fe", nowhere),
        ("/webhook/*", nowhere),
        ("/webhook/shop;x=y", nowhere),
        (&long, nowhere),
        (&longer, nowhere),
        // Decoded once, and only once.
        ("/webhook/%2573hop", nowhere),
        // Other ways to write where it is.
        ("/webhook/%73hop", (200, "accepted")),
        ("/webhook/shop?session=other", (200, "accepted")),
    ];
    for (path, wanted) in paths {
        let body = scene.good().to_string();
        let headers = [
            ("x-webhook-hmac", sign(SECRET, body.as_bytes())),
            ("content-length", body.len().to_string()),
            ("connection", "close".to_owned()),
        ];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let request = head("POST", path, &headers) + &body;
        let answer = exchange(&scene.url(), request).await;
        if wanted.0 == 200 {
            scene.log = scene.service.log(SESSION).await;
        }
        scene.check(path.get(..60).unwrap_or(path), &answer, wanted).await;
    }
}
