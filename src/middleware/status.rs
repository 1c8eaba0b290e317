//! Errors as gRPC statuses with their details.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, QuotaViolation, StatusExt};

use crate::domain::error::Error;
use crate::domain::reason::{self, Reason};

/// `google.rpc.ErrorInfo.domain` of every error.
pub const DOMAIN: &str = "wagroups.v1";

/// The status that tells a caller of an error: one ErrorInfo, and what else helps. The cause stays
/// here: it is logged, under the request id of the span, and never sent.
pub fn to_status(error: &Error) -> Status {
    if let Some(cause) = error.cause() {
        let reason = error.reason().as_str();
        match error.reason() {
            Reason::Internal => tracing::error!(reason, cause, "internal error"),
            _ => tracing::warn!(reason, cause, "call failed"),
        }
    }
    Status::with_error_details(code(error.reason().code()), error.message(), details(error))
}

fn details(error: &Error) -> ErrorDetails {
    let mut details = ErrorDetails::new();
    let metadata: HashMap<String, String> =
        error.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    details.set_error_info(error.reason().as_str(), DOMAIN, metadata);
    if !error.violations().is_empty() {
        let violations: Vec<FieldViolation> = error
            .violations()
            .iter()
            .map(|violation| FieldViolation::new(&violation.field, &violation.description))
            .collect();
        details.set_bad_request(violations);
    }
    if let Some(delay) = error.retry_delay() {
        details.set_retry_info(Some(delay));
    }
    // Of what is missing or is there already. What else an error speaks of stands in its metadata.
    if let Some(resource) = error.resource()
        && matches!(error.reason().code(), reason::Code::NotFound | reason::Code::AlreadyExists)
    {
        details.set_resource_info(&resource.kind, &resource.name, "", error.message());
    }
    match error.reason().code() {
        reason::Code::FailedPrecondition => {
            let subject = ["group_id", "session", "code", "id"]
                .into_iter()
                .find_map(|key| error.metadata().get(key).cloned())
                .unwrap_or_default();
            let kind = precondition(error.reason());
            details.set_precondition_failure(vec![PreconditionViolation::new(
                kind,
                subject,
                error.message(),
            )]);
        }
        reason::Code::ResourceExhausted if error.reason() != Reason::MessageTooLarge => {
            details.set_quota_failure(vec![QuotaViolation::new(
                error.reason().as_str(),
                error.message(),
            )]);
        }
        _ => {}
    }
    details
}

/// What kind of state is in the way; `errors.proto` says it for each reason.
fn precondition(reason: Reason) -> &'static str {
    match reason {
        Reason::SessionNotWorking | Reason::LoggedOut | Reason::AlreadyLoggedIn => "SESSION_STATUS",
        Reason::TemporarilyBanned | Reason::NotOnWhatsapp => "ACCOUNT",
        Reason::NotGroupMember | Reason::AlreadyMember | Reason::RecentlyRemoved => "MEMBERSHIP",
        Reason::NotGroupAdmin | Reason::NotGroupOwner => "ROLE",
        Reason::GroupFull => "GROUP_SIZE",
        Reason::InviteInvalid | Reason::InviteRevoked | Reason::InviteExpired => "INVITE",
        Reason::SubjectRejected => "SUBJECT",
        Reason::PictureFetchFailed => "URL",
        Reason::PictureRejected => "PICTURE",
        Reason::GroupLocked => "GROUP",
        Reason::SnapshotRefused => "SNAPSHOT",
        Reason::LogMismatch | Reason::LogDiverged => "LOG",
        _ => "WHATSAPP",
    }
}

/// Exhaustive, so that a new code cannot be forgotten here.
fn code(code: reason::Code) -> Code {
    match code {
        reason::Code::Cancelled => Code::Cancelled,
        reason::Code::Unknown => Code::Unknown,
        reason::Code::InvalidArgument => Code::InvalidArgument,
        reason::Code::DeadlineExceeded => Code::DeadlineExceeded,
        reason::Code::NotFound => Code::NotFound,
        reason::Code::AlreadyExists => Code::AlreadyExists,
        reason::Code::PermissionDenied => Code::PermissionDenied,
        reason::Code::ResourceExhausted => Code::ResourceExhausted,
        reason::Code::FailedPrecondition => Code::FailedPrecondition,
        reason::Code::Aborted => Code::Aborted,
        reason::Code::OutOfRange => Code::OutOfRange,
        reason::Code::Unimplemented => Code::Unimplemented,
        reason::Code::Internal => Code::Internal,
        reason::Code::Unavailable => Code::Unavailable,
        reason::Code::Unauthenticated => Code::Unauthenticated,
    }
}

/// The error that a status without details stands for: tonic's own answers, which know no reasons.
pub fn explain(status: &Status, method: &str, max_message_bytes: u64) -> Error {
    let reason = match status.code() {
        Code::OutOfRange | Code::ResourceExhausted
            if status.message().contains("message length too large") =>
        {
            return Error::new(
                Reason::MessageTooLarge,
                format!("the request is larger than the {max_message_bytes} bytes that this service takes; send less"),
            )
            .with("max_bytes", max_message_bytes);
        }
        Code::Unimplemented if status.message().is_empty() => {
            return Error::new(
                Reason::MethodNotFound,
                "this service has no such method; reflection lists those that it has",
            )
            .with("method", method);
        }
        Code::Unimplemented => Reason::NotImplemented,
        Code::Cancelled if status.message().contains("imeout") => {
            return Error::new(Reason::DeadlineExceeded, "the deadline of the call has passed");
        }
        Code::Cancelled => Reason::Cancelled,
        Code::DeadlineExceeded => Reason::DeadlineExceeded,
        Code::ResourceExhausted | Code::Unavailable => {
            return overloaded();
        }
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => {
            Reason::InvalidRequest
        }
        // tonic answers INTERNAL where the request's bytes are no such message.
        Code::Internal if status.message().contains("decode") => {
            return Error::new(
                Reason::InvalidRequest,
                "the request's bytes are not a message of the contract",
            );
        }
        Code::Unauthenticated => Reason::Unauthenticated,
        Code::PermissionDenied => Reason::PermissionDenied,
        _ => return Error::internal(status.message()),
    };
    Error::new(reason, status.message())
}

/// More calls at once than the service takes.
pub fn overloaded() -> Error {
    Error::new(Reason::Overloaded, "too many calls at once; nothing was done, try again")
        .retry_after(Duration::from_secs(1))
}
