//! The tables that are read and written row by row.

pub(super) mod reservation;
pub(super) mod session;
