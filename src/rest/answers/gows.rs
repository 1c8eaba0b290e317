//! Groups as the engine GOWS answers them.

use serde::Serialize;
use utoipa::ToSchema;

/// whatsmeow's `GroupInfo`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = Group)]
pub struct Group {
    #[serde(rename = "JID")]
    #[schema(example = "120363000000000001@g.us")]
    pub jid: String,
    #[serde(rename = "OwnerJID")]
    pub owner_jid: String,
    #[serde(rename = "OwnerPN")]
    pub owner_pn: String,
    #[schema(example = "Team")]
    pub name: String,
    /// `0001-01-01T00:00:00Z` where it is unknown, like all times here.
    pub name_set_at: String,
    pub name_set_by: String,
    #[serde(rename = "NameSetByPN")]
    pub name_set_by_pn: String,
    pub topic: String,
    #[serde(rename = "TopicID")]
    pub topic_id: String,
    pub topic_set_at: String,
    pub topic_set_by: String,
    #[serde(rename = "TopicSetByPN")]
    pub topic_set_by_pn: String,
    pub topic_deleted: bool,
    pub is_locked: bool,
    pub is_announce: bool,
    #[serde(rename = "AnnounceVersionID")]
    pub announce_version_id: String,
    pub is_ephemeral: bool,
    pub disappearing_timer: i64,
    pub is_incognito: bool,
    pub is_parent: bool,
    pub default_membership_approval_mode: String,
    #[serde(rename = "LinkedParentJID")]
    pub linked_parent_jid: String,
    pub is_default_sub_group: bool,
    pub is_join_approval_required: bool,
    #[schema(example = "lid")]
    pub addressing_mode: String,
    pub group_created: String,
    pub creator_country_code: String,
    #[serde(rename = "ParticipantVersionID")]
    pub participant_version_id: String,
    pub participant_count: i64,
    #[schema(example = "all_member_add")]
    pub member_add_mode: String,
    #[schema(example = "admin_share")]
    pub member_share_history_mode: String,
    pub suspended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub participants: Option<Vec<Member>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = Member)]
pub struct Member {
    #[serde(rename = "JID")]
    #[schema(example = "111@lid")]
    pub jid: String,
    pub phone_number: String,
    #[serde(rename = "LID")]
    pub lid: String,
    pub is_admin: bool,
    pub is_super_admin: bool,
    pub display_name: String,
    /// WhatsApp's code of what went wrong; 0 where nothing did.
    pub error: u32,
    #[schema(schema_with = crate::rest::answers::schema::nullable_add_request, required)]
    pub add_request: Option<AddRequest>,
}

/// An invitation for one person, who may not be added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct AddRequest {
    pub code: String,
    #[schema(format = DateTime)]
    pub expiration: String,
}
