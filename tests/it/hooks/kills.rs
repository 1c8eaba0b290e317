//! The real program, killed while it delivers: every event arrives, in the order of its session.

use std::collections::{BTreeMap, BTreeSet};

use tonic::transport::Channel;
use wagroups::pb;
use wagroups::pb::webhooks_service_client::WebhooksServiceClient;

use super::receiver::{Answer, Receiver};
use super::to;
use crate::crash::load::Load;
use crate::harness::process::{Process, TestStore};
use crate::harness::service::eventually;

const KILLS: u64 = 8;
const WRITERS: usize = 3;

const SETTINGS: [(&str, &str); 1] = [("WAGROUPS_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true")];

async fn webhook(client: &mut WebhooksServiceClient<Channel>, id: &str) -> Option<pb::Webhook> {
    let request = pb::GetWebhookRequest { webhook_id: id.into() };
    client.get_webhook(request).await.ok()?.into_inner().webhook
}

async fn kills_lose_nothing(store: TestStore) {
    let receiver = Receiver::start().await;
    let mut number = 0_u32;
    receiver.answer(move |_| {
        number += 1;
        Answer::Status(if number.is_multiple_of(5) { 502 } else { 200 })
    });
    let mut process = Process::start_with(&store, &SETTINGS).await;
    let mut client = WebhooksServiceClient::new(process.channel());
    let made = client.create_webhook(to(&receiver)).await.expect("a webhook").into_inner();
    let id = made.webhook.expect("a webhook").id;
    let load = Load::begin(&process, WRITERS).await;
    for kill in 0..KILLS {
        // In the middle of whatever runs then, posts among it.
        load.wait_for_answers(3 + (kill * 7919) % 23).await;
        process.kill().await;
        process = Process::restart_with(&store, &process, &SETTINGS).await;
    }
    load.wait_for_answers(20).await;
    let history = load.end().await;
    let told = eventually("all is delivered", || {
        let (mut client, id) = (client.clone(), id.clone());
        async move { webhook(&mut client, &id).await.filter(|webhook| webhook.behind_count == 0) }
    })
    .await;
    assert_eq!(told.state(), pb::WebhookState::Active);

    let taken = receiver.taken();
    let arrived: BTreeSet<&str> = taken.iter().map(|post| post.text("/id")).collect();
    let logged: BTreeSet<&str> =
        history.watched.iter().flatten().map(|event| event.id.as_str()).collect();
    let missing: Vec<_> = logged.difference(&arrived).collect();
    assert!(missing.is_empty(), "{} of {} never arrived: {missing:?}", missing.len(), logged.len());
    // What was taken first follows the order of the log; only repetitions go back.
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for post in &taken {
        let last = last.entry(post.session()).or_default();
        assert!(post.sequence() <= *last + 1, "{} before {}", post.sequence(), *last + 1);
        *last = post.sequence().max(*last);
    }
    // All tries of an event come under one id.
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    let posts = receiver.posts();
    for post in &posts {
        let id = post.header("x-webhook-request-id");
        assert_eq!(*ids.entry(post.text("/id")).or_insert(id), id);
    }
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_while_it_delivers_lose_nothing_on_sqlite() {
    if let Some(store) = TestStore::sqlite().await {
        kills_lose_nothing(store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_while_it_delivers_lose_nothing_on_postgres() {
    if let Some(store) = TestStore::postgres().await {
        kills_lose_nothing(store).await;
    }
}
