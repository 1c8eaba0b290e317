//! The contract served: each RPC is validated, handed to the app, and its answer converted.

mod group_changes;
mod group_joining;
mod group_pictures;
mod group_reads;
mod group_settings;
mod group_work;
mod groups_service;
mod relay_service;
mod request;
mod respond;
mod sessions_service;
mod simulator;
mod start;
mod watch;
mod webhooks_service;

pub use groups_service::GroupsRpcs;
pub use relay_service::Relay;
pub use sessions_service::Sessions;
pub use simulator::Simulator;
pub use webhooks_service::Webhooks;
