//! What is posted, and in which order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use wagroups::pb;

use super::receiver::{Answer, Receiver};
use super::{posted_on_each_database, to};
use crate::harness::service::Service;
use crate::harness::trace::{TRACEPARENT, TRACESTATE, traced};

posted_on_each_database!(
    an_event_is_posted_as_waha_posts_it,
    a_post_has_the_trace_of_the_call_that_caused_its_event,
    only_the_sessions_and_events_that_are_named_are_posted,
    each_session_is_posted_in_its_order_one_event_at_a_time,
);

async fn a_post_has_the_trace_of_the_call_that_caused_its_event(service: Service) {
    let receiver = Receiver::start().await;
    let named = Receiver::start().await;
    service.create_webhook(to(&receiver)).await;
    let own = pb::WebhookHeader { name: "Traceparent".into(), value: "its own".into() };
    let request = pb::CreateWebhookRequest { headers: vec![own], ..to(&named) };
    service.create_webhook(request).await;
    service.group_id("Team", &[]).await;
    let create = pb::CreateGroupRequest {
        session: "default".into(),
        subject: "Crew".into(),
        ..Default::default()
    };
    let create = traced(create, TRACEPARENT, TRACESTATE);
    service.groups().create_group(create).await.expect("made");

    let posts = receiver.until_taken(2).await;
    for name in ["traceparent", "tracestate"] {
        assert!(!posts[0].headers.contains_key(name), "its call came with none");
        assert_eq!(posts[0].body.pointer(&format!("/payload/_data/{name}")), None);
    }
    for (name, value) in [("traceparent", TRACEPARENT), ("tracestate", TRACESTATE)] {
        assert_eq!(posts[1].header(name), value);
        assert_eq!(posts[1].text(&format!("/payload/_data/{name}")), value);
    }
    for post in named.until_taken(2).await {
        let sent: Vec<_> = post.headers.get_all("traceparent").iter().collect();
        assert_eq!(sent, ["its own"], "what its owner has set counts");
    }
}

async fn an_event_is_posted_as_waha_posts_it(service: Service) {
    let receiver = Receiver::start().await;
    let header =
        |name: &str, value: &str| pb::WebhookHeader { name: name.into(), value: value.into() };
    let headers = vec![header("Authorization", "Bearer abc"), header("X-Team", "circle")];
    let webhook =
        service.create_webhook(pb::CreateWebhookRequest { headers, ..to(&receiver) }).await;
    let group = service.group_id("Reading circle", &["+49 151 0000001"]).await;

    let posts = receiver.until_taken(1).await;
    let (post, log) = (&posts[0], service.log("default").await);
    assert_eq!(post.header("content-type"), "application/json");
    assert!(post.header("user-agent").starts_with("wagroups/"));
    assert_eq!(post.header("authorization"), "Bearer abc");
    assert_eq!(post.header("x-team"), "circle");
    assert_eq!(post.header("x-webhook-request-id").len(), 32);
    assert_eq!(post.header("x-webhook-timestamp"), post.body["timestamp"].to_string());
    assert!(post.headers.contains_key("x-webhook-hmac"), "the receiver has verified it");

    assert_eq!(post.text("/id"), log[0].id);
    assert_eq!(post.text("/event"), "group.v2.join");
    assert_eq!(post.session(), "default");
    assert_eq!(post.text("/payload/group/id"), group);
    assert_eq!(post.text("/payload/group/subject"), "Reading circle");
    assert_eq!(post.body["payload"]["group"]["participants"].as_array().map(Vec::len), Some(2));
    assert_eq!(post.sequence(), 1);
    assert!(post.text("/me/id").ends_with("@c.us"), "{}", post.body);
    let mut keys: Vec<&str> =
        post.body.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "engine",
        "environment",
        "event",
        "id",
        "me",
        "metadata",
        "payload",
        "session",
        "timestamp",
    ];
    assert_eq!(keys, expected);

    let told = service.until_delivered(&webhook.id).await;
    assert_eq!((told.state(), told.delivered_count), (pb::WebhookState::Active, 1));
    assert!(told.last_delivery_time.is_some() && told.failure.is_none());
    assert!(told.oldest_waiting_time.is_none());
}

async fn only_the_sessions_and_events_that_are_named_are_posted(service: Service) {
    service.create_session("other").await;
    let receiver = Receiver::start().await;
    let request = pb::CreateWebhookRequest {
        sessions: vec!["default".into()],
        events: vec!["group.v2.update".into()],
        ..to(&receiver)
    };
    let webhook = service.create_webhook(request).await;
    let group = service.group_id("Team", &[]).await;
    let elsewhere = pb::CreateGroupRequest {
        session: "other".into(),
        subject: "Elsewhere".into(),
        ..Default::default()
    };
    service.groups().create_group(elsewhere).await.expect("a group");
    // WAHA has no word for the lock.
    let lock = pb::SetInfoAdminOnlyRequest {
        session: "default".into(),
        group_id: group.clone(),
        info_admin_only: Some(true),
        ..Default::default()
    };
    service.groups().set_info_admin_only(lock).await.expect("locked");
    service.rename("default", &group, 0..2).await;
    let posts = receiver.until_taken(2).await;
    let told = service.until_delivered(&webhook.id).await;
    assert_eq!(receiver.posts().len(), 2);
    let subjects: Vec<_> = posts.iter().map(|post| post.text("/payload/group/subject")).collect();
    assert_eq!(subjects, ["Subject 0", "Subject 1"]);
    assert_eq!(posts[0].body["payload"]["group"], json!({ "id": group, "subject": "Subject 0" }));
    assert_eq!(told.delivered_count, 2);
}

async fn each_session_is_posted_in_its_order_one_event_at_a_time(service: Service) {
    let receiver = Receiver::start().await;
    // Every third post fails, so that a careless sender would let later events overtake.
    let count = Arc::new(AtomicUsize::new(0));
    receiver.answer(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        Answer::Status(if number % 3 == 1 { 503 } else { 204 })
    });
    service.create_webhook(to(&receiver)).await;
    let mut work = Vec::new();
    for session in ["default", "second", "third"] {
        service.create_session(session).await;
        let (service, request) = (
            &service,
            pb::CreateGroupRequest {
                session: session.into(),
                subject: "Team".into(),
                ..Default::default()
            },
        );
        work.push(async move {
            let made = service.groups().create_group(request).await.expect("a group").into_inner();
            service.rename(session, &made.group.expect("a group").id, 0..20).await;
        });
    }
    futures::future::join_all(work).await;
    receiver.until_taken(3 * 21).await;
    let mut next: BTreeMap<String, i64> = BTreeMap::new();
    for post in receiver.posts() {
        let next = next.entry(post.session().to_owned()).or_insert(1);
        assert_eq!(post.sequence(), *next, "{} of {}", post.text("/event"), post.session());
        *next += i64::from(post.was_taken());
    }
    assert!(next.values().all(|next| *next == 22), "{next:?}");
}
