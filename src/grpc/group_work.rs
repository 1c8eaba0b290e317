//! The RPCs that take their time: comparing groups with WhatsApp's, and taking one apart.

use tonic::{Request, Response, Status};

use super::groups_service::Groups;
use super::request::{Fields, call};
use super::respond::refuse;
use crate::pb;
use crate::pb::wire::{count, number, timestamp};

/// The most groups that one call may name.
const MAX_NAMES: usize = 100;

impl Groups {
    pub(super) async fn refresh_groups(
        &self,
        request: Request<pb::RefreshGroupsRequest>,
    ) -> Result<Response<pb::RefreshGroupsResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_ids = fields.each("group_ids", &message.group_ids, MAX_NAMES);
        let session = fields.finish(session)?;
        let refreshed = self
            .app
            .refresh_groups(&call, &session, &group_ids, message.accept_losses)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::RefreshGroupsResponse {
            group_count: count(refreshed.group_count),
            event_count: count(refreshed.event_count),
            suspect_count: count(refreshed.suspect_count),
            sequence: number(refreshed.sequence),
            synced_time: Some(timestamp(refreshed.synced_time)),
        }))
    }

    pub(super) async fn delete_group(
        &self,
        request: Request<pb::DeleteGroupRequest>,
    ) -> Result<Response<pb::DeleteGroupResponse>, Status> {
        let call = call(&request)?;
        let mut fields = Fields::default();
        let target = fields.target(request.get_ref());
        let target = fields.finish(target)?;
        let progress = self.app.delete_group(&call, target).await.map_err(refuse)?;
        let state = match progress.ended {
            None => pb::DeletionState::Running,
            Some(_) => pb::DeletionState::Completed,
        };
        Ok(Response::new(pb::DeleteGroupResponse {
            state: state.into(),
            changed: true,
            sequence: number(progress.sequence),
            removed_count: i32::try_from(progress.removed_count).unwrap_or(i32::MAX),
            remaining_count: i32::try_from(progress.remaining_count).unwrap_or(i32::MAX),
        }))
    }
}
