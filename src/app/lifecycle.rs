//! The service's end: no new calls, then what is known by now.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{App, Inner};
use crate::domain::error::{Error, Result};
use crate::domain::reason::Reason;

#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    /// Mutations, which go on when their caller hangs up.
    pub tasks: TaskTracker,
    /// No new calls; watches end.
    pub draining: CancellationToken,
    /// Callers that still wait get what is known by now.
    pub cut_off: CancellationToken,
}

impl Inner {
    pub(super) fn is_draining(&self) -> bool {
        self.lifecycle.draining.is_cancelled()
    }

    /// Calls that change something are handed on before they come here; one that is not must do no harm.
    pub(super) fn refuse_if_follower(&self) -> Result<()> {
        if self.follows { Err(Error::not_owner()) } else { Ok(()) }
    }

    pub(super) fn refuse_if_draining(&self) -> Result<()> {
        if self.is_draining() { Err(draining()) } else { Ok(()) }
    }
}

impl App {
    /// Refuses what is to be handed on by a replica that stops.
    pub fn refuse_if_draining(&self) -> Result<()> {
        self.inner.refuse_if_draining()
    }
}

pub(super) fn draining() -> Error {
    Error::new(
        Reason::Draining,
        "the service is stopping; nothing was sent, call another replica or try again",
    )
    .retry_after(Duration::from_secs(1))
}
