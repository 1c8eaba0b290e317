//! What Nest makes of what a handler returns or throws: the three ways to answer, and the three envelopes of
//! errors.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use super::call::Call;
use super::version::{self, Version};
use super::{Options, dialect};

pub const JSON: &str = "application/json; charset=utf-8";
pub const HTML: &str = "text/html; charset=utf-8";

/// An answer, before it is sent.
pub struct Reply {
    pub status: u16,
    pub kind: Option<String>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Content,
}

pub enum Content {
    Whole(String),
    /// Sent piece by piece.
    Pieces(Body),
}

impl Reply {
    fn new(kind: Option<&str>, body: String) -> Self {
        let kind = kind.map(str::to_owned);
        Self { status: 200, kind, headers: Vec::new(), body: Content::Whole(body) }
    }

    /// An object or a list.
    pub fn json(value: &Value) -> Self {
        Self::new(Some(JSON), value.to_string())
    }

    /// JSON whose order matters.
    pub fn json_text(text: String) -> Self {
        Self::new(Some(JSON), text)
    }

    /// A text, a number or a truth value: sent bare, as if it were a page.
    pub fn bare(text: impl ToString) -> Self {
        Self::new(Some(HTML), text.to_string())
    }

    /// `null` and `undefined`.
    pub fn nothing() -> Self {
        Self::new(None, String::new())
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn of_kind(mut self, kind: &str) -> Self {
        self.kind = Some(kind.to_owned());
        self
    }

    pub fn with_header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub fn into_response(self) -> Response {
        let length = match &self.body {
            Content::Whole(text) => Some(text.len()),
            Content::Pieces(_) => None,
        };
        let body = match self.body {
            Content::Whole(text) => Body::from(text),
            Content::Pieces(body) => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status");
        let mut put = |name: HeaderName, value: String| {
            response.headers_mut().insert(name, value.parse().expect("a header"));
        };
        if let Some(length) = length {
            put(CONTENT_LENGTH, length.to_string());
        }
        if let Some(kind) = self.kind {
            put(CONTENT_TYPE, kind);
        }
        for (name, value) in self.headers {
            put(HeaderName::from_static(name), value);
        }
        response
    }
}

/// Why there is no answer as it should be.
#[derive(Debug, Clone)]
pub enum Problem {
    /// Envelope A: what Nest itself refuses.
    Http { status: u16, message: Value, error: Option<&'static str> },
    /// Envelope B: what a handler threw, always a 500.
    Exception(Value),
    /// Envelope C: the session is not as the call needs it.
    Session(Value),
    /// Something that no client should ask of a WAHA: noted, and answered with envelope B.
    Impolite { what: String, exception: Value },
}

impl Problem {
    pub fn impolite(what: impl ToString) -> Self {
        let message = format!("the stand-in refuses this: {}", what.to_string());
        let exception = json!({ "message": message, "name": "TypeError", "stack": "" });
        Self::Impolite { what: what.to_string(), exception }
    }

    pub fn unauthorized() -> Self {
        Self::Http { status: 401, message: json!("Unauthorized"), error: None }
    }

    pub fn not_found(message: &str) -> Self {
        Self::Http { status: 404, message: json!(message), error: Some("Not Found") }
    }

    pub fn bad_request(messages: &[&str]) -> Self {
        Self::Http { status: 400, message: json!(messages), error: Some("Bad Request") }
    }

    /// With one message, as a handler refuses.
    pub fn bad_request_as(message: &str) -> Self {
        Self::Http { status: 400, message: json!(message), error: Some("Bad Request") }
    }

    pub fn not_implemented(options: &Options) -> Self {
        let message = format!(
            "The method is not implemented by '{}' engine. Check the docs and try another engine: \
             https://waha.devlike.pro/",
            options.engine.as_str()
        );
        Self::Http { status: 501, message: json!(message), error: Some("Not Implemented") }
    }

    /// As the server words it for this call.
    pub fn reply(&self, call: &Call, options: &Options, now: &str) -> Reply {
        match self {
            Self::Http { status, message, error } => {
                let mut body = json!({ "message": message, "statusCode": status });
                if let Some(error) = error {
                    body["error"] = json!(error);
                }
                Reply::json(&body).with_status(*status)
            }
            Self::Session(body) => Reply::json(body).with_status(422),
            Self::Exception(exception) | Self::Impolite { exception, .. } => {
                let query: serde_json::Map<String, Value> =
                    call.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                let sent = match call.json() {
                    Value::Null => json!({}),
                    sent => sent,
                };
                let body = json!({
                    "statusCode": 500,
                    "timestamp": now,
                    "exception": exception,
                    "request": {
                        "path": call.path, "method": call.method,
                        "body": sent, "query": query,
                    },
                    "version": environment(options),
                });
                Reply::json(&body).with_status(500)
            }
        }
    }
}

pub type Answer = Result<Reply, Problem>;

/// What the server says of itself.
pub fn environment(options: &Options) -> Value {
    let browser = match dialect::of(options.engine).is_browser() {
        true => json!("/usr/bin/google-chrome-stable"),
        false => Value::Null,
    };
    let mut environment = json!({
        "version": options.version, "engine": options.engine.as_str(), "tier": "CORE",
        "browser": browser, "platform": "linux/x64",
    });
    if Version::of(options.version) >= version::WORKER {
        environment["worker"] = json!({ "id": null });
    }
    environment
}
