//! A failure as the user sees it, in text or as one line of JSON.

use std::fmt;
use std::io::Write;

use serde_json::{Value, json};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::connect::deepest;
use super::effect::Effect;
use super::errors::{Failure, is_lost, reason, retry_delay};
use super::format::Format;
use super::output::{BAD, streams};
use super::{advice, text};
use crate::domain::reason::Reason;

/// What h2 makes of an answer in HTTP/1.1 or of an alert of TLS, and of servers of these that close at once, as ours do.
const NO_HTTP2: [&str; 3] = ["frame with invalid size", "broken pipe", "connection closed"];

/// Writes it to stderr, in text or as one line of JSON.
pub fn report(failure: &Failure, format: Format) {
    let mut stderr = streams::errors();
    // With stderr closed nobody can read it; the exit code still says it.
    let _ = if format == Format::Json {
        writeln!(stderr, "{}", to_json(failure))
    } else {
        writeln!(stderr, "{BAD}error:{BAD:#} {failure}")
    };
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer { addr, cause } => write!(
                f,
                "nothing answers at {addr} ({cause})\n  \
                 start the service with `wagroups serve`, or set --addr or WAGROUPS_ADDR"
            ),
            Self::Refused { status, call } => {
                write_status(f, status)?;
                write_repetition(f, call, Some(status))
            }
            Self::TimedOut { after, call } => {
                let after = humantime::format_duration(*after);
                write!(f, "no answer within {after}; --timeout gives it more time")?;
                write_repetition(f, call, None)
            }
            Self::Tls(message)
            | Self::Usage(message)
            | Self::Local(message)
            | Self::NotServing(message) => f.write_str(message),
            Self::OutputClosed => f.write_str("the output was closed"),
        }
    }
}

fn write_status(f: &mut fmt::Formatter<'_>, status: &Status) -> fmt::Result {
    let details = status.get_error_details();
    match details.error_info() {
        Some(info) => write!(f, "{}: {}", text::safe(&info.reason), text::safe(status.message()))?,
        None => write_transport_error(f, status)?,
    }
    write_details(f, &details)?;
    match reason(status) {
        Some(reason) => write!(f, "\n  what to do: {}", advice::for_reason(reason)),
        None => Ok(()),
    }
}

/// An error of the connection, or of something that is no gRPC service at all.
fn write_transport_error(f: &mut fmt::Formatter<'_>, status: &Status) -> fmt::Result {
    write!(f, "{}: {}", status.code(), text::safe(status.message()))?;
    let Some(source) = std::error::Error::source(status) else { return Ok(()) };
    let cause = deepest(source);
    write!(f, " ({})", text::safe(&cause))?;
    if NO_HTTP2.iter().any(|known| cause.contains(known)) {
        write!(
            f,
            "\n  perhaps what listens there speaks TLS: give https:// instead of http://; or it speaks no gRPC: --addr is \
             gRPC's port, 50051 by default, and not the one of REST, webhooks or metrics"
        )?;
    }
    Ok(())
}

fn write_details(f: &mut fmt::Formatter<'_>, details: &ErrorDetails) -> fmt::Result {
    for violation in details.bad_request().map_or(&[][..], |bad| &bad.field_violations) {
        write!(f, "\n  {}: {}", text::safe(&violation.field), text::safe(&violation.description))?;
    }
    for violation in details.precondition_failure().map_or(&[][..], |failure| &failure.violations) {
        write!(
            f,
            "\n  {}: {}",
            text::safe(&violation.subject),
            text::safe(&violation.description)
        )?;
    }
    for violation in details.quota_failure().map_or(&[][..], |failure| &failure.violations) {
        write!(
            f,
            "\n  {}: {}",
            text::safe(&violation.subject),
            text::safe(&violation.description)
        )?;
    }
    if let Some(resource) = details.resource_info() {
        write!(
            f,
            "\n  {}: {}",
            text::safe(&resource.resource_type),
            text::safe(&resource.resource_name)
        )?;
    }
    if let Some(info) = details.error_info() {
        let mut metadata: Vec<_> = info.metadata.iter().collect();
        metadata.sort();
        for (key, value) in metadata {
            write!(f, "\n  {} = {}", text::safe(key), text::safe(value))?;
        }
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        write!(f, "\n  try again in {}", humantime::format_duration(delay))?;
    }
    if let Some(request) = details.request_info() {
        write!(f, "\n  the server's id of this request: {}", text::safe(&request.request_id))?;
    }
    Ok(())
}

/// How to go on with a change of which the outcome is open, or which has not happened yet.
fn write_repetition(
    f: &mut fmt::Formatter<'_>,
    call: &Effect,
    status: Option<&Status>,
) -> fmt::Result {
    let Effect::Change { request_id, command } = call else { return Ok(()) };
    let reason = status.and_then(reason);
    let lost = status.is_none_or(is_lost);
    if reason == Some(Reason::OutcomeUnknown) {
        return write!(f, "\n  its request id, which keeps this answer for 24 hours: {request_id}");
    }
    if lost {
        f.write_str(
            "\n  it may have happened; this asks for its outcome, and does not do it twice:",
        )?;
    } else if reason.is_some_and(Reason::invites_retry) {
        f.write_str("\n  the same again:")?;
    } else {
        return Ok(());
    }
    write!(f, "\n  {command}")
}

