//! What goes wrong on purpose between a client and this server.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};

use super::call::Call;
use super::listener::Scissors;
use super::reply::{Content, JSON, Problem, Reply};

/// Which request a fault strikes: by its method, and by the end of its path.
#[derive(Debug, Clone)]
pub struct Match {
    /// `None` = any.
    method: Option<String>,
    suffix: String,
}

impl Match {
    pub fn fits(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method) && path.ends_with(&self.suffix)
    }
}

impl From<&str> for Match {
    fn from(suffix: &str) -> Self {
        Self { method: None, suffix: suffix.to_owned() }
    }
}

impl From<(&str, &str)> for Match {
    fn from((method, suffix): (&str, &str)) -> Self {
        Self { method: Some(method.to_owned()), suffix: suffix.to_owned() }
    }
}

#[derive(Debug, Clone)]
pub enum Fault {
    /// Never answers; nothing was done.
    Hang,
    /// Never answers; it was done.
    HangAfterApplying,
    /// Another answer: status, content type, body. Nothing was done.
    Status(u16, &'static str, String),
    /// A page of a proxy's instead of the answer. Nothing was done.
    HtmlFromProxy(u16),
    /// The same, and it was done: the proxy lost patience.
    HtmlFromProxyAfterApplying(u16),
    /// It was done, and the first half of the answer's JSON arrives as if it were all.
    TruncatedJson,
    /// It was done, and another JSON is answered.
    JsonAfterApplying(Value),
    /// It was done, and the connection ends in the middle of the answer's body.
    CutBody,
    /// It was done, and the answer comes byte by byte.
    SlowDrip,
    /// The connection ends; nothing was done.
    CloseBeforeApplying,
    /// The connection ends; it was done.
    CloseAfterApplying,
    /// A JSON list of so many bytes instead of the answer.
    HugeList(usize),
    /// Envelope B with this message, and these extras in `exception`.
    Exception { message: String, extras: Value },
    /// 429 and when to try again, in seconds. Nothing was done.
    RateLimited429WithRetryAfter(u64),
}

/// How fast [`Fault::SlowDrip`] drips.
const DRIP: Duration = Duration::from_millis(100);

impl Fault {
    /// Whether the request is carried out nonetheless.
    pub fn lets_apply(&self) -> bool {
        match self {
            Self::HangAfterApplying
            | Self::HtmlFromProxyAfterApplying(_)
            | Self::TruncatedJson
            | Self::JsonAfterApplying(_)
            | Self::CutBody
            | Self::SlowDrip
            | Self::CloseAfterApplying => true,
            Self::Hang
            | Self::Status(..)
            | Self::HtmlFromProxy(_)
            | Self::CloseBeforeApplying
            | Self::HugeList(_)
            | Self::Exception { .. }
            | Self::RateLimited429WithRetryAfter(_) => false,
        }
    }

    /// What the client sees. `answer` is there where the request was carried out.
    pub async fn strike(
        self,
        answer: Option<Reply>,
        scissors: &Scissors,
    ) -> Result<Reply, Problem> {
        match self {
            Self::Hang | Self::HangAfterApplying => std::future::pending().await,
            Self::CloseBeforeApplying | Self::CloseAfterApplying => {
                scissors.0.cancel();
                std::future::pending().await
            }
            Self::Status(status, kind, body) => {
                Ok(Reply::bare(body).of_kind(kind).with_status(status))
            }
            Self::HtmlFromProxy(status) | Self::HtmlFromProxyAfterApplying(status) => {
                Ok(Reply::bare(page(status)).of_kind("text/html").with_status(status))
            }
            Self::TruncatedJson => Ok(truncated(answer)),
            Self::JsonAfterApplying(body) => Ok(Reply::json(&body).with_status(201)),
            Self::CutBody => Ok(in_pieces(answer, |text| {
                let half = Bytes::from(text.as_bytes()[..text.len() / 2].to_vec());
                let cut = std::io::Error::other("cut");
                Body::from_stream(stream::iter([Ok(half), Err(cut)]))
            })),
            Self::SlowDrip => Ok(in_pieces(answer, |text| {
                let drops = text.into_bytes().into_iter();
                Body::from_stream(stream::unfold(drops, |mut drops| async move {
                    tokio::time::sleep(DRIP).await;
                    let drop = Bytes::from(vec![drops.next()?]);
                    Some((Ok::<_, Infallible>(drop), drops))
                }))
            })),
            Self::HugeList(bytes) => Ok(huge(bytes)),
            Self::Exception { message, extras } => {
                let mut exception = json!({ "message": message, "name": "Error", "stack": "" });
                for (name, value) in extras.as_object().into_iter().flatten() {
                    exception[name] = value.clone();
                }
                Err(Problem::Exception(exception))
            }
            Self::RateLimited429WithRetryAfter(seconds) => {
                let body = json!({
                    "statusCode": 429, "message": "ThrottlerException: Too Many Requests",
                });
                Ok(Reply::json(&body).with_status(429).with_header("retry-after", seconds))
            }
        }
    }
}

/// A fault that waits for its request.
#[derive(Debug)]
pub struct Planned {
    pub which: Match,
    pub fault: Fault,
}

/// Takes the first fault that fits.
pub fn take(planned: &mut Vec<Planned>, call: &Call) -> Option<Fault> {
    let first = planned.iter().position(|plan| plan.which.fits(&call.method, &call.path))?;
    Some(planned.remove(first).fault)
}

fn whole(answer: Option<Reply>) -> (Reply, String) {
    let mut reply = answer.unwrap_or_else(Reply::nothing);
    let text = match std::mem::replace(&mut reply.body, Content::Whole(String::new())) {
        Content::Whole(text) => text,
        Content::Pieces(_) => String::new(),
    };
    (reply, text)
}

fn truncated(answer: Option<Reply>) -> Reply {
    let (mut reply, text) = whole(answer);
    // An answer without JSON would be whole again.
    let text = if text.len() < 2 || reply.kind.as_deref() != Some(JSON) {
        r#"{"id":"#.to_owned()
    } else {
        String::from_utf8_lossy(&text.as_bytes()[..text.len() / 2]).into_owned()
    };
    reply.kind = Some(JSON.to_owned());
    reply.body = Content::Whole(text);
    reply
}

fn in_pieces(answer: Option<Reply>, pieces: impl FnOnce(String) -> Body) -> Reply {
    let (mut reply, text) = whole(answer);
    let text = if text.is_empty() { "{}".to_owned() } else { text };
    reply.headers.push(("content-length", text.len().to_string()));
    reply.body = Content::Pieces(pieces(text));
    reply
}

fn huge(bytes: usize) -> Reply {
    const ROW: &str = r#"{"id":"120363000000000001@g.us","padding":"                    "},"#;
    let rows = stream::unfold((0, false), move |(sent, ended)| async move {
        if ended {
            return None;
        }
        let (piece, ends) = match sent {
            0 => (format!("[{ROW}"), false),
            sent if sent >= bytes => ("{}]".to_owned(), true),
            _ => (ROW.repeat(1_000), false),
        };
        let sent = sent + piece.len();
        Some((Ok::<_, Infallible>(Bytes::from(piece)), (sent, ends)))
    });
    let mut reply = Reply::json(&Value::Null);
    reply.body = Content::Pieces(Body::from_stream(rows));
    reply
}

fn page(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason()).unwrap_or("Error");
    format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}
