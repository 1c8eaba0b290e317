//! Groups as the engines WEBJS and WPP answer them: a chat of WhatsApp Web, and in it what the group is.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// An id as WhatsApp Web's object.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Wid {
    #[schema(example = "g.us")]
    pub server: String,
    #[schema(example = "120363000000000001")]
    pub user: String,
    #[schema(example = "120363000000000001@g.us")]
    #[serde(rename = "_serialized")]
    pub serialized: String,
}

/// An id: an object in WEBJS, a text in WPP.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ChatId {
    Object(Wid),
    Text(String),
}

/// The chat. Of its messages it says nothing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Group)]
pub struct Chat {
    #[schema(schema_with = id_of_group)]
    pub id: ChatId,
    #[schema(example = "Team")]
    pub name: String,
    pub is_group: bool,
    /// Whether admins alone may write, and the account is none.
    pub is_read_only: bool,
    pub unread_count: i64,
    /// When the group was made, in seconds since 1970.
    pub timestamp: i64,
    pub archived: bool,
    pub pinned: bool,
    pub is_muted: bool,
    pub mute_expiration: i64,
    pub group_metadata: GroupMetadata,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupMetadata {
    pub id: Wid,
    /// Seconds since 1970, like all times here.
    #[schema(required)]
    pub creation: Option<i64>,
    #[schema(schema_with = crate::rest::answers::schema::nullable_wid, required)]
    pub owner: Option<Wid>,
    pub subject: String,
    #[schema(required)]
    pub subject_time: Option<i64>,
    #[schema(schema_with = crate::rest::answers::schema::nullable_wid, required)]
    pub subject_owner: Option<Wid>,
    #[schema(required)]
    pub desc: Option<String>,
    #[schema(required)]
    pub desc_id: Option<String>,
    #[schema(required)]
    pub desc_time: Option<i64>,
    #[schema(schema_with = crate::rest::answers::schema::nullable_wid, required)]
    pub desc_owner: Option<Wid>,
    pub restrict: bool,
    pub announce: bool,
    #[schema(example = "all_member_add")]
    pub member_add_mode: String,
    pub membership_approval_mode: bool,
    /// Seconds; 0 is off.
    pub ephemeral_duration: i64,
    pub size: i64,
    pub is_parent_group: bool,
    pub default_subgroup: bool,
    #[schema(schema_with = crate::rest::answers::schema::nullable_wid, required)]
    pub parent_group: Option<Wid>,
    pub is_lid_addressing_mode: bool,
    pub suspended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub participants: Option<Vec<Member>>,
    /// Always empty, and so the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pending_participants: Option<Vec<Member>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub past_participants: Option<Vec<Member>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub membership_approval_requests: Option<Vec<Member>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Member)]
pub struct Member {
    pub id: Wid,
    pub is_admin: bool,
    pub is_super_admin: bool,
}

/// In WEBJS: a group that was made, and what became of each by their id.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedGroup)]
pub struct CreatedOnWebjs {
    pub title: String,
    pub gid: Wid,
    pub participants: BTreeMap<String, InvitedOnWebjs>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvitedParticipant)]
pub struct InvitedOnWebjs {
    /// WhatsApp's code, 200 where it worked.
    pub status_code: u32,
    pub message: String,
    pub is_group_creator: bool,
    #[serde(rename = "isInviteV4Sent")]
    pub is_invite_v4_sent: bool,
}

/// What became of somebody who was to be added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AddedParticipant)]
pub struct AddedOnWebjs {
    /// WhatsApp's code, 200 where it worked.
    pub code: u32,
    pub message: String,
    #[serde(rename = "isInviteV4Sent")]
    pub is_invite_v4_sent: bool,
}

/// What happened is not said.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    #[schema(example = 200)]
    pub status: u32,
}

/// In WPP: a group that was made, and what became of each by their id.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedGroup)]
pub struct CreatedOnWpp {
    pub gid: Wid,
    pub participants: BTreeMap<String, InvitedOnWpp>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvitedParticipant)]
pub struct InvitedOnWpp {
    pub wid: String,
    /// WhatsApp's code, 200 where it worked.
    pub code: u32,
    /// How they may be invited privately, and until when.
    #[schema(required)]
    pub invite_code: Option<String>,
    #[schema(required)]
    pub invite_code_exp: Option<i64>,
}

/// What became of somebody who was to be added.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddedParticipant)]
pub struct AddedOnWpp {
    pub wid: String,
    /// WhatsApp's code, 200 where it worked.
    pub code: u32,
    pub message: String,
    #[schema(required)]
    pub invite_code: Option<String>,
    #[schema(required)]
    pub invite_code_exp: Option<i64>,
}

/// The group behind an invite.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvitedGroup)]
pub struct Previewed {
    #[schema(schema_with = id_of_group)]
    pub id: ChatId,
    pub subject: String,
    pub desc: String,
    pub size: i64,
    #[schema(schema_with = id_or_nothing, required)]
    pub owner: Option<ChatId>,
    #[schema(required)]
    pub creation: Option<i64>,
    pub membership_approval_mode: bool,
    #[schema(schema_with = id_or_nothing, required)]
    pub parent_group: Option<ChatId>,
    pub participants: Vec<PreviewedMember>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvitedGroupMember)]
pub struct PreviewedMember {
    #[schema(schema_with = id_of_group)]
    pub id: ChatId,
    pub is_admin: bool,
    pub is_super_admin: bool,
}

/// The document of each shape has it under this name.
fn id_of_group() -> utoipa::openapi::Ref {
    utoipa::openapi::Ref::from_schema_name("ChatId")
}

fn id_or_nothing() -> utoipa::openapi::Schema {
    crate::rest::answers::schema::nullable("ChatId")
}
