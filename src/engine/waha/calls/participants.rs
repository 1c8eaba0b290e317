//! Members who are added, removed, promoted or demoted, and what became of each.

use http::Method;
use serde_json::json;

use super::attribution::Said;
use crate::domain::event::MemberAction;
use crate::domain::id::{GroupId, ParticipantId};
use crate::domain::matching::{Asked, Found, Trust, rows_of};
use crate::domain::operation::{
    ChangeParticipants, EngineAnswer, EngineError, Operation as _, OperationName, Outcome, Result,
};
use crate::domain::participant::{
    Account, Participant, ParticipantResult, ParticipantStatus, PrivateInvite, Role,
};
use crate::domain::reducer::Change;
use crate::domain::whatsapp_code::participant_status;
use crate::engine::waha::participant_reply::{self, ParticipantReplies, ParticipantReply};
use crate::engine::waha::routed_session::{
    RoutedSession, Serve, no_admin_perhaps, not_admin, people,
};
use crate::engine::waha::server::Answer;
use crate::engine::waha::webhook::WahaEngine;

impl RoutedSession {
    /// WPP refuses all people where one is no member, or, to demote, no admin (wa-js 4.6.0). So only the others
    /// are sent, and once more where somebody left meanwhile.
    async fn send_to_people(
        &self,
        group_id: &GroupId,
        action: MemberAction,
        known: &[Account],
        before: Option<&[Participant]>,
    ) -> Result<Answer> {
        let sent = self.takes(action, known, before);
        if sent.is_empty() {
            return Ok(Answer::Empty);
        }
        let refused = match self.ask_for_people(group_id, action, &sent).await {
            Err(refused) if refused.outcome == Outcome::Rejected && before.is_some() => refused,
            answer => return answer,
        };
        if self.info.engine != WahaEngine::Wpp {
            return Err(refused);
        }
        let now = self.members(group_id).await?;
        let fewer = self.takes(action, known, Some(&now));
        if fewer.len() == sent.len() {
            return Err(refused);
        }
        match fewer.is_empty() {
            true => Ok(Answer::Empty),
            false => self.ask_for_people(group_id, action, &fewer).await,
        }
    }

    async fn ask_for_people(
        &self,
        group_id: &GroupId,
        action: MemberAction,
        sent: &[ParticipantId],
    ) -> Result<Answer> {
        let path = match action {
            MemberAction::Join => [group_id.as_str(), "participants", "add"],
            MemberAction::Leave => [group_id.as_str(), "participants", "remove"],
            MemberAction::Promote => [group_id.as_str(), "admin", "promote"],
            MemberAction::Demote => [group_id.as_str(), "admin", "demote"],
        };
        let body = json!({ "participants": people(sent.iter().copied()) });
        self.send(OperationName::of_member_action(action), Method::POST, &path, body).await
    }

    /// The ids to send; on WPP without those it would refuse.
    fn takes(
        &self,
        action: MemberAction,
        known: &[Account],
        members: Option<&[Participant]>,
    ) -> Vec<ParticipantId> {
        // WPP refuses an account that is no admin before it looks at the people.
        let is_admin = self.me.zip(members).is_none_or(|(me, members)| {
            members.iter().all(|member| !member.account.is_same(&me) || member.role.is_admin())
        });
        let is_picky =
            self.info.engine == WahaEngine::Wpp && action != MemberAction::Join && is_admin;
        let taken = known.iter().filter(|account| {
            let asked = Asked::known_as(account.id(), **account);
            !is_picky
                || member_like(&asked, members, Trust::Likely)
                    .is_some_and(|member| action != MemberAction::Demote || member.role.is_admin())
        });
        taken.map(|account| listed_id(account, members)).collect()
    }

    /// The members, and the requested people by the names in that list. Names that were already looked up
    /// are not asked for again.
    async fn members_now(
        &self,
        said: &[Said],
        group_id: &GroupId,
    ) -> Result<(Vec<Participant>, Vec<Account>)> {
        let members = self.members(group_id).await?;
        let known: Vec<Account> = said.iter().map(|said| said.asked.account).collect();
        let people = self.named(&known, &accounts(&members)).await?;
        Ok((members, people))
    }

    /// Browsers skip unknown people without reporting it, and know people in groups of hidden ids by those
    /// alone.
    async fn members_before(
        &self,
        group_id: &GroupId,
        action: MemberAction,
    ) -> Result<Option<Vec<Participant>>> {
        if !self.is_browser() || action == MemberAction::Join {
            return Ok(None);
        }
        self.members(group_id).await.map(Some)
    }

