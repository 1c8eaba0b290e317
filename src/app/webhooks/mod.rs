//! Webhooks: made, listed, changed, sent elsewhere in the log. How they deliver is in [`worker`].

mod passing_on;
mod registry;
mod supervisor;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use self::registry::WebhookHandle;
use self::supervisor::{start, stop};
use super::watch::{self, WatchStart};
use super::{App, Call, Inner};
use crate::domain::auth::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::EventId;
use crate::domain::id::{RequestId, SessionName};
use crate::domain::other_event::OtherEventName;
use crate::domain::page::{decode_page_token, encode_page_token};
use crate::domain::port::webhook_sender::{DeliveryError, DeliveryRequest};
use crate::domain::reason::Reason;
use crate::domain::session::WebhookSecret;
use crate::domain::token::ResumeToken;
use crate::domain::web_url::WebUrl;
use crate::domain::webhook::{
    EventName, Header, Progress, Retries, Webhook, WebhookConfig, WebhookId, WebhookState,
    WebhookStatus,
};
use crate::envelope::{self, WahaDialect};
pub(super) use registry::WebhookRegistry;

/// What an operator may set; `config` documents it.
#[derive(Debug, Clone)]
pub struct Options {
    pub max: usize,
    pub max_in_flight: usize,
    pub pause_after: Duration,
    /// The WAHA dialect that events are rendered in.
    pub words: WahaDialect,
    /// All API keys; where none is needed, the one caller that stands for all.
    pub callers: Vec<Caller>,
}

#[derive(Debug, Clone)]
pub struct NewWebhook {
    pub request_id: Option<RequestId>,
    /// Of the request without its id.
    pub request_sha256: [u8; 32],
    pub config: WebhookConfig,
    pub paused: bool,
    pub start: WatchStart,
}

/// What to change of a webhook; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookUpdate {
    pub url: Option<WebUrl>,
    pub sessions: Option<Vec<SessionName>>,
    pub events: Option<Vec<EventName>>,
    pub passed_on_events: Option<Vec<OtherEventName>>,
    /// `Some(None)` removes it.
    pub hmac_key: Option<Option<WebhookSecret>>,
    pub headers: Option<Vec<Header>>,
    pub retries: Option<Retries>,
}

/// A webhook, and how far it is behind.
#[derive(Debug, Clone)]
pub struct WebhookView {
    pub webhook: Webhook,
    /// Places of the log after its own.
    pub behind: u64,
    pub oldest_waiting: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub struct WebhookChange {
    pub view: WebhookView,
    pub changed: bool,
}

/// What came of a test.
#[derive(Debug, Clone)]
pub struct WebhookTest {
    pub outcome: Result<u16, DeliveryError>,
    pub elapsed: Duration,
}

impl App {
    pub async fn create_webhook(&self, call: &Call, new: NewWebhook) -> Result<WebhookView> {
        let inner = self.inner.clone();
        inner.refuse_if_draining()?;
        for session in &new.config.sessions {
            call.caller.authorize(session)?;
        }
        inner.check_url(&new.config.url)?;
        let caller = call.caller.clone();
        self.undisturbed(async move { inner.make_webhook(&caller, new).await }).await
    }

    pub async fn get_webhook(&self, call: &Call, id: WebhookId) -> Result<WebhookView> {
        Ok(self.inner.view(&*self.inner.hook(call, id)?))
    }

    /// A page of the webhooks that the caller may see, and the token of the next one.
    pub async fn list_webhooks(
        &self,
        call: &Call,
        states: &[WebhookState],
        page_size: u32,
        page_token: &str,
    ) -> Result<(Vec<WebhookView>, String)> {
        let query: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let after: Option<WebhookId> = decode_page_token(&query, page_token)?;
        let wanted = usize::try_from(page_size).unwrap_or(usize::MAX);
        let mut page = Vec::new();
        for hook in self.inner.hooks.all() {
            if after.is_some_and(|after| hook.id <= after) || !may_see(&call.caller, &hook) {
                continue;
            }
            let view = self.inner.view(&hook);
            if !states.is_empty() && !states.contains(&view.webhook.status.state) {
                continue;
            }
            if page.len() == wanted {
                let last = page.last().map(|last: &WebhookView| last.webhook.id);
                return Ok((page, encode_page_token(&query, last)?));
            }
            page.push(view);
        }
        Ok((page, String::new()))
    }

