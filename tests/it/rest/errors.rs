//! The three bodies of WAHA's errors, word for word.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wagroups::config::{ByteSize, Settings};
use wagroups::pb;
use wagroups::pb::inject_fault_request::Fault;

use super::client::{Rest, ids};
use super::listening;
use crate::harness::service::{PATIENCE, Service, eventually};
use crate::service::refusals::calls::{PERSON, group_of};
use crate::service::refusals::{clear, inject};

const NOWHERE: &str = "120363999999999999@g.us";

async fn served(change: impl FnOnce(&mut Settings)) -> (Service, Rest) {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        change(settings);
    });
    let service = service.await;
    let rest = Rest::new(&service);
    (service, rest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_cannot_serve_is_422_in_the_words_of_the_session_waiter() {
    let (service, rest) = served(|_| ()).await;
    let unknown = rest.of_session("x").get("").await;
    assert_eq!(unknown.said(), (422, "SESSION_NOT_FOUND"));
    let wanted = json!({ "error": "Session \"x\" does not exist", "session": "x" });
    assert_eq!(unknown.json(), wanted);
    for session in ["stopped", "unlinked", "broken"] {
        service.create_session(session).await;
    }
    let mut sessions = service.sessions();
    let stop = pb::StopSessionRequest { session: "stopped".into() };
    sessions.stop_session(stop).await.expect("stopped");
    let unlink = pb::LogoutSessionRequest { session: "unlinked".into() };
    sessions.logout_session(unlink).await.expect("unlinked");
    let hour = Some(prost_types::Duration { seconds: 3600, nanos: 0 });
    let disconnect = Fault::Disconnect(pb::DisconnectFault { duration: hour });
    let request = pb::InjectFaultRequest {
        session: "broken".into(),
        fault: Some(disconnect),
        ..Default::default()
    };
    service.simulator().inject_fault(request).await.expect("a fault");
    // WAHA's own, without WORKING, which is what was expected.
    let known: &[&str] = &["STOPPED", "STARTING", "SCAN_QR_CODE", "FAILED"];
    let states = [
        ("stopped", "SESSION_NOT_WORKING", &known[..1]),
        ("unlinked", "LOGGED_OUT", known),
        ("broken", "SESSION_STARTING", &known[1..2]),
    ];
    let mut wrong = Vec::new();
    for (session, reason, statuses) in states {
        let answer = rest.of_session(session).post("/refresh", Value::Null).await;
        assert_eq!(answer.said(), (422, reason), "{session}");
        let said = answer.json();
        let wanted = json!({
            "error": "Session status is not as expected. Try again later or restart the session",
            "session": session, "status": said["status"], "expected": ["WORKING"],
        });
        assert_eq!(said, wanted);
        if !statuses.contains(&said["status"].as_str().unwrap_or_default()) {
            wrong.push(format!("{session} is {}, and not one of {statuses:?}", said["status"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_whatsapp_refuses_is_500_with_an_exception_and_without_the_callers_body() {
    let (service, rest) = served(|_| ()).await;
    let path = format!("/{NOWHERE}/subject?one=1&x-api-key=secret");
    let answer = rest.put(&path, json!({ "subject": "Of the caller" })).await;
    assert_eq!(answer.said(), (500, "GROUP_NOT_FOUND"));
    for private in ["Of the caller", "secret", "stack"] {
        assert!(!answer.text.contains(private), "{}", answer.text);
    }
    let body = answer.json();
    assert_eq!(body["statusCode"], json!(500));
    let time = body["timestamp"].as_str().expect("a time");
    assert!(time.contains('T') && time.ends_with('Z'), "{time}");
    let exception = &body["exception"];
    assert_eq!(exception["name"], json!("Error"));
    assert!(exception["message"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(exception["reason"], json!("GROUP_NOT_FOUND"));
    let request = &body["request"];
    assert_eq!(request["path"], json!(format!("/api/default/groups/{NOWHERE}/subject")));
    assert_eq!(request["method"], json!("PUT"));
    assert_eq!(request.get("body"), None);
    assert_eq!(request["query"], json!({ "one": "1" }));
    assert_eq!(body["version"]["tier"], json!("CORE"));
    assert_eq!(body["version"]["worker"], json!({ "id": null }));
    assert!(body["version"]["platform"].as_str().is_some_and(|text| text.contains('/')), "{body}");
    assert!(body["version"]["version"].is_string() && body["version"]["engine"].is_string());

    // WhatsApp's own code stands where NOWEB has it.
    let group = group_of(&service, "default", &[PERSON]).await;
    let refuse = Fault::Refuse(pb::RefuseFault { code: 429, text: "rate-overlimit".into() });
    inject(&service, "default", &["AddParticipants"], refuse).await;
    let add = json!({ "participants": ids(&["4915120000005"]) });
    let answer = rest.post(&format!("/{group}/participants/add"), add).await;
    assert_eq!(answer.said(), (500, "RATE_LIMITED"), "{answer:?}");
    assert_eq!(answer.json()["exception"]["data"], json!(429), "{answer:?}");
    assert!(!answer.text.contains("4915120000005"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_outcome_is_open_is_504_and_its_repetition_says_what_became_of_it() {
    let (service, rest) = served(|_| ()).await;
    let group = group_of(&service, "default", &[PERSON]).await;
    let drop = pb::DropConnectionFault { point: pb::FaultPoint::AfterApply.into() };
    inject(&service, "default", &["SetGroupSubject"], Fault::DropConnection(drop)).await;
    let rest = rest.with_header("idempotency-key", "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11");
    let (path, body) = (format!("/{group}/subject"), json!({ "subject": "Crew" }));
    let open = rest.put(&path, body.clone()).await;
    assert_eq!(open.said(), (504, "OUTCOME_UNKNOWN"));
    let said = open.json();
    assert_eq!(said["statusCode"], json!(504));
    assert_eq!(said["error"], json!("Gateway Timeout"));
    clear(&service).await;
    // It has happened, and happens once.
    eventually("the change is known", || async {
        let held = service.get_group(&group, 0).await.ok()?;
        (held.subject == "Crew").then_some(())
    })
    .await;
    let again = eventually("the repetition is settled", || async {
        let again = rest.put(&path, body.clone()).await;
        (again.status != 422).then_some(again)
    })
    .await;
    assert!([(200, ""), (504, "OUTCOME_UNKNOWN")].contains(&again.said()), "{again:?}");
    let renamed = service.log("default").await.len();
    assert_eq!(renamed, 2, "made, and renamed once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_not_served_is_404_in_the_words_of_nest() {
    let (_service, rest) = served(|_| ()).await;
    let cases = [
        ("GET", "/api/default/nothing"),
        ("POST", "/"),
        ("GET", "/dashboard"),
        ("GET", "/api/default/groups/count/more"),
        ("PATCH", "/api/default/groups"),
        ("DELETE", "/api/default/groups/120363000000000001@g.us/subject"),
        ("POST", "/api/default/groups/120363000000000001@g.us/settings/security/unknown"),
    ];
    for (method, path) in cases {
        let answer = rest.send_to(method, path, "").await;
        assert_eq!(answer.said(), (404, "METHOD_NOT_FOUND"), "{method} {path}");
        let wanted = json!({
            "message": format!("Cannot {method} {path}"), "error": "Not Found", "statusCode": 404,
        });
        assert_eq!(answer.json(), wanted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_json_is_400_and_changes_nothing() {
    let (service, rest) = served(|_| ()).await;
    for body in ["{", "{\"name\": \"Team\",}", "\u{0}", "name=Team", "{\"name\":\"T\"} x"] {
        let answer = rest.send("POST", "", body).await;
        assert_eq!(answer.said(), (400, "INVALID_REQUEST"), "{body:?}");
        let said = answer.json();
        assert!(said["message"].is_string(), "{said}");
        assert_eq!((&said["error"], &said["statusCode"]), (&json!("Bad Request"), &json!(400)));
        assert_eq!(said.as_object().expect("an object").len(), 3, "{said}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(rest.send("POST", "", deep).await.said(), (400, "INVALID_REQUEST"));
    assert!(service.log("default").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_413() {
    let small = |settings: &mut Settings| {
        settings.rest.max_body_bytes = "64KiB".parse::<ByteSize>().expect("a size");
    };
    let (service, rest) = served(small).await;
    for length in [65 << 10, 500 << 10] {
        let body = json!({ "name": "x".repeat(length), "participants": [] }).to_string();
        let answer = rest.send("POST", "", body).await;
        assert_eq!(answer.said(), (413, "MESSAGE_TOO_LARGE"), "{length}");
        let said = answer.json();
        assert_eq!(said["error"], json!("Payload Too Large"));
        assert_eq!(said["statusCode"], json!(413));
        assert!(said["message"].as_str().is_some_and(|text| text.contains("rest.max_body_bytes")));
    }
    assert!(service.log("default").await.is_empty());
    // One that fits is taken, and refused for what it is.
    let body = json!({ "name": "x".repeat(60 << 10), "participants": [] });
    assert_eq!(rest.post("", body).await.said(), (400, "INVALID_REQUEST"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let (service, rest) =
        served(|settings| settings.rest.body_timeout = Duration::from_secs(1)).await;
    let url = service.rest_url();
    let mut socket = TcpStream::connect(url.trim_start_matches("http://")).await.expect("a socket");
    let head = "POST /api/default/groups HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"name\":";
    socket.write_all(head.as_bytes()).await.expect("taken");
    let mut answer = String::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_string(&mut answer));
    read.await.expect("an answer in time").expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    assert!(head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(head.contains("x-wagroups-reason: INVALID_REQUEST"), "{head}");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&body["error"], &body["statusCode"]), (&json!("Request Timeout"), &json!(408)));
    assert!(body["message"].as_str().is_some_and(|text| text.contains("in time")), "{body}");
    assert!(service.log("default").await.is_empty());
    assert_eq!(rest.get("/count").await.ok(), json!({ "count": 0 }));
}
