//! Layers that every call passes, whichever transport it came by.

pub mod auth;
mod body;
mod cautious_answers;
mod coalesce;
mod deadline;
mod host_names;
mod limits;
mod panics;
mod reasons;
mod request_body;
mod request_id;
mod rpc_metrics;
mod status;
mod unread_body;

pub use auth::{AuthLayer, Keyring};
pub use body::{BodyError, BodyLimits, BodyShare, BoundedBody};
pub use cautious_answers::cautious;
pub use coalesce::CoalescedStream;
pub use deadline::{Deadline, DeadlineLayer};
pub use host_names::HostNames;
pub use limits::limit_calls;
pub use panics::CatchPanicsLayer;
pub use reasons::ReasonsLayer;
pub use request_id::RequestIdLayer;
pub use rpc_metrics::RpcMetricsLayer;
pub use status::to_status;
pub use unread_body::read_on;
