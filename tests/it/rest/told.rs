//! A session that is told by webhooks: what is known is read, and all else is not implemented, as WAHA says it.

use serde_json::{Value, json};
use wagroups::domain::clock::Clock;
use wagroups::telemetry::SystemClock;

use super::client::Rest;
use super::listening;
use super::routes::{ROUTES, Route};
use crate::harness::service::Service;
use crate::webhook::sender::{Sender, event, event_id};

const GROUP: &str = "120363000000000001@g.us";
const SECRET: &str = "the secret of the session";

/// A session `told` that knows one group, of which it is the owner.
async fn told() -> Service {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        crate::webhook::listening(settings);
    });
    let service = service.await;
    service.create_waha_session("told", SECRET).await;
    let time = SystemClock.now().as_millis();
    let people = json!([
        { "id": "1@lid", "pn": null, "role": "superadmin" },
        { "id": "2@lid", "pn": "4915120000002@c.us", "role": "participant" },
    ]);
    let group = json!({
        "id": GROUP, "subject": "Team", "description": "Of ours", "participants": people,
        "membersCanAddNewMember": true, "membersCanSendMessages": true,
        "newMembersApprovalRequired": false,
    });
    let payload = json!({ "timestamp": time, "_data": {}, "group": group });
    let joined = event("told", &event_id(1), time, "group.v2.join", payload);
    let sender = Sender::new(&service.webhook_url(), SECRET);
    assert_eq!(sender.post("told", joined.to_string()).await.0, 200);
    service
}

/// Whether WhatsApp would have to be asked.
fn must_be_asked(route: &Route) -> bool {
    let reads = [
        "GetJoinInfo",
        "GetGroupPicture",
        "GetInviteCode without refresh",
        "ListJoinRequests without refresh",
    ];
    route.method != "GET" || reads.contains(&route.rpc)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_must_be_asked_is_501_and_whatever_is_known_is_read() {
    let service = told().await;
    let rest = Rest::new(&service);
    let log = service.log("told").await;
    for route in &ROUTES {
        let answer = route.over_rest(&rest, "told", GROUP).await;
        let what = format!("{} {}: {answer:?}", route.method, route.path);
        if !must_be_asked(route) {
            assert_eq!(answer.said(), (200, ""), "{what}");
            continue;
        }
        assert_eq!(answer.said(), (501, "UNSUPPORTED_BY_ENGINE"), "{what}");
        let body = answer.json();
        assert_eq!(body["error"], json!("Not Implemented"), "{what}");
        assert_eq!(body["statusCode"], json!(501), "{what}");
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{what}");
    }
    assert_eq!(service.log("told").await, log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_webhooks_told_of_is_read_as_they_told_it() {
    let service = told().await;
    let rest = Rest::new(&service).of_session("told");
    let group = rest.get(&format!("/{GROUP}")).await.ok();
    assert_eq!((&group["subject"], &group["description"]), (&json!("Team"), &json!("Of ours")));
    let members = group["participants"].as_array().expect("a list");
    let two = json!({ "id": "2@lid", "pn": "4915120000002@c.us", "role": "participant" });
    assert!(members.contains(&two), "{members:?}");
    assert_eq!(members.len(), 2);
    assert_eq!(rest.get("").await.ok(), Value::Array(vec![group]));
}
