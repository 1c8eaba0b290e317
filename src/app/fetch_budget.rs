//! The budget of full fetches: how often a session may fetch all of its groups for the sake of one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;

use super::{App, Inner, draining};
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::port::fetch_budget::{Allowance, FetchBudget};
use crate::telemetry;

const HOUR: Duration = Duration::from_secs(3600);
/// So many may be taken at once: what a session needs that has just come up, and some calls at the same time.
const AT_ONCE: u32 = 6;

/// As engines see it, which the app outlives.
struct Budget {
    inner: Weak<Inner>,
    allowance: Option<Allowance>,
}

impl App {
    /// The budget for engines that fetch all groups where one is asked for; so many in an hour, 0 for any number.
    pub fn fetch_budget(&self, per_hour: u32) -> Arc<dyn FetchBudget> {
        let allowance = (per_hour > 0)
            .then(|| Allowance { at_once: AT_ONCE.min(per_hour), period: HOUR / per_hour });
        Arc::new(Budget { inner: Arc::downgrade(&self.inner), allowance })
    }
}

#[async_trait]
impl FetchBudget for Budget {
    async fn take(&self, session: &SessionName) -> Result<Option<Duration>, Error> {
        let Some(allowance) = self.allowance else {
            telemetry::full_fetch("made");
            return Ok(None);
        };
        let inner = self.inner.upgrade().ok_or_else(draining)?;
        let now = inner.clock.now();
        let wait = inner.repository.take_fetch(session, now, allowance).await?;
        telemetry::full_fetch(if wait.is_none() { "made" } else { "over_budget" });
        Ok(wait)
    }

    fn is_limited(&self) -> bool {
        self.allowance.is_some()
    }
}
