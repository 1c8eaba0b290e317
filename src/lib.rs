//! WhatsApp groups as a gRPC service: see README.md for what it does, docs/ARCHITECTURE.md for how.

#![deny(unsafe_code)]

pub mod app;
pub mod domain;
pub mod failpoint;
pub mod pb;
pub mod repository;
pub mod telemetry;
