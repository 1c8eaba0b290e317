//! Errors as callers see them: a reason, a sentence that says what to do, and typed details.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::{GroupId, SessionName};
use super::reason::Reason;

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<Duration>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<Resource>,
    #[serde(skip)]
    cause: Option<String>,
}

/// One field of a request that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldViolation {
    /// Path of the field in the request, `participants[2]`.
    pub field: String,
    /// What the field must be.
    pub description: String,
}

/// What an error speaks of.
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
            message: message.into(),
            violations: Vec::new(),
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

    /// Names the field that is to blame.
    pub fn blaming(mut self, field: &str, description: &str) -> Self {
        self.0
            .violations
            .push(FieldViolation { field: field.to_owned(), description: description.to_owned() });
        self
    }

    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    pub fn about(mut self, kind: &str, name: impl fmt::Display) -> Self {
        self.0.resource = Some(Resource { kind: kind.to_owned(), name: name.to_string() });
        self
    }

    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Adds what a caller knows already, where the error does not say it.
    pub fn with_context(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.metadata.entry(key.to_owned()).or_insert_with(|| value.to_string());
        self
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
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Gathers everything that is wrong with a request, so that the caller learns all of it at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(FieldViolation { field: field.into(), description: description.into() });
    }

    /// The value, or `None` and a note of what is wrong with it.
    pub fn check<T, E: fmt::Display>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error.to_string());
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
        self.0.is_empty()
    }

    pub fn into_error(self) -> Error {
        let fields: Vec<&str> = self.0.iter().map(|violation| violation.field.as_str()).collect();
        let message = format!("invalid request: {}", fields.join(", "));
        let mut error = Error::new(Reason::InvalidRequest, message);
        error.0.violations = self.0;
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
