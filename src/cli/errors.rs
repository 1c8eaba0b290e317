//! What can go wrong with a command, and the exit code.

use std::io;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::effect::Effect;
use super::tls;
use crate::domain::reason::Reason;
use crate::tls::refused_in_handshake;

pub const REFUSED: u8 = 1;
pub const USAGE: u8 = 2;
pub const UNAVAILABLE: u8 = 3;
pub const OUTCOME_UNKNOWN: u8 = 4;
pub const TOKEN_UNUSABLE: u8 = 5;
pub const IN_PART: u8 = 6;
pub const CONFLICT: u8 = 7;

#[derive(Debug)]
pub enum Failure {
    /// No connection came about, so nothing was sent.
    NoAnswer { addr: String, cause: String },
    /// No connection with TLS came about, or the service let us not in, so nothing was done. Says what is wrong.
    Tls(String),
    /// The service answered with an error, or the connection broke under a call.
    Refused { status: Box<Status>, call: Effect },
    /// No answer within `--timeout`.
    TimedOut { after: Duration, call: Effect },
    /// The command line is wrong in a way that its grammar does not show.
    Usage(String),
    /// Something on this machine: a file, a terminal, this program itself.
    Local(String),
    /// The service is there and not serving.
    NotServing(String),
    /// Whoever read our output has gone; that is no fault.
    OutputClosed,
}

impl Failure {
    pub fn refused(status: Status, call: Effect) -> Self {
        // In TLS 1.3 the service judges our certificate while the first request is on its way.
        if is_lost(&status) && refused_in_handshake(&status) {
            return tls::explain("the service", &status)
                .map_or_else(|| Self::Refused { status: Box::new(status), call }, Self::Tls);
        }
        Self::Refused { status: Box::new(status), call }
    }

    pub fn from_output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Local(format!("cannot write the output: {error}"))
        }
    }

    /// The reason, where the service itself answered.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { status, .. } => reason(status),
            _ => None,
        }
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoAnswer { .. } | Self::Tls(_) | Self::NotServing(_) => UNAVAILABLE,
            Self::Refused { status, call } => exit_code_of(status, call),
            Self::TimedOut { call, .. } => if_lost(call),
            Self::Usage(_) => USAGE,
            Self::Local(_) => REFUSED,
            Self::OutputClosed => 0,
        }
    }
}

/// What a call without an answer means: a change may have happened, a read has not.
fn if_lost(call: &Effect) -> u8 {
    match call {
        Effect::Read => UNAVAILABLE,
        Effect::Once | Effect::Change { .. } => OUTCOME_UNKNOWN,
    }
}

fn exit_code_of(status: &Status, call: &Effect) -> u8 {
    match reason(status) {
        Some(Reason::OutcomeUnknown) => OUTCOME_UNKNOWN,
        Some(
            Reason::ResumeTokenExpired
            | Reason::StartTimeExpired
            | Reason::LogMismatch
            | Reason::LogDiverged,
        ) => TOKEN_UNUSABLE,
        Some(Reason::DescriptionConflict | Reason::SessionConflict) => CONFLICT,
        Some(reason) if reason.invites_retry() || reason == Reason::DeadlineExceeded => UNAVAILABLE,
        Some(_) => REFUSED,
        None if is_lost(status) => if_lost(call),
        None => REFUSED,
    }
}

/// The service gives a reason with every error; one without comes from the connection, or from
/// something between us and the service.
pub fn is_lost(status: &Status) -> bool {
    reason(status).is_none()
        && matches!(
            status.code(),
            Code::Unavailable
                | Code::Unknown
                | Code::Internal
                | Code::Cancelled
                | Code::DeadlineExceeded
        )
}

pub fn reason(status: &Status) -> Option<Reason> {
    Reason::from_name(&status.get_details_error_info()?.reason)
}

/// How long the service asks to wait before the next try.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}
