//! Why the world refuses a whole call, with WhatsApp's code for it.

use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::{GroupId, InviteCode, PrivateInviteCode};
use crate::domain::reason::Reason;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    GroupNotFound(GroupId),
    NotMember(GroupId),
    /// What only admins may do.
    NotAdmin(&'static str),
    SubjectLength,
    DescriptionLength,
    /// Another text than the expected one is there.
    DescriptionConflict {
        group_id: GroupId,
        description_id: String,
    },
    TooManyParticipants,
    InviteInvalid,
    InviteRevoked(InviteCode),
    InviteExpired {
        code: PrivateInviteCode,
        expire_time: Timestamp,
    },
    JoinRequestNotFound(GroupId),
    PictureRejected(GroupId),
    /// WhatsApp has suspended the group.
    Suspended(GroupId),
    AlreadyMember(GroupId),
    GroupFull(GroupId),
    /// A removed account cannot rejoin by itself so soon.
    RecentlyRemoved(GroupId),
    /// The acting account does not exist.
    NotOnWhatsapp,
    NumberTaken,
    /// A session's account cannot move to another number.
    OwnNumber,
}

impl Refusal {
    /// The code that WhatsApp answers with.
    pub fn code(&self) -> u32 {
        match self {
            Self::NotMember(_) | Self::NotAdmin(_) => 403,
            Self::GroupNotFound(_) | Self::NotOnWhatsapp | Self::JoinRequestNotFound(_) => 404,
            Self::RecentlyRemoved(_) => 405,
            Self::SubjectLength
            | Self::DescriptionLength
            | Self::InviteInvalid
            | Self::PictureRejected(_) => 406,
            Self::AlreadyMember(_) => 304,
            Self::InviteRevoked(_) | Self::InviteExpired { .. } => 410,
            Self::GroupFull(_) | Self::TooManyParticipants => 419,
            Self::Suspended(_) => 423,
            Self::DescriptionConflict { .. } | Self::NumberTaken | Self::OwnNumber => 409,
        }
    }

    pub fn reason(&self) -> Reason {
        match self {
            Self::GroupNotFound(_) => Reason::GroupNotFound,
            Self::NotMember(_) => Reason::NotGroupMember,
            Self::NotAdmin(_) => Reason::NotGroupAdmin,
            Self::SubjectLength => Reason::SubjectRejected,
            Self::DescriptionLength
            | Self::TooManyParticipants
            | Self::NumberTaken
            | Self::OwnNumber => Reason::InvalidRequest,
            Self::InviteRevoked(_) => Reason::InviteRevoked,
            Self::InviteExpired { .. } => Reason::InviteExpired,
            Self::JoinRequestNotFound(_) => Reason::JoinRequestNotFound,
            Self::PictureRejected(_) => Reason::PictureRejected,
            Self::Suspended(_) => Reason::GroupLocked,
            Self::DescriptionConflict { .. } => Reason::DescriptionConflict,
            Self::InviteInvalid => Reason::InviteInvalid,
            Self::AlreadyMember(_) => Reason::AlreadyMember,
            Self::GroupFull(_) => Reason::GroupFull,
            Self::RecentlyRemoved(_) => Reason::RecentlyRemoved,
            Self::NotOnWhatsapp => Reason::NotOnWhatsapp,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::GroupNotFound(id) => format!("WhatsApp knows no group {id}"),
            Self::NotMember(id) => format!("the account is not in group {id}"),
            Self::NotAdmin(what) => format!("only admins of the group may {what}"),
            Self::SubjectLength => "WhatsApp takes a subject of 1 to 100 characters".to_owned(),
            Self::DescriptionLength => {
                "WhatsApp takes a description of at most 2048 characters".to_owned()
            }
            Self::DescriptionConflict { group_id, .. } => format!(
                "someone changed the description of group {group_id} meanwhile; read it and decide anew"
            ),
            Self::TooManyParticipants => "a group has at most 1024 members".to_owned(),
            Self::InviteInvalid => {
                "the invite code belongs to no group; ask for a new one".to_owned()
            }
            Self::InviteRevoked(_) => {
                "an admin has voided the invite; ask for the current link".to_owned()
            }
            Self::InviteExpired { .. } => {
                "the private invite has expired; have the admin add you again".to_owned()
            }
            Self::JoinRequestNotFound(id) => {
                format!("none of these people has an open request to join group {id}")
            }
            Self::PictureRejected(_) => {
                "WhatsApp takes a JPEG of at most 1 MiB as picture".to_owned()
            }
            Self::Suspended(id) => {
                format!("WhatsApp has suspended group {id}; nothing in it can change")
            }
            Self::AlreadyMember(id) => format!("the account is in group {id} already"),
            Self::GroupFull(id) => format!("group {id} has its 1024 members"),
            Self::RecentlyRemoved(id) => {
                format!("the account was removed from group {id}; an admin must add it again")
            }
            Self::NotOnWhatsapp => "the acting number is not on WhatsApp".to_owned(),
            Self::NumberTaken => {
                "the phone number belongs to somebody else; choose a free one".to_owned()
            }
            Self::OwnNumber => {
                "the account is a session's, which keeps its number; make another session"
                    .to_owned()
            }
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let error = Self::new(refusal.reason(), refusal.message()).with("code", refusal.code());
        match &refusal {
            Refusal::GroupNotFound(id)
            | Refusal::NotMember(id)
            | Refusal::AlreadyMember(id)
            | Refusal::GroupFull(id)
            | Refusal::PictureRejected(id)
            | Refusal::Suspended(id)
            | Refusal::RecentlyRemoved(id) => error.about("group", id).with("group_id", id),
            Refusal::DescriptionConflict { group_id, description_id } => {
                error.with("group_id", group_id).with("description_id", description_id)
            }
            Refusal::JoinRequestNotFound(id) => {
                error.about("join_request", id).with("group_id", id)
            }
            Refusal::InviteExpired { expire_time, .. } => error.with("expire_time", expire_time),
            Refusal::NotAdmin(_)
            | Refusal::InviteRevoked(_)
            | Refusal::OwnNumber
            | Refusal::SubjectLength
            | Refusal::DescriptionLength
            | Refusal::TooManyParticipants
            | Refusal::InviteInvalid
            | Refusal::NotOnWhatsapp
            | Refusal::NumberTaken => error,
        }
    }
}
