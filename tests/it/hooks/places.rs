//! Where a webhook is in the log: over restarts, sent elsewhere, and overtaken by retention.

use std::time::Duration;

use wagroups::pb::replay_webhook_request::Start;
use wagroups::pb::{self, WebhookState};

use super::receiver::{Answer, Receiver};
use super::{posted_on_each_database, posting, to};
use crate::harness::service::{PATIENCE, Service, reason};

posted_on_each_database!(
    a_restart_goes_on_where_the_webhook_was,
    a_webhook_is_sent_to_a_token_a_time_or_the_beginning,
    an_event_that_is_refused_for_good_can_be_skipped,
);

fn sequences(receiver: &Receiver) -> Vec<i64> {
    receiver.taken().iter().map(super::receiver::Post::sequence).collect()
}

async fn replay(service: &Service, id: &str, start: Start) -> pb::Webhook {
    let request = pb::ReplayWebhookRequest { webhook_id: id.into(), start: Some(start) };
    let replayed = service.webhooks().replay_webhook(request).await.expect("replayed").into_inner();
    replayed.webhook.expect("a webhook")
}

async fn a_restart_goes_on_where_the_webhook_was(mut service: Service) {
    let (receiver, paused_receiver) = (Receiver::start().await, Receiver::start().await);
    let webhook = service.create_webhook(to(&receiver)).await;
    let request = pb::CreateWebhookRequest { paused: true, ..to(&paused_receiver) };
    let paused = service.create_webhook(request).await;
    assert_eq!(paused.state(), WebhookState::Paused);
    let group = service.group_id("Team", &[]).await;
    service.rename("default", &group, 0..2).await;
    service.until_delivered(&webhook.id).await;

    service.restart().await;
    let told = service.get_webhook(&webhook.id).await.expect("a webhook");
    assert_eq!((told.delivered_count, told.behind_count), (3, 0));
    service.rename("default", &group, 2..4).await;
    service.until_delivered(&webhook.id).await;
    assert_eq!(sequences(&receiver), [1, 2, 3, 4, 5], "an orderly restart repeats nothing");

    let told = service.get_webhook(&paused.id).await.expect("a webhook");
    assert_eq!((told.state(), told.behind_count), (WebhookState::Paused, 5));
    assert!(paused_receiver.posts().is_empty());
    service.resume_webhook(&paused.id).await;
    service.until_delivered(&paused.id).await;
    assert_eq!(sequences(&paused_receiver), [1, 2, 3, 4, 5]);
}

async fn a_webhook_is_sent_to_a_token_a_time_or_the_beginning(service: Service) {
    let receiver = Receiver::start().await;
    let group = service.group_id("Team", &[]).await;
    service.rename("default", &group, 0..1).await;
    // Without a start it begins now.
    let webhook = service.create_webhook(to(&receiver)).await;
    assert_eq!(webhook.behind_count, 0);
    let here = webhook.resume_token.clone();
    service.rename("default", &group, 1..3).await;
    service.until_delivered(&webhook.id).await;
    assert_eq!(sequences(&receiver), [3, 4]);

    replay(&service, &webhook.id, Start::Earliest(pb::Earliest {})).await;
    let told = service.until_delivered(&webhook.id).await;
    assert_eq!(sequences(&receiver)[2..], [1, 2, 3, 4]);
    assert_eq!(told.delivered_count, 6);
    let ids: Vec<String> = receiver
        .taken()
        .iter()
        .filter(|post| post.sequence() == 3)
        .map(|post| post.header("x-webhook-request-id").to_owned())
        .collect();
    assert_eq!(ids[0], ids[1], "a replayed event has the id that it had");

    replay(&service, &webhook.id, Start::ResumeToken(here.clone())).await;
    service.until_delivered(&webhook.id).await;
    assert_eq!(sequences(&receiver)[6..], [3, 4]);

    let second = service.log("default").await[1].record_time.expect("a time");
    replay(&service, &webhook.id, Start::StartTime(second)).await;
    service.until_delivered(&webhook.id).await;
    assert_eq!(sequences(&receiver)[8..], [2, 3, 4]);

    // A paused webhook delivers again, and may leave out what it has not delivered.
    let request = pb::PauseWebhookRequest { webhook_id: webhook.id.clone() };
    service.webhooks().pause_webhook(request).await.expect("paused");
    service.rename("default", &group, 3..5).await;
    let told = replay(&service, &webhook.id, Start::Latest(pb::Latest {})).await;
    assert_eq!((told.state(), told.behind_count), (WebhookState::Active, 0));
    service.rename("default", &group, 5..6).await;
    service.until_delivered(&webhook.id).await;
    assert_eq!(sequences(&receiver)[11..], [7]);

    // A new one can begin anywhere too.
    let other = Receiver::start().await;
    let start = pb::create_webhook_request::Start::ResumeToken(here);
    let request = pb::CreateWebhookRequest { start: Some(start), ..to(&other) };
    let made = service.create_webhook(request).await;
    service.until_delivered(&made.id).await;
    assert_eq!(sequences(&other), [3, 4, 5, 6, 7]);

    for (start, expected) in [
        (Start::ResumeToken(vec![1, 2, 3].into()), "INVALID_RESUME_TOKEN"),
        (Start::ResumeToken([&[1][..], &[7; 23]].concat().into()), "LOG_MISMATCH"),
        (
            Start::StartTime(prost_types::Timestamp { seconds: 32_503_680_000, nanos: 0 }),
            "START_TIME_IN_FUTURE",
        ),
    ] {
        let request =
            pb::ReplayWebhookRequest { webhook_id: webhook.id.clone(), start: Some(start) };
        let status = service.webhooks().replay_webhook(request).await.expect_err(expected);
        assert_eq!(reason(&status), expected);
    }
    let told = service.get_webhook(&webhook.id).await.expect("a webhook");
    assert_eq!(told.state(), WebhookState::Active, "a replay that is refused changes nothing");
}

