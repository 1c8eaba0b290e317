//! SimulatorService: what a test has the other people do. Served only where the simulator is enabled.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status};

use super::not_implemented;
use super::request::{Fields, call};
use super::respond::refuse;
use crate::domain::error::{Error, Result};
use crate::domain::group::{AddressingMode, GroupSettings};
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber, SessionName};
use crate::domain::page::{decode_page_token, encode_page_token};
use crate::domain::participant::Account;
use crate::domain::reason::Reason;
use crate::domain::setting::Setting;
use crate::engine::simulator::world::{AccountRecord, AccountSettings, AddPrivacy, Operation};
use crate::engine::simulator::{CallFault, NotificationFault, Point, SimulatorEngine, Uses};
use crate::pb::{
    self, act_request::Action, inject_fault_request::Fault,
    simulator_service_server::SimulatorService,
};

pub struct Simulator {
    /// `None` where the simulator is switched off.
    engine: Option<Arc<SimulatorEngine>>,
}

impl Simulator {
    pub fn new(engine: Option<Arc<SimulatorEngine>>) -> Self {
        Self { engine }
    }

    /// The world is one for all sessions, so only a key that sees all of them may touch it.
    fn engine<T>(&self, request: &Request<T>) -> Result<&SimulatorEngine, Status> {
        if !call(request)?.caller.sees_all() {
            let message = "the simulator's world is shared by all sessions; use an API key with the pattern *";
            let error = Error::new(Reason::PermissionDenied, message);
            return Err(refuse(error.with("method", "SimulatorService")));
        }
        self.engine.as_deref().ok_or_else(|| {
            let message = "the simulator is switched off; set simulator.enabled to use it";
            refuse(Error::new(Reason::SimulatorDisabled, message))
        })
    }
}

fn message_of_account((account, record): (Account, AccountRecord)) -> pb::SimulatorAccount {
    let settings = record.settings;
    let ids = |phones: BTreeSet<PhoneNumber>| phones.iter().map(ToString::to_string).collect();
    pb::SimulatorAccount {
        phone_number_id: account.phone().map(|phone| phone.to_string()).unwrap_or_default(),
        lid: account.lid().map(|lid| lid.to_string()).unwrap_or_default(),
        push_name: settings.push_name,
        not_on_whatsapp: !settings.on_whatsapp,
        add_privacy: match settings.add_privacy {
            AddPrivacy::Everyone => pb::AddPrivacy::Everyone,
            AddPrivacy::Contacts => pb::AddPrivacy::Contacts,
            AddPrivacy::Nobody => pb::AddPrivacy::Nobody,
        }
        .into(),
        contact_ids: ids(settings.contacts),
        blocked_ids: ids(settings.blocked),
        session: record.session.map(|session| session.to_string()).unwrap_or_default(),
    }
}

fn phones(fields: &mut Fields, field: &str, texts: &[String]) -> BTreeSet<PhoneNumber> {
    fields.each::<PhoneNumber>(field, texts, 1024).into_iter().collect()
}

