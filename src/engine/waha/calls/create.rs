//! A new group.

use http::Method;
use serde_json::json;

use super::participants::{accounts, open, settled, unnamed};
use crate::domain::event::MemberAction;
use crate::domain::group::{Description, Group, GroupSettings, MemberAddMode, Subject};
use crate::domain::id::GroupId;
use crate::domain::matching::Asked;
use crate::domain::operation::{
    CreateGroup, Created, EngineAnswer, EngineError, OperationName, Result,
};
use crate::domain::participant::{Account, Participant, ParticipantResult, Role};
use crate::domain::reducer::Change;
use crate::domain::setting::Setting;
use crate::engine::waha::native::{self, Seen};
use crate::engine::waha::participant_reply::{self, ParticipantReplies, ParticipantReply};
use crate::engine::waha::routed_session::{RoutedSession, Serve, people, unsupported};
use crate::engine::waha::server::Answer;
use crate::engine::waha::webhook::WahaEngine;
use crate::engine::waha::{names, text};

impl RoutedSession {
    /// The group as it is now: its members as they are, since the answer may list some who are not in it.
    /// And whether they could be read.
    async fn see_made(
        &self,
        group_id: &GroupId,
        answer: &Answer,
        new: &CreateGroup,
    ) -> (Seen, bool) {
        let described = match self.info.engine {
            WahaEngine::Gows | WahaEngine::Noweb => {
                answer.json().and_then(|object| native::group(self.info.engine, object, self.now))
            }
            WahaEngine::Webjs | WahaEngine::Wpp => match self.fetch(group_id).await {
                Ok(fetched) => {
                    fetched.group.map(|group| Seen { group, unreported: fetched.unreported })
                }
                Err(error) => {
                    note(group_id, "the group, which could not be read", &error);
                    None
                }
            },
        };
        let is_described = described.is_some();
        let mut seen = described.unwrap_or_else(|| Seen {
            group: Group::partial(group_id.clone()),
            unreported: Vec::new(),
        });
        let mut is_read = false;
        match self.members(group_id).await {
            Ok(members) => {
                seen.group.set_participants(members);
                is_read = true;
            }
            Err(error) => note(group_id, "the members, who could not be read", &error),
        }
        // NOWEB's answer lists refused people like the others.
        let is_unread = !is_read && self.info.engine == WahaEngine::Noweb;
        if is_unread {
            seen.group.set_participants(Vec::new());
        }
        if let Some(me) = self.me {
            put_maker(&mut seen.group, me);
        }
        if seen.group.subject.text.is_empty() {
            seen.group.subject = Subject {
                text: new.subject.as_str().to_owned(),
                time: Some(self.now),
                owner: self.me.map(|me| me.id()),
            };
        }
        if is_described {
            seen.group.partial = is_unread || seen.group.is_half_known();
        }
        (seen, is_read)
    }

    /// The result of each invitation: an error code of the answer, else who is a member.
    async fn invited(
        &self,
        group_id: &GroupId,
        new: &CreateGroup,
        invited: Vec<Account>,
        replies: &[ParticipantReply],
        members: Option<&[Participant]>,
    ) -> Vec<ParticipantResult> {
        // Where that fails, people are matched by the caller's names or not at all.
        let named = match self.named(&invited, &accounts(members.unwrap_or_default())).await {
            Ok(named) => named,
            Err(error) => {
                note(group_id, "the names of its members", &error);
                invited
            }
        };
        let asked = new.participants.iter().zip(named);
        let asked = asked.map(|(id, account)| Asked::known_as(*id, account)).collect();
        let rows = replies.iter().map(|reply| reply.account).collect();
        let said = self.attribute(asked, rows).await;
        let operation = OperationName::CreateGroup;
        said.iter()
            .map(|said| match (said.row.map(|row| &replies[row]), members) {
                (Some(reply), _) if reply.code != 200 => {
                    self.result(group_id, &said.asked, reply, operation)
                }
                (_, Some(members)) => settled(&said.asked, MemberAction::Join, None, members),
                (Some(reply), None) => self.result(group_id, &said.asked, reply, operation),
                (None, None) => open(&said.asked),
            })
            .collect()
    }
}

