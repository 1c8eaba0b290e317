//! Sessions, keys, and what the server says of itself.

use serde_json::{Value, json};
use wagroups::domain::operation::{EngineCall, FetchAll, Perform as _};
use wagroups::engine::waha::webhook::WahaEngine;

use super::{Scene, scene, scene_of};
use crate::harness::service::eventually;
use crate::waha_server::Options;

async fn call(scene: &Scene, method: &str, path: &str, body: Value) -> super::Said {
    scene.client.call(method, &format!("/api{path}"), body).await
}

#[tokio::test]
async fn a_session_is_made_linked_stopped_and_unlinked() {
    let scene = scene(WahaEngine::Gows).await;
    let made = call(&scene, "POST", "/sessions", json!({ "name": "dora" })).await.json(201);
    assert_eq!((&made["status"], &made["me"]), (&json!("STARTING"), &Value::Null));
    call(&scene, "GET", "/sessions/dora/me", Value::Null).await.nothing();
    let qr = call(&scene, "GET", "/dora/auth/qr?format=raw", Value::Null).await.json(200);
    assert!(qr["value"].as_str().expect("a code").starts_with("2@"), "{qr}");
    let phone = json!({ "phoneNumber": "4915120000001" });
    let code = call(&scene, "POST", "/dora/auth/request-code", phone).await.json(201);
    let code = code["code"].as_str().expect("a code");
    assert_eq!((code.len(), &code[4..5]), (9, "-"));
    let waits = call(&scene, "GET", "/dora/groups", Value::Null).await.json(422);
    let error = "Session status is not as expected. Try again later or restart the session";
    let wanted = json!({
        "error": error, "session": "dora", "status": "SCAN_QR_CODE", "expected": ["WORKING"],
    });
    assert_eq!(waits, wanted);

    scene.server.link("dora").await;
    let me = call(&scene, "GET", "/sessions/dora/me", Value::Null).await.json(200);
    assert!(me["lid"].as_str().is_some_and(|lid| lid.ends_with("@lid")), "{me}");
    assert_eq!(call(&scene, "GET", "/dora/groups", Value::Null).await.json(200), json!([]));
    let stopped = call(&scene, "POST", "/sessions/dora/stop", Value::Null).await.json(201);
    assert_eq!(stopped["status"], json!("STOPPED"));
    let names = async |query: &str| {
        let listed = call(&scene, "GET", &format!("/sessions{query}"), Value::Null).await.json(200);
        listed.as_array().map(Vec::len)
    };
    assert_eq!((names("").await, names("?all=true").await), (Some(2), Some(3)));
    let gone = call(&scene, "GET", "/sessions/dora/me", Value::Null).await.json(404);
    assert!(gone["message"].as_str().expect("a text").starts_with("We didn't find a session"));
    let started = call(&scene, "POST", "/sessions/dora/start", Value::Null).await.json(201);
    assert_eq!(started["status"], json!("STARTING"));
    assert_eq!(call(&scene, "GET", "/dora/groups", Value::Null).await.json(200), json!([]));
    let out = call(&scene, "POST", "/sessions/dora/logout", Value::Null).await.json(201);
    assert_eq!((&out["status"], &out["me"]), (&json!("STOPPED"), &Value::Null));
    call(&scene, "GET", "/dora/auth/qr?format=raw", Value::Null).await.json(200);
    scene.server.assert_polite();
}

#[tokio::test]
async fn sessions_that_do_not_work_say_why() {
    let scene = scene(WahaEngine::Noweb).await;
    let nobody = scene.get("nobody", "").await.json(422);
    let wanted = json!({ "error": "Session \"nobody\" does not exist", "session": "nobody" });
    assert_eq!(nobody, wanted);
    let unknown = call(&scene, "GET", "/sessions/nobody", Value::Null).await.json(404);
    assert_eq!(unknown["message"], json!("Session not found"));
    for status in ["STOPPED", "STARTING", "FAILED", "PASSKEY_REQUIRED"] {
        scene.server.set_status("alice", status).await;
        assert_eq!(scene.get("alice", "").await.json(422)["status"], json!(status));
        let shown = call(&scene, "GET", "/sessions/alice", Value::Null).await.json(200);
        assert_eq!(shown["status"], json!(status));
        assert_eq!(shown["engine"], json!({ "engine": "NOWEB" }));
    }
    // Who has to be linked anew shows a code.
    scene.server.set_status("bob", "SCAN_QR_CODE").await;
    call(&scene, "GET", "/bob/auth/qr?format=raw", Value::Null).await.json(200);
    scene.server.link("bob").await;
    scene.get("bob", "").await.json(200);
    scene.server.set_status("alice", "WORKING").await;
    scene.get("alice", "").await.json(200);
    // WhatsApp breaks the connection for a moment, and then the link for good.
    let simulated = scene.server.simulated("alice");
    let simulator = scene.whatsapp.simulator();
    simulator.disconnect(&simulated, std::time::Duration::from_secs(1)).await;
    let status = async |wanted: &str| {
        eventually(wanted, || async {
            (scene.server.session("alice").status == wanted).then_some(())
        })
        .await;
    };
    status("STARTING").await;
    status("WORKING").await;
    simulator.unlink(&simulated).await.expect("unlinked");
    status("FAILED").await;
    assert!(simulator.perform(EngineCall::of_query(&simulated), &FetchAll {}).await.is_err());
}

#[tokio::test]
async fn a_server_says_what_it_is_to_who_has_the_key() {
    let scene = scene_of(Options { engine: WahaEngine::Webjs, ..Options::default() }).await;
    for path in ["/server/version", "/version"] {
        let version = call(&scene, "GET", path, Value::Null).await.json(200);
        assert_eq!(
            (&version["version"], &version["engine"]),
            (&json!("2026.9.2"), &json!("WEBJS"))
        );
        assert!(version["browser"].is_string(), "{version}");
    }
    let url = scene.server.url();
    let http = &scene.client.http;
    let status =
        async |path: &str| http.get(format!("{url}{path}")).send().await.expect("sent").status();
    assert_eq!(status("/ping").await, 200);
    assert_eq!(status("/health").await, 401);
    assert_eq!(status("/health?x-api-key=stand-in").await, 200);
    assert_eq!(status("/api/sessions?x-api-key=wrong").await, 401);
    assert_eq!(status("/api/nonsense?x-api-key=stand-in").await, 404);
}

#[tokio::test]
async fn hidden_ids_lead_to_numbers_as_far_as_they_are_known() {
    let scene = scene(WahaEngine::Webjs).await;
    let (lid, phone) = scene.bob.both_names().expect("both names");
    let of_lid = async || call(&scene, "GET", &format!("/alice/lids/{lid}"), Value::Null).await;
    assert_eq!(of_lid().await.json(200), json!({ "lid": lid, "pn": null }));
    scene.group().await;
    assert_eq!(of_lid().await.json(200), json!({ "lid": lid, "pn": phone }));
    let path = format!("/alice/lids/pn/{}", phone.get());
    let of_phone = call(&scene, "GET", &path, Value::Null).await.json(200);
    assert_eq!(of_phone, json!({ "lid": lid, "pn": phone }));
    let count = call(&scene, "GET", "/alice/lids/count", Value::Null).await.json(200);
    assert_eq!(count, json!({ "count": 3 }));
    let page = call(&scene, "GET", "/alice/lids?limit=2&offset=2", Value::Null).await.json(200);
    assert_eq!(page.as_array().map(Vec::len), Some(1));
}
