//! Operations that change a group.

use super::{Mutated, RequestKey};
use crate::app::mutate::Mutation;
use crate::app::{App, Call};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::error::{Error, Result};
use crate::domain::event::{FieldValue, MemberAction};
use crate::domain::group::{Description, DescriptionText, Subject, SubjectText};
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::participant::{Account, Participant, Role};
use crate::domain::port::engine::NewGroup;
use crate::domain::reason::Reason;
use crate::domain::reducer::Change;

impl App {
    /// Makes a group with the given people; says of each what became of the invitation.
    pub async fn create_group(
        &self,
        call: &Call,
        session: SessionName,
        key: RequestKey,
        group: NewGroup,
    ) -> Result<Mutated> {
        let mutation = mutation("CreateGroup", &session, key, None, Vec::new());
        let name = session.clone();
        let answer = self
            .mutate(call, mutation, move |engine, call_key| async move {
                let answer = engine.create_group(&name, &group, &call_key).await?;
                Ok(answer.map(|created| Verdict {
                    group_id: Some(created.group_id),
                    results: created.results,
                }))
            })
            .await?;
        self.mutated(&session, answer).await
    }

    pub async fn leave_group(
        &self,
        call: &Call,
        session: SessionName,
        group_id: GroupId,
        key: RequestKey,
    ) -> Result<Mutated> {
        let expected = vec![Change::Left];
        let mutation = mutation("LeaveGroup", &session, key, Some(&group_id), expected);
        let (name, id) = (session.clone(), group_id);
        let answer = self
            .mutate(call, mutation, move |engine, call_key| async move {
                let answer = engine.leave_group(&name, &id, &call_key).await?;
                Ok(answer.map(|()| about(&id)))
            })
            .await?;
        self.mutated(&session, answer).await
    }

    pub async fn set_subject(
        &self,
        call: &Call,
        session: SessionName,
        group_id: GroupId,
        key: RequestKey,
        subject: SubjectText,
    ) -> Result<Mutated> {
        let value = Subject { text: subject.as_str().to_owned(), ..Default::default() };
        let expected = vec![Change::Fields(vec![FieldValue::Subject(value)])];
        let mutation = mutation("SetGroupSubject", &session, key, Some(&group_id), expected);
        let (name, id) = (session.clone(), group_id);
        let answer = self
            .mutate(call, mutation, move |engine, call_key| async move {
                let answer = engine.set_subject(&name, &id, &subject, &call_key).await?;
                Ok(answer.map(|()| about(&id)))
            })
            .await?;
        self.mutated(&session, answer).await
    }

    /// Sets the description; empty removes it. With `expected_id`, only where the group still has
    /// the description of that id.
    pub async fn set_description(
        &self,
        call: &Call,
        session: SessionName,
        group_id: GroupId,
        key: RequestKey,
        description: DescriptionText,
        expected_id: Option<String>,
    ) -> Result<Mutated> {
        let value = Description { text: description.as_str().to_owned(), ..Default::default() };
        let expected = vec![Change::Fields(vec![FieldValue::Description(value)])];
        let mutation = mutation("SetGroupDescription", &session, key, Some(&group_id), expected);
        let (name, id) = (session.clone(), group_id);
        let answer = self
            .mutate(call, mutation, move |engine, call_key| async move {
                let answer = engine
                    .set_description(&name, &id, &description, expected_id.as_deref(), &call_key)
                    .await?;
                Ok(answer.map(|()| about(&id)))
            })
            .await?;
        self.mutated(&session, answer).await
    }

    /// Adds (`Join`), removes (`Leave`), promotes or demotes; says of each person what became of it.
    pub async fn change_participants(
        &self,
        call: &Call,
        session: SessionName,
        group_id: GroupId,
        key: RequestKey,
        action: MemberAction,
        participants: Vec<ParticipantId>,
    ) -> Result<Mutated> {
        let rpc = match action {
            MemberAction::Join => "AddParticipants",
            MemberAction::Leave => "RemoveParticipants",
            MemberAction::Promote => "PromoteParticipants",
            MemberAction::Demote => "DemoteParticipants",
        };
        let members =
            participants.iter().map(|id| Participant::new(Account::new(*id), Role::Participant));
        let expected = vec![Change::Members { action, members: members.collect() }];
        let mutation = mutation(rpc, &session, key, Some(&group_id), expected);
        let (name, id) = (session.clone(), group_id);
        let answer = self
            .mutate(call, mutation, move |engine, call_key| async move {
                let answer = engine
                    .change_participants(&name, &id, action, &participants, &call_key)
                    .await?;
                Ok(answer.map(|results| Verdict { group_id: Some(id), results }))
            })
            .await?;
        self.mutated(&session, answer).await
    }

    async fn mutated(&self, session: &SessionName, answer: Answer) -> Result<Mutated> {
        let view = match &answer.verdict.group_id {
            // The mutation is done; a database that is away now must not make it look undone.
            Some(group_id) => self.current(session, group_id).await.map_err(|error| {
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

fn mutation(
    rpc: &'static str,
    session: &SessionName,
    key: RequestKey,
    group_id: Option<&GroupId>,
    expected: Vec<Change>,
) -> Mutation {
    Mutation {
        rpc,
        session: session.clone(),
        request_id: key.request_id,
        body_sha256: key.body_sha256,
        group_id: group_id.cloned(),
        expected,
    }
}

fn about(group_id: &GroupId) -> Verdict {
    Verdict { group_id: Some(group_id.clone()), results: Vec::new() }
}
