//! Posting bodies as WAHA does: signed, and again where it may help.

use std::fmt;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::time::sleep;

use super::bodies::Body;
use crate::cli::errors::Failure;
use crate::cli::text;
use crate::domain::backoff::Backoff;
use crate::domain::id::SessionName;
use crate::domain::session::WebhookSecret;
use crate::telemetry::SystemEntropy;
use crate::tls::Trust;
use crate::webhook_sender::signature::sign;

/// How often a body is posted before the import gives up.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(60);
/// Causes that every body would share.
const ENDING: [StatusCode; 4] =
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::CONFLICT];

/// What the listener said of a body.
#[derive(Debug)]
pub enum Answered {
    Accepted,
    Duplicate,
    Ignored,
    Refused {
        reason: String,
        message: String,
        /// Whether others will hardly fare better.
        ends: bool,
    },
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Ignored => f.write_str("ignored"),
            Self::Refused { reason, message, .. } => {
                write!(f, "{}: {}", text::safe(reason), text::safe(message))
            }
        }
    }
}

#[derive(Deserialize)]
struct Outcome {
    outcome: String,
}

#[derive(Deserialize)]
struct Refusal {
    reason: String,
    message: String,
}

#[derive(Deserialize)]
struct Envelope {
    session: SessionName,
}

pub struct Poster {
    client: Client,
    url: Url,
    session: Option<SessionName>,
    secret: WebhookSecret,
}

impl Poster {
    pub fn new(
        url: &str,
        session: Option<SessionName>,
        secret: WebhookSecret,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Failure::Usage("--url must be like http://127.0.0.1:8090".to_owned()))?;
        let failed = |error: &dyn fmt::Display| Failure::Local(format!("no HTTP client: {error}"));
        let client = Client::builder()
            .tls_backend_preconfigured(trust.client_config().map_err(|error| failed(&error))?)
            .timeout(TIMEOUT)
            .user_agent(concat!("wagroups/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self { client, url, session, secret })
    }

    /// Posts the body until it is taken or refused for good.
    pub async fn post(&self, body: &Body) -> Result<Answered, Failure> {
        let session = match &self.session {
            Some(session) => session.clone(),
            None => match serde_json::from_slice::<Envelope>(&body.bytes) {
                Ok(envelope) => envelope.session,
                Err(error) => {
                    return Ok(Answered::Refused {
                        reason: "NOT_A_WEBHOOK".to_owned(),
                        message: error.to_string(),
                        ends: false,
                    });
                }
            },
        };
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["webhook", session.as_str()]);
        }
        let signature = sign(&self.secret, &body.bytes);
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        for _ in 1..TRIES {
            let asked = match self.post_once(&url, &signature, body).await {
                Ok(response) if response.status() != StatusCode::SERVICE_UNAVAILABLE => {
                    return answered(response).await;
                }
                Ok(response) => retry_after(&response),
                Err(_) => None,
            };
            sleep(pauses.pause(asked, &SystemEntropy)).await;
        }
        match self.post_once(&url, &signature, body).await {
            Ok(response) => answered(response).await,
            Err(error) => {
                Err(Failure::NoAnswer { addr: self.url.to_string(), cause: error.to_string() })
            }
        }
    }

    async fn post_once(
        &self,
        url: &Url,
        signature: &str,
        body: &Body,
    ) -> reqwest::Result<Response> {
        self.client
            .post(url.clone())
            .header("content-type", "application/json")
            .header("x-webhook-hmac", signature)
            .header("x-webhook-hmac-algorithm", "sha512")
            .body(body.bytes.clone())
            .send()
            .await
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

async fn answered(response: Response) -> Result<Answered, Failure> {
    let status = response.status();
    // Who answers otherwise is not the listener.
    let stranger = |_| Failure::Local(format!("no webhook listener of wagroups: HTTP {status}"));
    if status.is_success() {
        let Outcome { outcome } = response.json().await.map_err(stranger)?;
        return match outcome.as_str() {
            "accepted" => Ok(Answered::Accepted),
            "duplicate" => Ok(Answered::Duplicate),
            "ignored" => Ok(Answered::Ignored),
            other => Err(Failure::Local(format!("the listener answers {}", text::quoted(other)))),
        };
    }
    let Refusal { reason, message } = response.json().await.map_err(stranger)?;
    Ok(Answered::Refused { reason, message, ends: ENDING.contains(&status) })
}
