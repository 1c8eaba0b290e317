//! WebhooksService.

use prost::Message as _;
use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};

use super::request::{Fields, call};
use super::respond::refuse;
use super::start::{self, Start};
use crate::app::App;
use crate::app::webhooks::{NewWebhook, WebhookTest, WebhookUpdate, WebhookView};
use crate::domain::id::{RequestId, SessionName};
use crate::domain::other_event::{MAX_NAMES, OtherEventName};
use crate::domain::session::WebhookSecret;
use crate::domain::web_url::WebUrl;
use crate::domain::webhook::{
    EventName, Header, MAX_ATTEMPTS, MAX_DELAY, MAX_HEADERS, MAX_SESSIONS, Retries, WebhookConfig,
    WebhookId, WebhookState,
};
use crate::pb::webhooks_service_server::WebhooksService;
use crate::pb::wire;
use crate::pb::wire::{number, timestamp};
use crate::pb::{self, create_webhook_request, replay_webhook_request};

/// What an update's mask may name.
const PATHS: &str = "url, sessions, events, passed_on_events, hmac_key, headers, retries";

#[derive(Debug, Clone)]
pub struct Webhooks {
    app: App,
}

impl Webhooks {
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

fn webhook_id(text: &str) -> Result<WebhookId, Status> {
    let mut fields = Fields::default();
    let id = fields.parse("webhook_id", text);
    fields.finish(id)
}

fn new_webhook(message: &pb::CreateWebhookRequest) -> Result<NewWebhook, Status> {
    use create_webhook_request::Start as Given;
    let mut fields = Fields::default();
    let request_id = match message.request_id.as_str() {
        "" => None,
        text => fields.parse::<RequestId>("request_id", text),
    };
    let url = fields.parse::<WebUrl>("url", &message.url);
    let sessions = sessions(&mut fields, &message.sessions);
    let events = events(&mut fields, &message.events);
    let passed_on_events = passed_on_events(&mut fields, &message.passed_on_events);
    let hmac_key = hmac_key(&mut fields, &message.hmac_key);
    let headers = headers(&mut fields, &message.headers);
    let retries = retries(&mut fields, message.retries.as_ref());
    let start = match &message.start {
        None => Start::Latest,
        Some(Given::ResumeToken(token)) => Start::Token(token),
        Some(Given::StartTime(time)) => Start::Time(time),
        Some(Given::Earliest(pb::Earliest {})) => Start::Earliest,
    };
    let (url, start) = start::finish(fields, url, Some(start))?;
    Ok(NewWebhook {
        request_id,
        request_sha256: Sha256::digest(
            pb::CreateWebhookRequest { request_id: String::new(), ..message.clone() }
                .encode_to_vec(),
        )
        .into(),
        config: WebhookConfig {
            url,
            sessions,
            events,
            passed_on_events,
            hmac_key,
            headers,
            retries,
        },
        paused: message.paused,
        start,
    })
}

fn sessions(fields: &mut Fields, texts: &[String]) -> Vec<SessionName> {
    let mut names: Vec<SessionName> = fields.each("sessions", texts, MAX_SESSIONS);
    names.sort();
    names.dedup();
    names
}

fn events(fields: &mut Fields, texts: &[String]) -> Vec<EventName> {
    let mut names: Vec<EventName> = fields.each("events", texts, EventName::ALL.len());
    names.sort();
    names.dedup();
    names
}

fn passed_on_events(fields: &mut Fields, texts: &[String]) -> Vec<OtherEventName> {
    let mut names: Vec<OtherEventName> = fields.each("passed_on_events", texts, MAX_NAMES);
    names.sort();
    names.dedup();
    names
}

fn hmac_key(fields: &mut Fields, text: &str) -> Option<WebhookSecret> {
    match text {
        "" => None,
        text => fields.parse("hmac_key", text),
    }
}

fn headers(fields: &mut Fields, given: &[pb::WebhookHeader]) -> Vec<Header> {
    if !fields.is_short("headers", given, MAX_HEADERS) {
        return Vec::new();
    }
    let mut headers: Vec<Header> = Vec::new();
    for (index, each) in given.iter().enumerate() {
        let path = format!("headers[{index}]");
        match Header::new(&each.name, &each.value) {
            Ok(header) if headers.iter().any(|other| other.name() == header.name()) => {
                fields.add(path, format!("{} is there twice", header.name()));
            }
            Ok(header) => headers.push(header),
            Err(error) => fields.add(path, error.to_string()),
        }
    }
    headers
}

fn retries(fields: &mut Fields, given: Option<&pb::WebhookRetries>) -> Retries {
    let mut retries = Retries::default();
    let Some(given) = given else { return retries };
    match pb::RetryPolicy::try_from(given.policy) {
        Ok(policy) => retries.policy = policy.to_domain().unwrap_or_default(),
        Err(_) => fields.add("retries.policy", "must be a known policy"),
    }
    if let Some(delay) = &given.delay {
        match wire::span(delay) {
            Some(delay) if delay <= MAX_DELAY => retries.delay = delay,
            _ => fields.add("retries.delay", "must be 0 seconds to 1 hour"),
        }
    }
    if let Some(attempts) = given.attempts {
        match u32::try_from(attempts) {
            Ok(attempts) if attempts <= MAX_ATTEMPTS => retries.attempts = attempts,
            _ => fields.add("retries.attempts", format!("must be 0 to {MAX_ATTEMPTS}")),
        }
    }
    retries
}

/// What an update changes: each path of the mask as a whole.
fn update(fields: &mut Fields, message: &pb::UpdateWebhookRequest) -> WebhookUpdate {
    let mut update = WebhookUpdate::default();
    for path in fields.paths(message.update_mask.as_ref(), PATHS) {
        match path.as_str() {
            "url" => update.url = fields.parse("url", &message.url),
            "sessions" => update.sessions = Some(sessions(fields, &message.sessions)),
            "events" => update.events = Some(events(fields, &message.events)),
            "passed_on_events" => {
                let names = passed_on_events(fields, &message.passed_on_events);
                update.passed_on_events = Some(names);
            }
            "hmac_key" => update.hmac_key = Some(hmac_key(fields, &message.hmac_key)),
            "headers" => update.headers = Some(headers(fields, &message.headers)),
            "retries" => update.retries = Some(retries(fields, message.retries.as_ref())),
            _ => fields.add_unknown_path(path, PATHS),
        }
    }
    update
}

fn shown(view: &WebhookView) -> Option<pb::Webhook> {
    let mut webhook = pb::Webhook::from(&view.webhook);
    webhook.behind_count = number(view.behind);
    webhook.oldest_waiting_time = view.oldest_waiting.map(timestamp);
    Some(webhook)
}

fn tested(test: &WebhookTest) -> pb::TestWebhookResponse {
    let (status, cause) = match test.outcome {
        Ok(status) => (Some(status), pb::WebhookFailureCause::Unspecified),
        Err(undelivered) => (undelivered.cause.status(), undelivered.cause.into()),
    };
    pb::TestWebhookResponse {
        delivered: test.outcome.is_ok(),
        status: status.map_or(0, i32::from),
        cause: cause.into(),
        duration: prost_types::Duration::try_from(test.elapsed).ok(),
    }
}

#[tonic::async_trait]
impl WebhooksService for Webhooks {
    async fn create_webhook(
        &self,
        request: Request<pb::CreateWebhookRequest>,
    ) -> Result<Response<pb::CreateWebhookResponse>, Status> {
        let call = call(&request)?;
        let new = new_webhook(request.get_ref())?;
        let view = self.app.create_webhook(&call, new).await.map_err(refuse)?;
        Ok(Response::new(pb::CreateWebhookResponse { webhook: shown(&view) }))
    }

