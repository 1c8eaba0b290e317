//! The code that links a session, as WAHA shows it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wagroups::pb;

use super::client::Rest;
use super::listening;
use crate::harness::service::Service;

const QR: &str = "/api/default/auth/qr";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_is_a_picture_or_json_or_its_text() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    // A session that works has none.
    let wanted = json!({
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": "default", "status": "WORKING", "expected": ["SCAN_QR_CODE"],
    });
    let linked = rest.send_to("GET", QR, "").await;
    assert_eq!((linked.status, linked.json()), (422, wanted.clone()));
    let body = json!({ "phoneNumber": "4915120000001" }).to_string();
    let ask = async || rest.send_to("POST", "/api/default/auth/request-code", body.clone()).await;
    let linked = ask().await;
    assert_eq!((linked.status, linked.json()), (422, wanted));

    let mut sessions = service.sessions();
    let session = || "default".to_owned();
    sessions.logout_session(pb::LogoutSessionRequest { session: session() }).await.expect("out");
    assert_eq!(rest.send_to("GET", QR, "").await.said(), (422, "SESSION_NOT_WORKING"));
    sessions.start_session(pb::StartSessionRequest { session: session() }).await.expect("started");

    let raw = rest.send_to("GET", "/api/default/auth/qr?format=raw", "").await.ok();
    assert!(raw["value"].as_str().is_some_and(|text| !text.is_empty()), "{raw}");
    for accept in ["image/png", "*/*", "application/json, */*"] {
        let picture = rest.with_header("accept", accept).send_to("GET", QR, "").await;
        assert_eq!((picture.status, picture.header("content-type")), (200, "image/png"));
        assert_eq!(picture.header("cache-control"), "no-store");
    }
    // Only exactly so, as in WAHA.
    let in_json = rest.with_header("accept", "application/json").send_to("GET", QR, "").await.ok();
    assert_eq!(in_json["mimetype"], json!("image/png"));
    let bytes = STANDARD.decode(in_json["data"].as_str().expect("a text")).expect("base64");
    let picture = image::load_from_memory(&bytes).expect("a picture");
    assert_eq!(picture.width(), picture.height());
    let wrong = rest.send_to("GET", "/api/default/auth/qr?format=svg", "").await;
    assert_eq!(wrong.said(), (400, "INVALID_REQUEST"));

    let code = ask().await;
    assert_eq!(code.status, 201, "{code:?}");
    let code: Value = code.json();
    let shown = code["code"].as_str().expect("a code");
    assert_eq!((shown.len(), shown.as_bytes()[4]), (9, b'-'), "{shown}");
    let unknown = rest.send_to("GET", "/api/nobody/auth/qr", "").await;
    assert_eq!(unknown.said(), (422, "SESSION_NOT_FOUND"));
}
