//! Whose a webhook is: of the key that made it, told of what that key may see.

use sha2::{Digest, Sha256};
use tonic::Request;
use tonic::metadata::MetadataValue;
use wagroups::config::{ApiKey, Settings};
use wagroups::pb::replay_webhook_request::Start;
use wagroups::pb::{self, WebhookState};

use super::receiver::Receiver;
use super::{posting, to};
use crate::harness::service::{Service, eventually, reason};

fn key(name: &str, pattern: &str) -> ApiKey {
    ApiKey {
        name: name.into(),
        sha256: hex::encode(Sha256::digest(name)).parse().expect("a digest"),
        sessions: vec![pattern.parse().expect("a pattern")],
        role: None,
    }
}

fn with_keys(settings: &mut Settings) {
    posting(settings);
    settings.auth.keys = vec![key("all", "*"), key("shop", "shop-*"), key("other", "other")];
}

/// Each key is its own name.
fn by<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value: MetadataValue<_> = format!("Bearer {key}").parse().expect("a header");
    request.metadata_mut().insert("authorization", value);
    request
}

async fn create(service: &Service, key: &str, request: pb::CreateWebhookRequest) -> pb::Webhook {
    let made = service.webhooks().create_webhook(by(key, request)).await.expect("a webhook");
    made.into_inner().webhook.expect("a webhook")
}

async fn get(service: &Service, key: &str, id: &str) -> Result<pb::Webhook, tonic::Status> {
    let request = by(key, pb::GetWebhookRequest { webhook_id: id.into() });
    Ok(service.webhooks().get_webhook(request).await?.into_inner().webhook.expect("a webhook"))
}

