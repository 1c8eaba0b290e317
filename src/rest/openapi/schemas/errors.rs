//! WAHA's three bodies of errors.

use utoipa::ToSchema;

/// What is wrong with the request, the key or the moment.
#[derive(ToSchema)]
#[schema(as = Error, rename_all = "camelCase")]
pub struct Plain {
    /// One text; or, where fields are wrong, one for each.
    #[schema(schema_with = super::super::message)]
    message: String,
    /// The name of the status; left out at 401 and 403.
    #[schema(nullable = false, example = "Bad Request")]
    error: Option<String>,
    #[schema(example = 400)]
    status_code: u16,
}

/// The session does not exist, or does not work.
#[derive(ToSchema)]
#[schema(as = SessionError)]
pub struct OfSession {
    #[schema(
        example = "Session status is not as expected. Try again later or restart the session"
    )]
    error: String,
    #[schema(example = "default")]
    session: String,
    /// What the session's status is.
    #[schema(nullable = false, example = "STOPPED")]
    status: Option<String>,
    /// What it would have to be.
    #[schema(nullable = false)]
    expected: Option<Vec<String>>,
}

/// WhatsApp refuses; or something is wrong with the service, where the reason is `INTERNAL`.
#[derive(ToSchema)]
#[schema(as = ExceptionError, rename_all = "camelCase")]
pub struct Thrown {
    #[schema(example = 500)]
    status_code: u16,
    /// When.
    #[schema(format = DateTime)]
    timestamp: String,
    exception: Exception,
    request: RequestOf,
    version: super::plain::Version,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Exception {
    /// What happened, and what to do.
    message: String,
    #[schema(example = "Error")]
    name: String,
    /// The same as in `X-Wagroups-Reason`.
    #[schema(example = "GROUP_NOT_FOUND")]
    reason: String,
    /// WhatsApp's own code, where WhatsApp was asked; in `gows` it stands in the message.
    #[schema(nullable = false, example = 403)]
    data: Option<u32>,
    /// In `gows`, the code of gRPC.
    #[schema(nullable = false, example = 2)]
    code: Option<u32>,
    /// In `gows`, the message without that code.
    #[schema(nullable = false)]
    details: Option<String>,
    /// In `gows`.
    #[schema(value_type = Option<Object>, nullable = false)]
    metadata: Option<String>,
    /// In `noweb`, beside `data`, and so the next two.
    #[schema(nullable = false)]
    is_boom: Option<bool>,
    #[schema(nullable = false)]
    is_server: Option<bool>,
    #[schema(value_type = Option<Object>, nullable = false)]
    output: Option<String>,
}

/// Which request it was; never its body nor its key.
#[derive(ToSchema)]
#[schema(as = RequestOfException)]
pub struct RequestOf {
    #[schema(example = "/api/default/groups/120363000000000001@g.us")]
    path: String,
    #[schema(example = "GET")]
    method: String,
    #[schema(value_type = Object)]
    query: std::collections::HashMap<String, String>,
}
