//! `Idempotency-Key`, which WAHA has not: a repetition gets the first answer and changes nothing.

use serde_json::{Value, json};

use super::client::{Rest, ids};
use super::served_on_each_database;
use crate::harness::service::Service;
use crate::service::refusals::calls::PERSON;

served_on_each_database!(
    a_repetition_is_answered_as_the_first_call_was,
    a_key_stands_for_one_body,
    a_key_that_is_no_uuid_is_refused,
    without_a_key_each_call_counts,
    a_path_may_be_written_in_two_ways,
    a_used_key_is_named_as_the_caller_named_it,
);

const KEY: &str = "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11";

fn keyed(service: &Service) -> Rest {
    Rest::new(service).with_header("Idempotency-Key", KEY)
}

fn team(name: &str) -> Value {
    json!({ "name": name, "participants": ids(&[PERSON, "4915120000404"]) })
}

async fn a_repetition_is_answered_as_the_first_call_was(service: Service) {
    let rest = keyed(&service);
    let first = rest.post("", team("Team")).await;
    assert_eq!(first.status, 201);
    let calls = (0..5).map(|_| rest.post("", team("Team")));
    for again in futures::future::join_all(calls).await {
        assert_eq!((again.status, &again.text), (201, &first.text));
        assert_eq!(again.sequence(), first.sequence());
    }
    let log = service.log("default").await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].request_id, KEY);
    // A group's change, too; under the same key, since it is another call.
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    for _ in 0..2 {
        let path = format!("/{id}/participants/add");
        let added = rest.post(&path, json!({ "participants": ids(&["4915120000003"]) })).await;
        assert_eq!(added.ok()[0]["code"], json!(200), "the first answer, not 409");
    }
    assert_eq!(service.log("default").await.len(), 2);
}

async fn a_key_stands_for_one_body(service: Service) {
    let rest = keyed(&service);
    let first = rest.post("", team("Team")).await;
    assert_eq!(first.status, 201);
    let other = rest.post("", team("Crew")).await;
    assert_eq!(other.said(), (400, "REQUEST_ID_REUSED"));
    let body = other.json();
    assert_eq!((&body["error"], &body["statusCode"]), (&json!("Bad Request"), &json!(400)));
    assert_eq!(service.log("default").await.len(), 1);
    // Of another group it is another call under the same key.
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    let (_, other_id) = Rest::new(&service).create("Other", &[]).await;
    let subject = json!({ "subject": "Renamed" });
    assert_eq!(rest.put(&format!("/{id}/subject"), subject.clone()).await.status, 200);
    let answer = rest.put(&format!("/{other_id}/subject"), subject).await;
    assert_eq!(answer.said(), (400, "REQUEST_ID_REUSED"));
}

async fn a_key_that_is_no_uuid_is_refused(service: Service) {
    for key in ["x", "", "00000000-0000-0000-0000-000000000000", "ü"] {
        let rest = Rest::new(&service).with_header("idempotency-key", key);
        let answer = rest.post("", team("Team")).await;
        assert_eq!(answer.said(), (400, "INVALID_REQUEST"), "{key:?}");
        let messages = answer.json()["message"].to_string();
        assert!(messages.contains("idempotency-key must be a UUID"), "{key:?}: {messages}");
    }
    assert!(service.log("default").await.is_empty());
}

async fn without_a_key_each_call_counts(service: Service) {
    let rest = Rest::new(&service);
    assert_ne!(rest.create("Team", &[]).await.1, rest.create("Team", &[]).await.1);
    assert_eq!(service.log("default").await.len(), 2);
}

async fn a_path_may_be_written_in_two_ways(service: Service) {
    let id = service.group_id("Team", &[]).await;
    let rest = keyed(&service);
    for id in [id.clone(), id.replace('@', "%40")] {
        let renamed = rest.put(&format!("/{id}/subject"), json!({ "subject": "Crew" })).await;
        assert_eq!(renamed.said(), (200, ""), "{renamed:?}");
    }
    assert_eq!(service.log("default").await.len(), 2);
}

async fn a_used_key_is_named_as_the_caller_named_it(service: Service) {
    let rest = keyed(&service);
    assert_eq!(rest.post("", team("Team")).await.status, 201);
    let message = rest.post("", team("Crew")).await.json()["message"].to_string();
    assert!(message.to_lowercase().contains("idempotency-key"), "{message}");
}
