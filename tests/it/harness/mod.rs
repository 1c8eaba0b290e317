//! What tests stand on: databases of their own.

pub mod database;
pub mod postgres;
