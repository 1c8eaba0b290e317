//! Making, showing, changing and deleting webhooks.

use wagroups::pb::{self, WebhookState};

use super::receiver::{Answer, KEY, Receiver};
use super::{posted_on_each_database, posting, to};
use crate::harness::service::{Service, eventually, reason, violated_fields};

posted_on_each_database!(
    a_webhook_is_shown_without_its_secrets,
    a_creation_that_is_repeated_makes_one_webhook,
    an_update_changes_what_it_names,
    a_deleted_webhook_posts_no_more,
);

const REQUEST_ID: &str = "0190a5a4-7b1c-7c2e-8f3a-0123456789ab";

fn header(name: &str, value: &str) -> pb::WebhookHeader {
    pb::WebhookHeader { name: name.into(), value: value.into() }
}

fn update(id: &str, paths: &[&str]) -> pb::UpdateWebhookRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    pb::UpdateWebhookRequest {
        webhook_id: id.into(),
        update_mask: Some(prost_types::FieldMask { paths }),
        ..Default::default()
    }
}

async fn a_webhook_is_shown_without_its_secrets(mut service: Service) {
    let receiver = Receiver::start().await;
    let request = pb::CreateWebhookRequest {
        sessions: vec!["default".into(), "later".into()],
        events: vec!["group.v2.join".into()],
        headers: vec![header("X-Api-Key", "hush")],
        retries: None,
        ..to(&receiver)
    };
    let made = service.create_webhook(request).await;
    assert!(made.id.starts_with("whk_") && made.id.len() == 30, "{}", made.id);
    assert_eq!((made.url.as_str(), made.has_hmac_key), (receiver.url().as_str(), true));
    assert_eq!(made.sessions, ["default", "later"]);
    assert_eq!(made.events, ["group.v2.join"]);
    assert_eq!(made.headers, [header("x-api-key", "")]);
    let retries = made.retries.expect("retries");
    assert_eq!((retries.policy(), retries.attempts()), (pb::RetryPolicy::Constant, 15));
    assert_eq!(retries.delay.map(|delay| delay.seconds), Some(2));
    assert_eq!((made.state(), made.key_name.as_str()), (WebhookState::Active, ""));
    service.restart().await;
    let kept = service.get_webhook(&made.id).await.expect("a webhook");
    assert_eq!(pb::Webhook { resume_token: made.resume_token.clone(), ..kept }, made);

    let listed = service.webhooks().list_webhooks(pb::ListWebhooksRequest::default()).await;
    assert_eq!(listed.expect("a list").into_inner().webhooks.len(), 1);
}

async fn a_creation_that_is_repeated_makes_one_webhook(mut service: Service) {
    let receiver = Receiver::start().await;
    let request = pb::CreateWebhookRequest { request_id: REQUEST_ID.into(), ..to(&receiver) };
    let first = service.create_webhook(request.clone()).await;
    let (again, more) = tokio::join!(
        service.create_webhook(request.clone()),
        service.create_webhook(request.clone())
    );
    assert_eq!((&again.id, &more.id), (&first.id, &first.id));
    service.restart().await;
    assert_eq!(service.create_webhook(request.clone()).await.id, first.id);
    let other = pb::CreateWebhookRequest { paused: true, ..request };
    let status = service.webhooks().create_webhook(other).await.expect_err("refused");
    assert_eq!(reason(&status), "REQUEST_ID_REUSED");
    assert_eq!(violated_fields(&status), ["request_id"]);
    // Without an id each call makes another one.
    let ids =
        [service.create_webhook(to(&receiver)).await, service.create_webhook(to(&receiver)).await];
    assert_ne!(ids[0].id, ids[1].id);
}

