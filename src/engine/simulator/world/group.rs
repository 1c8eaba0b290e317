//! A group as the world holds it: the truth.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::numbers;
use crate::domain::clock::Timestamp;
use crate::domain::group::{
    AddressingMode, Description, Group, GroupKind, GroupSettings, MAX_PARTICIPANTS, Subject,
};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber, PrivateInviteCode};
use crate::domain::join_request::{JoinRequest, JoinRequestMethod};
use crate::domain::participant::{Account, Participant, Role};

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
    /// WhatsApp lets nothing change.
    #[serde(default)]
    pub suspended: bool,
    #[serde(default)]
    pub kind: GroupKind,
    /// The community that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<GroupId>,
    /// Members whose number is now another than the one the world knows the account by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub renumbered: BTreeMap<PhoneNumber, PhoneNumber>,
}

impl GroupCore {
    /// How the group names an account.
    pub fn name_of(&self, phone: PhoneNumber) -> ParticipantId {
        self.account_of(phone).id()
    }

    /// The names of an account that the group shows: a group of the old kind knows no hidden ids.
    pub fn account_of(&self, phone: PhoneNumber) -> Account {
        let number = self.renumbered.get(&phone).copied().unwrap_or(phone);
        match (self.addressing_mode, numbers::lid_of(phone)) {
            (AddressingMode::PhoneNumber, _) | (_, None) => {
                Account::new(ParticipantId::Phone(number))
            }
            (AddressingMode::Lid | AddressingMode::Unknown, Some(lid)) => {
                Account::with_both(lid, number)
            }
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
        group.suspended = self.suspended;
        group.kind = self.kind;
        group.parent = self.parent.clone();
        group.set_participants(
            self.members
                .0
                .iter()
                .map(|(phone, member)| Participant::new(self.account_of(*phone), member.role))
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
    /// Former members, and since when; forgotten after [`RECENTLY`](super::RECENTLY).
    #[serde(default)]
    pub departed: BTreeMap<PhoneNumber, Departure>,
    /// Invitations for one person each, by that person.
    #[serde(default)]
    pub private_invites: BTreeMap<PhoneNumber, InviteRecord>,
    /// Who asked to join.
    #[serde(default)]
    pub requests: BTreeMap<PhoneNumber, PendingRequest>,
    /// Codes that were voided, the last ones.
    #[serde(default)]
    pub revoked: VecDeque<InviteCode>,
}

impl WorldGroup {
    /// The open request of an account, as admins see it.
    pub fn join_request(&self, phone: PhoneNumber) -> Option<JoinRequest> {
        let request = self.requests.get(&phone)?;
        Some(JoinRequest {
            requester: self.core.account_of(phone),
            request_time: Some(request.time),
            method: Some(request.method),
            added_by: request.added_by.map(|adder| self.core.name_of(adder)),
            parent: None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRequest {
    pub time: Timestamp,
    pub method: JoinRequestMethod,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_by: Option<PhoneNumber>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    pub time: Timestamp,
    /// By someone else, rather than by themselves.
    pub removed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteRecord {
    pub code: PrivateInviteCode,
    pub inviter: PhoneNumber,
    pub expire_time: Timestamp,
}
