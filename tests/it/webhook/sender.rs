//! What makes webhooks, signs them, and posts them, as WAHA does.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::Sha512;

/// Posts to one service with one secret, over connections that it keeps.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    url: String,
    secret: String,
}

/// What was answered to a webhook.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The status, and the outcome, or the reason of a refusal.
    pub fn said(&self) -> (u16, &str) {
        let said = self.body.get("outcome").or_else(|| self.body.get("reason"));
        (self.status, said.and_then(Value::as_str).unwrap_or_default())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Sender {
    /// For the service at `url`, as `Service::webhook_url` answers it.
    pub fn new(url: &str, secret: &str) -> Self {
        let tls = wagroups::tls::Trust::default().client_config().expect("TLS");
        let client = Client::builder().tls_backend_preconfigured(tls).build().expect("a client");
        Self::over(client, url, secret)
    }

    /// The same by a client that knows whom to trust.
    pub fn over(client: Client, url: &str, secret: &str) -> Self {
        Self { client, url: url.to_owned(), secret: secret.to_owned() }
    }

    /// The same over the same connections, but for another secret.
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    /// Signs and posts; the status, and what was answered.
    pub async fn post(&self, session: &str, body: impl Into<Bytes>) -> (u16, Value) {
        let answer = self.deliver(session, body).await.expect("an answer");
        (answer.status, answer.body)
    }

    /// Signs and posts. An error is one of the connection: nobody knows what became of it.
    pub async fn deliver(
        &self,
        session: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answer, reqwest::Error> {
        self.deliver_with(session, body, &[]).await
    }

    /// Signs and posts, with these headers beside.
    pub async fn deliver_with(
        &self,
        session: &str,
        body: impl Into<Bytes>,
        beside: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let body = body.into();
        let signature = sign(&self.secret, &body);
        let own = [("x-webhook-hmac", &*signature), ("x-webhook-hmac-algorithm", "sha512")];
        self.post_with(session, body, &[&own, beside].concat()).await
    }

    /// Posts with these headers, as they are.
    pub async fn post_with(
        &self,
        session: &str,
        body: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let request = self.client.post(format!("{}/webhook/{session}", self.url)).body(body.into());
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.json().await? })
    }
}

pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The id of an event as WAHA makes them, another one for each number.
pub fn event_id(number: u64) -> String {
    let ulid = ulid::Ulid::from_parts(0, number.into());
    format!("evt_{}", ulid.to_string().to_lowercase())
}

/// Who the session is in all events of [`event`].
pub const ME: &str = "4915100000001@c.us";

/// An event in its envelope, as WAHA's engine GOWS makes it. `session` is the name in WAHA.
pub fn event(session: &str, id: &str, time_ms: i64, name: &str, payload: Value) -> Value {
    json!({
        "id": id, "timestamp": time_ms, "event": name, "session": session, "metadata": {},
        "me": { "id": ME, "pushName": "Bot", "lid": "1@lid", "jid": "4915100000001:7@s.whatsapp.net" },
        "payload": payload, "engine": "GOWS",
        "environment": { "version": "2026.9.2", "engine": "GOWS", "tier": "CORE", "browser": null },
    })
}

/// The payload of a `group.v2.participants`: what (`join`, `leave`, …) these people did.
pub fn members(group_id: &str, action: &str, people: &[&str], time_ms: i64) -> Value {
    let role = if action == "promote" { "admin" } else { "participant" };
    let people: Vec<Value> =
        people.iter().map(|id| json!({ "id": id, "pn": null, "role": role })).collect();
    json!({
        "group": { "id": group_id }, "type": action, "timestamp": time_ms, "participants": people,
        "_data": {},
    })
}

/// The payload of a `group.v2.update`: the group has another subject.
pub fn subject(group_id: &str, subject: &str, time_ms: i64) -> Value {
    json!({ "group": { "id": group_id, "subject": subject }, "timestamp": time_ms, "_data": {} })
}

/// The payload of a `session.status`.
pub fn status(status: &str) -> Value {
    json!({ "status": status, "statuses": [] })
}
