//! WAHA, a server that speaks REST on one side and WhatsApp on the other: sessions that such servers carry,
//! and what their events mean.

mod breaker;
mod calls;
mod capability;
mod engine;
mod exception;
mod lists;
mod monitor;
mod names;
mod native;
pub mod other_event;
mod others;
mod participant_reply;
mod passage;
mod raw;
#[cfg(test)]
mod recorded;
mod refusal;
mod registration;
mod restarts;
mod routed_session;
mod routes;
mod server;
mod spellings;
mod stream;
mod text;
pub mod webhook;

pub use engine::{Options, WahaServers};
pub use registration::{Registered, Registration, register_webhook};
pub use server::{Limits, ServerOptions};
