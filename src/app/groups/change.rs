//! Operations that change a group: it is made or left, its texts, settings and members change.

use std::sync::Arc;

use super::members::Meant;
use super::{Mutated, RequestKey};
use crate::app::mutate::Mutation;
use crate::app::pending::CallKey;
use crate::app::{App, Call};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::error::{Error, Result};
use crate::domain::event::{FieldValue, MemberAction};
use crate::domain::group::{Description, DescriptionText, Subject, SubjectText};
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::participant::{Account, Participant, Role};
use crate::domain::port::engine::{self, EngineAnswer, EngineOperation, GroupEngine, NewGroup};
use crate::domain::reason::Reason;
use crate::domain::reducer::Change;
use crate::domain::setting::Setting;

/// The group that a call is to change, and the request behind it.
#[derive(Debug, Clone)]
pub struct Target {
    pub session: SessionName,
    pub group_id: GroupId,
    pub key: RequestKey,
}

/// What the part of a change that goes to WhatsApp works with.
pub(super) struct Hand {
    pub engine: Arc<dyn GroupEngine>,
    pub session: SessionName,
    pub group_id: GroupId,
    pub call_key: CallKey,
}

impl Hand {
    /// The verdict of a call that answers no more than that it is done.
    pub fn done(&self) -> Verdict {
        Verdict::about(&self.group_id)
    }
}

impl App {
    /// Makes a group with the given people; says of each what became of the invitation.
    pub async fn create_group(
        &self,
        call: &Call,
        session: SessionName,
        key: RequestKey,
        mut group: NewGroup,
    ) -> Result<Mutated> {
        let meant = Meant::literally(std::mem::take(&mut group.participants));
        group.participants = meant.ids().to_vec();
        let mutation = Mutation::new(EngineOperation::CreateGroup, &session, key, None, Vec::new());
        let name = session.clone();
        let answer = self
            .mutate(call, mutation, move |engine, call_key| async move {
                let answer = engine.create_group(&name, &group, &call_key).await?;
                Ok(answer.map(|created| Verdict {
                    group_id: Some(created.group_id),
                    results: meant.as_requested(&created.results),
                    ..Verdict::default()
                }))
            })
            .await?;
        self.mutated(&session, answer).await
    }

    pub async fn leave_group(&self, call: &Call, target: Target) -> Result<Mutated> {
        let expected = vec![Change::Left];
        self.change(call, target, EngineOperation::LeaveGroup, expected, |hand| async move {
            let answer =
                hand.engine.leave_group(&hand.session, &hand.group_id, &hand.call_key).await?;
            Ok(answer.map(|()| hand.done()))
        })
        .await
    }

    pub async fn set_subject(
        &self,
        call: &Call,
        target: Target,
        subject: SubjectText,
    ) -> Result<Mutated> {
        let value = Subject { text: subject.as_str().to_owned(), ..Default::default() };
        let expected = vec![Change::Fields(vec![FieldValue::Subject(value)])];
        let operation = EngineOperation::SetGroupSubject;
        self.change(call, target, operation, expected, |hand| async move {
            let answer = hand
                .engine
                .set_subject(&hand.session, &hand.group_id, &subject, &hand.call_key)
                .await?;
            Ok(answer.map(|()| hand.done()))
        })
        .await
    }

    /// Sets the description; empty removes it. With `expected_id`, only where the group still has
    /// the description of that id.
    pub async fn set_description(
        &self,
        call: &Call,
        target: Target,
        description: DescriptionText,
        expected_id: Option<String>,
    ) -> Result<Mutated> {
        let value = Description { text: description.as_str().to_owned(), ..Default::default() };
        let expected = vec![Change::Fields(vec![FieldValue::Description(value)])];
        let operation = EngineOperation::SetGroupDescription;
        self.change(call, target, operation, expected, |hand| async move {
            let expected_id = expected_id.as_deref();
            let answer = hand
                .engine
                .set_description(
                    &hand.session,
                    &hand.group_id,
                    &description,
                    expected_id,
                    &hand.call_key,
                )
                .await?;
            Ok(answer.map(|()| hand.done()))
        })
        .await
    }

    pub async fn change_setting(
        &self,
        call: &Call,
        target: Target,
        setting: Setting,
    ) -> Result<Mutated> {
        let expected = vec![Change::Fields(vec![setting.value()])];
        let operation = EngineOperation::of_setting(setting);
        self.change(call, target, operation, expected, move |hand| async move {
            let answer = hand
                .engine
                .change_setting(&hand.session, &hand.group_id, setting, &hand.call_key)
                .await?;
            Ok(answer.map(|()| hand.done()))
        })
        .await
    }

    /// Adds (`Join`), removes (`Leave`), promotes or demotes; says of each person what became of it.
    pub async fn change_participants(
        &self,
        call: &Call,
        target: Target,
        action: MemberAction,
        participants: Vec<ParticipantId>,
    ) -> Result<Mutated> {
        let meant =
            self.meant(call, &target.session, &target.group_id, action, participants).await?;
        let members =
            meant.ids().iter().map(|id| Participant::new(Account::new(*id), Role::Participant));
        let expected = vec![Change::Members { action, members: members.collect() }];
        let operation = EngineOperation::of_member_action(action);
        self.change(call, target, operation, expected, move |hand| async move {
            meant.refuse_ambiguous()?;
            let answer = hand
                .engine
                .change_participants(
                    &hand.session,
                    &hand.group_id,
                    action,
                    meant.ids(),
                    &hand.call_key,
                )
                .await?;
            Ok(answer
                .map(|results| Verdict { results: meant.as_requested(&results), ..hand.done() }))
        })
        .await
    }

    /// Changes one group that is there already.
    pub(super) async fn change<F, Fut>(
        &self,
        call: &Call,
        target: Target,
        operation: EngineOperation,
        expected: Vec<Change>,
        act: F,
    ) -> Result<Mutated>
    where
        F: FnOnce(Hand) -> Fut + Send + 'static,
        Fut: Future<Output = engine::Result<EngineAnswer<Verdict>>> + Send,
    {
        let Target { session, group_id, key } = target;
        let mutation = Mutation::new(operation, &session, key, Some(&group_id), expected);
        let name = session.clone();
        let answer = self
            .mutate(call, mutation, move |engine, call_key| {
                act(Hand { engine, session: name, group_id, call_key })
            })
            .await?;
        self.mutated(&session, answer).await
    }

    pub(super) async fn mutated(&self, session: &SessionName, answer: Answer) -> Result<Mutated> {
        let view = match &answer.verdict.group_id {
            // The mutation is done; a database that is away now must not make it look undone. Who repeats a
            // call has sent nothing by it, and hears of an outage as any reader does.
            Some(group_id) => self.current(session, group_id).await.map_err(|error| {
                if answer.repeated {
                    return error;
                }
                Error::new(
                    Reason::OutcomeUnknown,
                    "the call took effect, but the group could not be read; repeat it under the same request_id, \
                     or look at the group",
                )
                .with("sequence", answer.sequence)
                .caused_by(error)
            })?,
            None => None,
        };
        Ok(Mutated { answer, view })
    }
}
