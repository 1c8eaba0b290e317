//! Signed bodies that are no webhooks, and webhooks with odd things in them: whoever holds the secret may be
//! wrong as well.

use serde_json::{Value, json};
use wagroups::pb;

use super::{GROUP, SESSION, Scene, now};
use crate::harness::service::Service;
use crate::webhook::sender::{members, subject};
use crate::webhook::told_on_each_database;

told_on_each_database!(
    what_is_no_webhook_is_refused,
    a_webhooks_values_in_an_array_are_no_webhook,
    odd_events_are_acknowledged_and_change_nothing,
    odd_texts_are_kept_as_far_as_they_can_be,
);

/// Deeper than anyone's stack.
const DEEP: usize = 10_000;

fn nested(open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(DEEP), close.repeat(DEEP))
}

async fn what_is_no_webhook_is_refused(service: Service) {
    let mut scene = Scene::on(service).await;
    let good = scene.good();
    let text = good.to_string();
    let id = good["id"].as_str().expect("an id").to_owned();
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string().into_bytes()
    };
    let without = |field: &str| {
        let mut body = good.clone();
        body.as_object_mut().expect("an object").remove(field);
        body.to_string().into_bytes()
    };
    // In place of something in the text, since no value of serde_json can be so deep or so wrong.
    let replaced = |what: &str, by: &[u8]| {
        let (before, after) = text.split_once(what).expect("it is in there");
        [before.as_bytes(), by, after.as_bytes()].concat()
    };
    let inside = |deep: &str| replaced("\"_data\":{}", format!("\"_data\":{deep}").as_bytes());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("an empty body", Vec::new()),
        ("spaces", b" \r\n\t ".to_vec()),
        ("no JSON", b"id=evt_1&event=group.v2.join".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"7".to_vec()),
        ("a text", b"\"evt_1\"".to_vec()),
        ("an empty array", b"[]".to_vec()),
        ("an array of webhooks", json!([good]).to_string().into_bytes()),
        ("an empty object", b"{}".to_vec()),
        ("half of it", text.as_bytes()[..text.len() / 2].to_vec()),
        ("two of them", format!("{text}{text}").into_bytes()),
        ("with a byte order mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("in UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("deep arrays alone", nested("[", "]").into_bytes()),
        ("deep objects alone", nested("{\"a\":", "}").replace(":}", ":1}").into_bytes()),
        ("deep arrays that never end", "[".repeat(1_000_000).into_bytes()),
        ("a deep array inside", inside(&nested("[", "]")).clone()),
        ("deep objects inside", inside(&nested("{\"a\":", "}").replace(":}", ":1}"))),
        (
            "a deep array as who we are",
            replaced("\"me\":{", format!("\"me\":{},\"x\":{{", nested("[", "]")).as_bytes()),
        ),
        ("a deep array as its id", replaced(&format!("\"{id}\""), nested("[", "]").as_bytes())),
        ("invalid UTF-8 in its id", replaced(&id, b"evt_\xff\xfe")),
        ("invalid UTF-8 in a member", replaced("\"role\":\"p", b"\"role\":\"\xc3\x28")),
        ("a surrogate in UTF-8", replaced(&id, b"evt_\xed\xa0\x80")),
        ("a NUL as it is", replaced(&id, b"evt_\0")),
        ("a number that is none", replaced("\"_data\":{}", b"\"_data\":1e999")),
        ("two ids", replaced("\"id\":\"evt_", b"\"id\":\"evt_2\",\"id\":\"evt_")),
        ("without an id", without("id")),
        ("without an event", without("event")),
        ("without a session", without("session")),
        ("with a number as its id", with("id", json!(7))),
        ("with null as its id", with("id", Value::Null)),
        ("with an empty id", with("id", json!(""))),
        ("with an id that is too long", with("id", json!(format!("evt_{}", "x".repeat(125))))),
        ("with an id of a megabyte", with("id", json!("x".repeat(1 << 20)))),
        ("with a NUL in its id", with("id", json!("evt_1\u{0}2"))),
        ("with a space in its id", with("id", json!("evt 1"))),
        ("with a line break in its id", with("id", json!("evt_1\n"))),
        ("with an umlaut in its id", with("id", json!("evt_ä"))),
        ("with an object as its event", with("event", json!({ "name": "group.v2.join" }))),
        ("with an array as its session", with("session", json!([SESSION]))),
    ];
    for (what, body) in cases {
        let answer = scene.post(body).await;
        scene.check(what, &answer, (400, "NOT_A_WEBHOOK")).await;
    }
    assert_eq!(scene.post(text).await.said(), (200, "accepted"), "none of them has used it up");
}

