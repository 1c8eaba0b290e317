//! The integration tests, in one binary: linking is most of what a test binary costs.

mod crash;
mod harness;
mod repository;
mod service;
