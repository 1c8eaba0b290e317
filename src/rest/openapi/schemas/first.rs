//! Answers to what clients ask first, and to who is who.

use std::collections::HashMap;

use utoipa::ToSchema;

use super::plain::Worker;

#[derive(ToSchema)]
pub struct Pong {
    #[schema(example = "pong")]
    message: String,
}

#[derive(ToSchema)]
pub struct Health {
    /// `ok`, `error` or `shutting_down`.
    #[schema(example = "ok")]
    status: String,
    /// What is well.
    info: HashMap<String, Check>,
    /// What fails.
    error: HashMap<String, Check>,
    /// All of it.
    details: HashMap<String, Check>,
}

#[derive(ToSchema)]
pub struct Check {
    /// `up` or `down`.
    #[schema(example = "up")]
    status: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ServerStatus {
    /// When the service began, in milliseconds since 1970.
    start_timestamp: i64,
    /// For how long it runs, in milliseconds.
    #[schema(minimum = 0)]
    uptime: i64,
    worker: Worker,
}

/// The code to scan: a picture, or with `format=raw` its text alone.
#[derive(ToSchema)]
pub struct QRCode {
    #[schema(nullable = false, example = "image/png")]
    mimetype: Option<String>,
    /// The picture in base64.
    #[schema(nullable = false)]
    data: Option<String>,
    #[schema(nullable = false)]
    value: Option<String>,
}

#[derive(ToSchema)]
pub struct PairingCode {
    #[schema(example = "ABCD-ABCD")]
    code: String,
}

#[derive(ToSchema)]
pub struct LidToPhoneNumber {
    /// `null` where it is unknown.
    #[schema(required, example = "222@lid")]
    lid: Option<String>,
    /// `null` where it is unknown.
    #[schema(required, example = "4915120000001@c.us")]
    pn: Option<String>,
}
