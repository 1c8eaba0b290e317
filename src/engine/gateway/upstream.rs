//! What calls go to: so many are out to it at the same time, whichever sessions they are of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::domain::error::Error;
use crate::domain::operation::{EngineError, OperationName, Result};
use crate::domain::reason::Reason;

/// Calls that are out to one upstream at the same time.
const MAX_OUT: usize = 256;
/// How long a call waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// As many as the operator has set, and so never forgotten.
#[derive(Debug, Default)]
pub(super) struct Upstreams(Mutex<HashMap<Arc<str>, Arc<Upstream>>>);

impl Upstreams {
    pub fn of(&self, name: &Arc<str>) -> Arc<Upstream> {
        let mut upstreams = self.0.lock();
        if let Some(upstream) = upstreams.get(name) {
            return upstream.clone();
        }
        upstreams.entry(name.clone()).or_default().clone()
    }
}

#[derive(Debug)]
pub(super) struct Upstream(Arc<Semaphore>);

impl Default for Upstream {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_OUT)))
    }
}

/// A call's place; given back when it is dropped.
pub(super) struct Permit {
    _place: Option<OwnedSemaphorePermit>,
}

impl Upstream {
    /// Waits for a place, or refuses the call where that would take too long. Lists of all groups take none:
    /// sessions have one each, engines bound them, and they wait for each other for minutes.
    pub async fn enter(&self, operation: OperationName) -> Result<Permit> {
        if operation == OperationName::FetchAll {
            return Ok(Permit { _place: None });
        }
        let place = timeout(PATIENCE, self.0.clone().acquire_owned()).await.map_err(|_| {
            let message = "too many calls wait for their answers already; nothing was sent";
            let error = Error::new(Reason::EngineUnavailable, message);
            EngineError::not_sent(error.retry_after(Duration::from_secs(1)))
        })?;
        // Never closed.
        Ok(Permit { _place: place.ok() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_keeps_no_call_to_another_waiting() {
        let upstreams = Upstreams::default();
        let (hangs, works) = (upstreams.of(&"hangs".into()), upstreams.of(&"works".into()));
        let mut out = Vec::new();
        for _ in 0..MAX_OUT {
            out.push(hangs.enter(OperationName::FetchGroup).await.unwrap());
        }
        let refused = upstreams.of(&"hangs".into()).enter(OperationName::SetGroupSubject).await;
        let refused = refused.err().expect("no place");
        assert_eq!(refused.error.reason(), Reason::EngineUnavailable);
        assert_eq!(refused.outcome, crate::domain::operation::Outcome::NotSent);
        works.enter(OperationName::FetchGroup).await.unwrap();
        hangs.enter(OperationName::FetchAll).await.unwrap();
        out.pop();
        hangs.enter(OperationName::FetchGroup).await.unwrap();
    }
}
