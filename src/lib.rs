//! WhatsApp groups as a gRPC service: see README.md for what it does, docs/ARCHITECTURE.md for how.

#![deny(unsafe_code)]

pub mod app;
pub mod bus;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod domain;
pub mod engine;
pub mod envelope;
pub mod failpoint;
pub mod grpc;
pub mod middleware;
pub mod ops;
pub mod outbound;
pub mod pb;
pub mod picture;
pub mod repository;
pub mod rest;
pub mod server;
pub mod telemetry;
pub mod tls;
pub mod waha_ingress;
pub mod webhook_sender;
