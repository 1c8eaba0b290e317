//! GroupsService.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::not_implemented;
use super::request::{Fields, HasRequestId, call};
use super::respond::{basic_group, full_group, refuse, results};
use super::watch;
use crate::app::App;
use crate::app::groups::Mutated;
use crate::domain::error::Error;
use crate::domain::event::MemberAction;
use crate::domain::group::GroupSettings;
use crate::domain::page::{
    EventQuery, GroupFilter, GroupOrder, GroupQuery, OrderKey, ParticipantQuery,
};
use crate::domain::port::engine::NewGroup;
use crate::pb;
use crate::pb::groups_service_server::GroupsService;
use crate::pb::wire::{number, timestamp};

/// The most members that a page of ListParticipants has, and how many where none is asked for.
const MAX_MEMBERS_PAGE: u32 = 5000;
const DEFAULT_MEMBERS_PAGE: u32 = 1000;

#[derive(Debug, Clone)]
pub struct Groups {
    app: App,
}

impl Groups {
    pub fn new(app: App) -> Self {
        Self { app }
    }

    async fn change_participants<M: HasRequestId>(
        &self,
        request: &Request<M>,
        session: &str,
        group_id: &str,
        participant_ids: &[String],
        action: MemberAction,
    ) -> Result<Mutated, Status> {
        let call = call(request)?;
        let mut fields = Fields::default();
        let session = fields.session(session);
        let group_id = fields.group_id(group_id);
        let participants = fields.participants(participant_ids, 1);
        let key = fields.request_key(request.get_ref());
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let changed =
            self.app.change_participants(&call, session, group_id, key, action, participants).await;
        changed.map_err(refuse)
    }
}

/// What a list of groups is narrowed to.
fn filter(fields: &mut Fields, filter: Option<&pb::GroupFilter>) -> GroupFilter {
    let Some(filter) = filter else { return GroupFilter::default() };
    let text = &filter.subject_contains;
    if text.chars().count() > 100 {
        fields.add("filter.subject_contains", "must have at most 100 characters");
    }
    let after = fields.sequence(
        "filter.changed_after_sequence_exclusive",
        filter.changed_after_sequence_exclusive,
    );
    GroupFilter {
        subject_contains: Some(text.clone()).filter(|text| !text.is_empty()),
        member: if filter.member_id.is_empty() {
            None
        } else {
            fields.parse("filter.member_id", &filter.member_id)
        },
        my_roles: fields.roles("filter.my_roles", &filter.my_roles),
        changed_after_sequence: Some(after).filter(|after| *after > 0),
    }
}

fn order(fields: &mut Fields, order_by: i32, descending: bool) -> GroupOrder {
    let key = match pb::GroupOrder::try_from(order_by) {
        Ok(pb::GroupOrder::Unspecified | pb::GroupOrder::Id) => OrderKey::Id,
        Ok(pb::GroupOrder::Subject) => OrderKey::Subject,
        Ok(pb::GroupOrder::CreateTime) => OrderKey::CreateTime,
        Ok(pb::GroupOrder::MemberCount) => OrderKey::MemberCount,
        Err(_) => {
            fields.add("order_by", "must be a known order");
            OrderKey::Id
        }
    };
    GroupOrder { key, descending }
}

/// Whether the participants are wanted.
fn full_view(fields: &mut Fields, view: i32, default: bool) -> bool {
    match pb::GroupView::try_from(view) {
        Ok(pb::GroupView::Unspecified) => default,
        Ok(pb::GroupView::Basic) => false,
        Ok(pb::GroupView::Full) => true,
        Err(_) => {
            fields.add("view", "must be GROUP_VIEW_BASIC or GROUP_VIEW_FULL");
            default
        }
    }
}