/// What an account does; the settings that are not set stay as they are.
fn operation(
    fields: &mut Fields,
    action: Option<&Action>,
    group_id: Option<GroupId>,
) -> Result<Option<Operation>, Status> {
    let with_group = |make: fn(GroupId) -> Operation| group_id.clone().map(make);
    Ok(match action {
        None => {
            fields.add("action", "must be set");
            None
        }
        Some(Action::CreateGroup(create)) => Some(Operation::Create {
            subject: create.subject.clone(),
            description: String::new(),
            settings: GroupSettings::default(),
            participants: fields.participants(
                "create_group.participant_ids",
                &create.participant_ids,
                0..=1023,
            ),
            addressing_mode: match create.addressing_mode() {
                pb::AddressingMode::PhoneNumber => AddressingMode::PhoneNumber,
                pb::AddressingMode::Unspecified | pb::AddressingMode::Lid => AddressingMode::Lid,
            },
        }),
        Some(Action::JoinByInvite(join)) => fields
            .parse("join_by_invite.invite_code", &join.invite_code)
            .map(Operation::JoinByInvite),
        Some(Action::WalkIn(_)) => with_group(Operation::WalkIn),
        Some(Action::Leave(_)) => with_group(Operation::Leave),
        Some(Action::AddParticipants(add)) => {
            let people = fields.participants(
                "add_participants.participant_ids",
                &add.participant_ids,
                1..=1024,
            );
            group_id.map(|id| Operation::Add(id, people))
        }
        Some(Action::RemoveParticipants(remove)) => {
            let people = fields.participants(
                "remove_participants.participant_ids",
                &remove.participant_ids,
                1..=1024,
            );
            group_id.map(|id| Operation::Remove(id, people))
        }
        Some(Action::PromoteParticipants(promote)) => {
            let people = fields.participants(
                "promote_participants.participant_ids",
                &promote.participant_ids,
                1..=1024,
            );
            group_id.map(|id| Operation::Promote(id, people))
        }
        Some(Action::DemoteParticipants(demote)) => {
            let people = fields.participants(
                "demote_participants.participant_ids",
                &demote.participant_ids,
                1..=1024,
            );
            group_id.map(|id| Operation::Demote(id, people))
        }
        Some(Action::ChangeSubject(change)) => {
            group_id.map(|id| Operation::SetSubject(id, change.subject.clone()))
        }
        Some(Action::ChangeDescription(change)) => {
            group_id.map(|group_id| Operation::SetDescription {
                group_id,
                text: change.description.clone(),
                expected_id: None,
            })
        }
        Some(Action::ChangeSettings(change)) => {
            let settings = settings(change);
            group_id.map(|id| Operation::ChangeSettings(id, settings))
        }
        Some(
            Action::AcceptPrivateInvite(_)
            | Action::ChangePicture(_)
            | Action::RevokeInvite(_)
            | Action::RequestToJoin(_)
            | Action::CancelJoinRequest(_)
            | Action::ApproveJoinRequests(_)
            | Action::RejectJoinRequests(_)
            | Action::ChangeNumber(_)
            | Action::Suspend(_)
            | Action::MigrateToLid(_),
        ) => return Err(not_implemented("this action of Act")),
    })
}

fn settings(change: &pb::ChangeSettingsAction) -> Vec<Setting> {
    let add_mode = match change.member_add_mode() {
        pb::MemberAddMode::Unspecified => None,
        mode => Some(Setting::MemberAddMode(mode.to_domain())),
    };
    let timer = change
        .disappearing_timer
        .as_ref()
        .map(|timer| Setting::DisappearingTimer(u32::try_from(timer.seconds).unwrap_or(0)));
    [
        change.info_admin_only.map(Setting::InfoAdminOnly),
        change.messages_admin_only.map(Setting::MessagesAdminOnly),
        add_mode,
        change.membership_approval.map(Setting::MembershipApproval),
        change.member_share_history.map(Setting::MemberShareHistory),
        timer,
    ]
    .into_iter()
    .flatten()
    .collect()
}

enum Wanted {
    Call(CallFault),
    Notifications(NotificationFault),
}

fn fault(fields: &mut Fields, fault: Option<&Fault>) -> Result<Option<Wanted>, Status> {
    let point = |point: pb::FaultPoint| match point {
        pb::FaultPoint::Unspecified | pb::FaultPoint::BeforeApply => Point::BeforeApply,
        pb::FaultPoint::AfterApply => Point::AfterApply,
    };
    let duration = |fields: &mut Fields, field: &str, duration: Option<prost_types::Duration>| {
        let parsed = duration.and_then(|duration| Duration::try_from(duration).ok());
        if parsed.is_none_or(|duration| duration > Duration::from_secs(3600)) {
            fields.add(field, "must be a duration from 0 to 1 hour");
        }
        parsed
    };
    Ok(match fault {
        None => {
            fields.add("fault", "must be set");
            None
        }
        Some(Fault::Latency(latency)) => duration(fields, "latency.duration", latency.duration)
            .map(CallFault::Latency)
            .map(Wanted::Call),
        Some(Fault::Hang(hang)) => Some(Wanted::Call(CallFault::Hang(point(hang.point())))),
        Some(Fault::RateLimit(limit)) => {
            let backoff = limit.backoff.and_then(|backoff| Duration::try_from(backoff).ok());
            Some(Wanted::Call(CallFault::RateLimit { backoff }))
        }
        Some(Fault::DropConnection(drop)) => {
            Some(Wanted::Call(CallFault::DropConnection(point(drop.point()))))
        }
        Some(Fault::DuplicateNotifications(duplicate)) => {
            let times = u32::try_from(duplicate.count.max(1)).unwrap_or(1);
            Some(Wanted::Notifications(NotificationFault::Duplicate { times }))
        }
        Some(Fault::ReorderNotifications(reorder)) => {
            let window = usize::try_from(reorder.window.clamp(2, 256)).unwrap_or(2);
            Some(Wanted::Notifications(NotificationFault::Reorder { window }))
        }
        Some(Fault::LoseNotifications(_)) => Some(Wanted::Notifications(NotificationFault::Lose)),
        Some(Fault::DelayNotifications(delay)) => {
            duration(fields, "delay_notifications.duration", delay.duration)
                .map(|delay| Wanted::Notifications(NotificationFault::Delay(delay)))
        }
        Some(Fault::Refuse(_) | Fault::Snapshot(_) | Fault::Disconnect(_) | Fault::Logout(_)) => {
            return Err(not_implemented("this fault of InjectFault"));
        }
    })
}

