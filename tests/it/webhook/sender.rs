//! What signs webhooks and posts them, as WAHA does.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use serde_json::Value;
use sha2::Sha512;

/// Posts to one service with one secret, over connections that it keeps.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    url: String,
    secret: String,
}

impl Sender {
    pub fn new(url: &str, secret: &str) -> Self {
        let tls = wagroups::tls::client_config().expect("TLS");
        let client = Client::builder().tls_backend_preconfigured(tls).build().expect("a client");
        Self { client, url: url.to_owned(), secret: secret.to_owned() }
    }

    /// Signs and posts; the status, and what was answered.
    pub async fn post(&self, session: &str, body: impl Into<Bytes>) -> (u16, Value) {
        let body = body.into();
        let signature = sign(&self.secret, &body);
        let request = self
            .client
            .post(format!("{}/webhook/{session}", self.url))
            .header("x-webhook-hmac", signature)
            .header("x-webhook-hmac-algorithm", "sha512")
            .body(body);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.expect("JSON"))
    }
}

pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