#[tonic::async_trait]
impl GroupsService for Groups {
    async fn create_group(
        &self,
        request: Request<pb::CreateGroupRequest>,
    ) -> Result<Response<pb::CreateGroupResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let subject = fields.parse("subject", &message.subject);
        let description = fields.parse("description", &message.description);
        let participants = fields.participants(&message.participant_ids, 0);
        let settings = message
            .settings
            .as_ref()
            .map_or(GroupSettings::default(), pb::GroupSettings::to_domain);
        if ![0, 86_400, 604_800, 7_776_000].contains(&settings.disappearing_timer_seconds) {
            fields.add("settings.disappearing_timer", "must be 0, 1 day, 7 days or 90 days");
        }
        let key = fields.request_key(message);
        let (session, (subject, description)) =
            fields.finish(session.zip(subject.zip(description)))?;
        let mutated = self
            .app
            .create_group(
                &call,
                session,
                key,
                NewGroup { subject, description, participants, settings },
            )
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::CreateGroupResponse {
            group: full_group(&mutated)?,
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
            results: results(&mutated),
        }))
    }

    async fn list_groups(
        &self,
        request: Request<pb::ListGroupsRequest>,
    ) -> Result<Response<pb::ListGroupsResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let page_size = fields.page_size(message.page_size);
        let full = full_view(&mut fields, message.view, false);
        let filter = filter(&mut fields, message.filter.as_ref());
        let order = order(&mut fields, message.order_by, message.descending);
        let min_sequence = fields.sequence("min_sequence", message.min_sequence);
        let session = fields.finish(session)?;
        let query = GroupQuery { session, filter, order };
        let list = self
            .app
            .list_groups(&call, &query, page_size, &message.page_token, full, min_sequence)
            .await
            .map_err(refuse)?;
        let oldest = list.groups.iter().map(|group| group.synced_time).min();
        let groups = list.groups.into_iter().filter_map(|group| {
            let (basic, participants) = group.state?;
            Some(if participants.is_empty() {
                basic
            } else {
                [basic.as_ref(), participants.as_ref()].concat().into()
            })
        });
        Ok(Response::new(pb::ListGroupsResponse {
            groups: groups.collect(),
            next_page_token: list.next_page_token,
            as_of_sequence: number(list.as_of_sequence),
            synced_time: oldest.map(timestamp),
        }))
    }

    async fn count_groups(
        &self,
        request: Request<pb::CountGroupsRequest>,
    ) -> Result<Response<pb::CountGroupsResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let filter = filter(&mut fields, message.filter.as_ref());
        let min_sequence = fields.sequence("min_sequence", message.min_sequence);
        let session = fields.finish(session)?;
        let query = GroupQuery { session, filter, order: GroupOrder::default() };
        let (count, as_of) =
            self.app.count_groups(&call, &query, min_sequence).await.map_err(refuse)?;
        Ok(Response::new(pb::CountGroupsResponse {
            count: number(count),
            as_of_sequence: number(as_of),
            synced_time: None,
        }))
    }

    async fn get_group(
        &self,
        request: Request<pb::GetGroupRequest>,
    ) -> Result<Response<pb::GetGroupResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let full = full_view(&mut fields, message.view, true);
        let min_sequence = fields.sequence("min_sequence", message.min_sequence);
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let (view, as_of) = self
            .app
            .get_group(&call, &session, &group_id, message.refresh, min_sequence)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::GetGroupResponse {
            group: if full { view.full.clone() } else { view.basic() },
            as_of_sequence: number(as_of),
            synced_time: Some(timestamp(view.synced_time)),
        }))
    }

    async fn leave_group(
        &self,
        request: Request<pb::LeaveGroupRequest>,
    ) -> Result<Response<pb::LeaveGroupResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let key = fields.request_key(message);
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let mutated = self.app.leave_group(&call, session, group_id, key).await.map_err(refuse)?;
        Ok(Response::new(pb::LeaveGroupResponse {
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
        }))
    }

    async fn set_group_subject(
        &self,
        request: Request<pb::SetGroupSubjectRequest>,
    ) -> Result<Response<pb::SetGroupSubjectResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let subject = fields.parse("subject", &message.subject);
        let key = fields.request_key(message);
        let ((session, group_id), subject) = fields.finish(session.zip(group_id).zip(subject))?;
        let mutated =
            self.app.set_subject(&call, session, group_id, key, subject).await.map_err(refuse)?;
        Ok(Response::new(pb::SetGroupSubjectResponse {
            group: basic_group(&mutated)?,
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
        }))
    }

    async fn set_group_description(
        &self,
        request: Request<pb::SetGroupDescriptionRequest>,
    ) -> Result<Response<pb::SetGroupDescriptionResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let description = fields.parse("description", &message.description);
        let expected = &message.expected_description_id;
        if expected.len() > 128 {
            fields.add("expected_description_id", "must have at most 128 bytes");
        }
        let expected = Some(expected.clone()).filter(|id| !id.is_empty());
        let key = fields.request_key(message);
        let ((session, group_id), description) =
            fields.finish(session.zip(group_id).zip(description))?;
        let mutated = self
            .app
            .set_description(&call, session, group_id, key, description, expected)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::SetGroupDescriptionResponse {
            group: basic_group(&mutated)?,
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
        }))
    }

    async fn list_participants(
        &self,
        request: Request<pb::ListParticipantsRequest>,
    ) -> Result<Response<pb::ListParticipantsResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let roles = fields.roles("roles", &message.roles);
        let page_size = match u32::try_from(message.page_size) {
            Ok(0) => DEFAULT_MEMBERS_PAGE,
            Ok(size) => size.min(MAX_MEMBERS_PAGE),
            Err(_) => fields.page_size(message.page_size),
        };
        let min_sequence = fields.sequence("min_sequence", message.min_sequence);
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let query = ParticipantQuery { session, group_id, roles };
        let page = self
            .app
            .list_participants(&call, &query, page_size, &message.page_token, min_sequence)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::ListParticipantsResponse {
            participants: page.participants,
            next_page_token: page.next_page_token,
            as_of_sequence: number(page.as_of_sequence),
            synced_time: Some(timestamp(page.synced_time)),
            member_count: i32::try_from(page.member_count).unwrap_or(i32::MAX),
        }))
    }

    async fn add_participants(
        &self,
        request: Request<pb::AddParticipantsRequest>,
    ) -> Result<Response<pb::AddParticipantsResponse>, Status> {
        let m = request.get_ref();
        let mutated = self
            .change_participants(
                &request,
                &m.session,
                &m.group_id,
                &m.participant_ids,
                MemberAction::Join,
            )
            .await?;
        Ok(Response::new(pb::AddParticipantsResponse {
            group: basic_group(&mutated)?,
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
            results: results(&mutated),
        }))
    }

    async fn remove_participants(
        &self,
        request: Request<pb::RemoveParticipantsRequest>,
    ) -> Result<Response<pb::RemoveParticipantsResponse>, Status> {
        let m = request.get_ref();
        let mutated = self
            .change_participants(
                &request,
                &m.session,
                &m.group_id,
                &m.participant_ids,
                MemberAction::Leave,
            )
            .await?;
        Ok(Response::new(pb::RemoveParticipantsResponse {
            group: basic_group(&mutated)?,
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
            results: results(&mutated),
        }))
    }

    async fn promote_participants(
        &self,
        request: Request<pb::PromoteParticipantsRequest>,
    ) -> Result<Response<pb::PromoteParticipantsResponse>, Status> {
        let m = request.get_ref();
        let mutated = self
            .change_participants(
                &request,
                &m.session,
                &m.group_id,
                &m.participant_ids,
                MemberAction::Promote,
            )
            .await?;
        Ok(Response::new(pb::PromoteParticipantsResponse {
            group: basic_group(&mutated)?,
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
            results: results(&mutated),
        }))
    }

    async fn demote_participants(
        &self,
        request: Request<pb::DemoteParticipantsRequest>,
    ) -> Result<Response<pb::DemoteParticipantsResponse>, Status> {
        let m = request.get_ref();
        let mutated = self
            .change_participants(
                &request,
                &m.session,
                &m.group_id,
                &m.participant_ids,
                MemberAction::Demote,
            )
            .await?;
        Ok(Response::new(pb::DemoteParticipantsResponse {
            group: basic_group(&mutated)?,
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
            results: results(&mutated),
        }))
    }

    async fn list_group_events(
        &self,
        request: Request<pb::ListGroupEventsRequest>,
    ) -> Result<Response<pb::ListGroupEventsResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_ids = fields.each("group_ids", &message.group_ids, 1000);
        let types = fields.event_types(&message.types);
        let after = fields.sequence("after_sequence_exclusive", message.after_sequence_exclusive);
        let until = fields.sequence("until_sequence_inclusive", message.until_sequence_inclusive);
        let start_time = fields.time("start_time", message.start_time.as_ref());
        let end_time = fields.time("end_time", message.end_time.as_ref());
        let newest_first = match pb::EventOrder::try_from(message.order) {
            Ok(pb::EventOrder::Unspecified | pb::EventOrder::NewestFirst) => true,
            Ok(pb::EventOrder::OldestFirst) => false,
            Err(_) => {
                fields.add("order", "must be a known order");
                true
            }
        };
        let page_size = fields.page_size(message.page_size);
        let min_sequence = fields.sequence("min_sequence", message.min_sequence);
        let session = fields.finish(session)?;
        let query = EventQuery {
            session,
            group_ids,
            types: types.into_iter().map(crate::domain::event::EventType::code).collect(),
            after_sequence_exclusive: Some(after).filter(|after| *after > 0),
            until_sequence_inclusive: Some(until).filter(|until| *until > 0),
            start_time,
            end_time,
            newest_first,
        };
        let page = self
            .app
            .list_group_events(&call, &query, page_size, &message.page_token, min_sequence)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::ListGroupEventsResponse {
            events: page.events.iter().map(|event| event.wire.clone()).collect(),
            next_page_token: page.next_page_token,
            as_of_sequence: number(page.as_of_sequence),
            oldest_sequence: number(page.oldest_sequence),
        }))
    }

    type WatchGroupEventsStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchGroupEventsResponse, Status>> + Send>>;

    async fn watch_group_events(
        &self,
        request: Request<pb::WatchGroupEventsRequest>,
    ) -> Result<Response<Self::WatchGroupEventsStream>, Status> {
        let call = call(&request)?;
        let items =
            self.app.watch(&call, watch::request(request.get_ref())?).await.map_err(refuse)?;
        // A panic inside a stream is beyond the layer that catches those of calls.
        let items = std::panic::AssertUnwindSafe(items).catch_unwind().map(|item| match item {
            Ok(item) => watch::response(item),
            Err(_) => Err(refuse(Error::internal("a watch has panicked"))),
        });
        Ok(Response::new(Box::pin(items)))
    }

    async fn refresh_groups(
        &self,
        _: Request<pb::RefreshGroupsRequest>,
    ) -> Result<Response<pb::RefreshGroupsResponse>, Status> {
        Err(not_implemented("RefreshGroups"))
    }

    async fn delete_group(
        &self,
        _: Request<pb::DeleteGroupRequest>,
    ) -> Result<Response<pb::DeleteGroupResponse>, Status> {
        Err(not_implemented("DeleteGroup"))
    }

    async fn join_group(
        &self,
        _: Request<pb::JoinGroupRequest>,
    ) -> Result<Response<pb::JoinGroupResponse>, Status> {
        Err(not_implemented("JoinGroup"))
    }

    async fn get_join_info(
        &self,
        _: Request<pb::GetJoinInfoRequest>,
    ) -> Result<Response<pb::GetJoinInfoResponse>, Status> {
        Err(not_implemented("GetJoinInfo"))
    }

    async fn get_group_picture(
        &self,
        _: Request<pb::GetGroupPictureRequest>,
    ) -> Result<Response<pb::GetGroupPictureResponse>, Status> {
        Err(not_implemented("GetGroupPicture"))
    }

    async fn set_group_picture(
        &self,
        _: Request<pb::SetGroupPictureRequest>,
    ) -> Result<Response<pb::SetGroupPictureResponse>, Status> {
        Err(not_implemented("SetGroupPicture"))
    }

    async fn delete_group_picture(
        &self,
        _: Request<pb::DeleteGroupPictureRequest>,
    ) -> Result<Response<pb::DeleteGroupPictureResponse>, Status> {
        Err(not_implemented("DeleteGroupPicture"))
    }

    async fn get_info_admin_only(
        &self,
        _: Request<pb::GetInfoAdminOnlyRequest>,
    ) -> Result<Response<pb::GetInfoAdminOnlyResponse>, Status> {
        Err(not_implemented("GetInfoAdminOnly"))
    }

    async fn set_info_admin_only(
        &self,
        _: Request<pb::SetInfoAdminOnlyRequest>,
    ) -> Result<Response<pb::SetInfoAdminOnlyResponse>, Status> {
        Err(not_implemented("SetInfoAdminOnly"))
    }

    async fn get_messages_admin_only(
        &self,
        _: Request<pb::GetMessagesAdminOnlyRequest>,
    ) -> Result<Response<pb::GetMessagesAdminOnlyResponse>, Status> {
        Err(not_implemented("GetMessagesAdminOnly"))
    }

    async fn set_messages_admin_only(
        &self,
        _: Request<pb::SetMessagesAdminOnlyRequest>,
    ) -> Result<Response<pb::SetMessagesAdminOnlyResponse>, Status> {
        Err(not_implemented("SetMessagesAdminOnly"))
    }

    async fn get_member_add_mode(
        &self,
        _: Request<pb::GetMemberAddModeRequest>,
    ) -> Result<Response<pb::GetMemberAddModeResponse>, Status> {
        Err(not_implemented("GetMemberAddMode"))
    }

    async fn set_member_add_mode(
        &self,
        _: Request<pb::SetMemberAddModeRequest>,
    ) -> Result<Response<pb::SetMemberAddModeResponse>, Status> {
        Err(not_implemented("SetMemberAddMode"))
    }

    async fn get_membership_approval(
        &self,
        _: Request<pb::GetMembershipApprovalRequest>,
    ) -> Result<Response<pb::GetMembershipApprovalResponse>, Status> {
        Err(not_implemented("GetMembershipApproval"))
    }

    async fn set_membership_approval(
        &self,
        _: Request<pb::SetMembershipApprovalRequest>,
    ) -> Result<Response<pb::SetMembershipApprovalResponse>, Status> {
        Err(not_implemented("SetMembershipApproval"))
    }

    async fn get_member_share_history(
        &self,
        _: Request<pb::GetMemberShareHistoryRequest>,
    ) -> Result<Response<pb::GetMemberShareHistoryResponse>, Status> {
        Err(not_implemented("GetMemberShareHistory"))
    }

    async fn set_member_share_history(
        &self,
        _: Request<pb::SetMemberShareHistoryRequest>,
    ) -> Result<Response<pb::SetMemberShareHistoryResponse>, Status> {
        Err(not_implemented("SetMemberShareHistory"))
    }

    async fn get_disappearing_timer(
        &self,
        _: Request<pb::GetDisappearingTimerRequest>,
    ) -> Result<Response<pb::GetDisappearingTimerResponse>, Status> {
        Err(not_implemented("GetDisappearingTimer"))
    }

    async fn set_disappearing_timer(
        &self,
        _: Request<pb::SetDisappearingTimerRequest>,
    ) -> Result<Response<pb::SetDisappearingTimerResponse>, Status> {
        Err(not_implemented("SetDisappearingTimer"))
    }

    async fn list_join_requests(
        &self,
        _: Request<pb::ListJoinRequestsRequest>,
    ) -> Result<Response<pb::ListJoinRequestsResponse>, Status> {
        Err(not_implemented("ListJoinRequests"))
    }

    async fn approve_join_requests(
        &self,
        _: Request<pb::ApproveJoinRequestsRequest>,
    ) -> Result<Response<pb::ApproveJoinRequestsResponse>, Status> {
        Err(not_implemented("ApproveJoinRequests"))
    }

    async fn reject_join_requests(
        &self,
        _: Request<pb::RejectJoinRequestsRequest>,
    ) -> Result<Response<pb::RejectJoinRequestsResponse>, Status> {
        Err(not_implemented("RejectJoinRequests"))
    }

    async fn get_invite_code(
        &self,
        _: Request<pb::GetInviteCodeRequest>,
    ) -> Result<Response<pb::GetInviteCodeResponse>, Status> {
        Err(not_implemented("GetInviteCode"))
    }

    async fn revoke_invite_code(
        &self,
        _: Request<pb::RevokeInviteCodeRequest>,
    ) -> Result<Response<pb::RevokeInviteCodeResponse>, Status> {
        Err(not_implemented("RevokeInviteCode"))
    }
}
