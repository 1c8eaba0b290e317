//! Receivers that fail: how often, when and how they are tried again, and when that ends.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::net::TcpListener;
use wagroups::domain::port::webhooks::WebhookStore as _;
use wagroups::pb::{self, WebhookFailureCause as Cause, WebhookState};

use super::receiver::{Answer, Receiver};
use super::{at_once, posted_on_each_database, posting, to};
use crate::harness::service::{Service, eventually};

posted_on_each_database!(
    what_fails_is_tried_again_under_the_same_id_until_it_is_taken,
    a_session_that_fails_does_not_hold_up_the_others,
    what_fails_and_is_filtered_out_fails_no_more,
    a_webhook_whose_row_is_gone_stops_no_other,
);

async fn what_fails_is_tried_again_under_the_same_id_until_it_is_taken(service: Service) {
    let receiver = Receiver::start().await;
    // A redirect that keeps the method would post the body a second time, were it followed.
    let elsewhere = receiver.url();
    let mut answers = vec![
        Answer::Status(200),
        Answer::Status(404),
        Answer::With(307, "location", elsewhere),
        Answer::Status(500),
    ];
    receiver.answer(move |_| answers.pop().unwrap_or(Answer::Status(200)));
    let webhook = service.create_webhook(to(&receiver)).await;
    service.group_id("Team", &[]).await;
    let told = service.until_delivered(&webhook.id).await;
    let posts = receiver.posts();
    let statuses: Vec<u16> = posts.iter().map(|post| post.status).collect();
    assert_eq!(statuses, [500, 307, 404, 200]);
    let ids: BTreeSet<&str> =
        posts.iter().map(|post| post.header("x-webhook-request-id")).collect();
    assert_eq!(ids.len(), 1);
    assert!(posts.iter().all(|post| post.raw == posts[0].raw));
    assert_eq!((told.state(), told.delivered_count), (WebhookState::Active, 1));

    service.rename("default", posts[0].text("/payload/group/id"), 0..1).await;
    let next = receiver.until_taken(2).await;
    assert!(!ids.contains(next[1].header("x-webhook-request-id")), "another event has another id");
}

async fn a_session_that_fails_does_not_hold_up_the_others(service: Service) {
    service.create_session("other").await;
    let receiver = Receiver::start().await;
    receiver.answer(|post| Answer::Status(if post.session() == "default" { 500 } else { 200 }));
    let webhook = service.create_webhook(to(&receiver)).await;
    let failing = service.group_id("Fails", &[]).await;
    service.rename("default", &failing, 0..2).await;
    let request = pb::CreateGroupRequest {
        session: "other".into(),
        subject: "Works".into(),
        ..Default::default()
    };
    let made = service.groups().create_group(request).await.expect("a group").into_inner();
    service.rename("other", &made.group.expect("a group").id, 0..5).await;
    let taken = receiver.until_taken(6).await;
    let sequences: Vec<i64> = taken.iter().map(|post| post.sequence()).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);

    let told = service.until_state(&webhook.id, WebhookState::Failing).await;
    let failure = told.failure.as_ref().expect("a failure");
    assert_eq!((failure.session.as_str(), failure.sequence), ("default", 1));
    assert_eq!((failure.cause(), failure.status), (Cause::Status, 500));
    assert!(told.oldest_waiting_time.is_some() && told.behind_count >= 3, "{told:?}");
    assert!(told.state_reason.contains("500"), "{}", told.state_reason);
    // The events behind the one that fails were not tried.
    assert!(receiver.posts().iter().all(|post| post.session() == "other" || post.sequence() == 1));

    receiver.answer(|_| Answer::Status(200));
    // What fails longest is a minute away by now; a change tries it at once.
    let request = pb::UpdateWebhookRequest {
        webhook_id: webhook.id.clone(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["retries".into()] }),
        ..Default::default()
    };
    service.webhooks().update_webhook(request).await.expect("changed");
    let told = service.until_delivered(&webhook.id).await;
    assert_eq!((told.state(), told.failure), (WebhookState::Active, None));
    assert_eq!(receiver.taken().iter().filter(|post| post.session() == "default").count(), 3);
}

