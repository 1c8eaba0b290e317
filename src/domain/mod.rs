//! The rules of groups and their log, free of any input or output.
//!
//! Everything here is a value or a pure function: identifiers with one parser each, the state of a
//! group, the events that change it, and the [`reducer`] that decides what is an event. The traits
//! that higher modules implement stand in [`port`]. Time and randomness come in as arguments
//! ([`clock`]), so whatever is built on this module can be tested without sleeping.

pub mod answer;
pub mod auth;
pub mod backoff;
pub mod clock;
pub mod cluster;
pub mod counter;
pub mod error;
pub mod event;
pub mod excerpt;
pub mod fair_share;
pub mod fold;
pub mod group;
pub mod id;
pub mod invite;
pub mod join_request;
pub mod log_position;
pub mod lww_state;
pub mod matching;
pub mod operation;
pub mod other_event;
pub mod page;
pub mod participant;
pub mod picture;
pub mod port;
pub mod reason;
pub mod reconcile;
pub mod reducer;
pub mod relay;
pub mod san;
pub mod session;
pub mod setting;
pub mod text;
pub mod token;
pub mod trace_context;
pub mod web_url;
pub mod webhook;
pub mod whatsapp_code;

pub use error::{Error, FieldViolation, Violations};
pub use event::{Event, EventBody, EventRecord, EventType, Origin};
pub use group::Group;
pub use id::{GroupId, InviteCode, Lid, ParticipantId, PhoneNumber, RequestId, SessionName};
pub use participant::{Participant, ParticipantResult, Role};
pub use reason::Reason;
pub use session::{EngineKind, Session, SessionStatus};
pub use trace_context::TraceContext;

pub use clock::{Clock, Entropy, Timestamp};

#[cfg(test)]
mod tests;
