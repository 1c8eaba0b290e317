//! Fields and queries that are wrong or missing: each is named, and nothing is done. WAHA does something,
//! depending on the engine, or fails with a TypeError.

use serde_json::{Value, json};
use wagroups::pb;

use super::client::{Answer, Rest, ids};
use super::routes::picture_file;
use super::served_on_each_database;
use crate::harness::service::Service;
use crate::service::refusals::calls::{PERSON, group_of};

served_on_each_database!(
    what_is_missing_is_named_and_nothing_is_done,
    all_violations_are_named_at_once,
    a_query_is_refused_in_the_words_of_waha,
    texts_that_whatsapp_takes_are_taken_as_they_are,
);

/// The messages of a 400, which is whole and of Nest's form.
#[track_caller]
fn messages(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.said(), (400, "INVALID_REQUEST"), "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["error"], &body["statusCode"]), (&json!("Bad Request"), &json!(400)));
    assert_eq!(body.as_object().expect("an object").len(), 3, "{body}");
    let messages = body["message"].as_array().unwrap_or_else(|| panic!("no list in {body}"));
    messages.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

async fn what_is_missing_is_named_and_nothing_is_done(service: Service) {
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    rest.put(&format!("/{group}/picture"), picture_file()).await.ok();
    for name in ["info-admin-only", "messages-admin-only"] {
        let path = format!("/{group}/settings/security/{name}");
        assert_eq!(rest.put(&path, json!({ "adminsOnly": true })).await.status, 200);
    }
    let held = service.get_group(&group, 0).await.expect("the group");
    let log = service.log("default").await;
    assert!(!held.picture_id.is_empty());

    let people: &[&str] = &[
        "participants/add",
        "participants/remove",
        "admin/promote",
        "admin/demote",
        "participants/join-requests/approve",
        "participants/join-requests/reject",
    ];
    for path in people {
        let path = format!("/{group}/{path}");
        let bodies = [
            json!({}),
            json!({ "participants": [] }),
            json!({ "participants": null }),
            json!({ "participants": PERSON }),
            json!({ "participants": { "id": PERSON } }),
            json!([{ "id": PERSON }]),
        ];
        for body in bodies {
            let messages = messages(&rest.post(&path, body.clone()).await);
            assert!(
                messages.len() == 1 && messages[0].starts_with("participants "),
                "{messages:?}"
            );
        }
        let nothing = messages(&rest.send("POST", &path, "").await);
        assert!(nothing.len() == 1 && nothing[0].starts_with("participants "), "{nothing:?}");
        let body = json!({ "participants": [{ "id": PERSON }, PERSON, {}, { "id": 5 }] });
        let elements = messages(&rest.post(&path, body).await);
        let wanted = [1, 2, 3].map(|n| format!("participants.{n}.id must be a string"));
        assert_eq!(elements, wanted);
        let many: Vec<String> = (0..1025).map(|n| format!("49151300{n:05}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let many = messages(&rest.post(&path, json!({ "participants": ids(&many) })).await);
        assert!(many.len() == 1 && many[0].contains("1024"), "{many:?}");
    }
    let flags = [
        ("info-admin-only", "adminsOnly"),
        ("messages-admin-only", "adminsOnly"),
        ("member-add-mode", "membersCanAddNewMember"),
        ("membership-approval", "newMembersApprovalRequired"),
        ("member-share-history-mode", "membersCanShareHistory"),
    ];
    for (name, field) in flags {
        let path = format!("/{group}/settings/security/{name}");
        let wanted = [format!("{field} must be a boolean value")];
        let bodies = [
            json!({}),
            json!({ field: "true" }),
            json!({ field: 1 }),
            json!({ field: null }),
            json!(true),
        ];
        for body in bodies {
            assert_eq!(messages(&rest.put(&path, body.clone()).await), wanted, "{name} {body}");
        }
        assert_eq!(messages(&rest.send("PUT", &path, "").await), wanted, "{name}");
    }
    let picture = format!("/{group}/picture");
    let bodies = [
        json!({}),
        json!({ "file": null }),
        json!({ "file": {} }),
        json!({ "file": { "mimetype": "image/png" } }),
        json!({ "file": "https://example.com/a.png" }),
        json!({ "file": { "url": "https://example.com/a.png", "data": "AAAA" } }),
        json!({ "url": "https://example.com/a.png" }),
    ];
    for body in bodies {
        let messages = messages(&rest.put(&picture, body.clone()).await);
        assert_eq!(messages, ["file must have either url or data"], "{body}");
    }
    messages(&rest.send("PUT", &picture, "").await);
    let no_base64 = json!({ "file": { "data": "!" } });
    assert_eq!(messages(&rest.put(&picture, no_base64).await), ["file.data must be base64"]);
    let ftp = messages(&rest.put(&picture, json!({ "file": { "url": "ftp://a/b" } })).await);
    assert!(ftp[0].starts_with("file.url must be an http or https URL"), "{ftp:?}");
    for field in ["subject", "description"] {
        let path = format!("/{group}/{field}");
        for body in [json!({}), json!({ field: 5 }), json!({ "name": "x" })] {
            let wanted = [format!("{field} must be a string")];
            assert_eq!(messages(&rest.put(&path, body).await), wanted);
        }
    }
    assert_eq!(messages(&rest.post("/join", json!({})).await), ["code must be a string"]);
    assert_eq!(messages(&rest.get("/join-info").await), ["code must be a string"]);

    assert_eq!(service.get_group(&group, 0).await.expect("the group"), held);
    assert_eq!(service.log("default").await, log);
}

async fn all_violations_are_named_at_once(service: Service) {
    let rest = Rest::new(&service).with_header("idempotency-key", "no UUID");
    let body = json!({ "name": "", "participants": [{ "id": "x" }, { "id": PERSON }, {}] });
    let named = messages(&rest.of_session("-").post("", body).await);
    let fields: Vec<&str> =
        named.iter().map(|message| message.split(' ').next().expect("a field")).collect();
    let wanted = ["session", "name", "participants.0.id", "participants.2.id", "idempotency-key"];
    assert_eq!(fields, wanted, "{named:?}");
    let named = messages(&rest.put("/x/subject", json!({})).await);
    let mut fields: Vec<&str> =
        named.iter().map(|message| message.split(' ').next().expect("a field")).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["id", "idempotency-key", "subject"], "{named:?}");
}

async fn a_query_is_refused_in_the_words_of_waha(service: Service) {
    let rest = Rest::new(&service);
    let number = "must be a number conforming to the specified constraints";
    let exclude = "each value in exclude must be one of the following values: , participants";
    let cases = [
        ("sortBy=name", "sortBy must be one of the following values: id, subject".to_owned()),
        ("limit=ten", format!("limit {number}")),
        ("offset=x&limit=1", format!("offset {number}")),
        ("exclude=members", exclude.to_owned()),
        ("exclude=participants&exclude=owner", exclude.to_owned()),
    ];
    let mut wrong = Vec::new();
    for (query, wanted) in cases {
        let said = messages(&rest.get(&format!("?{query}")).await);
        if said != [wanted.as_str()] {
            wrong.push(format!("{query}: {said:?}, not {wanted:?}"));
        }
    }
    let group = group_of(&service, "default", &[PERSON]).await;
    let flag = messages(&rest.get(&format!("/{group}/picture?refresh=yes")).await);
    assert_eq!(flag, ["refresh must be a boolean value"]);
    for flag in ["true", "True", "1", "false", "False", "0"] {
        let answer = rest.get(&format!("/{group}/picture?refresh={flag}")).await;
        assert_eq!(answer.ok(), json!({ "url": null }), "{flag}");
    }
    // What is not known is dropped.
    assert_eq!(rest.get("?whatever=1&exclude=").await.ok().as_array().map(Vec::len), Some(1));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn texts_that_whatsapp_takes_are_taken_as_they_are(service: Service) {
    let rest = Rest::new(&service);
    let (_, id) = rest.create("Größe 👩‍👩‍👧 \"q\" \\", &[]).await;
    let read = rest.get(&format!("/{}", id.replace('@', "%40"))).await.ok();
    assert_eq!(read["subject"], json!("Größe 👩‍👩‍👧 \"q\" \\"));
    let path = format!("/{id}/description");
    assert_eq!(rest.put(&path, json!({ "description": "x" })).await.status, 200);
    assert_eq!(rest.put(&path, json!({ "description": "" })).await.status, 200);
    assert_eq!(service.get_group(&id, 0).await.expect("the group").description, "");
    let types = service.log("default").await.into_iter().map(|event| event.r#type());
    let wanted = [pb::EventType::Joined, pb::EventType::Updated, pb::EventType::Updated];
    assert_eq!(types.collect::<Vec<_>>(), wanted);
    // Who stands there twice, by different spellings, is meant once.
    let body = json!({ "participants": ids(&["+49 1512 0000009", "4915120000009@c.us"]) });
    let results = rest.post(&format!("/{id}/participants/add"), body).await.ok();
    assert_eq!(results.as_array().map(Vec::len), Some(1), "{results}");
    assert_ne!(results[0]["pn"], Value::Null);
}