    pub(super) fn result(
        &self,
        group_id: &GroupId,
        asked: &Asked,
        said: &ParticipantReply,
        operation: OperationName,
    ) -> ParticipantResult {
        let status = participant_status(said.code, operation);
        let invite =
            said.invite.clone().filter(|_| status == ParticipantStatus::PrivacyInviteNeeded);
        let private_invite = invite.zip(self.me).and_then(|((code, expires), me)| {
            let expire_time = expires?;
            Some(PrivateInvite { group_id: group_id.clone(), code, expire_time, inviter: me.id() })
        });
        ParticipantResult {
            requested: asked.requested,
            account: asked.account,
            status,
            code: said.code,
            private_invite,
        }
    }
}

impl Serve<ChangeParticipants> for RoutedSession {
    async fn serve(
        &self,
        command: &ChangeParticipants,
    ) -> Result<EngineAnswer<Vec<ParticipantResult>>> {
        let ChangeParticipants { group_id, participants, .. } = command;
        let action = command.action;
        // What was reported before anything was sent is no echo of it.
        let echoed_before = self.echo.as_ref().map_or(0, |echo| echo.count());
        let operation = command.name();
        let before = self.members_before(group_id, action).await?;
        let known = self
            .named(&unnamed(participants), &accounts(before.as_deref().unwrap_or_default()))
            .await?;
        let known = match action {
            MemberAction::Join => self.as_registered(known).await,
            MemberAction::Leave | MemberAction::Promote | MemberAction::Demote => known,
        };
        let answer = self.send_to_people(group_id, action, &known, before.as_deref()).await?;
        let replies = match participant_reply::read(self.info.engine, &answer, self.now) {
            ParticipantReplies::Each(replies) => replies,
            ParticipantReplies::Open => Vec::new(),
            ParticipantReplies::Failed(text) => return Err(failed(operation, &text)),
        };
        let asked = participants.iter().zip(&known);
        let asked = asked.map(|(id, account)| Asked::known_as(*id, *account)).collect();
        let rows = replies.iter().map(|reply| reply.account).collect();
        let said = self.attribute(asked, rows).await;
        let mut results: Vec<Option<ParticipantResult>> = said
            .iter()
            .map(|said| Some(self.result(group_id, &said.asked, &replies[said.row?], operation)))
            .collect();
        // Where the answer's other rows are refusals, nobody who is left open was changed.
        let is_attributed = |row| said.iter().any(|said| said.row == Some(row));
        let may_be_done = replies.len() < said.len()
            || replies.iter().enumerate().any(|(row, reply)| {
                !is_attributed(row)
                    && participant_status(reply.code, operation) == ParticipantStatus::Ok
            });
        if self.info.engine == WahaEngine::Noweb && may_be_done {
            self.settle_by_echo(action, &said, &mut results, echoed_before).await;
        }
        let mut after = None;
        // A browser answers with the requested name, and later lists the person under another one.
        if results.iter().any(Option::is_none)
            || (self.is_browser() && action == MemberAction::Join)
        {
            match self.members_now(&said, group_id).await {
                Ok((members, people)) => {
                    for ((result, said), account) in results.iter_mut().zip(&said).zip(people) {
                        let asked = Asked::known_as(said.asked.requested, account);
                        let result = result.get_or_insert_with(|| {
                            settled(&asked, action, before.as_deref(), &members)
                        });
                        if result.account.is_same(&account) {
                            result.account = result.account.merged_with(&account);
                        }
                    }
                    after = Some(members);
                }
                // It was done, but of nobody is anything known.
                Err(error) if replies.is_empty() => return Err(unread(error)),
                Err(error) => {
                    tracing::warn!(%group_id, %error, "what became of some people could not be read");
                    for (result, said) in results.iter_mut().zip(&said) {
                        result.get_or_insert_with(|| open(&said.asked));
                    }
                }
            }
        }
        let mut results: Vec<ParticipantResult> = results.into_iter().flatten().collect();
        if action == MemberAction::Join {
            // The event of the same change may have their hidden ids alone.
            let added = results.iter_mut().zip(&said).filter(|(result, said)| {
                result.status == ParticipantStatus::Ok && !said.is_looked_up
            });
            self.add_names_soon(added.map(|(result, _)| &mut result.account)).await;
        }
        let members = results
            .iter()
            .filter(|result| result.status == ParticipantStatus::Ok)
            .map(|result| Participant::new(result.account, role_after(action, result, &after)))
            .collect();
        let change = Change::Members { action, members };
        Ok(EngineAnswer {
            observations: vec![self.observe(group_id, change)],
            value: results,
            source_ids: Vec::new(),
        })
    }
}

/// The id under which the group lists the person; a number where it does not.
fn listed_id(account: &Account, members: Option<&[Participant]>) -> ParticipantId {
    let listed = member_like(&Asked::known_as(account.id(), *account), members, Trust::Likely);
    match (listed, account.phone()) {
        (Some(member), _) => member.id(),
        (None, Some(phone)) => ParticipantId::Phone(phone),
        (None, None) => account.id(),
    }
}

