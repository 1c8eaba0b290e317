//! The message bus that the log is handed to.

use async_trait::async_trait;

use crate::domain::event::EventRecord;
use crate::domain::id::SessionName;
use crate::domain::relay::{LastPublished, RelayRun};
use crate::domain::token::ResumeToken;

/// An event on its way to the bus.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    pub event: &'a EventRecord,
    /// The place behind the event.
    pub token: ResumeToken,
    pub run: RelayRun,
}

/// What the bus has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// The bus' own number of the event.
    pub number: u64,
    /// Whether the bus did not hold it before.
    pub is_new: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// Somebody else has published for the session: ask for its last event again.
    #[error("another event of the session was published meanwhile")]
    Moved,
    /// A later run of the relay has published for the session.
    #[error("replay {0} of the relay has begun meanwhile")]
    Replaced(u32),
    /// The bus holds an event of this log that the log does not have.
    #[error("{0}")]
    Diverged(String),
    /// There is nothing to publish to: make it ready again.
    #[error("{0}")]
    NotReady(String),
    /// It may have been published, or not; publishing it again tells.
    #[error("{0}")]
    Failed(String),
}

pub type Result<T> = std::result::Result<T, BusError>;

/// It keeps what it was given, in order, and lets a publisher say which event must still be its session's last one.
#[async_trait]
pub trait EventBus: Send + Sync + std::fmt::Debug + 'static {
    /// Where events go, for people.
    fn target(&self) -> String;

    /// Whether there is a connection just now.
    fn is_connected(&self) -> bool;

    /// Connects, and makes what is missing. To be called before all else, and after [`BusError::NotReady`].
    async fn make_ready(&self) -> Result<()>;

    /// The last event of the session.
    async fn last(&self, session: &SessionName) -> Result<LastPublished>;

    /// Adds the event behind the session's last one, which must still have this number.
    async fn publish(&self, publication: Publication<'_>, after: u64) -> Result<Acknowledged>;
}
