//! Bodies of requests.
#![expect(
    dead_code,
    reason = "they describe what handlers read field by field, and are never made"
)]

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::ObjectBuilder;

use crate::rest::openapi::says::text;
use crate::rest::openapi::{invite_code_text, session_name_text, written_number};

fn session_name() -> ObjectBuilder {
    session_name_text().examples([json!("default")])
}

fn person() -> ObjectBuilder {
    const DESCRIPTION: &str = "A phone number with its country code, alone or as `…@c.us`, or a hidden id, `…@lid`. \
                               Numbers may be written as people write them, too: `+49 151 2000-0001`.";
    text()
        .pattern(Some(format!(r"^(\+?{}|[1-9][0-9]{{0,17}}@lid)$", written_number())))
        .description(Some(DESCRIPTION))
        .examples([json!("12025550123@c.us")])
}

fn linked_number() -> ObjectBuilder {
    text()
        .pattern(Some(format!(r"^\+?{}$", written_number())))
        .description(Some("Of the account to link, with its country code."))
        .examples([json!("12025550123")])
}

fn invite_code() -> ObjectBuilder {
    invite_code_text()
        .description(Some("An invite code, or a link with one."))
        .examples([json!("https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv")])
}

/// One person.
#[derive(ToSchema)]
pub struct Participant {
    #[schema(schema_with = person)]
    id: String,
}

#[derive(ToSchema)]
pub struct CreateGroupRequest {
    /// The subject: not all blank, without control characters.
    #[schema(
        example = "Team",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0a-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// Who is invited; who cannot be added is named in the answer.
    #[schema(max_items = 1024)]
    participants: Vec<Participant>,
}

#[derive(ToSchema)]
pub struct ParticipantsRequest {
    #[schema(min_items = 1, max_items = 1024)]
    participants: Vec<Participant>,
}

#[derive(ToSchema)]
pub struct JoinGroupRequest {
    #[schema(schema_with = invite_code)]
    code: String,
}

#[derive(ToSchema)]
pub struct SubjectRequest {
    /// Not all blank, without control characters.
    #[schema(
        example = "Team",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0a-\x1f\x7f-\x9f]*$"
    )]
    subject: String,
}

#[derive(ToSchema)]
pub struct DescriptionRequest {
    /// Empty to have none; no control characters but line breaks and tabs. A tab is a space.
    #[schema(
        example = "What we are about",
        max_length = 2048,
        pattern = r"^[^\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]*$"
    )]
    description: String,
}

#[derive(ToSchema)]
pub struct PictureRequest {
    /// A file by its address, or by its bytes.
    #[schema(schema_with = super::file)]
    file: String,
}

#[derive(ToSchema)]
pub struct RemoteFile {
    /// Where the file is, at a public address.
    #[schema(example = "https://example.com/picture.jpg", max_length = 2048, format = "uri")]
    url: String,
    #[schema(nullable = false, example = "image/jpeg")]
    mimetype: Option<String>,
    #[schema(nullable = false)]
    filename: Option<String>,
}

#[derive(ToSchema)]
pub struct BinaryFile {
    /// The file in base64: JPEG, PNG or WebP, of at most 10 MiB.
    #[schema(
        content_encoding = "base64",
        example = "iVBORw0KGgo=",
        pattern = r"^(data:[a-z]+/[a-z0-9.+-]+;base64,)?([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
    )]
    data: String,
    #[schema(nullable = false, example = "image/png")]
    mimetype: Option<String>,
    #[schema(nullable = false)]
    filename: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct AdminsOnly {
    /// Whether only admins may.
    admins_only: bool,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MemberAddMode {
    /// Whether every member may add others, and not only admins.
    members_can_add_new_member: bool,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MembershipApproval {
    /// Whether an admin has to let in who comes by the link.
    new_members_approval_required: bool,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MemberShareHistory {
    /// Whether every member may share what was said before with new ones.
    members_can_share_history: bool,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RequestCodeRequest {
    #[schema(schema_with = linked_number)]
    phone_number: String,
}

#[derive(ToSchema)]
pub struct SessionNameRequest {
    #[schema(schema_with = session_name)]
    name: String,
}

#[derive(ToSchema)]
pub struct StopSessionRequest {
    #[schema(schema_with = session_name)]
    name: String,
    /// Whether to unlink it, too.
    logout: Option<bool>,
}

/// What a session's server is asked: the session, and whatever WAHA takes beside it.
#[derive(ToSchema)]
pub struct CarriedRequest {
    #[schema(schema_with = session_name)]
    session: String,
}