async fn an_update_changes_what_it_names(service: Service) {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let made = service.create_webhook(to(&receiver)).await;
    let group = service.group_id("Team", &[]).await;
    service.until_delivered(&made.id).await;

    let change = pb::UpdateWebhookRequest {
        url: other.url(),
        events: vec!["group.v2.update".into()],
        passed_on_events: vec!["presence.update".into(), "message".into(), "message".into()],
        headers: vec![header("x-team", "circle")],
        ..update(&made.id, &["url", "events", "passed_on_events", "headers", "hmac_key"])
    };
    let changed =
        service.webhooks().update_webhook(change.clone()).await.expect("changed").into_inner();
    let webhook = changed.webhook.expect("a webhook");
    assert!(changed.changed && !webhook.has_hmac_key);
    assert_eq!(webhook.passed_on_events, ["message", "presence.update"]);
    assert_eq!((webhook.url, webhook.retries), (other.url(), made.retries));
    let again = service.webhooks().update_webhook(change).await.expect("an answer").into_inner();
    assert!(!again.changed);

    service.rename("default", &group, 0..1).await;
    let posts = other.until_taken(1).await;
    assert_eq!((posts[0].sequence(), posts[0].header("x-team")), (2, "circle"));
    assert!(!posts[0].headers.contains_key("x-webhook-hmac"));
    let signed =
        pb::UpdateWebhookRequest { hmac_key: KEY.into(), ..update(&made.id, &["hmac_key"]) };
    service.webhooks().update_webhook(signed).await.expect("changed");
    service.rename("default", &group, 1..2).await;
    let posts = other.until_taken(2).await;
    assert!(posts[1].headers.contains_key("x-webhook-hmac"));
    assert_eq!(receiver.posts().len(), 1);
}