#[tonic::async_trait]
impl SimulatorService for Simulator {
    async fn put_account(
        &self,
        request: Request<pb::PutAccountRequest>,
    ) -> Result<Response<pb::PutAccountResponse>, Status> {
        let engine = self.engine(&request)?;
        let mut fields = Fields::default();
        let account = request.get_ref().account.clone().unwrap_or_default();
        let id = fields.parse::<PhoneNumber>("account.phone_number_id", &account.phone_number_id);
        if account.push_name.len() > 100 {
            fields.add("account.push_name", "must have at most 100 bytes");
        }
        let settings = AccountSettings {
            push_name: account.push_name.clone(),
            on_whatsapp: !account.not_on_whatsapp,
            add_privacy: match account.add_privacy() {
                pb::AddPrivacy::Unspecified | pb::AddPrivacy::Everyone => AddPrivacy::Everyone,
                pb::AddPrivacy::Contacts => AddPrivacy::Contacts,
                pb::AddPrivacy::Nobody => AddPrivacy::Nobody,
            },
            contacts: phones(&mut fields, "account.contact_ids", &account.contact_ids),
            blocked: phones(&mut fields, "account.blocked_ids", &account.blocked_ids),
        };
        let id = fields.finish(id)?;
        let put = engine.set_account(ParticipantId::Phone(id), settings).await.map_err(refuse)?;
        Ok(Response::new(pb::PutAccountResponse { account: Some(message_of_account(put)) }))
    }

    async fn get_account(
        &self,
        request: Request<pb::GetAccountRequest>,
    ) -> Result<Response<pb::GetAccountResponse>, Status> {
        let engine = self.engine(&request)?;
        let mut fields = Fields::default();
        let id = fields.parse("id", &request.get_ref().id);
        let account = engine.account(fields.finish(id)?).await.map_err(refuse)?;
        Ok(Response::new(pb::GetAccountResponse { account: Some(message_of_account(account)) }))
    }

