//! Errors as gRPC statuses with their details.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, QuotaViolation, StatusExt};

use super::request_body::BodyEnd;
use crate::domain::error::Error;
use crate::domain::excerpt::excerpt;
use crate::domain::reason::{self, Reason};

/// `google.rpc.ErrorInfo.domain` of every error.
pub const DOMAIN: &str = "wagroups.v1";

/// Most stubs take 8 KiB of trailers, and answer RESOURCE_EXHAUSTED of their own where there is more. The whole
/// block stays below 6 KiB: besides these there are the request's id, the code, and names.
const MAX_STATUS_BYTES: usize = 5500;
/// Of a message that is all that is left.
const MAX_REST_BYTES: usize = 200;

/// The status that a caller gets for an error: one ErrorInfo, and what else helps. The cause stays
/// here: it is logged, under the request id of the span, and never sent.
pub fn to_status(error: &Error) -> Status {
    if let Some(cause) = error.cause() {
        let reason = error.reason().as_str();
        match error.reason() {
            Reason::Internal => tracing::error!(reason, cause, "internal error"),
            _ => tracing::warn!(reason, cause, "call failed"),
        }
    }
    let code = code(error.reason().code());
    let status = Status::with_error_details(code, error.message(), details(error));
    if encoded_bytes(&status) <= MAX_STATUS_BYTES {
        return status;
    }
    // The bounds of an error leave room; one that was stored by an earlier version may know none of them.
    tracing::warn!(reason = error.reason().as_str(), "an error was too long for its trailers");
    let mut rest = ErrorDetails::new();
    rest.set_error_info(error.reason().as_str(), DOMAIN, HashMap::new());
    if let Some(delay) = error.retry_delay() {
        rest.set_retry_info(Some(delay));
    }
    Status::with_error_details(code, excerpt(error.message(), MAX_REST_BYTES), rest)
}

/// What a status takes in the trailers, at most: its details in base64, its message with every byte escaped.
fn encoded_bytes(status: &Status) -> usize {
    status.details().len().div_ceil(3) * 4 + 3 * status.message().len()
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
    // Of what is missing or is there already. What else an error is about stands in its metadata.
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

/// What kind of state is in the way; `errors.proto` documents it for each reason.
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

/// The error that a status without details stands for: tonic's own answers, which know no reasons. `body` is
/// how the request's body ended.
///
/// tonic 0.14 answers INTERNAL for whatever is wrong with a body (`codec/decode.rs`, `server/grpc.rs`), which is
/// its sender's doing and no fault of ours.
pub fn explain(status: &Status, method: &str, max_message_bytes: u64, body: BodyEnd) -> Error {
    let text = status.message();
    let reason = match status.code() {
        // Whatever became of the call then, nobody waits for its answer.
        Code::Internal | Code::Unknown | Code::Unavailable | Code::Cancelled
            if body == BodyEnd::BrokenOff =>
        {
            return Error::new(Reason::Cancelled, "the request broke off");
        }
        Code::Internal if text == "Missing request message." => {
            return Error::new(Reason::InvalidRequest, "the request has no message");
        }
        Code::Internal if text == "Unexpected EOF decoding stream." => {
            return Error::new(Reason::InvalidRequest, "the request's message is cut off");
        }
        // Of a flag that is none, and of one without an encoding.
        Code::Internal if text.starts_with("protocol error: received message with") => {
            return Error::new(
                Reason::InvalidRequest,
                "the request's message does not begin as gRPC has it: 0, and its length in four bytes",
            );
        }
        Code::Internal if text.starts_with("Error decompressing") => {
            return Error::new(
                Reason::InvalidRequest,
                "the request's message cannot be decompressed",
            );
        }
        Code::OutOfRange | Code::ResourceExhausted
            if text.contains("message length too large") || text.contains("size limit") =>
        {
            return Error::new(
                Reason::MessageTooLarge,
                format!("the request is larger than the {max_message_bytes} bytes that this service takes; send less"),
            )
            .with("max_bytes", max_message_bytes);
        }
        Code::Unimplemented if text.is_empty() => {
            return Error::new(
                Reason::MethodNotFound,
                "this service has no such method; reflection lists those that it has",
            )
            .with("method", method);
        }
        Code::Unimplemented => Reason::NotImplemented,
        Code::Cancelled if text.contains("imeout") => {
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
        Code::Internal if text.contains("decode") => {
            return Error::new(
                Reason::InvalidRequest,
                "the request's bytes are not a message of the contract",
            );
        }
        Code::Unauthenticated => Reason::Unauthenticated,
        Code::PermissionDenied => Reason::PermissionDenied,
        Code::Ok
        | Code::Unknown
        | Code::NotFound
        | Code::AlreadyExists
        | Code::Aborted
        | Code::Internal
        | Code::DataLoss => return Error::internal(text),
    };
    Error::new(reason, text)
}

/// More calls at once than the service takes.
pub fn overloaded() -> Error {
    Error::new(Reason::Overloaded, "too many calls at once; nothing was done, try again")
        .retry_after(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As it goes out, with the longest id that a request may have.
    fn block_bytes(status: &Status) -> usize {
        let mut response = status.clone().into_http::<()>();
        let id = http::HeaderValue::from_str(&"i".repeat(128)).unwrap();
        response.headers_mut().insert("x-request-id", id);
        let fields = response.headers().iter();
        fields.map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
    }

    const MAX_BLOCK_BYTES: usize = 6 * 1024;

    fn error(reason: Reason, texts: &[String]) -> Error {
        let mut error = Error::new(reason, texts.concat());
        for (index, text) in texts.iter().enumerate() {
            let field = format!("field[{index}].{text}");
            error = error.blaming(&field, text).with(&field, text).with_context("session", text);
        }
        error.about("group", texts.concat()).retry_after(Duration::from_millis(1500))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn trailers_stay_below_six_kibibytes(
            texts in prop::collection::vec("\\PC{0,300}|[\u{0}-\u{ff}]{0,900}|ü{0,3000}", 1..60),
            reason in prop::sample::select(Reason::ALL.to_vec()),
        ) {
            let status = to_status(&error(reason, &texts));
            prop_assert!(block_bytes(&status) < MAX_BLOCK_BYTES, "{}", block_bytes(&status));
            let details = status.get_error_details();
            prop_assert_eq!(details.error_info().map(|info| info.reason.as_str()), Some(reason.as_str()));
        }
    }
}
