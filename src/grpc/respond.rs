//! What goes out: the app's answers as the contract has them.

use prost::Message;
use tonic::Status;

use crate::app::View;
use crate::app::groups::Mutated;
use crate::domain::error::Error;
use crate::middleware::to_status;
use crate::pb;

/// The error of an operation, as a status with its details.
pub(super) fn refuse(error: Error) -> Status {
    to_status(&error)
}

/// The group without its participants, as mutations answer it.
pub(super) fn basic_group(mutated: &Mutated) -> Result<Option<pb::Group>, Status> {
    mutated.view.as_deref().map(|view| decode(view.basic())).transpose()
}

/// The group with its participants, as its creation answers it.
pub(super) fn full_group(mutated: &Mutated) -> Result<Option<pb::Group>, Status> {
    mutated.view.as_deref().map(|view: &View| decode(view.full.clone())).transpose()
}

pub(super) fn results(mutated: &Mutated) -> Vec<pb::ParticipantResult> {
    mutated.answer.verdict.results.iter().map(Into::into).collect()
}

fn decode(bytes: bytes::Bytes) -> Result<pb::Group, Status> {
    pb::Group::decode(bytes).map_err(|error| to_status(&Error::internal(error)))
}
