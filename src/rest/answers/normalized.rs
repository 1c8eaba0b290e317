//! WAHA's own words.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::participant::ParticipantStatus;
use crate::envelope::words::{GroupParticipant, ParticipantRole};

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Group)]
pub struct Group {
    #[schema(example = "120363000000000001@g.us")]
    pub id: String,
    #[schema(example = "Team")]
    pub subject: String,
    pub description: String,
    pub members_can_add_new_member: bool,
    pub members_can_send_messages: bool,
    pub new_members_approval_required: bool,
    /// How many members there are; only where these are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub participants: Option<Vec<GroupParticipant>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CreatedGroup)]
pub struct Created {
    pub id: String,
    pub subject: String,
    pub description: String,
    pub members_can_add_new_member: bool,
    pub members_can_send_messages: bool,
    pub new_members_approval_required: bool,
    pub participants: Vec<GroupParticipant>,
    /// What became of each invitee.
    pub results: Vec<Outcome>,
}

/// What became of one person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParticipantResult)]
pub struct Outcome {
    pub id: String,
    #[schema(required)]
    pub pn: Option<String>,
    /// Left out where the person is no member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub role: Option<ParticipantRole>,
    /// WhatsApp's code; 200 where it worked.
    #[schema(example = 200)]
    pub code: u32,
    /// The same as a word.
    #[schema(value_type = String, example = "ok")]
    pub status: ParticipantStatus,
    /// An invitation for this person alone, where the person may not be added.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub invite: Option<Invitation>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrivateInvite)]
pub struct Invitation {
    pub code: String,
    #[schema(format = DateTime)]
    pub expiration: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvitedGroup)]
pub struct Previewed {
    pub id: String,
    pub subject: String,
    pub description: String,
    pub members_can_add_new_member: bool,
    pub members_can_send_messages: bool,
    pub new_members_approval_required: bool,
    pub participants: Vec<GroupParticipant>,
    /// The link.
    pub invite: String,
    /// How many members there are, of which an invite shows a few.
    pub size: i64,
}
