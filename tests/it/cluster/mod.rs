//! Several replicas on one PostgreSQL.

mod clocks;
mod fence;
mod log_that_went_back;
mod replicas;
mod roles;
mod strange_owners;
mod surfaces;
