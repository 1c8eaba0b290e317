//! Why a webhook is not taken in. WAHA sends it again whatever the status; the status and the text are for
//! the people who look at its log, the cause is for ours.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::excerpt::excerpt;
use crate::domain::reason::{Code, Reason};
use crate::middleware::BodyError;
use crate::telemetry;

/// Of what is wrong with a body, which may repeat it.
const MAX_CAUSE_BYTES: usize = 400;

#[derive(Debug)]
pub enum Refusal {
    NoSuchPath,
    NoSuchMethod,
    NotSigned,
    OtherAlgorithm,
    /// It is not authenticated. All of these are answered alike, so that a sender without the secret does not learn
    /// which sessions there are.
    Unproven(Unproven),
    TooLarge {
        limit: usize,
    },
    TooSlow,
    /// The body ended before its end.
    BrokenOff,
    NotAWebhook(String),
    OtherSession {
        expected: String,
    },
    TooOld {
        made: Timestamp,
        oldest: Timestamp,
    },
    /// The buffer is full, or other bodies needed its room more; or too many are being dealt with.
    Overloaded,
    /// The writer is behind. The event may have become durable all the same.
    NotInTime,
    /// The service's own reasons.
    Service(Error),
}

/// Why a webhook is not authenticated, for the service's operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// The session has a secret, and this was signed with another one.
    WrongSignature,
    NoSuchSession,
    /// The session's engine takes no webhooks.
    OtherEngine,
    /// The session has no secret.
    NoSecret,
}

impl Unproven {
    fn cause(self) -> &'static str {
        match self {
            Self::WrongSignature => WRONG_SIGNATURE,
            Self::NoSuchSession => Reason::SessionNotFound.as_str(),
            Self::OtherEngine => Reason::UnsupportedByEngine.as_str(),
            Self::NoSecret => "WEBHOOKS_CLOSED",
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::TooLarge { limit },
            BodyError::TooSlow => Self::TooSlow,
            BodyError::BrokenOff => Self::BrokenOff,
            BodyError::NoRoom => Self::Overloaded,
        }
    }
}

/// The reason that every sender without the secret is answered.
const WRONG_SIGNATURE: &str = "WRONG_SIGNATURE";

#[derive(Serialize)]
struct Body<'a> {
    reason: &'a str,
    message: String,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotSigned | Self::OtherAlgorithm | Self::Unproven(_) => StatusCode::UNAUTHORIZED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenOff | Self::NotAWebhook(_) => StatusCode::BAD_REQUEST,
            Self::OtherSession { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooOld { .. } => StatusCode::GONE,
            Self::Overloaded | Self::NotInTime => StatusCode::SERVICE_UNAVAILABLE,
            Self::Service(error) => StatusCode::from_u16(error.reason().http_status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// As the answer's reason.
    fn reason(&self) -> &'static str {
        match self {
            Self::Unproven(_) => WRONG_SIGNATURE,
            other => other.cause(),
        }
    }

    /// For the service's operator: the metric's label, and what stands in the log.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::NoSuchPath => "NO_SUCH_PATH",
            Self::NoSuchMethod => "METHOD_NOT_ALLOWED",
            Self::NotSigned => "NOT_SIGNED",
            Self::OtherAlgorithm => "OTHER_ALGORITHM",
            Self::Unproven(unproven) => unproven.cause(),
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::TooSlow => "TOO_SLOW",
            Self::BrokenOff => "BROKEN_OFF",
            Self::NotAWebhook(_) => "NOT_A_WEBHOOK",
            Self::OtherSession { .. } => "OTHER_SESSION",
            Self::TooOld { .. } => "TOO_OLD",
            Self::Overloaded => "OVERLOADED",
            Self::NotInTime => "NOT_IN_TIME",
            Self::Service(error) => error.reason().as_str(),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NoSuchPath => "webhooks are posted to /webhook/SESSION".to_owned(),
            Self::NoSuchMethod => "webhooks are posted: use POST".to_owned(),
            Self::NotSigned => {
                "the header X-Webhook-Hmac is missing; set hmac.key for this webhook in WAHA".to_owned()
            }
            Self::OtherAlgorithm => "X-Webhook-Hmac-Algorithm must be sha512".to_owned(),
            Self::Unproven(_) => {
                "X-Webhook-Hmac is not the HMAC-SHA-512 of the body, in hex, with the secret (waha.webhook_secret) of a \
                 session of this name that takes webhooks; which of these it is stands in the service's log"
                    .to_owned()
            }
            Self::TooLarge { limit } => {
                format!("the body has more than {limit} bytes (waha_ingress.max_body_bytes)")
            }
            Self::TooSlow => "the body did not arrive in time (waha_ingress.body_timeout)".to_owned(),
            Self::BrokenOff => "the body broke off".to_owned(),
            Self::NotAWebhook(cause) => excerpt(cause, MAX_CAUSE_BYTES),
            Self::OtherSession { expected } => format!(
                "this address takes the events of WAHA's session {expected:?}; the event is of another (waha.remote_session)"
            ),
            Self::TooOld { made, oldest } => format!(
                "the event was made at {made}; what is older than {oldest} cannot be told from a repetition (events.retention)"
            ),
            Self::Overloaded => "too many webhooks at the same time; send it again".to_owned(),
            Self::NotInTime => "it could not be written in time; send it again".to_owned(),
            Self::Service(error) => error.message().to_owned(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Overloaded | Self::NotInTime => Some(1),
            Self::Service(error) if error.reason().code() == Code::Unavailable => {
                Some(error.retry_delay().map_or(1, |delay| delay.as_secs().max(1)))
            }
            _ => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        telemetry::ingress_refused(self.cause());
        if let Self::Service(error) = &self
            && error.reason() == Reason::Internal
        {
            tracing::error!(%error, cause = error.cause(), "a webhook could not be taken in");
        }
        let body = Body { reason: self.reason(), message: self.message() };
        let mut response = (self.status(), Json(body)).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
