//! What a WAHA server's refusals mean.
//!
//! It has three envelopes, and puts nearly everything that WhatsApp refuses into the third kind of error
//! 500, in the words of the engine it runs on.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::exception::{Exception, Meant};
use super::text;
use super::webhook::WahaStatus;
use crate::domain::error::Error;
use crate::domain::operation::{EngineError, OperationName, Outcome};
use crate::domain::reason::Reason;
use crate::domain::session::SessionStatus;
use crate::domain::whatsapp_code;

/// The most of a server's text that is kept as a cause.
const MAX_CAUSE_BYTES: usize = 300;
/// A key that is refused will be refused in a minute as well.
const KEY_REST: Duration = Duration::from_secs(60);
const USUAL_REST: Duration = Duration::from_secs(1);

/// An answer that is not 2xx.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub server: &'a str,
    pub operation: OperationName,
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub body: &'a [u8],
}

/// What is wrong, and whether WAHA itself answered (and not a proxy before it).
pub(super) struct ClassifiedError {
    pub error: EngineError,
    pub is_wahas: bool,
}

impl Refused<'_> {
    pub fn classified(&self) -> ClassifiedError {
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
            // GOWS of some builds, of an empty description (observed on 2026.8).
            (400, Some(body)) if message(body).contains("does not support") => self.unsupported(),
            (429, _) => EngineError::rejected(
                Error::new(Reason::RateLimited, "the WAHA server asks to slow down")
                    .retry_after(self.retry_after.unwrap_or(KEY_REST)),
            ),
            (500, Some(body)) if body.get("exception").is_some() => {
                self.exception(&body["exception"])
            }
            // A proxy's own 404 is no answer of WAHA's.
            (400..=499, Some(body)) if body.get("statusCode").is_some() => EngineError::rejected(
                whatsapp_code::refusal(self.status.as_u16().into(), message(body), self.operation),
            ),
            _ => {
                return ClassifiedError {
                    error: self.unclear("answers nothing that is WAHA's"),
                    is_wahas: false,
                };
            }
        };
        ClassifiedError { error, is_wahas }
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

    /// It is not known whether it was done.
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
        let exception = Exception::of(exception);
        match exception.meaning() {
            Some(Meant::Silence) => self.unclear("got no answer from WhatsApp"),
            Some(Meant::Code(code, words)) => self.coded(code, words),
            Some(Meant::Refusal(reason)) => self.reasoned(reason, exception.said),
            None => self.unworded(&exception),
        }
    }

    /// An error of the browser's own, without WhatsApp's words: its usual cause is taken as a guess.
    fn unworded(&self, exception: &Exception<'_>) -> EngineError {
        let said = exception.said;
        let (is_minified, is_type_error) = (exception.is_minified(), exception.is_type_error());
        if !is_minified && !is_type_error {
            return self.unclear("failed");
        }
        match self.operation {
            // Thrown perhaps over WhatsApp's answer, when the group was made already.
            OperationName::CreateGroup => self.unclear("failed"),
            OperationName::JoinGroup if is_type_error => self.unclear("failed"),
            // Reading needs no role.
            OperationName::FetchGroup | OperationName::FetchAll if is_minified => {
                self.unclear("failed")
            }
            // A minified error where the account is no admin, or the invite is invalid.
            _ if is_minified && self.is_joining() => self.reasoned(Reason::InviteInvalid, said),
            _ if is_minified => supposed(self.reasoned(Reason::NotGroupAdmin, said)),
            // In a browser a group that is not there is `undefined`, of which fields are read. What we send is
            // well-formed.
            operation if operation.is_read() => self.reasoned(Reason::GroupNotFound, said),
            _ => supposed(self.reasoned(Reason::GroupNotFound, said)),
        }
    }

    fn is_joining(&self) -> bool {
        matches!(self.operation, OperationName::JoinGroup | OperationName::GetJoinInfo)
    }

    /// WhatsApp's own code.
    fn coded(&self, code: u32, words: &str) -> EngineError {
        match code {
            // Its servers failed, perhaps half-way.
            408 | 500..=599 => self.unclear("was told that WhatsApp fails"),
            // Not WhatsApp's answer, but the connection's: closed, or taken over by another client.
            428 | 440 => self.unclear("lost its connection to WhatsApp"),
            _ => EngineError::rejected(whatsapp_code::refusal(code, words, self.operation)),
        }
    }

    fn reasoned(&self, reason: Reason, said: &str) -> EngineError {
        // For an account that is no member yet the error is about the invite, not its role.
        if self.is_joining() || self.operation == OperationName::CreateGroup {
            match reason {
                Reason::GroupNotFound => return self.coded(404, said),
                Reason::NotGroupMember | Reason::NotGroupAdmin => return self.coded(403, said),
                _ => {}
            }
        }
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

/// A call that was sent and whose outcome is not known: a read may be sent again, a write may not.
pub(super) fn unclear(operation: OperationName, error: Error) -> EngineError {
    if operation.is_read() {
        return EngineError::not_sent(error);
    }
    let cause = error.cause().map_or_else(String::new, |cause| format!(" ({cause})"));
    EngineError::unknown(&format!("{}{cause}", error.message()))
}

/// A refusal as far as one can guess.
fn supposed(refused: EngineError) -> EngineError {
    EngineError { outcome: Outcome::Supposed, ..refused }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::operation::Outcome;
    use OperationName as Op;

    fn classified(status: u16, body: &str, operation: Op) -> (Outcome, Reason, bool) {
        let status = StatusCode::from_u16(status).unwrap();
        let refused =
            Refused { server: "a", operation, status, retry_after: None, body: body.as_bytes() };
        let ClassifiedError { error, is_wahas } = refused.classified();
        (error.outcome, error.error.reason(), is_wahas)
    }

    fn exception(extras: Value) -> String {
        let mut exception = json!({ "name": "Error", "stack": "" });
        for (name, value) in extras.as_object().unwrap() {
            exception[name] = value.clone();
        }
        json!({ "statusCode": 500, "exception": exception }).to_string()
    }

    #[test]
    fn each_engines_words_are_understood() {
        let said = |message: &str| json!({ "message": message });
        let cases = [
            // GOWS
            (
                said("2 UNKNOWN: info query returned status 403: forbidden"),
                Op::SetGroupSubject,
                Reason::NotGroupAdmin,
            ),
            (
                said("2 UNKNOWN: info query returned status 409: conflict"),
                Op::SetGroupDescription,
                Reason::DescriptionConflict,
            ),
            (
                said("2 UNKNOWN: info query returned status 429: rate-overlimit"),
                Op::FetchAll,
                Reason::RateLimited,
            ),
            (said("2 UNKNOWN: that group does not exist"), Op::FetchGroup, Reason::GroupNotFound),
            (
                said("2 UNKNOWN: you're not participating in that group"),
                Op::FetchGroup,
                Reason::NotGroupMember,
            ),
            (
                said("2 UNKNOWN: that group invite link has been revoked"),
                Op::JoinGroup,
                Reason::InviteRevoked,
            ),
            (
                said("2 UNKNOWN: the given data is not a valid image"),
                Op::SetGroupPicture,
                Reason::PictureRejected,
            ),
            // NOWEB
            (
                json!({ "message": "not-authorized", "data": 401, "isBoom": true }),
                Op::PromoteParticipants,
                Reason::NotGroupAdmin,
            ),
            (json!({ "message": "gone", "data": 410 }), Op::JoinGroup, Reason::InviteRevoked),
            (
                json!({ "message": "not-acceptable", "data": 406 }),
                Op::GetJoinInfo,
                Reason::InviteInvalid,
            ),
            (said("Group with id '1@g.us' not found"), Op::FetchGroup, Reason::GroupNotFound),
            (
                json!({ "message": "rate-overlimit", "data": 429 }),
                Op::FetchGroup,
                Reason::RateLimited,
            ),
            (json!({ "message": "not-authorized" }), Op::GetJoinInfo, Reason::RecentlyRemoved),
            (json!({ "message": "forbidden" }), Op::JoinGroup, Reason::RefusedByWhatsapp),
            (json!({ "message": "item-not-found" }), Op::GetGroupPicture, Reason::PictureNotFound),
            // WEBJS
            (json!({ "message": "b", "name": "b" }), Op::JoinGroup, Reason::InviteInvalid),
            (
                json!({ "message": "Cannot read properties of undefined (reading 'x')", "name": "TypeError" }),
                Op::FetchGroup,
                Reason::GroupNotFound,
            ),
            // WPP
            (
                json!({ "message": "gone", "name": "ServerStatusCodeError", "status": 410, "statusCode": 410 }),
                Op::JoinGroup,
                Reason::InviteRevoked,
            ),
            (
                json!({ "message": "conflict", "name": "ServerStatusCodeError", "status": 409, "statusCode": 409 }),
                Op::JoinGroup,
                Reason::RefusedByWhatsapp,
            ),
            (
                json!({ "message": "conflict" }),
                Op::SetGroupDescription,
                Reason::DescriptionConflict,
            ),
            (json!({ "message": "not-acceptable" }), Op::SetGroupPicture, Reason::PictureRejected),
            (
                json!({ "message": "You are not admin in 1@g.us", "code": "group_you_are_not_admin" }),
                Op::SetInfoAdminOnly,
                Reason::NotGroupAdmin,
            ),
            (said("Invalid Invite Code"), Op::GetJoinInfo, Reason::InviteInvalid),
            (said("304: not-modified"), Op::JoinGroup, Reason::AlreadyMember),
        ];
        for (extras, operation, reason) in cases {
            let what = extras.to_string();
            let expected = (Outcome::Rejected, reason, true);
            assert_eq!(classified(500, &exception(extras), operation), expected, "{what}");
        }
    }

    #[test]
    fn a_guess_is_marked_as_one() {
        let thrown =
            |message: &str, name: &str| exception(json!({ "message": message, "name": name }));
        for (body, operation, reason) in [
            (thrown("b", "b"), Op::SetInfoAdminOnly, Reason::NotGroupAdmin),
            (
                thrown("Evaluation failed: r", "Error"),
                Op::PromoteParticipants,
                Reason::NotGroupAdmin,
            ),
            (thrown("r", "r"), Op::GetInviteCode, Reason::NotGroupAdmin),
            (thrown("x is undefined", "TypeError"), Op::SetGroupSubject, Reason::GroupNotFound),
        ] {
            assert_eq!(
                classified(500, &body, operation),
                (Outcome::Supposed, reason, true),
                "{body}"
            );
        }
    }

    /// An unknown outcome makes a read retriable, and a change not.
    #[test]
    fn what_may_have_happened_is_never_to_be_sent_again() {
        let silent = exception(json!({ "message": "2 UNKNOWN: info query timed out" }));
        let failing = exception(
            json!({ "message": "2 UNKNOWN: info query returned status 500: internal-server-error" }),
        );
        let new = exception(json!({ "message": "something that nobody has seen" }));
        let closed = exception(json!({ "message": "Stream Errored", "data": 440 }));
        for (status, body, is_wahas) in [
            (500, silent.as_str(), true),
            (500, failing.as_str(), true),
            (500, new.as_str(), true),
            (500, closed.as_str(), true),
            (500, "Internal Server Error", false),
            (502, "<html>", false),
            (504, "", false),
            (302, "", false),
        ] {
            let change = classified(status, body, Op::SetGroupSubject);
            assert_eq!(change, (Outcome::Unknown, Reason::OutcomeUnknown, is_wahas), "{body}");
            let read = classified(status, body, Op::FetchGroup);
            assert_eq!(read, (Outcome::NotSent, Reason::EngineUnavailable, is_wahas), "{body}");
        }
    }

    #[test]
    fn what_was_not_tried_is_not_sent() {
        let session = |status: &str| {
            json!({ "error": "Session status is not as expected", "session": "x", "status": status }).to_string()
        };
        let missing =
            json!({ "error": "Session \"x\" does not exist", "session": "x" }).to_string();
        let nest = |message: &str| json!({ "message": message, "statusCode": 404 }).to_string();
        for (status, body, reason) in [
            (401, nest("Unauthorized"), Reason::EngineUnavailable),
            (403, nest("Forbidden"), Reason::EngineUnavailable),
            (422, session("STARTING"), Reason::SessionStarting),
            (422, session("SCAN_QR_CODE"), Reason::SessionNotWorking),
            (422, session("SOMETHING_NEW"), Reason::SessionStarting),
            (422, missing, Reason::SessionNotWorking),
            (404, nest("Cannot PUT /api/x/groups/1@g.us/later"), Reason::UnsupportedByEngine),
            (
                501,
                nest("The method is not implemented by 'GOWS' engine."),
                Reason::UnsupportedByEngine,
            ),
            (
                400,
                nest("GOWS does not support empty group description."),
                Reason::UnsupportedByEngine,
            ),
        ] {
            let expected = (Outcome::NotSent, reason, true);
            assert_eq!(classified(status, &body, Op::SetGroupSubject), expected, "{body}");
        }
        let bad = json!({ "message": ["sortBy must be one of …"], "statusCode": 400 }).to_string();
        let refused = classified(400, &bad, Op::FetchAll);
        assert_eq!(refused, (Outcome::Rejected, Reason::RefusedByWhatsapp, true));
    }

    #[test]
    fn no_more_of_a_strangers_words_is_kept_than_a_log_needs() {
        let body = "x".repeat(100_000);
        let status = StatusCode::BAD_GATEWAY;
        let operation = Op::FetchGroup;
        let refused =
            Refused { server: "a", operation, status, retry_after: None, body: body.as_bytes() };
        let cause = refused.classified().error.error.cause().unwrap().len();
        assert!(cause < 2 * MAX_CAUSE_BYTES, "{cause}");
    }
}