async fn what_fails_and_is_filtered_out_fails_no_more(service: Service) {
    let receiver = Receiver::start().await;
    receiver.answer(|post| {
        Answer::Status(if post.text("/event") == "group.v2.update" { 422 } else { 200 })
    });
    let webhook = service.create_webhook(to(&receiver)).await;
    let group = service.group_id("Team", &[]).await;
    service.rename("default", &group, 0..1).await;
    service.until_state(&webhook.id, WebhookState::Failing).await;
    let request = pb::UpdateWebhookRequest {
        webhook_id: webhook.id.clone(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["events".into()] }),
        events: vec!["group.v2.join".into()],
        ..Default::default()
    };
    service.webhooks().update_webhook(request).await.expect("changed");
    service.group_id("Another", &[]).await;
    let told = service.until_delivered(&webhook.id).await;
    assert_eq!((told.state(), told.failure), (WebhookState::Active, None));
}

/// Removed by hand, or by a deletion of which the database's answer was lost: no sign of another process.
async fn a_webhook_whose_row_is_gone_stops_no_other(service: Service) {
    let receiver = Receiver::start().await;
    let gone = service.create_webhook(to(&receiver)).await;
    let id = gone.id.parse().expect("an id");
    assert!(service.repository().remove_webhook(id).await.expect("removed"));
    service.group_id("Team", &[]).await;
    eventually("it is gone", || async { service.get_webhook(&gone.id).await.err() }).await;
    let webhook = service.create_webhook(to(&receiver)).await;
    service.group_id("Another", &[]).await;
    let told = service.until_delivered(&webhook.id).await;
    assert_eq!((told.state(), told.delivered_count), (WebhookState::Active, 1));
}

fn soon_paused(settings: &mut wagroups::config::Settings) {
    posting(settings);
    settings.webhooks.pause_after = Duration::ZERO;
}

