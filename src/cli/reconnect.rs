//! When a broken stream is worth another connection, and how long to wait before it.

use std::time::Duration;

use tonic::Code;

use super::errors::{Failure, is_lost, reason, retry_delay};
use super::text;
use crate::domain::backoff::Backoff;
use crate::domain::reason::Reason;
use crate::telemetry::SystemEntropy;

/// Between connections.
pub const PAUSES: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
/// A connection that held so long was a good one: the next trouble begins with short delays again.
pub const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// Whether another connection may mend what broke this one.
pub fn may_help(failure: &Failure) -> bool {
    match failure {
        Failure::NoAnswer { .. } | Failure::Tls(_) | Failure::TimedOut { .. } => true,
        Failure::Refused { status, .. } => match reason(status) {
            Some(reason) => reason.invites_retry(),
            None => is_lost(status) || status.code() == Code::ResourceExhausted,
        },
        Failure::Usage(_) | Failure::Local(_) | Failure::NotServing(_) | Failure::OutputClosed => {
            false
        }
    }
}

/// Jittered and growing, and not shorter than the service asks for. A service that hands its
/// watches over says so, and is left at once.
pub fn delay_before(pauses: &mut Backoff, failure: &Failure) -> Duration {
    let asked = match failure {
        Failure::Refused { status, .. } => retry_delay(status),
        _ => None,
    };
    let handed_over = matches!(failure.reason(), Some(Reason::Draining | Reason::ConnectionAged));
    if handed_over && pauses.tries() == 0 {
        // The next one is a broken connection as any other.
        pauses.pause(None, &SystemEntropy);
        return asked.unwrap_or_default();
    }
    pauses.pause(asked, &SystemEntropy)
}

/// What broke it, in a few words.
pub fn cause(failure: &Failure) -> String {
    let cause = match failure {
        Failure::Refused { status, .. } => status.message().to_owned(),
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    text::safe(&cause)
}

/// The delay as it is shown: in whole milliseconds.
pub fn shown(delay: Duration) -> humantime::FormattedDuration {
    let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::Status;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;
    use crate::cli::effect::Effect;

    fn refused(reason: Reason) -> Failure {
        let mut details = ErrorDetails::new();
        details.set_error_info(reason.as_str(), "wagroups.v1", HashMap::new());
        let code = Code::from_i32(reason.code() as i32);
        Failure::refused(Status::with_error_details(code, "", details), Effect::Read)
    }

    #[test]
    fn it_comes_back_from_what_another_try_can_mend() {
        for reason in [Reason::Draining, Reason::ConnectionAged, Reason::DatabaseUnavailable] {
            assert!(may_help(&refused(reason)), "{reason:?}");
        }
        for reason in [Reason::ResumeTokenExpired, Reason::Unauthenticated, Reason::InvalidRequest]
        {
            assert!(!may_help(&refused(reason)), "{reason:?}");
        }
        let broken = Status::internal("h2 protocol error: error reading a body from connection");
        assert!(may_help(&Failure::refused(broken, Effect::Read)));
        assert!(!may_help(&Failure::OutputClosed));
    }

    #[test]
    fn a_service_that_hands_its_watches_over_is_left_at_once_but_not_time_and_again() {
        let broken = Failure::refused(Status::unavailable("the stream ended"), Effect::Read);
        let aged = refused(Reason::ConnectionAged);
        let mut pauses = PAUSES;
        assert_eq!(delay_before(&mut pauses, &aged), Duration::ZERO);
        assert!(delay_before(&mut pauses, &aged) > Duration::ZERO);
        assert!(delay_before(&mut PAUSES.clone(), &broken) > Duration::ZERO);
    }
}