async fn a_webhooks_values_in_an_array_are_no_webhook(service: Service) {
    let mut scene = Scene::on(service).await;
    let good = scene.good();
    // In the order in which the service happens to declare them.
    let positional =
        json!([good["id"], now(), good["event"], SESSION, null, good["payload"], "GOWS"]);
    let answer = scene.post(positional.to_string()).await;
    scene.check("a webhook without names", &answer, (400, "NOT_A_WEBHOOK")).await;
}

async fn odd_events_are_acknowledged_and_change_nothing(service: Service) {
    let mut scene = Scene::on(service).await;
    let joins = |group: Value, people: Value| json!({ "group": { "id": group }, "type": "join", "timestamp": now(), "participants": people });
    let anyone = json!([{ "id": "5@lid", "role": "participant" }]);
    let who = |id: &str| json!([{ "id": id, "pn": id, "role": "participant" }]);
    let members_event = "group.v2.participants";
    let endless_name = "group.".repeat(10_000);
    let cases: Vec<(&str, &str, Value)> = vec![
        ("another event", "message", json!({ "body": "Hello" })),
        ("an event of next year", "group.v3.join", joins(json!(GROUP), anyone.clone())),
        ("an event without a name", "", joins(json!(GROUP), anyone.clone())),
        ("an event with a NUL", "group.v2.participants\u{0}", joins(json!(GROUP), anyone.clone())),
        ("an event with an endless name", &endless_name, json!({})),
        ("no payload", members_event, Value::Null),
        ("a text as its payload", members_event, json!("5@lid joined")),
        ("an array as its payload", members_event, json!([joins(json!(GROUP), anyone.clone())])),
        ("no group", members_event, json!({ "type": "join", "participants": anyone.clone() })),
        ("a number as its group", members_event, joins(json!(1203), anyone.clone())),
        ("an empty group", members_event, joins(json!(""), anyone.clone())),
        ("a chat that is no group", members_event, joins(json!("5@c.us"), anyone.clone())),
        ("a NUL in its group", members_event, joins(json!("1203\u{0}@g.us"), anyone.clone())),
        (
            "a group without end",
            members_event,
            joins(json!(format!("{}@g.us", "1".repeat(100_000))), anyone.clone()),
        ),
        ("nobody", members_event, joins(json!(GROUP), json!([]))),
        ("no list of people", members_event, joins(json!(GROUP), json!({ "id": "5@lid" }))),
        (
            "a person who is a number",
            members_event,
            joins(json!(GROUP), json!([5, null, [], true])),
        ),
        ("a person with a NUL", members_event, joins(json!(GROUP), who("5\u{0}@lid"))),
        (
            "a person with digits without end",
            members_event,
            joins(json!(GROUP), who(&format!("{}@lid", "9".repeat(100_000)))),
        ),
        (
            "a person with too many digits",
            members_event,
            joins(json!(GROUP), who("99999999999999999999999@lid")),
        ),
        ("a person below zero", members_event, joins(json!(GROUP), who("-5@lid"))),
        ("a person in other digits", members_event, joins(json!(GROUP), who("٥@lid"))),
        (
            "an unknown action",
            members_event,
            json!({ "group": { "id": GROUP }, "type": "eat\u{0}", "participants": anyone }),
        ),
        ("an update of nothing", "group.v2.update", json!({ "group": { "id": GROUP } })),
        (
            "an update with wrong kinds",
            "group.v2.update",
            json!({ "group": { "id": GROUP, "subject": 5, "description": [], "membersCanAddNewMember": "yes", "invite": {} } }),
        ),
        ("an update to a blank subject", "group.v2.update", subject(GROUP, " \u{0}\t ", now())),
        (
            "a request by nobody",
            "group.v2.participants.join-request",
            json!({ "group": { "id": GROUP }, "action": "created" }),
        ),
        (
            "a request with no action",
            "group.v2.participants.join-request",
            json!({ "group": { "id": GROUP }, "action": 1, "requesterId": "5@lid" }),
        ),
        ("a status that is none", "session.status", json!({ "status": 7 })),
    ];
    for (what, name, payload) in cases {
        let body = scene.event(name, payload);
        let answer = scene.post(body.to_string()).await;
        scene.check(what, &answer, (200, "ignored")).await;
    }
    assert_eq!(scene.service.log(SESSION).await.len(), scene.log.len());
}

