//! Webhooks.

use bytes::Bytes;

use super::{self as pb, wire};
use crate::domain::token::{LogId, ResumeToken};
use crate::domain::webhook::{Failure, FailureCause, Retries, RetryPolicy, Webhook, WebhookState};

impl From<WebhookState> for pb::WebhookState {
    fn from(state: WebhookState) -> Self {
        match state {
            WebhookState::Active => Self::Active,
            WebhookState::Failing => Self::Failing,
            WebhookState::Paused => Self::Paused,
            WebhookState::PausedByFailure => Self::PausedByFailure,
            WebhookState::Expired => Self::Expired,
        }
    }
}

impl pb::WebhookState {
    /// `None` for UNSPECIFIED.
    pub fn to_domain(self) -> Option<WebhookState> {
        match self {
            Self::Unspecified => None,
            Self::Active => Some(WebhookState::Active),
            Self::Failing => Some(WebhookState::Failing),
            Self::Paused => Some(WebhookState::Paused),
            Self::PausedByFailure => Some(WebhookState::PausedByFailure),
            Self::Expired => Some(WebhookState::Expired),
        }
    }
}

impl From<RetryPolicy> for pb::RetryPolicy {
    fn from(policy: RetryPolicy) -> Self {
        match policy {
            RetryPolicy::Constant => Self::Constant,
            RetryPolicy::Linear => Self::Linear,
            RetryPolicy::Exponential => Self::Exponential,
        }
    }
}

impl pb::RetryPolicy {
    /// `None` for UNSPECIFIED.
    pub fn to_domain(self) -> Option<RetryPolicy> {
        match self {
            Self::Unspecified => None,
            Self::Constant => Some(RetryPolicy::Constant),
            Self::Linear => Some(RetryPolicy::Linear),
            Self::Exponential => Some(RetryPolicy::Exponential),
        }
    }
}

impl From<FailureCause> for pb::WebhookFailureCause {
    fn from(cause: FailureCause) -> Self {
        match cause {
            FailureCause::AddressNotAllowed => Self::AddressNotAllowed,
            FailureCause::Connect => Self::Connect,
            FailureCause::Timeout => Self::Timeout,
            FailureCause::Status(_) => Self::Status,
            FailureCause::Internal => Self::Internal,
        }
    }
}

impl From<Retries> for pb::WebhookRetries {
    fn from(retries: Retries) -> Self {
        Self {
            policy: pb::RetryPolicy::from(retries.policy).into(),
            delay: prost_types::Duration::try_from(retries.delay).ok(),
            attempts: i32::try_from(retries.attempts).ok(),
        }
    }
}

impl From<&Webhook> for pb::Webhook {
    /// How far behind it is stands elsewhere. Secrets are left out.
    fn from(webhook: &Webhook) -> Self {
        let (config, progress) = (&webhook.config, &webhook.progress);
        let header = |name: &str| pb::WebhookHeader { name: name.to_owned(), value: String::new() };
        let log_id = progress.cursor.log_id;
        Self {
            id: webhook.id.to_string(),
            url: config.url.to_string(),
            sessions: config.sessions.iter().map(ToString::to_string).collect(),
            events: config.events.iter().map(ToString::to_string).collect(),
            passed_on_events: config.passed_on_events.iter().map(ToString::to_string).collect(),
            has_hmac_key: config.hmac_key.is_some(),
            headers: config.headers.iter().map(|each| header(each.name())).collect(),
            retries: Some(config.retries.into()),
            key_name: webhook.key_name.clone(),
            state: pb::WebhookState::from(webhook.status.state).into(),
            state_time: Some(wire::timestamp(webhook.status.time)),
            state_reason: webhook.status.reason.clone(),
            resume_token: encode(&progress.cursor),
            behind_count: 0,
            oldest_waiting_time: None,
            delivered_count: wire::number(progress.delivered_count),
            last_delivery_time: progress.last_delivery_time.map(wire::timestamp),
            failure: progress.failure.as_ref().map(|failed| failure(failed, log_id)),
            lost_count: wire::number(progress.lost_count),
            create_time: Some(wire::timestamp(webhook.create_time)),
            update_time: Some(wire::timestamp(webhook.update_time)),
        }
    }
}

fn failure(failure: &Failure, log_id: LogId) -> pb::WebhookFailure {
    pb::WebhookFailure {
        event_id: failure.event_id.clone(),
        session: failure.session.to_string(),
        sequence: failure.sequence.as_i64(),
        resume_token: encode(&ResumeToken { log_id, at: failure.at }),
        first_time: Some(wire::timestamp(failure.since)),
        last_time: Some(wire::timestamp(failure.time)),
        failure_count: i32::try_from(failure.failures).unwrap_or(i32::MAX),
        cause: pb::WebhookFailureCause::from(failure.cause).into(),
        status: failure.cause.status().map_or(0, i32::from),
    }
}

fn encode(token: &ResumeToken) -> Bytes {
    Bytes::copy_from_slice(&token.encode())
}