/// People by the one name that the caller gave.
pub(super) fn unnamed(people: &[ParticipantId]) -> Vec<Account> {
    people.iter().map(|id| Account::new(*id)).collect()
}

pub(super) fn accounts(members: &[Participant]) -> Vec<Account> {
    members.iter().map(|member| member.account).collect()
}

/// It was done, but for whom is not known.
fn unread(error: EngineError) -> EngineError {
    let cause = error.error.cause().unwrap_or(error.error.message()).to_owned();
    EngineError::unknown(&format!(
        "it was done, but for whom could not be read ({cause}); read the group"
    ))
}

/// The result for a person of whom nothing is known for certain.
pub(super) fn open(asked: &Asked) -> ParticipantResult {
    ParticipantResult {
        requested: asked.requested,
        account: asked.account,
        status: ParticipantStatus::Unknown,
        code: 0,
        private_invite: None,
    }
}

/// Who among the members is meant.
fn look_among(asked: &Asked, members: &[Participant], trust: Trust) -> Found {
    let rows: Vec<Option<Account>> = members.iter().map(|member| Some(member.account)).collect();
    rows_of(std::slice::from_ref(asked), &rows, trust).first().copied().unwrap_or(Found::Nothing)
}

/// The member who is meant; `None` where nobody is, or where it may be several.
fn member_like(
    asked: &Asked,
    members: Option<&[Participant]>,
    trust: Trust,
) -> Option<Participant> {
    let members = members?;
    look_among(asked, members, trust).place().and_then(|place| members.get(place)).copied()
}

/// Under the names of both where they are the same account, and not only of one line.
pub(super) fn named_like(listed: Account, asked: &Asked) -> Account {
    if listed.is_same(&asked.account) { listed.merged_with(&asked.account) } else { listed }
}

/// The result for a person missing from the answer, from the members before and after.
pub(super) fn settled(
    asked: &Asked,
    action: MemberAction,
    before: Option<&[Participant]>,
    after: &[Participant],
) -> ParticipantResult {
    // A likely match may be another person, who was a member before this call.
    let trust = if action == MemberAction::Join { Trust::Certain } else { Trust::Likely };
    let found = look_among(asked, after, trust);
    let is = found.place().and_then(|place| after.get(place)).copied();
    // Unknown where several members match, or where the list has hidden ids, the person's own is not known and the
    // engine acts on any id it gets. A browser skips people that it does not know.
    let hides = before.is_none()
        && asked.account.lid().is_none()
        && after.iter().any(|member| member.account.phone().is_none());
    if found == Found::Ambiguous || (hides && is.is_none()) {
        return open(asked);
    }
    let was = member_like(asked, before, trust);
    let (status, code) = match (action, is) {
        (MemberAction::Join, Some(_)) => (ParticipantStatus::Ok, 200),
        (MemberAction::Join, None) => (ParticipantStatus::Unknown, 0),
        (MemberAction::Leave, Some(_)) => (ParticipantStatus::NotAllowed, 0),
        (MemberAction::Leave, None) if before.is_some() && was.is_none() => {
            (ParticipantStatus::NotMember, 404)
        }
        (MemberAction::Leave, None) => (ParticipantStatus::Ok, 200),
        (MemberAction::Promote | MemberAction::Demote, None) => (ParticipantStatus::NotMember, 404),
        (MemberAction::Promote, Some(member)) if member.role.is_admin() => {
            (ParticipantStatus::Ok, 200)
        }
        (MemberAction::Demote, Some(member)) if !member.role.is_admin() => {
            (ParticipantStatus::Ok, 200)
        }
        (MemberAction::Promote | MemberAction::Demote, Some(_)) => {
            (ParticipantStatus::NotAllowed, 0)
        }
    };
    let account = is.or(was).map_or(asked.account, |member| named_like(member.account, asked));
    ParticipantResult { requested: asked.requested, account, status, code, private_invite: None }
}

fn role_after(
    action: MemberAction,
    result: &ParticipantResult,
    after: &Option<Vec<Participant>>,
) -> Role {
    let seen = after.iter().flatten().find(|member| member.account.is_same(&result.account));
    match action {
        MemberAction::Promote => seen.map_or(Role::Admin, |member| member.role.max(Role::Admin)),
        MemberAction::Join | MemberAction::Leave | MemberAction::Demote => Role::Participant,
    }
}

/// A failure that came with 2xx.
fn failed(operation: OperationName, text: &str) -> EngineError {
    if text.trim() == "false" {
        return no_admin_perhaps(operation, "it answered false");
    }
    if text.contains("admin") {
        return not_admin(operation);
    }
    EngineError::unknown(&format!("WAHA says: {}", crate::engine::waha::text::kept(text, 200)))
}
