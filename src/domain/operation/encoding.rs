//! Commands, queries and their answers as bytes: what a repetition must equal is a hash of them, and they can be handed
//! to other processes. Decoding a command applies its types' own rules; its caller checks the contract's limits.
//!
//! JSON, each operation by its name. The reader may be of an earlier or a later version: fields that it does not know
//! are passed over, those that came later have a default and are left out where they have it, and an operation that it
//! does not know is an error. So a field that only narrows what is done (as `expected_id` does) may not come later.
//! Of groups that were fetched nothing is encoded: by the time that a caller is answered they are in the log.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::Command;
use crate::domain::error::{Error, Result};

/// Of what a call asks for: two calls of one request id must ask for the same.
pub type Digest = [u8; 32];

impl Command {
    pub fn digest(&self) -> Result<Digest> {
        let mut hash = Hash::default();
        serde_json::to_writer(&mut hash, self).map_err(Error::internal)?;
        Ok(hash.0.finalize().into())
    }
}

/// Hashes what is written as it comes: a picture may have 10 MiB.
#[derive(Default)]
struct Hash(Sha256);

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn encode<T: Serialize>(operation: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(operation).map_err(Error::internal)
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(Error::internal)
}
