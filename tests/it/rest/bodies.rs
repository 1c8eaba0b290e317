//! What bodies may take of the memory: how large they are, and for how long they count.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use wagroups::pb;
use wagroups::pb::inject_fault_request::Fault;

use super::client::{Rest, ids};
use super::listening;
use crate::harness::service::{Service, eventually};
use crate::service::refusals::calls::{PERSON, group_of};
use crate::service::refusals::inject;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_picture_has_a_large_body() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    let padding = " ".repeat(257 << 10);
    for (method, path, body) in [
        ("POST", String::new(), json!({ "name": "Team", "participants": [] })),
        ("PUT", format!("/{group}/subject"), json!({ "subject": "Crew" })),
        ("POST", format!("/{group}/participants/add"), json!({ "participants": ids(&[PERSON]) })),
    ] {
        let answer = rest.send(method, &path, format!("{body}{padding}")).await;
        assert_eq!(answer.said(), (413, "MESSAGE_TOO_LARGE"), "{path}");
        let said = answer.json();
        assert_eq!(
            (&said["error"], &said["statusCode"]),
            (&"Payload Too Large".into(), &413.into())
        );
        assert!(said["message"].as_str().is_some_and(|text| text.contains("262144")), "{said}");
    }
    // It is read whole, and is none.
    let picture = json!({ "file": { "data": STANDARD.encode(vec![0; 2 << 20]) } });
    let answer = rest.put(&format!("/{group}/picture"), picture).await;
    assert_eq!(answer.said(), (500, "INVALID_PICTURE"));
    // As many as a group may have fit easily.
    let many: Vec<String> = (0..1024).map(|number| format!("49151{number:08}@c.us")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let answer = rest.post("", json!({ "name": "Team", "participants": ids(&many) })).await;
    assert_ne!(answer.status, 413, "{answer:?}");
    // More are refused by their number.
    let more = json!({ "name": "Team", "participants": vec![json!({ "id": "" }); 1025] });
    let answer = rest.post("", more).await;
    assert_eq!(answer.said(), (400, "INVALID_REQUEST"));
    assert!(answer.text.contains("must hold") && answer.text.len() < 1000, "{}", answer.text);
}

/// Of small values a body would take many times its size, also where a large one is allowed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_few_values() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    for (path, values) in [("/participants/add", 50_000), ("/picture", 1_000_000)] {
        let method = if path == "/picture" { "PUT" } else { "POST" };
        let body = format!("[{}[0]]", "[0],".repeat(values));
        let answer = rest.send(method, &format!("/{group}{path}"), body).await;
        assert_eq!(answer.said(), (400, "INVALID_REQUEST"), "{path}");
        assert!(answer.text.contains("more than 16384 values"), "{}", answer.text);
    }
    let answer = rest.send("DELETE", &format!("/{group}/picture"), " ".repeat(257 << 10)).await;
    assert_eq!(answer.said(), (413, "MESSAGE_TOO_LARGE"), "only a new picture is large");
}

/// What was made of a body is in memory for as long as the call takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_its_share_of_the_buffer_until_its_call_ends() {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        settings.rest.max_body_bytes = "64KiB".parse().expect("a size");
        settings.rest.buffer_bytes = "64KiB".parse().expect("a size");
    })
    .await;
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    let hang = Fault::Hang(pb::HangFault { point: pb::FaultPoint::BeforeApply.into() });
    inject(&service, "default", &["SetGroupDescription"], hang).await;
    let padding = " ".repeat(40 << 10);
    let (caller, path) = (rest.clone(), format!("/{group}/description"));
    let body = format!("{}{padding}", json!({ "description": "Of us" }));
    let waits = tokio::spawn(async move {
        // One of the reads below may have the buffer just then.
        while caller.send("PUT", &path, body.clone()).await.status == 503 {}
    });
    // A read takes no turn from a change; its body is of no use, and is read like any other.
    let body = format!("{{}}{padding}");
    let full = eventually("the buffer is full", || async {
        let answer = rest.send("GET", "/count", body.clone()).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(full.said(), (503, "OVERLOADED"));
    // What is small has room beside it.
    assert_eq!(rest.get("/count").await.status, 200);
    waits.abort();
    eventually("who hangs up gives its share back", || async {
        (rest.send("GET", "/count", body.clone()).await.status == 200).then_some(())
    })
    .await;
}
