//! The RPCs that read groups and their history.

use tonic::{Request, Response, Status};

use super::groups_service::Groups;
use super::request::{Fields, call};
use super::respond::refuse;
use crate::domain::counter::Sequence;
use crate::domain::page::{
    EventQuery, GroupFilter, GroupOrder, GroupQuery, OrderKey, ParticipantQuery,
};
use crate::pb;
use crate::pb::wire::{number, timestamp};

/// The most members that a page of ListParticipants has, and how many where none is asked for.
const MAX_MEMBERS_PAGE: u32 = 5000;
const DEFAULT_MEMBERS_PAGE: u32 = 1000;

impl Groups {
    pub(super) async fn list_groups(
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

    pub(super) async fn count_groups(
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
        let counted = self.app.count_groups(&call, &query, min_sequence).await.map_err(refuse)?;
        Ok(Response::new(pb::CountGroupsResponse {
            count: number(counted.count),
            as_of_sequence: number(counted.session_sequence),
            synced_time: counted.synced_time.map(timestamp),
        }))
    }

    pub(super) async fn get_group(
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

    pub(super) async fn list_participants(
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

    pub(super) async fn list_group_events(
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
            after_sequence_exclusive: Some(after).filter(|after| *after > Sequence::ZERO),
            until_sequence_inclusive: Some(until).filter(|until| *until > Sequence::ZERO),
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
        changed_after_sequence: Some(after).filter(|after| *after > Sequence::ZERO),
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