async fn create_group(service: &Service, session: &str) {
    eventually("the session works", || async {
        let group = pb::CreateGroupRequest {
            session: session.into(),
            subject: session.into(),
            ..Default::default()
        };
        service.groups().create_group(by("all", group)).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_sees_its_own_webhooks_and_they_tell_of_its_sessions() {
    let service = Service::on_sqlite_with(with_keys).await;
    for session in ["shop-1", "other"] {
        let create = pb::CreateSessionRequest { session: session.into(), ..Default::default() };
        service.sessions().create_session(by("all", create)).await.expect("a session");
    }
    let (shop, all) = (Receiver::start().await, Receiver::start().await);
    let made = create(&service, "shop", to(&shop)).await;
    let of_all = create(&service, "all", to(&all)).await;
    assert_eq!((made.key_name.as_str(), of_all.key_name.as_str()), ("shop", "all"));

    // Whatever another key asks, there is no such webhook.
    let id = || made.id.clone();
    let mut webhooks = service.webhooks();
    let mut refused = vec![get(&service, "other", &made.id).await.expect_err("get")];
    let mask = Some(prost_types::FieldMask { paths: vec!["events".into()] });
    let update =
        pb::UpdateWebhookRequest { webhook_id: id(), update_mask: mask, ..Default::default() };
    refused.push(webhooks.update_webhook(by("other", update)).await.expect_err("update"));
    let delete = pb::DeleteWebhookRequest { webhook_id: id() };
    refused.push(webhooks.delete_webhook(by("other", delete)).await.expect_err("delete"));
    let pause = pb::PauseWebhookRequest { webhook_id: id() };
    refused.push(webhooks.pause_webhook(by("other", pause)).await.expect_err("pause"));
    let resume = pb::ResumeWebhookRequest { webhook_id: id() };
    refused.push(webhooks.resume_webhook(by("other", resume)).await.expect_err("resume"));
    let replay =
        pb::ReplayWebhookRequest { webhook_id: id(), start: Some(Start::Latest(pb::Latest {})) };
    refused.push(webhooks.replay_webhook(by("other", replay)).await.expect_err("replay"));
    let test = pb::TestWebhookRequest { webhook_id: id() };
    refused.push(webhooks.test_webhook(by("other", test)).await.expect_err("test"));
    for status in refused {
        assert_eq!(reason(&status), "WEBHOOK_NOT_FOUND");
    }
    for (key, expected) in [("shop", 1), ("other", 0), ("all", 2)] {
        let listed = webhooks.list_webhooks(by(key, pb::ListWebhooksRequest::default())).await;
        assert_eq!(listed.expect("a list").into_inner().webhooks.len(), expected, "{key}");
    }
    assert_eq!(get(&service, "all", &made.id).await.expect("seen").id, made.id);

    // Sessions outside of the key are refused, whether or not they exist, and whoever asks for it.
    for session in ["other", "never-made"] {
        let request = pb::CreateWebhookRequest { sessions: vec![session.into()], ..to(&shop) };
        let status = webhooks.create_webhook(by("shop", request)).await.expect_err("refused");
        assert_eq!(reason(&status), "PERMISSION_DENIED");
        let mask = Some(prost_types::FieldMask { paths: vec!["sessions".into()] });
        let update = pb::UpdateWebhookRequest {
            webhook_id: id(),
            update_mask: mask,
            sessions: vec![session.into()],
            ..Default::default()
        };
        let status = webhooks.update_webhook(by("all", update)).await.expect_err("refused");
        assert_eq!(reason(&status), "PERMISSION_DENIED");
    }

    for session in ["other", "shop-1"] {
        create_group(&service, session).await;
    }
    all.until_taken(2).await;
    let told = shop.until_taken(1).await;
    assert_eq!(told[0].session(), "shop-1");
    eventually("the webhook is past the other's event", || async {
        let webhook = get(&service, "shop", &made.id).await.expect("seen");
        (webhook.behind_count == 0).then_some(())
    })
    .await;
    assert_eq!(shop.posts().len(), 1);
}

/// The settings of each start decide, not those of the day on which the webhook was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_whose_key_is_gone_tells_nobody_anything() {
    let mut service = Service::on_sqlite_with(with_keys).await;
    let create_session =
        pb::CreateSessionRequest { session: "shop-1".into(), ..Default::default() };
    service.sessions().create_session(by("all", create_session)).await.expect("a session");
    let (receiver, named) = (Receiver::start().await, Receiver::start().await);
    let made = create(&service, "shop", to(&receiver)).await;
    let request = pb::CreateWebhookRequest { sessions: vec!["other".into()], ..to(&named) };
    let of_other = create(&service, "other", request).await;

    let narrowed = vec![key("all", "*"), key("other", "nothing-*")];
    service.restart_with(|settings| settings.auth.keys = narrowed).await;
    for (id, cause) in
        [(&made.id, "no longer in the settings"), (&of_other.id, "may no longer see")]
    {
        let told = eventually("it is paused", || async {
            let webhook = get(&service, "all", id).await.expect("seen");
            (webhook.state() == WebhookState::PausedByFailure).then_some(webhook)
        })
        .await;
        assert!(told.state_reason.contains(cause), "{}", told.state_reason);
    }
    create_group(&service, "shop-1").await;
    // Whoever resumes it takes it over; but its receiver was not meant to be told of all that another key sees.
    let refused = service
        .webhooks()
        .resume_webhook(by("all", pb::ResumeWebhookRequest { webhook_id: made.id.clone() }))
        .await
        .expect_err("of which sessions?");
    assert_eq!(reason(&refused), "INVALID_REQUEST");
    assert!(refused.message().contains("UpdateWebhook"), "{refused}");
    let update = pb::UpdateWebhookRequest {
        webhook_id: made.id.clone(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["sessions".into()] }),
        sessions: vec!["shop-1".into()],
        ..Default::default()
    };
    service.webhooks().update_webhook(by("all", update)).await.expect("named");
    let resume = by("all", pb::ResumeWebhookRequest { webhook_id: made.id.clone() });
    let resumed = service.webhooks().resume_webhook(resume).await.expect("resumed").into_inner();
    assert_eq!(resumed.webhook.expect("a webhook").key_name, "all");
    assert_eq!(receiver.until_taken(1).await[0].session(), "shop-1");
    assert!(named.posts().is_empty());
}