async fn an_event_that_is_refused_for_good_can_be_skipped(service: Service) {
    let receiver = Receiver::start().await;
    receiver.answer(|post| Answer::Status(if post.sequence() == 2 { 422 } else { 200 }));
    let webhook = service.create_webhook(to(&receiver)).await;
    let group = service.group_id("Team", &[]).await;
    service.rename("default", &group, 0..3).await;
    let told = service.until_state(&webhook.id, WebhookState::Failing).await;
    let failure = told.failure.expect("a failure");
    assert_eq!((failure.sequence, failure.status), (2, 422));
    replay(&service, &webhook.id, Start::ResumeToken(failure.resume_token)).await;
    let told = service.until_delivered(&webhook.id).await;
    assert_eq!((told.state(), told.failure), (WebhookState::Active, None));
    assert_eq!(sequences(&receiver), [1, 3, 4]);
}

fn forgetful(settings: &mut wagroups::config::Settings) {
    posting(settings);
    // Everything is too old at once; only the newest event is always kept.
    settings.events.retention = Duration::ZERO;
    settings.events.retention_interval = Duration::from_secs(3600);
}

async fn five_groups_and_retention(service: &Service) {
    for number in 0..5 {
        service.create_group(&format!("Group {number}"), &[]).await;
    }
    service.server.as_ref().expect("running").app().retain_once().await.expect("retention");
}

async fn a_webhook_that_retention_overtakes_expires_with_the_number_lost(mut service: Service) {
    let (failing, paused) = (Receiver::start().await, Receiver::start().await);
    failing.answer(|_| Answer::Status(500));
    let failing_webhook = service.create_webhook(to(&failing)).await;
    let request = pb::CreateWebhookRequest { paused: true, ..to(&paused) };
    let paused_webhook = service.create_webhook(request).await;
    five_groups_and_retention(&service).await;

    // One that does not deliver is found by retention itself.
    let told = service.until_state(&paused_webhook.id, WebhookState::Expired).await;
    assert_eq!(told.lost_count, 4);
    assert!(told.state_reason.contains("4 events"), "{}", told.state_reason);
    // One that delivers still had the events in memory; after a restart they are gone for good.
    service.restart().await;
    let told = service.until_state(&failing_webhook.id, WebhookState::Expired).await;
    assert_eq!(told.lost_count, 4);

    failing.answer(|_| Answer::Status(200));
    for (webhook, receiver) in [(&failing_webhook, &failing), (&paused_webhook, &paused)] {
        let told = service.get_webhook(&webhook.id).await.expect("a webhook");
        assert_eq!((told.state(), told.lost_count), (WebhookState::Expired, 4));
        let resumed = service.resume_webhook(&webhook.id).await;
        assert_eq!(resumed.lost_count, 4, "the loss stays on record and is counted once");
        let told = service.until_delivered(&webhook.id).await;
        assert_eq!((told.state(), told.lost_count), (WebhookState::Active, 4));
        assert_eq!(sequences(receiver), [5]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_expires_webhooks_on_sqlite() {
    let service = Service::on_sqlite_with(forgetful).await;
    a_webhook_that_retention_overtakes_expires_with_the_number_lost(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_expires_webhooks_on_postgres() {
    if let Some(service) = Service::on_postgres_with(forgetful).await {
        a_webhook_that_retention_overtakes_expires_with_the_number_lost(service).await;
    }
}

/// After a restore the place may be in no log; going on anywhere would skip something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_whose_log_is_gone_is_paused_until_it_is_sent_elsewhere() {
    let mut service = Service::on_sqlite_with(posting).await;
    let receiver = Receiver::start().await;
    let webhook = service.create_webhook(to(&receiver)).await;
    let group = service.group_id("Team", &[]).await;
    service.until_delivered(&webhook.id).await;
    service.repository().new_log_id().await.expect("another log");
    service.restart().await;
    let told = service.until_state(&webhook.id, WebhookState::PausedByFailure).await;
    assert!(told.state_reason.contains("in no log"), "{}", told.state_reason);
    let request = pb::ResumeWebhookRequest { webhook_id: webhook.id.clone() };
    let status = service.webhooks().resume_webhook(request).await.expect_err("refused");
    assert_eq!(reason(&status), "LOG_MISMATCH");
    replay(&service, &webhook.id, Start::Earliest(pb::Earliest {})).await;
    service.rename("default", &group, 0..1).await;
    service.until_delivered(&webhook.id).await;
    assert_eq!(sequences(&receiver), [1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_does_not_hold_up_the_end_and_is_asked_again_after_it() {
    let mut service = Service::on_sqlite_with(|settings| {
        posting(settings);
        settings.webhooks.timeout = Duration::from_secs(3600);
    })
    .await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| Answer::Hang);
    let webhook = service.create_webhook(to(&receiver)).await;
    service.group_id("Team", &[]).await;
    receiver.until_posted(1).await;
    receiver.answer(|_| Answer::Status(200));
    let restarted = tokio::time::timeout(PATIENCE, service.restart()).await;
    restarted.expect("the service ends though a post is out");
    let told = service.until_delivered(&webhook.id).await;
    assert_eq!((told.delivered_count, sequences(&receiver)), (1, vec![1]));
    let ids = receiver
        .posts()
        .iter()
        .map(|post| post.header("x-webhook-request-id").to_owned())
        .collect::<Vec<_>>();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}
