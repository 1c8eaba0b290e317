//! Servers' events that are not about groups, on their way to those who want them.

use std::fmt;

use futures::stream::BoxStream;

use crate::domain::id::SessionName;
use crate::domain::other_event::{OtherEvent, OtherEventNames};

pub trait OtherEvents: Send + Sync + fmt::Debug + 'static {
    /// What is wanted now, and then whenever that changes; a reader that is late gets the latest only.
    fn wanted(&self) -> BoxStream<'static, OtherEventNames>;

    /// Hands an event to all who want it and may see the session. It never waits: a receiver that is behind misses it.
    fn publish(&self, session: &SessionName, event: OtherEvent);
}
