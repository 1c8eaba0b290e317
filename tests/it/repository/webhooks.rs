//! Webhooks and how far they are.

use std::time::Duration;

use wagroups::domain::log_position::{Fingerprint, LogPosition};
use wagroups::domain::port::repository::EventLog;
use wagroups::domain::port::webhooks::{ProgressWrite, WebhookStore};
use wagroups::domain::token::{LogId, ResumeToken};
use wagroups::domain::webhook::{
    EventName, Failure, FailureCause, Header, Progress, Retries, RetryPolicy, Webhook,
    WebhookConfig, WebhookId, WebhookState, WebhookStatus,
};

use super::given::{at, name};
use crate::harness::database::Database;

pub fn webhook(number: u8) -> Webhook {
    Webhook {
        id: WebhookId::of_digest([number; 16]),
        key_name: "team".to_owned(),
        request_sha256: [number; 32],
        config: WebhookConfig {
            url: "https://example.com/a?b=c".parse().expect("a URL"),
            sessions: vec![name("a")],
            events: vec![EventName::Join],
            passed_on_events: vec!["message".parse().expect("a name")],
            hmac_key: Some("long enough".parse().expect("a key")),
            headers: vec![Header::new("X-A", "1").expect("a header")],
            retries: Retries {
                policy: RetryPolicy::Linear,
                delay: Duration::from_millis(1500),
                attempts: 3,
            },
        },
        status: WebhookStatus { state: WebhookState::Active, reason: String::new(), time: at(1) },
        progress: Progress {
            cursor: ResumeToken { log_id: LogId([7; 7]), at: place(9, [8; 8]) },
            delivered_count: 0,
            last_delivery_time: None,
            failure: None,
            lost_count: 0,
        },
        create_time: at(1),
        update_time: at(1),
    }
}

fn place(position: u32, fingerprint: [u8; 8]) -> LogPosition {
    LogPosition { position: position.into(), fingerprint: Fingerprint(fingerprint) }
}

fn further(progress: &Progress) -> (WebhookStatus, Progress) {
    let status = WebhookStatus {
        state: WebhookState::PausedByFailure,
        reason: "it fails".to_owned(),
        time: at(5),
    };
    let failure = Failure {
        event_id: "evt_01m0xx31cj9qweg9zxaf51mbp9".to_owned(),
        session: name("a"),
        sequence: 3.into(),
        at: place(12, [1; 8]),
        since: at(3),
        time: at(5),
        failures: 16,
        cause: FailureCause::Status(500),
    };
    let progress = Progress {
        cursor: ResumeToken { at: place(11, [8; 8]), ..progress.cursor },
        delivered_count: 2,
        last_delivery_time: Some(at(4)),
        failure: Some(failure),
        lost_count: 1,
    };
    (status, progress)
}

pub async fn a_webhook_comes_back_as_it_was_written(database: &Database) {
    let repository = database.open().await;
    let (first, second) = (webhook(1), webhook(2));
    for webhook in [&second, &first] {
        repository.insert_webhook(webhook).await.expect("written");
    }
    assert_eq!(repository.webhooks().await.expect("webhooks"), [first.clone(), second.clone()]);

    let config = WebhookConfig {
        sessions: Vec::new(),
        events: Vec::new(),
        passed_on_events: Vec::new(),
        hmac_key: None,
        headers: Vec::new(),
        ..first.config.clone()
    };
    let changed = Webhook { key_name: String::new(), config, update_time: at(9), ..first };
    assert!(repository.update_webhook(&changed).await.expect("written anew"));
    assert_eq!(repository.webhooks().await.expect("webhooks"), [changed.clone(), second.clone()]);

    assert!(repository.remove_webhook(changed.id).await.expect("removed"));
    assert!(!repository.remove_webhook(changed.id).await.expect("removed before"));
    assert!(!repository.update_webhook(&changed).await.expect("an answer"));
    assert_eq!(repository.webhooks().await.expect("webhooks"), [second]);
}

pub async fn how_far_a_webhook_is_is_written_by_the_process_that_delivers(database: &Database) {
    let repository = database.open().await;
    let made = webhook(1);
    repository.insert_webhook(&made).await.expect("written");
    let epoch = repository.begin_epoch().await.expect("an epoch");
    let (status, progress) = further(&made.progress);
    let put = repository.put_webhook_progress(made.id, &status, &progress, epoch).await;
    assert_eq!(put.expect("an answer"), ProgressWrite::Written);
    let expected = [Webhook { status: status.clone(), progress: progress.clone(), ..made.clone() }];
    assert_eq!(repository.webhooks().await.expect("webhooks"), expected);

    let gone = WebhookId::of_digest([9; 16]);
    let put = repository.put_webhook_progress(gone, &status, &progress, epoch).await;
    assert_eq!(put.expect("an answer"), ProgressWrite::Gone);

    // A process that started later has taken over; what the earlier one says counts no more.
    repository.begin_epoch().await.expect("the next epoch");
    let late = Progress { delivered_count: 99, ..progress };
    let put = repository.put_webhook_progress(made.id, &status, &late, epoch).await;
    assert_eq!(put.expect("an answer"), ProgressWrite::Fenced);
    assert_eq!(repository.webhooks().await.expect("webhooks"), expected);
}
