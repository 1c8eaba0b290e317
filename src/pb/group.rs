//! Groups: encoded once when they change, decoded where their parts are needed.

use bytes::{Bytes, BytesMut};
use prost::Message;

use super::participant::optional;
use super::{self as pb, DecodeError, wire};
use crate::domain::group::{
    AddressingMode, Description, Group, GroupKind, GroupSettings, MemberAddMode, Subject,
};
use crate::domain::participant::{Account, Participant};

/// The number of `Group.participants`, the last field; a test holds it against the descriptor.
pub const PARTICIPANTS_FIELD: u32 = 30;

/// A group in two parts that joined make the whole: `basic` is the view BASIC.
#[derive(Debug, Clone)]
pub struct EncodedGroup {
    pub basic: Bytes,
    pub participants: Bytes,
}

/// Encodes a group as `me` sees it.
pub fn encode(group: &Group, me: Option<&Account>) -> EncodedGroup {
    let mut participants = BytesMut::with_capacity(group.participants().len() * 72);
    for participant in group.participants() {
        prost::encoding::message::encode(
            PARTICIPANTS_FIELD,
            &pb::Participant::from(participant),
            &mut participants,
        );
    }
    EncodedGroup {
        basic: basic(group, me).encode_to_vec().into(),
        participants: participants.freeze(),
    }
}

/// Puts together what [`encode`] took apart.
pub fn decode(basic: &[u8], participants: &[u8]) -> Result<Group, DecodeError> {
    let mut message = pb::Group::decode(basic)?;
    message.merge(participants)?;
    message.to_domain()
}

/// The whole group as one message.
pub fn message(group: &Group, me: Option<&Account>) -> pb::Group {
    let mut message = basic(group, me);
    message.participants = group.participants().iter().map(Into::into).collect();
    message
}

/// Everything but the members.
pub(super) fn basic(group: &Group, me: Option<&Account>) -> pb::Group {
    let my_role = me.and_then(|me| group.role_of(me));
    pb::Group {
        id: group.id.to_string(),
        subject: group.subject.text.clone(),
        subject_time: group.subject.time.map(wire::timestamp),
        subject_owner: text(group.subject.owner),
        description: group.description.text.clone(),
        description_id: group.description.id.clone(),
        description_time: group.description.time.map(wire::timestamp),
        description_owner: text(group.description.owner),
        create_time: group.create_time.map(wire::timestamp),
        owner: text(group.owner),
        addressing_mode: pb::AddressingMode::from(group.addressing_mode).into(),
        my_role: my_role.map_or(pb::Role::Unspecified, Into::into).into(),
        member_count: i32::try_from(group.member_count()).unwrap_or(i32::MAX),
        settings: Some((&group.settings).into()),
        parent_group_id: text(group.parent.as_ref()),
        picture_id: group.picture_id.clone().unwrap_or_default(),
        suspended: group.suspended,
        partial: group.partial,
        kind: pb::GroupKind::from(group.kind).into(),
        members_incomplete: group.counted().is_some(),
        participants: Vec::new(),
    }
}

