//! Groups as the engine NOWEB answers them: what a group has not is left out.

use utoipa::ToSchema;

/// Baileys' `GroupMetadata`.
#[derive(ToSchema)]
#[schema(as = Group, rename_all = "camelCase")]
pub struct Group {
    #[schema(example = "120363000000000001@g.us")]
    id: String,
    #[schema(example = "Team")]
    subject: String,
    size: i64,
    restrict: bool,
    announce: bool,
    is_community: bool,
    is_community_announce: bool,
    join_approval_mode: bool,
    /// Whether all members may add others.
    member_add_mode: bool,
    #[schema(nullable = false, example = "lid")]
    addressing_mode: Option<String>,
    #[schema(nullable = false)]
    subject_owner: Option<String>,
    #[schema(nullable = false)]
    subject_owner_pn: Option<String>,
    /// Seconds since 1970, like all times here.
    #[schema(nullable = false)]
    subject_time: Option<i64>,
    #[schema(nullable = false)]
    creation: Option<i64>,
    #[schema(nullable = false)]
    owner: Option<String>,
    #[schema(nullable = false)]
    owner_pn: Option<String>,
    /// Of the owner's phone number, where it is known and is of one country.
    #[schema(rename = "owner_country_code", nullable = false, example = "DE")]
    owner_country_code: Option<String>,
    #[schema(nullable = false)]
    desc: Option<String>,
    #[schema(nullable = false)]
    desc_id: Option<String>,
    #[schema(nullable = false)]
    desc_owner: Option<String>,
    #[schema(nullable = false)]
    desc_owner_pn: Option<String>,
    #[schema(nullable = false)]
    desc_time: Option<i64>,
    #[schema(nullable = false)]
    linked_parent: Option<String>,
    #[schema(nullable = false)]
    ephemeral_duration: Option<i64>,
    #[schema(nullable = false)]
    participants: Option<Vec<Member>>,
}

#[derive(ToSchema)]
#[schema(as = Member, rename_all = "camelCase")]
pub struct Member {
    #[schema(example = "111@lid")]
    id: String,
    /// `admin`, `superadmin`, or nothing.
    #[schema(required)]
    admin: Option<String>,
    #[schema(nullable = false)]
    phone_number: Option<String>,
    #[schema(nullable = false)]
    lid: Option<String>,
}

/// What became of one person.
#[derive(ToSchema)]
#[schema(as = ParticipantResult)]
pub struct Outcome {
    /// WhatsApp's code as a text; `200` where it worked.
    #[schema(example = "200")]
    status: String,
    jid: String,
    /// The node that WhatsApp answered.
    #[schema(value_type = Object)]
    content: String,
}
