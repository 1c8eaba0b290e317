//! WhatsApp groups as a gRPC service: see README.md for what it does, docs/ARCHITECTURE.md for how.

#![deny(unsafe_code)]

pub mod cli;
pub mod domain;
pub mod pb;
