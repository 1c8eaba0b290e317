//! Requests to join a group.

use super::participant::optional;
use super::{self as pb, DecodeError, wire};
use crate::domain::join_request::{JoinRequest, JoinRequestMethod};

impl From<JoinRequestMethod> for pb::JoinRequestMethod {
    fn from(method: JoinRequestMethod) -> Self {
        match method {
            JoinRequestMethod::InviteLink => Self::InviteLink,
            JoinRequestMethod::LinkedGroup => Self::LinkedGroup,
            JoinRequestMethod::NonAdminAdd => Self::NonAdminAdd,
        }
    }
}

impl pb::JoinRequestMethod {
    /// `None` where it is not known.
    pub fn to_domain(self) -> Option<JoinRequestMethod> {
        match self {
            Self::Unspecified => None,
            Self::InviteLink => Some(JoinRequestMethod::InviteLink),
            Self::LinkedGroup => Some(JoinRequestMethod::LinkedGroup),
            Self::NonAdminAdd => Some(JoinRequestMethod::NonAdminAdd),
        }
    }
}

impl From<&JoinRequest> for pb::JoinRequest {
    fn from(request: &JoinRequest) -> Self {
        let method = request.method.map_or(Self::default().method(), Into::into);
        Self {
            requester: Some(pb::participant::account(&request.requester, pb::Role::Unspecified)),
            request_time: request.request_time.map(wire::timestamp),
            method: method.into(),
            added_by: pb::group::text(request.added_by),
            parent_group_id: pb::group::text(request.parent.as_ref()),
        }
    }
}

impl pb::JoinRequest {
    pub(super) fn to_domain(&self) -> Result<JoinRequest, DecodeError> {
        let requester = self.requester.as_ref();
        Ok(JoinRequest {
            requester: requester
                .ok_or_else(|| DecodeError::value("join request without a requester"))?
                .to_account()?,
            request_time: self.request_time.as_ref().map(wire::to_timestamp),
            method: self.method().to_domain(),
            added_by: optional(&self.added_by)?,
            parent: optional(&self.parent_group_id)?,
        })
    }
}
