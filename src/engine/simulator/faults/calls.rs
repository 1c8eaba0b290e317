//! Calls that take long, never answer, are refused, or lose their answer.

use std::time::Duration;

use super::Faults;
use crate::domain::error::Error;
use crate::domain::id::SessionName;
use crate::domain::operation::{EngineError, OperationName, Result};
use crate::domain::reason::Reason;
use crate::domain::whatsapp_code;

/// How long to slow down where WhatsApp names no time.
const USUAL_BACKOFF: Duration = Duration::from_secs(60);

/// At which side of the change something happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    BeforeApply,
    AfterApply,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFault {
    Latency(Duration),
    /// Answers only once the faults are cleared, and then that the outcome is unknown.
    Hang(Point),
    RateLimit {
        backoff: Option<Duration>,
    },
    /// The caller gets no answer, on either side of the change.
    DropConnection(Point),
    /// WhatsApp refuses with one of its own codes; nothing is applied.
    Refuse {
        code: u32,
        /// Empty = the usual one of the code.
        text: String,
    },
}

/// The faults of one call.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine::simulator) struct Struck {
    operation: OperationName,
    latency: Option<Duration>,
    fatal: Option<CallFault>,
}

impl Struck {
    /// Whether the call's connection breaks at this side of the change.
    pub fn drops_connection_at(&self, point: Point) -> bool {
        self.fatal == Some(CallFault::DropConnection(point))
    }

    pub fn hangs_at(&self, point: Point) -> bool {
        self.fatal == Some(CallFault::Hang(point))
    }

    /// Whether the caller does not learn how the call ended.
    pub fn loses_answer(&self) -> bool {
        match &self.fatal {
            Some(CallFault::Hang(_) | CallFault::DropConnection(_)) => true,
            Some(
                CallFault::Latency(_) | CallFault::RateLimit { .. } | CallFault::Refuse { .. },
            )
            | None => false,
        }
    }
}

impl Faults {
    /// The faults of a call of the session; one of a kind at a time.
    pub(in crate::engine::simulator) fn strike_call(
        &self,
        session: &SessionName,
        operation: OperationName,
    ) -> Struck {
        let mut book = self.book();
        let mut struck = Struck { operation, latency: None, fatal: None };
        for fault in &mut book.calls {
            if !fault.concerns_call(session, operation) {
                continue;
            }
            match &fault.kind {
                CallFault::Latency(delay) if struck.latency.is_none() => {
                    struck.latency = Some(*delay);
                }
                CallFault::Hang(_)
                | CallFault::RateLimit { .. }
                | CallFault::DropConnection(_)
                | CallFault::Refuse { .. }
                    if struck.fatal.is_none() =>
                {
                    struck.fatal = Some(fault.kind.clone());
                }
                CallFault::Latency(_)
                | CallFault::Hang(_)
                | CallFault::RateLimit { .. }
                | CallFault::DropConnection(_)
                | CallFault::Refuse { .. } => continue,
            }
            fault.uses.take(1);
        }
        book.calls.retain(|fault| !fault.uses.is_used_up());
        struck
    }

    /// Waits or fails as the fault asks, at one side of the change.
    pub(in crate::engine::simulator) async fn suffer(
        &self,
        struck: &Struck,
        point: Point,
    ) -> Result<()> {
        if point == Point::BeforeApply
            && let Some(delay) = struck.latency
        {
            tokio::time::sleep(delay).await;
        }
        match &struck.fatal {
            Some(CallFault::RateLimit { backoff }) if point == Point::BeforeApply => {
                let error =
                    Error::new(Reason::RateLimited, "WhatsApp asks to slow down (rate-overlimit)")
                        .with("code", 429)
                        .retry_after(backoff.unwrap_or(USUAL_BACKOFF));
                Err(EngineError::rejected(error))
            }
            Some(CallFault::Refuse { code, text }) if point == Point::BeforeApply => {
                let error = whatsapp_code::refusal(*code, text, struck.operation);
                let error = match error.reason() {
                    Reason::RateLimited => error.retry_after(USUAL_BACKOFF),
                    Reason::EngineUnavailable => error.retry_after(Duration::from_secs(1)),
                    _ => error,
                };
                Err(EngineError::rejected(error))
            }
            Some(CallFault::DropConnection(at)) if *at == point => {
                Err(EngineError::unknown("the connection broke during the call; read the group"))
            }
            Some(CallFault::Hang(at)) if *at == point => {
                self.cleared.notified().await;
                Err(EngineError::unknown("WhatsApp never answered the call; read the group"))
            }
            _ => Ok(()),
        }
    }
}
