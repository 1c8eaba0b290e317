//! A group's picture.

use std::sync::Arc;

use super::change::Target;
use super::{Mutated, Reading};
use crate::app::asked::Known;
use crate::app::{App, Call};
use crate::domain::error::{Error, Result};
use crate::domain::event::PictureChanged;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::picture::GroupPicture;
use crate::domain::port::engine::{EngineError, EngineOperation};
use crate::domain::port::picture::PictureSource;
use crate::domain::reason::Reason;
use crate::domain::reducer::Change;

impl App {
    /// The picture, which is asked for once; an event tells when it is another.
    pub async fn picture(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        refresh: bool,
        min_sequence: u64,
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
        let engine = inner.working_engine(session, EngineOperation::GetGroupPicture)?;
        let key = (session.clone(), group_id.clone());
        let (name, id) = key.clone();
        inner
            .asked
            .pictures
            .ask(call, inner, key, anew, async move {
                let picture = engine.fetch_picture(&name, &id).await;
                Ok(picture.map_err(|error| error.error)?.map(Arc::new))
            })
            .await
            .map_err(|error| error.with_context("group_id", group_id))
    }

    /// Sets the picture. What WhatsApp is to get is made only now: a repetition by request id needs
    /// neither the work nor the URL.
    pub async fn set_picture(
        &self,
        call: &Call,
        target: Target,
        source: PictureSource,
    ) -> Result<Mutated> {
        let expected = vec![Change::Picture(PictureChanged { picture_id: None })];
        let maker = self.inner.pictures.clone();
        let caller = call.caller.clone();
        let operation = EngineOperation::SetGroupPicture;
        self.change(call, target, operation, expected, move |hand| async move {
            let picture = maker.make(caller.key_name(), source).await;
            let picture = picture.map_err(EngineError::not_sent)?;
            let jpeg = Some(picture.jpeg());
            let answer = hand
                .engine
                .set_picture(&hand.session, &hand.group_id, jpeg, &hand.call_key)
                .await?;
            Ok(answer.map(|()| hand.done()))
        })
        .await
    }

    pub async fn delete_picture(&self, call: &Call, target: Target) -> Result<Mutated> {
        let expected = vec![Change::Picture(PictureChanged { picture_id: None })];
        let operation = EngineOperation::DeleteGroupPicture;
        self.change(call, target, operation, expected, |hand| async move {
            let answer = hand
                .engine
                .set_picture(&hand.session, &hand.group_id, None, &hand.call_key)
                .await?;
            Ok(answer.map(|()| hand.done()))
        })
        .await
    }
}
