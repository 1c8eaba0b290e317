//! Groups as the engine NOWEB answers them: what a group has not is left out.

use serde::Serialize;
use utoipa::ToSchema;

/// Baileys' `GroupMetadata`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Group)]
pub struct Group {
    #[schema(example = "120363000000000001@g.us")]
    pub id: String,
    #[schema(example = "Team")]
    pub subject: String,
    pub size: i64,
    pub restrict: bool,
    pub announce: bool,
    pub is_community: bool,
    pub is_community_announce: bool,
    pub join_approval_mode: bool,
    /// Whether all members may add others.
    pub member_add_mode: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "lid")]
    pub addressing_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject_owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject_owner_pn: Option<String>,
    /// Seconds since 1970, like all times here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub creation: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owner_pn: Option<String>,
    /// Of the owner's phone number, where it is known and is of one country.
    #[serde(rename = "owner_country_code", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "DE")]
    pub owner_country_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub desc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub desc_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub desc_owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub desc_owner_pn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub desc_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub linked_parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ephemeral_duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub participants: Option<Vec<Member>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Member)]
pub struct Member {
    #[schema(example = "111@lid")]
    pub id: String,
    /// `admin`, `superadmin`, or nothing.
    #[schema(required)]
    pub admin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lid: Option<String>,
}

/// What became of one person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParticipantResult)]
pub struct Outcome {
    /// WhatsApp's code as a text; `200` where it worked.
    #[schema(example = "200")]
    pub status: String,
    pub jid: String,
    /// The node that WhatsApp answered.
    #[schema(value_type = Object)]
    pub content: Node,
}

/// As WhatsApp sends it.
#[derive(Debug, Serialize)]
pub struct Node {
    pub tag: &'static str,
    pub attrs: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<AddRequest>>,
}

#[derive(Debug, Serialize)]
pub struct Attributes {
    pub jid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct AddRequest {
    pub tag: &'static str,
    pub attrs: Invitation,
}

#[derive(Debug, Serialize)]
pub struct Invitation {
    pub code: String,
    pub expiration: String,
}
