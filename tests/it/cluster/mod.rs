//! Several replicas on one PostgreSQL.

mod fence;
mod replicas;
mod roles;
mod strange_owners;
mod surfaces;
