//! How often a session may have everything fetched from WhatsApp that its account knows of its groups.

use std::time::Duration;

use async_trait::async_trait;

use super::store_error::StoreError;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::SessionName;

/// What an engine asks before it fetches all groups of a session for the sake of one.
#[async_trait]
pub trait FetchBudget: Send + Sync + 'static {
    /// Takes one fetch out of the session's budget. Where there is none left, nothing is taken, and the answer is how
    /// long it takes until there is one.
    async fn take(&self, session: &SessionName) -> Result<Option<Duration>, Error>;

    /// Whether it is limited. Where it is not, fetches need no distance either.
    fn is_limited(&self) -> bool {
        true
    }
}

/// No limit: fetches are not counted.
#[derive(Debug, Clone, Copy)]
pub struct Unlimited;

#[async_trait]
impl FetchBudget for Unlimited {
    async fn take(&self, _: &SessionName) -> Result<Option<Duration>, Error> {
        Ok(None)
    }

    fn is_limited(&self) -> bool {
        false
    }
}

/// So many at once, and one more in each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub at_once: u32,
    pub period: Duration,
}

/// Where budgets are kept, so that a restart does not refill them.
#[async_trait]
pub trait FetchBudgetStore: Send + Sync {
    /// As [`FetchBudget::take`].
    async fn take_fetch(
        &self,
        session: &SessionName,
        now: Timestamp,
        allowance: Allowance,
    ) -> Result<Option<Duration>, StoreError>;
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    struct Spent;

    #[async_trait]
    impl FetchBudget for Spent {
        async fn take(&self, _: &SessionName) -> Result<Option<Duration>, Error> {
            Ok(Some(Duration::from_secs(60)))
        }
    }

    #[test]
    fn a_budget_is_limited_unless_it_says_otherwise() {
        let session: SessionName = "shop".parse().expect("a name");
        let take = |budget: &dyn FetchBudget| {
            budget.take(&session).now_or_never().expect("at once").expect("an answer")
        };
        assert!(Spent.is_limited() && !Unlimited.is_limited());
        assert_eq!(take(&Spent), Some(Duration::from_secs(60)));
        assert_eq!(take(&Unlimited), None);
    }
}
