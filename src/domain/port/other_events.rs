//! What servers tell beside groups, on its way to those who want it.

use std::fmt;

use futures::stream::BoxStream;

use crate::domain::id::SessionName;
use crate::domain::other_event::{OtherEvent, OtherEventNames};

pub trait OtherEvents: Send + Sync + fmt::Debug + 'static {
    /// What somebody wants now, and then whenever that changes; who comes late is told the latest only.
    fn wanted(&self) -> BoxStream<'static, OtherEventNames>;

    /// Hands an event to all who want it and may see the session. It waits for nobody: who is behind misses it.
    fn tell(&self, session: &SessionName, event: OtherEvent);
}