    pub async fn update_webhook(
        &self,
        call: &Call,
        id: WebhookId,
        update: WebhookUpdate,
    ) -> Result<WebhookChange> {
        let hook = self.inner.hook_to_change(call, id)?;
        let key_name = hook.change(|webhook| webhook.key_name.clone());
        for session in update.sessions.iter().flatten() {
            call.caller.authorize(session)?;
            // Events that its own key may not see are never delivered to it.
            if let Some(owner) = self.inner.hooks.owner(&key_name) {
                owner.authorize(session)?;
            }
        }
        if let Some(url) = &update.url {
            self.inner.check_url(url)?;
        }
        self.change_webhook(hook, move |webhook, now| {
            let config = updated(webhook.config.clone(), update);
            let changed = config != webhook.config;
            if changed {
                (webhook.config, webhook.update_time) = (config, now);
            }
            changed
        })
        .await
    }

    pub async fn delete_webhook(&self, call: &Call, id: WebhookId) -> Result<()> {
        let hook = self.inner.hook_to_change(call, id)?;
        let inner = self.inner.clone();
        let remove = async move {
            let mut running = hook.turn.lock().await;
            stop(&mut running).await;
            match inner.repository.remove_webhook(id).await {
                Ok(was_there) => {
                    inner.hooks.remove(id);
                    if was_there { Ok(()) } else { Err(not_found(id)) }
                }
                Err(error) => {
                    start(&inner, &hook, &mut running);
                    Err(error.into())
                }
            }
        };
        self.undisturbed(remove).await
    }

    pub async fn pause_webhook(&self, call: &Call, id: WebhookId) -> Result<WebhookChange> {
        let hook = self.inner.hook_to_change(call, id)?;
        self.change_webhook(hook, |webhook, now| {
            // One that a failure has paused is known of from now on.
            let state = webhook.status.state;
            let changed = state.delivers() || state == WebhookState::PausedByFailure;
            if changed {
                webhook.set_state(WebhookState::Paused, "", now);
            }
            changed
        })
        .await
    }

    /// Goes on where the webhook stopped; where that is no longer kept, at the oldest event that is.
    pub async fn resume_webhook(&self, call: &Call, id: WebhookId) -> Result<WebhookChange> {
        let hook = self.inner.hook_to_change(call, id)?;
        let webhook = hook.webhook();
        if webhook.status.state.delivers() {
            return Ok(WebhookChange { view: self.inner.view(&hook), changed: false });
        }
        let cursor = webhook.progress.cursor;
        let found = self.inner.token_of(&WatchStart::After(cursor)).await;
        let (next, lost) = match found {
            Ok(next) => (next, 0),
            Err(error) if error.reason() == Reason::ResumeTokenExpired => {
                let oldest = self.inner.token_of(&WatchStart::Earliest).await?;
                (oldest, oldest.at.position.since(cursor.at.position))
            }
            Err(error) => return Err(error),
        };
        let owner = self.inner.owner_after(call, &webhook)?;
        self.change_webhook(hook, move |webhook, now| {
            if webhook.status.state.delivers() {
                return false;
            }
            // Where its place has moved meanwhile, retention's round has moved it and has counted.
            let (next, lost) = match webhook.progress.cursor {
                held if held == cursor => (next, lost),
                moved => (moved, 0),
            };
            webhook.progress.lost_count += lost;
            begin_at(webhook, next, owner, now);
            true
        })
        .await
    }

    /// Delivers from another place on.
    pub async fn replay_webhook(
        &self,
        call: &Call,
        id: WebhookId,
        start: WatchStart,
    ) -> Result<WebhookView> {
        let hook = self.inner.hook_to_change(call, id)?;
        let cursor = self.inner.token_of(&start).await?;
        let owner = self.inner.owner_after(call, &hook.webhook())?;
        let change = self.change_webhook(hook, move |webhook, now| {
            begin_at(webhook, cursor, owner, now);
            true
        });
        Ok(change.await?.view)
    }

