//! WAHA's three bodies of errors.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::reason::Reason;
use crate::envelope::Version;

/// One text, or several.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Message {
    One(String),
    Several(Vec<String>),
}

/// What is wrong with the request, the key or the moment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Error)]
pub struct Plain {
    /// One text; or, where fields are wrong, one for each.
    #[schema(schema_with = crate::rest::answers::schema::message)]
    pub message: Message,
    /// The name of the status; left out at 401 and 403.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Bad Request")]
    pub error: Option<&'static str>,
    #[schema(example = 400)]
    pub status_code: u16,
}

/// The session does not exist, or does not work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionError)]
pub struct OfSession {
    #[schema(
        example = "Session status is not as expected. Try again later or restart the session"
    )]
    pub error: String,
    #[schema(example = "default")]
    pub session: String,
    /// What the session's status is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "STOPPED")]
    pub status: Option<String>,
    /// What it would have to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expected: Option<Vec<String>>,
}

/// WhatsApp refuses; or something is wrong with the service, where the reason is `INTERNAL`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExceptionError)]
pub struct Thrown {
    #[schema(example = 500)]
    pub status_code: u16,
    /// When.
    #[schema(format = DateTime)]
    pub timestamp: String,
    pub exception: Exception,
    pub request: RequestOf,
    pub version: Version,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// What happened, and what to do.
    pub message: String,
    #[schema(example = "Error")]
    pub name: &'static str,
    /// The same as in `X-Wagroups-Reason`.
    #[schema(value_type = String, example = "GROUP_NOT_FOUND")]
    pub reason: Reason,
    /// WhatsApp's own code, where WhatsApp was asked; in `gows` it stands in the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 403)]
    pub data: Option<u32>,
    /// In `gows`, the code of gRPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 2)]
    pub code: Option<u32>,
    /// In `gows`, the message without that code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub details: Option<String>,
    /// In `gows`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub metadata: Option<Map<String, Value>>,
    /// In `noweb`, beside `data`, and so the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub is_boom: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub is_server: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub output: Option<Map<String, Value>>,
}

impl Exception {
    pub fn new(message: String, reason: Reason) -> Self {
        Self {
            message,
            name: "Error",
            reason,
            data: None,
            code: None,
            details: None,
            metadata: None,
            is_boom: None,
            is_server: None,
            output: None,
        }
    }
}

/// Which request it was; never its body nor its key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestOfException)]
pub struct RequestOf {
    #[schema(example = "/api/default/groups/120363000000000001@g.us")]
    pub path: String,
    #[schema(example = "GET")]
    pub method: String,
    #[schema(value_type = Object)]
    pub query: BTreeMap<String, String>,
}