async fn a_deleted_webhook_posts_no_more(service: Service) {
    let receiver = Receiver::start().await;
    let made = service.create_webhook(to(&receiver)).await;
    let kept = service.create_webhook(to(&receiver)).await;
    let delete = pb::DeleteWebhookRequest { webhook_id: made.id.clone() };
    service.webhooks().delete_webhook(delete.clone()).await.expect("deleted");
    service.group_id("Team", &[]).await;
    service.until_delivered(&kept.id).await;
    assert_eq!(receiver.posts().len(), 1);
    let status = service.webhooks().delete_webhook(delete).await.expect_err("gone");
    assert_eq!(reason(&status), "WEBHOOK_NOT_FOUND");
    let status = service.get_webhook(&made.id).await.expect_err("gone");
    assert_eq!(reason(&status), "WEBHOOK_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_wrong_with_a_webhook_is_said_at_once() {
    let service = Service::on_sqlite_with(posting).await;
    let refused =
        async |request| service.webhooks().create_webhook(request).await.expect_err("refused");
    let request = pb::CreateWebhookRequest {
        request_id: "x".into(),
        url: "ftp://example.com".into(),
        sessions: vec!["fine".into(), "no spaces!".into()],
        events: vec!["group.v2.join".into(), "message".into()],
        passed_on_events: vec!["message".into(), "group.v2.join".into(), "a b".into()],
        hmac_key: "short".into(),
        headers: vec![
            header("x-a", "1"),
            header("Host", "x"),
            header("X-A", "2"),
            header("x-b", "a\nb"),
        ],
        retries: Some(pb::WebhookRetries {
            policy: 9,
            delay: Some(prost_types::Duration { seconds: 3601, nanos: 0 }),
            attempts: Some(101),
        }),
        start: Some(pb::create_webhook_request::Start::StartTime(prost_types::Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        })),
        ..Default::default()
    };
    let status = refused(request).await;
    let expected = [
        "request_id",
        "url",
        "sessions[1]",
        "events[1]",
        "passed_on_events[1]",
        "passed_on_events[2]",
        "hmac_key",
        "headers[1]",
        "headers[2]",
        "headers[3]",
        "retries.policy",
        "retries.delay",
        "retries.attempts",
        "start_time",
    ];
    assert_eq!(violated_fields(&status), expected);
    assert!(!status.message().contains("a\nb"));
    for url in [
        "",
        "http://",
        "https://user:password@example.com/",
        &format!("http://a/{}", "x".repeat(2048)),
    ] {
        let request = pb::CreateWebhookRequest { url: url.into(), ..Default::default() };
        assert_eq!(violated_fields(&refused(request).await), ["url"], "{url}");
    }
    let many = pb::CreateWebhookRequest {
        url: "http://example.com".into(),
        sessions: (0..1001).map(|number| format!("s{number}")).collect(),
        headers: (0..17).map(|number| header(&format!("x-{number}"), "1")).collect(),
        ..Default::default()
    };
    assert_eq!(violated_fields(&refused(many).await), ["sessions", "headers"]);

    let status = service.get_webhook("nothing").await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["webhook_id"]);
    let status = service.webhooks().update_webhook(update("x", &[])).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["webhook_id", "update_mask"]);
    let id = "whk_01m0xx31cj9qweg9zxaf51mbp9";
    let status = service.webhooks().update_webhook(update(id, &["id"])).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["update_mask"]);
    let list =
        pb::ListWebhooksRequest { states: vec![0, 1, 99], page_size: -1, ..Default::default() };
    let status = service.webhooks().list_webhooks(list).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["page_size", "states[0]", "states[2]"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_webhook_too_many_is_refused_until_one_is_deleted() {
    let service = Service::on_sqlite_with(|settings| {
        posting(settings);
        settings.webhooks.max = 2;
    })
    .await;
    let receiver = Receiver::start().await;
    let made = service.create_webhook(to(&receiver)).await;
    service.create_webhook(to(&receiver)).await;
    let status = service.webhooks().create_webhook(to(&receiver)).await.expect_err("refused");
    assert_eq!(reason(&status), "WEBHOOK_LIMIT_REACHED");
    let delete = pb::DeleteWebhookRequest { webhook_id: made.id };
    service.webhooks().delete_webhook(delete).await.expect("deleted");
    service.create_webhook(to(&receiver)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_listed_in_pages_by_id_and_state() {
    let service = Service::on_sqlite_with(posting).await;
    let receiver = Receiver::start().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let request = pb::CreateWebhookRequest { paused: number % 2 == 1, ..to(&receiver) };
        ids.push(service.create_webhook(request).await.id);
    }
    ids.sort();
    let mut request = pb::ListWebhooksRequest { page_size: 2, ..Default::default() };
    let mut listed = Vec::new();
    loop {
        let page =
            service.webhooks().list_webhooks(request.clone()).await.expect("a page").into_inner();
        assert!(page.webhooks.len() <= 2);
        listed.extend(page.webhooks.into_iter().map(|webhook| webhook.id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(listed, ids);
    let paused =
        pb::ListWebhooksRequest { states: vec![WebhookState::Paused.into()], ..Default::default() };
    let page = service.webhooks().list_webhooks(paused).await.expect("a page").into_inner();
    assert_eq!(page.webhooks.len(), 2);
    request.states = vec![WebhookState::Active.into()];
    let status = service.webhooks().list_webhooks(request).await.expect_err("other arguments");
    assert_eq!(reason(&status), "PAGE_TOKEN_MISMATCH");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_posts_once_and_counts_for_nothing() {
    let service = Service::on_sqlite_with(posting).await;
    let receiver = Receiver::start().await;
    let request = pb::CreateWebhookRequest { paused: true, ..to(&receiver) };
    let made = service.create_webhook(request).await;
    let test = async || {
        let request = pb::TestWebhookRequest { webhook_id: made.id.clone() };
        service.webhooks().test_webhook(request).await.expect("an answer").into_inner()
    };
    let tested = test().await;
    assert_eq!((tested.delivered, tested.status), (true, 200));
    assert_eq!(tested.cause(), pb::WebhookFailureCause::Unspecified);
    let post = &receiver.posts()[0];
    assert_eq!((post.text("/event"), post.session()), ("webhook.test", ""));
    assert_eq!(post.text("/payload/webhook"), made.id);
    assert!(post.headers.contains_key("x-webhook-hmac"));
    assert_eq!(post.header("x-webhook-timestamp"), post.body["timestamp"].to_string());

    receiver.answer(|_| Answer::Status(503));
    let tested = test().await;
    assert_eq!((tested.delivered, tested.status), (false, 503));
    assert_eq!(tested.cause(), pb::WebhookFailureCause::Status);
    let told = service.get_webhook(&made.id).await.expect("a webhook");
    assert_eq!((told.delivered_count, told.failure), (0, None));
    assert_eq!(receiver.posts().len(), 2);
}

/// Who hangs up in the middle of a change leaves no webhook behind that nobody delivers for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_leaves_the_webhook_delivering() {
    let service = Service::on_sqlite_with(posting).await;
    let receiver = Receiver::start().await;
    let made = service.create_webhook(to(&receiver)).await;
    for round in 0..10_u64 {
        let change = pb::UpdateWebhookRequest {
            retries: Some(super::at_once(i32::try_from(round).expect("small"))),
            ..update(&made.id, &["retries"])
        };
        let call = async { service.webhooks().update_webhook(change).await };
        let _ = tokio::time::timeout(std::time::Duration::from_micros(round * 200), call).await;
    }
    service.group_id("Team", &[]).await;
    eventually("it delivers", || async { receiver.taken().first().map(|_| ()) }).await;
}
