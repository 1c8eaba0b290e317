//! The group routes that change something.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use wagroups::domain::Reason;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::{DescriptionText, GroupSettings, MemberAddMode, SubjectText};
use wagroups::domain::id::ParticipantId;
use wagroups::domain::invite::Invite;
use wagroups::domain::operation::{
    AnswerJoinRequests, ChangeParticipants, ChangeSetting, CreateGroup, EngineAnswer, EngineCall,
    EngineError, FetchGroup, GetInviteCode, JoinGroup, LeaveGroup, ListJoinRequests, Perform,
    RequestAnswer, RevokeInviteCode, SetGroupDescription, SetGroupSubject,
};
use wagroups::domain::participant::{ParticipantStatus, Role};
use wagroups::domain::setting::Setting;
use wagroups::engine::waha::webhook::WahaEngine;

use super::dialect::{self, Refused, wpp_error};
use super::lookups::{Desk, INVITE_INVALID, invite_code};
use super::reply::{Answer, Problem, Reply};
use super::route::{GroupCall, SettingName};
use super::version;

const TEXT_REFUSED: Refused = Refused { code: 406, reason: Reason::SubjectRejected };

impl Desk<'_> {
    pub async fn change(&self) -> Answer {
        let key = self.server.next_call_key();
        let (simulator, session) = (self.simulator(), &self.session.simulated);
        match self.of_group {
            GroupCall::Create => self.create(&key).await,
            GroupCall::Join => self.join(&key).await,
            GroupCall::Delete => match self.engine() {
                WahaEngine::Gows | WahaEngine::Noweb => self.not_implemented(),
                // The chat is gone from this phone; the group is as it was.
                WahaEngine::Webjs | WahaEngine::Wpp => Ok(Reply::bare(true)),
            },
            GroupCall::Leave => {
                let id = self.group_id()?;
                self.finish(
                    simulator
                        .perform(
                            EngineCall::of_command(session, &key),
                            &LeaveGroup { group_id: id.clone() },
                        )
                        .await,
                )
            }
            GroupCall::SetPicture => self.set_picture(&key).await,
            GroupCall::DeletePicture => self.replace_picture(None, &key).await,
            GroupCall::SetSubject => {
                let (id, text) = (self.group_id()?, self.call.text("subject")?);
                self.hang_at_empty(&text).await;
                let Ok(subject) = text.parse::<SubjectText>() else {
                    return self.refused(TEXT_REFUSED);
                };
                self.finish(
                    simulator
                        .perform(
                            EngineCall::of_command(session, &key),
                            &SetGroupSubject { group_id: id.clone(), subject: subject.clone() },
                        )
                        .await,
                )
            }
            GroupCall::SetDescription => {
                let (id, text) = (self.group_id()?, self.call.text("description")?);
                self.hang_at_empty(&text).await;
                if text.is_empty() && self.server.refuses_to_clear.load(Ordering::Relaxed) {
                    let message = "GOWS does not support empty group description.";
                    return Err(Problem::bad_request_as(message));
                }
                let Ok(text) = text.parse::<DescriptionText>() else {
                    return self.refused(TEXT_REFUSED);
                };
                self.finish(
                    simulator
                        .perform(
                            EngineCall::of_command(session, &key),
                            &SetGroupDescription {
                                group_id: id.clone(),
                                description: text.clone(),
                                expected_id: None,
                            },
                        )
                        .await,
                )
            }
            GroupCall::SetSetting(name) => self.set(name, &key).await,
            GroupCall::RevokeInvite => {
                let id = self.group_id()?;
                if self.engine() == WahaEngine::Gows
                    && self.server.options.version() >= version::YEAR_2026
                {
                    // Its sidecar asks for the code instead of another one.
                    return match simulator
                        .perform(
                            EngineCall::of_query(session),
                            &GetInviteCode { group_id: id.clone() },
                        )
                        .await
                    {
                        Ok(code) => Ok(Reply::bare(self.dialect().invite_code(code.as_str()))),
                        Err(error) => self.refused(error.into()),
                    };
                }
                match simulator
                    .perform(
                        EngineCall::of_command(session, &key),
                        &RevokeInviteCode { group_id: id.clone() },
                    )
                    .await
                {
                    Ok(revoked) => {
                        Ok(Reply::bare(self.dialect().invite_code(revoked.value.as_str())))
                    }
                    Err(error) => self.refused(error.into()),
                }
            }
            GroupCall::Add => self.change_members(MemberAction::Join, &key).await,
            GroupCall::Remove => self.change_members(MemberAction::Leave, &key).await,
            GroupCall::Promote => self.change_members(MemberAction::Promote, &key).await,
            GroupCall::Demote => self.change_members(MemberAction::Demote, &key).await,
            GroupCall::Approve => self.answer_requests(RequestAnswer::Approve, &key).await,
            GroupCall::Reject => self.answer_requests(RequestAnswer::Reject, &key).await,
            asks => unreachable!("{asks:?} asks"),
        }
    }

    fn finish(&self, done: Result<EngineAnswer<()>, EngineError>) -> Answer {
        match done {
            Ok(_) => Ok(self.dialect().done(self.of_group)),
            Err(error) => self.refused(error.into()),
        }
    }

    /// GOWS did so for long.
    async fn hang_at_empty(&self, text: &str) {
        let is_old = self.server.options.version() < version::JOIN_REQUESTS;
        if text.is_empty() && self.engine() == WahaEngine::Gows && is_old {
            std::future::pending::<()>().await;
        }
    }

    async fn create(&self, key: &str) -> Answer {
        let Ok(subject) = self.call.text("name")?.parse() else {
            return self.refused(TEXT_REFUSED);
        };
        let participants = self.call.participants(true)?;
        let participants: Vec<ParticipantId> =
            participants.into_iter().map(|id| self.server.registered(id)).collect();
        if self.engine() == WahaEngine::Wpp {
            for id in &participants {
                let account = self.simulator().account(*id).await;
                if !account.is_ok_and(|(_, record)| record.settings.on_whatsapp) {
                    let message = format!("Participant {id} is not on WhatsApp");
                    return Err(wpp_error("wid_is_invalid", &message));
                }
            }
        }
        let group = CreateGroup {
            subject,
            description: "".parse().expect("no description"),
            participants,
            settings: GroupSettings::default(),
        };
        let session = &self.session.simulated;
        match self.simulator().perform(EngineCall::of_command(session, key), &group).await {
            Ok(made) => {
                let id = &made.value.group_id;
                let fetched = self
                    .simulator()
                    .perform(EngineCall::of_query(session), &FetchGroup { group_id: id.clone() })
                    .await;
                let group = fetched.ok().and_then(|fetched| fetched.group).expect("the new group");
                let results = self.server.disguised(made.value.results);
                Ok(self.dialect().created(&self.context(), &group, &results))
            }
            Err(error) => self.refused(error.into()),
        }
    }

    /// It answers the same whether one is in, or has to wait for an admin.
    async fn join(&self, key: &str) -> Answer {
        let Some(code) = invite_code(&self.call.text("code")?) else {
            return self.refused(INVITE_INVALID);
        };
        let (session, invite) = (&self.session.simulated, Invite::Code(code));
        match self
            .simulator()
            .perform(EngineCall::of_command(session, key), &JoinGroup { invite: invite.clone() })
            .await
        {
            Ok(joined) => Ok(Reply::json(&json!({ "id": joined.value.group_id }))),
            Err(error) => self.refused(error.into()),
        }
    }

    async fn set(&self, name: SettingName, key: &str) -> Answer {
        let (id, on) = (self.group_id()?, self.call.flag(name.field())?);
        let setting = match name {
            SettingName::InfoAdminOnly => Setting::InfoAdminOnly(on),
            SettingName::MessagesAdminOnly => Setting::MessagesAdminOnly(on),
            SettingName::MemberAddMode if on => Setting::MemberAddMode(MemberAddMode::AllMembers),
            SettingName::MemberAddMode => Setting::MemberAddMode(MemberAddMode::AdminsOnly),
            SettingName::MembershipApproval => Setting::MembershipApproval(on),
            SettingName::ShareHistory => match self.engine() {
                WahaEngine::Gows | WahaEngine::Noweb => Setting::MemberShareHistory(on),
                WahaEngine::Webjs | WahaEngine::Wpp => return self.not_implemented(),
            },
        };
        let session = &self.session.simulated;
        self.finish(
            self.simulator()
                .perform(
                    EngineCall::of_command(session, key),
                    &ChangeSetting { group_id: id.clone(), setting },
                )
                .await,
        )
    }

    async fn change_members(&self, action: MemberAction, key: &str) -> Answer {
        let id = self.group_id()?;
        let people = self.call.participants(false)?;
        let mut people: Vec<ParticipantId> =
            people.into_iter().map(|id| self.server.registered(id)).collect();
        let group = match self.group().await? {
            Ok(group) => group,
            Err(refused) => return self.refused(refused),
        };
        let context = self.context();
        // In a browser only who stands in the list of members can be meant; others are passed over.
        if self.dialect().is_browser() && action != MemberAction::Join {
            let asked = people.len();
            let by_any_name = dialect::finds_by_any_name(context.version);
            people.retain(|id| {
                group.participants().iter().any(|member| match by_any_name {
                    true => member.account.goes_by(*id),
                    false => dialect::listed_id(&context, &member.account) == *id,
                })
            });
            let is_admin = |id: &ParticipantId| {
                let members = group.participants().iter();
                members.filter(|m| m.account.goes_by(*id)).any(|m| m.role.is_admin())
            };
            let is_refused = people.len() < asked
                || (action == MemberAction::Demote && !people.iter().all(is_admin));
            let role = group.role_of(&self.session.account);
            if self.engine() == WahaEngine::Wpp && role.is_some_and(Role::is_admin) && is_refused {
                let message = format!("Group {id}: Participant not found");
                return Err(wpp_error("group_participant_not_found", &message));
            }
            if people.is_empty() {
                return Ok(self.dialect().members_changed(&context, action, &group, &[]));
            }
        }
        let session = &self.session.simulated;
        match self
            .simulator()
            .perform(
                EngineCall::of_command(session, key),
                &ChangeParticipants { group_id: id.clone(), action, participants: people.to_vec() },
            )
            .await
        {
            Ok(changed) => {
                let results = self.server.disguised(changed.value);
                Ok(self.dialect().members_changed(&context, action, &group, &results))
            }
            Err(error) => self.refused(error.into()),
        }
    }

    /// Only who is named as the list names them.
    async fn answer_requests(&self, answer: RequestAnswer, key: &str) -> Answer {
        let (id, people) = (self.group_id()?, self.call.participants(false)?);
        let (simulator, session) = (self.simulator(), &self.session.simulated);
        let open = match simulator
            .perform(EngineCall::of_query(session), &ListJoinRequests { group_id: id.clone() })
            .await
        {
            Ok(open) => open,
            Err(error) => return self.refused(error.into()),
        };
        let is_open = |id: &&ParticipantId| open.iter().any(|open| open.requester.id() == **id);
        let asked: Vec<ParticipantId> = people.iter().filter(is_open).copied().collect();
        let mut results = Vec::new();
        if !asked.is_empty() {
            match simulator
                .perform(
                    EngineCall::of_command(session, key),
                    &AnswerJoinRequests {
                        group_id: id.clone(),
                        answer,
                        participants: asked.to_vec(),
                    },
                )
                .await
            {
                Ok(answered) => results = answered.value,
                Err(error) => return self.refused(error.into()),
            }
        }
        let verdict = |id: &ParticipantId| {
            let result = results.iter().find(|result| result.requested == *id);
            match result {
                Some(result) if result.status == ParticipantStatus::Ok => {
                    json!({ "requesterId": id, "success": true })
                }
                failed => {
                    let code = failed.map_or(404, |result| result.code);
                    json!({ "requesterId": id, "success": false, "error": code })
                }
            }
        };
        Ok(Reply::json(&people.iter().map(verdict).collect::<Value>()))
    }
}
