//! The generated contract, and the conversions between it and the domain.

pub mod wire;
