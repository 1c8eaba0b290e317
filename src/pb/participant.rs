//! Members of groups.

use super::{self as pb, DecodeError, wire};
use crate::domain::id::{Lid, ParticipantId, PhoneNumber};
use crate::domain::participant::{
    Account, Participant, ParticipantResult, ParticipantStatus, PrivateInvite, Role,
};

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Participant => Self::Participant,
            Role::Admin => Self::Admin,
            Role::Superadmin => Self::Superadmin,
        }
    }
}

impl pb::Role {
    /// `None` for the values that no member has.
    pub fn to_domain(self) -> Option<Role> {
        match self {
            Self::Unspecified | Self::Left => None,
            Self::Participant => Some(Role::Participant),
            Self::Admin => Some(Role::Admin),
            Self::Superadmin => Some(Role::Superadmin),
        }
    }
}

pub(super) fn account(account: &Account, role: pb::Role) -> pb::Participant {
    // The second name only: the first one stands in `id`, and bytes count in every event.
    let second = account.both_names().map(|(_, phone)| phone);
    pb::Participant {
        id: account.id().to_string(),
        phone_number_id: pb::group::text(second),
        lid: String::new(),
        role: role.into(),
    }
}

impl From<&Participant> for pb::Participant {
    fn from(participant: &Participant) -> Self {
        account(&participant.account, participant.role.into())
    }
}

impl pb::Participant {
    pub(super) fn to_account(&self) -> Result<Account, DecodeError> {
        let id: ParticipantId = self.id.parse().map_err(DecodeError::value)?;
        let phone = optional::<PhoneNumber>(&self.phone_number_id)?.or(id.phone());
        let lid = optional::<Lid>(&self.lid)?.or(id.lid());
        Account::from_names(lid, phone)
            .ok_or_else(|| DecodeError::value("participant without a name"))
    }

    pub(super) fn to_domain(&self) -> Result<Participant, DecodeError> {
        let role = self
            .role()
            .to_domain()
            .ok_or_else(|| DecodeError::value("participant without a role"))?;
        Ok(Participant::new(self.to_account()?, role))
    }
}

/// The empty string stands for what is not known.
pub(super) fn optional<T: std::str::FromStr>(text: &str) -> Result<Option<T>, DecodeError>
where
    T::Err: std::fmt::Display,
{
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(DecodeError::value) }
}

impl From<ParticipantStatus> for pb::ParticipantStatus {
    fn from(status: ParticipantStatus) -> Self {
        match status {
            ParticipantStatus::Ok => Self::Ok,
            ParticipantStatus::AlreadyMember => Self::AlreadyMember,
            ParticipantStatus::NotOnWhatsapp => Self::NotOnWhatsapp,
            ParticipantStatus::PrivacyInviteNeeded => Self::PrivacyInviteNeeded,
            ParticipantStatus::RecentlyLeft => Self::RecentlyLeft,
            ParticipantStatus::NotMember => Self::NotMember,
            ParticipantStatus::GroupFull => Self::GroupFull,
            ParticipantStatus::Blocked => Self::Blocked,
            ParticipantStatus::PendingApproval => Self::PendingApproval,
            ParticipantStatus::InvalidId => Self::InvalidId,
            ParticipantStatus::NotAllowed => Self::NotAllowed,
            ParticipantStatus::RequestNotFound => Self::RequestNotFound,
            ParticipantStatus::Unknown => Self::Unknown,
        }
    }
}

impl From<&ParticipantResult> for pb::ParticipantResult {
    fn from(result: &ParticipantResult) -> Self {
        Self {
            requested_id: result.requested.to_string(),
            participant: Some(account(&result.account, pb::Role::Unspecified)),
            status: pb::ParticipantStatus::from(result.status).into(),
            code: i32::try_from(result.code).unwrap_or(i32::MAX),
            private_invite: result.private_invite.as_ref().map(Into::into),
        }
    }
}

impl From<&PrivateInvite> for pb::PrivateInvite {
    fn from(invite: &PrivateInvite) -> Self {
        Self {
            code: invite.code.to_string(),
            expire_time: Some(wire::timestamp(invite.expire_time)),
            group_id: invite.group_id.to_string(),
            inviter: invite.inviter.to_string(),
        }
    }
}
