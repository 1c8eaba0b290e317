//! What stands in bodies, as JSON schemas. Nothing is made of these types: they describe what the handlers
//! write and read, and `make schemathesis` holds each answer against them.
#![expect(dead_code, reason = "they describe, and are never made")]

pub mod asked;
pub mod browser;
pub mod errors;
pub mod first;
pub mod gows;
pub mod normalized;
pub mod noweb;
pub mod plain;
