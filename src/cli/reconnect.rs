//! When a broken stream is worth another connection, and how long to wait before it.

use std::time::Duration;

use tonic::Code;

use super::errors::{Failure, is_lost, reason, retry_delay};
use super::{ambient, text};
use crate::domain::reason::Reason;

const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A connection that held so long was a good one: the next trouble begins with short delays again.
pub const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// Whether another connection may mend what broke this one.
pub fn may_help(failure: &Failure) -> bool {
    match failure {
        Failure::NoAnswer { .. } | Failure::TimedOut { .. } => true,
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
pub fn delay_before(tries: u32, failure: &Failure) -> Duration {
    let asked = match failure {
        Failure::Refused { status, .. } => retry_delay(status).unwrap_or_default(),
        _ => Duration::ZERO,
    };
    let handed_over = matches!(failure.reason(), Some(Reason::Draining | Reason::ConnectionAged));
    if handed_over && tries == 0 {
        return asked;
    }
    let own = FIRST_DELAY.saturating_mul(1 << tries.min(10)).min(LONGEST_DELAY);
    asked.max(ambient::jittered(own))
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
    fn delays_grow_to_a_limit() {
        let broken = Failure::refused(Status::unavailable("the stream ended"), Effect::Read);
        assert!(delay_before(0, &broken) <= FIRST_DELAY);
        assert!(delay_before(3, &broken) >= FIRST_DELAY * 4);
        assert!(delay_before(u32::MAX, &broken) <= LONGEST_DELAY);
        assert_eq!(delay_before(0, &refused(Reason::ConnectionAged)), Duration::ZERO);
        assert!(delay_before(1, &refused(Reason::ConnectionAged)) > Duration::ZERO);
    }
}
