//! Making a WAHA server post a session's events to a webhook of ours.

use std::sync::Arc;

use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use url::Url;

use super::server::{Ask, Limits, Server, ServerOptions};
use super::stream::EVENTS;
use crate::domain::error::Error;
use crate::domain::operation::{EngineError, OperationName};
use crate::domain::port::fetch_budget::Unlimited;
use crate::domain::reason::Reason;
use crate::tls::Trust;

/// A webhook that a session is to have.
#[derive(Debug)]
pub struct Registration<'a> {
    /// The session's name at the server.
    pub session: &'a str,
    /// `…/webhook/{session}` of this service, as the server reaches it.
    pub url: &'a Url,
    pub secret: &'a SecretString,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    Added,
    /// There was one with this URL, which was changed.
    Replaced,
    /// It was so already, and nothing was sent: WAHA restarts a session whose settings change.
    Unchanged,
}

/// Sets the webhook in the session's settings and leaves everything else there as it is.
pub async fn register_webhook(
    server: ServerOptions,
    limits: Limits,
    trust: Trust,
    registration: Registration<'_>,
) -> Result<Registered, Error> {
    let (lists, budget) = (Arc::new(Semaphore::new(1)), Arc::new(Unlimited));
    let server = Server::new(server, limits, trust, lists, budget, None)?;
    let path = || vec!["api", "sessions", registration.session];
    let look = Ask::get(OperationName::FetchAll, path());
    let session = server.ask(look).await.map_err(|failed| not_found(failed, &registration))?;
    let session = session.json().cloned().unwrap_or_default();
    // What a session was never given is absent or null.
    let mut config = match session.get("config") {
        Some(config) if config.is_object() => config.clone(),
        _ => json!({}),
    };
    let mut webhooks = match config.get("webhooks").and_then(Value::as_array) {
        Some(webhooks) => webhooks.clone(),
        None => Vec::new(),
    };
    let webhook = json!({
        "url": registration.url.as_str(),
        "events": EVENTS,
        "hmac": { "key": registration.secret.expose_secret() },
        "retries": { "policy": "constant", "delaySeconds": 2, "attempts": 15 },
    });
    let is_ours = |held: &Value| {
        held.get("url").and_then(Value::as_str).and_then(|url| url.parse::<Url>().ok()).as_ref()
            == Some(registration.url)
    };
    let registered = match webhooks.iter_mut().find(|held| is_ours(held)) {
        Some(held) if is_as_wished(held, &webhook) => return Ok(Registered::Unchanged),
        Some(held) => {
            *held = webhook;
            Registered::Replaced
        }
        None => {
            webhooks.push(webhook);
            Registered::Added
        }
    };
    config["webhooks"] = Value::Array(webhooks);
    let put = Ask::of(OperationName::FetchAll, Method::PUT, path());
    server.ask(put.body(json!({ "config": config }))).await.map_err(|failed| failed.error)?;
    Ok(registered)
}

/// Whether it has all wished settings; it may have more.
fn is_as_wished(held: &Value, wished: &Value) -> bool {
    match (held, wished) {
        (Value::Object(held), Value::Object(wished)) => wished
            .iter()
            .all(|(name, wished)| held.get(name).is_some_and(|held| is_as_wished(held, wished))),
        (held, wished) => held == wished,
    }
}

fn not_found(failed: EngineError, registration: &Registration<'_>) -> Error {
    if failed.error.reason() != Reason::GroupNotFound {
        return failed.error;
    }
    let session = registration.session;
    let message = format!("the WAHA server has no session {session}; create it there first");
    Error::new(Reason::SessionNotFound, message)
}
