//! What the log holds of a group, in pages and as it goes on.

use serde_json::{Value, json};

use super::client::{Rest, ids};
use super::served_on_each_database;
use crate::harness::service::Service;
use crate::harness::trace::{TRACEPARENT, TRACESTATE, trace_of};
use crate::service::refusals::calls::PERSON;

served_on_each_database!(
    pages_hold_each_event_once_in_either_order,
    each_change_is_told_with_what_was_before,
    each_change_is_told_in_the_trace_of_its_call,
    a_page_is_refused_in_the_words_of_waha,
    a_stream_is_narrowed_to_groups_and_events,
);

fn sequences(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().expect("a list").iter();
    events.map(|event| event["payload"]["_data"]["sequence"].as_u64().expect("a number")).collect()
}

/// Two groups whose events are mixed; those of the first have the odd sequences from 1 to 21.
async fn two_groups(rest: &Rest) -> (String, String) {
    let (_, one) = rest.create("One", &[]).await;
    let (_, other) = rest.create("Other", &[]).await;
    for number in 0..10 {
        for id in [&one, &other] {
            let body = json!({ "subject": format!("Subject {number}") });
            assert_eq!(rest.put(&format!("/{id}/subject"), body).await.status, 200);
        }
    }
    (one, other)
}

async fn pages_hold_each_event_once_in_either_order(service: Service) {
    let rest = Rest::new(&service);
    let (one, _) = two_groups(&rest).await;
    let odd: Vec<u64> = (0..11).map(|number| 2 * number + 1).collect();
    let newest_first: Vec<u64> = odd.iter().rev().copied().collect();
    let path = format!("/{one}/events");
    let whole = rest.get(&path).await;
    assert_eq!(whole.sequence(), 22);
    let whole = whole.ok();
    assert_eq!(sequences(&whole), newest_first);
    assert_eq!((&whole["next"], &whole["oldestSequence"]), (&Value::Null, &json!(1)));
    for (order, edge, wanted) in [("desc", "before", &newest_first), ("asc", "after", &odd)] {
        for limit in [1, 3, 10, 11] {
            let (mut paged, mut more) = (Vec::new(), String::new());
            loop {
                let page =
                    rest.get(&format!("{path}?order={order}&limit={limit}{more}")).await.ok();
                paged.extend(sequences(&page));
                match page["next"].as_u64() {
                    Some(next) => more = format!("&{edge}={next}"),
                    None => break,
                }
                assert!(paged.len() <= wanted.len());
            }
            assert_eq!(&paged, wanted, "{order} by {limit}");
        }
    }
    let between = rest.get(&format!("{path}?after=3&before=9")).await.ok();
    assert_eq!(sequences(&between), [7, 5]);
    for nothing in ["before=1", "after=21", "after=99999999999999999999"] {
        let page = rest.get(&format!("{path}?{nothing}")).await.ok();
        assert_eq!((sequences(&page), &page["next"]), (Vec::new(), &Value::Null), "{nothing}");
    }
    let made = rest.get(&format!("{path}?events=group.v2.join")).await.ok();
    assert_eq!(sequences(&made), [1]);
    // Of a group that was never heard of there is nothing.
    let nowhere = rest.get("/120363999999999999@g.us/events").await.ok();
    assert_eq!(nowhere["events"], json!([]));
    let nobody = rest.of_session("nobody").get(&path).await;
    assert_eq!(nobody.said(), (422, "SESSION_NOT_FOUND"));
}

async fn each_change_is_told_with_what_was_before(service: Service) {
    let rest = Rest::new(&service);
    let (_, id) = rest.create("Team", &[PERSON]).await;
    let put = |path: &'static str, body: Value| {
        let (rest, id) = (rest.clone(), id.clone());
        async move { assert_eq!(rest.put(&format!("/{id}/{path}"), body).await.status, 200) }
    };
    put("subject", json!({ "subject": "Crew" })).await;
    put("description", json!({ "description": "Ours" })).await;
    put("settings/security/info-admin-only", json!({ "adminsOnly": true })).await;
    put("settings/security/messages-admin-only", json!({ "adminsOnly": true })).await;
    put("settings/security/member-add-mode", json!({ "membersCanAddNewMember": false })).await;
    put("settings/security/membership-approval", json!({ "newMembersApprovalRequired": true }))
        .await;
    put("settings/security/member-share-history-mode", json!({ "membersCanShareHistory": true }))
        .await;
    put("picture", super::routes::picture_file()).await;
    let page = rest.get(&format!("/{id}/events?order=asc")).await.ok();
    let events = page["events"].as_array().expect("a list");
    let said: Vec<Value> = events
        .iter()
        .map(|event| {
            let change = &event["payload"]["_data"]["changes"][0];
            json!([event["event"], change["field"], change["previous"], change["current"]])
        })
        .collect();
    let wanted = json!([
        ["group.v2.join", null, null, null],
        ["group.v2.update", "subject", "Team", "Crew"],
        ["group.v2.update", "description", "", "Ours"],
        ["wagroups.group.update", "infoAdminOnly", false, true],
        ["group.v2.update", "messagesAdminOnly", false, true],
        ["group.v2.update", "memberAddMode", "all_members", "admins_only"],
        ["group.v2.update", "membershipApproval", false, true],
        ["wagroups.group.update", "memberShareHistory", false, true],
        ["wagroups.group.picture", null, null, null],
    ]);
    assert_eq!(Value::Array(said), wanted);
    let event = &events[1];
    assert_eq!(event["session"], json!("default"));
    assert_eq!(event["payload"]["group"], json!({ "id": id, "subject": "Crew" }));
    assert_eq!(event["environment"]["worker"], json!({ "id": null }));
    assert!(event["environment"]["platform"].as_str().is_some_and(|text| text.contains('/')));
}

