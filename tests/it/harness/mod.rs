//! What tests stand on: databases of their own, and whole services.

pub mod database;
pub mod link;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod service;
pub mod trace;