fn to_json(failure: &Failure) -> Value {
    let mut error = json!({ "message": failure.to_string(), "exitCode": failure.exit_code() });
    let call = match failure {
        Failure::Refused { status, call } => {
            let details = status.get_error_details();
            error["message"] = status.message().into();
            error["code"] = format!("{:?}", status.code()).into();
            if let Some(info) = details.error_info() {
                error["reason"] = info.reason.clone().into();
                error["metadata"] = json!(info.metadata);
            }
            let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
            if !violations.is_empty() {
                let violations = violations
                    .iter()
                    .map(|each| json!({ "field": each.field, "description": each.description }));
                error["fieldViolations"] = violations.collect();
            }
            let preconditions =
                details.precondition_failure().map_or(&[][..], |failure| &failure.violations);
            if !preconditions.is_empty() {
                let violations = preconditions.iter().map(
                    |each| json!({ "subject": each.subject, "description": each.description }),
                );
                error["preconditionViolations"] = violations.collect();
            }
            if let Some(resource) = details.resource_info() {
                error["resource"] = json!({
                    "type": resource.resource_type,
                    "name": resource.resource_name,
                });
            }
            if let Some(reason) = reason(status) {
                error["advice"] = advice::for_reason(reason).into();
            }
            if let Some(delay) = retry_delay(status) {
                error["retryDelay"] = format!("{}s", delay.as_secs_f64()).into();
            }
            Some(call)
        }
        Failure::TimedOut { call, .. } => Some(call),
        _ => None,
    };
    if let Some(Effect::Change { request_id, .. }) = call {
        error["requestId"] = request_id.clone().into();
    }
    json!({ "error": error })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use tonic::Code;

    use super::*;
    use crate::cli::errors::{OUTCOME_UNKNOWN, REFUSED, TOKEN_UNUSABLE, UNAVAILABLE};

    fn change() -> Effect {
        Effect::Change {
            request_id: "the-id".into(),
            command: "wagroups x --request-id the-id".into(),
        }
    }

    fn status(reason: Reason) -> Status {
        let mut details = ErrorDetails::new();
        details.set_error_info(reason.as_str(), "wagroups.v1", HashMap::new());
        Status::with_error_details(Code::from_i32(reason.code() as i32), "why", details)
    }

    #[test]
    fn all_violations_of_a_request_are_shown() {
        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID_REQUEST", "wagroups.v1", HashMap::new());
        details.add_bad_request_violation("subject", "must not be empty");
        details.add_bad_request_violation("participant_ids[1]", "is no id");
        let status =
            Status::with_error_details(Code::InvalidArgument, "two fields are wrong", details);
        let failure = Failure::refused(status, change());
        assert_eq!(failure.exit_code(), REFUSED);
        let shown = failure.to_string();
        assert!(shown.starts_with("INVALID_REQUEST: two fields are wrong\n"), "{shown}");
        assert!(shown.contains("\n  subject: must not be empty"), "{shown}");
        assert!(shown.contains("\n  participant_ids[1]: is no id"), "{shown}");
        assert!(!shown.contains("the-id"), "a refused change is not to be repeated: {shown}");
        let json = to_json(&failure);
        assert_eq!(json["error"]["fieldViolations"][1]["field"], "participant_ids[1]");
        assert_eq!(json["error"]["reason"], "INVALID_REQUEST");
        assert_eq!(json["error"]["advice"], "correct what is named above");
    }

    #[tokio::test]
    async fn a_port_of_http_is_named_as_such() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                // As servers of HTTP/1.1 answer the preface of HTTP/2.
                let mut preface = [0; 24];
                let _ = stream.read_exact(&mut preface).await;
                let refused = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
                let _ = stream.write_all(refused).await;
                open.push(stream);
            }
        });
        let tls = Default::default();
        let channel = crate::cli::connect::channel(&addr, Duration::from_secs(5), &tls);
        let channel = channel.await.unwrap();
        let mut groups = crate::pb::groups_service_client::GroupsServiceClient::new(channel);
        let request = crate::pb::CountGroupsRequest::default();
        let status = groups.count_groups(request).await.unwrap_err();
        let shown = Failure::refused(status, Effect::Read).to_string();
        assert!(shown.contains("speaks no gRPC"), "{shown}");
    }

    #[test]
    fn exit_codes_tell_what_a_script_has_to_do() {
        let code = |reason| Failure::refused(status(reason), change()).exit_code();
        assert_eq!(code(Reason::NotGroupAdmin), REFUSED);
        assert_eq!(code(Reason::SessionStarting), UNAVAILABLE);
        assert_eq!(code(Reason::RateLimited), UNAVAILABLE);
        assert_eq!(code(Reason::OutcomeUnknown), OUTCOME_UNKNOWN);
        assert_eq!(code(Reason::ResumeTokenExpired), TOKEN_UNUSABLE);
        let lost =
            |call| Failure::refused(Status::unavailable("transport error"), call).exit_code();
        assert_eq!(lost(change()), OUTCOME_UNKNOWN);
        assert_eq!(lost(Effect::Read), UNAVAILABLE);
    }

    #[test]
    fn a_lost_change_comes_with_the_command_that_repeats_it_safely() {
        let failure = Failure::refused(Status::unknown("transport error"), change());
        assert!(failure.to_string().contains("wagroups x --request-id the-id"));
        let failure = Failure::refused(status(Reason::OutcomeUnknown), change());
        assert!(failure.to_string().contains("the-id"));
        let failure = Failure::TimedOut { after: Duration::from_secs(5), call: change() };
        assert!(failure.to_string().contains("wagroups x --request-id the-id"));
        assert_eq!(to_json(&failure)["error"]["requestId"], "the-id");
    }
}
