//! The integration tests, in one binary: linking is most of what a test binary costs.

mod architecture;
mod chaos;
mod cluster;
mod crash;
mod engine;
mod harness;
mod hooks;
mod operations;
mod picture;
mod random;
mod relay;
mod repository;
mod rest;
mod service;
mod tls;
mod waha;
mod waha_server;
mod webhook;
