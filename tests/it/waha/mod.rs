//! Sessions that WAHA servers carry, through the whole service: a client of gRPC on one side, stand-ins for
//! WAHA servers on the other.

mod calls;
mod encrypted;
mod failures;
mod guesses;
mod kills;
mod linking;
mod many;
mod observed;
mod other_events;
mod partial_groups;
mod passing;
mod placing;
mod registration;
mod restarts;
pub mod scene;
mod spellings;
mod storm;
mod strangers;
mod stream;
mod traces;
mod verdicts;
