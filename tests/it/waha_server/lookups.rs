//! The group routes that ask.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use wagroups::domain::Reason;
use wagroups::domain::group::{Group, GroupSettings, MemberAddMode};
use wagroups::domain::id::{GroupId, InviteCode, PhoneNumber};
use wagroups::domain::invite::Invite;
use wagroups::domain::join_request::JoinRequest;
use wagroups::domain::operation::{
    EngineCall, FetchAll, FetchGroup, GetInviteCode, GetJoinInfo, ListJoinRequests, Perform,
};
use wagroups::engine::simulator::SimulatorEngine;
use wagroups::engine::waha::webhook::WahaEngine;

use super::WahaServer;
use super::call::{self, Call};
use super::dialect::{self, Attempt, Context, Dialect, Refused, ids};
use super::reply::{Answer, Problem, Reply};
use super::route::{GroupCall, SettingName};
use super::session::Session;
use super::version::YEAR_2026;

/// One call of a group route, at work.
pub struct Desk<'a> {
    pub server: &'a Arc<WahaServer>,
    pub call: &'a Call,
    pub of_group: GroupCall,
    pub session: &'a Session,
    /// As it stands in the path; empty where the route names no group.
    pub id: &'a str,
    pub contacts: HashSet<PhoneNumber>,
}

impl WahaServer {
    pub(super) async fn answer_of_group(
        self: &Arc<Self>,
        call: &Call,
        of_group: GroupCall,
        session: &Session,
        id: &str,
    ) -> Answer {
        let contacts = match self.options.engine {
            WahaEngine::Webjs => self.contacts.lock().expect("the contacts").clone(),
            WahaEngine::Gows | WahaEngine::Noweb | WahaEngine::Wpp => HashSet::new(),
        };
        let desk = Desk { server: self, call, of_group, session, id, contacts };
        let answer = desk.answer().await?;
        let is_post = call.method == "POST" && self.options.version() < YEAR_2026;
        Ok(if is_post || of_group == GroupCall::Create { answer.with_status(201) } else { answer })
    }
}