async fn odd_texts_are_kept_as_far_as_they_can_be(service: Service) {
    let mut scene = Scene::on(service).await;
    let many: serde_json::Map<String, Value> =
        (0..5_000).map(|number| (format!("field{number}\u{0}"), json!(number))).collect();
    let mut wide = subject(GROUP, "Wide", now());
    wide.as_object_mut().expect("an object").extend(many.clone());
    wide["group"].as_object_mut().expect("an object").extend(many.clone());
    wide["_data"] = json!(many);
    let crowd: Vec<String> =
        (0..5_000).map(|number| format!("{}@lid", 2_000_000 + number)).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let named = |text: &str, id: &str| {
        json!({ "group": { "id": GROUP, "subject": text, "description": text },
            "timestamp": now(), "_data": { "TopicID": id, "NameSetBy": id, "author": id, "Sender": id } })
    };
    let cases: Vec<(&str, &str, Value)> = vec![
        ("thousands of fields", "group.v2.update", wide),
        ("thousands of people", "group.v2.participants", members(GROUP, "join", &crowd, now())),
        ("a NUL in a subject", "group.v2.update", subject(GROUP, "A\u{0}B\u{7f}", now())),
        (
            "a subject without end",
            "group.v2.update",
            subject(GROUP, &"Ä\u{0}".repeat(500_000), now()),
        ),
        ("NULs as ids", "group.v2.update", named("Nothing", "\u{0}")),
        ("ids without end", "group.v2.update", named("Endless", &"9".repeat(100_000))),
    ];
    for (what, name, payload) in cases {
        let body = scene.event(name, payload);
        let answer = scene.post(body.to_string()).await;
        assert_eq!(answer.said(), (200, "accepted"), "{what}: {}", answer.body);
        let log = scene.service.log(SESSION).await;
        assert_eq!(log.len(), scene.log.len() + 1, "{what} is one event");
        scene.log = log;
        scene.goes_on(what).await;
    }
    let mut body = scene.good();
    body["me"]["pushName"] = format!("Bot\u{0}{}", "ü".repeat(100_000)).into();
    body.as_object_mut().expect("an object").extend(many);
    assert_eq!(scene.post(body.to_string()).await.said(), (200, "accepted"), "an endless name");
    let name = session(&scene).await.account.expect("an account").push_name;
    assert!(name.starts_with("Botü") && name.len() <= 100, "{name}");
    let state = json!({ "status": format!("NEW\u{0}{}", "!".repeat(100_000)) });
    let mut body = scene.event("session.status", state);
    body["timestamp"] = json!(now() + 1);
    assert_eq!(scene.post(body.to_string()).await.said(), (200, "accepted"), "an endless status");
    let session = session(&scene).await;
    assert_eq!(session.status(), pb::SessionStatus::Starting);
    assert!(session.status_reason.contains("NEW!"), "{}", session.status_reason);
    assert!(session.status_reason.len() <= 500, "as the contract has it");
}

async fn session(scene: &Scene) -> pb::Session {
    let get = pb::GetSessionRequest { session: SESSION.into() };
    let session = scene.service.sessions().get_session(get).await.expect("the session");
    session.into_inner().session.expect("a session")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_fields_that_nobody_reads_do_no_harm() {
    let mut scene = Scene::on_sqlite().await;
    let text = scene.good().to_string();
    let deep = format!("{{\"later\":{},", nested("[", "]"));
    let answer = scene.post(text.replacen('{', &deep, 1)).await;
    // Whether it is taken or refused, nothing breaks.
    assert!(matches!(answer.said(), (200, "accepted") | (400, "NOT_A_WEBHOOK")), "{answer:?}");
    scene.log = scene.service.log(SESSION).await;
    scene.goes_on("a deep field that nobody reads").await;
}