async fn each_change_is_told_in_the_trace_of_its_call(service: Service) {
    let rest = Rest::new(&service);
    let (_, id) = rest.create("Team", &[]).await;
    let traced = rest.with_header("traceparent", TRACEPARENT).with_header("tracestate", TRACESTATE);
    let renamed = traced.put(&format!("/{id}/subject"), json!({ "subject": "Crew" })).await;
    assert_eq!(renamed.status, 200);
    let ignored = rest.with_header("traceparent", "nonsense");
    let renamed = ignored.put(&format!("/{id}/subject"), json!({ "subject": "Band" })).await;
    assert_eq!(renamed.status, 200);

    let log = service.log("default").await;
    let wanted = [("", ""), (TRACEPARENT, TRACESTATE), ("", "")];
    assert_eq!(log.iter().map(trace_of).collect::<Vec<_>>(), wanted);
    let page = rest.get(&format!("/{id}/events?order=asc")).await.ok();
    for (place, (traceparent, tracestate)) in wanted.into_iter().enumerate() {
        let data = &page["events"][place]["payload"]["_data"];
        assert_eq!(data["traceparent"].as_str().unwrap_or_default(), traceparent, "{data}");
        assert_eq!(data["tracestate"].as_str().unwrap_or_default(), tracestate, "{data}");
    }
}

async fn a_page_is_refused_in_the_words_of_waha(service: Service) {
    let rest = Rest::new(&service);
    let number = "must be a number conforming to the specified constraints";
    for (query, wanted) in [
        ("limit=0", "limit must be from 1 to 1000".to_owned()),
        ("limit=1001", "limit must be from 1 to 1000".to_owned()),
        ("limit=ten", format!("limit {number}")),
        ("before=0", "before must be at least 1".to_owned()),
        ("before=-1", format!("before {number}")),
        ("after=x", format!("after {number}")),
        ("order=new", "order must be one of the following values: asc, desc".to_owned()),
    ] {
        let answer = rest.get(&format!("/120363000000000001@g.us/events?{query}")).await;
        assert_eq!(answer.said(), (400, "INVALID_REQUEST"), "{query}");
        assert_eq!(answer.json()["message"], json!([wanted]), "{query}");
    }
    let answer = rest.get("/120363000000000001@g.us/events?events=group.v3").await;
    assert!(
        answer.json()["message"][0].as_str().is_some_and(|text| text.starts_with("events must"))
    );
}

/// The data of the first `count` messages of a stream.
async fn streamed(service: &Service, query: &str, count: usize) -> Vec<Value> {
    let tls = wagroups::tls::Trust::default().client_config().expect("TLS");
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client");
    let url = format!("{}/api/default/groups/events?from=earliest&{query}", service.rest_url());
    let mut response = client.get(url).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let (mut text, mut told) = (String::new(), Vec::new());
    while told.len() < count {
        let chunk = tokio::time::timeout(crate::harness::service::PATIENCE, response.chunk()).await;
        let chunk = chunk.expect("in time").expect("a chunk").expect("more");
        text.push_str(std::str::from_utf8(&chunk).expect("a text"));
        while let Some((message, rest)) = text.split_once("\n\n") {
            let data = message.lines().find_map(|line| line.strip_prefix("data: "));
            told.extend(data.map(|data| serde_json::from_str::<Value>(data).expect("JSON")));
            text = rest.to_owned();
        }
    }
    told
}

async fn a_stream_is_narrowed_to_groups_and_events(service: Service) {
    let rest = Rest::new(&service);
    let (_, one) = rest.create("One", &[]).await;
    let (_, other) = rest.create("Other", &[]).await;
    let lock = json!({ "adminsOnly": true });
    for id in [&one, &other] {
        let path = format!("/{id}/settings/security/info-admin-only");
        assert_eq!(rest.put(&path, lock.clone()).await.status, 200);
    }
    let added = json!({ "participants": ids(&[PERSON]) });
    assert_eq!(rest.post(&format!("/{one}/participants/add"), added).await.status, 200);
    let said = |events: Vec<Value>| -> Vec<(String, bool)> {
        let is_one = |event: &Value| event["payload"]["group"]["id"] == json!(one);
        let name = |event: &Value| event["event"].as_str().unwrap_or_default().to_owned();
        events.iter().map(|event| (name(event), is_one(event))).collect()
    };
    let (join, lock, people) = ("group.v2.join", "wagroups.group.update", "group.v2.participants");
    let own = |names: &[(&str, bool)]| -> Vec<(String, bool)> {
        names.iter().map(|(name, is_one)| ((*name).to_owned(), *is_one)).collect()
    };
    // Without being asked, what WAHA has.
    let told = said(streamed(&service, "", 3).await);
    assert_eq!(told, own(&[(join, true), (join, false), (people, true)]));
    let told = said(streamed(&service, "events=*", 5).await);
    assert_eq!(
        told,
        own(&[(join, true), (join, false), (lock, true), (lock, false), (people, true)])
    );
    let told = said(streamed(&service, &format!("events=*&group={one}"), 3).await);
    assert_eq!(told, own(&[(join, true), (lock, true), (people, true)]));
    let told =
        said(streamed(&service, &format!("events={lock}&group={one}&group={other}"), 2).await);
    assert_eq!(told, own(&[(lock, true), (lock, false)]));
    let wrong = rest.get("/events?group=x").await;
    assert_eq!(wrong.said(), (400, "INVALID_REQUEST"));
}
