//! Answers to what clients ask first, and to who is who.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::counter::Epoch;
use crate::envelope::Worker;

#[derive(Debug, Serialize, ToSchema)]
pub struct Pong {
    #[schema(example = "pong")]
    pub message: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, `error` or `shutting_down`.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// What is well.
    #[schema(value_type = BTreeMap<String, Check>)]
    pub info: BTreeMap<&'static str, Check>,
    /// What fails.
    #[schema(value_type = BTreeMap<String, Check>)]
    pub error: BTreeMap<&'static str, Check>,
    /// All of it.
    #[schema(value_type = BTreeMap<String, Check>)]
    pub details: BTreeMap<&'static str, Check>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Check {
    /// `up` or `down`.
    #[schema(example = "up")]
    pub status: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerStatus {
    /// When the service began, in milliseconds since 1970.
    pub start_timestamp: i64,
    /// For how long it runs, in milliseconds.
    #[schema(minimum = 0)]
    pub uptime: i64,
    pub worker: Worker,
}

/// The replicas that share a database.
#[derive(Debug, Serialize, ToSchema)]
pub struct Replicas {
    /// Grows with each takeover; 0 where the process is alone.
    #[schema(value_type = u64, minimum = 0)]
    pub epoch: Epoch,
    /// By id; none where the process is alone.
    pub replicas: Vec<Replica>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    pub id: String,
    /// Where the others reach it.
    #[schema(example = "10.0.0.7:50052")]
    pub address: String,
    #[schema(example = "0.2.0")]
    pub version: String,
    /// `owner`: it acts; `follower`.
    #[schema(example = "follower")]
    pub role: &'static str,
    /// `alive`, `draining` (it is being stopped), or `lost`: it has no heartbeat any more.
    #[schema(example = "alive")]
    pub state: &'static str,
    /// Whether it is the one that answers.
    pub is_self: bool,
}

/// The code to scan: a picture, or with `format=raw` its text alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct QRCode {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "image/png")]
    pub mimetype: Option<&'static str>,
    /// The picture in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub value: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PairingCode {
    #[schema(example = "ABCD-ABCD")]
    pub code: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LidToPhoneNumber {
    /// `null` where it is unknown.
    #[schema(required, example = "222@lid")]
    pub lid: Option<String>,
    /// `null` where it is unknown.
    #[schema(required, example = "12025550123@c.us")]
    pub pn: Option<String>,
}