    /// Posts a test body without an event, once.
    pub async fn test_webhook(&self, call: &Call, id: WebhookId) -> Result<WebhookTest> {
        let inner = &self.inner;
        let config = inner.hook_to_change(call, id)?.webhook().config;
        let _place = inner.hooks.places.take(call.caller.key_name()).await;
        let now = inner.clock.now();
        let event_id = EventId::new(now, inner.entropy.as_ref());
        let body = envelope::test(event_id, now, id, inner.hooks.options.words);
        let delivery = DeliveryRequest {
            url: config.url,
            headers: config.headers,
            hmac_key: config.hmac_key,
            delivery_id: id.delivery_id(event_id),
            time: now.as_millis(),
            trace: call.trace.clone(),
            body: body.to_string().into(),
        };
        let began = Instant::now();
        let outcome = inner.hooks.sender.post(delivery).await;
        Ok(WebhookTest { outcome, elapsed: began.elapsed() })
    }

    /// Changes a webhook while no worker of it runs. `change` returns whether there is anything to write.
    async fn change_webhook(
        &self,
        hook: Arc<WebhookHandle>,
        change: impl FnOnce(&mut Webhook, Timestamp) -> bool + Send + 'static,
    ) -> Result<WebhookChange> {
        let inner = self.inner.clone();
        let work = async move {
            let mut running = hook.turn.lock().await;
            stop(&mut running).await;
            // Also its worker may have found that it is gone.
            if inner.hooks.get(hook.id).is_none() {
                return Err(not_found(hook.id));
            }
            let mut webhook = hook.webhook();
            let changed = change(&mut webhook, inner.clock.now());
            let written = match changed {
                true => inner.repository.update_webhook(&webhook).await,
                false => Ok(true),
            };
            if matches!(written, Ok(true)) {
                hook.change(|held| *held = webhook);
            }
            start(&inner, &hook, &mut running);
            if !written? {
                return Err(not_found(hook.id));
            }
            Ok(WebhookChange { view: inner.view(&hook), changed })
        };
        self.undisturbed(work).await
    }
}

impl Inner {
    async fn make_webhook(
        self: &Arc<Self>,
        caller: &Caller,
        new: NewWebhook,
    ) -> Result<WebhookView> {
        let _turn = self.hooks.making.lock().await;
        let now = self.clock.now();
        let id = match new.request_id {
            Some(request_id) => id_of_request(caller, request_id),
            None => WebhookId::new(now, self.entropy.as_ref()),
        };
        if let Some(hook) = self.hooks.get(id) {
            if hook.change(|webhook| webhook.request_sha256) == new.request_sha256 {
                return Ok(self.view(&hook));
            }
            return Err(Error::new(
                Reason::RequestIdReused,
                "this request_id made a webhook of another request; take a fresh one",
            )
            .blaming("request_id", "must be fresh, or come with the body that it came with first")
            .with("request_id", new.request_id.map(|id| id.to_string()).unwrap_or_default()));
        }
        self.refuse_webhook_above_share(caller)?;
        let state = if new.paused { WebhookState::Paused } else { WebhookState::Active };
        let webhook = Webhook {
            id,
            key_name: caller.key_name().to_owned(),
            request_sha256: new.request_sha256,
            config: new.config,
            status: WebhookStatus { state, reason: String::new(), time: now },
            progress: Progress {
                cursor: self.token_of(&new.start).await?,
                delivered_count: 0,
                last_delivery_time: None,
                failure: None,
                lost_count: 0,
            },
            create_time: now,
            update_time: now,
        };
        self.repository.insert_webhook(&webhook).await?;
        let hook = self.hooks.put(webhook);
        start(self, &hook, &mut *hook.turn.lock().await);
        Ok(self.view(&hook))
    }

    /// Refuses one webhook more than the caller may have of all that there may be; those that are stored count.
    fn refuse_webhook_above_share(&self, caller: &Caller) -> Result<()> {
        let max = self.hooks.options.max;
        let (held, all) = self.hooks.count(caller.key_name());
        if self.options.share_of(max).allows(held, all, 1) {
            return Ok(());
        }
        let message = format!(
            "this service keeps {max} webhooks at the most, which API keys share; there are {all}, of which this \
             key's are {held}: delete one, let one tell of several sessions, or have webhooks.max raised"
        );
        Err(Error::new(Reason::WebhookLimitReached, message).with("limit", max).with("held", held))
    }

