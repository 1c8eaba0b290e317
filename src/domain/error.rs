//! Errors as callers see them: a reason, a sentence that says what to do, and typed details.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::excerpt::{excerpt, shortened};
use super::id::{GroupId, SessionName};
use super::reason::Reason;

/// The error and what is below it, from the outside in.
pub fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// The bounds of an error's texts. gRPC sends it in the trailers, of which most stubs take 8 KiB: with
/// every character escaped, all of this stays below 6 KiB there.
const MAX_MESSAGE_BYTES: usize = 400;
/// Of the metadata, keys and values together.
const MAX_METADATA_BYTES: usize = 768;
const MAX_VALUE_BYTES: usize = 200;
/// Of the violations, fields and descriptions together.
const MAX_VIOLATION_BYTES: usize = 1400;
const MAX_VIOLATIONS: usize = 20;
const MAX_FIELD_BYTES: usize = 100;
const MAX_DESCRIPTION_BYTES: usize = 400;
/// Of the fields that the message names.
const MAX_NAMED_BYTES: usize = 240;
/// Of a line in our own log.
const MAX_CAUSE_BYTES: usize = 4096;

/// An answer that is not the one asked for.
///
/// The cause is for logs only and is never sent or stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Inner {
    reason: Reason,
    message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    violations: Vec<FieldViolation>,
    /// How many there are besides.
    #[serde(default, skip_serializing_if = "is_zero")]
    more_violations: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<Duration>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<Resource>,
    #[serde(skip)]
    cause: Option<String>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One field of a request that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldViolation {
    /// Path of the field in the request, `participants[2]`.
    pub field: String,
    /// What the field must be.
    pub description: String,
}

/// What an error is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    pub kind: String,
    pub name: String,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            reason,
            message: shortened(message.into(), MAX_MESSAGE_BYTES),
            violations: Vec::new(),
            more_violations: 0,
            retry_after: None,
            metadata: BTreeMap::new(),
            resource: None,
            cause: None,
        }))
    }

    /// A bug or a corrupt row. The caller learns no more than that; the cause goes to the log.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(
            Reason::Internal,
            "internal error; the log of the server says more under this request id",
        )
        .caused_by(cause)
    }

    pub fn session_not_found(session: &SessionName) -> Self {
        Self::new(
            Reason::SessionNotFound,
            format!("session {session} does not exist; ListSessions shows those that do"),
        )
        .about("session", session.as_str())
        .with("session", session)
    }

    pub fn group_not_found(session: &SessionName, group_id: &GroupId) -> Self {
        Self::new(
            Reason::GroupNotFound,
            format!("session {session} is in no group {group_id}, as far as we know; ListGroups shows its groups"),
        )
        .about("group", group_id.as_str())
        .with("session", session)
        .with("group_id", group_id)
    }

    pub fn outcome_unknown(message: impl Into<String>) -> Self {
        Self::new(Reason::OutcomeUnknown, message)
    }

    /// No replica, or another one, acts for what the call is about.
    pub fn not_owner() -> Self {
        Self::new(
            Reason::NoOwner,
            "no replica acts for this session at the moment; nothing was sent, try again",
        )
        .retry_after(std::time::Duration::from_secs(1))
    }

    /// Names the field that is to blame.
    pub fn blaming(mut self, field: &str, description: &str) -> Self {
        let kept = std::mem::take(&mut self.0.violations);
        let mut violations = Violations { kept, more: self.0.more_violations };
        violations.add(field, description);
        self.0.violations = violations.kept;
        self.0.more_violations = violations.more;
        self
    }

    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.metadata.remove(key);
        let taken: usize = self.0.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        let room = MAX_METADATA_BYTES.saturating_sub(taken + key.len());
        if room > 0 {
            let value = excerpt(value, room.min(MAX_VALUE_BYTES));
            self.0.metadata.insert(key.to_owned(), value);
        }
        self
    }

    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    pub fn about(mut self, kind: &str, name: impl fmt::Display) -> Self {
        self.0.resource =
            Some(Resource { kind: kind.to_owned(), name: excerpt(name, MAX_VALUE_BYTES) });
        self
    }

    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(excerpt(cause, MAX_CAUSE_BYTES));
        self
    }

    /// Adds what a caller knows already, where the error does not have it.
    pub fn with_context(self, key: &str, value: impl fmt::Display) -> Self {
        if self.0.metadata.contains_key(key) { self } else { self.with(key, value) }
    }

    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn violations(&self) -> &[FieldViolation] {
        &self.0.violations
    }

    /// How many violations there are besides those that are listed.
    pub fn more_violations(&self) -> usize {
        self.0.more_violations
    }

    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    pub fn resource(&self) -> Option<&Resource> {
        self.0.resource.as_ref()
    }

    /// For the log only.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.reason.as_str(), self.0.message)?;
        for violation in &self.0.violations {
            write!(f, "; {} {}", violation.field, violation.description)?;
        }
        if self.0.more_violations > 0 {
            write!(f, "; and {} more", self.0.more_violations)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Gathers what is wrong with a request, so that the caller learns of it at once: the first violations, as far
/// as an answer has room for them, and how many more there are.
#[derive(Debug, Default)]
pub struct Violations {
    kept: Vec<FieldViolation>,
    /// The others.
    more: usize,
}

impl Violations {
    pub fn add(&mut self, field: impl fmt::Display, description: impl fmt::Display) {
        // Once one is left out, all that follow are: the first ones are listed.
        if self.more > 0 || self.kept.len() == MAX_VIOLATIONS {
            self.more += 1;
            return;
        }
        let violation = FieldViolation {
            field: excerpt(field, MAX_FIELD_BYTES),
            description: excerpt(description, MAX_DESCRIPTION_BYTES),
        };
        let bytes = |each: &FieldViolation| each.field.len() + each.description.len();
        let taken: usize = self.kept.iter().map(bytes).sum();
        if taken + bytes(&violation) > MAX_VIOLATION_BYTES {
            self.more = 1;
        } else {
            self.kept.push(violation);
        }
    }

    /// The value, or `None` and a note of what is wrong with it.
    pub fn check<T, E: fmt::Display>(
        &mut self,
        field: impl fmt::Display,
        parsed: Result<T, E>,
    ) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error);
                None
            }
        }
    }

    pub fn require(&mut self, field: &str, holds: bool, description: &str) {
        if !holds {
            self.add(field, description);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub fn into_error(self) -> Error {
        let mut named = String::new();
        let mut unnamed = self.more;
        for violation in &self.kept {
            let separator = if named.is_empty() { "" } else { ", " };
            let is_room = named.len() + separator.len() + violation.field.len() <= MAX_NAMED_BYTES;
            if is_room && unnamed == self.more {
                named.push_str(separator);
                named.push_str(&violation.field);
            } else {
                unnamed += 1;
            }
        }
        let mut message = format!("invalid request: {named}");
        if unnamed > 0 {
            message.push_str(&format!(", and {unnamed} more"));
        }
        let mut error = Error::new(Reason::InvalidRequest, message);
        if self.more > 0 {
            error = error.with("more_violations", self.more);
        }
        error.0.violations = self.kept;
        error.0.more_violations = self.more;
        error
    }

    /// `Ok` where nothing was noted.
    pub fn finish(self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }
}

/// Unwraps what [`Violations::check`] gave, after all fields were looked at.
///
/// `None` without a note cannot happen; it is answered as a bug, not with a panic.
pub fn checked<T>(violations: Violations, values: Option<T>) -> Result<T> {
    violations.finish()?;
    values.ok_or_else(|| Error::internal("a field was refused without a note"))
}

#[cfg(test)]
mod tests;
