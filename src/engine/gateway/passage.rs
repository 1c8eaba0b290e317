//! WAHA's other routes, passed on for as long as this replica acts.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::cluster::Tenure;
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::port::passage::{Passage, PassedAnswer, PassedRequest};

/// A passage that is closed once the owner's term has ended: it may have been frozen since the request came in.
#[derive(Debug)]
pub struct TenuredPassage {
    passage: Arc<dyn Passage>,
    tenure: Option<Tenure>,
}

impl TenuredPassage {
    /// Without a tenure, this process is the only one, and it stays open.
    pub fn new(passage: Arc<dyn Passage>, tenure: Option<Tenure>) -> Self {
        Self { passage, tenure }
    }
}

#[async_trait]
impl Passage for TenuredPassage {
    async fn pass(&self, session: &SessionName, request: PassedRequest) -> Result<PassedAnswer> {
        if self.tenure.as_ref().is_some_and(|tenure| !tenure.is_confirmed()) {
            return Err(Error::not_owner());
        }
        self.passage.pass(session, request).await
    }
}
