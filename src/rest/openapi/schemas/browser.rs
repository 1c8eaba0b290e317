//! Groups as the engines WEBJS and WPP answer them: a chat of WhatsApp Web, and in it what the group is.

use std::collections::HashMap;

use utoipa::ToSchema;

/// An id as WhatsApp Web's object.
#[derive(ToSchema)]
pub struct Wid {
    #[schema(example = "g.us")]
    server: String,
    #[schema(example = "120363000000000001")]
    user: String,
    #[schema(example = "120363000000000001@g.us")]
    _serialized: String,
}

/// The chat. Of its messages it says nothing.
#[derive(ToSchema)]
#[schema(as = Group, rename_all = "camelCase")]
pub struct Chat {
    #[schema(schema_with = id_of_group)]
    id: String,
    #[schema(example = "Team")]
    name: String,
    is_group: bool,
    /// Whether admins alone may write, and the account is none.
    is_read_only: bool,
    unread_count: i64,
    /// When the group was made, in seconds since 1970.
    timestamp: i64,
    archived: bool,
    pinned: bool,
    is_muted: bool,
    mute_expiration: i64,
    group_metadata: GroupMetadata,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct GroupMetadata {
    id: Wid,
    /// Seconds since 1970, like all times here.
    #[schema(required)]
    creation: Option<i64>,
    #[schema(schema_with = super::super::nullable_wid)]
    owner: Wid,
    subject: String,
    #[schema(required)]
    subject_time: Option<i64>,
    #[schema(schema_with = super::super::nullable_wid)]
    subject_owner: Wid,
    #[schema(required)]
    desc: Option<String>,
    #[schema(required)]
    desc_id: Option<String>,
    #[schema(required)]
    desc_time: Option<i64>,
    #[schema(schema_with = super::super::nullable_wid)]
    desc_owner: Wid,
    restrict: bool,
    announce: bool,
    #[schema(example = "all_member_add")]
    member_add_mode: String,
    membership_approval_mode: bool,
    /// Seconds; 0 is off.
    ephemeral_duration: i64,
    size: i64,
    is_parent_group: bool,
    default_subgroup: bool,
    #[schema(schema_with = super::super::nullable_wid)]
    parent_group: Wid,
    is_lid_addressing_mode: bool,
    suspended: bool,
    #[schema(nullable = false)]
    participants: Option<Vec<Member>>,
    /// Always empty, and so the next two.
    #[schema(nullable = false)]
    pending_participants: Option<Vec<Member>>,
    #[schema(nullable = false)]
    past_participants: Option<Vec<Member>>,
    #[schema(nullable = false)]
    membership_approval_requests: Option<Vec<Member>>,
}

#[derive(ToSchema)]
#[schema(as = Member, rename_all = "camelCase")]
pub struct Member {
    id: Wid,
    is_admin: bool,
    is_super_admin: bool,
}

/// In WEBJS: a group that was made, and what became of each by their id.
#[derive(ToSchema)]
#[schema(as = CreatedGroup)]
pub struct CreatedOnWebjs {
    title: String,
    gid: Wid,
    participants: HashMap<String, InvitedOnWebjs>,
}

#[derive(ToSchema)]
#[schema(as = InvitedParticipant, rename_all = "camelCase")]
pub struct InvitedOnWebjs {
    /// WhatsApp's code, 200 where it worked.
    status_code: u32,
    message: String,
    is_group_creator: bool,
    #[schema(rename = "isInviteV4Sent")]
    is_invite_v4_sent: bool,
}

/// What became of somebody who was to be added.
#[derive(ToSchema)]
#[schema(as = AddedParticipant, rename_all = "camelCase")]
pub struct AddedOnWebjs {
    /// WhatsApp's code, 200 where it worked.
    code: u32,
    message: String,
    #[schema(rename = "isInviteV4Sent")]
    is_invite_v4_sent: bool,
}

/// What happened is not said.
#[derive(ToSchema)]
pub struct Done {
    #[schema(example = 200)]
    status: u32,
}

/// In WPP: a group that was made, and what became of each by their id.
#[derive(ToSchema)]
#[schema(as = CreatedGroup)]
pub struct CreatedOnWpp {
    gid: Wid,
    participants: HashMap<String, InvitedOnWpp>,
}

#[derive(ToSchema)]
#[schema(as = InvitedParticipant)]
pub struct InvitedOnWpp {
    wid: String,
    /// WhatsApp's code, 200 where it worked.
    code: u32,
    /// How they may be invited privately, and until when.
    #[schema(required)]
    invite_code: Option<String>,
    #[schema(required)]
    invite_code_exp: Option<i64>,
}

/// What became of somebody who was to be added.
#[derive(ToSchema)]
#[schema(as = AddedParticipant)]
pub struct AddedOnWpp {
    wid: String,
    /// WhatsApp's code, 200 where it worked.
    code: u32,
    message: String,
    #[schema(required)]
    invite_code: Option<String>,
    #[schema(required)]
    invite_code_exp: Option<i64>,
}

/// The group behind an invite.
#[derive(ToSchema)]
#[schema(as = InvitedGroup, rename_all = "camelCase")]
pub struct Previewed {
    #[schema(schema_with = id_of_group)]
    id: String,
    subject: String,
    desc: String,
    size: i64,
    #[schema(schema_with = id_or_nothing)]
    owner: String,
    #[schema(required)]
    creation: Option<i64>,
    membership_approval_mode: bool,
    #[schema(schema_with = id_or_nothing)]
    parent_group: String,
    participants: Vec<PreviewedMember>,
}

#[derive(ToSchema)]
#[schema(as = InvitedGroupMember, rename_all = "camelCase")]
pub struct PreviewedMember {
    #[schema(schema_with = id_of_group)]
    id: String,
    is_admin: bool,
    is_super_admin: bool,
}

/// An object in WEBJS, a text in WPP: the document of each shape has it under this name.
fn id_of_group() -> utoipa::openapi::Ref {
    utoipa::openapi::Ref::from_schema_name("ChatId")
}

fn id_or_nothing() -> utoipa::openapi::Schema {
    super::super::nullable("ChatId")
}
