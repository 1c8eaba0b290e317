//! A group's picture.

use std::sync::Arc;

use super::Reading;
use crate::app::calls::Known;
use crate::app::{App, Call};
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation::{EngineCall, GetGroupPicture, OperationName};
use crate::domain::picture::GroupPicture;
use crate::domain::reason::Reason;

impl App {
    /// The picture, which is asked for once; an event reports when it changes.
    pub async fn picture(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        refresh: bool,
        min_sequence: Sequence,
    ) -> Result<Reading<Arc<GroupPicture>>> {
        self.view(call, session, group_id, min_sequence).await?;
        let mut known = self.ask_picture(call, session, group_id, refresh).await?;
        let has_expired = known
            .value
            .as_ref()
            .and_then(|picture| picture.url_expire_time)
            .is_some_and(|expires| expires <= self.inner.clock.now());
        if has_expired {
            known = self.ask_picture(call, session, group_id, true).await?;
        }
        let Some(picture) = known.value else {
            let message = format!("group {group_id} has no picture, or hides it");
            let error = Error::new(Reason::PictureNotFound, message);
            return Err(error.about("picture", group_id).with("group_id", group_id));
        };
        Ok(self.reading(session, Known { value: picture, synced_time: known.synced_time }))
    }

    async fn ask_picture(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        anew: bool,
    ) -> Result<Known<Option<Arc<GroupPicture>>>> {
        let inner = &self.inner;
        let engine = inner.working_engine(session, OperationName::GetGroupPicture)?;
        let key = (session.clone(), group_id.clone());
        let (name, id) = key.clone();
        inner
            .groups
            .reads
            .pictures
            .ask(call, inner, key, anew, async move {
                let query = GetGroupPicture { group_id: id };
                let picture = engine.perform(EngineCall::of_query(&name), &query).await;
                Ok(picture.map_err(|error| error.error)?.map(Arc::new))
            })
            .await
            .map_err(|error| error.with_context("group_id", group_id))
    }
}
