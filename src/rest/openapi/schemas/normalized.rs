//! WAHA's own words.

use utoipa::ToSchema;

#[derive(ToSchema)]
#[schema(as = Group, rename_all = "camelCase")]
pub struct Group {
    #[schema(example = "120363000000000001@g.us")]
    id: String,
    #[schema(example = "Team")]
    subject: String,
    description: String,
    members_can_add_new_member: bool,
    members_can_send_messages: bool,
    new_members_approval_required: bool,
    /// How many members there are; only where these are left out.
    #[schema(nullable = false, minimum = 0)]
    size: Option<i64>,
    #[schema(nullable = false)]
    participants: Option<Vec<GroupParticipant>>,
}

#[derive(ToSchema)]
pub struct GroupParticipant {
    /// `…@lid`, or `…@c.us` where the number is all that is known.
    #[schema(example = "111@lid")]
    id: String,
    /// The phone number, where it is known.
    #[schema(required, example = "4915100000001@c.us")]
    pn: Option<String>,
    role: Role,
}

#[derive(ToSchema)]
#[schema(as = ParticipantRole, rename_all = "snake_case")]
pub enum Role {
    Left,
    Participant,
    Admin,
    Superadmin,
}

#[derive(ToSchema)]
#[schema(as = CreatedGroup, rename_all = "camelCase")]
pub struct Created {
    id: String,
    subject: String,
    description: String,
    members_can_add_new_member: bool,
    members_can_send_messages: bool,
    new_members_approval_required: bool,
    #[schema(nullable = false)]
    participants: Option<Vec<GroupParticipant>>,
    /// What became of each invitee.
    results: Vec<Outcome>,
}

/// What became of one person.
#[derive(ToSchema)]
#[schema(as = ParticipantResult)]
pub struct Outcome {
    id: String,
    #[schema(required)]
    pn: Option<String>,
    /// Left out where the person is no member.
    #[schema(nullable = false)]
    role: Option<Role>,
    /// WhatsApp's code; 200 where it worked.
    #[schema(example = 200)]
    code: u32,
    /// The same as a word.
    #[schema(example = "ok")]
    status: String,
    /// An invitation for this person alone, where the person may not be added.
    #[schema(nullable = false)]
    invite: Option<Invitation>,
}

#[derive(ToSchema)]
#[schema(as = PrivateInvite)]
pub struct Invitation {
    code: String,
    #[schema(format = DateTime)]
    expiration: String,
}

#[derive(ToSchema)]
#[schema(as = InvitedGroup, rename_all = "camelCase")]
pub struct Previewed {
    id: String,
    subject: String,
    description: String,
    members_can_add_new_member: bool,
    members_can_send_messages: bool,
    new_members_approval_required: bool,
    participants: Vec<GroupParticipant>,
    /// The link.
    invite: String,
    /// How many members there are, of which an invite shows a few.
    size: i64,
}