/// The empty string stands for what is not known.
pub(super) fn text(value: Option<impl std::fmt::Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

impl pb::Group {
    pub fn to_domain(&self) -> Result<Group, DecodeError> {
        let mut group = Group::partial(self.id.parse().map_err(DecodeError::value)?);
        group.subject = Subject {
            text: self.subject.clone(),
            time: self.subject_time.as_ref().map(wire::to_timestamp),
            owner: optional(&self.subject_owner)?,
        };
        group.description = Description {
            text: self.description.clone(),
            id: self.description_id.clone(),
            time: self.description_time.as_ref().map(wire::to_timestamp),
            owner: optional(&self.description_owner)?,
        };
        group.create_time = self.create_time.as_ref().map(wire::to_timestamp);
        group.owner = optional(&self.owner)?;
        group.addressing_mode = self.addressing_mode().to_domain();
        group.settings =
            self.settings.as_ref().map(pb::GroupSettings::to_domain).unwrap_or_default();
        group.parent = optional(&self.parent_group_id)?;
        group.picture_id = Some(self.picture_id.clone()).filter(|id| !id.is_empty());
        group.suspended = self.suspended;
        group.partial = self.partial;
        let participants: Vec<Participant> =
            self.participants.iter().map(pb::Participant::to_domain).collect::<Result<_, _>>()?;
        group.set_participants(participants);
        group.kind = self.kind().to_domain();
        group.set_counted(
            self.members_incomplete.then(|| u32::try_from(self.member_count).unwrap_or_default()),
        );
        Ok(group)
    }
}

impl From<AddressingMode> for pb::AddressingMode {
    fn from(mode: AddressingMode) -> Self {
        match mode {
            AddressingMode::Unknown => Self::Unspecified,
            AddressingMode::PhoneNumber => Self::PhoneNumber,
            AddressingMode::Lid => Self::Lid,
        }
    }
}

impl pb::AddressingMode {
    pub(super) fn to_domain(self) -> AddressingMode {
        match self {
            Self::Unspecified => AddressingMode::Unknown,
            Self::PhoneNumber => AddressingMode::PhoneNumber,
            Self::Lid => AddressingMode::Lid,
        }
    }
}

impl From<GroupKind> for pb::GroupKind {
    fn from(kind: GroupKind) -> Self {
        match kind {
            GroupKind::Ordinary => Self::Ordinary,
            GroupKind::Community => Self::Community,
            GroupKind::Announcement => Self::Announcement,
        }
    }
}

impl pb::GroupKind {
    pub fn to_domain(self) -> GroupKind {
        match self {
            // Unspecified: stored before the kind was recorded.
            Self::Unspecified | Self::Ordinary => GroupKind::Ordinary,
            Self::Community => GroupKind::Community,
            Self::Announcement => GroupKind::Announcement,
        }
    }
}

impl From<MemberAddMode> for pb::MemberAddMode {
    fn from(mode: MemberAddMode) -> Self {
        match mode {
            MemberAddMode::AllMembers => Self::AllMembers,
            MemberAddMode::AdminsOnly => Self::Admins,
        }
    }
}

impl pb::MemberAddMode {
    pub fn to_domain(self) -> MemberAddMode {
        match self {
            Self::Unspecified | Self::AllMembers => MemberAddMode::AllMembers,
            Self::Admins => MemberAddMode::AdminsOnly,
        }
    }
}

impl From<&GroupSettings> for pb::GroupSettings {
    fn from(settings: &GroupSettings) -> Self {
        Self {
            info_admin_only: settings.info_admin_only,
            messages_admin_only: settings.messages_admin_only,
            member_add_mode: pb::MemberAddMode::from(settings.member_add_mode).into(),
            membership_approval: settings.membership_approval,
            member_share_history: settings.member_share_history,
            disappearing_timer: Some(settings.disappearing_timer_seconds)
                .filter(|timer| *timer > 0)
                .map(seconds),
        }
    }
}

impl pb::GroupSettings {
    pub fn to_domain(&self) -> GroupSettings {
        GroupSettings {
            info_admin_only: self.info_admin_only,
            messages_admin_only: self.messages_admin_only,
            member_add_mode: self.member_add_mode().to_domain(),
            membership_approval: self.membership_approval,
            member_share_history: self.member_share_history,
            disappearing_timer_seconds: self
                .disappearing_timer
                .as_ref()
                .map(to_seconds)
                .unwrap_or_default(),
        }
    }
}

pub(super) fn seconds(seconds: u32) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::from(seconds), nanos: 0 }
}

pub(super) fn to_seconds(duration: &prost_types::Duration) -> u32 {
    u32::try_from(duration.seconds).unwrap_or(0)
}
