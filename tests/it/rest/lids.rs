//! Who is who, as far as a session has learned it.

use serde_json::{Value, json};

use wagroups::domain::clock::Timestamp;
use wagroups::domain::id::{Lid, PhoneNumber, SessionName};
use wagroups::domain::port::repository::AliasStore as _;

use super::client::Rest;
use super::served_on_each_database;
use crate::harness::service::Service;

served_on_each_database!(
    people_are_known_under_both_names,
    what_was_learned_is_listed_by_hidden_id,
);

const PEOPLE: [&str; 3] = ["4915120000001@c.us", "4915120000002@c.us", "4915120000003@c.us"];

async fn people_are_known_under_both_names(service: Service) {
    let rest = Rest::new(&service);
    let (_, group_id) = rest.create("Team", &PEOPLE).await;
    let members = rest.get(&format!("/{group_id}/participants/v2")).await.ok();
    let get = async |path: &str| rest.send_to("GET", &format!("/api/default/lids{path}"), "").await;
    let mut known = 0;
    // Ourselves among them.
    for member in members.as_array().expect("a list") {
        let (lid, phone) =
            (member["id"].as_str().expect("an id"), member["pn"].as_str().expect("a number"));
        let both = json!({ "lid": lid, "pn": phone });
        // With its ending or without; `@` may be escaped.
        for path in [lid, lid.trim_end_matches("@lid"), &lid.replace('@', "%40")] {
            assert_eq!(get(&format!("/{path}")).await.ok(), both, "{path}");
        }
        let number = phone.trim_end_matches("@c.us");
        for path in [phone, number, &format!("%2B{number}")] {
            assert_eq!(get(&format!("/pn/{path}")).await.ok(), both, "{path}");
        }
        known += 1;
    }
    assert_eq!(known, PEOPLE.len() + 1);
    // All of them are listed, in pages.
    assert_eq!(get("/count").await.ok(), json!({ "count": known }));
    let mut listed = Vec::new();
    for offset in 0..known {
        let page = get(&format!("?limit=1&offset={offset}")).await.ok();
        listed.push(page[0].clone());
    }
    let mut expected: Vec<Value> = members.as_array().expect("a list").clone();
    for member in &mut expected {
        *member = json!({ "lid": member["id"], "pn": member["pn"] });
    }
    let by_lid = |pair: &Value| -> u64 {
        let lid = pair["lid"].as_str().expect("an id").trim_end_matches("@lid");
        lid.parse().expect("digits")
    };
    expected.sort_by_key(by_lid);
    assert_eq!(listed, expected);
    assert_eq!(get("").await.ok(), json!(expected));
    assert_eq!(get("/987654321").await.ok(), json!({ "lid": "987654321@lid", "pn": null }));
    let unknown = get("/pn/4915129999999").await.ok();
    assert_eq!(unknown, json!({ "lid": null, "pn": "4915129999999@c.us" }));
    assert_eq!(get("/pn/5@lid").await.ok(), json!({ "lid": "5@lid", "pn": null }));
    for wrong in ["/4915120000001@c.us", "/5@g.us", "/x", "/pn/x", "?limit=10001", "?limit=x"] {
        assert_eq!(get(wrong).await.said(), (400, "INVALID_REQUEST"), "{wrong}");
    }
    let elsewhere = rest.send_to("GET", "/api/nobody/lids", "").await;
    assert_eq!(elsewhere.said(), (422, "SESSION_NOT_FOUND"));

    // Another session knows nobody of it.
    service.create_session("other").await;
    let none = rest.send_to("GET", "/api/other/lids/pn/4915120000001", "").await.ok();
    assert_eq!(none["lid"], Value::Null);
}

async fn what_was_learned_is_listed_by_hidden_id(service: Service) {
    let rest = Rest::new(&service);
    let session: SessionName = "default".parse().expect("a name");
    let pairs = [(7, 4_915_120_000_007), (3, 4_915_120_000_003), (5, 4_915_120_000_005)].map(
        |(lid, phone)| {
            (Lid::new(lid).expect("a hidden id"), PhoneNumber::new(phone).expect("a number"))
        },
    );
    let now = Timestamp::from_micros(1_700_000_000_000_000);
    service.repository().learn_aliases(&session, &pairs, now).await.expect("learned");
    let get =
        async |path: &str| rest.send_to("GET", &format!("/api/default/lids{path}"), "").await.ok();
    let told =
        |lid: u64| json!({ "lid": format!("{lid}@lid"), "pn": format!("491512000000{lid}@c.us") });
    assert_eq!(get("").await, json!([told(3), told(5), told(7)]));
    assert_eq!(get("?limit=1&offset=1").await, json!([told(5)]));
    assert_eq!(get("?limit=0").await, json!([]));
    assert_eq!(get("?offset=3").await, json!([]));
    assert_eq!(get("/count").await, json!({ "count": 3 }));
    assert_eq!(get("/5").await, told(5));
    service.create_session("other").await;
    let other = rest.send_to("GET", "/api/other/lids/count", "").await.ok();
    assert_eq!(other, json!({ "count": 0 }));
}
