//! What a WAHA server's refusals mean.
//!
//! It has three envelopes, and puts nearly everything that WhatsApp refuses into the third kind of error
//! 500, in the words of the engine it runs on.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::text;
use super::webhook::WahaStatus;
use crate::domain::error::Error;
use crate::domain::port::engine::{EngineError, EngineOperation};
use crate::domain::reason::Reason;
use crate::domain::session::SessionStatus;
use crate::domain::whatsapp_code;

/// The most of a stranger's words that goes into a log.
const MAX_CAUSE_BYTES: usize = 300;
/// A key that is refused will be refused in a minute as well.
const KEY_REST: Duration = Duration::from_secs(60);
const USUAL_REST: Duration = Duration::from_secs(1);

/// An answer that is not 2xx.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub server: &'a str,
    pub operation: EngineOperation,
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub body: &'a [u8],
}

/// What is wrong, and whether WAHA itself said it (a proxy before it speaks for nobody).
pub(super) struct Verdict {
    pub error: EngineError,
    pub is_wahas: bool,
}

impl Refused<'_> {
    pub fn verdict(&self) -> Verdict {
        let body: Option<Value> = serde_json::from_slice(self.body).ok();
        let body = body.filter(Value::is_object);
        let is_wahas = body.is_some();
        let error = match (self.status.as_u16(), &body) {
            (401 | 403, Some(_)) => EngineError::not_sent(
                self.unavailable("refuses this service's key; the operator must set a valid one")
                    .retry_after(KEY_REST),
            ),
            (422, Some(body)) => self.session_not_ready(body),
            (404, Some(body)) if message(body).starts_with("Cannot ") => self.unsupported(),
            (501, _) => self.unsupported(),
            (429, _) => EngineError::rejected(
                Error::new(Reason::RateLimited, "the WAHA server asks to slow down")
                    .retry_after(self.retry_after.unwrap_or(KEY_REST)),
            ),
            (500, Some(body)) if body.get("exception").is_some() => {
                self.exception(&body["exception"])
            }
            (400..=499, Some(body)) => EngineError::rejected(whatsapp_code::refusal(
                self.status.as_u16().into(),
                message(body),
                self.operation,
            )),
            _ => {
                return Verdict {
                    error: self.unclear("answers nothing that is WAHA's"),
                    is_wahas: false,
                };
            }
        };
        Verdict { error, is_wahas }
    }

    fn unavailable(&self, what: &str) -> Error {
        Error::new(Reason::EngineUnavailable, format!("the WAHA server {} {what}", self.server))
            .retry_after(USUAL_REST)
            .caused_by(self.cause())
    }

    fn cause(&self) -> String {
        let body = text::kept(&String::from_utf8_lossy(self.body), MAX_CAUSE_BYTES);
        format!("{} {body}", self.status.as_u16())
    }

    /// Nobody can say whether it was done.
    fn unclear(&self, what: &str) -> EngineError {
        unclear(self.operation, self.unavailable(what))
    }

    fn unsupported(&self) -> EngineError {
        let (server, operation) = (self.server, self.operation.as_str());
        let message =
            format!("the WAHA server {server} cannot do {operation}; a newer version may");
        EngineError::not_sent(
            Error::new(Reason::UnsupportedByEngine, message)
                .with("engine", "waha")
                .with("operation", operation),
        )
    }

    /// 422 `{"error", "session", "status"?}`: it has not been tried.
    fn session_not_ready(&self, body: &Value) -> EngineError {
        let status = body.get("status").and_then(Value::as_str).map(WahaStatus::named);
        let (ours, why) = match &status {
            Some(status) => status.in_our_terms(),
            None => (SessionStatus::Failed, "does not exist at the WAHA server".to_owned()),
        };
        let error = |reason: Reason| {
            let message = format!("the session cannot be used now: {why}");
            Error::new(reason, message).with("status", ours.contract_name()).caused_by(self.cause())
        };
        EngineError::not_sent(match status {
            // It may have come up between the answer and now.
            Some(WahaStatus::Starting | WahaStatus::Working | WahaStatus::Other(_)) => {
                error(Reason::SessionStarting).retry_after(USUAL_REST)
            }
            _ => error(Reason::SessionNotWorking),
        })
    }

    /// 500 with the engine's exception.
    fn exception(&self, exception: &Value) -> EngineError {
        let said = exception.get("message").and_then(Value::as_str).unwrap_or_default();
        let name = exception.get("name").and_then(Value::as_str).unwrap_or_default();
        if let Some((code, words)) = code_of(said, exception) {
            return self.coded(code, words);
        }
        // WPP has the cause as a code, and words for people.
        let code = exception.get("code").and_then(Value::as_str).unwrap_or_default();
        let lower = format!("{said} {code}").to_ascii_lowercase();
        let known = WORDS.iter().find(|(words, _)| lower.contains(words)).map(|(_, meant)| *meant);
        let is_minified = said.len() <= 2 && said == name;
        match known {
            Some(Meant::Refusal(reason)) => self.reasoned(reason, said),
            Some(Meant::Silence) => self.unclear("got no answer from WhatsApp"),
            Some(Meant::Haste) => self.coded(429, said),
            // WhatsApp Web's own errors have one letter where the account is no admin, or the invite leads
            // nowhere.
            None if is_minified && self.is_joining() => self.reasoned(Reason::InviteInvalid, said),
            None if is_minified => self.reasoned(Reason::NotGroupAdmin, said),
            // In a browser a group that is not there is `undefined`, of which fields are read. What we send is
            // well-formed.
            None if name == "TypeError" => self.reasoned(Reason::GroupNotFound, said),
            None => self.unclear("failed"),
        }
    }

    fn is_joining(&self) -> bool {
        matches!(self.operation, EngineOperation::JoinGroup | EngineOperation::GetJoinInfo)
    }

    /// WhatsApp's own code.
    fn coded(&self, code: u32, words: &str) -> EngineError {
        match code {
            // Its servers failed, perhaps half-way.
            408 | 500..=599 => self.unclear("was told that WhatsApp fails"),
            _ => EngineError::rejected(whatsapp_code::refusal(code, words, self.operation)),
        }
    }

    fn reasoned(&self, reason: Reason, said: &str) -> EngineError {
        let operation = self.operation.as_str();
        let said = text::kept(said, MAX_CAUSE_BYTES);
        let message = match reason {
            Reason::GroupNotFound => "WhatsApp knows no such group".to_owned(),
            Reason::NotGroupMember => "the account is not in the group".to_owned(),
            Reason::NotGroupAdmin => format!("only admins of the group may do {operation}"),
            Reason::InviteRevoked => {
                "an admin has voided the invite; ask for the current link".to_owned()
            }
            Reason::InviteInvalid => {
                "the invite code belongs to no group; ask for a new one".to_owned()
            }
            _ => format!("WhatsApp refused {operation}: {said}"),
        };
        EngineError::rejected(Error::new(reason, message).caused_by(said))
    }
}

