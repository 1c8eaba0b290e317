//! The list of all groups, fetched once for all reads that wait for it.

use std::sync::Arc;

use futures::FutureExt as _;
use tokio::time::sleep;

use super::reads::lists_nobody;
use crate::domain::error::Error;
use crate::domain::id::GroupId;
use crate::domain::operation::{EngineError, Result};
use crate::engine::waha::lists::{Fetch, Fetches, Listed};
use crate::engine::waha::native::Seen;
use crate::engine::waha::routed_session::RoutedSession;
use crate::telemetry;

impl RoutedSession {
    /// All groups as they were after this was asked.
    pub async fn list_anew(&self) -> Result<Arc<Listed>> {
        let fetches = self.server.shared_lists.of(&self.session);
        self.server.shared_lists.wait(&fetches)?;
        let fetch = fetches
            .coming
            .lock()
            .get_or_insert_with(|| self.clone().fetch_list(fetches.clone()))
            .clone();
        fetch.await
    }

    fn fetch_list(self, fetches: Arc<Fetches>) -> Fetch {
        let fetch = tokio::spawn(telemetry::carried(async move {
            let listed = self.fetch_list_in_turn(&fetches).await;
            // Also where it never began.
            fetches.begin();
            listed
        }));
        let ended = async {
            fetch.await.unwrap_or_else(|error| Err(EngineError::not_sent(Error::internal(error))))
        };
        ended.boxed().shared()
    }

    async fn fetch_list_in_turn(&self, fetches: &Fetches) -> Result<Arc<Listed>> {
        let lists = &self.server.shared_lists;
        let _turn = fetches.turn.lock().await;
        sleep(lists.wait(fetches)?).await;
        lists.take(&self.session).await?;
        fetches.begin();
        let listed = self.list().await;
        fetches.note();
        let listed: Listed =
            listed?.into_iter().map(|seen| (seen.group.id.clone(), seen)).collect();
        let memberless = listed.iter().filter(|(_, seen)| lists_nobody(seen));
        fetches.keep_memberless(memberless.map(|(id, seen)| (id.clone(), seen.clone())).collect());
        Ok(Arc::new(listed))
    }

    /// The row of a group of which the last list told no members, if nobody has looked at it since.
    pub fn take_memberless(&self, group_id: &GroupId) -> Option<Seen> {
        self.server.shared_lists.of(&self.session).take_memberless(group_id)
    }

    /// Whether one more group may be looked at of which the list knows no members.
    pub fn may_look_at_memberless_group(&self) -> bool {
        self.server.shared_lists.of(&self.session).may_look_at_memberless_group()
    }

    /// Another read that fetches all groups, and belongs to the list before it.
    pub async fn fetch_beside<T>(&self, read: impl Future<Output = Result<T>>) -> Result<T> {
        let lists = &self.server.shared_lists;
        lists.take(&self.session).await?;
        let fetched = read.await;
        lists.of(&self.session).go_on();
        fetched
    }
}
