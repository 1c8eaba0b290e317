//! Commands, queries and their answers as bytes: for other processes, and for what a repetition must equal.
//!
//! JSON, each operation by its name. Whoever reads it may be of a version earlier or later: fields that it does not
//! know are passed over, those that came later have a default, and an operation that it does not know is an error.
//! Of groups that were fetched nothing is encoded: by the time that a caller is answered they are in the log.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::Command;
use crate::domain::error::{Error, Result};

/// Of what a call asks for: two calls of one request id must ask for the same.
pub type Digest = [u8; 32];

impl Command {
    pub fn digest(&self) -> Result<Digest> {
        Ok(Sha256::digest(encode(self)?).into())
    }
}

pub fn encode<T: Serialize>(operation: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(operation).map_err(Error::internal)
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(Error::internal)
}