    async fn get_webhook(
        &self,
        request: Request<pb::GetWebhookRequest>,
    ) -> Result<Response<pb::GetWebhookResponse>, Status> {
        let id = webhook_id(&request.get_ref().webhook_id)?;
        let view = self.app.get_webhook(&call(&request)?, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetWebhookResponse { webhook: shown(&view) }))
    }

    async fn list_webhooks(
        &self,
        request: Request<pb::ListWebhooksRequest>,
    ) -> Result<Response<pb::ListWebhooksResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let page_size = fields.page_size(message.page_size);
        let known =
            |value| pb::WebhookState::try_from(value).ok().and_then(pb::WebhookState::to_domain);
        let states: Vec<WebhookState> =
            fields.each_value("states", &message.states, known, "must be a known state");
        fields.finish(Some(()))?;
        let listed = self.app.list_webhooks(&call, &states, page_size, &message.page_token).await;
        let (views, next_page_token) = listed.map_err(refuse)?;
        let webhooks = views.iter().filter_map(shown).collect();
        Ok(Response::new(pb::ListWebhooksResponse { webhooks, next_page_token }))
    }

    async fn update_webhook(
        &self,
        request: Request<pb::UpdateWebhookRequest>,
    ) -> Result<Response<pb::UpdateWebhookResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let id = fields.parse("webhook_id", &message.webhook_id);
        let update = update(&mut fields, message);
        let id = fields.finish(id)?;
        let change = self.app.update_webhook(&call, id, update).await.map_err(refuse)?;
        let webhook = shown(&change.view);
        Ok(Response::new(pb::UpdateWebhookResponse { webhook, changed: change.changed }))
    }

    async fn delete_webhook(
        &self,
        request: Request<pb::DeleteWebhookRequest>,
    ) -> Result<Response<pb::DeleteWebhookResponse>, Status> {
        let id = webhook_id(&request.get_ref().webhook_id)?;
        self.app.delete_webhook(&call(&request)?, id).await.map_err(refuse)?;
        Ok(Response::new(pb::DeleteWebhookResponse {}))
    }

    async fn pause_webhook(
        &self,
        request: Request<pb::PauseWebhookRequest>,
    ) -> Result<Response<pb::PauseWebhookResponse>, Status> {
        let id = webhook_id(&request.get_ref().webhook_id)?;
        let change = self.app.pause_webhook(&call(&request)?, id).await.map_err(refuse)?;
        let webhook = shown(&change.view);
        Ok(Response::new(pb::PauseWebhookResponse { webhook, changed: change.changed }))
    }

    async fn resume_webhook(
        &self,
        request: Request<pb::ResumeWebhookRequest>,
    ) -> Result<Response<pb::ResumeWebhookResponse>, Status> {
        let id = webhook_id(&request.get_ref().webhook_id)?;
        let change = self.app.resume_webhook(&call(&request)?, id).await.map_err(refuse)?;
        let webhook = shown(&change.view);
        Ok(Response::new(pb::ResumeWebhookResponse { webhook, changed: change.changed }))
    }

    async fn replay_webhook(
        &self,
        request: Request<pb::ReplayWebhookRequest>,
    ) -> Result<Response<pb::ReplayWebhookResponse>, Status> {
        use replay_webhook_request::Start as Given;
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let id = fields.parse("webhook_id", &message.webhook_id);
        let start = message.start.as_ref().map(|start| match start {
            Given::ResumeToken(token) => Start::Token(token),
            Given::StartTime(time) => Start::Time(time),
            Given::Earliest(pb::Earliest {}) => Start::Earliest,
            Given::Latest(pb::Latest {}) => Start::Latest,
        });
        let (id, start) = start::finish(fields, id, start)?;
        let view = self.app.replay_webhook(&call, id, start).await.map_err(refuse)?;
        Ok(Response::new(pb::ReplayWebhookResponse { webhook: shown(&view) }))
    }

    async fn test_webhook(
        &self,
        request: Request<pb::TestWebhookRequest>,
    ) -> Result<Response<pb::TestWebhookResponse>, Status> {
        let id = webhook_id(&request.get_ref().webhook_id)?;
        let test = self.app.test_webhook(&call(&request)?, id).await.map_err(refuse)?;
        Ok(Response::new(tested(&test)))
    }
}
