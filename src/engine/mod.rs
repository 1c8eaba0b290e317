//! Adapters of [`GroupEngine`](crate::domain::port::engine::GroupEngine): the ways to WhatsApp.

pub mod gateway;
pub mod simulator;
pub mod waha;
