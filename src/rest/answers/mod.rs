//! What the gateway answers: the bodies that are written, and what the OpenAPI document says of them.

pub mod browser;
pub mod errors;
pub mod event;
pub mod gows;
pub mod normalized;
pub mod noweb;
pub mod plain;
mod schema;
pub mod server;
