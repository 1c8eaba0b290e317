//! What the service needs of the outside: traits that adapters in higher modules implement.

pub mod cluster;
pub mod engine;
pub mod event_bus;
pub mod fetch_budget;
pub mod other_events;
pub mod passage;
pub mod picture;
pub mod relay;
pub mod repository;
pub mod rests;
pub mod spellings;
mod store_error;
pub mod webhook_sender;
pub mod webhooks;
pub mod world;