    /// The webhook, for callers that may see it. For all others it does not exist.
    fn hook(&self, call: &Call, id: WebhookId) -> Result<Arc<WebhookHandle>> {
        let hook = self.hooks.get(id).filter(|hook| may_see(&call.caller, hook));
        hook.ok_or_else(|| not_found(id))
    }

    fn hook_to_change(&self, call: &Call, id: WebhookId) -> Result<Arc<WebhookHandle>> {
        let hook = self.hook(call, id)?;
        self.refuse_if_draining()?;
        Ok(hook)
    }

    fn view(&self, hook: &WebhookHandle) -> WebhookView {
        let webhook = hook.webhook();
        let head = self.log.head().position;
        let behind = head.since(webhook.progress.cursor.at.position);
        WebhookView { behind, oldest_waiting: hook.oldest_waiting(), webhook }
    }

    /// The key that the webhook belongs to once the caller resumes or replays it. One that is sent all that its key may
    /// see could be sent more under another key, and its receiver is not the caller's.
    fn owner_after(&self, call: &Call, webhook: &Webhook) -> Result<String> {
        if let Some(owner) = self.hooks.owner(&webhook.key_name) {
            return Ok(owner.key_name().to_owned());
        }
        let new = call.caller.key_name();
        let saw_all = webhook.key_name.is_empty();
        if webhook.config.sessions.is_empty() && !saw_all {
            let message = format!(
                "the API key {} that this webhook belongs to is gone, and key {new} may see other sessions; name \
                 the sessions that it is to be told of with UpdateWebhook first",
                webhook.key_name
            );
            return Err(Error::new(Reason::InvalidRequest, message)
                .blaming("webhook_id", "must be a webhook that names its sessions"));
        }
        Ok(new.to_owned())
    }

    async fn token_of(&self, start: &WatchStart) -> Result<ResumeToken> {
        Ok(self.log.token(watch::find(self, start).await?))
    }

    fn check_url(&self, url: &WebUrl) -> Result<()> {
        if self.hooks.sender.may_post_to(url) {
            return Ok(());
        }
        let message = "url leads to an address that is not public, which this service does not post to; in a closed \
            network, webhooks.allow_private_addresses lets it";
        Err(Error::new(Reason::InvalidRequest, message)
            .blaming("url", "must lead to a public address"))
    }
}

/// A key sees its own webhooks; one that sees all sessions sees all webhooks.
fn may_see(caller: &Caller, hook: &WebhookHandle) -> bool {
    caller.sees_all() || hook.change(|webhook| webhook.key_name == caller.key_name())
}

fn id_of_request(caller: &Caller, request_id: RequestId) -> WebhookId {
    let digest = Sha256::digest(format!("{request_id}/{}", caller.key_name()));
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    WebhookId::of_digest(id)
}

fn updated(mut config: WebhookConfig, update: WebhookUpdate) -> WebhookConfig {
    let WebhookUpdate { url, sessions, events, passed_on_events, hmac_key, headers, retries } =
        update;
    config.url = url.unwrap_or(config.url);
    config.sessions = sessions.unwrap_or(config.sessions);
    config.events = events.unwrap_or(config.events);
    config.passed_on_events = passed_on_events.unwrap_or(config.passed_on_events);
    config.hmac_key = hmac_key.unwrap_or(config.hmac_key);
    config.headers = headers.unwrap_or(config.headers);
    config.retries = retries.unwrap_or(config.retries);
    config
}

fn begin_at(webhook: &mut Webhook, cursor: ResumeToken, owner: String, now: Timestamp) {
    webhook.key_name = owner;
    (webhook.progress.cursor, webhook.progress.failure) = (cursor, None);
    webhook.set_state(WebhookState::Active, "", now);
}

fn not_found(id: WebhookId) -> Error {
    Error::new(
        Reason::WebhookNotFound,
        format!(
            "there is no webhook {id} that this key may see; ListWebhooks shows those that it may"
        ),
    )
    .about("webhook", id)
    .with("webhook_id", id)
}