impl Desk<'_> {
    async fn answer(&self) -> Answer {
        match self.of_group {
            GroupCall::List => self.list().await,
            GroupCall::Count => {
                let count = self.groups().await?.len();
                Ok(Reply::json(&json!({ "count": count })))
            }
            GroupCall::JoinInfo => self.join_info().await,
            GroupCall::Refresh => self.refresh().await,
            GroupCall::Get => match self.group().await? {
                Ok(group) => Ok(Reply::json(&self.dialect().group(&self.context(), &group))),
                Err(refused) => self.refused(refused),
            },
            GroupCall::Participants => match self.group().await? {
                Ok(group) => Ok(self.dialect().participants(&self.context(), &group)),
                Err(refused) => self.refused(refused),
            },
            GroupCall::ParticipantsV2 => self.normal_participants().await,
            GroupCall::GetSetting(name) => self.setting(name).await,
            GroupCall::InviteCode => {
                let id = self.group_id()?;
                match self
                    .simulator()
                    .perform(
                        EngineCall::of_query(&self.session.simulated),
                        &GetInviteCode { group_id: id.clone() },
                    )
                    .await
                {
                    Ok(code) => Ok(Reply::bare(self.dialect().invite_code(code.as_str()))),
                    Err(error) => self.refused(error.into()),
                }
            }
            GroupCall::JoinRequests => {
                let id = self.group_id()?;
                match self
                    .simulator()
                    .perform(
                        EngineCall::of_query(&self.session.simulated),
                        &ListJoinRequests { group_id: id.clone() },
                    )
                    .await
                {
                    Ok(requests) => {
                        let requests = requests.iter().map(|request| self.join_request(request));
                        Ok(Reply::json(&requests.collect()))
                    }
                    Err(error) => self.refused(error.into()),
                }
            }
            GroupCall::GetPicture => self.picture().await,
            _ => self.change().await,
        }
    }

    pub fn dialect(&self) -> &'static dyn Dialect {
        dialect::of(self.engine())
    }

    pub fn engine(&self) -> WahaEngine {
        self.server.options.engine
    }

    pub fn context(&self) -> Context<'_> {
        let version = self.server.options.version();
        Context { version, me: &self.session.account, contacts: &self.contacts }
    }

    pub fn simulator(&self) -> &SimulatorEngine {
        self.server.simulator()
    }

    pub fn group_id(&self) -> Result<GroupId, Problem> {
        call::group_id(self.id)
    }

    /// The refusal in the engine's words.
    pub fn refused(&self, refused: Refused) -> Answer {
        let attempt = Attempt { call: self.of_group, group_id: self.id };
        self.dialect().refused(attempt, refused)
    }

    pub fn not_implemented(&self) -> Answer {
        Err(Problem::not_implemented(&self.server.options))
    }

    /// The group as this call of this engine sees it. NOWEB finds it among all of them.
    pub async fn group(&self) -> Result<Result<Group, Refused>, Problem> {
        let id = self.group_id()?;
        let is_live = self.of_group == GroupCall::Participants;
        if self.engine() == WahaEngine::Noweb && self.of_group.looks() && !is_live {
            let listed = self.groups().await?.into_iter().find(|group| group.id == id);
            return Ok(listed.ok_or(Refused::GROUP_NOT_FOUND));
        }
        if self.engine() == WahaEngine::Noweb && is_live {
            let all = self
                .simulator()
                .perform(EngineCall::of_query(&self.session.simulated), &FetchAll {})
                .await;
            self.note_full_fetch(&all.map(|all| all.groups).unwrap_or_default());
        }
        let fetched = self
            .simulator()
            .perform(
                EngineCall::of_query(&self.session.simulated),
                &FetchGroup { group_id: id.clone() },
            )
            .await;
        Ok(match fetched.map(|fetched| fetched.group) {
            Ok(Some(group)) => Ok(self.as_synced(group)),
            Ok(None) => {
                let exists = self.simulator().world_group(&id).await.expect("the world");
                Err(exists.map_or(Refused::GROUP_NOT_FOUND, |_| Refused::NOT_MEMBER))
            }
            Err(error) => Err(error.into()),
        })
    }

    /// Only the id, where a test wants it so.
    pub fn as_synced(&self, group: Group) -> Group {
        let is_blank = self.server.blank.lock().expect("the blank groups").contains(&group.id);
        if is_blank { Group::partial(group.id) } else { group }
    }

    async fn normal_participants(&self) -> Answer {
        let group = match self.group().await? {
            Ok(group) => group,
            // The browser has no list of a chat that it has not.
            Err(refused) => return self.refused(refused),
        };
        let context = self.context();
        let members = group.participants().iter().map(|member| {
            let mut normal = dialect::normal_participant(self.dialect(), member);
            if self.engine() == WahaEngine::Webjs {
                let id = dialect::listed_id(&context, &member.account);
                normal["id"] = json!(id);
                normal["pn"] = json!(id.phone());
            }
            normal
        });
        Ok(Reply::json(&members.collect()))
    }

    async fn setting(&self, name: SettingName) -> Answer {
        if name == SettingName::ShareHistory && self.engine() != WahaEngine::Gows {
            return self.not_implemented();
        }
        match self.group().await? {
            Ok(group) => {
                let value = setting_of(&group.settings, name);
                Ok(Reply::json(&json!({ (name.field()): value })))
            }
            Err(refused) => self.refused(refused),
        }
    }

    async fn join_info(&self) -> Answer {
        let Some(code) = self.call.query("code") else {
            return Err(Problem::impolite("join-info without a code"));
        };
        let Some(code) = invite_code(code) else { return self.refused(INVITE_INVALID) };
        let invite = Invite::Code(code);
        match self
            .simulator()
            .perform(
                EngineCall::of_query(&self.session.simulated),
                &GetJoinInfo { invite: invite.clone() },
            )
            .await
        {
            Ok(preview) => Ok(Reply::json(&self.dialect().preview(&preview))),
            Err(error) => self.refused(error.into()),
        }
    }

    fn join_request(&self, request: &JoinRequest) -> Value {
        let mut shown = json!({
            "requesterId": request.requester.id(), "addedById": null, "parentGroupId": null,
            "requestMethod": null, "timestamp": request.request_time.map_or(0, ids::seconds),
        });
        self.dialect().join_request(request, &mut shown);
        shown
    }
}

pub const INVITE_INVALID: Refused = Refused { code: 406, reason: Reason::InviteInvalid };

/// WAHA takes what follows the last slash, and nothing else.
pub fn invite_code(text: &str) -> Option<InviteCode> {
    text.rsplit('/').next()?.parse().ok()
}

fn setting_of(settings: &GroupSettings, name: SettingName) -> bool {
    match name {
        SettingName::InfoAdminOnly => settings.info_admin_only,
        SettingName::MessagesAdminOnly => settings.messages_admin_only,
        SettingName::MemberAddMode => settings.member_add_mode == MemberAddMode::AllMembers,
        SettingName::MembershipApproval => settings.membership_approval,
        SettingName::ShareHistory => settings.member_share_history,
    }
}
