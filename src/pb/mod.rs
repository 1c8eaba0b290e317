//! The generated contract, and the conversions between it and the domain.

mod change;
mod codec;
pub mod event;
mod field_count;
pub mod group;
mod invite;
mod join_request;
pub mod json;
pub mod participant;
pub mod session;
mod shared;
mod webhook;
pub mod wire;

#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod generated {
    tonic::include_proto!("wagroups.v1");
}

pub use generated::*;
pub use shared::{
    GetGroupResponse, InitialGroup, ListGroupEventsResponse, ListGroupsResponse,
    WatchGroupEventsResponse,
};

/// All files of the contract, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/wagroups_descriptor.bin"));

/// Why stored or received bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error(transparent)]
    Protobuf(#[from] prost::DecodeError),
    #[error("{0}")]
    Value(String),
}

impl DecodeError {
    pub(crate) fn value(what: impl std::fmt::Display) -> Self {
        Self::Value(what.to_string())
    }
}
