//! Layers that every call passes, whichever transport it came by.

pub mod audit;
pub mod auth;
mod body;
mod calls;
mod cautious_answers;
mod coalesce;
mod connection;
mod deadline;
mod host_names;
mod inflate;
mod origins;
mod panics;
mod peer;
mod reasons;
mod request_body;
mod request_id;
mod rpc_audit;
mod rpc_metrics;
mod status;
mod stream_task;
mod unread_body;

pub use audit::{Audit, Audited};
pub use auth::{AuthLayer, Keyring};
pub use body::{BodyError, BodyLimits, BodyShare, BoundedBody, Room};
pub use calls::{
    AdmitLayer, AnswerBody, AnswerLayer, Call, CallBounds, Calls, ReceivedBody, RequestSizes, Who,
};
pub use cautious_answers::cautious;
pub use coalesce::CoalescedStream;
pub use connection::Connection;
pub use deadline::{Deadline, DeadlineLayer};
pub use host_names::HostNames;
pub use inflate::{Coding, InflateError};
pub use origins::Origins;
pub use panics::CatchPanicsLayer;
pub use peer::Peer;
pub use reasons::ReasonsLayer;
pub use request_id::RequestIdLayer;
pub use rpc_audit::RpcAuditLayer;
pub use rpc_metrics::{RpcMetricsLayer, ServedRpcs};
pub use status::to_status;
pub use stream_task::StreamExecutor;
pub use unread_body::read_on;