async fn an_event_that_fails_for_too_long_pauses_the_webhook(service: Service) {
    let receiver = Receiver::start().await;
    receiver.answer(|_| Answer::Status(500));
    let request = pb::CreateWebhookRequest { retries: Some(at_once(2)), ..to(&receiver) };
    let webhook = service.create_webhook(request).await;
    let group = service.group_id("Team", &[]).await;
    let told = service.until_state(&webhook.id, WebhookState::PausedByFailure).await;
    assert!(told.state_reason.contains("3 times") && told.state_reason.contains("500"), "{told:?}");
    assert_eq!(told.failure.as_ref().map(|failure| failure.failure_count), Some(3));
    assert_eq!((told.delivered_count, told.behind_count), (0, 1));

    // It stays paused, whatever happens; once somebody pauses it, a failure is not why.
    service.rename("default", &group, 0..3).await;
    let request = pb::PauseWebhookRequest { webhook_id: webhook.id.clone() };
    let paused = service.webhooks().pause_webhook(request).await.expect("an answer").into_inner();
    assert!(paused.changed);
    let paused = paused.webhook.expect("a webhook");
    assert_eq!((paused.state(), paused.state_reason.as_str()), (WebhookState::Paused, ""));
    assert!(paused.failure.is_some());
    assert_eq!(receiver.posts().len(), 3);

    // Nothing is skipped.
    receiver.answer(|_| Answer::Status(201));
    let resumed = service.resume_webhook(&webhook.id).await;
    assert_eq!(resumed.state_reason, "");
    let told = service.until_delivered(&webhook.id).await;
    assert_eq!((told.state(), told.delivered_count), (WebhookState::Active, 4));
    let sequences: Vec<i64> = receiver.taken().iter().map(|post| post.sequence()).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lasting_failure_pauses_a_webhook_on_sqlite() {
    let service = Service::on_sqlite_with(soon_paused).await;
    an_event_that_fails_for_too_long_pauses_the_webhook(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lasting_failure_pauses_a_webhook_on_postgres() {
    if let Some(service) = Service::on_postgres_with(soon_paused).await {
        an_event_that_fails_for_too_long_pauses_the_webhook(service).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_asks_for_time_gets_it() {
    let service = Service::on_sqlite_with(posting).await;
    let receiver = Receiver::start().await;
    let mut answers = vec![Answer::Status(200), Answer::With(429, "retry-after", "1".into())];
    receiver.answer(move |_| answers.pop().unwrap_or(Answer::Status(200)));
    service.create_webhook(to(&receiver)).await;
    service.group_id("Team", &[]).await;
    let posts = receiver.until_posted(2).await;
    let pause = posts[1].arrived - posts[0].arrived;
    assert!(pause >= Duration::from_millis(990), "{pause:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_does_not_answer_or_is_not_there_fails() {
    let service = Service::on_sqlite_with(|settings| {
        posting(settings);
        settings.webhooks.timeout = Duration::from_millis(100);
    })
    .await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| Answer::Hang);
    let webhook = service.create_webhook(to(&receiver)).await;
    service.group_id("Team", &[]).await;
    let cause = |wanted: Cause| {
        let (service, id) = (&service, webhook.id.clone());
        eventually("it fails for this cause", move || {
            let id = id.clone();
            async move {
                let told = service.get_webhook(&id).await.expect("a webhook");
                told.failure.is_some_and(|failure| failure.cause() == wanted).then_some(())
            }
        })
    };
    cause(Cause::Timeout).await;
    // Bound and dropped: nothing listens there for now.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nowhere = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let request = pb::UpdateWebhookRequest {
        webhook_id: webhook.id.clone(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["url".into()] }),
        url: nowhere,
        ..Default::default()
    };
    service.webhooks().update_webhook(request).await.expect("changed");
    cause(Cause::Connect).await;
}

/// The addresses themselves are refused at once; a name only shows with each post where it leads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_address_is_never_posted_to() {
    let service = Service::on_sqlite().await;
    let receiver = Receiver::start().await;
    for url in [
        receiver.url(),
        "http://10.0.0.1/".into(),
        "http://[::1]/".into(),
        "http://169.254.169.254/latest/meta-data".into(),
        "http://[::ffff:192.168.0.1]/".into(),
        "http://0x7f.1/".into(),
    ] {
        let request = pb::CreateWebhookRequest { url: url.clone(), ..to(&receiver) };
        let status = service.webhooks().create_webhook(request).await.expect_err(&url);
        assert_eq!(crate::harness::service::violated_fields(&status), ["url"], "{url}");
    }
    let request = pb::CreateWebhookRequest { url: receiver.url_by_name(), ..to(&receiver) };
    let webhook = service.create_webhook(request).await;
    let test = pb::TestWebhookRequest { webhook_id: webhook.id.clone() };
    let tested = service.webhooks().test_webhook(test).await.expect("an answer").into_inner();
    assert_eq!((tested.delivered, tested.cause()), (false, Cause::AddressNotAllowed));
    service.group_id("Team", &[]).await;
    let told = service.until_state(&webhook.id, WebhookState::Failing).await;
    assert_eq!(told.failure.map(|failure| failure.cause()), Some(Cause::AddressNotAllowed));
    assert!(receiver.posts().is_empty());
    // Nor can a webhook be moved there.
    let request = pb::UpdateWebhookRequest {
        webhook_id: webhook.id,
        update_mask: Some(prost_types::FieldMask { paths: vec!["url".into()] }),
        url: receiver.url(),
        ..Default::default()
    };
    let status = service.webhooks().update_webhook(request).await.expect_err("refused");
    assert_eq!(crate::harness::service::violated_fields(&status), ["url"]);
}
