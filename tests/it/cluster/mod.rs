//! Several replicas on one PostgreSQL.

mod fence;
mod replicas;
mod roles;
