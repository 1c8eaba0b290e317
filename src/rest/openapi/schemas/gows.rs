//! Groups as the engine GOWS answers them.

use utoipa::ToSchema;

/// whatsmeow's `GroupInfo`.
#[derive(ToSchema)]
#[schema(as = Group, rename_all = "PascalCase")]
pub struct Group {
    #[schema(rename = "JID", example = "120363000000000001@g.us")]
    jid: String,
    #[schema(rename = "OwnerJID")]
    owner_jid: String,
    #[schema(rename = "OwnerPN")]
    owner_pn: String,
    #[schema(example = "Team")]
    name: String,
    /// `0001-01-01T00:00:00Z` where it is unknown, like all times here.
    name_set_at: String,
    name_set_by: String,
    #[schema(rename = "NameSetByPN")]
    name_set_by_pn: String,
    topic: String,
    #[schema(rename = "TopicID")]
    topic_id: String,
    topic_set_at: String,
    topic_set_by: String,
    #[schema(rename = "TopicSetByPN")]
    topic_set_by_pn: String,
    topic_deleted: bool,
    is_locked: bool,
    is_announce: bool,
    #[schema(rename = "AnnounceVersionID")]
    announce_version_id: String,
    is_ephemeral: bool,
    disappearing_timer: i64,
    is_incognito: bool,
    is_parent: bool,
    default_membership_approval_mode: String,
    #[schema(rename = "LinkedParentJID")]
    linked_parent_jid: String,
    is_default_sub_group: bool,
    is_join_approval_required: bool,
    #[schema(example = "lid")]
    addressing_mode: String,
    group_created: String,
    creator_country_code: String,
    #[schema(rename = "ParticipantVersionID")]
    participant_version_id: String,
    participant_count: i64,
    #[schema(example = "all_member_add")]
    member_add_mode: String,
    #[schema(example = "admin_share")]
    member_share_history_mode: String,
    suspended: bool,
    #[schema(nullable = false)]
    participants: Option<Vec<Member>>,
}

#[derive(ToSchema)]
#[schema(as = Member, rename_all = "PascalCase")]
pub struct Member {
    #[schema(rename = "JID", example = "111@lid")]
    jid: String,
    phone_number: String,
    #[schema(rename = "LID")]
    lid: String,
    is_admin: bool,
    is_super_admin: bool,
    display_name: String,
    /// WhatsApp's code of what went wrong; 0 where nothing did.
    error: u32,
    #[schema(schema_with = super::super::nullable_add_request)]
    add_request: AddRequest,
}

/// An invitation for one person, who may not be added.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
pub struct AddRequest {
    code: String,
    #[schema(format = DateTime)]
    expiration: String,
}
