//! Sessions, as WAHA lists them.

use serde_json::{Value, json};
use wagroups::pb;

use super::client::Rest;
use super::{listening, served_on_each_database};
use crate::harness::service::Service;

served_on_each_database!(
    sessions_that_run_are_listed_and_others_on_demand,
    a_session_is_told_in_wahas_words,
);

fn names(listed: &Value) -> Vec<&str> {
    let listed = listed.as_array().expect("a list").iter();
    listed.map(|session| session["name"].as_str().expect("a name")).collect()
}

async fn sessions_that_run_are_listed_and_others_on_demand(service: Service) {
    let rest = Rest::new(&service);
    service.create_session("shop").await;
    service.create_session("resting").await;
    let stop = pb::StopSessionRequest { session: "resting".into() };
    service.sessions().stop_session(stop).await.expect("stopped");
    let listed = |path: &'static str| {
        let rest = rest.clone();
        async move { rest.send_to("GET", path, "").await.ok() }
    };
    assert_eq!(names(&listed("/api/sessions").await), ["default", "shop"]);
    assert_eq!(names(&listed("/api/sessions?all=false").await), ["default", "shop"]);
    let all = listed("/api/sessions?all=true").await;
    assert_eq!(names(&all), ["default", "resting", "shop"]);
    assert_eq!(all[1]["status"], json!("STOPPED"));
    let wrong = rest.send_to("GET", "/api/sessions?all=yes", "").await;
    assert_eq!(wrong.said(), (400, "INVALID_REQUEST"));
    assert_eq!(wrong.json()["message"], json!(["all must be a boolean value"]));
}

async fn a_session_is_told_in_wahas_words(service: Service) {
    let rest = Rest::new(&service);
    let told = rest.send_to("GET", "/api/sessions/default", "").await.ok();
    assert_eq!(told["name"], json!("default"));
    assert_eq!(told["status"], json!("WORKING"));
    assert_eq!(told["engine"], json!({ "engine": "wagroups" }));
    assert!(told["me"]["id"].as_str().is_some_and(|id| id.ends_with("@c.us")), "{told}");
    assert!(told["me"]["lid"].as_str().is_some_and(|id| id.ends_with("@lid")), "{told}");
    for (field, value) in [
        ("presence", Value::Null),
        ("timestamps", json!({ "activity": null })),
        ("config", json!({ "metadata": {} })),
    ] {
        assert_eq!(told[field], value, "{field}");
    }
    assert_eq!(told["wagroups"]["engine"], json!("simulator"));
    assert_eq!(told["wagroups"]["sequence"], json!(0));
    rest.create("Team", &[]).await;
    let told = rest.send_to("GET", "/api/sessions/default", "").await.ok();
    assert_eq!(told["wagroups"]["sequence"], json!(1));
    assert_eq!(rest.send_to("GET", "/api/sessions", "").await.ok(), json!([told]));

    let unknown = rest.send_to("GET", "/api/sessions/nobody", "").await;
    assert_eq!(unknown.said(), (404, "SESSION_NOT_FOUND"));
    let wanted = json!({ "message": "Session not found", "error": "Not Found", "statusCode": 404 });
    assert_eq!(unknown.json(), wanted);
    let wrong = rest.send_to("GET", "/api/sessions/-", "").await;
    assert_eq!(wrong.said(), (400, "INVALID_REQUEST"));

    // WAHA has no word for an account that was unlinked, and whose session has no code to scan yet.
    let unlink = pb::LogoutSessionRequest { session: "default".into() };
    service.sessions().logout_session(unlink).await.expect("unlinked");
    let told = rest.send_to("GET", "/api/sessions/default", "").await.ok();
    assert_eq!(told["status"], json!("FAILED"));
    assert_eq!(told["wagroups"]["status"], json!("logged_out"));
}

/// Nothing of a session that is told by webhooks only; above all not the secret that they are signed with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_not_told() {
    let service = Service::on_sqlite_with(listening).await;
    service.create_waha_session("told", "a secret of webhooks").await;
    let answer = Rest::new(&service).send_to("GET", "/api/sessions?all=true", "").await;
    assert_eq!(names(&answer.ok()), ["default", "told"]);
    assert!(!answer.text.contains("secret"), "{answer:?}");
}