/// A call that went out and of which nobody knows the end: a read may be sent again, a write may not.
pub(super) fn unclear(operation: EngineOperation, error: Error) -> EngineError {
    if operation.is_read() {
        return EngineError::not_sent(error);
    }
    let cause = error.cause().map_or_else(String::new, |cause| format!(" ({cause})"));
    EngineError::unknown(&format!("{}{cause}", error.message()))
}

#[derive(Debug, Clone, Copy)]
enum Meant {
    Refusal(Reason),
    /// WhatsApp did not answer the engine.
    Silence,
    Haste,
}

/// What the engines say in words only, in lower case. The first that fits counts.
const WORDS: [(&str, Meant); 24] = [
    ("rate-overlimit", Meant::Haste),
    // GOWS
    ("that group does not exist", Meant::Refusal(Reason::GroupNotFound)),
    ("you're not participating in that group", Meant::Refusal(Reason::NotGroupMember)),
    (
        "don't have the permission to get the group's invite link",
        Meant::Refusal(Reason::NotGroupAdmin),
    ),
    ("invite link has been revoked", Meant::Refusal(Reason::InviteRevoked)),
    ("invite link is not valid", Meant::Refusal(Reason::InviteInvalid)),
    ("not a valid image", Meant::Refusal(Reason::PictureRejected)),
    ("timed out", Meant::Silence),
    ("websocket disconnected", Meant::Silence),
    // NOWEB
    ("connection closed", Meant::Silence),
    ("connection failure", Meant::Silence),
    ("group with id", Meant::Refusal(Reason::GroupNotFound)),
    ("forbidden", Meant::Refusal(Reason::NotGroupAdmin)),
    ("not-authorized", Meant::Refusal(Reason::NotGroupAdmin)),
    ("item-not-found", Meant::Refusal(Reason::GroupNotFound)),
    // WEBJS and WPP
    ("invalid invite code", Meant::Refusal(Reason::InviteInvalid)),
    ("you_are_not_admin", Meant::Refusal(Reason::NotGroupAdmin)),
    ("not_a_group", Meant::Refusal(Reason::GroupNotFound)),
    ("chat not found", Meant::Refusal(Reason::GroupNotFound)),
    ("chat_not_found", Meant::Refusal(Reason::GroupNotFound)),
    ("group_not_exist", Meant::Refusal(Reason::GroupNotFound)),
    ("not_participating", Meant::Refusal(Reason::NotGroupMember)),
    ("target closed", Meant::Silence),
    ("session closed", Meant::Silence),
];

/// WhatsApp's code and words: `… status 403: forbidden` on GOWS, `data: 403` on NOWEB, `403: forbidden` on
/// WPP.
fn code_of<'a>(said: &'a str, exception: &Value) -> Option<(u32, &'a str)> {
    let rest = said.rsplit_once("status ").map_or(said, |(_, rest)| rest);
    let in_words = rest.split_once(':').and_then(|(code, words)| {
        let code = code.parse().ok().filter(|code| (300..600).contains(code))?;
        Some((code, words.trim()))
    });
    let in_data = exception.get("data").and_then(Value::as_u64);
    in_words.or_else(|| Some((u32::try_from(in_data?).ok()?, said)))
}

fn message(body: &Value) -> &str {
    match body.get("message") {
        Some(Value::String(message)) => message,
        // Of a list, the first names what to mend.
        Some(Value::Array(messages)) => {
            messages.first().and_then(Value::as_str).unwrap_or_default()
        }
        _ => "",
    }
}
