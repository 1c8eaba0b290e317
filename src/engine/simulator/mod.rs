//! The simulator: a small WhatsApp inside this process.
//!
//! [`world`] holds its rules, free of input and output; [`SimulatorEngine`] keeps one world durable
//! and carries its notifications to the sessions. Two sessions are two accounts of one world and see
//! each other's changes. What the other people do and what goes wrong is scripted through the
//! methods in `script.rs` and through [`Faults`].

mod calls;
mod delivery;
mod engine;
mod faults;
mod ledger;
mod linking;
mod online;
mod script;
#[cfg(test)]
mod tests;
pub mod world;

pub use engine::{Options, SimulatorEngine};
pub use faults::{Aim, CallFault, Defect, Faults, NotificationFault, Point, SnapshotFault, Uses};
pub use script::{Acted, TrueGroup};
