//! A group as the world holds it: the truth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::numbers;
use crate::domain::clock::Timestamp;
use crate::domain::group::{
    AddressingMode, Description, Group, GroupSettings, MAX_PARTICIPANTS, Subject,
};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber};
use crate::domain::participant::{Participant, Role};

/// What every member sees of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCore {
    pub id: GroupId,
    pub subject: Subject,
    pub description: Description,
    pub create_time: Timestamp,
    /// Who made it, also after they left.
    pub owner: PhoneNumber,
    pub addressing_mode: AddressingMode,
    pub settings: GroupSettings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture_id: Option<String>,
    pub members: Members,
}

impl GroupCore {
    /// How the group names an account.
    pub fn name_of(&self, phone: PhoneNumber) -> ParticipantId {
        match self.addressing_mode {
            AddressingMode::PhoneNumber => ParticipantId::Phone(phone),
            AddressingMode::Lid | AddressingMode::Unknown => numbers::names(phone).id(),
        }
    }

    pub fn role_of(&self, phone: PhoneNumber) -> Option<Role> {
        self.members.0.get(&phone).map(|member| member.role)
    }

    pub fn is_full(&self) -> bool {
        self.members.0.len() >= MAX_PARTICIPANTS
    }

    pub fn view(&self) -> Group {
        let mut group = Group::partial(self.id.clone());
        group.partial = false;
        group.subject = self.subject.clone();
        group.description = self.description.clone();
        group.create_time = Some(self.create_time);
        group.owner = Some(self.name_of(self.owner));
        group.addressing_mode = self.addressing_mode;
        group.settings = self.settings;
        group.picture_id = self.picture_id.clone();
        group.set_participants(
            self.members
                .0
                .iter()
                .map(|(phone, member)| Participant::new(numbers::names(*phone), member.role))
                .collect(),
        );
        group
    }

    /// Who becomes superadmin after the last one left: the oldest admin, else the oldest member.
    pub fn heir(&self) -> Option<PhoneNumber> {
        let has_superadmin = self.members.0.values().any(|member| member.role == Role::Superadmin);
        if has_superadmin {
            return None;
        }
        let seniority = |(phone, member): &(&PhoneNumber, &Member)| {
            (!member.role.is_admin(), member.since, **phone)
        };
        self.members.0.iter().min_by_key(seniority).map(|(phone, _)| *phone)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub role: Role,
    pub since: Timestamp,
}

/// The members by phone number. Stored as short triples, for there are up to 1,024 in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<(u64, u8, i64)>", try_from = "Vec<(u64, u8, i64)>")]
pub struct Members(pub BTreeMap<PhoneNumber, Member>);

impl From<Members> for Vec<(u64, u8, i64)> {
    fn from(members: Members) -> Self {
        let rank = |role| match role {
            Role::Participant => 0,
            Role::Admin => 1,
            Role::Superadmin => 2,
        };
        members
            .0
            .iter()
            .map(|(phone, m)| (phone.get(), rank(m.role), m.since.as_micros()))
            .collect()
    }
}

impl TryFrom<Vec<(u64, u8, i64)>> for Members {
    type Error = String;

    fn try_from(triples: Vec<(u64, u8, i64)>) -> Result<Self, String> {
        triples
            .into_iter()
            .map(|(phone, rank, since)| {
                let phone =
                    PhoneNumber::new(phone).ok_or_else(|| format!("{phone} is no phone number"))?;
                let role = match rank {
                    0 => Role::Participant,
                    1 => Role::Admin,
                    2 => Role::Superadmin,
                    _ => return Err(format!("{rank} is no role")),
                };
                Ok((phone, Member { role, since: Timestamp::from_micros(since) }))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// A group with what is not everyone's to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldGroup {
    pub core: GroupCore,
    pub invite_code: InviteCode,
    /// Who is no longer a member, and since when; forgotten after [`RECENTLY`](super::RECENTLY).
    #[serde(default)]
    pub departed: BTreeMap<PhoneNumber, Departure>,
    /// Invitations for one person each, by whom they are for.
    #[serde(default)]
    pub private_invites: BTreeMap<PhoneNumber, InviteRecord>,
    /// Who asked to join, and when.
    #[serde(default)]
    pub join_requests: BTreeMap<PhoneNumber, Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    pub time: Timestamp,
    /// By someone else, rather than by themselves.
    pub removed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteRecord {
    pub code: InviteCode,
    pub inviter: PhoneNumber,
    pub expire_time: Timestamp,
}
