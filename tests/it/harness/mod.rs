pub mod postgres;
pub mod service;
