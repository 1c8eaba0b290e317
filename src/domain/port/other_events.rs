//! Servers' events that are not about groups, on their way to those who want them.

use std::fmt;
use std::sync::Arc;

use futures::stream::BoxStream;

use crate::domain::id::SessionName;
use crate::domain::other_event::{OtherEvent, OtherEventNames};

pub trait OtherEvents: Send + Sync + fmt::Debug + 'static {
    /// What is wanted now, and then whenever that changes; a reader that is late gets the latest only.
    fn wanted(&self) -> BoxStream<'static, OtherEventNames>;

    /// The same, with what this service tells itself (`session.status`).
    fn named(&self) -> BoxStream<'static, OtherEventNames>;

    /// Hands an event to all who want it and may see the session. It never waits: a receiver that is behind misses it.
    fn publish(&self, session: &SessionName, event: OtherEvent);
}

/// The other side: where such events are to be had.
pub trait OtherEventSource: Send + Sync + fmt::Debug + 'static {
    /// The events of all sessions that have one of these names, as the names are at the time; until the names end, or the
    /// service stops. Who is slow to take them misses some.
    fn follow(
        &self,
        names: BoxStream<'static, OtherEventNames>,
    ) -> BoxStream<'static, (SessionName, Arc<OtherEvent>)>;
}