    async fn act(
        &self,
        request: Request<pb::ActRequest>,
    ) -> Result<Response<pb::ActResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let actor = fields.parse::<ParticipantId>("actor", &message.actor);
        let needs_group = !matches!(
            message.action,
            None | Some(Action::CreateGroup(_) | Action::JoinByInvite(_))
        );
        let group_id = if needs_group { fields.group_id(&message.group_id) } else { None };
        let operation = operation(&mut fields, message.action.as_ref(), group_id)?;
        let (actor, operation) = fields.finish(actor.zip(operation))?;
        let acted = engine.act(actor, operation, message.force).await.map_err(refuse)?;
        Ok(Response::new(pb::ActResponse {
            group_id: acted.group_id.map(|id| id.to_string()).unwrap_or_default(),
            changed: acted.changed,
            results: acted.results.iter().map(Into::into).collect(),
            invite_code: acted.invite_code.map(|code| code.to_string()).unwrap_or_default(),
            notification_count: i32::try_from(acted.notification_count).unwrap_or(i32::MAX),
        }))
    }

    async fn inject_fault(
        &self,
        request: Request<pb::InjectFaultRequest>,
    ) -> Result<Response<pb::InjectFaultResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = optional_session(&mut fields, &message.session);
        if !message.operations.is_empty() {
            return Err(not_implemented("operations of InjectFault"));
        }
        let uses = match message.uses {
            0 => Uses::Times(1),
            -1 => Uses::UntilCleared,
            uses => Uses::Times(u32::try_from(uses).unwrap_or_else(|_| {
                fields.add("uses", "must be -1 or more");
                0
            })),
        };
        let fault = fault(&mut fields, message.fault.as_ref())?;
        let id = match fields.finish(fault)? {
            Wanted::Call(kind) => engine.faults().inject_call(session, kind, uses),
            Wanted::Notifications(kind) => {
                engine.faults().inject_notifications(session, kind, uses)
            }
        };
        Ok(Response::new(pb::InjectFaultResponse { fault_id: id.to_string() }))
    }

    async fn clear_faults(
        &self,
        request: Request<pb::ClearFaultsRequest>,
    ) -> Result<Response<pb::ClearFaultsResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let ids = fields.each::<u64>("fault_ids", &message.fault_ids, 1000);
        let session = optional_session(&mut fields, &message.session);
        fields.finish(Some(()))?;
        let cleared = engine.faults().clear(&ids, session.as_ref());
        let cleared_count = i32::try_from(cleared).unwrap_or(i32::MAX);
        Ok(Response::new(pb::ClearFaultsResponse { cleared_count }))
    }

    async fn get_world_group(
        &self,
        request: Request<pb::GetWorldGroupRequest>,
    ) -> Result<Response<pb::GetWorldGroupResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let id = fields.group_id(&message.group_id);
        let viewer = if message.viewer_id.is_empty() {
            None
        } else {
            fields.parse::<ParticipantId>("viewer_id", &message.viewer_id)
        };
        let id = fields.finish(id)?;
        let viewer = match viewer {
            Some(viewer) => Some(engine.account(viewer).await.map_err(refuse)?.0),
            None => None,
        };
        let found = engine.world_group(&id).await.map_err(refuse)?;
        let Some((group, invite_code)) = found else {
            let message = format!("the simulator's world has no group {id}");
            return Err(refuse(Error::new(Reason::GroupNotFound, message).about("group", id)));
        };
        Ok(Response::new(pb::GetWorldGroupResponse {
            group: Some(pb::group::message(&group, viewer.as_ref())),
            invite_code: invite_code.to_string(),
            join_requests: Vec::new(),
        }))
    }

    async fn list_world_groups(
        &self,
        request: Request<pb::ListWorldGroupsRequest>,
    ) -> Result<Response<pb::ListWorldGroupsResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let page_size = fields.page_size(message.page_size);
        let member = if message.member_id.is_empty() {
            None
        } else {
            fields.parse::<ParticipantId>("member_id", &message.member_id)
        };
        fields.finish(Some(()))?;
        let after: Option<GroupId> =
            decode_page_token(&member, &message.page_token).map_err(refuse)?;
        let wanted = usize::try_from(page_size).unwrap_or(usize::MAX);
        let mut groups =
            engine.world_groups(member, after, wanted.saturating_add(1)).await.map_err(refuse)?;
        let more = groups.len() > wanted;
        groups.truncate(wanted);
        let next_page_token = match groups.last() {
            Some(last) if more => encode_page_token(&member, &last.id).map_err(refuse)?,
            _ => String::new(),
        };
        Ok(Response::new(pb::ListWorldGroupsResponse {
            groups: groups.iter().map(|group| pb::group::message(group, None)).collect(),
            next_page_token,
        }))
    }

    async fn list_calls(
        &self,
        request: Request<pb::ListCallsRequest>,
    ) -> Result<Response<pb::ListCallsResponse>, Status> {
        self.engine(&request)?;
        Err(not_implemented("ListCalls"))
    }

    async fn get_statistics(
        &self,
        request: Request<pb::GetStatisticsRequest>,
    ) -> Result<Response<pb::GetStatisticsResponse>, Status> {
        self.engine(&request)?;
        Err(not_implemented("GetStatistics"))
    }

    async fn replay_notifications(
        &self,
        request: Request<pb::ReplayNotificationsRequest>,
    ) -> Result<Response<pb::ReplayNotificationsResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let count = match message.count {
            0 => 1,
            count => {
                usize::try_from(count).ok().filter(|count| *count <= 1000).unwrap_or_else(|| {
                    fields.add("count", "must be 1 to 1,000");
                    0
                })
            }
        };
        let session = fields.finish(session)?;
        let replayed = engine.replay(&session, count, message.reverse).await.map_err(refuse)?;
        let replayed_count = i32::try_from(replayed).unwrap_or(i32::MAX);
        Ok(Response::new(pb::ReplayNotificationsResponse { replayed_count }))
    }
}

fn optional_session(fields: &mut Fields, text: &str) -> Option<SessionName> {
    if text.is_empty() { None } else { fields.session(text) }
}