/// WAHA makes a group of a name and people; everything else takes further calls. The group exists by
/// then, so that their failures show in the answer and are no error of the whole.
impl Serve<CreateGroup> for RoutedSession {
    async fn serve(&self, new: &CreateGroup) -> Result<EngineAnswer<Created>> {
        let operation = OperationName::CreateGroup;
        let wished = wished(&new.settings);
        for setting in &wished {
            if !self.info.supports(OperationName::of_setting(*setting)) {
                return Err(unsupported(operation, &format!("set {:?}", setting.field())));
            }
        }
        let invited = self.as_registered(unnamed(&new.participants)).await;
        let body = json!({
            "name": new.subject.as_str(),
            "participants": people(invited.iter().map(Account::id)),
        });
        let answer = self.send(operation, Method::POST, &[], body).await?;
        let group_id = made(&answer).ok_or_else(|| unclear(&answer))?;
        let replies = match participant_reply::read(self.info.engine, &answer, self.now) {
            ParticipantReplies::Each(replies) => replies,
            ParticipantReplies::Open | ParticipantReplies::Failed(_) => Vec::new(),
        };
        let (mut seen, is_read) = self.see_made(&group_id, &answer, new).await;
        let members = is_read.then(|| seen.group.participants());
        let results = self.invited(&group_id, new, invited, &replies, members).await;
        if !new.description.as_str().is_empty() {
            match self.write_description(&group_id, &new.description).await {
                Ok(()) => seen.group.description = described(self, new),
                Err(error) => note(&group_id, "its description", &error),
            }
        }
        for setting in wished {
            match self.write_setting(&group_id, setting).await {
                Ok(()) => setting.set_on(&mut seen.group.settings),
                Err(error) => note(&group_id, &format!("{:?}", setting.field()), &error),
            }
        }
        let change = Change::whole(seen.group, seen.unreported);
        Ok(self.answer(&group_id, Created { group_id: group_id.clone(), results }, change))
    }
}

/// Puts us among the members, as who has made the group: its one superadmin, where nothing says that it is another.
fn put_maker(group: &mut Group, me: Account) {
    if group.participant(&me).is_some() {
        return;
    }
    let mut makers = group.participants().iter().filter(|member| member.role == Role::Superadmin);
    let maker = makers.next().map(|maker| maker.account).filter(|_| makers.next().is_none());
    let is_us = |maker: &Account| me.lid().is_none() && maker.phone().is_none();
    let us = match maker.filter(is_us) {
        Some(maker) => {
            group.remove_participant(&maker);
            maker.merged_with(&me)
        }
        None => me,
    };
    group.put_participant(Participant::new(us, Role::Superadmin));
}

fn described(carried: &RoutedSession, new: &CreateGroup) -> Description {
    Description {
        text: new.description.as_str().to_owned(),
        id: String::new(),
        time: Some(carried.now),
        owner: carried.me.map(|me| me.id()),
    }
}

/// The settings that are not what a new group has.
fn wished(settings: &GroupSettings) -> Vec<Setting> {
    let mut wished = Vec::new();
    if settings.info_admin_only {
        wished.push(Setting::InfoAdminOnly(true));
    }
    if settings.messages_admin_only {
        wished.push(Setting::MessagesAdminOnly(true));
    }
    if settings.member_add_mode == MemberAddMode::AdminsOnly {
        wished.push(Setting::MemberAddMode(MemberAddMode::AdminsOnly));
    }
    if settings.membership_approval {
        wished.push(Setting::MembershipApproval(true));
    }
    if settings.member_share_history {
        wished.push(Setting::MemberShareHistory(true));
    }
    if settings.disappearing_timer_seconds > 0 {
        wished.push(Setting::DisappearingTimer(settings.disappearing_timer_seconds));
    }
    wished
}

/// The new group's id: `JID`, `id` or `gid`.
fn made(answer: &Answer) -> Option<GroupId> {
    let object = answer.json()?;
    ["JID", "id", "gid"].iter().filter_map(|name| object.get(*name)).find_map(names::group_id)
}

/// WEBJS answers `CreateGroupError: An unknown error occupied while creating a group`, with 201; the group
/// may be there or not.
fn unclear(answer: &Answer) -> EngineError {
    let said = match answer {
        Answer::Text(said) => text::kept(said, 200),
        Answer::Empty => "nothing".to_owned(),
        Answer::Json(_) => "something without a group's id".to_owned(),
    };
    EngineError::unknown(&format!("WAHA answered {said}; look whether the group is there"))
}

fn note(group_id: &GroupId, what: &str, error: &EngineError) {
    tracing::warn!(%group_id, what, %error, cause = error.error.cause(), "a new group lacks something");
}
