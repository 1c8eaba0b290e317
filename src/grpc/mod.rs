//! The contract served: each RPC is validated, handed to the app, and its answer converted.

mod group_changes;
mod group_joining;
mod group_pictures;
mod group_reads;
mod group_settings;
mod group_work;
mod groups_service;
mod request;
mod respond;
mod sessions_service;
mod simulator_service;
mod watch;

pub use groups_service::Groups;
pub use sessions_service::Sessions;
pub use simulator_service::Simulator;

use tonic::Status;

use crate::domain::error::Error;
use crate::domain::reason::Reason;
use crate::middleware::to_status;

/// An RPC of the contract that this version does not serve yet.
fn not_implemented(rpc: &str) -> Status {
    let message = format!("{rpc} is part of the contract, but this version does not serve it yet");
    to_status(&Error::new(Reason::NotImplemented, message).with("method", rpc))
}
