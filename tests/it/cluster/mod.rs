//! Several replicas on one PostgreSQL.

mod clocks;
mod fence;
mod log_that_went_back;
pub mod replicas;
mod roles;
mod strange_owners;
mod surfaces;
