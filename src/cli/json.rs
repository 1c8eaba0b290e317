//! Messages of the contract as JSON, or why that fails.

use prost::Message;
use serde_json::Value;

use super::errors::Failure;
pub use crate::pb::json::to_message;

/// The message as JSON; `name` is its name in the contract, without the package.
pub fn of_message(name: &str, message: &impl Message) -> Result<Value, Failure> {
    of_bytes(name, &message.encode_to_vec())
}

/// The encoded message as JSON, fields that this version does not know left out.
pub fn of_bytes(name: &str, encoded: &[u8]) -> Result<Value, Failure> {
    crate::pb::json::of_bytes(name, encoded)
        .map_err(|cause| Failure::Local(format!("cannot show a {name} as JSON: {cause}")))
}
