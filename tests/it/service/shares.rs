//! What is bounded for all is shared by API keys: a greedy one keeps nobody else out.

use futures::future::BoxFuture;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use wagroups::config::Settings;
use wagroups::pb;

use super::keys::{key, with_key};
use crate::harness::service::{Service, reason};

const GREEDY: &str = "wag_greedy";
const OTHER: &str = "wag_other";
const ADMIN: &str = "wag_admin";

/// Three keys, and four of everything.
fn shared(settings: &mut Settings) {
    settings.auth.keys =
        vec![key("greedy", GREEDY, "a-*"), key("other", OTHER, "b-*"), key("admin", ADMIN, "*")];
    settings.watch.max_watchers = 4;
    settings.rest.listen = "127.0.0.1:0".parse().ok();
    settings.rest.max_streams = 4;
    settings.webhooks.max = 4;
    settings.webhooks.allow_private_addresses = true;
    // There is one already, `default`.
    settings.sessions.max = 5;
}

/// The key took as many as it may, which are these, and was told so.
#[track_caller]
fn is_refused(status: &Status, wanted: &str, limit: &str, held: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::ResourceExhausted, wanted));
    let details = status.get_error_details();
    let metadata = &details.error_info().expect("ErrorInfo").metadata;
    assert_eq!((metadata["limit"].as_str(), metadata["held"].as_str()), (limit, held), "{status}");
    assert!(status.message().contains("API keys share"), "{status}");
}

/// The greedy key takes all that it gets; answers what it got, and how it was refused.
async fn take_all<'a, T>(
    take: impl Fn(&'static str) -> BoxFuture<'a, Result<T, Status>>,
) -> (Vec<T>, Status) {
    let mut taken = Vec::new();
    loop {
        match take(GREEDY).await {
            Ok(one) => taken.push(one),
            Err(status) => return (taken, status),
        }
        assert!(taken.len() < 10, "no end of them");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_of_both_kinds_are_shared() {
    let service = Service::on_sqlite_with(shared).await;
    let request = pb::CreateSessionRequest { session: "b-1".into(), ..Default::default() };
    service.sessions().create_session(with_key(ADMIN, request)).await.expect("a session");
    let watch = |key: &'static str| -> BoxFuture<'_, _> {
        let mut groups = service.groups();
        let request = with_key(key, pb::WatchGroupEventsRequest::default());
        Box::pin(async move { groups.watch_group_events(request).await })
    };
    let (held, refused) = take_all(watch).await;
    assert_eq!(held.len(), 2, "half of them");
    is_refused(&refused, "TOO_MANY_WATCHERS", "4", "2");
    let request = with_key(OTHER, pb::WatchSessionRequest { session: "b-1".into() });
    let _other = service.sessions().watch_session(request).await.expect("room for another key");
    watch(ADMIN).await.expect("and for a third one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_shared_also_after_a_restart() {
    let mut service = Service::on_sqlite_with(shared).await;
    async fn create(service: &Service, key: &str) -> Result<(), Status> {
        let request = pb::CreateWebhookRequest {
            url: "http://127.0.0.1:9/".into(),
            paused: true,
            ..Default::default()
        };
        service.webhooks().create_webhook(with_key(key, request)).await.map(drop)
    }
    let (held, refused) =
        take_all(|key| -> BoxFuture<'_, _> { Box::pin(create(&service, key)) }).await;
    assert_eq!(held.len(), 2, "half of them");
    is_refused(&refused, "WEBHOOK_LIMIT_REACHED", "4", "2");
    service.restart_with(|_| ()).await;
    let refused = create(&service, GREEDY).await.expect_err("they are still there");
    is_refused(&refused, "WEBHOOK_LIMIT_REACHED", "4", "2");
    create(&service, OTHER).await.expect("room for another key");
    create(&service, ADMIN).await.expect("and for a third one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_shared_but_for_keys_that_see_all() {
    let service = Service::on_sqlite_with(shared).await;
    let create = |key: &'static str, name: String| {
        let mut sessions = service.sessions();
        let request = pb::CreateSessionRequest { session: name, ..Default::default() };
        async move { sessions.create_session(with_key(key, request)).await.map(drop) }
    };
    let next = std::sync::atomic::AtomicUsize::new(0);
    let (held, refused) = take_all(|key| -> BoxFuture<'_, _> {
        let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::pin(create(key, format!("a-{number}")))
    })
    .await;
    assert_eq!(held.len(), 2, "half of those that were left");
    is_refused(&refused, "SESSION_LIMIT_REACHED", "5", "2");
    create(OTHER, "b-1".into()).await.expect("room for another key");
    create(ADMIN, "a-more".into()).await.expect("who sees all may use all");
    let refused = create(ADMIN, "a-most".into()).await.expect_err("no room at all");
    is_refused(&refused, "SESSION_LIMIT_REACHED", "5", "5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_rest_are_shared_and_leave_connections_to_others() {
    let service = Service::on_sqlite_with(|settings| {
        shared(settings);
        settings.watch.max_watchers = 100;
        settings.rest.max_connections = 8;
    })
    .await;
    for session in ["a-1", "b-1"] {
        let request = pb::CreateSessionRequest { session: session.into(), ..Default::default() };
        service.sessions().create_session(with_key(ADMIN, request)).await.expect("a session");
    }
    let tls = wagroups::tls::Trust::default().client_config().expect("TLS");
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("it");
    let get = |key: &'static str, path: &str| {
        let request = client.get(format!("{}/api/{path}", service.rest_url()));
        let request = request.header("x-api-key", key).timeout(crate::harness::service::PATIENCE);
        async move { request.send().await.expect("an answer") }
    };
    let mut held = Vec::new();
    let refused = loop {
        let stream = get(GREEDY, "a-1/groups/events").await;
        if stream.status() != 200 {
            break stream;
        }
        held.push(stream);
        assert!(held.len() < 8, "no end of them");
    };
    assert_eq!(held.len(), 2, "half of them");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["x-wagroups-reason"], "TOO_MANY_WATCHERS");
    let text = refused.text().await.expect("a body");
    assert!(text.contains("API keys share") && text.contains("has 2 of them"), "{text}");
    let other = get(OTHER, "b-1/groups/events").await;
    assert_eq!(other.status(), 200, "room for another key");
    assert_eq!(get(GREEDY, "a-1/groups/count").await.status(), 200, "and for what is no stream");
    drop(held.pop());
    crate::harness::service::eventually("a stream that is gone gives its place back", || async {
        let stream = get(GREEDY, "a-1/groups/events").await;
        (stream.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_is_one_key_it_may_have_all() {
    let service = Service::on_sqlite_with(|settings| {
        shared(settings);
        settings.auth.keys.truncate(1);
    })
    .await;
    let (held, refused) = take_all(|key| -> BoxFuture<'_, _> {
        let mut groups = service.groups();
        let request: Request<_> = with_key(key, pb::WatchGroupEventsRequest::default());
        Box::pin(async move { groups.watch_group_events(request).await })
    })
    .await;
    assert_eq!(held.len(), 4);
    is_refused(&refused, "TOO_MANY_WATCHERS", "4", "4");
}
