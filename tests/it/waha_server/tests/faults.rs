//! What goes wrong on purpose.

use std::time::Duration;

use serde_json::{Value, json};
use wagroups::domain::id::GroupId;
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::waha::webhook::WahaEngine;

use super::{Scene, Socket, person, scene};
use crate::harness::service::eventually;
use crate::waha_server::Fault;

async fn subject(scene: &Scene, id: &GroupId) -> String {
    let truth = scene.whatsapp.simulator().world_group(id).await.expect("the world");
    truth.expect("the group").group.subject.text
}

async fn rename(scene: &Scene, id: &GroupId, subject: &str) -> reqwest::Result<super::Said> {
    let path = format!("/api/alice/groups/{id}/subject");
    scene.client.attempt("PUT", &path, json!({ "subject": subject })).await
}

#[tokio::test]
async fn a_lost_answer_may_or_may_not_have_been_carried_out() {
    let scene = scene(WahaEngine::Gows).await;
    let id = scene.group().await;
    for (fault, applies, hangs) in [
        (Fault::Hang, false, true),
        (Fault::HangAfterApplying, true, true),
        (Fault::CloseBeforeApplying, false, false),
        (Fault::CloseAfterApplying, true, false),
        (Fault::CutBody, true, false),
    ] {
        let before = subject(&scene, &id).await;
        let name = format!("{fault:?}");
        scene.server.fail_next(("PUT", "/subject"), fault);
        if hangs {
            let wait = tokio::time::timeout(Duration::from_millis(300), rename(&scene, &id, &name));
            assert!(wait.await.is_err(), "{name} answers");
        } else {
            assert!(rename(&scene, &id, &name).await.is_err(), "{name} answers");
        }
        let wanted = if applies { name } else { before };
        assert_eq!(subject(&scene, &id).await, wanted);
    }
    rename(&scene, &id, "Crew").await.expect("an answer").nothing();
    scene.server.assert_polite();
}

#[tokio::test]
async fn an_answer_may_be_anything() {
    let scene = scene(WahaEngine::Gows).await;
    let id = scene.group().await;
    let get = async || scene.get("alice", &format!("/{id}")).await;
    let fail = |fault: Fault| scene.server.fail_next(id.as_str(), fault);
    fail(Fault::Status(503, "text/plain", "no".into()));
    let said = get().await;
    assert_eq!((said.status, &*said.kind, &*said.text), (503, "text/plain", "no"));
    fail(Fault::HtmlFromProxy(502));
    let said = get().await;
    assert_eq!((said.status, said.text.contains("502 Bad Gateway")), (502, true));
    fail(Fault::HtmlFromProxyAfterApplying(504));
    assert_eq!(get().await.status, 504);
    fail(Fault::RateLimited429WithRetryAfter(7));
    let said = get().await;
    assert_eq!((said.status, said.headers["retry-after"].as_bytes()), (429, &b"7"[..]));
    fail(Fault::Exception { message: "odd".into(), extras: json!({ "data": 429 }) });
    let exception = get().await.exception();
    assert_eq!((&exception["message"], &exception["data"]), (&json!("odd"), &json!(429)));
    fail(Fault::TruncatedJson);
    let said = get().await;
    assert_eq!(said.status, 200);
    assert!(serde_json::from_str::<Value>(&said.text).is_err());
    fail(Fault::HugeList(1 << 20));
    let said = get().await;
    assert!(said.text.len() >= 1 << 20);
    assert!(serde_json::from_str::<Value>(&said.text).expect("JSON").is_array());
    fail(Fault::SlowDrip);
    let wait = tokio::time::timeout(Duration::from_millis(300), get());
    assert!(wait.await.is_err(), "it has hardly begun");
    get().await.json(200);
}

#[tokio::test]
async fn a_dead_server_refuses_and_forgets_and_comes_back() {
    let scene = scene(WahaEngine::Gows).await;
    let id = scene.group().await;
    let query = "session=alice&x-api-key=stand-in";
    let mut socket = Socket::open(&scene.server, query).await;
    scene.server.fail_next("/subject", Fault::Hang);
    let hanging = {
        let (client, path) = (scene.client.clone(), format!("/api/alice/groups/{id}/subject"));
        tokio::spawn(async move { client.attempt("PUT", &path, json!({ "subject": "x" })).await })
    };
    eventually("the call hangs", || async {
        (scene.server.requests().iter().any(|request| request.method == "PUT")).then_some(())
    })
    .await;
    scene.server.kill().await;
    assert!(hanging.await.expect("a task").is_err(), "cut off");
    assert_eq!(socket.message().await, None, "no close frame");
    let refused = rename(&scene, &id, "Crew").await.expect_err("refused");
    assert!(refused.is_connect(), "{refused:?}");
    scene.act(person(1), Operation::SetSubject(id.clone(), "Lost".into())).await;
    scene.whatsapp.until_told(&scene.server.simulated("alice")).await;

    scene.server.revive().await;
    let mut socket = Socket::open(&scene.server, query).await;
    rename(&scene, &id, "Crew").await.expect("an answer").nothing();
    let event = socket.event_of("group.v2.update").await;
    assert_eq!(event["payload"]["group"]["subject"], json!("Crew"));
}

#[tokio::test]
async fn events_are_lost_repeated_and_cut_off() {
    let scene = scene(WahaEngine::Gows).await;
    let id = scene.group().await;
    let query = "session=alice&events=group.v2.update&x-api-key=stand-in";
    let mut socket = Socket::open(&scene.server, query).await;
    let mut other = Socket::open(&scene.server, query).await;
    scene.server.lose_next_events(2);
    // Bob is told of it as well.
    rename(&scene, &id, "Lost").await.expect("an answer").nothing();
    for name in ["alice", "bob"] {
        scene.whatsapp.until_told(&scene.server.simulated(name)).await;
    }
    scene.server.repeat_events(true);
    rename(&scene, &id, "Twice").await.expect("an answer").nothing();
    let (first, second) = (socket.event().await, socket.event().await);
    assert_eq!((&first["payload"]["group"]["subject"], &first), (&json!("Twice"), &second));
    scene.server.drop_websockets();
    assert_eq!(socket.message().await, None);
    while let Some(message) = other.message().await {
        assert!(message.is_text(), "no close frame");
    }
    rename(&scene, &id, "Crew").await.expect("the server goes on").nothing();
}

#[tokio::test]
async fn a_group_that_is_not_synced_is_blank() {
    for engine in [WahaEngine::Gows, WahaEngine::Noweb] {
        let scene = scene(engine).await;
        let id = scene.group().await;
        scene.server.blank(&id);
        let got = scene.get("alice", &format!("/{id}")).await.json(200);
        let blank = match engine {
            WahaEngine::Gows => got["Name"] == json!("") && got["Participants"].is_null(),
            _ => got.get("subject").is_none() && got["creation"].is_null(),
        };
        assert!(blank, "{got}");
    }
}
