//! What can go wrong with a durable store, and what a caller is answered then.

use crate::domain::error::Error;
use crate::domain::reason::Reason;

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What can go wrong with the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is overloaded or shutting down. A read, or a write that
    /// certainly did not happen: it may be tried again.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// A write whose COMMIT got no answer: it may have happened. Look the event ids up.
    #[error("outcome of the commit unknown: {0}")]
    CommitUnknown(String),
    /// The database refuses this very data (too large, broken constraint), each time it is sent: others may go on.
    #[error("data refused: {0}")]
    Refused(String),
    /// The database fails at the statement, whatever its data: an error inside of it, a table or a right that is
    /// not there. This try wrote nothing; an earlier one of the same write may have.
    #[error("statement failed: {0}")]
    Failed(String),
    /// Another replica owns what the statement would have written: nothing was, and nothing will be by this one.
    #[error("not the owner: {0}")]
    NotOwner(String),
    /// A row that cannot be: table, column and key.
    #[error("corrupt row: {0}")]
    Corrupt(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => {
                Error::new(Reason::DatabaseUnavailable, "the database cannot be reached; try again")
                    .retry_after(std::time::Duration::from_secs(1))
                    .caused_by(error)
            }
            StoreError::NotOwner(_) => Error::not_owner().caused_by(error),
            StoreError::CommitUnknown(_) => {
                Error::outcome_unknown("the database did not confirm the write; look at the group before you repeat the call")
                    .caused_by(error)
            }
            StoreError::Refused(_) | StoreError::Failed(_) | StoreError::Corrupt(_) => {
                Error::internal(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_caller_learns_whether_the_write_may_have_happened_and_the_log_why() {
        type Make = fn(String) -> StoreError;
        let cases: [(Make, Reason, Option<u64>); 6] = [
            (StoreError::Unavailable, Reason::DatabaseUnavailable, Some(1)),
            (StoreError::NotOwner, Reason::NoOwner, Some(1)),
            (StoreError::CommitUnknown, Reason::OutcomeUnknown, None),
            (StoreError::Refused, Reason::Internal, None),
            (StoreError::Failed, Reason::Internal, None),
            (StoreError::Corrupt, Reason::Internal, None),
        ];
        for (make, reason, seconds) in cases {
            let error = Error::from(make("sessions/7".to_owned()));
            assert_eq!(error.reason(), reason);
            assert_eq!(error.retry_delay(), seconds.map(Duration::from_secs), "{reason:?}");
            assert!(error.cause().is_some_and(|cause| cause.ends_with("sessions/7")));
            assert!(!error.message().contains("sessions/7"), "{error}");
        }
    }
}
